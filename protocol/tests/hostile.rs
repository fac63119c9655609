//! Lengths that lie: they give an error or wait for bytes, and cost no memory. One test, because memory is measured for
//! the whole process.

use peak_alloc::PeakAlloc;
use protocol::{
    Limits,
    codec::{Readers, Writers},
    error::{ErrorKind, Fault},
    fuzzing::Source,
    session::{Incoming, Outgoing},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What any of the few hundred bytes below may cost, the receive buffer included.
const BOUND: usize = 64 << 10;

/// The memory that a session needs at most for these bytes, beyond what was in use; and its error.
fn cost(bytes: &[u8]) -> (usize, Option<ErrorKind>) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    incoming.handle_bytes(bytes);
    let mut error = None;
    for _ in 0..8 {
        match incoming.poll_event() {
            Ok(None) => break,
            Ok(Some(_)) => {}
            Err(found) => {
                error = Some(found.kind);
                break;
            }
        }
    }
    (MEMORY.peak_usage().saturating_sub(before), error)
}

fn message(id: u16, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[test]
fn hostile_lengths_cost_no_memory() {
    let huge = u64::MAX.to_le_bytes();
    let large = (1_u64 << 40).to_le_bytes();
    let one = 1_u64.to_le_bytes();
    let array = |sizes: &[u64]| {
        let mut bytes = (sizes.len() as u64).to_le_bytes().to_vec();
        sizes.iter().for_each(|size| bytes.extend(size.to_le_bytes()));
        bytes
    };
    let mut readout = [0xff; 340];
    readout[2..10].fill(0); // no flags: not compressed
    let mut compressed = [0xff; 340];
    compressed[2..10].copy_from_slice(&(1_u64 << 53).to_le_bytes());
    compressed[176..178].fill(0); // no trajectory
    let mut image = [0xff; 198];
    image[2..4].copy_from_slice(&[8, 0]);
    let within = 1_u64 << 20;

    let too_large: &[Vec<u8>] = &[
        message(5, &[&[0xff; 4]]),
        message(7, &[&[0; 8], &huge]),
        message(8, &[&huge]),
        message(1019, &[&huge]),
        message(1019, &[&large]),
        message(1022, &[&image, &huge]),
        message(1022, &[&image, &[0; 8]]),
        message(1018, &[&[0; 4], &huge]),
        message(1023, &[&huge]),
        message(1023, &[&large]),
        message(1023, &[&one, &array(&[u64::MAX; 7])]),
        message(1023, &[&one, &array(&[1 << 32, 1 << 32, 0])]),
        message(1023, &[&one, &array(&[1 << 16, 1 << 16, 1 << 16, 1 << 16])]),
        message(1023, &[&one, &huge]),
        message(1024, &[&array(&[u64::MAX, 0])]),
        message(1024, &[&array(&[0]), &array(&[u64::MAX])]),
        message(1024, &[&array(&[0]), &array(&[0]), &huge]),
        message(1050, &[huge.as_slice(); 13]),
        message(1050, &[large.as_slice(); 13]),
    ];
    for (case, bytes) in too_large.iter().enumerate() {
        // Enough bytes to follow that the smallest possible message could be complete.
        let (memory, error) = cost(&[bytes.as_slice(), &[0; 256]].concat());
        assert!(memory < BOUND, "case {case}: {memory} bytes");
        let kind = error.unwrap_or_else(|| panic!("case {case}: no error"));
        assert!(
            matches!(
                kind,
                ErrorKind::Body {
                    fault: Fault::TooLarge { .. },
                    ..
                }
            ),
            "case {case}: {kind}"
        );
    }

    // Within the limits, so they wait for bytes, and take no memory for those that have not come.
    let waiting: &[Vec<u8>] = &[
        message(1008, &[&compressed, &[0xff, 0xff, 0xff, 0x7f]]),
        message(1023, &[&within.to_le_bytes()]),
        message(1023, &[&one, &array(&[1 << 28])]),
        message(1024, &[&array(&[1 << 14, 1 << 14])]),
        message(1024, &[&array(&[0]), &array(&[0]), &within.to_le_bytes()]),
        message(1050, &[&within.to_le_bytes(), &[0; 96]]),
        message(5, &[&(16_u32 << 20).to_le_bytes()]),
        message(
            1022,
            &[
                &image[..10],
                &[0; 6],
                &[0xff, 0xff, 0xff, 0x00, 0x01, 0x00],
                &[0; 176],
                &[0; 8],
            ],
        ),
    ];
    for (case, bytes) in waiting.iter().enumerate() {
        let (memory, error) = cost(bytes);
        assert_eq!(error, None, "waiting case {case}");
        assert!(memory < BOUND, "waiting case {case}: {memory} bytes");
    }
    let (memory, _) = cost(&message(1008, &[&readout]));
    assert!(memory < BOUND, "a readout of 65535 x 65535: {memory} bytes");

    decoding_costs_a_constant_times_the_bytes();
    a_list_that_drips_in_is_not_read_again_and_again();
}

fn decoding_costs_a_constant_times_the_bytes() {
    let mut out = Outgoing::new(Writers::standard());
    for decision in 0..=255 {
        let decisions = [decision; 60];
        let mut source = Source::new(&decisions);
        out.clear();
        match decision % 5 {
            0 => out.message(&source.acquisition(), ""),
            1 => out.message(&source.recon_data(), ""),
            2 => out.message(&source.image_array(), ""),
            3 => out.message(&source.bucket(), ""),
            _ => out.message(&source.image::<f64>(), ""),
        }
        .unwrap();
        let bytes = out.buffer();
        let (memory, error) = cost(bytes);
        assert_eq!(error, None);
        let bound = BOUND + 16 * bytes.len();
        assert!(memory < bound, "{memory} bytes of memory for {} bytes", bytes.len());
    }
}

/// 100,000 attributes of one byte each, one byte at a time towards the end: a scan that began anew with every byte
/// would take minutes.
fn a_list_that_drips_in_is_not_read_again_and_again() {
    let items = 100_000_u64;
    let mut bytes = message(1024, &[&1_u64.to_le_bytes(), &[0; 8], &1_u64.to_le_bytes(), &[0; 8]]);
    bytes.extend(items.to_le_bytes());
    for _ in 0..items {
        bytes.extend(1_u64.to_le_bytes());
        bytes.push(0);
    }
    bytes.extend([0, 0]);
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    let (front, back) = bytes.split_at(bytes.len() / 2);
    incoming.handle_bytes(front);
    for byte in back {
        assert!(matches!(incoming.poll_event(), Ok(None)));
        incoming.handle_bytes(&[*byte]);
    }
    assert!(matches!(incoming.poll_event(), Ok(Some(_))));
}
