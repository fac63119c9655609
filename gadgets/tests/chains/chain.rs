//! Messages pushed through chains of gadgets.

use engine::{Capacity, Message, Node, NodePath, message_channel};
use gadgets::{
    Context,
    registry::{self, Built},
};
use protocol::{
    IsmrmrdHeader, Limits,
    codec::Readers,
    configuration::Component,
    session::{Event, Incoming},
};

/// A class and its properties.
pub(crate) type Class = (&'static str, &'static [(&'static str, &'static str)]);

/// The chain of `default.xml` up to complex images.
pub(crate) const DEFAULT: &[Class] = &[
    ("RemoveROOversamplingGadget", &[]),
    (
        "AcquisitionAccumulateTriggerGadget",
        &[("trigger_dimension", "repetition"), ("sorting_dimension", "slice")],
    ),
    (
        "BucketToBufferGadget",
        &[("N_dimension", ""), ("S_dimension", ""), ("split_slices", "true")],
    ),
    ("SimpleReconGadget", &[]),
    ("ImageArraySplitGadget", &[]),
    ("ExtractGadget", &[]),
    ("ImageFinishGadget", &[]),
];

/// The header and the messages of one side of a recorded connection.
pub(crate) fn decode(mut incoming: Incoming, bytes: &[u8]) -> (IsmrmrdHeader, Vec<Message>) {
    incoming.set_readers(Readers::standard());
    incoming.handle_bytes(bytes);
    incoming.handle_end();
    let (mut header, mut messages) = (IsmrmrdHeader::default(), Vec::new());
    while let Some(event) = incoming.poll_event().unwrap() {
        match event {
            Event::Header(text) => header = IsmrmrdHeader::parse(&text).unwrap(),
            Event::Message(payload) => {
                messages.push(Message::from_parts(payload.value, payload.type_name, payload.weight));
            }
            _ => {}
        }
    }
    (header, messages)
}

/// What a client sent.
pub(crate) fn sent(bytes: &[u8]) -> (IsmrmrdHeader, Vec<Message>) {
    decode(Incoming::server(Limits::default()), bytes)
}

/// The nodes of a chain, as a configuration would make them.
pub(crate) fn nodes(chain: &[Class], context: &Context) -> Vec<Node> {
    let node =
        |(class, properties): &Class| match (registry::find(class).unwrap().build)(&Component::new(class, properties))
            .unwrap()
        {
            Built::Gadget(build) => build(context).unwrap(),
            Built::Pure(build) => build(context).unwrap().into(),
            other => panic!("{class} is no gadget but a {other:?}"),
        };
    chain.iter().map(node).collect()
}

/// Everything that `chain` makes of `messages`, and how its run ended.
pub(crate) async fn attempt(
    chain: &[Class],
    header: IsmrmrdHeader,
    messages: Vec<Message>,
) -> (Vec<Message>, Result<(), String>) {
    let context = Context::new(header);
    let (mut feed, input) = message_channel(Capacity::default());
    let (output, mut results) = message_channel(Capacity::default());
    let chain = Node::chain("chain", nodes(chain, &context), Capacity::default());
    let running = tokio::spawn(chain.run(NodePath::root(), input, output));
    let feeding = tokio::spawn(async move {
        for message in messages {
            // A chain that failed takes nothing more; its result says why.
            if feed.send(message).await.is_err() {
                break;
            }
        }
    });
    let mut collected = Vec::new();
    while let Ok(Some(message)) = results.next().await {
        collected.push(message);
    }
    feeding.await.unwrap();
    (collected, running.await.unwrap().map_err(|error| error.to_string()))
}

/// As [`attempt`], for a run that must end well.
pub(crate) async fn reconstruct(chain: &[Class], header: IsmrmrdHeader, messages: Vec<Message>) -> Vec<Message> {
    let (collected, result) = attempt(chain, header, messages).await;
    result.unwrap();
    collected
}
