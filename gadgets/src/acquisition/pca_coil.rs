//! Virtual coils: the principal components of the coils, strongest first, for each slice.
//!
//! [`Acquisition`] to [`Acquisition`]; noise ends here. The components of a slice come from its first readouts (up to its
//! last, or 100 of them): 16 samples around the echo of each, or all samples when there are fewer than 16 readouts. They
//! do not change after that. Answers to Gadgetron's `PCACoilGadget`. Where that goes wrong, this does the following:
//!
//! - Readouts leave in the order they came, also across slices that are gathered at the same time.
//! - At the end of the stream a slice that never became complete is transformed with what there is; the original drops it.
//!   When the stream breaks off, what is held is dropped, unless the last readout was the last of the measurement.
//! - However many slices are gathered at once, at most 1024 readouts wait; then the first slice has to do with what it has.

use std::collections::{BTreeMap, VecDeque};

use engine::{BoxError, Gadget, Input, Output};
use ndarray::Array2;
use protocol::{Acquisition, Complex32, acquisition::flag};

use super::principal::{self, PrincipalError};
use crate::{Context, registry::Configured};

/// Readouts of a slice that its components come from, at most.
const PROFILES: usize = 100;

/// Below this number of readouts all their samples are used.
const FEW_PROFILES: usize = 16;

/// Samples around the echo that are used of each readout.
const SAMPLES: usize = 16;

/// Readouts of all slices that may wait.
const MOST_HELD: usize = 1024;

crate::properties! {
    /// Properties of [`PcaCoil`].
    pub struct PcaCoilProperties {
        /// Names of coils, separated by commas, that are not combined and come first.
        "uncombined_channels_by_name" => pub uncombined: String = String::new(),
        /// The number of such coils; for references from other gadgets, without effect here.
        "present_uncombined_channels" => pub present_uncombined: i32 = 0,
    }
}

/// Transforms coils into their principal components.
#[derive(Debug)]
pub struct PcaCoil {
    uncombined: Vec<usize>,
}

impl Configured for PcaCoil {
    type Properties = PcaCoilProperties;

    fn new(properties: PcaCoilProperties, context: &Context) -> Result<Self, BoxError> {
        let system = context.header.acquisition_system_information.as_ref();
        let coils = system.map_or(&[][..], |system| &system.coil_label);
        let names = properties.uncombined.split(',').map(str::trim);
        let channel = |name: &str| coils.iter().position(|coil| coil.coil_name == name);
        let mut uncombined = Vec::new();
        for channel in names.filter_map(channel) {
            if !uncombined.contains(&channel) {
                uncombined.push(channel);
            }
        }
        Ok(Self { uncombined })
    }
}

impl Gadget for PcaCoil {
    type In = Acquisition;
    type Out = Acquisition;

    async fn run(self, mut input: Input<Acquisition>, mut output: Output<Acquisition>) -> Result<(), BoxError> {
        let mut held = Held {
            uncombined: self.uncombined,
            readouts: VecDeque::new(),
            slices: BTreeMap::new(),
        };
        let mut last_in_measurement = false;
        let end = loop {
            let readout = match input.next().await {
                Ok(Some(readout)) => readout,
                Ok(None) => break Ok(()),
                Err(interrupted) if last_in_measurement => break Err(interrupted.into()),
                Err(interrupted) => return Err(interrupted.into()),
            };
            if readout.header.is_flag_set(flag::IS_NOISE_MEASUREMENT) {
                continue;
            }
            last_in_measurement = readout.header.is_flag_set(flag::LAST_IN_MEASUREMENT);
            held.push(readout).await?;
            while let Some(readout) = held.pop()? {
                output.send(readout).await?;
            }
        };
        while let Some(slice) = held.first_slice() {
            held.prepare(slice).await?;
            while let Some(readout) = held.pop()? {
                output.send(readout).await?;
            }
        }
        end
    }
}

enum SliceState {
    /// So many of its readouts are held.
    Gathering(usize),
    /// `[component, channel]`.
    Ready(Array2<Complex32>),
}

/// Readouts that wait for the components of their slice, or behind such, in the order they came.
struct Held {
    uncombined: Vec<usize>,
    readouts: VecDeque<Acquisition>,
    slices: BTreeMap<u16, SliceState>,
}

impl Held {
    async fn push(&mut self, readout: Acquisition) -> Result<(), BoxError> {
        let slice = readout.header.idx.slice;
        let last_in_slice = readout.header.is_flag_set(flag::LAST_IN_SLICE);
        self.readouts.push_back(readout);
        let state = self.slices.entry(slice).or_insert(SliceState::Gathering(0));
        if let SliceState::Gathering(profiles) = state {
            *profiles += 1;
            if last_in_slice || *profiles >= PROFILES {
                self.prepare(slice).await?;
            }
        }
        if self.readouts.len() > MOST_HELD
            && let Some(slice) = self.first_slice()
        {
            self.prepare(slice).await?;
        }
        Ok(())
    }

    /// The slice that the first of the readouts belongs to.
    fn first_slice(&self) -> Option<u16> {
        self.readouts.front().map(|readout| readout.header.idx.slice)
    }

    /// The first of the readouts, transformed, when the components of its slice are known.
    fn pop(&mut self) -> Result<Option<Acquisition>, BoxError> {
        let Some(SliceState::Ready(components)) = self.first_slice().and_then(|slice| self.slices.get(&slice)) else {
            return Ok(None);
        };
        let Some(mut readout) = self.readouts.pop_front() else {
            return Ok(None);
        };
        let (found, expected) = (readout.data.nrows(), components.ncols());
        if found != expected {
            return Err(PrincipalError::Channels { found, expected }.into());
        }
        readout.data = components.dot(&readout.data);
        Ok(Some(readout))
    }

    /// Computes the components of a slice from its readouts that are held.
    async fn prepare(&mut self, slice: u16) -> Result<(), BoxError> {
        if matches!(self.slices.get(&slice), Some(SliceState::Ready(_))) {
            return Ok(());
        }
        let samples = gather(self.readouts.iter().filter(|readout| readout.header.idx.slice == slice))?;
        let uncombined = self.uncombined.clone();
        let components = engine::compute(move || principal::components(samples, &uncombined)).await?;
        self.slices.insert(slice, SliceState::Ready(components));
        Ok(())
    }
}

/// The samples of all readouts that count, shape `[channels, samples]`.
fn gather<'a>(readouts: impl Iterator<Item = &'a Acquisition> + Clone) -> Result<Array2<Complex32>, PrincipalError> {
    let few = readouts.clone().count() < FEW_PROFILES;
    let Some(last) = readouts.clone().last() else {
        return Ok(Array2::zeros((0, 0)));
    };
    let (channels, length) = last.data.dim();
    let used = if few { length } else { length.min(SAMPLES) };
    let first = usize::from(last.header.center_sample).saturating_sub(used / 2);
    let mut rows = vec![Vec::new(); channels];
    for readout in readouts {
        let (found, length) = readout.data.dim();
        if found != channels {
            return Err(PrincipalError::Channels {
                found,
                expected: channels,
            });
        }
        // Echoes late in a short readout: the window stays inside it.
        let first = first.min(length.saturating_sub(used));
        for (row, samples) in rows.iter_mut().zip(readout.data.rows()) {
            row.extend(samples.iter().skip(first).take(used));
        }
    }
    let count = rows.first().map_or(0, Vec::len);
    Ok(Array2::from_shape_vec((channels, count), rows.concat()).expect("rows of equal length"))
}

#[cfg(test)]
mod tests;
