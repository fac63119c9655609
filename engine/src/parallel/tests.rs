use futures::stream;

use super::*;
use crate::{BoxError, Compose, Message, Node, gadget_fn, lift, map, message_channel, pure_fn};

async fn collect<G: Gadget<In = u32, Out = u32>>(
    gadget: G,
    values: std::ops::Range<u32>,
) -> (Vec<u32>, Result<(), Error>) {
    let mut out = Vec::new();
    let result = gadget.run_over(stream::iter(values), &mut out).await;
    (out, result)
}

#[tokio::test]
async fn fanout_gives_every_lane_every_message() {
    let lanes = parallel(fanout())
        .lane("same", map(|n: u32| n))
        .empty_lane("empty")
        .lane("more", map(|n| n + 100));
    let (mut out, result) = collect(lanes.merge(Unordered::new()), 0..3).await;
    out.sort_unstable();
    assert_eq!(out, [0, 0, 1, 1, 2, 2, 100, 101, 102]);
    result.unwrap();
}

#[tokio::test]
async fn sequenced_restores_the_input_order_of_routed_messages() {
    let capacity = Capacity::messages(1);
    let lanes = parallel(route(|n: &u32| (*n % 3) as usize).numbered())
        .capacity(capacity)
        .lane("a", lift(numbered(pure_fn(|n| n * 2))))
        .lane(
            "b",
            map(|n: Numbered<u32>| n).then_with(capacity, lift(numbered(pure_fn(|n| n * 2)))),
        )
        .lane("c", lift(numbered(pure_fn(|n| n * 2))));
    let (out, result) = collect(lanes.merge(Sequenced::window(1)), 0..500).await;
    assert_eq!(out, (0..500).map(|n| n * 2).collect::<Vec<_>>());
    result.unwrap();
}

#[tokio::test]
async fn sequenced_says_which_message_was_lost_or_doubled() {
    let lossy = || {
        gadget_fn(
            |mut input: Input<Numbered<u32>>, mut output: Output<Numbered<u32>>| async move {
                while let Some(message) = input.next().await? {
                    if message.number != 5 {
                        output.send(message).await?;
                    }
                }
                Ok(())
            },
        )
    };
    let lanes = parallel(route(|_: &u32| 0).numbered()).lane("lossy", lossy());
    let (out, result) = collect(lanes.merge(Sequenced::window(3)), 0..50).await;
    assert_eq!(out, [0, 1, 2, 3, 4]);
    assert_eq!(
        result.unwrap_err().to_string(),
        "Sequenced: message 5 did not come back from the lanes"
    );
    let lanes = parallel(route(|_: &u32| 0).numbered()).lane("lossy", lossy());
    let (_, result) = collect(lanes.merge(Sequenced::window(3)), 0..6).await;
    assert!(
        result.is_ok(),
        "the last one is not missed when nothing comes behind it"
    );
    let twice = |message: Numbered<u32>| Numbered {
        number: message.number / 2,
        ..message
    };
    let lanes = parallel(route(|_: &u32| 0).numbered()).lane("twice", map(twice));
    let (_, result) = collect(lanes.merge(Sequenced::window(3)), 0..50).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "Sequenced: message 0 came back from the lanes twice"
    );
}

#[tokio::test]
async fn a_lane_that_fails_is_named_and_the_others_deliver() {
    let fails = gadget_fn(|mut input: Input<u32>, _output: Output<u32>| async move {
        input.next().await?;
        Err::<(), BoxError>("no coils".into())
    });
    let lanes = parallel(fanout())
        .lane("good", map(|n: u32| n))
        .lane("bad", fails.named("coils"));
    let (out, result) = collect(lanes.merge(Unordered::new()), 0..100).await;
    assert_eq!(result.unwrap_err().to_string(), "bad/coils: no coils");
    assert!(out.starts_with(&[0]) && out.is_sorted());
}

#[tokio::test]
async fn a_lane_that_reads_no_more_is_left_out() {
    let first = gadget_fn(|mut input: Input<u32>, mut output: Output<u32>| async move {
        if let Some(value) = input.next().await? {
            output.send(value).await?;
        }
        Ok(())
    });
    let lanes = parallel(fanout())
        .lane("first", first)
        .lane("all", map(|n: u32| n + 1000));
    let (mut out, result) = collect(lanes.merge(Unordered::new()), 0..100).await;
    result.unwrap();
    out.sort_unstable();
    assert_eq!(out, [0].into_iter().chain(1000..1100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_route_to_nowhere_is_an_error() {
    let lanes = parallel(route(|_: &u32| 7)).lane("a", map(|n: u32| n));
    let (_, result) = collect(lanes.merge(Unordered::new()), 0..1).await;
    let words = "route: lane 7 was chosen, but there are 1, counted from 0";
    assert_eq!(result.unwrap_err().to_string(), words);
}

#[tokio::test]
async fn erased_lanes_nest_and_let_strangers_flow_past() {
    let number = || map(|n: u32| n + 1);
    let lanes = |inner: Vec<Node>| vec![("plus".to_owned(), inner), ("empty".to_owned(), vec![])];
    let branch = || BranchNode::new("Fanout", fanout::<u32>(), Message::downcast, Message::new);
    let merge = || MergeNode::from_fn("Merge", |lanes, output| Unordered::new().run(lanes, output));
    let capacity = Capacity::messages(1);
    let inner = Node::parallel(
        "inner",
        branch(),
        lanes(vec![Node::gadget("one", number())]),
        merge(),
        capacity,
    );
    let outer = Node::parallel("outer", branch(), lanes(vec![inner]), merge(), capacity);
    let (mut output, input) = message_channel(Capacity::messages(8));
    let (sender, mut receiver) = message_channel(Capacity::messages(8));
    let running = outer.spawn(input, sender);
    output.send(Message::new("stranger")).await.unwrap();
    output.send(Message::new(1_u32)).await.unwrap();
    drop(output);
    let mut seen = Vec::new();
    while let Some(message) = receiver.next().await.unwrap() {
        seen.push(
            message
                .downcast::<u32>()
                .map_or_else(|text| text.downcast::<&str>().unwrap().to_owned(), |n| n.to_string()),
        );
    }
    running.join().await.unwrap();
    seen.sort();
    assert_eq!(seen, ["1", "1", "2", "stranger"]);
}
