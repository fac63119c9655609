//! Feeds a gadget, and fails on silence.

use std::{collections::VecDeque, time::Duration};

use tokio::{runtime::Runtime, time::timeout};

use crate::{BoxError, Capacity, Compose, Error, Gadget, Input, Output, PureGadget};

/// Runs gadgets under test. A gadget that neither reads, nor writes, nor ends for [`Harness::silence`] fails the test.
#[derive(Clone, Copy, Debug)]
pub struct Harness {
    /// The capacity of the channels before and behind the gadget. Default: 1 message.
    pub capacity: Capacity,
    /// How long nothing may happen. Default 20 s.
    pub silence: Duration,
    /// Whether the clock stands still while there is work and jumps when there is none: delays cost no time, silence is
    /// noticed at once. Not for gadgets that compute on other threads. Default: false.
    pub paused: bool,
}

impl Default for Harness {
    fn default() -> Self {
        Self {
            capacity: Capacity::messages(1),
            silence: Duration::from_secs(20),
            paused: false,
        }
    }
}

impl Harness {
    /// A harness with a clock that jumps; see [`Harness::paused`]. Its silence is an hour.
    pub fn paused() -> Self {
        Self {
            paused: true,
            silence: Duration::from_secs(3600),
            ..Self::default()
        }
    }

    /// A runtime of one thread with this harness's clock.
    pub fn runtime(&self) -> Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(self.paused);
        builder.build().expect("a runtime without sockets")
    }

    /// Everything the gadget makes of `inputs`, and how its run ended.
    ///
    /// # Panics
    /// On silence, and when a task is left at the end.
    pub fn run<G: Gadget>(
        &self,
        gadget: G,
        inputs: impl IntoIterator<Item = G::In>,
    ) -> (Vec<G::Out>, Result<(), Error>) {
        let inputs: VecDeque<_> = inputs.into_iter().collect();
        self.runtime().block_on(async {
            let (mut feed, mut results, running) = gadget.spawn(self.capacity);
            let feeding = async move {
                for input in inputs {
                    if feed.send(input).await.is_err() {
                        return;
                    }
                }
            };
            let reading = async {
                let mut outputs = Vec::new();
                while let Ok(next) = timeout(self.silence, results.next()).await {
                    match next {
                        Ok(Some(output)) => outputs.push(output),
                        Ok(None) | Err(_) => return outputs,
                    }
                }
                panic!(
                    "silence: nothing came for {:?} after {} outputs",
                    self.silence,
                    outputs.len()
                );
            };
            let ((), outputs) = futures::join!(feeding, reading);
            let result = timeout(self.silence, running.join()).await;
            let result = result.unwrap_or_else(|_| panic!("silence: the run did not end after its last output"));
            all_gone(self.silence).await;
            (outputs, result)
        })
    }
}

/// Waits until no task is left on this runtime.
pub(super) async fn all_gone(patience: Duration) {
    let metrics = tokio::runtime::Handle::current().metrics();
    let gone = async {
        while metrics.num_alive_tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = timeout(patience, gone).await;
    assert!(waited.is_ok(), "{} tasks are left", metrics.num_alive_tasks());
}

/// A pure gadget as a gadget that takes `delays` in turn over its messages, for skew between lanes and links.
pub fn delayed<P: PureGadget>(delays: Vec<Duration>, gadget: P) -> Delayed<P> {
    Delayed { delays, gadget }
}

/// Made by [`delayed`].
#[derive(Clone, Debug)]
pub struct Delayed<P> {
    delays: Vec<Duration>,
    gadget: P,
}

impl<P: PureGadget> Gadget for Delayed<P> {
    type In = P::In;
    type Out = P::Out;

    async fn run(self, mut input: Input<P::In>, mut output: Output<P::Out>) -> Result<(), BoxError> {
        let mut delays = self.delays.iter().cycle();
        while let Some(value) = input.next().await? {
            if let Some(delay) = delays.next().filter(|delay| !delay.is_zero()) {
                tokio::time::sleep(*delay).await;
            }
            output.send(self.gadget.process(value)?).await?;
        }
        Ok(())
    }
}
