//! Brings images to the matrix to reconstruct: interpolates, makes coarser, cuts.
//!
//! [`ImageArray`] to the same; class `GenericReconFieldOfViewAdjustmentGadget`. Differences from the original: images whose
//! readout was oversampled are interpolated too (there the result is thrown away), three-dimensional interpolation keeps
//! the intensity, and cutting an even number of pixels to an odd one keeps the centre.
//!
//! `--parameter reconed_images_after_post_processing=FILE` names a file for the images it makes.

use std::sync::{Mutex, PoisonError};

use engine::{BoxError, PureGadget};
use protocol::{Complex32, ImageArray};

use super::{
    encodings::{self, EncodingFacts},
    limits,
    streams::{self, Streams},
};
use crate::{
    Context,
    numerics::{
        frames::{Dims, Extent, Frames},
        resize,
    },
    registry::Configured,
    room,
};

crate::properties! {
    /// Properties of [`FieldOfViewAdjustment`].
    pub struct FieldOfViewAdjustmentProperties {}
}

/// Fields of view closer than this are the same, in millimetres.
const SAME_FIELD_OF_VIEW: f64 = 0.1;

/// Class `GenericReconFieldOfViewAdjustmentGadget`.
#[derive(Debug)]
pub struct FieldOfViewAdjustment {
    encodings: Vec<EncodingFacts>,
    /// Nothing that is sent depends on it.
    streams: Mutex<Streams>,
}

impl Configured for FieldOfViewAdjustment {
    type Properties = FieldOfViewAdjustmentProperties;
    fn new(_: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            encodings: encodings::all(&context.header),
            streams: Mutex::new(Streams::new(context)),
        })
    }
}

impl PureGadget for FieldOfViewAdjustment {
    type In = ImageArray;
    type Out = ImageArray;
    fn process(&self, mut array: ImageArray) -> Result<ImageArray, BoxError> {
        if let Some(target) = self.target(&array)? {
            let mut frames = Frames::from_array(std::mem::take(&mut array.data))?;
            let from = frames.dims.extent;
            for to in [target.resampled, target.cut] {
                let [ro, e1, e2] = to.sizes();
                let sizes = [frames.dims.frames() * frames.dims.cha, e2, e1, ro];
                room::elements::<Complex32>("images of the matrix to reconstruct", &sizes)?;
            }
            resize::resample(&mut frames.data, from, target.resampled);
            if target.cut != target.resampled {
                frames.data = resize::place(frames.data, target.resampled, target.cut);
            }
            frames.dims.extent = target.cut;
            array.data = frames.into_array();
        }
        let sizes = Dims::of(array.data.shape())?.extent.sizes();
        for header in &mut array.headers {
            // Sizes come from 16 bit fields; larger ones would be cut off at the field's end.
            header.matrix_size = sizes.map(|size| u16::try_from(size).unwrap_or(u16::MAX));
        }
        // A file that is half written stays as usable as it is, whatever panicked.
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.images(streams::FINISHED_IMAGES, &array)?;
        drop(streams);
        Ok(array)
    }
}

/// First the pixels get the size they are to have, then the field of view is cut.
struct Target {
    resampled: Extent,
    cut: Extent,
}

impl FieldOfViewAdjustment {
    /// What to do with `array`; nothing where its fields of view are not known, or smaller than those to reconstruct.
    fn target(&self, array: &ImageArray) -> Result<Option<Target>, BoxError> {
        let Some(meta) = limits::of_array(array) else {
            return Ok(None);
        };
        let fields = limits::numbers::<3>(meta, "encoding_FOV").zip(limits::numbers::<3>(meta, "recon_FOV"));
        let (Some((encoded, mut recon)), false) = (fields, array.data.is_empty()) else {
            return Ok(None);
        };
        let facts = encodings::get(&self.encodings, limits::encoding(meta))?;
        let extent = Dims::of(array.data.shape())?.extent;
        let [x, y, z] = facts.recon_matrix;
        if x == 0 || y == 0 {
            return Err(format!("the header's matrix to reconstruct is {x} x {y}: there would be no image").into());
        }
        let mut matrix = [x, y, z.max(1)];
        if extent.e2 <= 1 {
            (matrix[2], recon[2]) = (extent.e2, encoded[2]);
        }
        let same = |a: f64, b: f64| (a - b).abs() < SAME_FIELD_OF_VIEW;
        if same(encoded[0] / 2.0, recon[0]) && same(encoded[1], recon[1]) && same(encoded[2], recon[2]) {
            let target = Extent::of(matrix);
            return Ok(Some(Target {
                resampled: target,
                cut: target,
            }));
        }
        if encoded[1] < recon[1] || encoded[2] < recon[2] {
            return Ok(None);
        }
        // Pixels of the encoded field of view, as large as those to reconstruct; an even number, for the centre's sake.
        let pixels = |d: usize| match encoded[d] > recon[d] && recon[d] > 0.0 {
            true => 2_usize.saturating_mul((encoded[d] * matrix[d] as f64 / (2.0 * recon[d])).round() as usize),
            false => matrix[d],
        };
        Ok(Some(Target {
            resampled: Extent::of([matrix[0], pixels(1), pixels(2)]),
            cut: Extent::of(matrix),
        }))
    }
}
