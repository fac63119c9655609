//! Gathers the readouts of a slice, until its last one.
//!
//! [`AnnotatedAcquisition`] to [`Slice`]; class `SliceAccumulator`. Slices measured in turns are kept apart (the original
//! mixes them), and what is gathered when the stream ends comes out as the last slices (there it is lost).

use std::collections::BTreeMap;

use engine::{BoxError, Gadget, Input, Output};
use protocol::acquisition::flag;

use super::messages::{AnnotatedAcquisition, Slice};
use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`SliceAccumulator`].
    pub struct SliceAccumulatorProperties {}
}

/// Class `SliceAccumulator`.
#[derive(Debug)]
pub struct SliceAccumulator;

impl Configured for SliceAccumulator {
    type Properties = SliceAccumulatorProperties;
    fn new(_: Self::Properties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Gadget for SliceAccumulator {
    type In = AnnotatedAcquisition;
    type Out = Slice;
    async fn run(self, mut input: Input<Self::In>, mut output: Output<Self::Out>) -> Result<(), BoxError> {
        let mut gathered: BTreeMap<u16, Vec<AnnotatedAcquisition>> = BTreeMap::new();
        let mut number = 0;
        while let Some(readout) = input.next().await? {
            let header = readout.acquisition.header;
            if header.is_flag_set(flag::IS_NOISE_MEASUREMENT) {
                continue;
            }
            gathered.entry(header.idx.slice).or_default().push(readout);
            if header.is_flag_set(flag::LAST_IN_SLICE) {
                let readouts = gathered.remove(&header.idx.slice).unwrap_or_default().into();
                output.send(Slice { number, readouts }).await?;
                number += 1;
            }
        }
        for readouts in gathered.into_values() {
            output
                .send(Slice {
                    number,
                    readouts: readouts.into(),
                })
                .await?;
            number += 1;
        }
        Ok(())
    }
}
