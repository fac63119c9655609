//! Feeds a gadget, and fails on silence.

use std::{collections::VecDeque, time::Duration};

use tokio::{runtime::Runtime, time::timeout};

use crate::{BoxError, Capacity, Compose, Error, Gadget, Input, Output, PureGadget, channel};

/// Runs gadgets under test. A gadget that neither reads, nor writes, nor ends for [`Harness::silence`] fails the test.
#[derive(Clone, Copy, Debug)]
pub struct Harness {
    /// The capacity of the channels before and behind the gadget. Default: 1 message.
    pub capacity: Capacity,
    /// How long nothing may happen. Default 20 s.
    pub silence: Duration,
    /// Whether the clock stands still while there is work and jumps when there is none: delays cost no time, silence is
    /// noticed soon. Work on other threads looks like none; it has [`GRACE`] of real time. Default: false.
    pub paused: bool,
}

/// How long work on other threads may keep a gadget silent after the clock has jumped past [`Harness::silence`].
pub const GRACE: Duration = Duration::from_secs(20);

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

    /// What `future` gives, or `None` on silence: it did not complete within [`Harness::silence`].
    pub async fn patient<F: Future>(&self, future: F) -> Option<F::Output> {
        self.within(self.silence, GRACE, future).await
    }

    /// As [`Harness::patient`]: `grace` is the real time that is waited when the clock has jumped over `silence`.
    async fn within<F: Future>(&self, silence: Duration, grace: Duration, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        match timeout(silence, &mut future).await {
            Ok(value) => Some(value),
            Err(_) if self.paused => {
                let (done, waiting) = std::sync::mpsc::sync_channel::<()>(0);
                let (late, alarm) = tokio::sync::oneshot::channel::<()>();
                std::thread::spawn(move || {
                    // Ends early when the other side is dropped.
                    let _ = waiting.recv_timeout(grace);
                    drop(late);
                });
                let value = tokio::select! {
                    biased;
                    value = &mut future => Some(value),
                    _ = alarm => None,
                };
                drop(done);
                value
            }
            Err(_) => None,
        }
    }

    /// A runtime of one thread with this harness's clock.
    pub fn runtime(&self) -> Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(self.paused);
        builder.build().expect("a runtime without sockets")
    }

    /// The number of messages that the gadget holds when nobody reads its output. `inputs` must be enough to fill it; each
    /// is taken to give one output.
    ///
    /// # Panics
    /// When the inputs do not fill it.
    pub fn held<G: Gadget>(&self, gadget: G, inputs: impl IntoIterator<Item = G::In>) -> usize {
        self.runtime().block_on(async {
            let (mut feed, input) = channel(self.capacity);
            let (output, results) = channel(self.capacity);
            let running = gadget.spawn_between(input, output);
            let mut accepted = 0_usize;
            let mut full = false;
            for message in inputs {
                if self.within(QUIET, QUIET, feed.send(message)).await.is_none() {
                    full = true;
                    break;
                }
                accepted += 1;
            }
            assert!(full, "the inputs were not enough to fill it");
            // What waits in the channels around it is not its own.
            let held = accepted.saturating_sub(self.capacity.messages + results.waiting());
            running.cancel().await;
            held
        })
    }

    /// Waits until no task is left on this runtime.
    ///
    /// # Panics
    /// When some are left after [`Harness::silence`].
    pub async fn all_gone(&self) {
        let metrics = tokio::runtime::Handle::current().metrics();
        let gone = async {
            while metrics.num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = timeout(self.silence, gone).await;
        assert!(waited.is_ok(), "{} tasks are left", metrics.num_alive_tasks());
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
                while let Some(next) = self.patient(results.next()).await {
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
            let result = self.patient(running.join()).await;
            let result = result.unwrap_or_else(|| panic!("silence: the run did not end after its last output"));
            self.all_gone().await;
            (outputs, result)
        })
    }
}

/// How long a gadget that takes no message is full.
const QUIET: Duration = Duration::from_millis(250);

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
