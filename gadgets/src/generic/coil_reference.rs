//! Calibration data that fit the data, and coil maps from them.

use std::borrow::Cow;

use engine::BoxError;
use num_complex::Complex32;
use protocol::{BufferedData, SamplingDescription};
use rayon::prelude::*;

use super::encodings::CalibrationMode;
use crate::{
    numerics::{
        coil_map::{self, Method},
        filter,
        frames::{Dims, Extent, Frames, FramesView},
        resize,
    },
    room::NoRoom,
};

/// Power iterations of Inati's local principal component.
const POWER: usize = 3;

/// The name is no method's.
#[derive(Debug, thiserror::Error)]
#[error("unknown coil_map_algorithm \"{0}\"; there are Inati and Inati_Iter")]
pub(super) struct UnknownMethod(String);

/// The method with this name, as configurations give it.
pub(super) fn method(
    name: &str,
    in_plane: usize,
    through: usize,
    iterations: usize,
    tolerance: f32,
) -> Result<Method, UnknownMethod> {
    match name {
        "Inati" => Ok(Method::Inati {
            in_plane,
            through,
            power: POWER,
        }),
        "Inati_Iter" => Ok(Method::InatiIterative {
            in_plane,
            through,
            iterations,
            tolerance,
        }),
        _ => Err(UnknownMethod(name.to_owned())),
    }
}

/// Prepared calibration data of as many channels as the data have.
pub(super) struct Reference<'a> {
    samples: Frames<Cow<'a, [Complex32]>>,
    sampling: &'a SamplingDescription,
}

impl<'a> Reference<'a> {
    /// Those of `buffer`, for `data` of these sizes.
    pub(super) fn of(buffer: &'a BufferedData, data: Dims) -> Result<Self, BoxError> {
        let samples = Frames::reading(&buffer.data)?;
        if samples.dims.cha != data.cha || samples.dims.is_empty() {
            return Err(unlike(samples.dims, data).into());
        }
        Ok(Self {
            samples,
            sampling: &buffer.sampling,
        })
    }

    /// The samples.
    pub(super) fn samples(&self) -> FramesView<'_> {
        self.samples.view()
    }

    /// Coil maps of the first `channels` channels, of size `recon`.
    pub(super) fn maps(
        &self,
        channels: usize,
        mode: CalibrationMode,
        recon: Extent,
        method: Method,
    ) -> Result<Frames, NoRoom> {
        maps(self.samples(), self.sampling, mode, channels, recon, method)
    }
}

/// Says how calibration data do not fit the data.
pub(super) fn unlike(calibration: Dims, data: Dims) -> String {
    format!(
        "calibration data of shape {:?} do not fit data of shape {:?}",
        calibration.shape(),
        data.shape()
    )
}

/// Coil maps of the first `channels` channels, of size `recon`, for every frame of prepared calibration data.
///
/// The middle of the calibration data is smoothed and filled up with zeros; its image shows the coils. Where the original
/// sets data cut at both ends of the readout off centre, and reads beyond the line for odd matrices, this does not.
fn maps(
    reference: FramesView<'_>,
    sampling: &SamplingDescription,
    mode: CalibrationMode,
    channels: usize,
    recon: Extent,
    method: Method,
) -> Result<Frames, NoRoom> {
    let window = Window::of(reference.dims.extent, sampling, mode, recon);
    let mut images = window.cut(reference, channels.min(reference.dims.cha));
    filter::apply(
        &mut images.data,
        window.extent,
        window.filters().each_ref().map(Vec::as_slice),
    );
    let dims = Dims {
        extent: recon,
        ..images.dims
    };
    let data = resize::place(images.data, window.extent, recon);
    of_kspace(Frames { dims, data }, method)
}

/// Coil maps for every frame of k-space.
pub(super) fn of_kspace(mut images: Frames, method: Method) -> Result<Frames, NoRoom> {
    let dims = images.dims;
    method.fits(dims.cha, dims.extent)?;
    dims.extent.to_image(&mut images.data);
    images
        .data
        .par_chunks_mut(dims.frame().max(1))
        .for_each(|frame| coil_map::replace(frame, dims.cha, dims.extent, method));
    Ok(images)
}

/// The part of the calibration data that becomes coil images, with its centre in the middle.
struct Window {
    extent: Extent,
    /// First sample taken, readout, E1 and E2.
    from: [usize; 3],
    /// Where it goes.
    to: [usize; 3],
    count: [usize; 3],
}

impl Window {
    fn of(reference: Extent, sampling: &SamplingDescription, mode: CalibrationMode, recon: Extent) -> Self {
        let limits = sampling
            .sampling_limits
            .map(|limit| [limit.min, limit.center, limit.max].map(usize::from));
        let [min, centre, max] = limits[0];
        // The reference was cropped to what the limits say: its first sample lies at `min` of the whole readout.
        let count = reference.ro.min(max.saturating_sub(min) + 1);
        let ro = match min == 0 && count >= recon.ro {
            true => recon.ro.min(count),
            false => (2 * centre.saturating_sub(min).max((min + count).saturating_sub(centre))).min(recon.ro),
        }
        .max(1);
        let before = centre.saturating_sub(min);
        let mut window = Self {
            extent: Extent { ro, ..reference },
            from: [before.saturating_sub(ro / 2), 0, 0],
            to: [(ro / 2).saturating_sub(before), 0, 0],
            count: [0, reference.e1, reference.e2],
        };
        window.count[0] = (count - window.from[0].min(count)).min(ro - window.to[0]);
        if mode.keeps_centre() {
            let sizes = [(reference.e1, recon.e1), (reference.e2, recon.e2)];
            for (d, (size, recon)) in (1..).zip(sizes) {
                let centre = limits[d][1].min(size.saturating_sub(1));
                let symmetric = match size > 1 {
                    true => (2 * centre.min(size - centre)).saturating_sub(1).clamp(1, recon.max(1)),
                    false => 1,
                };
                window.from[d] = centre - (symmetric / 2).min(centre);
                window.count[d] = symmetric;
            }
            [window.extent.e1, window.extent.e2] = [window.count[1], window.count[2]];
        }
        window
    }

    /// The window of the first `cha` channels.
    fn cut(&self, reference: FramesView<'_>, cha: usize) -> Frames {
        let mut result = Frames::zeros(Dims {
            extent: self.extent,
            cha,
            ..reference.dims
        });
        // Limits that came with the data can lie outside of them.
        if self.count.contains(&0) {
            return result;
        }
        let (from, to) = (reference.dims.extent, self.extent);
        for (volume, target) in result.data.chunks_exact_mut(to.volume()).enumerate() {
            let source = reference.channel(volume / cha, volume % cha);
            for z in 0..self.count[2] {
                for y in 0..self.count[1] {
                    let read = ((self.from[2] + z) * from.e1 + self.from[1] + y) * from.ro + self.from[0];
                    let write = ((self.to[2] + z) * to.e1 + self.to[1] + y) * to.ro + self.to[0];
                    target[write..][..self.count[0]].copy_from_slice(&source[read..][..self.count[0]]);
                }
            }
        }
        result
    }

    fn filters(&self) -> [Vec<f32>; 3] {
        let Extent { ro, e1, e2 } = self.extent;
        let whole = |size: usize| match size {
            0 | 1 => Vec::new(),
            _ => filter::reference(size, 0, size - 1),
        };
        let last = (self.to[0] + self.count[0]).saturating_sub(1);
        [filter::reference(ro, self.to[0], last), whole(e1), whole(e2)]
    }
}

#[cfg(test)]
mod tests {
    use num_complex::Complex32;
    use protocol::SamplingLimit;

    use super::*;

    fn sampling(ro: [u16; 3], e1: [u16; 3]) -> SamplingDescription {
        let limit = |[min, center, max]: [u16; 3]| SamplingLimit { min, center, max };
        SamplingDescription {
            sampling_limits: [limit(ro), limit(e1), SamplingLimit::default()],
            ..SamplingDescription::default()
        }
    }

    fn extent(ro: usize, e1: usize) -> Extent {
        Extent { ro, e1, e2: 1 }
    }

    #[test]
    fn the_centre_of_kspace_is_in_the_middle_of_the_window() {
        let recon = extent(16, 16);
        // (limits along readout, lines, centre line, mode)
        let cases = [
            ([0, 8, 15], 16, 8, CalibrationMode::None),
            ([4, 8, 15], 16, 8, CalibrationMode::None),
            ([0, 8, 11], 16, 8, CalibrationMode::Interleaved),
            ([3, 8, 12], 16, 6, CalibrationMode::Interleaved),
            ([0, 8, 15], 6, 3, CalibrationMode::Embedded),
            ([0, 8, 15], 7, 3, CalibrationMode::Separate),
        ];
        for (ro, lines, centre, mode) in cases {
            let cropped = extent(usize::from(ro[2] - ro[0]) + 1, lines);
            let window = Window::of(cropped, &sampling(ro, [0, centre, lines as u16 - 1]), mode, recon);
            let mut reference = Frames::zeros(Dims {
                extent: cropped,
                cha: 1,
                n: 1,
                s: 1,
                loc: 1,
            });
            reference.data[usize::from(centre) * cropped.ro + usize::from(ro[1] - ro[0])] = Complex32::ONE;
            let cut = window.cut(reference.view(), 1);
            let to = window.extent;
            assert_eq!(
                cut.data[to.e1 / 2 * to.ro + to.ro / 2],
                Complex32::ONE,
                "{ro:?} {lines} {mode:?} {to:?}"
            );
        }
    }

    #[test]
    fn a_centre_outside_of_the_data_leaves_nothing() {
        let recon = extent(16, 16);
        let window = Window::of(
            extent(8, 16),
            &sampling([0, 60000, 65535], [0, 8, 15]),
            CalibrationMode::None,
            recon,
        );
        let reference = Frames {
            dims: Dims {
                extent: extent(8, 16),
                cha: 1,
                n: 1,
                s: 1,
                loc: 1,
            },
            data: vec![Complex32::ONE; 128],
        };
        assert!(
            window
                .cut(reference.view(), 1)
                .data
                .iter()
                .all(|z| *z == Complex32::ZERO)
        );
    }

    #[test]
    fn an_odd_matrix_keeps_all_its_samples() {
        let whole = extent(15, 9);
        let window = Window::of(whole, &sampling([0, 7, 14], [0, 4, 8]), CalibrationMode::None, whole);
        assert_eq!((window.extent.ro, window.count[0], window.to[0]), (15, 15, 0));
    }

    #[test]
    fn there_are_two_methods() {
        let words = |name| method(name, 7, 5, 10, 1e-4).err().map(|error| error.to_string());
        assert_eq!((words("Inati"), words("Inati_Iter")), (None, None));
        let unknown = "unknown coil_map_algorithm \"inati\"; there are Inati and Inati_Iter";
        assert_eq!(words("inati").as_deref(), Some(unknown));
    }

    #[test]
    fn maps_of_one_coil_are_one() {
        let reference = Frames {
            dims: Dims {
                extent: extent(8, 8),
                cha: 1,
                n: 1,
                s: 1,
                loc: 2,
            },
            data: vec![Complex32::I; 128],
        };
        let method = method("Inati", 7, 5, 10, 1e-4).unwrap();
        let recon = extent(12, 10);
        let maps = maps(
            reference.view(),
            &sampling([0, 4, 7], [0, 4, 7]),
            CalibrationMode::None,
            1,
            recon,
            method,
        )
        .unwrap();
        assert_eq!(maps.dims.shape(), [2, 1, 1, 1, 1, 10, 12]);
        assert!(maps.data.iter().all(|z| *z == Complex32::ONE));
    }
}
