//! Coil sensitivity maps from coil images, and the combination of coil images with them.
//!
//! Source: S. Inati, M. Hansen, P. Kellman, "A solution to the phase problem in adaptive coil combination" and "A fast
//! optimal method for coil sensitivity estimation and adaptive coil combination for complex images" (ISMRM 2013, 2014).

mod inati;
mod iterative;

use num_complex::Complex32;

use super::frames::Extent;
use crate::room::NoRoom;

/// How to estimate coil maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// The local principal component: neighbourhoods of `in_plane` pixels squared, `through` deep in three dimensions.
    Inati {
        /// Pixels along readout and E1.
        in_plane: usize,
        /// Pixels along E2.
        through: usize,
        /// Power iterations.
        power: usize,
    },
    /// The iteration: smoothing over such neighbourhoods, until the combined image changes by less than `tolerance`.
    InatiIterative {
        /// Pixels along readout and E1.
        in_plane: usize,
        /// Pixels along E2.
        through: usize,
        /// Iterations at most.
        iterations: usize,
        /// Relative change of the combined image at which to stop.
        tolerance: f32,
    },
}

/// The least window that a property may ask for without being cut to the image's size: small images have it wrap around.
const ALWAYS: usize = 15;

impl Method {
    /// With windows no larger than the image: beyond that every pixel has the same neighbourhood.
    fn within(mut self, extent: Extent) -> Self {
        let (Self::Inati { in_plane, through, .. } | Self::InatiIterative { in_plane, through, .. }) = &mut self;
        *in_plane = (*in_plane).min(extent.ro.max(extent.e1).max(ALWAYS));
        *through = (*through).min(extent.e2.max(ALWAYS));
        self
    }

    /// Whether there is memory for maps of so many channels.
    pub(crate) fn fits(self, channels: usize, extent: Extent) -> Result<(), NoRoom> {
        if let Self::Inati { in_plane, .. } = self.within(extent) {
            let threads = rayon::current_num_threads();
            inati::fits(channels, extent.ro, in_plane, threads)?;
        }
        Ok(())
    }
}

/// Coil maps of one set of coil images, `[CHA, E2, E1, RO]` both.
///
/// A single coil has the map 1 everywhere (the original leaves it at zero, and so makes empty images). Where a
/// neighbourhood holds nothing but zeros, the map is zero (in the original it is not a number).
pub fn estimate(images: &[Complex32], channels: usize, extent: Extent, method: Method) -> Vec<Complex32> {
    let mut maps = images.to_vec();
    replace(&mut maps, channels, extent, method);
    maps
}

/// As [`estimate`], the maps in the images' place.
pub fn replace(images: &mut [Complex32], channels: usize, extent: Extent, method: Method) {
    if channels <= 1 {
        return images.fill(Complex32::ONE);
    }
    match method.within(extent) {
        Method::Inati {
            in_plane,
            through,
            power,
        } => inati::replace(images, channels, extent, [in_plane, through], power),
        Method::InatiIterative {
            in_plane,
            through,
            iterations,
            tolerance,
        } => images.copy_from_slice(&iterative::maps(
            images,
            channels,
            extent,
            [in_plane, through],
            iterations,
            tolerance,
        )),
    }
}

/// The sum over channels of image times conjugate coil map: `[CHA, volume]` both, result `[volume]`.
pub fn combine(images: &[Complex32], maps: &[Complex32], result: &mut [Complex32]) {
    let volume = result.len();
    result.fill(Complex32::ZERO);
    for (image, map) in images.chunks_exact(volume).zip(maps.chunks_exact(volume)) {
        for ((sum, pixel), sensitivity) in result.iter_mut().zip(image).zip(map) {
            *sum += pixel * sensitivity.conj();
        }
    }
}

/// Index of the `offset`-th neighbour of `index`, the first being `half` before it; wraps around.
fn wrapped(index: usize, offset: usize, half: usize, size: usize) -> usize {
    (index + offset + size * half.div_ceil(size) - half) % size
}

#[cfg(test)]
mod tests;
