//! Values of every message type, chosen by bytes: a fuzzer's or a property test's.

use ndarray::{Array2, Array3, Array4, ArrayD, Dimension, IntoDimension, ShapeBuilder, StrideShape};

use crate::{
    Acquisition, AcquisitionBucket, AcquisitionBucketStats, AcquisitionHeader, BufferedData, Complex32,
    DependencyQuery, Dicom, Image, ImageArray, ImageHeader, Meta, Pixel, ReconBit, ReconData, SamplingDescription,
    Waveform, WaveformHeader, acquisition::flag, wire::Wire,
};

/// Bytes that decide; when they are used up, every choice is the first one.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
}

/// Sizes worth trying; the largest that 16 bits can hold is only given where the other size is one.
const SIZES: [u16; 8] = [1, 0, 2, 3, 7, 16, 64, 100];

impl<'a> Source<'a> {
    /// A source of decisions.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether all bytes are used.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        first
    }

    /// A number below `choices`.
    pub fn below(&mut self, choices: usize) -> usize {
        usize::from(self.byte()) % choices.max(1)
    }

    /// Up to `most` of the next bytes.
    pub fn slice(&mut self, most: usize) -> &'a [u8] {
        let (slice, rest) = self.bytes.split_at(most.min(self.bytes.len()));
        self.bytes = rest;
        slice
    }

    fn flip(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// A record with fields of any values. No float is NaN, so that equal records compare equal.
    fn record<T: Wire>(&mut self) -> T {
        let seed = self.byte();
        // Bytes below 0x7f leave the exponent of every float finite, wherever the float begins.
        let bytes: Vec<u8> = (0..T::SIZE)
            .map(|at| seed.wrapping_mul(31).wrapping_add(at as u8) % 0x7f)
            .collect();
        T::read(&mut bytes.as_slice())
    }

    /// An array of this shape, its elements made from their place.
    fn filled<T, D: Dimension>(
        &mut self,
        shape: impl Into<StrideShape<D>> + ShapeBuilder<Dim = D>,
        element: impl Fn(usize) -> T,
    ) -> ndarray::Array<T, D> {
        let offset = usize::from(self.byte());
        let mut place = 0;
        ndarray::Array::from_shape_simple_fn(shape, || {
            place += 1;
            element(place + offset)
        })
    }

    fn floats<D: Dimension>(&mut self, shape: impl IntoDimension<Dim = D>) -> ndarray::Array<f32, D> {
        self.filled(shape.into_dimension(), |place| place as f32 - 128.0)
    }

    fn samples<D: Dimension>(&mut self, shape: impl IntoDimension<Dim = D>) -> ndarray::Array<Complex32, D> {
        self.filled(shape.into_dimension(), |place| {
            Complex32::new(place as f32, 0.5 - place as f32)
        })
    }

    /// Rows and columns, extreme ones included.
    fn shape(&mut self) -> (u16, u16) {
        match self.below(16) {
            0 => (1, u16::MAX),
            1 => (1024, 1),
            2 => (1024, 0),
            3 => (0, u16::MAX),
            _ => (SIZES[self.below(SIZES.len())], SIZES[self.below(SIZES.len())]),
        }
    }

    /// Sizes of a few dimensions, the product below some thousands.
    fn small_shape(&mut self, dimensions: usize) -> Vec<usize> {
        (0..dimensions).map(|_| [1, 2, 1, 0, 3, 1][self.below(6)]).collect()
    }

    /// A text, non-ASCII and XML's special characters included.
    pub fn text(&mut self) -> String {
        let pieces = [
            "a",
            "<",
            "&",
            ">",
            "\"",
            "'",
            "\u{e9}",
            "\u{6f22}",
            "\u{1f9f2}",
            " b ",
            "]]>",
            "&amp;",
            "0",
            "z",
        ];
        (0..self.below(6)).map(|_| pieces[self.below(pieces.len())]).collect()
    }

    /// Attributes.
    pub fn meta(&mut self) -> Meta {
        let mut meta = Meta::new();
        for _ in 0..self.below(4) {
            let name = format!("n{}", self.text());
            for _ in 0..=self.below(3) {
                meta.append(name.as_str(), self.text());
            }
        }
        meta
    }

    /// A readout.
    pub fn acquisition(&mut self) -> Acquisition {
        let (channels, samples) = self.shape();
        let dimensions = u16::from(self.byte() % 4);
        let mut header = AcquisitionHeader {
            active_channels: channels,
            number_of_samples: samples,
            trajectory_dimensions: dimensions,
            ..self.record()
        };
        header.clear_flag(flag::COMPRESSION1);
        header.clear_flag(flag::COMPRESSION2);
        let shape = (usize::from(channels), usize::from(samples));
        let data: Array2<_> = self.samples(shape);
        let trajectory = (dimensions > 0).then(|| self.floats((shape.1, usize::from(dimensions))));
        Acquisition {
            header,
            data,
            trajectory,
        }
    }

    /// A waveform.
    pub fn waveform(&mut self) -> Waveform {
        let (channels, samples) = self.shape();
        let header = WaveformHeader {
            channels,
            number_of_samples: samples,
            ..self.record()
        };
        let data = self.filled((usize::from(channels), usize::from(samples)), |place| place as u32);
        Waveform { header, data }
    }

    /// An image with pixels of one type.
    pub fn image<T: Pixel>(&mut self) -> Image<T> {
        let shape = match self.below(8) {
            0 => [1, 1, 1, u16::MAX],
            1 => [1024, 1, 1, 1],
            2 => [u16::MAX, u16::MAX, u16::MAX, 0],
            _ => [self.byte() % 3, self.byte() % 3, self.byte() % 12, self.byte() % 12].map(u16::from),
        };
        let meta = self.flip().then(|| self.meta());
        let [channels, z, y, x] = shape;
        let header = ImageHeader {
            data_type: T::TYPE as u16,
            matrix_size: [x, y, z],
            channels,
            attribute_string_len: meta.as_ref().map_or(0, |meta| meta.to_xml().len() as u32 + 1),
            ..self.record()
        };
        let data: Array4<T> = self.filled(shape.map(usize::from), |place| {
            // Small numbers in every byte: no float of them is NaN.
            let bytes = vec![(place % 64) as u8; size_of::<T>()];
            bytemuck::pod_read_unaligned(&bytes)
        });
        Image { header, data, meta }
    }

    fn headers(&mut self, dimensions: usize) -> ArrayD<AcquisitionHeader> {
        let header = self.record();
        ArrayD::from_elem(self.small_shape(dimensions), header)
    }

    fn buffer(&mut self) -> BufferedData {
        let shape = self.small_shape(7);
        let data = self.samples(shape).into_shared();
        let trajectory = self.flip().then(|| self.small_shape(7));
        let density = self.flip().then(|| self.small_shape(6));
        BufferedData {
            data,
            trajectory: trajectory.map(|shape| self.floats(shape)),
            density: density.map(|shape| self.floats(shape)),
            headers: self.headers(5),
            sampling: self.record::<SamplingDescription>(),
        }
    }

    /// Sorted k-space.
    pub fn recon_data(&mut self) -> ReconData {
        let bits = (0..self.below(3))
            .map(|_| ReconBit {
                data: self.buffer(),
                reference: self.flip().then(|| self.buffer()),
            })
            .collect();
        ReconData { bits }
    }

    /// An image array.
    pub fn image_array(&mut self) -> ImageArray {
        let shape = self.small_shape(7);
        let data = self.samples(shape);
        let header: ImageHeader = self.record();
        let headers = Array3::from_elem([self.below(3), self.below(3), self.below(3)], header);
        let meta = (0..self.below(4)).map(|_| self.meta()).collect();
        let waveforms = self
            .flip()
            .then(|| (0..self.below(3)).map(|_| self.waveform()).collect());
        let acquisition_headers = self.flip().then(|| self.headers(5));
        ImageArray {
            data,
            headers,
            meta,
            waveforms,
            acquisition_headers,
        }
    }

    fn stats(&mut self) -> Vec<AcquisitionBucketStats> {
        let mut values = || (0..self.below(4)).map(|_| u16::from(self.byte()) * 257).collect();
        let stats = AcquisitionBucketStats {
            kspace_encode_step_1: values(),
            kspace_encode_step_2: values(),
            slice: values(),
            phase: values(),
            contrast: values(),
            repetition: values(),
            set: values(),
            segment: values(),
            average: values(),
        };
        vec![stats; self.below(3)]
    }

    /// A bucket.
    pub fn bucket(&mut self) -> AcquisitionBucket {
        AcquisitionBucket {
            data: (0..self.below(4)).map(|_| self.acquisition()).collect(),
            reference: (0..self.below(3)).map(|_| self.acquisition()).collect(),
            data_stats: self.stats(),
            reference_stats: self.stats(),
            waveforms: (0..self.below(3)).map(|_| self.waveform()).collect(),
        }
    }

    /// A DICOM file.
    pub fn dicom(&mut self) -> Dicom {
        Dicom {
            file: self.slice(200).to_vec(),
            name: self.text(),
            meta: self.flip().then(|| self.meta()),
        }
    }

    /// The answer to a query for a dependency.
    pub fn dependency_query(&mut self) -> DependencyQuery {
        DependencyQuery { meta: self.meta() }
    }
}
