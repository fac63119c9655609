//! What the reconstructions of Cartesian data have in common: how they take messages apart and describe their images.

use engine::BoxError;
use ndarray::{ArcArray, IxDyn};
use num_complex::Complex32;
use protocol::{BufferedData, ImageArray, IsmrmrdHeader, ReconData, Waveform};

use super::{
    describe::{self, Study},
    encodings::{self, EncodingFacts},
    roles::{self, Role},
};
use crate::numerics::{
    coil_map::Method,
    frames::{Dims, Frames},
};

/// There are no calibration data, and none came with an earlier message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("encoding space {0} has no calibration data; is GenericReconCartesianReferencePrepGadget in the chain?")]
pub(super) struct NotCalibrated(pub(super) usize);

/// What a reconstruction knows before the first message.
#[derive(Debug)]
pub(super) struct Setting {
    /// Number of the series before the first.
    image_series: i32,
    /// How coil maps are made.
    pub(super) method: Method,
    encodings: Vec<EncodingFacts>,
    study: Study,
}

/// The data of one encoding space.
pub(super) struct Space {
    /// Its number.
    pub(super) number: usize,
    /// What the header says of it.
    pub(super) facts: EncodingFacts,
    /// Sizes of the data.
    pub(super) dims: Dims,
    /// Calibration data. Dropped before [`Space::samples`] they leave the samples to the data.
    pub(super) reference: Option<BufferedData>,
    /// The data, their samples taken out.
    pub(super) buffer: BufferedData,
    samples: ArcArray<Complex32, IxDyn>,
}

impl Setting {
    pub(super) fn new(header: &IsmrmrdHeader, image_series: i32, method: Method) -> Self {
        Self {
            image_series,
            method,
            encodings: encodings::all(header),
            study: Study::of(header),
        }
    }

    /// One place for each encoding space.
    pub(super) fn for_each_space<T>(&self) -> Vec<Option<T>> {
        self.encodings.iter().map(|_| None).collect()
    }

    /// The encoding spaces that have data.
    pub(super) fn spaces(&self, data: ReconData) -> impl Iterator<Item = Result<Space, BoxError>> {
        let bits = data.bits.into_iter().enumerate();
        let with_data = bits.filter(|(_, bit)| !bit.data.data.is_empty());
        with_data.map(|(number, mut bit)| {
            let samples = std::mem::take(&mut bit.data.data);
            Ok(Space {
                number,
                facts: *encodings::get(&self.encodings, number)?,
                dims: Dims::of(samples.shape())?,
                reference: bit.reference,
                buffer: bit.data,
                samples,
            })
        })
    }

    /// The images of a space with headers and attributes, not yet announced.
    pub(super) fn described(&self, images: Frames, space: &Space, waveforms: &[Waveform]) -> ImageArray {
        let Space {
            buffer, number, facts, ..
        } = space;
        describe::image_array(images, buffer, *number, facts, &self.study, waveforms)
    }

    /// `array` with its numbers and its role; `series` as [`roles::series`] has it: the step from one encoding space to the
    /// next, and the first.
    pub(super) fn announced(
        &self,
        mut array: ImageArray,
        space: &Space,
        [step, first]: [usize; 2],
        role: Role,
    ) -> ImageArray {
        let series = roles::series(self.image_series, step, space.number, first);
        roles::announce(&mut array, &space.facts, space.dims.extent.e2, series, role);
        array
    }
}

impl Space {
    /// The samples of the data, to change in place where the calibration data do not have them too. Once.
    pub(super) fn samples(&mut self) -> Result<Frames, BoxError> {
        Ok(Frames::from_shared(std::mem::take(&mut self.samples))?)
    }
}
