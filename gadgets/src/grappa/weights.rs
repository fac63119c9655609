//! GRAPPA weights from the calibration lines of each slice so far.
//!
//! [`Slice`] to [`WeightsUpdate`], one for each; class `cpuWeightsCalculator`. The lines of a slice are kept, newer ones
//! replacing older ones, until its position or orientation changes. Once enough lines about the centre are there, every
//! slice gives weights.
//!
//! Where the original takes whatever slices have come when its thread gets to them, so that an image can be made with the
//! weights of a later slice or of a much earlier one (with a phantom of alternating lines and noise: 8 to 19 percent
//! apart), an image here has the weights of the slices up to its own. Where it takes the distance of the last two readouts
//! for the acceleration, this takes the most frequent distance above one between neighbouring lines, so that reversed and
//! missing lines do no harm; and it does not read past the end of the readout (in the noise about that phantom this is
//! seen: 0.3 to 0.7 percent). Of many calibration lines it takes the columns about the echo; the original takes all.

use std::{collections::BTreeMap, collections::BTreeSet, ops::Range, sync::Arc};

use engine::{BoxError, Gadget, Input, Output};
use ndarray::Array3;
use num_complex::Complex32;
use protocol::AcquisitionHeader;

use super::{
    geometry::{self, Geometry},
    messages::{Slice, Weights, WeightsUpdate},
};
use crate::{
    Context,
    numerics::{
        CalibrationError,
        coil_map::{self, Method},
        grappa::{self, Calibration},
    },
    registry::Configured,
    room,
};

/// Lines about the centre, beside the central one, that calibration needs at least.
const CALIBRATION_LINES: usize = 8;
/// Equations for each unknown at most, as in three dimensions: lines of all repetitions can make up the whole k-space, and
/// beyond its middle they say little.
const OVER_DETERMINATION: f64 = 45.0;

crate::properties! {
    /// Properties of [`WeightsCalculator`].
    pub struct WeightsProperties {
        /// Pixels of a coil map's neighbourhood.
        "coil_map_estimation_ks" => pub coil_map_size: u16 = 5, in 0..=63,
        /// Power iterations of the coil maps.
        "coil_map_estimation_power" => pub coil_map_power: u16 = 3, in 0..=100,
        /// Kernel points along the phase encoding.
        "block_size_lines" => pub kernel_lines: u16 = 4, in 0..=31,
        /// Kernel points along the readout.
        "block_size_samples" => pub kernel_samples: u16 = 5, in 0..=31,
        /// Regularisation of the calibration.
        "convolution_kernel_threshold" => pub lambda: f32 = 5e-4,
        /// How many mebibytes of k-space and weights are kept, of all slices together.
        "max_kept_megabytes" => pub kept_megabytes: usize = 4096,
    }
}

/// The slices are too many, or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("k-space and weights of all slices are more than the {0} MiB that may be kept (property max_kept_megabytes)")]
pub struct TooMuchKept(pub usize);

/// What is kept of the slices beside one.
#[derive(Clone, Copy, Debug)]
struct Kept {
    samples: usize,
    megabytes: usize,
}

impl Kept {
    /// Whether arrays of so many samples may be kept beside it.
    fn with(self, arrays: &[usize]) -> Result<(), TooMuchKept> {
        let samples = arrays
            .iter()
            .fold(self.samples, |sum, array| sum.saturating_add(*array));
        match room::bytes_of::<Complex32>(&[samples]).div_ceil(1 << 20) <= self.megabytes {
            true => Ok(()),
            false => Err(TooMuchKept(self.megabytes)),
        }
    }
}

/// Class `cpuWeightsCalculator`.
#[derive(Debug)]
pub struct WeightsCalculator {
    properties: WeightsProperties,
    geometry: Geometry,
    slices: BTreeMap<u16, Known>,
}

impl Configured for WeightsCalculator {
    type Properties = WeightsProperties;
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            properties,
            geometry: Geometry::of(&context.header)?,
            slices: BTreeMap::new(),
        })
    }
}

impl Gadget for WeightsCalculator {
    type In = Slice;
    type Out = WeightsUpdate;
    async fn run(mut self, mut input: Input<Self::In>, mut output: Output<Self::Out>) -> Result<(), BoxError> {
        while let Some(slice) = input.next().await? {
            let (used, update) = engine::compute(move || {
                let update = self.update(&slice);
                (self, update)
            })
            .await;
            self = used;
            if let Some(update) = update? {
                output.send(update).await?;
            }
        }
        Ok(())
    }
}

/// What is known of a slice.
#[derive(Debug, Default)]
struct Known {
    /// Position, readout, phase and slice direction.
    orientation: Option<[[f32; 3]; 4]>,
    /// `[channels, lines, samples]`.
    kspace: Vec<Complex32>,
    /// Samples of the weights that it gave last, which wait for its images.
    weights: usize,
    /// Lines measured.
    lines: BTreeSet<usize>,
    acceleration: Option<usize>,
}

fn orientation(header: &AcquisitionHeader) -> [[f32; 3]; 4] {
    [header.position, header.read_dir, header.phase_dir, header.slice_dir]
}

impl WeightsCalculator {
    fn update(&mut self, slice: &Slice) -> Result<Option<WeightsUpdate>, BoxError> {
        let Some(last) = slice.last() else { return Ok(None) };
        let index = last.idx.slice;
        let others = self.slices.iter().filter(|(slice, _)| **slice != index);
        let kept = Kept {
            samples: others.map(|(_, known)| known.kspace.len() + known.weights).sum(),
            megabytes: self.properties.kept_megabytes,
        };
        let known = self.slices.entry(index).or_default();
        let mut uncombined = 0;
        let mut imaging = BTreeSet::new();
        for readout in slice.readouts.iter() {
            let header = &readout.acquisition.header;
            if known.orientation != Some(orientation(header)) {
                *known = Known {
                    orientation: Some(orientation(header)),
                    weights: known.weights,
                    ..Known::default()
                };
                imaging.clear();
            }
            if known.kspace.is_empty() {
                let channels = readout.acquisition.data.nrows();
                known.kspace = self.geometry.kspace(channels)?;
                kept.with(&[known.kspace.len(), known.weights])?;
            }
            self.geometry.write(&readout.acquisition, &mut known.kspace)?;
            let line = self.geometry.line(header)?;
            known.lines.insert(line);
            if !geometry::only_calibrates(header) {
                imaging.insert(line);
            }
            uncombined = readout.uncombined;
        }
        known.acceleration = spacing(&imaging).or(known.acceleration);
        let calibration = self.geometry.calibration(&known.lines);
        let weights = match known.acceleration.or(self.geometry.acceleration) {
            Some(acceleration) if calibration.len() > CALIBRATION_LINES => {
                let channels = known.kspace.len() / self.geometry.extent.volume();
                let sets = 1 + uncombined.min(channels);
                known.weights = sets.saturating_mul(known.kspace.len());
                kept.with(&[known.kspace.len(), known.weights])?;
                // Beside them, the maps of the coils.
                room::elements::<Complex32>("the weights of a slice", &[1 + sets, known.kspace.len()])?;
                let (geometry, properties) = (self.geometry, &self.properties);
                match weights(known, acceleration, calibration, uncombined, geometry, properties) {
                    // More may come.
                    Err(error) if error.downcast_ref().is_some_and(CalibrationError::lacks_lines) => None,
                    made => Some(Arc::new(made?)),
                }
            }
            _ => None,
        };
        Ok(Some(WeightsUpdate {
            number: slice.number,
            slice: index,
            weights,
        }))
    }
}

impl Geometry {
    /// The lines about the centre that were measured without a gap.
    fn calibration(&self, lines: &BTreeSet<usize>) -> Range<usize> {
        let centre = self.extent.e1 / 2;
        if !lines.contains(&centre) {
            return centre..centre;
        }
        let below = (1..=centre).take_while(|d| lines.contains(&(centre - d))).count();
        let above = (1..).take_while(|d| lines.contains(&(centre + d))).count();
        centre - below..centre + above + 1
    }
}

/// The distance of neighbouring lines outside of the calibration lines; `None` with fewer than two lines.
fn spacing(lines: &BTreeSet<usize>) -> Option<usize> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (a, b) in lines.iter().zip(lines.iter().skip(1)) {
        *counts.entry(b - a).or_default() += 1;
    }
    let beyond_one = counts.iter().filter(|(distance, _)| **distance > 1);
    beyond_one
        .max_by_key(|(distance, count)| (**count, usize::MAX - **distance))
        .or_else(|| counts.iter().next())
        .map(|(distance, _)| *distance)
}

fn weights(
    known: &Known,
    acceleration: usize,
    calibration: Range<usize>,
    uncombined: usize,
    geometry: Geometry,
    properties: &WeightsProperties,
) -> Result<Weights, BoxError> {
    let extent = geometry.extent;
    let channels = known.kspace.len() / extent.volume();
    let mut maps = known.kspace.clone();
    extent.to_image(&mut maps);
    let method = Method::Inati {
        in_plane: properties.coil_map_size.into(),
        through: 1,
        power: properties.coil_map_power.into(),
    };
    method.fits(channels, extent)?;
    coil_map::replace(&mut maps, channels, extent, method);
    let fit = Calibration {
        acceleration: [acceleration, 1],
        kernel: [properties.kernel_samples.into(), properties.kernel_lines.into(), 1],
        lambda: properties.lambda.into(),
        over_determination: OVER_DETERMINATION,
        fit_measured: false,
    };
    let kernel = fit.fit(&known.kspace, &known.kspace, extent, [0..extent.ro, calibration, 0..1])?;
    let shape = (channels, extent.e1, extent.ro);
    let mut sets = vec![Array3::from_shape_vec(
        shape,
        grappa::unmixing(&kernel, &maps, extent, acceleration).coefficients,
    )?];
    for channel in channels.saturating_sub(uncombined)..channels {
        let factors: Vec<Complex32> = (0..channels)
            .flat_map(|src| kernel.in_image(src, channel, extent))
            .collect();
        sets.push(Array3::from_shape_vec(shape, factors)?);
    }
    Ok(Weights {
        uncombined: sets.len() - 1,
        sets,
    })
}

#[cfg(test)]
mod tests {
    use protocol::{
        acquisition::flag,
        header::{Limit, ParallelImaging},
    };

    use super::*;
    use crate::{
        grappa::messages::AnnotatedAcquisition,
        testing::{build, header, noise, readout, run},
    };

    /// A slice of 48 lines with 16 samples of 4 channels, 24 KiB of k-space, that are all measured.
    fn slice(number: u16) -> Slice {
        of_lines(number, 0..48, &[])
    }

    fn of_lines(number: u16, lines: Range<u16>, flags: &[u32]) -> Slice {
        let line = |line: u16| {
            let mut acquisition = readout(4, 16, |channel, sample| {
                noise(u64::from(line), channel, sample) * (1.0 + channel as f32)
            });
            acquisition.header.idx.slice = number;
            acquisition.header.idx.kspace_encode_step_1 = line;
            flags.iter().for_each(|flag| acquisition.header.set_flag(*flag));
            AnnotatedAcquisition {
                acquisition,
                uncombined: 1,
            }
        };
        Slice {
            number: number.into(),
            readouts: lines.map(line).collect(),
        }
    }

    #[test]
    fn properties_have_ranges() {
        let context = Context::new(header([16, 48, 1], [16, 48, 1]));
        for (name, value, most) in [
            ("coil_map_estimation_power", "65535", 100),
            ("coil_map_estimation_ks", "64", 63),
            ("block_size_lines", "32", 31),
            ("block_size_samples", "32", 31),
        ] {
            let words = build::<WeightsCalculator>(&[(name, value)], &context)
                .unwrap_err()
                .to_string();
            let expected = format!("property \"{name}\": expected a number from 0 to {most}, found {value}");
            assert!(words.ends_with(&expected), "{words}");
        }
    }

    fn context() -> Context {
        let mut head = header([16, 48, 1], [16, 48, 1]);
        head.encoding[0].encoding_limits.kspace_encoding_step_1 = Some(Limit {
            minimum: 0,
            maximum: 47,
            center: 24,
        });
        head.encoding[0].parallel_imaging = Some(ParallelImaging {
            acceleration_factor: [4, 1],
            ..ParallelImaging::default()
        });
        Context::new(head)
    }

    #[test]
    fn lines_that_are_too_few_for_the_kernel_are_waited_for() {
        // A kernel of four lines that are four apart spans thirteen.
        let slices = [19..29, 29..30, 30..34].map(|lines| of_lines(0, lines, &[flag::IS_PARALLEL_CALIBRATION]));
        let (updates, end) = run::<WeightsCalculator>(build(&[], &context()).unwrap(), slices.into());
        end.unwrap();
        let calibrated: Vec<bool> = updates.iter().map(|update| update.weights.is_some()).collect();
        assert_eq!(calibrated, [false, false, true]);
    }

    #[test]
    fn what_is_kept_of_all_slices_is_bounded() {
        let context = context();
        // 72 KiB each, with two sets of weights: of 15 slices 1080 KiB.
        let slices = || (0..15).map(slice).collect();
        let (updates, end) =
            run::<WeightsCalculator>(build(&[("max_kept_megabytes", "1")], &context).unwrap(), slices());
        assert_eq!(updates.len(), 14);
        assert_eq!(end.unwrap_err().to_string(), TooMuchKept(1).to_string());
        let (updates, end) =
            run::<WeightsCalculator>(build(&[("max_kept_megabytes", "2")], &context).unwrap(), slices());
        assert!(end.is_ok() && updates.iter().all(|update| update.weights.is_some()));
        assert_eq!(updates.len(), 15);
    }

    #[test]
    fn the_spacing_is_that_of_most_lines_outside_of_the_calibration() {
        let of = |lines: &[usize]| spacing(&lines.iter().copied().collect());
        assert_eq!(of(&[0, 2, 4, 6, 7, 8, 9, 10, 12, 14]), Some(2));
        assert_eq!(
            of(&[14, 11, 8, 2, 5, 20]),
            Some(3),
            "a line is missing, the order is reversed"
        );
        assert_eq!(of(&[3, 4, 5]), Some(1));
        assert_eq!(of(&[3]), None);
    }
}
