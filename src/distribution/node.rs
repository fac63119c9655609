//! The nodes of a configuration that spread work: `distributed` and `puredistributed`.
//!
//! ```text
//!                     ┌── what the distributor does not take ────┐
//!   in ─▶ distributor ┤                                          ├─▶ out
//!                     └─ parcels ─▶ engine::distribute ─▶ results┘
//! ```
//!
//! A `puredistributed` node has no distributor: all its messages become parcels.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use distributed::{
    Parcel, Roster, RosterLimits, Source,
    link::{Setup, Tcp},
};
use engine::{
    BoxError, Capacity, Input, MemoryWorker, Message, Node, NodePath, Output,
    distribute::{Distribute, DistributeLimits, Event, SelectorNode, distribute},
    message_channel,
};
use gadgets::context::Notices;
use protocol::{Complex32, Complex64, Image, ImageHeader, Pixel};

use super::distributors::Distributors;

/// How this server spreads work: shared by all its connections.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// Where workers come from.
    pub source: Source,
    /// Bounds on discovery and links.
    pub roster: RosterLimits,
    /// Bounds and habits of the spreading itself.
    pub limits: DistributeLimits,
    /// The classes of distributors.
    pub distributors: Distributors,
}

/// Builds the nested stream once more: what does the work where there is no worker.
pub type BuildHere = Arc<dyn Fn() -> Result<Node, BoxError> + Send + Sync>;

/// A nested stream that is to run elsewhere.
pub struct Nested {
    /// Name of the node.
    pub name: String,
    /// What each worker is told.
    pub setup: Arc<Setup>,
    /// The same stream, here.
    pub build_here: BuildHere,
    /// What may wait before the links.
    pub capacity: Capacity,
    /// Every message has exactly one result: all gadgets are pure.
    pub one_each: bool,
    /// What the client is told.
    pub notices: Notices,
}

impl std::fmt::Debug for Nested {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Nested({})", self.name)
    }
}

impl Distribution {
    /// A `distributed` node: the distributor chooses the link of each message; results come as they arrive.
    pub fn keyed(&self, nested: Nested, distributor: SelectorNode) -> Node {
        let (name, setup) = (nested.name.clone(), nested.setup.clone());
        Node::distribute_keyed(
            name,
            distributor,
            move |message| pack(message, &setup, "or a distributor that leaves such messages alone"),
            self.spread(nested),
        )
    }

    /// A `puredistributed` node: each message is a job; results come in the order of the jobs.
    pub fn pure(&self, nested: Nested) -> Node {
        let (name, setup) = (nested.name.clone(), nested.setup.clone());
        Node::distribute_pure(
            name,
            move |message| pack(message, &setup, "or let no such message reach it"),
            self.spread(nested),
        )
    }

    fn spread(&self, nested: Nested) -> Distribute<Parcel, Message> {
        let roster = Roster::new(self.source.clone(), Tcp, nested.setup, self.roster);
        let (build, capacity, one_each) = (nested.build_here, nested.capacity, nested.one_each);
        let (name, notices) = (nested.name, nested.notices);
        let here = MemoryWorker::from_fn("this machine", move |input, output| {
            run_here(build.clone(), capacity, input, output)
        });
        let warned = Mutex::new(HashSet::new());
        let spread = distribute(roster)
            .local(here)
            .limits(self.limits)
            .weigh(Parcel::weight, Message::weight)
            .fingerprint(fingerprint)
            .matching(same_place)
            .observe(move |event| {
                if let Some(warning) = log(event, &warned) {
                    notices.add(format!("{name}: {warning}"));
                }
            });
        match one_each {
            true => spread.one_each(),
            false => spread,
        }
    }
}

/// A message for the links. What no writer takes cannot reach a worker; were it to flow past, the nested stream would
/// seem to have worked on it. So the node fails, with what can be done about it.
fn pack(message: Message, setup: &Arc<Setup>, or_else: &str) -> Result<Parcel, BoxError> {
    let mark = place(&message);
    match Parcel::new(message, setup) {
        Ok(parcel) => Ok(parcel.with_mark(mark)),
        Err(error) => Err(format!("{error}. Add a writer to the node's <writers>, {or_else}").into()),
    }
}

/// The nested stream in this process, from parcels to results.
async fn run_here(
    build: BuildHere,
    capacity: Capacity,
    mut parcels: Input<Parcel>,
    output: Output<Message>,
) -> Result<(), BoxError> {
    let node = build()?;
    let (mut messages, input) = message_channel(capacity);
    let unpacking = async move {
        loop {
            match parcels.next().await {
                Ok(Some(parcel)) => messages.send(parcel.into_message()?).await?,
                Ok(None) => return Ok::<(), BoxError>(()),
                Err(interrupted) => {
                    messages.interrupt(&interrupted.reason);
                    return Err(interrupted.into());
                }
            }
        }
    };
    let running = node.run(NodePath::root().child("this machine"), input, output);
    let (unpacked, ran) = futures::join!(unpacking, running);
    match ran {
        // The stream's own failure is why nobody takes what is unpacked.
        Err(error) => Err(error.into()),
        Ok(()) => unpacked,
    }
}

/// What must be equal when a worker computes a result that another one gave before: type, size, header of an image.
fn fingerprint(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.type_name().hash(&mut hasher);
    message.weight().hash(&mut hasher);
    if let Some(header) = image_header(message) {
        format!("{header:?}").hash(&mut hasher);
    }
    hasher.finish()
}

fn image_header(message: &Message) -> Option<&ImageHeader> {
    fn of<T: Pixel>(message: &Message) -> Option<&ImageHeader> {
        message.downcast_ref::<Image<T>>().map(|image| &image.header)
    }
    of::<Complex32>(message)
        .or_else(|| of::<f32>(message))
        .or_else(|| of::<u16>(message))
        .or_else(|| of::<i16>(message))
        .or_else(|| of::<f64>(message))
        .or_else(|| of::<Complex64>(message))
        .or_else(|| of::<u32>(message))
        .or_else(|| of::<i32>(message))
}

/// Whether a result can be that of this job: an image stays what it is an image of, whatever is done to it. Other
/// types have nothing to tell them apart by.
fn same_place(job: &Parcel, result: &Message) -> bool {
    match (job.mark(), place(result)) {
        (Some(job), Some(result)) => job == result,
        _ => true,
    }
}

/// What an image is an image of, as one number.
fn place(message: &Message) -> Option<u64> {
    let header = image_header(message)?;
    let counters = [
        header.average,
        header.slice,
        header.contrast,
        header.phase,
        header.repetition,
        header.set,
    ];
    let mut hasher = DefaultHasher::new();
    (header.measurement_uid, counters).hash(&mut hasher);
    Some(hasher.finish())
}

/// Each worker is warned of once, and so is that none is left; the rest is detail. Where there was none from the
/// beginning, the discovery has said why. Gives the words that the client is told as well: what may have changed the
/// result.
fn log(event: &Event, warned: &Mutex<HashSet<String>>) -> Option<String> {
    const NONE_LEFT: &str = "";
    let first = |address: &str| {
        let mut warned = warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.insert(address.to_owned())
    };
    match event {
        Event::Refused { address, .. } | Event::Lost { address, .. } if first(address) => tracing::warn!("{event}"),
        Event::Unrepeatable { .. } => tracing::warn!("{event}"),
        Event::Few { .. } => return Some(event.to_string()),
        Event::Local => {
            let mut warned = warned.lock().unwrap_or_else(PoisonError::into_inner);
            match !warned.is_empty() && warned.insert(NONE_LEFT.to_owned()) {
                true => tracing::warn!("no worker is left: this machine does the work"),
                false => tracing::debug!("{event}"),
            }
        }
        event => tracing::info!("{event}"),
    }
    None
}
