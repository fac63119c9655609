//! Sizes of the field's seven-dimensional arrays, and such an array in contiguous memory.

use std::{borrow::Cow, ops::Deref};

use ndarray::{ArcArray, ArrayD, IxDyn};
use num_complex::Complex32;

use super::fft::{self, Direction};

/// Size of one volume: readout, first and second phase encoding direction. `e2 == 1` means two-dimensional imaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Readout.
    pub ro: usize,
    /// First phase encoding direction (lines).
    pub e1: usize,
    /// Second phase encoding direction (partitions).
    pub e2: usize,
}

impl Extent {
    /// The volume with these sizes, readout first.
    pub fn of([ro, e1, e2]: [usize; 3]) -> Self {
        Self { ro, e1, e2 }
    }

    /// The sizes, readout first.
    pub fn sizes(self) -> [usize; 3] {
        [self.ro, self.e1, self.e2]
    }

    /// Samples of a volume.
    pub fn volume(self) -> usize {
        self.ro * self.e1 * self.e2
    }

    /// Index of the centre of k-space along readout, E1 and E2.
    pub fn centre(self) -> [usize; 3] {
        self.sizes().map(|size| size / 2)
    }

    /// From k-space to the image, centred and unitary: every volume of `data` by itself, in two dimensions or three.
    pub fn to_image(self, data: &mut [Complex32]) {
        // An axis of length 1 transforms into itself, so the shape of a volume serves a slice too.
        fft::centred_parallel(data, &[self.e2, self.e1, self.ro], Direction::Inverse);
    }

    /// From the image to k-space, the reverse of [`Extent::to_image`].
    pub fn to_kspace(self, data: &mut [Complex32]) {
        fft::centred_parallel(data, &[self.e2, self.e1, self.ro], Direction::Forward);
    }
}

/// Sizes of an array `[LOC, S, N, CHA, E2, E1, RO]` (readout fastest in memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// One volume.
    pub extent: Extent,
    /// Channels.
    pub cha: usize,
    /// First free dimension.
    pub n: usize,
    /// Second free dimension.
    pub s: usize,
    /// Slices.
    pub loc: usize,
}

/// The array does not have the seven dimensions of k-space or images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an array with the seven dimensions LOC, S, N, CHA, E2, E1, RO, found the shape {0:?}")]
pub struct ShapeError(pub Vec<usize>);

impl Dims {
    /// The sizes of an array of this shape, slowest dimension first.
    pub fn of(shape: &[usize]) -> Result<Self, ShapeError> {
        match *shape {
            [loc, s, n, cha, e2, e1, ro] => Ok(Self {
                extent: Extent { ro, e1, e2 },
                cha,
                n,
                s,
                loc,
            }),
            _ => Err(ShapeError(shape.to_vec())),
        }
    }

    /// The shape, slowest dimension first.
    pub fn shape(self) -> [usize; 7] {
        let Extent { ro, e1, e2 } = self.extent;
        [self.loc, self.s, self.n, self.cha, e2, e1, ro]
    }

    /// Samples of all channels of one frame.
    pub fn frame(self) -> usize {
        self.extent.volume() * self.cha
    }

    /// Number of frames: all N, S and slices.
    pub fn frames(self) -> usize {
        self.n * self.s * self.loc
    }

    /// All samples.
    pub fn len(self) -> usize {
        self.frame() * self.frames()
    }

    /// Whether there is no sample.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Number of the frame at `n`, `s`, `loc`.
    pub fn frame_at(self, n: usize, s: usize, loc: usize) -> usize {
        n + self.n * (s + self.s * loc)
    }

    /// `n`, `s`, `loc` of the frame with this number.
    pub fn position(self, frame: usize) -> [usize; 3] {
        [frame % self.n, frame / self.n % self.s, frame / (self.n * self.s)]
    }
}

/// Complex samples `[LOC, S, N, CHA, E2, E1, RO]` in contiguous memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frames<Samples = Vec<Complex32>> {
    /// The sizes.
    pub dims: Dims,
    /// The samples; as many as the sizes say.
    pub data: Samples,
}

/// Samples to read, which belong to somebody else.
pub type FramesView<'a> = Frames<&'a [Complex32]>;

impl Frames {
    /// Zeros.
    pub fn zeros(dims: Dims) -> Self {
        Self {
            dims,
            data: vec![Complex32::ZERO; dims.len()],
        }
    }

    /// Takes an array over, without a copy where its memory is contiguous.
    pub fn from_array(array: ArrayD<Complex32>) -> Result<Self, ShapeError> {
        let dims = Dims::of(array.shape())?;
        let data = if array.is_standard_layout() && array.len() == dims.len() {
            let (mut data, offset) = array.into_raw_vec_and_offset();
            let offset = offset.unwrap_or(0);
            data.truncate(offset + dims.len());
            data.drain(..offset);
            data
        } else {
            array.iter().copied().collect()
        };
        Ok(Self { dims, data })
    }

    /// Takes a shared array over, without a copy where nobody else has it.
    pub fn from_shared(array: ArcArray<Complex32, IxDyn>) -> Result<Self, ShapeError> {
        Self::from_array(array.into_owned())
    }

    /// The samples as an array that can be shared, without a copy.
    pub fn into_shared(self) -> ArcArray<Complex32, IxDyn> {
        self.into_array().into_shared()
    }

    /// The samples as an array, without a copy.
    pub fn into_array(self) -> ArrayD<Complex32> {
        ArrayD::from_shape_vec(IxDyn(&self.dims.shape()), self.data).expect("as many samples as the sizes say")
    }

    /// All channels of a frame, to change.
    pub fn frame_mut(&mut self, frame: usize) -> &mut [Complex32] {
        let size = self.dims.frame();
        &mut self.data[frame * size..][..size]
    }
}

impl<'a> Frames<Cow<'a, [Complex32]>> {
    /// The samples of an array to read, without a copy where its memory is contiguous.
    pub fn reading(array: &'a ArcArray<Complex32, IxDyn>) -> Result<Self, ShapeError> {
        Ok(Self {
            dims: Dims::of(array.shape())?,
            data: match array.as_slice() {
                Some(samples) => Cow::Borrowed(samples),
                None => Cow::Owned(array.iter().copied().collect()),
            },
        })
    }
}

impl<Samples: Deref<Target = [Complex32]>> Frames<Samples> {
    /// These samples, to read.
    pub fn view(&self) -> FramesView<'_> {
        Frames {
            dims: self.dims,
            data: &self.data,
        }
    }

    /// All channels of a frame.
    pub fn frame(&self, frame: usize) -> &[Complex32] {
        let size = self.dims.frame();
        &self.data[frame * size..][..size]
    }

    /// One channel of a frame.
    pub fn channel(&self, frame: usize, cha: usize) -> &[Complex32] {
        let size = self.dims.extent.volume();
        &self.frame(frame)[cha * size..][..size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims() -> Dims {
        Dims::of(&[2, 3, 4, 5, 1, 6, 7]).unwrap()
    }

    #[test]
    fn the_shape_comes_back() {
        assert_eq!(dims().shape(), [2, 3, 4, 5, 1, 6, 7]);
        assert_eq!(dims().frames(), 24);
        assert_eq!(Dims::of(&[1, 2]), Err(ShapeError(vec![1, 2])));
    }

    #[test]
    fn frames_are_numbered_with_n_fastest() {
        let dims = dims();
        for frame in 0..dims.frames() {
            let [n, s, loc] = dims.position(frame);
            assert_eq!(dims.frame_at(n, s, loc), frame);
        }
        assert_eq!(dims.position(13), [1, 0, 1]);
    }

    #[test]
    fn an_array_of_any_layout_is_taken_over() {
        let shape = IxDyn(&[1, 1, 1, 2, 1, 2, 3]);
        let array = ArrayD::from_shape_fn(shape.clone(), |index| {
            Complex32::from((index[3] * 6 + index[5] * 3 + index[6]) as f32)
        });
        let mut reversed = ArrayD::zeros(IxDyn(&[3, 2, 1, 2, 1, 1, 1]));
        reversed.assign(&array.view().reversed_axes());
        let taken = Frames::from_array(reversed.reversed_axes()).unwrap();
        assert_eq!(
            taken.data,
            (0..12).map(|i| Complex32::from(i as f32)).collect::<Vec<_>>()
        );
        assert_eq!(taken.clone().into_array(), array);
        assert_eq!(taken.channel(0, 1)[0], Complex32::from(6.0));
        let shared = array.into_shared();
        assert!(matches!(Frames::reading(&shared).unwrap().data, Cow::Borrowed(_)));
        let copy = Frames::from_shared(shared.clone()).unwrap();
        assert_eq!(copy.view(), Frames::reading(&shared).unwrap().view());
    }
}
