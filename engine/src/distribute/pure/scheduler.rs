//! Which job goes where, and what becomes of it when its link is lost. Decides; the loop in [`super`] waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    driver::{News, drive},
    load::{JobTimes, LinkLoad},
};
use crate::{
    BoxError, Declined,
    distribute::{Distribute, DistributeError, Event, Failure, reason, roster::Roster},
    link::AnyWorker,
    place::Place,
};

/// Whether `result` can be that of the oldest job on `link`. A job that was answered elsewhere is not looked at.
fn belongs<I, O>(jobs: &BTreeMap<u64, Job<I>>, link: &LinkLoad<I>, result: &O, matching: fn(&I, &O) -> bool) -> bool {
    let job = link.held.front().and_then(|sent| jobs.get(&sent.number));
    job.is_none_or(|job| matching(&job.payload, result))
}

/// A job without an answer.
struct Job<I> {
    payload: I,
    weight: usize,
    failures: Vec<Failure>,
    /// The workers that declined it.
    declined: Vec<String>,
    /// The links it is on.
    on: Vec<u64>,
    /// Was on a link that was lost: it is sent alone, so that the next loss tells which job is to blame.
    suspect: bool,
}

impl<I> Job<I> {
    /// Whether it was on this worker, in vain.
    fn came_back_from(&self, address: &str) -> bool {
        let failed = self.failures.iter().map(|failure| &failure.address);
        failed.chain(&self.declined).any(|known| known == address)
    }

    fn came_back(&self) -> bool {
        !self.failures.is_empty() || !self.declined.is_empty()
    }
}

pub(super) struct Scheduler<I, O> {
    settings: Distribute<I, O>,
    in_order: bool,
    roster: Roster<I, O>,
    /// A worker was lost since the list was last asked for.
    lost: bool,
    links: BTreeMap<u64, LinkLoad<I>>,
    next_link: u64,
    /// The number of links that are not open yet.
    opening: usize,
    drivers: JoinSet<()>,
    news_in: mpsc::Sender<(u64, News<O>)>,
    news_out: mpsc::Receiver<(u64, News<O>)>,
    jobs: BTreeMap<u64, Job<I>>,
    unsent: BTreeSet<u64>,
    next_job: u64,
    done: BTreeMap<u64, O>,
    done_bytes: usize,
    due: u64,
    times: JobTimes,
    last_failure: Option<Failure>,
}

impl<I: Clone + Send + Sync + 'static, O: Send + 'static> Scheduler<I, O> {
    pub(super) fn new(settings: Distribute<I, O>, in_order: bool) -> Self {
        let (news_in, news_out) = mpsc::channel(64);
        Self {
            settings,
            in_order,
            roster: Roster::new(),
            lost: false,
            links: BTreeMap::new(),
            next_link: 0,
            opening: 0,
            drivers: JoinSet::new(),
            news_in,
            news_out,
            jobs: BTreeMap::new(),
            unsent: BTreeSet::new(),
            next_job: 0,
            done: BTreeMap::new(),
            done_bytes: 0,
            due: 0,
            times: JobTimes::default(),
            last_failure: None,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.jobs.is_empty() && self.done.is_empty()
    }

    pub(super) fn add(&mut self, payload: I) {
        let job = Job {
            weight: (self.settings.weigh)(&payload),
            payload,
            failures: Vec::new(),
            declined: Vec::new(),
            on: Vec::new(),
            suspect: false,
        };
        self.jobs.insert(self.next_job, job);
        self.unsent.insert(self.next_job);
        self.next_job += 1;
    }

    /// Whether another job could be sent, or would open a link.
    pub(super) fn wants_job(&self) -> bool {
        let limits = &self.settings.limits;
        let waiting_fits = self.done.len() < limits.reorder && self.done_bytes < limits.reorder_bytes;
        waiting_fits && self.unsent.len() <= self.opening
    }

    /// The next result to pass on.
    pub(super) fn take_result(&mut self) -> Option<O> {
        let (number, result) = match self.in_order {
            true => (self.due, self.done.remove(&self.due)?),
            false => self.done.pop_first()?,
        };
        self.due = number + 1;
        self.done_bytes = self.done_bytes.saturating_sub((self.settings.weigh_result)(&result));
        Some(result)
    }

    pub(super) async fn news(&mut self) -> (u64, News<O>) {
        match self.news_out.recv().await {
            Some(news) => news,
            // The scheduler holds a sender itself.
            None => std::future::pending().await,
        }
    }

    pub(super) fn wants_list(&self) -> bool {
        let refresh = self.settings.limits.refresh;
        let old = |listed: Instant| listed.elapsed() >= refresh;
        !self.jobs.is_empty() && (self.lost || self.roster.listed().is_none_or(old))
    }

    pub(super) fn list(&mut self) -> BoxFuture<'static, Vec<AnyWorker<I, O>>> {
        self.lost = false;
        self.settings.workers.list()
    }

    pub(super) fn listed(&mut self, workers: Vec<AnyWorker<I, O>>) {
        let refresh = self.settings.limits.refresh;
        let in_turn = self.roster.listed().is_none_or(|listed| listed.elapsed() >= refresh);
        self.roster.update(workers, in_turn, refresh);
    }

    /// When to look again although nothing happened.
    pub(super) fn deadline(&self, listing: bool) -> Option<Instant> {
        if self.jobs.is_empty() {
            return None;
        }
        let listed = self.roster.listed().filter(|_| !listing);
        let refresh = listed.map(|listed| listed + self.settings.limits.refresh);
        let straggler = self.straggles_at().map(|(_, at)| at);
        let late = self.links.values().filter_map(LinkLoad::late_at);
        let now = Instant::now();
        let moments = straggler.into_iter().chain(late);
        refresh.into_iter().chain(moments.filter(|at| *at > now)).min()
    }

    /// Sends what can be sent and opens the links that are missing.
    pub(super) fn assign(&mut self, listing: bool) -> Result<(), BoxError> {
        let mut homeless = 0;
        let mut queued = false;
        let mut wants_local = false;
        let unsent: Vec<_> = self.unsent.iter().copied().collect();
        // Looked at once for many jobs: at the beginning there are as many as there are links to be opened.
        let mut some_room = self.has_room();
        for number in unsent {
            let Some(job) = self.jobs.get(&number) else { continue };
            let link = if some_room { self.link_for(job) } else { None };
            let Some(id) = link else {
                homeless += 1;
                wants_local |= self.is_refused_everywhere(job);
                continue;
            };
            self.send(number, id);
            queued |= self.links.get(&id).is_some_and(|link| link.held.len() > 1);
            some_room = self.has_room();
        }
        self.help_straggler();
        // Where jobs queue up, another worker may have time.
        let crowded = queued && self.links.len() < self.roster.len() && !self.links.values().any(LinkLoad::is_idle);
        for _ in self.coming()..homeless.max(usize::from(crowded)) {
            // One link for each worker.
            let Some(worker) = self.roster.choose(|_, links| links > 0) else {
                break;
            };
            self.open(worker, false);
        }
        if homeless == 0 || listing || self.wants_list() {
            return Ok(());
        }
        if self.links.is_empty() || wants_local {
            return self.open_local();
        }
        Ok(())
    }

    /// The links that will be open soon.
    fn coming(&self) -> usize {
        if self.opening == 0 {
            return 0;
        }
        let now = Instant::now();
        let late = self.links.values().filter_map(LinkLoad::late_at);
        late.filter(|at| *at > now).count()
    }

    fn open_local(&mut self) -> Result<(), BoxError> {
        if self.links.values().any(|link| link.local) {
            return Ok(());
        }
        match self.settings.local.clone() {
            Some(worker) => {
                (self.settings.observer)(&Event::Local);
                self.open(worker, true);
                Ok(())
            }
            None if self.links.is_empty() => Err(DistributeError::NoWorker {
                failure: self.last_failure.take(),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// Whether some link would take a light job.
    fn has_room(&self) -> bool {
        let limits = &self.settings.limits;
        self.links.values().any(|link| link.has_room(0, limits))
    }

    /// Whether every worker there is failed on the job or declined it, and somebody is here to do it.
    fn is_refused_everywhere(&self, job: &Job<I>) -> bool {
        if self.settings.local.is_none() || !job.came_back() {
            return false;
        }
        let tried = |address: &str| job.came_back_from(address);
        let link_left = self.links.values().any(|link| !tried(&link.address));
        let worker_left = self.roster.has(|worker, links| links > 0 || tried(worker.address()));
        !link_left && !worker_left
    }

    /// The link that would be done with the job first.
    fn link_for(&self, job: &Job<I>) -> Option<u64> {
        let limits = &self.settings.limits;
        let tried = |address: &str| job.came_back_from(address);
        let elsewhere = job.came_back()
            && (self.settings.local.is_some()
                || self.links.values().any(|link| !tried(&link.address))
                || self.roster.has(|worker, links| links > 0 || tried(worker.address())));
        let fits = |link: &&LinkLoad<I>| {
            let room = match job.suspect {
                true => link.is_idle(),
                false => link.has_room(job.weight, limits),
            };
            room && !(elsewhere && tried(&link.address))
        };
        let fitting = self.links.iter().filter(|(_, link)| fits(link));
        let first = fitting.min_by_key(|(_, link)| link.time_to_finish());
        first.map(|(id, _)| *id)
    }

    fn send(&mut self, number: u64, id: u64) {
        let (Some(job), Some(link)) = (self.jobs.get_mut(&number), self.links.get_mut(&id)) else {
            return;
        };
        self.unsent.remove(&number);
        job.on.push(id);
        link.alone |= job.suspect;
        link.send(number, job.weight, job.payload.clone());
    }

    /// The first job of all without an answer, and when its worker becomes a straggler.
    fn straggles_at(&self) -> Option<(u64, Instant)> {
        let (number, job) = self.jobs.first_key_value()?;
        if !self.unsent.is_empty() {
            return None;
        }
        let since = job.on.iter().filter_map(|id| self.links.get(id)?.owing_since()).max()?;
        let patience = self.times.median()?.max(Duration::from_millis(1)) * self.settings.limits.straggler;
        Some((*number, since + patience))
    }

    fn help_straggler(&mut self) {
        let Some((number, at)) = self.straggles_at() else {
            return;
        };
        if at > Instant::now() {
            return;
        }
        let idle = self
            .links
            .iter()
            .find(|(_, link)| link.is_idle())
            .map(|(id, link)| (*id, link.address.clone()));
        match idle {
            Some((id, address)) => {
                (self.settings.observer)(&Event::Straggler { job: number, address });
                self.send(number, id);
            }
            None if self.coming() == 0 => {
                if let Some(worker) = self.roster.choose(|_, links| links > 0) {
                    self.open(worker, false);
                }
            }
            None => (),
        }
    }

    fn open(&mut self, worker: AnyWorker<I, O>, local: bool) {
        let id = self.next_link;
        self.next_link += 1;
        self.opening += 1;
        let limits = &self.settings.limits;
        // One more than a window: a straggler's job may come on top.
        let (jobs, driver_jobs) =
            mpsc::channel(limits.most_jobs.max(limits.first_window).saturating_add(1).min(1 << 20));
        let address = worker.address().to_owned();
        let place = Place::current();
        let driver = drive(id, worker, driver_jobs, self.news_in.clone());
        let driver = place.tasks.clone().track_future(place.scope(driver));
        let handle = self.drivers.spawn(driver);
        self.links
            .insert(id, LinkLoad::new(&address, local, jobs, handle, limits));
    }

    pub(super) fn handle(&mut self, id: u64, news: News<O>) -> Result<(), BoxError> {
        let Some(link) = self.links.get_mut(&id) else {
            return Ok(());
        };
        match news {
            News::Connected => {
                link.connected = true;
                self.opening -= 1;
            }
            News::Answer(result) if !belongs(&self.jobs, link, &result, self.settings.matching) => {
                link.abort();
                return self.over(id, Err("sent a result that does not belong to its job".into()));
            }
            News::Answer(result) => match link.answered(&self.settings.limits) {
                Some((number, time)) => {
                    self.times.add(time);
                    // A second answer to a job that had a straggler is thrown away.
                    if self.jobs.remove(&number).is_some() {
                        self.unsent.remove(&number);
                        self.done_bytes = self.done_bytes.saturating_add((self.settings.weigh_result)(&result));
                        self.done.insert(number, result);
                    }
                }
                None => {
                    link.abort();
                    return self.over(id, Err("sent a result that nobody asked for".into()));
                }
            },
            News::Over(outcome) => return self.over(id, outcome),
        }
        Ok(())
    }

    fn over(&mut self, id: u64, outcome: Result<(), BoxError>) -> Result<(), BoxError> {
        let Some(link) = self.links.remove(&id) else {
            return Ok(());
        };
        self.roster.released(&link.address, 0, true);
        self.lost = true;
        if !link.connected {
            self.opening -= 1;
        }
        let owed = link
            .held
            .iter()
            .filter(|sent| self.jobs.contains_key(&sent.number))
            .count();
        let error = match outcome {
            Ok(()) if owed == 0 && link.connected => return Ok(()),
            Ok(()) => format!("closed the stream and owed {owed} results").into(),
            Err(error) => error,
        };
        if link.local {
            return Err(error);
        }
        let failure = Failure {
            address: link.address.clone(),
            reason: reason(&error),
        };
        (self.settings.observer)(&match link.connected {
            true => Event::over(failure.clone(), &error),
            false => {
                let Failure { address, reason } = failure.clone();
                Event::Refused { address, reason }
            }
        });
        self.last_failure = Some(failure.clone());
        for (place, sent) in link.held.iter().enumerate() {
            let Some(job) = self.jobs.get_mut(&sent.number) else {
                continue;
            };
            job.on.retain(|on| *on != id);
            // Who declines a second time, because nobody else is there, has failed.
            let declined = error.is::<Declined>() && !job.came_back_from(&failure.address);
            if declined {
                job.declined.push(failure.address.clone());
            } else {
                job.suspect = true;
            }
            if place == 0 && !declined {
                job.failures.push(failure.clone());
                if job.failures.len() >= self.settings.limits.failures.max(1) {
                    let failures = std::mem::take(&mut job.failures);
                    let job = sent.number;
                    return Err(DistributeError::Job { job, failures }.into());
                }
            }
            if job.on.is_empty() {
                self.unsent.insert(sent.number);
            }
        }
        Ok(())
    }

    /// Lets the links close in peace. One that still owes something (nobody needs it any more) is cut at once.
    pub(super) async fn farewell(mut self) {
        for link in self.links.values() {
            if !link.held.is_empty() || !link.connected {
                link.abort();
            }
        }
        // Ends their inputs.
        self.links.clear();
        let news = &mut self.news_out;
        let drivers = &mut self.drivers;
        let all_closed = async {
            loop {
                tokio::select! {
                    _ = news.recv() => (),
                    closed = drivers.join_next() => if closed.is_none() { break },
                }
            }
        };
        let _ = timeout(self.settings.limits.farewell, all_closed).await;
        self.drivers.shutdown().await;
    }
}
