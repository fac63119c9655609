use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::{
    BoxError, Capacity, Error, Gadget, Input, Interrupted, Message, NodePath, Output, PureGadget, Running,
    channel::message_channel,
};

struct Add(u32);

impl Gadget for Add {
    type In = u32;
    type Out = u32;
    async fn run(self, mut input: Input<u32>, mut output: Output<u32>) -> Result<(), BoxError> {
        while let Some(value) = input.next().await? {
            output.send(value + self.0).await?;
        }
        Ok(())
    }
}

/// Passes `after` numbers on, then fails or panics.
struct FailAfter {
    after: u32,
    panics: bool,
}

impl Gadget for FailAfter {
    type In = u32;
    type Out = u32;
    async fn run(self, mut input: Input<u32>, mut output: Output<u32>) -> Result<(), BoxError> {
        for _ in 0..self.after {
            let Some(value) = input.next().await? else { break };
            output.send(value).await?;
        }
        match self.panics {
            true => panic!("on purpose"),
            false => Err("no coils".into()),
        }
    }
}

/// Sends the sum at the end only.
struct Sum(Arc<AtomicBool>);

impl Gadget for Sum {
    type In = u32;
    type Out = u32;
    async fn run(self, mut input: Input<u32>, mut output: Output<u32>) -> Result<(), BoxError> {
        let mut sum = 0;
        while let Some(value) = input.next().await? {
            sum += value;
        }
        self.0.store(true, Ordering::Relaxed);
        output.send(sum).await?;
        Ok(())
    }
}

/// Never reads, never ends.
struct Hang;

impl Gadget for Hang {
    type In = u32;
    type Out = u32;
    async fn run(self, _input: Input<u32>, _output: Output<u32>) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

struct Double;

impl PureGadget for Double {
    type In = u32;
    type Out = u32;
    fn process(&self, value: u32) -> Result<u32, BoxError> {
        value.checked_mul(2).ok_or_else(|| "too large".into())
    }
}

fn double() -> PureNode {
    PureNode::new("double", Double, Message::downcast, Message::new)
}

fn start(nodes: Vec<Node>) -> (Output<Message>, Input<Message>, Running) {
    let (output, input) = message_channel(Capacity::messages(4));
    let (sender, receiver) = message_channel(Capacity::messages(4));
    let running = Node::chain("stream", nodes, Capacity::messages(2)).spawn(input, sender);
    (output, receiver, running)
}

async fn feed(mut output: Output<Message>, values: std::ops::Range<u32>) {
    for value in values {
        if output.send(Message::new(value)).await.is_err() {
            break;
        }
    }
}

async fn read(input: &mut Input<Message>) -> (Vec<u32>, Result<(), Interrupted>) {
    let mut values = Vec::new();
    loop {
        match input.next().await {
            Ok(Some(message)) => values.push(message.downcast().unwrap()),
            Ok(None) => return (values, Ok(())),
            Err(interrupted) => return (values, Err(interrupted)),
        }
    }
}

async fn run(nodes: Vec<Node>, values: std::ops::Range<u32>) -> (Vec<u32>, Result<(), Interrupted>, Result<(), Error>) {
    let (output, mut input, running) = start(nodes);
    let feeder = tokio::spawn(feed(output, values));
    let (values, end) = read(&mut input).await;
    let result = running.join().await;
    feeder.await.unwrap();
    assert_eq!(alive(), 0);
    (values, end, result)
}

fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_chain_transforms_and_ends() {
    let nodes = vec![
        Node::gadget("one", Add(1)),
        double().into(),
        Node::gadget("ten", Add(10)),
    ];
    let (values, end, result) = run(nodes, 0..50).await;
    assert_eq!(values, (0..50).map(|n| (n + 1) * 2 + 10).collect::<Vec<_>>());
    assert!(end.is_ok() && result.is_ok());
}

#[tokio::test]
async fn an_empty_chain_passes_everything_on() {
    let (values, end, result) = run(vec![], 0..50).await;
    assert_eq!(values, (0..50).collect::<Vec<_>>());
    assert!(end.is_ok() && result.is_ok());
}

#[tokio::test]
async fn a_failure_delivers_what_came_before_and_breaks_off_with_its_place() {
    for panics in [false, true] {
        let flushed = Arc::new(AtomicBool::new(false));
        let fail = FailAfter { after: 3, panics };
        let nodes = vec![
            Node::gadget("one", Add(1)),
            Node::gadget("fails", fail),
            Node::gadget("ten", Add(10)),
        ];
        let nested = vec![
            Node::chain("inner", nodes, Capacity::messages(1)),
            Node::gadget("zero", Add(0)),
        ];
        let (values, end, result) = run(nested, 0..50).await;
        assert_eq!(values, [11, 12, 13]);
        let words = if panics { "panicked: on purpose" } else { "no coils" };
        assert_eq!(&*end.unwrap_err().reason, format!("stream/inner/fails: {words}"));
        assert_eq!(result.unwrap_err().to_string(), format!("stream/inner/fails: {words}"));

        let fail = FailAfter { after: 3, panics };
        let nodes = vec![Node::gadget("fails", fail), Node::gadget("sum", Sum(flushed.clone()))];
        let (values, end, result) = run(nodes, 0..50).await;
        assert!(values.is_empty() && end.is_err());
        assert_eq!(result.unwrap_err().path().to_string(), "stream/fails");
        assert!(!flushed.load(Ordering::Relaxed), "an incomplete sum must not be sent");
    }
}

#[tokio::test]
async fn a_failure_ends_the_run_although_the_input_is_silent() {
    let fail = FailAfter {
        after: 1,
        panics: false,
    };
    let nodes = vec![
        Node::gadget("one", Add(1)),
        Node::gadget("hang", Add(0)),
        Node::gadget("fails", fail),
    ];
    let (mut output, mut input, running) = start(nodes);
    output.send(Message::new(1_u32)).await.unwrap();
    let (values, end) = read(&mut input).await;
    assert_eq!(values, [2]);
    assert!(end.is_err());
    assert_eq!(running.join().await.unwrap_err().path().to_string(), "stream/fails");
    output.closed().await;
}

#[tokio::test]
async fn an_interrupted_input_reaches_the_end_with_the_same_reason() {
    let flushed = Arc::new(AtomicBool::new(false));
    let (output, mut input, running) = start(vec![
        Node::gadget("one", Add(1)),
        Node::gadget("sum", Sum(flushed.clone())),
    ]);
    output.interrupt("the connection was lost");
    let (values, end) = read(&mut input).await;
    assert!(values.is_empty());
    assert_eq!(&*end.unwrap_err().reason, "the connection was lost");
    assert!(running.join().await.unwrap_err().is_secondary());
    assert!(!flushed.load(Ordering::Relaxed));
}

#[tokio::test]
async fn that_nobody_reads_is_a_normal_end() {
    let (output, input, running) = start(vec![Node::gadget("one", Add(1)), Node::gadget("two", Add(2))]);
    drop(input);
    feed(output, 0..100).await;
    running.join().await.unwrap();
    assert_eq!(alive(), 0);
}

#[tokio::test]
async fn a_message_that_flows_past_to_nobody_is_a_normal_end_too() {
    let (mut output, input, running) = start(vec![Node::gadget("one", Add(1))]);
    drop(input);
    output.send(Message::new("past")).await.unwrap();
    running.join().await.unwrap();
}

#[tokio::test]
async fn cancelling_leaves_no_task_and_breaks_the_output_off() {
    let nodes = || {
        let inner = vec![
            Node::gadget("one", Add(1)),
            Node::gadget("hang", Hang),
            Node::gadget("two", Add(1)),
        ];
        vec![
            Node::chain("inner", inner, Capacity::default()),
            Node::gadget("last", Add(1)),
        ]
    };
    let (output, mut input, running) = start(nodes());
    tokio::task::yield_now().await;
    assert_eq!(running.tasks(), 6);
    running.cancel().await;
    assert_eq!(alive(), 0);
    assert_eq!(&*input.next().await.unwrap_err().reason, "cancelled");
    output.closed().await;

    let (output, mut input, running) = start(nodes());
    tokio::task::yield_now().await;
    drop(running);
    assert!(input.next().await.is_err());
    output.closed().await;
}

#[tokio::test]
async fn a_node_run_here_keeps_the_parents_path() {
    let (output, input) = message_channel(Capacity::default());
    let (sender, _receiver) = message_channel(Capacity::default());
    drop(output);
    let node = Node::gadget(
        "fails",
        FailAfter {
            after: 0,
            panics: false,
        },
    );
    let error = node
        .run(NodePath::root().child("outer"), input, sender)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "outer/fails: no coils");
}

#[tokio::test]
async fn a_chain_of_pure_nodes_names_the_one_that_fails() {
    let chain = PureNode::chain("chain", vec![double(), double()]);
    assert_eq!(
        chain.process(Message::new(3_u32)).unwrap().downcast::<u32>().unwrap(),
        12
    );
    assert_eq!(
        chain.process(Message::new("past")).unwrap().downcast::<&str>().unwrap(),
        "past"
    );
    let (_, _, result) = run(vec![chain.into()], u32::MAX / 2..u32::MAX / 2 + 1).await;
    assert_eq!(result.unwrap_err().to_string(), "stream/chain: double: too large");
}

#[tokio::test]
async fn heavy_pure_work_leaves_the_async_thread() {
    let on = Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Where(Arc<std::sync::Mutex<Vec<std::thread::ThreadId>>>);
    impl PureGadget for Where {
        type In = Message;
        type Out = Message;
        fn process(&self, message: Message) -> Result<Message, BoxError> {
            self.0.lock().unwrap().push(std::thread::current().id());
            Ok(message)
        }
    }
    let node = PureNode::new("where", Where(on.clone()), Ok, |message| message);
    let (mut output, mut input, running) = start(vec![node.into()]);
    output.send(Message::new(1_u32)).await.unwrap();
    output
        .send(Message::with_weight(1_u32, Capacity::LIGHT + 1))
        .await
        .unwrap();
    drop(output);
    read(&mut input).await.1.unwrap();
    running.join().await.unwrap();
    let here = std::thread::current().id();
    let on = on.lock().unwrap();
    assert_eq!(on[0], here);
    assert_ne!(on[1], here);
}

#[tokio::test]
async fn figures_count_every_node() {
    let (output, mut input, running) = start(vec![Node::gadget("one", Add(1)), double().into()]);
    let figures = running.figures();
    let feeder = tokio::spawn(feed(output, 0..10));
    read(&mut input).await.1.unwrap();
    running.join().await.unwrap();
    feeder.await.unwrap();
    let snapshot = figures.snapshot();
    let names: Vec<_> = snapshot.iter().map(|node| node.path.to_string()).collect();
    assert_eq!(names, ["stream/double", "stream/one"]);
    for node in snapshot {
        assert_eq!((node.messages_in, node.messages_out), (10, 10), "{}", node.path);
        assert_eq!((node.bytes_in, node.bytes_out), (40, 40), "{}", node.path);
        assert!(!node.busy.is_zero() && node.queued <= 4);
    }
}
