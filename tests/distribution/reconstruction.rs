//! Whole reconstructions: the program as head, and the same configuration in this process without workers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use gadgetron::{
    configurations::Configurations,
    files::{RAW_DATA_GROUP, ReadLimits},
    phantom::{self, PhantomArguments, PhantomSettings},
    recon::Recon,
};

use crate::{
    compare::{Tolerance, compare},
    process::{Process, gadgetron},
};

/// How many repetitions the phantom has: so many keys in `distributed`, so many jobs in `puredistributed`.
pub(crate) const REPETITIONS: u16 = 6;
/// Readouts of one repetition.
pub(crate) const LINES: u16 = 32;

/// Both ways to spread work, with the configurations that have them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Keyed,
    Pure,
}

impl Mode {
    pub(crate) const BOTH: [Self; 2] = [Self::Keyed, Self::Pure];

    pub(crate) fn configuration(self) -> &'static str {
        match self {
            Self::Keyed => "distributed_default.xml",
            Self::Pure => "distributed_image_default.xml",
        }
    }
}

/// A phantom and its images from a run in this process without workers.
pub(crate) struct Case {
    folder: tempfile::TempDir,
    configuration: &'static str,
}

/// What a head came to.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
    pub(crate) elapsed: Duration,
}

impl Finished {
    /// The lines that hold `words`.
    pub(crate) fn lines(&self, words: &str) -> Vec<&str> {
        self.said.lines().filter(|line| line.contains(words)).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.lines(" WARN ")
    }
}

impl Case {
    pub(crate) fn new(mode: Mode) -> Self {
        Self::of(mode.configuration(), REPETITIONS)
    }

    pub(crate) fn of(configuration: &'static str, repetitions: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments = PhantomArguments {
            output: folder.path().join("raw.h5"),
            group: RAW_DATA_GROUP.into(),
            settings: PhantomSettings {
                matrix: LINES,
                coils: 2,
                repetitions,
                noise: 0.1,
                ..PhantomSettings::default()
            },
        };
        phantom::write(&arguments).unwrap();
        let case = Self { folder, configuration };
        case.here();
        case
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn raw(&self) -> PathBuf {
        self.path("raw.h5")
    }

    fn here(&self) {
        let recon = Recon {
            input: self.raw(),
            group: RAW_DATA_GROUP.into(),
            read_limits: ReadLimits::default(),
            configuration: Configurations::new().find(self.configuration).unwrap(),
            output: self.path("here.h5"),
            output_group: "images".into(),
            parameters: BTreeMap::new(),
            storage: Arc::new(gadgets::context::NoStorage),
            distribution: Arc::default(),
            capacity: engine::Capacity::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(recon.run()).unwrap();
    }

    /// Runs the program over the case's data with this discovery command.
    pub(crate) fn run(&self, discovery: Option<&str>, options: &[&str]) -> Finished {
        let output = self.path("there.h5");
        let _ = std::fs::remove_file(&output);
        run(&self.raw(), self.configuration, &output, discovery, options)
    }

    /// The images must be those of the run in this process, bit by bit, and the program content.
    pub(crate) fn assert_equal(&self, finished: &Finished) {
        assert!(finished.status.success(), "{}", finished.said);
        self.assert_images(&self.path("there.h5"), &finished.said);
    }

    pub(crate) fn assert_images(&self, images: &Path, said: &str) {
        if let Err(differences) = compare(images, &self.path("here.h5"), Tolerance::Relative(0.0)) {
            panic!("{}\n{said}", differences.join("\n"));
        }
    }
}

/// Runs `gadgetron recon`.
pub(crate) fn run(
    input: &Path,
    configuration: &str,
    output: &Path,
    discovery: Option<&str>,
    options: &[&str],
) -> Finished {
    let mut command = gadgetron(&["recon", "-c", configuration, "-G", "images", "-o"]);
    command.arg(output).arg(input).args(options);
    if let Some(discovery) = discovery {
        command.env("GADGETRON_REMOTE_WORKER_COMMAND", discovery);
    }
    let started = Instant::now();
    let process = Process::start(command);
    let status = process.wait();
    Finished {
        status,
        said: process.said(),
        elapsed: started.elapsed(),
    }
}
