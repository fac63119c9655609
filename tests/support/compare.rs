//! Image files compared series by series: pixels by relative difference, headers field by field.

use std::path::Path;

use gadgetron::files::{ImageReader, ImageSeries};
use protocol::{AnyImage, Complex64, ImageHeader};

/// How far an image may be from the golden one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tolerance {
    /// The norm of the difference over the norm of the golden image.
    Relative(f64),
    /// The largest difference of a pixel.
    GreyLevels(f64),
}

/// Compares the first groups of two image files. Gives the worst difference, or all that differs.
pub(crate) fn compare(ours: &Path, golden: &Path, tolerance: Tolerance) -> Result<f64, Vec<String>> {
    compare_series(&first_group(ours), &first_group(golden), tolerance)
}

pub(crate) fn first_group(path: &Path) -> Vec<ImageSeries> {
    let reader = ImageReader::open(path).unwrap_or_else(|error| panic!("{error}"));
    let groups = reader.groups().unwrap_or_else(|error| panic!("{error}"));
    let group = groups.first().unwrap_or_else(|| panic!("{} is empty", path.display()));
    reader.series(group).unwrap_or_else(|error| panic!("{error}"))
}

fn compare_series(ours: &[ImageSeries], golden: &[ImageSeries], tolerance: Tolerance) -> Result<f64, Vec<String>> {
    let names = |series: &[ImageSeries]| series.iter().map(|series| series.name.clone()).collect::<Vec<_>>();
    if names(ours) != names(golden) {
        return Err(vec![format!("series {:?} instead of {:?}", names(ours), names(golden))]);
    }
    let (mut bad, mut worst) = (Vec::new(), 0.0_f64);
    for (ours, golden) in ours.iter().zip(golden) {
        let name = &ours.name;
        if ours.images.len() != golden.images.len() {
            bad.push(format!(
                "{name}: {} images instead of {}",
                ours.images.len(),
                golden.images.len()
            ));
        }
        for (index, (ours, golden)) in ours.images.iter().zip(&golden.images).enumerate() {
            let difference = compare_images(ours, golden, &format!("{name}, image {index}"), tolerance, &mut bad);
            worst = worst.max(difference);
        }
    }
    if bad.is_empty() { Ok(worst) } else { Err(bad) }
}

fn compare_images(ours: &AnyImage, golden: &AnyImage, place: &str, tolerance: Tolerance, bad: &mut Vec<String>) -> f64 {
    if ours.pixel_type() != golden.pixel_type() {
        bad.push(format!(
            "{place}: {:?} instead of {:?}",
            ours.pixel_type(),
            golden.pixel_type()
        ));
    }
    differing_fields(ours.header(), golden.header(), place, bad);
    let ((shape, ours), (golden_shape, golden)) = (pixels(ours), pixels(golden));
    if shape != golden_shape {
        bad.push(format!("{place}: shape {shape:?} instead of {golden_shape:?}"));
        return f64::INFINITY;
    }
    if ours
        .iter()
        .zip(&golden)
        .any(|(ours, golden)| ours.is_finite() != golden.is_finite())
    {
        bad.push(format!("{place}: not finite where the golden is"));
    }
    let (difference, allowed) = match tolerance {
        Tolerance::Relative(allowed) => (relative_difference(&ours, &golden), allowed),
        Tolerance::GreyLevels(allowed) => (largest_difference(&ours, &golden), allowed),
    };
    if difference > allowed {
        bad.push(format!("{place}: differs by {difference:.2e}, more than {allowed:.0e}"));
    }
    difference
}

pub(crate) fn pixels(image: &AnyImage) -> (Vec<usize>, Vec<Complex64>) {
    macro_rules! real {
        ($image:expr) => {
            (
                $image.data.shape().to_vec(),
                $image
                    .data
                    .iter()
                    .map(|&value| Complex64::from(f64::from(value)))
                    .collect(),
            )
        };
    }
    match image {
        AnyImage::U16(image) => real!(image),
        AnyImage::I16(image) => real!(image),
        AnyImage::U32(image) => real!(image),
        AnyImage::I32(image) => real!(image),
        AnyImage::F32(image) => real!(image),
        AnyImage::F64(image) => real!(image),
        AnyImage::C32(image) => (
            image.data.shape().to_vec(),
            image
                .data
                .iter()
                .map(|z| Complex64::new(f64::from(z.re), f64::from(z.im)))
                .collect(),
        ),
        AnyImage::C64(image) => (image.data.shape().to_vec(), image.data.iter().copied().collect()),
    }
}

/// The norm of the difference over the norm of the golden, where that is finite.
pub(crate) fn relative_difference(ours: &[Complex64], golden: &[Complex64]) -> f64 {
    let pairs = || ours.iter().zip(golden).filter(|(_, golden)| golden.is_finite());
    let difference: f64 = pairs().map(|(ours, golden)| (ours - golden).norm_sqr()).sum();
    let size: f64 = pairs().map(|(_, golden)| golden.norm_sqr()).sum();
    difference.sqrt() / size.sqrt().max(1e-30)
}

fn largest_difference(ours: &[Complex64], golden: &[Complex64]) -> f64 {
    ours.iter()
        .zip(golden)
        .map(|(ours, golden)| (ours - golden).norm())
        .fold(0.0, f64::max)
}

fn differing_fields(ours: &ImageHeader, golden: &ImageHeader, place: &str, bad: &mut Vec<String>) {
    macro_rules! exact {
        ($($field:ident),*) => {$(
            if ours.$field != golden.$field {
                bad.push(format!("{place}: {}: {:?} instead of {:?}", stringify!($field), ours.$field, golden.$field));
            }
        )*};
    }
    exact!(
        version,
        data_type,
        flags,
        measurement_uid,
        matrix_size,
        channels,
        average,
        slice,
        contrast,
        phase,
        repetition,
        set,
        image_type,
        image_index,
        image_series_index,
        user_int
    );
    macro_rules! near {
        ($($field:ident),*) => {$(
            let far = |(ours, golden): (&f32, &f32)| (ours - golden).abs() > 1e-4 + 1e-5 * golden.abs();
            if ours.$field.iter().zip(&golden.$field).any(far) {
                bad.push(format!("{place}: {}: {:?} instead of {:?}", stringify!($field), ours.$field, golden.$field));
            }
        )*};
    }
    near!(
        field_of_view,
        position,
        read_dir,
        phase_dir,
        slice_dir,
        patient_table_position,
        user_float
    );
}
