//! Raw data of a known object: what an ideal scanner would measure, so that a reconstruction can be held against the truth.
//!
//! The object is the modified Shepp-Logan head (ten ellipses), whose Fourier transform is known in closed form; the
//! coils' sensitivities are sums of nine harmonics, so the signal of a coil is an exact sum of nine samples of that
//! transform. Nothing is interpolated or simulated on a grid.

mod bessel;
mod coils;
mod header;
mod object;
mod random;
mod readouts;

use std::path::PathBuf;

use ndarray::Array2;
use protocol::IsmrmrdHeader;

use crate::files::{FileError, RAW_DATA_GROUP, RawDataWriter, ScannerData};

/// Arguments of `gadgetron phantom`.
#[derive(Clone, Debug, clap::Args)]
pub struct PhantomArguments {
    /// The file to write; an old one is replaced.
    #[arg(short, long)]
    pub output: PathBuf,
    /// Group of the raw data in the file.
    #[arg(short, long, default_value = RAW_DATA_GROUP)]
    pub group: String,
    /// What is measured, and how.
    #[command(flatten)]
    pub settings: PhantomSettings,
}

/// What is measured, and how.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct PhantomSettings {
    /// Pixels along x and y; even, 16 to 1024.
    #[arg(long, default_value_t = 128)]
    pub matrix: u16,
    /// Coils, 1 to 256.
    #[arg(long, default_value_t = 8)]
    pub coils: u16,
    /// Repetitions.
    #[arg(long, default_value_t = 1)]
    pub repetitions: u16,
    /// Slices, 1 to 256.
    #[arg(long, default_value_t = 1)]
    pub slices: u16,
    /// Measure one line in so many.
    #[arg(long, default_value_t = 1)]
    pub acceleration: u16,
    /// Lines around the centre that are measured all the same; a quarter of the matrix, at most 32, if accelerated.
    #[arg(long)]
    pub calibration_lines: Option<u16>,
    /// Standard deviation of the noise in a pixel of a coil's image, real and imaginary part each; the skull has
    /// brightness 1.
    #[arg(long, default_value_t = 0.0)]
    pub noise: f32,
    /// Begin with readouts of noise alone.
    #[arg(long)]
    pub noise_scan: bool,
    /// Add an ECG.
    #[arg(long)]
    pub waveforms: bool,
    /// Seed of the noise: the same seed gives the same data.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Default for PhantomSettings {
    fn default() -> Self {
        Self {
            matrix: 128,
            coils: 8,
            repetitions: 1,
            slices: 1,
            acceleration: 1,
            calibration_lines: None,
            noise: 0.0,
            noise_scan: false,
            waveforms: false,
            seed: 1,
        }
    }
}

/// Why there is no phantom.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// A setting that makes no sense.
    #[error("{name} is {value}, but must be {expected}")]
    Setting {
        /// The option.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A measurement of the phantom.
#[derive(Debug)]
pub struct Phantom {
    settings: PhantomSettings,
    coils: Vec<coils::Coil>,
    /// Transforms of the object, one for each slice.
    spectra: Vec<Array2<num_complex::Complex32>>,
}

impl Phantom {
    /// Checks the settings and computes the object's transform (8 bytes times four times the matrix for each slice).
    pub fn new(settings: PhantomSettings) -> Result<Self, PhantomError> {
        check(&settings)?;
        let matrix = usize::from(settings.matrix);
        Ok(Self {
            coils: coils::ring(settings.coils),
            spectra: (0..settings.slices)
                .map(|slice| object::spectrum(&object::shepp_logan(zoom(&settings, slice)), matrix))
                .collect(),
            settings,
        })
    }

    /// The settings.
    pub fn settings(&self) -> &PhantomSettings {
        &self.settings
    }

    /// The header of the measurement.
    pub fn header(&self) -> IsmrmrdHeader {
        header::header(&self.settings)
    }

    /// Readouts and waveforms, in the order of their time stamps.
    pub fn items(&self) -> impl Iterator<Item = ScannerData> + '_ {
        readouts::items(self)
    }

    /// The true image of a slice, shape `[y, x]`: the object's brightness times the root of the sum of squares of the
    /// coils' sensitivities, averaged over each pixel. This is what a root-sum-of-squares reconstruction should give,
    /// up to the ringing at edges that every finite measurement has.
    pub fn truth(&self, slice: u16) -> Array2<f32> {
        let matrix = usize::from(self.settings.matrix);
        let mut image = object::image(&object::shepp_logan(zoom(&self.settings, slice)), matrix);
        for ((y, x), pixel) in image.indexed_iter_mut() {
            *pixel *= coils::root_sum_of_squares(&self.coils, object::position(x, matrix), object::position(y, matrix));
        }
        image
    }
}

/// How large the head is in a slice: as if the slices cut a ball.
fn zoom(settings: &PhantomSettings, slice: u16) -> f64 {
    let middle = (f64::from(settings.slices) - 1.0) / 2.0;
    let height = (f64::from(slice) - middle) / (middle + 1.0);
    (1.0 - 0.6 * height * height).sqrt()
}

fn check(settings: &PhantomSettings) -> Result<(), PhantomError> {
    let refuse = |name, value: String, expected| Err(PhantomError::Setting { name, value, expected });
    let PhantomSettings {
        matrix, coils, slices, ..
    } = *settings;
    if !(16..=1024).contains(&matrix) || matrix % 2 != 0 {
        return refuse("matrix", matrix.to_string(), "even, from 16 to 1024");
    }
    if !(1..=256).contains(&coils) {
        return refuse("coils", coils.to_string(), "from 1 to 256");
    }
    if !(1..=256).contains(&slices) {
        return refuse("slices", slices.to_string(), "from 1 to 256");
    }
    if settings.repetitions == 0 {
        return refuse("repetitions", "0".into(), "at least 1");
    }
    if !(1..=matrix / 2).contains(&settings.acceleration) {
        return refuse(
            "acceleration",
            settings.acceleration.to_string(),
            "from 1 to half the matrix",
        );
    }
    if settings.calibration_lines.is_some_and(|lines| lines > matrix) {
        return refuse(
            "calibration-lines",
            format!("{:?}", settings.calibration_lines),
            "at most the matrix",
        );
    }
    if !(settings.noise.is_finite() && settings.noise >= 0.0) {
        return refuse("noise", settings.noise.to_string(), "a number from 0 on");
    }
    Ok(())
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Readouts.
    pub readouts: u64,
    /// Waveforms.
    pub waveforms: u64,
}

/// Writes a measurement of the phantom to a file. Blocks.
pub fn write(arguments: &PhantomArguments) -> Result<Written, PhantomError> {
    let phantom = Phantom::new(arguments.settings.clone())?;
    let mut file = RawDataWriter::create(&arguments.output, &arguments.group, &phantom.header().to_xml())?;
    let mut written = Written {
        readouts: 0,
        waveforms: 0,
    };
    for item in phantom.items() {
        match item {
            ScannerData::Acquisition(readout) => {
                file.acquisition(&readout)?;
                written.readouts += 1;
            }
            ScannerData::Waveform(waveform) => {
                file.waveform(&waveform)?;
                written.waveforms += 1;
            }
        }
    }
    file.finish()?;
    Ok(written)
}

#[cfg(test)]
mod tests;
