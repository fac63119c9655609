//! The original's images of its distributed configurations, with no, one, two and five workers.

use crate::{
    compare::{Tolerance, compare},
    process::{Server, echo},
    reconstruction::run,
    support::data,
};

const GOLDEN: &[(&str, &str)] = &[
    ("tiny", "distributed_default"),
    ("shepp", "distributed_default"),
    ("shepp", "distributed_generic_default"),
    ("shepp", "distributed_image_default"),
    ("shepp_noise", "distributed_default"),
    ("shepp_noise", "distributed_generic_default"),
    ("shepp_noise", "distributed_image_default"),
    ("brain", "distributed_default"),
    ("brain", "distributed_generic_default"),
    ("brain", "distributed_image_default"),
];

fn as_the_original_with(workers: usize) {
    let workers: Vec<_> = (0..workers).map(|_| Server::start()).collect();
    let addresses: Vec<_> = workers.iter().map(|worker| worker.address).collect();
    let folder = tempfile::tempdir().unwrap();
    for (input, configuration) in GOLDEN {
        let output = folder.path().join(format!("{input}.{configuration}.h5"));
        let finished = run(
            &data(&format!("{input}.h5")),
            &format!("{configuration}.xml"),
            &output,
            Some(&echo(&addresses)),
            &[],
        );
        assert!(finished.status.success(), "{}", finished.said);
        let golden = data(&format!("{input}.{configuration}.h5"));
        if let Err(differences) = compare(&output, &golden, Tolerance::Relative(1e-5)) {
            panic!(
                "{input}, {configuration}:\n{}\n{}",
                differences.join("\n"),
                finished.said
            );
        }
        let alone = finished.said.contains("reconstructs alone");
        assert_eq!(alone, workers.is_empty(), "{}", finished.said);
    }
    // Nobody has more than four keys at a time, and the least loaded worker is asked first.
    for worker in workers.iter().take(2) {
        assert!(
            worker.process.said().contains("connection ended: closed"),
            "every worker had work: {}",
            worker.process.said()
        );
    }
}

#[test]
fn without_workers() {
    as_the_original_with(0);
}

#[test]
fn with_one_worker() {
    as_the_original_with(1);
}

#[test]
fn with_two_workers() {
    as_the_original_with(2);
}

#[test]
fn with_five_workers() {
    as_the_original_with(5);
}
