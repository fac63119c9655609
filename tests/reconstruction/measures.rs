//! Numbers about images that have a known relation to the golden ones, but are not to equal them.

use std::path::Path;

use protocol::{AnyImage, Complex64};

use crate::compare::{first_group, pixels};

/// A number for each image of the golden file, by its name: `measure` of our pixels and the golden ones.
pub(crate) fn measured(
    ours: &Path,
    golden: &Path,
    measure: impl Fn(&[Complex64], &[Complex64]) -> f64,
) -> Vec<(String, f64)> {
    let (ours, golden) = (first_group(ours), first_group(golden));
    let ours = ours.iter().flat_map(|series| &series.images);
    let mut measured = Vec::new();
    let golden = golden.iter().flat_map(|series| {
        let named = series.images.iter().enumerate();
        named.map(|(index, image)| (format!("{}[{index}]", series.name), image))
    });
    for (ours, (name, golden)) in ours.zip(golden) {
        let ((shape, ours), (golden_shape, golden)) = (pixels(ours), pixels(golden));
        assert_eq!(shape, golden_shape, "{name}");
        measured.push((name, measure(&ours, &golden)));
    }
    measured
}

/// How far pixels that are not yet whole numbers are from any that would be rounded to the golden ones, in parts of the
/// golden image's norm. Magnitudes above `largest` are cut.
pub(crate) fn beyond_rounding(ours: &[Complex64], golden: &[Complex64], largest: f64) -> f64 {
    let excess = ours.iter().zip(golden).map(|(ours, golden)| {
        let distance = (ours.norm().min(largest) - golden.re).abs();
        (distance - 0.5).max(0.0).powi(2)
    });
    excess.sum::<f64>().sqrt() / norm(golden)
}

fn norm(pixels: &[Complex64]) -> f64 {
    pixels.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt().max(1e-30)
}

/// The sum of the pixels' squared magnitudes.
pub(crate) fn energy(image: &AnyImage) -> f64 {
    pixels(image).1.iter().map(Complex64::norm_sqr).sum()
}
