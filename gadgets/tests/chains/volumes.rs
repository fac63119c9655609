//! What the original is known to do wrong on image arrays in three dimensions, of several slices, or of different sampling:
//! here against sums and closed forms.

use std::f64::consts::PI;

use engine::Message;
use gadgets::Flow;
use ndarray::{Array3, ArrayD, IxDyn};
use protocol::{Complex32, Complex64, Image, ImageArray, ImageHeader, IsmrmrdHeader, Meta};

use crate::{
    chain::{Class, reconstruct},
    scene::{Calibration, Scene, messages, transform},
};

/// Fields of view and limits along readout, E1 and E2 as meta attributes.
#[derive(Clone, Copy)]
struct Sampling {
    matrix: [usize; 3],
    limits: [[usize; 2]; 3],
    encoded_mm: [usize; 3],
    recon_mm: [usize; 3],
}

impl Sampling {
    /// Everything was measured; pixels of a millimetre.
    fn whole(matrix: [usize; 3]) -> Self {
        Self {
            matrix,
            limits: matrix.map(|size| [0, size - 1]),
            encoded_mm: matrix,
            recon_mm: matrix,
        }
    }

    fn meta(&self) -> Meta {
        let mut meta = Meta::new();
        meta.set("encoding", 0_i64);
        let mut numbers = |name: &str, values: [usize; 3]| {
            values.iter().for_each(|value| meta.append(name, *value as i64));
        };
        numbers("encoding_FOV", self.encoded_mm);
        numbers("recon_FOV", self.recon_mm);
        for (name, ([min, max], size)) in ["sampling_limits_RO", "sampling_limits_E1", "sampling_limits_E2"]
            .into_iter()
            .zip(std::iter::zip(self.limits, self.matrix))
        {
            numbers(name, [min, size / 2, max]);
        }
        meta
    }

    /// An array of one image.
    fn array(&self, image: Vec<Complex64>) -> ImageArray {
        let [ro, e1, e2] = self.matrix;
        let pixels = image.iter().map(|z| Complex32::new(z.re as f32, z.im as f32)).collect();
        ImageArray {
            data: ArrayD::from_shape_vec(IxDyn(&[1, 1, 1, 1, e2, e1, ro]), pixels).unwrap(),
            headers: Array3::default((1, 1, 1)),
            meta: vec![self.meta()],
            waveforms: None,
            acquisition_headers: None,
        }
    }

    /// The image of a k-space that is 1 wherever it was measured.
    fn flat(&self) -> ImageArray {
        let [ro, e1, _] = self.matrix;
        let kspace: Vec<Complex64> = (0..self.matrix.iter().product())
            .map(|i| {
                let at = [i % ro, i / ro % e1, i / (ro * e1)];
                let measured = std::iter::zip(at, self.limits).all(|(at, [min, max])| (min..=max).contains(&at));
                Complex64::from(f64::from(u8::from(measured)))
            })
            .collect();
        // The inverse transform of real values is the conjugate of the forward one.
        let image = to_kspace(&kspace, self.matrix).iter().map(Complex64::conj).collect();
        self.array(image)
    }
}

fn to_kspace(image: &[Complex64], matrix: [usize; 3]) -> Vec<Complex64> {
    let mut inner = 1;
    matrix.into_iter().fold(image.to_vec(), |data, size| {
        let transformed = transform(&data, size, inner);
        inner *= size;
        transformed
    })
}

/// What the gadget makes of arrays; `recon` is the matrix to reconstruct.
fn process(class: Class, recon: [usize; 3], arrays: Vec<ImageArray>) -> Vec<ImageArray> {
    let header = Scene::full(recon).header();
    run(class, header, arrays.into_iter().map(Flow::emit).collect())
        .into_iter()
        .map(|message| message.downcast().unwrap())
        .collect()
}

fn run(class: Class, header: IsmrmrdHeader, messages: Vec<Message>) -> Vec<Message> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(reconstruct(&[class], header, messages))
}

fn pixels(array: &ImageArray) -> Vec<Complex64> {
    let pixels = array.data.iter();
    pixels.map(|z| Complex64::new(z.re.into(), z.im.into())).collect()
}

/// K-space of the array is `filter[index along d]` everywhere.
fn assert_filtered_along(d: usize, array: &ImageArray, matrix: [usize; 3], filter: &[f64]) {
    let kspace = to_kspace(&pixels(array), matrix);
    let inner: usize = matrix[..d].iter().product();
    for (i, sample) in kspace.iter().enumerate() {
        let expected = filter[i / inner % matrix[d]];
        assert!(
            (sample - expected).norm() < 1e-4,
            "sample {i}: {sample} instead of {expected}"
        );
    }
}

/// The mean of the squares over so many samples becomes 1.
fn normalised(filter: Vec<f64>, samples: usize) -> Vec<f64> {
    let scale = (filter.iter().map(|f| f * f).sum::<f64>() / samples as f64).sqrt();
    filter.into_iter().map(|f| f / scale).collect()
}

/// The original filters a volume that is cut along one dimension not at all.
#[test]
fn partial_fourier_of_one_dimension_of_a_volume_is_tapered() {
    let matrix = [10, 24, 20];
    for (d, first) in [(1, 6), (2, 4)] {
        let mut sampling = Sampling::whole(matrix);
        sampling.limits[d][0] = first;
        let gadget = ("GenericReconPartialFourierHandlingFilterGadget", &[] as &[_]);
        let filtered = process(gadget, matrix, vec![sampling.flat()]);
        let width = (0.15 * matrix[d] as f64) as usize;
        let filter = (0..matrix[d])
            .map(|i| match i.checked_sub(first) {
                None => 0.0,
                Some(i) if i < width => 0.5 * (1.0 - (2.0 * PI * (i + 1) as f64 / (2 * width + 1) as f64).cos()),
                Some(_) => 1.0,
            })
            .collect();
        assert_filtered_along(d, &filtered[0], matrix, &normalised(filter, matrix[d] - first));
    }
}

/// A Gaussian as the field's filters are: even lengths have nothing at the sample without a mirror image.
fn gaussian(size: usize, sigma: f64) -> Vec<f64> {
    let filter = (0..size)
        .map(|i| match i {
            0 => 0.0,
            i => {
                let x = (i as f64 - (size / 2) as f64) / (size / 2 - 1) as f64;
                (-0.5 * (sigma * x).powi(2)).exp()
            }
        })
        .collect();
    normalised(filter, size)
}

/// The original loses the only filter there is, and takes the size of E1 for that of E2.
#[test]
fn one_filter_of_a_volume_is_applied() {
    let matrix = [8, 10, 16];
    let properties: [&'static [(&str, &str)]; 2] = [
        &[("filterRO", "None"), ("filterE1", "None"), ("filterE2_sigma", "1.5")],
        &[("filterRO", "None"), ("filterE2", "None"), ("filterE1_sigma", "1.5")],
    ];
    for (d, properties) in [(2, properties[0]), (1, properties[1])] {
        let gadget = ("GenericReconKSpaceFilteringGadget", properties);
        let filtered = process(gadget, matrix, vec![Sampling::whole(matrix).flat()]);
        assert_filtered_along(d, &filtered[0], matrix, &gaussian(matrix[d], 1.5));
    }
}

/// The original keeps the first array's filters for all that are as large.
#[test]
fn every_array_is_filtered_as_it_was_sampled() {
    let matrix = [8, 24, 1];
    let whole = Sampling::whole(matrix);
    let mut cut = whole;
    cut.limits[1] = [7, 20];
    let filtering: Class = (
        "GenericReconKSpaceFilteringGadget",
        &[("filterRO", "None"), ("filterE1_sigma", "1.5")],
    );
    let filtered = process(filtering, matrix, vec![cut.flat(), whole.flat()]);
    assert_filtered_along(1, &filtered[1], matrix, &gaussian(24, 1.5));
    let tapering: Class = ("GenericReconPartialFourierHandlingFilterGadget", &[]);
    let tapered = process(tapering, matrix, vec![cut.flat(), whole.flat()]);
    assert_filtered_along(1, &tapered[1], matrix, &[1.0; 24]);
}

/// The original's volumes grow brighter, and of images with oversampled readout the result is thrown away.
#[test]
fn interpolated_volumes_are_as_large_as_asked_for_and_as_bright_as_before() {
    let (small, large) = ([8, 6, 4], [16, 12, 10]);
    let plain = Sampling {
        recon_mm: small,
        ..Sampling::whole(small)
    };
    let oversampled = Sampling {
        encoded_mm: [16, 6, 4],
        ..plain
    };
    for sampling in [plain, oversampled] {
        let image = vec![Complex64::from(3.0); small.iter().product()];
        let gadget = ("GenericReconFieldOfViewAdjustmentGadget", &[] as &[_]);
        let result = process(gadget, large, vec![sampling.array(image)]);
        assert_eq!(result[0].headers[[0, 0, 0]].matrix_size.map(usize::from), large);
        assert_eq!(result[0].data.len(), large.iter().product::<usize>());
        assert!(pixels(&result[0]).iter().all(|z| (z - 3.0).norm() < 1e-4));
    }
}

/// The original moves the centre by a pixel.
#[test]
fn an_even_field_of_view_cut_to_an_odd_one_keeps_its_centre() {
    let matrix = [7, 12, 1];
    let sampling = Sampling {
        recon_mm: [7, 9, 1],
        ..Sampling::whole(matrix)
    };
    let mut image = vec![Complex64::ZERO; 7 * 12];
    image[6 * 7 + 3] = Complex64::ONE;
    let gadget = ("GenericReconFieldOfViewAdjustmentGadget", &[] as &[_]);
    let result = pixels(&process(gadget, [7, 9, 1], vec![sampling.array(image)])[0]);
    assert_eq!(result.len(), 7 * 9);
    assert!((result[4 * 7 + 3] - 1.0).norm() < 1e-5);
}

/// The original's search for the central line of a volume often ends elsewhere, and cuts the user's numbers off.
#[test]
fn the_header_of_a_volume_is_that_of_its_central_line() {
    let scene = Scene {
        coils: 3,
        ..Scene::full([8, 12, 10])
    };
    let mut readouts = scene.readouts();
    // An order in which lines and partitions do not come closer together.
    readouts.sort_by_key(|readout| {
        let idx = &readout.header.idx;
        (usize::from(idx.kspace_encode_step_1) * 7 + usize::from(idx.kspace_encode_step_2) * 5) % 23
    });
    for readout in &mut readouts {
        let idx = readout.header.idx;
        readout.header.user_float[0] =
            f32::from(idx.kspace_encode_step_1) + f32::from(idx.kspace_encode_step_2) / 100.0;
    }
    let chain: &[Class] = &[
        ("AcquisitionAccumulateTriggerGadget", &[]),
        ("BucketToBufferGadget", &[]),
        ("GenericReconCartesianReferencePrepGadget", &[]),
        ("GenericReconCartesianFFTGadget", &[]),
        ("ImageArraySplitGadget", &[]),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let images = runtime.block_on(reconstruct(chain, scene.header(), messages(readouts)));
    let image: &Image<Complex32> = images[0].downcast_ref().unwrap();
    assert_eq!(image.header.user_float[0], 6.05);
    let attribute = image.meta.as_ref().and_then(|meta| meta.first("user_float_0"));
    assert_eq!(attribute, Some("6.05"));
}

/// The original keeps the headers of all repetitions.
#[test]
fn the_standard_deviation_of_every_set_and_slice_has_its_own_header() {
    let (n, s, slices) = (9, 2, 2);
    let value = |n: usize, s: usize, slice: usize| 10.0 + ((n * n) % 7) as f32 * (1 + s + 3 * slice) as f32;
    let mut array = Sampling::whole([2, 1, 1]).array(vec![Complex64::ONE; 2]);
    array.data = ArrayD::from_shape_fn(IxDyn(&[slices, s, n, 1, 1, 1, 2]), |at| {
        Complex32::from_polar(value(at[2], at[1], at[0]), 0.3 * at[6] as f32)
    });
    array.headers = Array3::from_shape_fn((slices, s, n), |(slice, set, repetition)| ImageHeader {
        slice: slice as u16,
        set: set as u16,
        repetition: repetition as u16,
        ..ImageHeader::default()
    });
    let mut meta = array.meta[0].clone();
    meta.set("GADGETRON_DataRole", "SNR_MAP");
    array.meta = vec![meta; n * s * slices];
    let result = process(("GenericReconNoiseStdMapComputingGadget", &[]), [2, 1, 1], vec![array]);
    let map = &result[1];
    assert_eq!((map.headers.dim(), map.meta.len()), ((slices, s, 1), slices * s));
    for ((slice, set, _), header) in map.headers.indexed_iter() {
        assert_eq!((header.slice, header.set), (slice as u16, set as u16));
        let values: Vec<f32> = (5..n).map(|n| value(n, set, slice)).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
        for x in 0..2 {
            let found = map.data[[slice, set, 0, 0, 0, 0, x]];
            assert!((found - deviation).norm() < 1e-4, "{found} instead of {deviation}");
        }
    }
}

/// The original takes the kernel of the first slice for all.
#[test]
fn spirit_has_a_kernel_for_every_slice() {
    let scene = Scene {
        slices: 2,
        coils: 5,
        ..Scene::full([24, 28, 1]).accelerated([2, 1], Calibration::Embedded([14, 1]))
    };
    let chain: &[Class] = &[
        ("AcquisitionAccumulateTriggerGadget", &[]),
        ("BucketToBufferGadget", &[]),
        ("GenericReconCartesianReferencePrepGadget", &[]),
        (
            "GenericReconCartesianSpiritGadget",
            &[("spirit_kSize_RO", "5"), ("spirit_kSize_E1", "5")],
        ),
        ("ImageArraySplitGadget", &[]),
    ];
    let reconstruct = |readouts| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(reconstruct(chain, scene.header(), messages(readouts)))
    };
    let both = reconstruct(scene.readouts());
    for slice in 0..2 {
        let mut readouts = scene.readouts();
        readouts.retain(|readout| readout.header.idx.slice == slice);
        let [alone, together] = [&reconstruct(readouts)[0], &both[usize::from(slice)]]
            .map(|message| message.downcast_ref::<Image<Complex32>>().unwrap().clone());
        let difference: f32 = alone
            .data
            .iter()
            .zip(&together.data)
            .map(|(a, b)| (a - b).norm_sqr())
            .sum();
        let size: f32 = alone.data.iter().map(Complex32::norm_sqr).sum();
        assert!(difference < 1e-8 * size, "slice {slice}: {difference} of {size}");
    }
}
