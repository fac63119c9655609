//! Combines aliased coil images with the weights of their slice.
//!
//! [`AliasedImage`] of lane `images` and [`WeightsUpdate`] of lane `weights` to [`Image`]; class `Unmixing`. An image gets
//! the newest weights that the data up to its own slice give. Only an image of a slice that has none yet waits for the
//! first ones.
//!
//! Where the header asks for pixels of another height than k-space has, the image is resampled, as `FieldOfViewAdjustment` does
//! it; the original only cuts, and makes an image of a part of the field of view.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use engine::{BoxError, Input, Lanes, Merge, Output};
use ndarray::Array4;
use num_complex::Complex32;
use protocol::{Image, ImageHeader};

use super::{
    geometry::Geometry,
    messages::{AliasedImage, LaneOutput, Weights, WeightsUpdate},
};
use crate::{
    Context,
    numerics::frames::Extent,
    numerics::{grappa, resize},
    registry::Configured,
    room,
};

crate::properties! {
    /// Properties of [`Unmixing`].
    pub struct UnmixingProperties {
        /// Number of the series.
        "image_series" => pub series: u16 = 0,
        /// Factor of all pixels.
        "unmixing_scale" => pub scale: f32 = 1.0,
        /// How many images may wait for the first weights of their slice.
        "max_waiting_images" => pub waiting: usize = 256,
        /// How many mebibytes of them; one image may wait whatever its size.
        "max_waiting_megabytes" => pub waiting_megabytes: usize = 1024,
    }
}

/// Images that no weights came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "slice {slice}: {images} images ({megabytes} MiB) and still not enough calibration lines around the centre of k-space; \
     more may wait with the properties max_waiting_images and max_waiting_megabytes"
)]
pub struct NoWeights {
    /// Slice counter.
    pub slice: u16,
    /// Images of the slice that waited.
    pub images: usize,
    /// Mebibytes of all images that waited.
    pub megabytes: usize,
}

/// Class `Unmixing`.
#[derive(Debug)]
pub struct Unmixing {
    properties: UnmixingProperties,
    geometry: Geometry,
}

impl Configured for Unmixing {
    type Properties = UnmixingProperties;
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            properties,
            geometry: Geometry::of(&context.header)?,
        })
    }
}

impl Merge for Unmixing {
    type In = LaneOutput;
    type Out = Image<Complex32>;

    async fn run(self, mut lanes: Lanes<Input<Self::In>>, mut output: Output<Self::Out>) -> Result<(), BoxError> {
        let (mut images, mut weights) = (Some(lanes.take("images")?), Some(lanes.take("weights")?));
        let mut meeting = Meeting::default();
        let mut index = 0_u16;
        while images.is_some() || weights.is_some() {
            tokio::select! {
                next = next(&mut images) => match next? {
                    Some(LaneOutput::Image(image)) => meeting.images.push_back(image),
                    Some(LaneOutput::Weights(_)) => return Err("weights came down the lane \"images\"".into()),
                    None => images = None,
                },
                next = next(&mut weights) => match next? {
                    Some(LaneOutput::Weights(update)) => meeting.updates.push_back(update),
                    Some(LaneOutput::Image(_)) => return Err("an image came down the lane \"weights\"".into()),
                    None => weights = None,
                },
            }
            while let Some((image, weights)) = meeting.ready(weights.is_none())? {
                index = index.wrapping_add(1);
                let (geometry, p) = (self.geometry, self.properties.clone());
                let combined = engine::compute(move || combine(image, &weights, geometry, &p, index)).await?;
                output.send(combined).await?;
            }
            if let Some(image) = meeting.images.front()
                && meeting.is_full(&self.properties)
            {
                return Err(meeting.missing(image.header.idx.slice).into());
            }
        }
        match meeting.images.front() {
            Some(image) => Err(meeting.missing(image.header.idx.slice).into()),
            None => Ok(()),
        }
    }
}

/// The next message of a lane; waits for ever on one that has ended.
async fn next(lane: &mut Option<Input<LaneOutput>>) -> Result<Option<LaneOutput>, BoxError> {
    match lane {
        Some(lane) => Ok(lane.next().await?),
        None => std::future::pending().await,
    }
}

/// Where images and weights meet.
#[derive(Debug, Default)]
struct Meeting {
    images: VecDeque<AliasedImage>,
    /// Not yet looked at.
    updates: VecDeque<WeightsUpdate>,
    /// Number of the last slice whose update was looked at, plus one.
    reached: u64,
    current: BTreeMap<u16, Arc<Weights>>,
}

impl Meeting {
    /// The next image with its weights, once those are certain; `complete` when no more updates come.
    fn ready(&mut self, complete: bool) -> Result<Option<(AliasedImage, Arc<Weights>)>, BoxError> {
        let Some(image) = self.images.front() else {
            return Ok(None);
        };
        let (number, slice) = (image.number, image.header.idx.slice);
        // Updates up to the image's own slice count; further ones only for lack of any.
        while let Some(update) = self.updates.front() {
            if update.number > number && self.current.contains_key(&slice) {
                break;
            }
            self.reached = update.number + 1;
            if let Some(update) = self.updates.pop_front()
                && let Some(weights) = update.weights
            {
                self.current.insert(update.slice, weights);
            }
        }
        if self.reached <= number && self.updates.is_empty() && !complete {
            return Ok(None);
        }
        let Some(weights) = self.current.get(&slice).cloned() else {
            return match complete {
                true => Err(self.missing(slice).into()),
                false => Ok(None),
            };
        };
        Ok(self.images.pop_front().map(|image| (image, weights)))
    }

    /// Whether more images wait than may.
    fn is_full(&self, properties: &UnmixingProperties) -> bool {
        let count = self.images.len();
        count > properties.waiting || count > 1 && self.megabytes() > properties.waiting_megabytes
    }

    /// What the images take.
    fn megabytes(&self) -> usize {
        let samples = self.images.iter().filter_map(|image| image.data.as_ref());
        let bytes: usize = samples.map(|data| data.len() * size_of::<Complex32>()).sum();
        bytes.div_ceil(1 << 20)
    }

    fn missing(&self, slice: u16) -> NoWeights {
        let images = self.images.iter().filter(|image| image.header.idx.slice == slice);
        NoWeights {
            slice,
            images: images.count(),
            megabytes: self.megabytes(),
        }
    }
}

fn combine(
    image: AliasedImage,
    weights: &Weights,
    geometry: Geometry,
    properties: &UnmixingProperties,
    index: u16,
) -> Result<Image<Complex32>, BoxError> {
    let extent = geometry.extent;
    let data = image.data.unwrap_or_default();
    let aliased = data.as_slice().unwrap_or_default();
    let mut pixels = Vec::new();
    let cut = Extent {
        e1: geometry.matrix[1].into(),
        ..extent
    };
    let resampled = Extent {
        e1: geometry.rows,
        ..extent
    };
    room::elements::<Complex32>("images of the matrix to reconstruct", &[resampled.e1, resampled.ro])?;
    for set in &weights.sets {
        let factors = set.as_slice().unwrap_or_default();
        if factors.len() != aliased.len() {
            return Err(format!("weights for {} samples, an image of {}", factors.len(), aliased.len()).into());
        }
        let mut combined = vec![Complex32::ZERO; extent.volume()];
        grappa::unmix(aliased, factors, &mut combined);
        combined.iter_mut().for_each(|pixel| *pixel *= properties.scale);
        resize::resample(&mut combined, extent, resampled);
        pixels.extend(resize::place(combined, resampled, cut));
    }
    let header = ImageHeader {
        matrix_size: geometry.matrix.map(|size| size.max(1)),
        field_of_view: geometry.field_of_view,
        channels: u16::try_from(weights.sets.len())?,
        position: image.header.position,
        read_dir: image.header.read_dir,
        phase_dir: image.header.phase_dir,
        slice_dir: image.header.slice_dir,
        patient_table_position: image.header.patient_table_position,
        slice: image.header.idx.slice,
        acquisition_time_stamp: image.time_stamp,
        image_index: index,
        image_series_index: properties.series,
        ..ImageHeader::default()
    };
    Ok(Image {
        header,
        data: Array4::from_shape_vec((weights.sets.len(), 1, cut.e1, cut.ro), pixels)?,
        meta: None,
    })
}

#[cfg(test)]
mod tests;
