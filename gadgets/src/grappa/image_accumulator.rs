//! Aliased coil images of each slice.
//!
//! [`Slice`] to [`AliasedImage`]; class `ImageAccumulator`. Readouts for calibration only stay out; a slice of nothing else
//! makes no image (in the original it crashes the process).

use engine::{BoxError, Gadget, Input, Output};
use ndarray::Array3;

use super::{
    geometry::{self, Geometry},
    messages::{AliasedImage, Slice},
};
use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`ImageAccumulator`].
    pub struct ImageAccumulatorProperties {}
}

/// Class `ImageAccumulator`.
#[derive(Debug)]
pub struct ImageAccumulator {
    geometry: Geometry,
}

impl Configured for ImageAccumulator {
    type Properties = ImageAccumulatorProperties;
    fn new(_: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            geometry: Geometry::of(&context.header)?,
        })
    }
}

impl Gadget for ImageAccumulator {
    type In = Slice;
    type Out = AliasedImage;
    async fn run(self, mut input: Input<Self::In>, mut output: Output<Self::Out>) -> Result<(), BoxError> {
        while let Some(slice) = input.next().await? {
            let geometry = self.geometry;
            if let Some(image) = engine::compute(move || image(&slice, geometry)).await? {
                output.send(image).await?;
            }
        }
        Ok(())
    }
}

fn image(slice: &Slice, geometry: Geometry) -> Result<Option<AliasedImage>, BoxError> {
    let headers = slice.readouts.iter().map(|readout| &readout.acquisition);
    let mut imaging = headers
        .filter(|readout| !geometry::only_calibrates(&readout.header))
        .peekable();
    let (Some(first), Some(last)) = (imaging.peek().copied(), slice.last()) else {
        return Ok(None);
    };
    let mut image = AliasedImage {
        number: slice.number,
        time_stamp: first.header.acquisition_time_stamp,
        header: *last,
        data: None,
    };
    let channels = first.data.nrows();
    let mut kspace = geometry.kspace(channels)?;
    for readout in imaging {
        geometry.write(readout, &mut kspace)?;
        image.header = readout.header;
    }
    geometry.extent.to_image(&mut kspace);
    let shape = (channels, geometry.extent.e1, geometry.extent.ro);
    image.data = Some(Array3::from_shape_vec(shape, kspace)?);
    Ok(Some(image))
}
