//! Assertions about gadgets, in one line each.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use tokio::time::timeout;

use super::Harness;
use crate::{Compose, Gadget};

/// Asserts that the gadget gives one output for each input, in input order. `before` and `behind` say what stays the
/// same of a message on its way.
pub fn preserves_order<G: Gadget, K: PartialEq + Debug>(
    make: impl Fn() -> G,
    inputs: impl IntoIterator<Item = G::In>,
    before: impl Fn(&G::In) -> K,
    behind: impl Fn(&G::Out) -> K,
) {
    let (expected, found) = both(make(), inputs, before, behind);
    assert_eq!(found, expected, "the order changed");
}

/// Asserts that the gadget gives one output for each input, in any order.
pub fn preserves_multiset<G: Gadget, K: Ord + Debug>(
    make: impl Fn() -> G,
    inputs: impl IntoIterator<Item = G::In>,
    before: impl Fn(&G::In) -> K,
    behind: impl Fn(&G::Out) -> K,
) {
    let (mut expected, mut found) = both(make(), inputs, before, behind);
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "messages were lost, doubled or made up");
}

/// Asserts that the gadget gives one output for each input, those of each key in input order. `key` gives the key of
/// what stays the same.
pub fn preserves_order_per_key<G: Gadget, V: PartialEq + Debug, K: Ord + Debug>(
    make: impl Fn() -> G,
    inputs: impl IntoIterator<Item = G::In>,
    before: impl Fn(&G::In) -> V,
    behind: impl Fn(&G::Out) -> V,
    key: impl Fn(&V) -> K,
) {
    let by_key = |values: Vec<V>| {
        let mut keys: BTreeMap<K, Vec<V>> = BTreeMap::new();
        for value in values {
            keys.entry(key(&value)).or_default().push(value);
        }
        keys
    };
    let (expected, found) = both(make(), inputs, before, behind);
    assert_eq!(by_key(found), by_key(expected), "the order within a key changed");
}

fn both<G: Gadget, K>(
    gadget: G,
    inputs: impl IntoIterator<Item = G::In>,
    before: impl Fn(&G::In) -> K,
    behind: impl Fn(&G::Out) -> K,
) -> (Vec<K>, Vec<K>) {
    let inputs: Vec<_> = inputs.into_iter().collect();
    let expected = inputs.iter().map(before).collect();
    let (outputs, result) = Harness::default().run(gadget, inputs);
    if let Err(error) = result {
        panic!("the run failed: {error}");
    }
    (expected, outputs.iter().map(behind).collect())
}

/// Asserts that the gadget holds at most `most` messages when nobody reads its output, and gives the number it holds.
/// `inputs` must be enough to fill it; each input is taken to give one output. A gadget that takes nothing for a quarter
/// of a second is full.
pub fn holds_at_most<G: Gadget>(most: usize, make: impl Fn() -> G, inputs: impl IntoIterator<Item = G::In>) -> usize {
    let held = Harness::paused().held(make(), inputs);
    assert!(held <= most, "holds {held} messages, more than {most}");
    held
}

/// Asserts that no task is left after a run to the end, after its input broke off, after nobody reads its output any
/// more, and after it was cancelled in the middle; and that both neighbours notice.
pub fn leaves_no_task<G: Gadget>(make: impl Fn() -> G, inputs: impl IntoIterator<Item = G::In> + Clone) {
    let harness = Harness::default();
    let patience = harness.silence;
    let (_, result) = harness.run(make(), inputs.clone());
    assert!(result.is_ok(), "the run failed: {result:?}");
    let each = [Way::BreakOff, Way::Unread, Way::Cancel, Way::DropHandle];
    for way in each {
        harness.runtime().block_on(async {
            let (mut feed, mut results, running) = make().spawn(harness.capacity);
            let mut inputs = inputs.clone().into_iter();
            if let Some(first) = inputs.next() {
                let _ = feed.send(first).await;
            }
            match way {
                Way::BreakOff => {
                    feed.interrupt("broken off");
                    while let Ok(Some(_)) = noticed(patience, results.next()).await {}
                    assert!(results.ended().is_err(), "a broken stream looks like a whole one");
                    let _ = noticed(patience, running.join()).await;
                }
                Way::Unread => {
                    drop(results);
                    // A bounded number of messages fits into it; then it must say that nobody reads.
                    for input in inputs {
                        if feed.send(input).await.is_err() {
                            break;
                        }
                    }
                    drop(feed);
                    let _ = noticed(patience, running.join()).await;
                }
                Way::Cancel => {
                    noticed(patience, running.cancel()).await;
                    noticed(patience, feed.closed()).await;
                    while let Ok(Some(_)) = noticed(patience, results.next()).await {}
                    assert!(results.ended().is_err(), "a cancelled stream looks like a whole one");
                }
                Way::DropHandle => {
                    drop(running);
                    noticed(patience, feed.closed()).await;
                    while let Ok(Some(_)) = noticed(patience, results.next()).await {}
                }
            }
            harness.all_gone().await;
        });
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    BreakOff,
    Unread,
    Cancel,
    DropHandle,
}

async fn noticed<T>(patience: Duration, future: impl Future<Output = T>) -> T {
    let waited = timeout(patience, future).await;
    waited.unwrap_or_else(|_| panic!("silence: the end was not noticed within {patience:?}"))
}
