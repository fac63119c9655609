//! The fuzz targets' seeds, and the bytes that once broke something, on a stable compiler.

use std::path::Path;

use protocol::fuzzing::targets::{self, Target};

#[test]
fn every_seed_holds_the_properties_of_its_target() {
    let others: [(&str, Target); 2] = [
        ("discovery", distributed::fuzzing::discovery),
        ("hdf5", gadgetron::files::fuzzing::hdf5),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::ALL.iter().chain(&others) {
        let seeds = std::fs::read_dir(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut count = 0;
        for seed in seeds {
            let path = seed.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{}", path.display());
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
}
