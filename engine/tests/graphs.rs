//! No deadlock: random graphs of combinators, nested, with capacities down to 1 and skew between lanes, always finish.

use std::{sync::Arc, time::Duration};

use engine::{
    BranchNode, Capacity, MemoryWorker, Merge, MergeNode, Message, Node, Packed, SelectorNode, Unordered, by_key,
    distribute, fanout,
    link::AnyWorker,
    map, message_channel, pure_fn, route,
    testing::{Fault, FaultyWorker, Harness, delayed, strategies::delays},
};
use proptest::{collection::vec, prelude::*};

#[derive(Clone, Debug)]
enum Plan {
    Pass(Vec<Duration>),
    Chain(Vec<Plan>, usize),
    Fan(Vec<Vec<Plan>>, usize),
    Route(Vec<Vec<Plan>>, usize),
    Jobs(Vec<Fault>),
    Keys(u32),
}

fn plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        delays(9).prop_map(Plan::Pass),
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
            Self::Pass(_) | Self::Jobs(_) | Self::Keys(_) => 1,
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
            Self::Jobs(faults) => Node::distribute_pure("jobs", pack, distribute(workers(faults)).local(good("here"))),
            Self::Keys(keys) => {
                let selector = by_key(move |n: &u32| u64::from(n % keys));
                let selector = SelectorNode::new("keys", selector, Message::downcast, Message::new);
                Node::distribute_keyed("keys", selector, pack, distribute(workers(vec![])))
            }
        }
    }
}

fn pack(message: Message) -> Result<Packed<u32>, engine::BoxError> {
    Ok(message.downcast().map_or_else(Packed::Past, Packed::Taken))
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
            let count = tokio::time::timeout(harness.silence, both).await.expect("a deadlock");
            running.join().await.unwrap();
            count
        });
        prop_assert_eq!(count, expected);
    }
}
