//! What one link carries, and how much it should.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::mpsc, task::AbortHandle, time::Instant};

use crate::distribute::DistributeLimits;

/// A job on its way.
pub(super) struct Sent {
    pub(super) number: u64,
    pub(super) weight: usize,
    at: Instant,
    /// Nothing else was on the link when it was sent: its time is the link's own.
    first: bool,
}

/// An open link as the scheduler sees it.
pub(super) struct LinkLoad<I> {
    pub(super) address: String,
    pub(super) local: bool,
    pub(super) connected: bool,
    /// Carries a job that took a worker down before: nothing else goes there.
    pub(super) alone: bool,
    pub(super) held: VecDeque<Sent>,
    jobs: mpsc::Sender<I>,
    driver: AbortHandle,
    bytes: usize,
    window: usize,
    /// The time of a job on the idle link: way there, work, way back.
    base: Option<Duration>,
    /// The time between two answers while there is work.
    pace: Option<Duration>,
    progress: Instant,
    /// When it is no longer counted on, if it is not open by then.
    late_at: Option<Instant>,
}

impl<I> LinkLoad<I> {
    pub(super) fn new(
        address: &str,
        local: bool,
        jobs: mpsc::Sender<I>,
        driver: AbortHandle,
        limits: &DistributeLimits,
    ) -> Self {
        let now = Instant::now();
        Self {
            address: address.to_owned(),
            local,
            connected: false,
            alone: false,
            held: VecDeque::new(),
            jobs,
            driver,
            bytes: 0,
            window: limits.first_window.max(1),
            base: None,
            pace: None,
            progress: now,
            late_at: now.checked_add(limits.opens_within),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.connected && self.held.is_empty()
    }

    pub(super) fn has_room(&self, weight: usize, limits: &DistributeLimits) -> bool {
        let fits = self.held.is_empty() || self.bytes.saturating_add(weight) <= limits.most_bytes;
        self.connected && !self.alone && self.held.len() < self.window && fits
    }

    /// When it is no longer counted on, as long as it is not open.
    pub(super) fn late_at(&self) -> Option<Instant> {
        self.late_at.filter(|_| !self.connected)
    }

    /// How long it takes to finish what it holds and one more; then, what it holds. A new link has no pace yet: it gets
    /// work at once, and as long as it is at that, others come first.
    pub(super) fn time_to_finish(&self) -> (Duration, usize) {
        let held = self.held.len();
        let time = match self.pace {
            Some(pace) => pace.saturating_mul(u32::try_from(held + 1).unwrap_or(u32::MAX)),
            None if held == 0 => Duration::ZERO,
            None => Duration::MAX,
        };
        (time, held)
    }

    /// Since when it has owed the job it works on.
    pub(super) fn owing_since(&self) -> Option<Instant> {
        self.held.front().map(|sent| sent.at.max(self.progress))
    }

    /// Sends a job; there is room for a whole window in the channel to the driver.
    pub(super) fn send(&mut self, number: u64, weight: usize, job: I) {
        let sent = Sent {
            number,
            weight,
            at: Instant::now(),
            first: self.held.is_empty(),
        };
        self.held.push_back(sent);
        self.bytes = self.bytes.saturating_add(weight);
        // A driver that is gone tells so in its news: what it held is sent again then.
        let _ = self.jobs.try_send(job);
    }

    /// Takes the answer to the oldest job into account: which job it is, and how long the worker was on it. `None` when
    /// nothing was asked.
    pub(super) fn answered(&mut self, limits: &DistributeLimits) -> Option<(u64, Duration)> {
        let full = self.held.len() >= self.window;
        let sent = self.held.pop_front()?;
        let now = Instant::now();
        let time = now - sent.at.max(self.progress);
        let whole = now - sent.at;
        self.progress = now;
        self.alone = false;
        self.bytes = self.bytes.saturating_sub(sent.weight);
        self.pace = Some(self.pace.map_or(time, |pace| (pace * 3 + time) / 4));
        let base = match self.base {
            Some(base) if !sent.first => base.min(whole),
            Some(base) => (base * 3 + whole) / 4,
            None => whole,
        };
        self.base = Some(base);
        // As long as jobs do not queue up on the far side, the worker waits for us at times: give it more.
        if full && whole * 2 < base * 3 {
            self.window = (self.window + 1).min(limits.most_jobs.max(1));
        } else if whole > base * 4 && self.window > limits.first_window.max(1) {
            self.window -= 1;
        }
        Some((sent.number, time))
    }

    /// Ends the link without waiting for it.
    pub(super) fn abort(&self) {
        self.driver.abort();
    }
}

/// The median of the last job times.
#[derive(Default)]
pub(super) struct JobTimes {
    last: VecDeque<Duration>,
    median: Option<Duration>,
}

impl JobTimes {
    const KEPT: usize = 63;

    pub(super) fn add(&mut self, time: Duration) {
        if self.last.len() == Self::KEPT {
            self.last.pop_front();
        }
        self.last.push_back(time);
        let mut times: Vec<_> = self.last.iter().copied().collect();
        let middle = times.len() / 2;
        self.median = Some(*times.select_nth_unstable(middle).1);
    }

    pub(super) fn median(&self) -> Option<Duration> {
        self.median
    }
}
