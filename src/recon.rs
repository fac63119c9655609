//! The whole job in one process: raw data from a file, images into a file, no server and no socket.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use engine::{BoxError, Input, Message, Output, channel::message_channel};
use gadgets::{Context, Flow, context::Storage};
use protocol::{AnyImage, IsmrmrdHeader, codec::Codecs, configuration::Configuration};
use tokio::runtime::Handle;

use crate::{
    assemble::{Plan, Settings},
    distribution::Distribution,
    files::{Hdf5DumpFiles, ImageFile, RawDataFile, ReadLimits, ScannerData},
};

/// What to reconstruct, and how.
#[derive(Clone)]
pub struct Recon {
    /// ISMRMRD raw data.
    pub input: PathBuf,
    /// Group of the raw data in the input file.
    pub group: String,
    /// Limits for reading it.
    pub read_limits: ReadLimits,
    /// The configuration's text.
    pub configuration: String,
    /// Image file; images are added to an existing one.
    pub output: PathBuf,
    /// Group of the images in the output file.
    pub output_group: String,
    /// Parameters for gadgets.
    pub parameters: BTreeMap<String, String>,
    /// Where measurements keep what later ones need.
    pub storage: Arc<dyn Storage>,
    /// How work is spread over workers.
    pub distribution: Arc<Distribution>,
    /// What may wait between two gadgets.
    pub capacity: engine::Capacity,
}

impl std::fmt::Debug for Recon {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Recon")
            .field("input", &self.input)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Readouts read.
    pub acquisitions: u64,
    /// Waveforms read.
    pub waveforms: u64,
    /// Bytes of both, as they lie in memory.
    pub bytes: u64,
    /// Images written.
    pub images: u64,
    /// What came out and is no image, with its count: no image file holds it.
    pub others: BTreeMap<&'static str, u64>,
    /// Wall time.
    pub elapsed: Duration,
}

impl Report {
    /// How many images were written and where, for people; without one there is no file.
    ///
    /// ```
    /// use gadgetron::recon::Report;
    /// assert_eq!(Report::default().images_in("out.h5".as_ref()), "no image");
    /// let report = Report { images: 2, ..Report::default() };
    /// assert_eq!(report.images_in("out.h5".as_ref()), "2 images in out.h5");
    /// ```
    pub fn images_in(&self, file: &Path) -> String {
        match self.images {
            0 => "no image".to_owned(),
            1 => format!("1 image in {}", file.display()),
            images => format!("{images} images in {}", file.display()),
        }
    }
}

/// Why it failed. What was complete before is in the output file.
#[derive(Debug, thiserror::Error)]
pub enum ReconError {
    /// The input file.
    #[error("{}: {cause}", file.display())]
    Input {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        cause: BoxError,
    },
    /// The output file.
    #[error("{}: {cause}", file.display())]
    Output {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        cause: BoxError,
    },
    /// The configuration.
    #[error("the configuration: {0}")]
    Configuration(String),
    /// The header in the input file.
    #[error("the ISMRMRD header: {0}")]
    Header(String),
    /// A gadget.
    #[error(transparent)]
    Stream(#[from] engine::Error),
}

impl Recon {
    /// Reads, reconstructs and writes; call it inside a tokio runtime.
    pub async fn run(self) -> Result<Report, ReconError> {
        let started = Instant::now();
        let configuration = Configuration::parse(&self.configuration)
            .map_err(|errors| ReconError::Configuration(crate::assemble::lines(&errors)))?;
        let settings = Settings {
            capacity: self.capacity,
            codecs: Arc::new(Codecs::standard()),
            distribution: self.distribution,
        };
        let plan =
            Plan::new(&configuration, &settings).map_err(|errors| ReconError::Configuration(errors.to_string()))?;
        let input_error = |cause: BoxError| ReconError::Input {
            file: self.input.clone(),
            cause,
        };
        let (input, group, limits) = (self.input.clone(), self.group.clone(), self.read_limits);
        let file = blocking(move || RawDataFile::open_with(&input, &group, limits)).await;
        let file = file.map_err(|error| input_error(error.into()))?;
        let header = IsmrmrdHeader::parse(file.header_xml()).map_err(|error| ReconError::Header(error.to_string()))?;
        let context = Context {
            parameters: Arc::new(self.parameters),
            storage: self.storage,
            dumps: Arc::new(Hdf5DumpFiles),
            ..Context::new(header)
        };
        let graph = plan
            .build(&context)
            .map_err(|errors| ReconError::Configuration(errors.to_string()))?;

        let (source, graph_input) = message_channel(self.capacity);
        let (graph_output, sink) = message_channel(self.capacity);
        let running = graph.spawn(graph_input, graph_output);
        let reading = tokio::task::spawn_blocking(move || read(file, source));
        let (output, output_group) = (self.output.clone(), self.output_group.clone());
        let writing = tokio::task::spawn_blocking(move || write(sink, output, output_group));

        let written = joined(writing).await;
        let run = running.join().await;
        let read = joined(reading).await;
        // The first cause: an input that broke off makes the graph stop, a graph that stopped makes reading stop.
        let (acquisitions, waveforms, bytes) = read.map_err(input_error)?;
        let (images, others) = written.map_err(|cause| ReconError::Output {
            file: self.output,
            cause,
        })?;
        run?;
        Ok(Report {
            acquisitions,
            waveforms,
            bytes,
            images,
            others,
            elapsed: started.elapsed(),
        })
    }
}

type Counts = (u64, u64, u64);

/// Feeds the graph from the file; runs on a thread that may block.
fn read(file: RawDataFile, mut source: Output<Message>) -> Result<Counts, BoxError> {
    let runtime = Handle::current();
    let (mut acquisitions, mut waveforms, mut bytes) = (0, 0, 0);
    for item in file {
        let data = match item {
            Ok(data) => data,
            Err(error) => {
                source.interrupt(&error.to_string());
                return Err(error.into());
            }
        };
        match &data {
            ScannerData::Acquisition(_) => acquisitions += 1,
            ScannerData::Waveform(_) => waveforms += 1,
        }
        let message = data.emit();
        bytes += message.weight() as u64;
        if runtime.block_on(source.send(message)).is_err() {
            // The graph stopped; its own result says why.
            break;
        }
    }
    Ok((acquisitions, waveforms, bytes))
}

/// Writes every image at once, so that an error later on does not lose it; runs on a thread that may block.
fn write(
    mut sink: Input<Message>,
    path: PathBuf,
    group: String,
) -> Result<(u64, BTreeMap<&'static str, u64>), BoxError> {
    let runtime = Handle::current();
    let mut file = None;
    let mut images = 0;
    let mut others = BTreeMap::new();
    while let Ok(Some(message)) = runtime.block_on(sink.next()) {
        match AnyImage::accept(message) {
            Ok(image) => {
                let file = match &mut file {
                    Some(file) => file,
                    None => file.insert(ImageFile::create_or_append(&path, &group)?),
                };
                file.write(&image)?;
                images += 1;
            }
            Err(message) => *others.entry(message.type_name()).or_insert(0) += 1,
        }
    }
    Ok((images, others))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn joined<T>(task: tokio::task::JoinHandle<Result<T, BoxError>>) -> Result<T, BoxError> {
    task.await.unwrap_or_else(|error| Err(error.into()))
}
