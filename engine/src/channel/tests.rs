use futures::{FutureExt, SinkExt, StreamExt, poll};

use super::*;
use crate::BoxError;

fn heavy(units: usize) -> Message {
    Message::with_weight((), units * Capacity::LIGHT + 1 - usize::from(units > 1))
}

#[tokio::test]
async fn a_channel_holds_exactly_its_capacity() {
    let (mut output, mut input) = channel(Capacity::messages(3));
    for value in 0..3 {
        assert!(output.send(value).now_or_never().is_some());
    }
    assert!(output.send(3).now_or_never().is_none());
    assert_eq!(input.waiting(), 3);
    assert_eq!(input.next().await, Ok(Some(0)));
    assert!(output.send(3).now_or_never().is_some());
}

#[tokio::test]
async fn as_a_sink_it_keeps_one_message_more() {
    let (mut output, mut input) = channel(Capacity::messages(1));
    output.feed(0).await.unwrap();
    output.feed(1).await.unwrap();
    assert!(output.feed(2).now_or_never().is_none());
    assert_eq!(input.next().await, Ok(Some(0)));
    output.flush().await.unwrap();
    assert_eq!(input.next().await, Ok(Some(1)));
}

#[tokio::test]
async fn send_after_feed_keeps_the_order() {
    let (mut output, input) = channel(Capacity::messages(1));
    let producer = tokio::spawn(async move {
        output.feed(0).await?;
        output.feed(1).await?;
        Output::send(&mut output, 2).await
    });
    assert_eq!(input.collect::<Vec<_>>().await, [0, 1, 2]);
    assert_eq!(producer.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_dropped_output_ends_the_stream_after_what_waits() {
    let (mut output, mut input) = channel(Capacity::default());
    output.send(1).await.unwrap();
    drop(output);
    assert_eq!(input.next().await, Ok(Some(1)));
    assert_eq!(input.next().await, Ok(None));
    assert_eq!(input.next().await, Ok(None));
}

#[tokio::test]
async fn an_interrupted_output_breaks_the_stream_off_after_what_waits() {
    let (mut output, mut input) = channel(Capacity::default());
    output.send(1).await.unwrap();
    output.another().interrupt("first");
    output.interrupt("second");
    assert_eq!(input.next().await, Ok(Some(1)));
    assert_eq!(&*input.next().await.unwrap_err().reason, "first");
    assert_eq!(&*input.next().await.unwrap_err().reason, "first");
}

#[tokio::test]
async fn a_panicking_producer_breaks_the_stream_off() {
    let (output, mut input) = channel::<u8>(Capacity::default());
    let producer = tokio::spawn(async move {
        let _output = output;
        panic!("on purpose");
    });
    assert!(producer.await.unwrap_err().is_panic());
    assert_eq!(&*input.next().await.unwrap_err().reason, "the producer panicked");
}

#[tokio::test]
async fn a_dropped_input_stops_producers_that_wait_for_room_and_for_bytes() {
    let (mut output, input) = message_channel(Capacity {
        messages: 4,
        bytes: Capacity::LIGHT,
    });
    output.send(heavy(1)).await.unwrap();
    let mut second = output.another();
    let mut waiting = Box::pin(second.send(heavy(1)));
    assert!(poll!(&mut waiting).is_pending());
    drop(input);
    assert_eq!(waiting.await, Err(Closed));
    assert_eq!(output.send(heavy(1)).await, Err(Closed));
    output.closed().await;
}

#[tokio::test]
async fn heavy_messages_take_from_the_budget_and_give_back() {
    let bytes = 4 * Capacity::LIGHT;
    let (mut output, mut input) = message_channel(Capacity { messages: 100, bytes });
    output.send(heavy(3)).await.unwrap();
    assert!(output.send(heavy(2)).now_or_never().is_none(), "5 of 4 units");
    for _ in 0..50 {
        let light = Message::with_weight((), Capacity::LIGHT);
        assert!(output.send(light).now_or_never().is_some(), "a light message is free");
    }
    input.next().await.unwrap();
    assert!(output.send(heavy(2)).now_or_never().is_some());
}

#[tokio::test]
async fn a_message_heavier_than_the_budget_passes_alone() {
    let (mut output, mut input) = message_channel(Capacity {
        messages: 100,
        bytes: 2 * Capacity::LIGHT,
    });
    output.send(heavy(1)).await.unwrap();
    assert!(output.send(heavy(1000)).now_or_never().is_none());
    input.next().await.unwrap();
    assert!(output.send(heavy(1000)).now_or_never().is_some());
    assert!(output.send(heavy(1)).now_or_never().is_none());
}

#[tokio::test]
async fn what_is_not_taken_flows_past_in_order_before_what_comes_later() -> Result<(), BoxError> {
    let (mut source, input) = message_channel(Capacity::default());
    let (output, mut sink) = message_channel(Capacity::messages(1));
    let mut typed = input.accepting(Message::downcast::<u32>, &output);
    let mut emit = output.erased(Message::new::<u32>);
    let gadget = tokio::spawn(async move {
        while let Some(value) = typed.next().await? {
            Output::send(&mut emit, value + 1).await?;
        }
        Ok::<(), BoxError>(())
    });
    source.send(Message::new("a")).await?;
    source.send(Message::new(1_u32)).await?;
    source.send(Message::new("b")).await?;
    source.send(Message::new("c")).await?;
    source.send(Message::new(2_u32)).await?;
    drop(source);
    let mut seen = Vec::new();
    while let Some(message) = sink.next().await? {
        seen.push(match message.downcast::<u32>() {
            Ok(number) => number.to_string(),
            Err(text) => text.downcast::<&str>().unwrap().to_owned(),
        });
    }
    assert_eq!(seen, ["a", "2", "b", "c", "3"]);
    gadget.await?
}

#[tokio::test]
async fn when_nobody_reads_what_flows_past_the_stream_broke_off() {
    let (mut source, input) = message_channel(Capacity::default());
    let (output, sink) = message_channel(Capacity::default());
    let mut typed = input.accepting(Message::downcast::<u32>, &output);
    drop(sink);
    source.send(Message::new("not a number")).await.unwrap();
    assert_eq!(&*typed.next().await.unwrap_err().reason, NOBODY_READS);
}
