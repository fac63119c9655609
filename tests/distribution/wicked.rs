//! A relay of bytes in front of a real worker, which lets a fault happen at a chosen moment of the conversation.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use protocol::{
    Limits,
    codec::Readers,
    session::{Event, Incoming},
};

use crate::process::PATIENCE;

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    /// Before anything was sent on.
    Accepted,
    /// The configuration was sent on, nothing else.
    Configured,
    /// So many messages were sent on.
    Sent(usize),
    /// So many messages were sent on, and half of another.
    SentHalf(usize),
    /// So many answers were passed back; the worker has said more.
    Answered(usize),
    /// So many answers were passed back, and half of another.
    AnsweredHalf(usize),
    /// The head's CLOSE was sent on.
    Closed,
    /// All answers were passed back, the worker's CLOSE was not.
    BeforeClose,
}

/// What happens to one connection.
#[derive(Clone)]
pub(crate) enum Deed {
    /// Nothing.
    Pass,
    /// Every answer takes so long.
    Slow(Duration),
    /// Every answer waits until another relay has done its deed: a worker that is quicker than the test leaves nothing
    /// for the wicked one to do.
    After(Witness),
    /// Every answer is passed back twice.
    Twice,
    /// The fault, then the end of the connection.
    Once(Moment, Arc<dyn Fn(&mut TcpStream) + Send + Sync>),
    /// Something else happens, and the connection goes on.
    Beside(Moment, Arc<dyn Fn() + Send + Sync>),
    /// From this moment on nothing is passed on, either way; the connection stays open.
    Hold(Moment),
}

impl Deed {
    /// The connection ends.
    pub(crate) fn cut(at: Moment) -> Self {
        Self::Once(at, Arc::new(|_| ()))
    }

    /// These bytes are the last that the head gets.
    pub(crate) fn say(at: Moment, bytes: Vec<u8>) -> Self {
        let write = move |head: &mut TcpStream| {
            let _ = head.write_all(&bytes);
        };
        Self::Once(at, Arc::new(write))
    }

    /// Something else happens, then the connection ends.
    pub(crate) fn act(at: Moment, act: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Once(at, Arc::new(move |_| act()))
    }

    fn moment(&self) -> Option<Moment> {
        match self {
            Self::Once(moment, _) | Self::Beside(moment, _) | Self::Hold(moment) => Some(*moment),
            _ => None,
        }
    }
}

/// Knows whether a relay has done its deed.
#[derive(Clone)]
pub(crate) struct Witness(Arc<Shared>);

impl Witness {
    fn wait(&self) {
        let open = self.0.open.lock().unwrap();
        let undone = |_: &mut usize| self.0.done.load(SeqCst) == 0;
        let waited = self.0.changed.wait_timeout_while(open, PATIENCE, undone).unwrap();
        assert!(!waited.1.timed_out(), "the fault does not happen");
    }
}

#[derive(Default)]
struct Shared {
    open: Mutex<usize>,
    changed: Condvar,
    connections: AtomicUsize,
    done: AtomicUsize,
    over: AtomicBool,
}

impl Shared {
    fn count(&self) {
        // Under the lock: whoever looks at the number and is about to wait must not miss it.
        let _open = self.open.lock().unwrap();
        self.done.fetch_add(1, SeqCst);
        self.changed.notify_all();
    }
}

/// The relay of bytes; `address` is what the head is told.
pub(crate) struct Wicked {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Wicked {
    /// In front of the worker at `behind`; `deed` says what happens to each connection, by its number from 0.
    pub(crate) fn new(behind: SocketAddr, deed: impl Fn(usize) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let state = shared.clone();
        std::thread::spawn(move || {
            for head in listener.incoming().map_while(Result::ok) {
                if state.over.load(SeqCst) {
                    break;
                }
                let deed = deed(state.connections.fetch_add(1, SeqCst));
                let state = state.clone();
                *state.open.lock().unwrap() += 1;
                state.changed.notify_all();
                std::thread::spawn(move || {
                    relay(head, behind, &deed, &state);
                    *state.open.lock().unwrap() -= 1;
                    state.changed.notify_all();
                });
            }
        });
        Self { address, shared }
    }

    /// A good worker that answers when this one has done its deed.
    pub(crate) fn before(&self, behind: SocketAddr) -> Self {
        let witness = Witness(self.shared.clone());
        Self::new(behind, move |_| Deed::After(witness.clone()))
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }

    /// How many faults happened.
    pub(crate) fn done(&self) -> usize {
        self.shared.done.load(SeqCst)
    }

    /// Waits until so many faults happened.
    pub(crate) fn wait_done(&self, count: usize) {
        let open = self.shared.open.lock().unwrap();
        let fewer = |_: &mut usize| self.done() < count;
        let waited = self.shared.changed.wait_timeout_while(open, PATIENCE, fewer).unwrap();
        assert!(!waited.1.timed_out(), "{} of {count} faults happened", self.done());
    }

    /// Waits until some connection is open.
    pub(crate) fn wait_open(&self) {
        let open = self.shared.open.lock().unwrap();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(open, PATIENCE, |open| *open == 0);
        assert!(!waited.unwrap().1.timed_out(), "nobody connects");
    }

    /// Waits until no connection is open.
    pub(crate) fn wait_closed(&self, limit: Duration) {
        let open = self.shared.open.lock().unwrap();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(open, limit, |open| *open > 0)
            .unwrap();
        assert!(!waited.1.timed_out(), "{} connections are left", *waited.0);
    }
}

impl Drop for Wicked {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn relay(head: TcpStream, behind: SocketAddr, deed: &Deed, shared: &Shared) {
    let (held, mute) = (AtomicBool::new(false), AtomicBool::new(false));
    let Ok(worker) = TcpStream::connect(behind) else { return };
    let side = |from: &TcpStream, to: &TcpStream| Side {
        from: from.try_clone().unwrap(),
        to: to.try_clone().unwrap(),
        head: head.try_clone().unwrap(),
        deed,
        held: &held,
        mute: &mute,
        shared,
    };
    let mut there = side(&head, &worker);
    let mut back = side(&worker, &head);
    if there.is_now(Moment::Accepted) && there.strike() {
        let _ = (head.shutdown(Shutdown::Both), worker.shutdown(Shutdown::Both));
        return;
    }
    std::thread::scope(|scope| {
        let end = |over: bool| {
            if over {
                let _ = (head.shutdown(Shutdown::Both), worker.shutdown(Shutdown::Both));
            }
        };
        scope.spawn(move || end(there.forwards()));
        scope.spawn(move || end(back.backwards()));
    });
}

/// One direction of a connection.
struct Side<'a> {
    from: TcpStream,
    to: TcpStream,
    head: TcpStream,
    deed: &'a Deed,
    held: &'a AtomicBool,
    /// The worker's answers no longer reach the head.
    mute: &'a AtomicBool,
    shared: &'a Shared,
}

impl Side<'_> {
    fn is_now(&self, moment: Moment) -> bool {
        self.deed.moment() == Some(moment)
    }

    /// Does the deed; says whether the connection is over.
    fn strike(&mut self) -> bool {
        self.shared.count();
        match self.deed {
            Deed::Once(_, act) => {
                act(&mut self.head);
                true
            }
            Deed::Beside(_, act) => {
                act();
                false
            }
            _ => {
                self.held.store(true, SeqCst);
                false
            }
        }
    }

    /// Reads what there is; `None` at the end.
    fn fill(&mut self, incoming: &mut Incoming) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 64 * 1024];
        let count = self.from.read(&mut bytes).ok().filter(|count| *count > 0)?;
        bytes.truncate(count);
        incoming.handle_bytes(&bytes);
        Some(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> bool {
        self.held.load(SeqCst) || self.to.write_all(bytes).is_ok()
    }

    fn answer(&mut self, bytes: &[u8]) -> bool {
        self.mute.load(SeqCst) || self.send(bytes)
    }

    /// From the head to the worker; says whether the connection is over.
    fn forwards(&mut self) -> bool {
        let mut incoming = Incoming::server(Limits::default());
        let (mut waiting, mut passed, mut messages) = (Vec::new(), 0, 0);
        loop {
            match incoming.poll_event() {
                Ok(Some(event)) => {
                    let configured = matches!(event, Event::Configuration(_));
                    if configured {
                        incoming.set_readers(Readers::standard());
                    }
                    let message = matches!(event, Event::Message(_));
                    let close = matches!(event, Event::Close);
                    let end = usize::try_from(incoming.offset()).unwrap();
                    let bytes: Vec<u8> = waiting.drain(..end - passed).collect();
                    passed = end;
                    if message && self.is_now(Moment::SentHalf(messages)) {
                        return self.send(&bytes[..bytes.len() / 2]) && self.strike();
                    }
                    messages += usize::from(message);
                    let now = (configured && self.is_now(Moment::Configured))
                        || (message && self.is_now(Moment::Sent(messages)))
                        || (close && self.is_now(Moment::Closed));
                    if now && !matches!(self.deed, Deed::Beside(..)) {
                        // A quick worker's answer to these bytes must not slip through before the fault.
                        self.mute.store(true, SeqCst);
                    }
                    if !self.send(&bytes) {
                        return true;
                    }
                    if now && self.strike() {
                        return true;
                    }
                }
                // Whatever it is, the worker is the one to judge it.
                Ok(None) | Err(_) => match self.fill(&mut incoming) {
                    Some(bytes) => waiting.extend(bytes),
                    None => {
                        let _ = self.to.shutdown(Shutdown::Write);
                        return self.held.load(SeqCst);
                    }
                },
            }
        }
    }

    /// From the worker to the head; says whether the connection is over.
    fn backwards(&mut self) -> bool {
        let mut incoming = Incoming::client(Limits::default(), Readers::standard());
        let (mut waiting, mut passed, mut answers) = (Vec::new(), 0, 0);
        loop {
            match incoming.poll_event() {
                Ok(Some(event)) => {
                    let end = usize::try_from(incoming.offset()).unwrap();
                    let bytes: Vec<u8> = waiting.drain(..end - passed).collect();
                    passed = end;
                    let message = matches!(event, Event::Message(_));
                    let close = matches!(event, Event::Close);
                    if self.is_now(Moment::Answered(answers)) || (close && self.is_now(Moment::BeforeClose)) {
                        return self.strike();
                    }
                    if message && self.is_now(Moment::AnsweredHalf(answers)) {
                        return self.answer(&bytes[..bytes.len() / 2]) && self.strike();
                    }
                    match self.deed {
                        Deed::Slow(pause) if message => work(*pause),
                        Deed::After(witness) if message => witness.wait(),
                        _ => {}
                    }
                    if !self.answer(&bytes) {
                        return true;
                    }
                    if message && matches!(self.deed, Deed::Twice) {
                        self.shared.count();
                        if !self.answer(&bytes) {
                            return true;
                        }
                    }
                    answers += usize::from(message);
                }
                Ok(None) | Err(_) => match self.fill(&mut incoming) {
                    Some(bytes) => waiting.extend(bytes),
                    None => {
                        // A worker that died took the connection with it, unless the fault is still to come.
                        return !self.held.load(SeqCst) && !self.mute.load(SeqCst);
                    }
                },
            }
        }
    }
}

/// A slow worker's work.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing is waited for: the time is what this worker takes"
)]
fn work(pause: Duration) {
    std::thread::sleep(pause);
}
