//! No deadlock: random graphs of combinators, nested, with capacities down to 1 and skew between lanes, always finish;
//! and however a run ends, no task is left and both sides notice.

use std::{sync::Arc, time::Duration};

use engine::{
    BoxError, BranchNode, Capacity, Input, MemoryWorker, Merge, MergeNode, Message, Node, Output, PureNode,
    SelectorNode, Sequenced, Unordered, by_key, distribute, fanout, gadget_fn,
    link::AnyWorker,
    map, message_channel, numbered, parallel, pure_fn, route,
    testing::{Fault, FaultyWorker, Harness, delayed, strategies::delays},
};
use proptest::{collection::vec, prelude::*};

#[derive(Clone, Debug)]
enum Plan {
    Pass(Vec<Duration>),
    Chain(Vec<Plan>, usize),
    Fan(Vec<Vec<Plan>>, usize),
    Route(Vec<Vec<Plan>>, usize),
    Sequenced(Vec<Vec<Duration>>, usize),
    Work(usize),
    Jobs(Vec<Fault>),
    Keys(u32),
}

fn plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        delays(9).prop_map(Plan::Pass),
        (vec(delays(9), 1..4), 1..4_usize).prop_map(|(lanes, window)| Plan::Sequenced(lanes, window)),
        (1..4_usize).prop_map(Plan::Work),
        (0..5_usize).prop_map(|after| Plan::Jobs(vec![Fault::DieAfter(after)])),
        (1..4_u32).prop_map(Plan::Keys),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let lanes = vec(vec(inner.clone(), 0..3), 1..4);
        prop_oneof![
            (vec(inner, 0..4), 1..4_usize).prop_map(|(nodes, capacity)| Plan::Chain(nodes, capacity)),
            (lanes.clone(), 1..4_usize).prop_map(|(lanes, capacity)| Plan::Fan(lanes, capacity)),
            (lanes, 1..4_usize).prop_map(|(lanes, capacity)| Plan::Route(lanes, capacity)),
        ]
    })
}

impl Plan {
    /// How many messages come out for each message that goes in, when all lanes are the same for it.
    fn outputs(&self, message: u32) -> usize {
        let all = |nodes: &[Plan]| nodes.iter().map(|node| node.outputs(message)).product::<usize>();
        match self {
            Self::Pass(_) | Self::Sequenced(..) | Self::Work(_) | Self::Jobs(_) | Self::Keys(_) => 1,
            Self::Chain(nodes, _) => all(nodes),
            Self::Fan(lanes, _) => lanes.iter().map(|lane| all(lane)).sum(),
            Self::Route(lanes, _) => all(&lanes[message as usize % lanes.len()]),
        }
    }

    fn node(self) -> Node {
        let nodes = |plans: Vec<Plan>| plans.into_iter().map(Plan::node).collect::<Vec<_>>();
        let named = |lanes: Vec<Vec<Plan>>| {
            let lanes = lanes.into_iter().enumerate();
            lanes
                .map(|(number, lane)| (number.to_string(), nodes(lane)))
                .collect::<Vec<_>>()
        };
        let merge = || MergeNode::from_fn("merge", |lanes, output| Unordered::new().run(lanes, output));
        match self {
            Self::Pass(delays) => Node::gadget("pass", delayed(delays, pure_fn(|n: u32| n))),
            Self::Chain(plans, capacity) => Node::chain("chain", nodes(plans), Capacity::messages(capacity)),
            Self::Fan(lanes, capacity) => {
                let branch = BranchNode::new("fanout", fanout::<u32>(), Message::downcast, Message::new);
                Node::parallel("fan", branch, named(lanes), merge(), Capacity::messages(capacity))
            }
            Self::Route(lanes, capacity) => {
                let number = lanes.len();
                let branch = route(move |n: &u32| *n as usize % number);
                let branch = BranchNode::new("route", branch, Message::downcast, Message::new);
                Node::parallel("route", branch, named(lanes), merge(), Capacity::messages(capacity))
            }
            Self::Sequenced(lanes, window) => {
                let number = lanes.len();
                let mut build =
                    parallel(route(move |n: &u32| *n as usize % number).numbered()).capacity(Capacity::messages(1));
                for (lane, delays) in lanes.into_iter().enumerate() {
                    build = build.lane(lane.to_string(), delayed(delays, numbered(pure_fn(|n: u32| n))));
                }
                Node::gadget("sequenced", build.merge(Sequenced::window(window)))
            }
            Self::Work(workers) => {
                let same = PureNode::new("same", pure_fn(|n: u32| n), Message::downcast, Message::new);
                Node::par_map(same, workers)
            }
            Self::Jobs(faults) => Node::distribute_pure("jobs", pack, distribute(workers(faults)).local(good("here"))),
            Self::Keys(keys) => {
                let selector = by_key(move |n: &u32| u64::from(n % keys));
                let selector = SelectorNode::new("keys", selector, Message::downcast, Message::new);
                Node::distribute_keyed("keys", selector, pack, distribute(workers(vec![])))
            }
        }
    }
}

fn pack(message: Message) -> Result<u32, engine::BoxError> {
    message.downcast().map_err(|other| other.type_name().into())
}

fn good(name: &str) -> MemoryWorker<u32, Erased> {
    MemoryWorker::new(name, || map(Message::new::<u32>))
}

type Erased = Message;

fn workers(faults: Vec<Fault>) -> Vec<AnyWorker<u32, Message>> {
    let mut workers: Vec<AnyWorker<u32, Message>> = vec![Arc::new(good("good"))];
    if !faults.is_empty() {
        let make = || map(Message::new::<u32>);
        workers.push(Arc::new(FaultyWorker::without_repeats("bad", faults, make)));
    }
    workers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn random_graphs_always_finish(plan in plan(), messages in 0..30_u32) {
        let expected: usize = (0..messages).map(|message| plan.outputs(message)).sum();
        let harness = Harness::paused();
        let count = harness.runtime().block_on(async {
            let (mut output, input) = message_channel(Capacity::messages(1));
            let (sender, mut results) = message_channel(Capacity::messages(1));
            let running = plan.node().spawn(input, sender);
            let feed = async move {
                for message in 0..messages {
                    output.send(Message::new(message)).await.unwrap();
                }
            };
            let read = async {
                let mut count = 0_usize;
                while results.next().await.unwrap().is_some() {
                    count += 1;
                }
                count
            };
            let both = async { futures::join!(feed, read).1 };
            let count = harness.patient(both).await.expect("a deadlock");
            running.join().await.unwrap();
            count
        });
        prop_assert_eq!(count, expected);
    }

    #[test]
    fn however_a_run_ends_no_task_is_left_and_both_sides_notice(
        before in plan(), behind in plan(), messages in 0..20_u32, way in way(), at in 0..20_u32,
    ) {
        let harness = Harness::paused();
        harness.runtime().block_on(async {
            let stop = match way {
                Way::Fails | Way::Panics => failing(at, way == Way::Panics),
                _ => Node::chain("nothing", vec![], Capacity::messages(1)),
            };
            let node = Node::chain("all", vec![before.node(), stop, behind.node()], Capacity::messages(1));
            let (mut feed, input) = message_channel(Capacity::messages(1));
            let (output, mut results) = message_channel(Capacity::messages(1));
            let running = node.spawn(input, output);
            let mut handle = Some(running);
            // The reader stops after `at` results, the feeder when nobody takes more.
            let feeding = async {
                for message in 0..messages {
                    if feed.send(Message::new(message)).await.is_err() {
                        break;
                    }
                }
                match way {
                    Way::BreaksOff => feed.interrupt("broken off"),
                    // A feeder who has nothing more to send notices that the run was stopped.
                    Way::Cancelled | Way::Dropped if messages >= 10 => feed.closed().await,
                    _ => drop(feed),
                }
            };
            let reading = async {
                let mut count = 0;
                loop {
                    let stops = count >= at || messages >= 10 && count > 0;
                    match way {
                        Way::Unread if stops => {
                            drop(results);
                            return None;
                        }
                        Way::Cancelled if stops => {
                            if let Some(running) = handle.take() { running.cancel().await }
                        }
                        Way::Dropped if stops => drop(handle.take()),
                        _ => {}
                    }
                    match results.next().await {
                        Ok(Some(_)) => count += 1,
                        Ok(None) => return Some(Ok(())),
                        Err(interrupted) => return Some(Err(interrupted)),
                    }
                }
            };
            let both = async { futures::join!(feeding, reading).1 };
            let end = harness.patient(both).await.expect("one side did not notice");
            if let Some(running) = handle.take() {
                let result = harness.patient(running.join()).await.expect("the run did not end");
                match (way, &end) {
                    (Way::BreaksOff, Some(end)) => {
                        assert_eq!(&*end.clone().unwrap_err().reason, "broken off");
                        assert!(result.unwrap_err().is_secondary());
                    }
                    // It failed, if it got so far.
                    (Way::Fails | Way::Panics, Some(Err(_))) => {
                        let error = result.unwrap_err();
                        let words = if way == Way::Panics { "panicked: on purpose" } else { "on purpose" };
                        assert_eq!(error.to_string(), format!("all/fails: {words}"));
                    }
                    _ => assert!(result.is_ok(), "{result:?}"),
                }
            }
            harness.all_gone().await;
        });
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ends,
    BreaksOff,
    Fails,
    Panics,
    Unread,
    Cancelled,
    Dropped,
}

fn way() -> impl Strategy<Value = Way> {
    use Way::{BreaksOff, Cancelled, Dropped, Ends, Fails, Panics, Unread};
    proptest::sample::select(vec![Ends, BreaksOff, Fails, Panics, Unread, Cancelled, Dropped])
}

/// Passes `after` messages on, then fails at the next.
fn failing(after: u32, panics: bool) -> Node {
    let fails = gadget_fn(move |mut input: Input<u32>, mut output: Output<u32>| async move {
        for _ in 0..after {
            let Some(value) = input.next().await? else {
                return Ok(());
            };
            output.send(value).await?;
        }
        match input.next().await? {
            None => Ok(()),
            Some(_) if panics => panic!("on purpose"),
            Some(_) => Err::<(), BoxError>("on purpose".into()),
        }
    });
    Node::gadget("fails", fails)
}
