//! A readout that is kept unopened holds little more memory than it says, whatever came before and after it. One test,
//! because memory is measured for the whole process.

use ndarray::Array2;
use peak_alloc::PeakAlloc;
use protocol::{
    Acquisition, Limits,
    codec::{Readers, Writers},
    session::{Incoming, Outgoing},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn of_all_readouts_that_come_every_tenth_is_kept() {
    for (samples, count) in [(40, 4000), (4096, 400)] {
        let mut out = Outgoing::new(Writers::standard());
        let readout = Acquisition::new(Array2::zeros((1, samples)));
        (0..count).for_each(|_| out.message(&readout, "").unwrap());
        let bytes = out.take();
        let message = bytes.len() / count;
        let before = MEMORY.current_usage();
        let mut incoming = Incoming::client(Limits::default(), Readers::standard().unopened());
        let (mut rest, mut came, mut kept) = (bytes.as_slice(), 0, Vec::new());
        while came < count {
            while let Some(event) = incoming.poll_event().unwrap() {
                if came % 10 == 0 {
                    kept.push(event);
                }
                came += 1;
            }
            let buffer = incoming.receive_buffer();
            let room = buffer.capacity() - buffer.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            buffer.extend_from_slice(now);
            rest = later;
        }
        drop(incoming);
        let used = MEMORY.current_usage() - before;
        let most = kept.len() * (message + 2048);
        assert!(used > kept.len() * message, "what is kept is there");
        assert!(used < most, "{used} bytes for {} messages of {message}", kept.len());
    }
}
