//! A worker whose links fail on schedule.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use crate::{BoxError, Capacity, Gadget, Link, MemoryWorker, Output, Worker, channel};

/// What goes wrong on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection is refused.
    Refuse,
    /// Every result comes later by so much.
    Slow(Duration),
    /// The link breaks after so many results.
    DieAfter(usize),
    /// The link is silent after so many results, and is given up after the time.
    HangAfter(usize, Duration),
    /// After so many results, the last one comes again.
    Twice(usize),
    /// After so many results, something comes that is no result.
    GarbageAfter(usize),
    /// What drives the link panics after so many results.
    PanicAfter(usize),
    /// The worker closes in good order after so many results, whatever it owes.
    CloseAfter(usize),
}

/// A worker in this process whose links fail on schedule: the first link has the first fault, and so on; links beyond
/// the schedule are good.
pub struct FaultyWorker<I, O> {
    inner: MemoryWorker<I, O>,
    schedule: Vec<Fault>,
    links: Arc<AtomicUsize>,
    repeat: Option<fn(&O) -> O>,
}

impl<I: Send + 'static, O: Send + 'static> FaultyWorker<I, O> {
    /// A worker whose links each run a gadget that `make` makes, with these faults. `repeat` copies a result for
    /// [`Fault::Twice`].
    pub fn new<G, F>(address: impl Into<String>, schedule: Vec<Fault>, make: F) -> Self
    where
        G: Gadget<In = I, Out = O>,
        F: Fn() -> G + Send + Sync + 'static,
        O: Clone,
    {
        Self {
            inner: MemoryWorker::new(address, make),
            schedule,
            links: Arc::default(),
            repeat: Some(O::clone),
        }
    }

    /// As [`FaultyWorker::new`], for results that cannot be copied: [`Fault::Twice`] does nothing.
    pub fn without_repeats<G, F>(address: impl Into<String>, schedule: Vec<Fault>, make: F) -> Self
    where
        G: Gadget<In = I, Out = O>,
        F: Fn() -> G + Send + Sync + 'static,
    {
        Self {
            inner: MemoryWorker::new(address, make),
            schedule,
            links: Arc::default(),
            repeat: None,
        }
    }

    /// The number of links that were asked for so far, shared.
    pub fn links(&self) -> Arc<AtomicUsize> {
        self.links.clone()
    }
}

impl<I, O> fmt::Debug for FaultyWorker<I, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FaultyWorker({:?}, {:?})", self.inner, self.schedule)
    }
}

impl<I: Send + 'static, O: Send + 'static> Worker<I, O> for FaultyWorker<I, O> {
    fn address(&self) -> &str {
        self.inner.address()
    }

    fn connect(&self) -> BoxFuture<'static, Result<Link<I, O>, BoxError>> {
        let number = self.links.fetch_add(1, Relaxed);
        let fault = self.schedule.get(number).copied().unwrap_or(Fault::None);
        let link = match fault {
            Fault::Refuse => Err("connection refused".into()),
            fault => Ok(spoil(self.inner.open(), fault, self.repeat)),
        };
        std::future::ready(link).boxed()
    }
}

fn spoil<I: Send + 'static, O: Send + 'static>(
    link: Link<I, O>,
    fault: Fault,
    repeat: Option<fn(&O) -> O>,
) -> Link<I, O> {
    let (sender, output) = channel(Capacity::messages(1));
    let Link {
        input,
        output: mut results,
        outcome,
    } = link;
    let relay = async move {
        let mut sender: Output<O> = sender;
        let mut count = 0;
        loop {
            let broken = match fault {
                Fault::DieAfter(after) if after == count => Some("connection reset by peer"),
                Fault::GarbageAfter(after) if after == count => Some("unknown message id 4711 at byte 12"),
                Fault::HangAfter(after, patience) if after == count => {
                    tokio::time::sleep(patience).await;
                    Some("no byte came, and no answer to a query")
                }
                _ => None,
            };
            if let Some(reason) = broken {
                sender.interrupt(reason);
                return Err(BoxError::from(reason));
            }
            assert!(
                !matches!(fault, Fault::PanicAfter(after) if after == count),
                "on purpose, after {count} results"
            );
            if matches!(fault, Fault::CloseAfter(after) if after == count) {
                return Ok(());
            }
            let Some(result) = results.next().await? else {
                return Ok(());
            };
            if let Fault::Slow(delay) = fault {
                tokio::time::sleep(delay).await;
            }
            count += 1;
            let again = match (fault, repeat) {
                (Fault::Twice(after), Some(repeat)) if after + 1 == count => Some(repeat(&result)),
                _ => None,
            };
            for result in std::iter::once(result).chain(again) {
                if sender.send(result).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    let outcome = async move {
        let mut relay = std::pin::pin!(relay);
        tokio::select! {
            biased;
            broken = &mut relay => broken,
            ended = outcome => match ended {
                Ok(()) => relay.await,
                Err(error) => {
                    let _ = relay.await;
                    Err(error)
                }
            },
        }
    };
    Link {
        input,
        output,
        outcome: outcome.boxed(),
    }
}
