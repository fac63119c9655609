//! Several named lanes side by side: a branch before them, a merge behind them.
//!
//! ```text
//!                ┌──▶ lane "a" ──┐
//!   in ─▶ branch ┼──▶ lane "b" ──┼ merge ─▶ out
//!                └──▶ (empty)  ──┘
//! ```
//!
//! Between the branch and a lane, and between a lane and the merge, lies one channel each; an empty lane is one channel
//! from the branch to the merge. So `parallel` holds, beside what its gadgets hold, twice the capacity for each lane
//! (once for an empty one), one message in the hand of the branch and what the merge documents.

mod branch;
mod erased;
mod merge;
mod sequenced;
#[cfg(test)]
mod tests;

pub use branch::{Branch, Fanout, Route, RouteNumbered, fanout, route};
pub use erased::{BranchNode, MergeNode};
pub use merge::{Merge, Unordered};
pub use sequenced::{Numbered, NumberedGadget, Sequenced, numbered};

use futures::{FutureExt, future::BoxFuture};

use crate::{
    BoxError, Capacity, Error, Gadget, Input, Output,
    channel::weighed_channel,
    crew::Crew,
    place::{Guard, Place, run_gadget, run_guarded},
};

/// The ends of all lanes, by name, in the order in which the lanes were declared.
#[derive(Debug)]
pub struct Lanes<E>(Vec<(String, E)>);

impl<E> Lanes<E> {
    /// Takes the end of the lane `name` out.
    ///
    /// # Errors
    /// When there is no lane of this name; says which there are.
    pub fn take(&mut self, name: &str) -> Result<E, BoxError> {
        match self.0.iter().position(|(known, _)| known == name) {
            Some(index) => Ok(self.0.remove(index).1),
            None => {
                let names: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
                Err(format!("there is no lane \"{name}\"; there are: {}", names.join(", ")).into())
            }
        }
    }

    /// The number of lanes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn map<T>(self, mut end: impl FnMut(E) -> T) -> Lanes<T> {
        Lanes(self.0.into_iter().map(|(name, lane)| (name, end(lane))).collect())
    }
}

impl<E> IntoIterator for Lanes<E> {
    type Item = (String, E);
    type IntoIter = std::vec::IntoIter<(String, E)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

type OpenLane<X, Y> = fn(Capacity, fn(&X) -> usize) -> (Output<X>, Input<Y>);
type NamedLanes<X, Y> = Vec<(String, LaneBody<X, Y>)>;
type LaneStart<X, Y> = Box<dyn FnOnce(Input<X>, Output<Y>) -> BoxFuture<'static, Result<(), Error>> + Send>;

/// How a lane is made of its ends.
pub(crate) enum LaneBody<X, Y> {
    /// Nothing in it: the branch sends into the merge.
    Empty(OpenLane<X, Y>),
    /// Something runs in it.
    Running(LaneStart<X, Y>),
}

/// Lanes without a merge yet. Made by [`parallel`].
pub struct ParallelLanes<B: Branch, Y> {
    branch: B,
    lanes: NamedLanes<B::Out, Y>,
    capacity: Capacity,
}

/// Begins lanes side by side; `branch` says which message goes to which lane.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use engine::{Compose, fanout, map, parallel, Unordered};
///
/// let pipeline = parallel(fanout())
///     .empty_lane("unchanged")
///     .lane("negative", map(|n: i32| -n))
///     .merge(Unordered::new());
/// let mut numbers = Vec::new();
/// pipeline.run_over(futures::stream::iter([1, 2]), &mut numbers).await.unwrap();
/// numbers.sort();
/// assert_eq!(numbers, [-2, -1, 1, 2]);
/// # });
/// ```
pub fn parallel<B: Branch, Y: Send + 'static>(branch: B) -> ParallelLanes<B, Y> {
    ParallelLanes {
        branch,
        lanes: Vec::new(),
        capacity: Capacity::default(),
    }
}

impl<B: Branch, Y: Send + 'static> ParallelLanes<B, Y> {
    /// Sets the capacity of each channel before and behind a lane.
    pub fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// Adds a lane in which `gadget` runs.
    pub fn lane<G: Gadget<In = B::Out, Out = Y>>(mut self, name: impl Into<String>, gadget: G) -> Self {
        let name = name.into();
        let place_name = name.clone();
        let start: LaneStart<B::Out, Y> = Box::new(move |input, output| {
            let place = Place::current().child(&place_name);
            place.scope(run_gadget(gadget, input, output)).boxed()
        });
        self.lanes.push((name, LaneBody::Running(start)));
        self
    }

    /// Puts the merge behind the lanes.
    pub fn merge<M: Merge<In = Y>>(self, merge: M) -> Parallel<B, M> {
        Parallel {
            branch: self.branch,
            lanes: self.lanes,
            merge,
            capacity: self.capacity,
        }
    }
}

impl<B: Branch> ParallelLanes<B, B::Out> {
    /// Adds a lane that passes everything on.
    pub fn empty_lane(mut self, name: impl Into<String>) -> Self {
        self.lanes.push((name.into(), LaneBody::Empty(weighed_channel)));
        self
    }
}

/// Lanes side by side. Made by [`parallel`].
pub struct Parallel<B: Branch, M: Merge> {
    branch: B,
    lanes: NamedLanes<B::Out, M::In>,
    merge: M,
    capacity: Capacity,
}

impl<B: Branch, Y> std::fmt::Debug for ParallelLanes<B, Y> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.lanes.iter().map(|(name, _)| name);
        formatter.write_str("ParallelLanes ")?;
        formatter.debug_list().entries(names).finish()
    }
}

impl<B: Branch, M: Merge> std::fmt::Debug for Parallel<B, M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.lanes.iter().map(|(name, _)| name);
        formatter.write_str("Parallel ")?;
        formatter.debug_list().entries(names).finish()
    }
}

impl<B: Branch, M: Merge> Gadget for Parallel<B, M> {
    type In = B::In;
    type Out = M::Out;

    fn name(&self) -> Option<String> {
        None
    }

    async fn run(self, input: Input<B::In>, output: Output<M::Out>) -> Result<(), BoxError> {
        let Self {
            branch,
            lanes,
            merge,
            capacity,
        } = self;
        let branch = Part {
            name: branch.name(),
            run: |input, lanes| branch.run(input, lanes).boxed(),
        };
        let merge = Part {
            name: merge.name(),
            run: |lanes, output| merge.run(lanes, output).boxed(),
        };
        let weigh = |_: &B::Out| size_of::<B::Out>();
        let weigh_behind = |_: &M::In| size_of::<M::In>();
        run_parallel(input, output, branch, lanes, merge, capacity, weigh, weigh_behind).await?;
        Ok(())
    }
}

/// A branch or a merge, ready to run.
pub(crate) struct Part<F> {
    pub(crate) name: String,
    pub(crate) run: F,
}

/// The typed and the erased form alike.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one combinator, all different, used in two places"
)]
pub(crate) async fn run_parallel<A, X, Y, Z, B, M>(
    input: Input<A>,
    output: Output<Z>,
    branch: Part<B>,
    lanes: NamedLanes<X, Y>,
    merge: Part<M>,
    capacity: Capacity,
    weigh: fn(&X) -> usize,
    weigh_behind: fn(&Y) -> usize,
) -> Result<(), Error>
where
    A: Send + 'static,
    X: Send + 'static,
    Y: Send + 'static,
    Z: Send + 'static,
    B: FnOnce(Input<A>, Lanes<Output<X>>) -> BoxFuture<'static, Result<(), BoxError>> + Send + 'static,
    M: FnOnce(Lanes<Input<Y>>, Output<Z>) -> BoxFuture<'static, Result<(), BoxError>> + Send + 'static,
{
    let place = Place::current();
    let mut crew = Crew::default();
    let (mut before, mut behind) = (Lanes(Vec::new()), Lanes(Vec::new()));
    for (name, body) in lanes {
        match body {
            LaneBody::Empty(open) => {
                let (sender, receiver) = open(capacity, weigh);
                before.0.push((name.clone(), sender));
                behind.0.push((name, receiver));
            }
            LaneBody::Running(start) => {
                let (sender, lane_input) = weighed_channel(capacity, weigh);
                let (lane_output, receiver) = weighed_channel(capacity, weigh_behind);
                before.0.push((name.clone(), sender));
                behind.0.push((name, receiver));
                crew.spawn(1, start(lane_input, lane_output));
            }
        }
    }
    let guards = vec![Guard::new(&output)];
    let merge_place = place.clone().child(&merge.name);
    crew.spawn(2, async move {
        let start = |counters: &std::sync::Arc<_>| {
            let lanes = behind.map(|lane| lane.counted(std::sync::Arc::clone(counters)));
            (merge.run)(lanes, output.counted(counters.clone()))
        };
        run_guarded(merge_place, guards, start).await
    });
    let guards = before.0.iter().map(|(_, lane)| Guard::new(lane)).collect();
    let branch_place = place.child(&branch.name);
    crew.spawn(0, async move {
        let start = |counters: &std::sync::Arc<_>| {
            let lanes = before.map(|lane| lane.counted(std::sync::Arc::clone(counters)));
            (branch.run)(input.counted(counters.clone()), lanes)
        };
        run_guarded(branch_place, guards, start).await
    });
    crew.join().await
}
