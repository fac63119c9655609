//! Filters along one dimension of k-space, and their application.
//!
//! All filters keep the level of white noise: the mean of their squares over the acquired samples is 1. Index `len / 2`
//! is the centre of k-space; for even lengths index 0 has no mirror image, so symmetric filters are zero there.

use std::f64::consts::PI;

use num_complex::Complex32;
use rayon::prelude::*;

use super::frames::Extent;

/// Form of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// `exp(-sigma^2 x^2 / 2)` for x from -1 to 1.
    Gaussian,
    /// Raised cosine over the whole length.
    Hanning,
    /// One, with raised cosines at both ends.
    TaperedHanning,
    /// One everywhere.
    None,
}

impl Window {
    /// The form with this name, as configurations give it (in any case).
    pub fn from_name(name: &str) -> Option<Self> {
        [
            ("gaussian", Self::Gaussian),
            ("hanning", Self::Hanning),
            ("taperedhanning", Self::TaperedHanning),
            ("none", Self::None),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, window)| window)
    }
}

/// A filter symmetric about the centre of k-space, `len` long; `width` is that of the tapers.
pub fn symmetric(len: usize, window: Window, sigma: f64, width: usize) -> Vec<f32> {
    if len < 3 {
        return vec![1.0; len];
    }
    let even = len.is_multiple_of(2);
    // The symmetric part: everything for odd lengths, everything but index 0 for even ones.
    let part = if even { len - 1 } else { len };
    let value = |i: usize| match window {
        Window::Gaussian => {
            let x = -1.0 + 2.0 * i as f64 / (part - 1) as f64;
            (-0.5 * (sigma * x).powi(2)).exp()
        }
        Window::Hanning => raised_cosine(i + 1, part + 1),
        Window::TaperedHanning => taper(i.min(part - 1 - i), usable(width, len)),
        Window::None => 1.0,
    };
    let mut filter: Vec<f32> = (0..part).map(|i| value(i) as f32).collect();
    if even {
        filter.insert(0, if window == Window::None { 1.0 } else { 0.0 });
    }
    normalise(&mut filter, len);
    filter
}

/// The Hanning filter of the largest window about the centre that lies within the acquired samples `start..=end`,
/// zero outside.
///
/// It smooths calibration data before they become coil maps or a phase estimate.
pub fn reference(len: usize, start: usize, end: usize) -> Vec<f32> {
    let centre = len / 2;
    let end = end.min(len.saturating_sub(1));
    if (start == 0 && end + 1 >= len) || start > centre || end < centre {
        return symmetric(len, Window::Hanning, 0.0, 0);
    }
    let (before, after) = (centre - start, end - centre);
    let half = match (start > 0, end + 1 < len) {
        (true, true) => before.min(after),
        (true, false) => before,
        _ => after,
    };
    let window = symmetric(2 * half + 1, Window::Hanning, 0.0, 0);
    let first = if half == after && !(start > 0 && half == before) {
        end + 1 - window.len()
    } else {
        start
    };
    let mut filter = vec![0.0; len];
    filter[first..][..window.len()].copy_from_slice(&window);
    filter
}

/// One over the acquired samples `start..=end`, zero elsewhere, with tapers of `width` where k-space is cut (at both
/// ends when it is not cut at all, and none at all without `tapered`).
///
/// With `density` the samples whose mirror image was not acquired count twice.
pub fn asymmetric(len: usize, start: usize, end: usize, tapered: bool, width: usize, density: bool) -> Vec<f32> {
    if len == 0 {
        return Vec::new();
    }
    let (start, end) = match (start.min(len - 1), end.min(len - 1)) {
        (start, end) if start <= end => (start, end),
        _ => (0, len - 1),
    };
    let width = usable(width, len);
    let (cut_before, cut_after) = (start > 0, end + 1 < len);
    let whole = !cut_before && !cut_after;
    let ramp = |i: usize| if tapered { taper(i, width) } else { 1.0 };
    let mut filter = vec![0.0_f32; len];
    filter[start..=end].fill(1.0);
    let centre = len / 2;
    let half = centre.saturating_sub(start).min(end.saturating_sub(centre));
    // Samples further out than `half` have no mirror image.
    let (first_paired, last_paired) = (centre - half.min(centre), (centre + half).min(len - 1));
    if density && tapered && (cut_before || cut_after) && cut_before != cut_after {
        if cut_after {
            filter[start..first_paired].fill(2.0);
            blend(&mut filter, first_paired, width, |i| 1.0 + ramp(width - 1 - i));
        } else {
            filter[last_paired + 1..=end].fill(2.0);
            blend_back(&mut filter, last_paired, width, |i| 1.0 + ramp(width - 1 - i));
        }
    }
    if cut_before || whole {
        blend(&mut filter, start, width, ramp);
    }
    if cut_after || whole {
        blend_back(&mut filter, end, width, ramp);
    }
    normalise(&mut filter, end - start + 1);
    filter
}

/// The filter for partial Fourier data acquired at `start..=end`: an asymmetric filter with tapers of `ratio` of the
/// length; where both ends are cut it is built on the smallest window about the centre that holds the samples.
pub fn partial_fourier(len: usize, start: usize, end: usize, ratio: f64, density: bool) -> Vec<f32> {
    let centre = len / 2;
    if start == 0 || end + 1 >= len || start > centre || end < centre {
        return asymmetric(len, start, end, true, (len as f64 * ratio) as usize, density);
    }
    let acquired = end - start + 1;
    let (before, after) = (2 * (centre - start + 1), 2 * (end - centre + 1));
    let window = before.max(after);
    let width = (window as f64 * ratio) as usize;
    let filter = match after > before {
        true => asymmetric(window, window - acquired.min(window), window - 1, true, width, density),
        false => asymmetric(window, 0, acquired - 1, true, width, density),
    };
    centred(&filter, len)
}

/// A symmetric filter for samples acquired at `min..=max`: over the whole length where an end of k-space was reached,
/// otherwise over the smallest window about the centre that holds them. The mean of its squares over `min..=max` is 1.
pub fn sampled(len: usize, min: usize, max: usize, window: Window, sigma: f64, ratio: f64) -> Vec<f32> {
    let width = |len: usize| (ratio * len as f64).ceil() as usize;
    if len == 0 {
        return Vec::new();
    }
    let (min, max) = (min.min(len - 1), max.min(len - 1));
    let mut filter = if min == 0 || max == len - 1 {
        symmetric(len, window, sigma, width(len))
    } else {
        let centre = len / 2;
        let reach = (2 * centre.abs_diff(min).max(max.abs_diff(centre)) + 1).min(len);
        centred(&symmetric(reach, window, sigma, width(reach)), len)
    };
    if min != 0 || max != len - 1 {
        let energy: f64 = filter[min..=max.max(min)].iter().map(|f| f64::from(*f).powi(2)).sum();
        let mean = energy / (max.max(min) - min + 1) as f64;
        if mean > 0.0 {
            let scale = (1.0 / mean.sqrt()) as f32;
            filter.iter_mut().for_each(|f| *f *= scale);
        }
    }
    filter
}

/// Multiplies every volume of `data` by filters along readout, E1 and E2. An empty filter changes nothing.
///
/// # Panics
/// When a filter is neither empty nor as long as its dimension.
pub fn apply(data: &mut [Complex32], extent: Extent, filters: [&[f32]; 3]) {
    for (filter, size) in filters.iter().zip(extent.sizes()) {
        assert!(
            filter.is_empty() || filter.len() == size,
            "a filter is as long as its dimension"
        );
    }
    let [ro, e1, e2] = filters;
    let weight = |filter: &[f32], index: usize| filter.get(index).copied().unwrap_or(1.0);
    data.par_chunks_mut(extent.ro.max(1))
        .with_min_len(64)
        .enumerate()
        .for_each(|(line, samples)| {
            let scale = weight(e1, line % extent.e1) * weight(e2, line / extent.e1 % extent.e2);
            if ro.is_empty() {
                samples.iter_mut().for_each(|sample| *sample *= scale);
            } else {
                samples
                    .iter_mut()
                    .zip(ro)
                    .for_each(|(sample, ro)| *sample *= ro * scale);
            }
        });
}

/// `filter` with its centre at the centre of `len` samples, zeros around it.
fn centred(filter: &[f32], len: usize) -> Vec<f32> {
    let mut padded = vec![0.0; len];
    if filter.len() <= len {
        padded[len / 2 - filter.len() / 2..][..filter.len()].copy_from_slice(filter);
    } else {
        padded.copy_from_slice(&filter[filter.len() / 2 - len / 2..][..len]);
    }
    padded
}

fn raised_cosine(i: usize, period: usize) -> f64 {
    0.5 * (1.0 - (2.0 * PI * i as f64 / period as f64).cos())
}

/// Value of a taper `width` wide, `i` samples from its outer end; one beyond.
fn taper(i: usize, width: usize) -> f64 {
    if i < width {
        raised_cosine(i + 1, 2 * width + 1)
    } else {
        1.0
    }
}

/// A taper that does not fit counts as one sample.
fn usable(width: usize, len: usize) -> usize {
    if width == 0 || width >= len { 1 } else { width }
}

fn blend(filter: &mut [f32], from: usize, width: usize, value: impl Fn(usize) -> f64) {
    for (i, f) in filter.iter_mut().skip(from).take(width).enumerate() {
        *f = value(i) as f32;
    }
}

fn blend_back(filter: &mut [f32], from: usize, width: usize, value: impl Fn(usize) -> f64) {
    for (i, f) in filter[..=from].iter_mut().rev().take(width).enumerate() {
        *f = value(i) as f32;
    }
}

fn normalise(filter: &mut [f32], acquired: usize) {
    let energy: f64 = filter.iter().map(|f| f64::from(*f).powi(2)).sum();
    if energy > 0.0 {
        let scale = (1.0 / (energy / acquired as f64).sqrt()) as f32;
        filter.iter_mut().for_each(|f| *f *= scale);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f32, b: f64) -> bool {
        (f64::from(a) - b).abs() < 1e-5
    }

    #[test]
    fn a_gaussian_has_its_form() {
        let filter = symmetric(9, Window::Gaussian, 1.5, 0);
        for (i, f) in filter.iter().enumerate() {
            let x = (i as f64 - 4.0) / 4.0;
            assert!(close(f / filter[4], (-0.5 * 2.25 * x * x).exp()), "{i}");
        }
    }

    #[test]
    fn even_lengths_are_zero_at_the_sample_without_mirror_image() {
        for window in [Window::Gaussian, Window::Hanning, Window::TaperedHanning] {
            let filter = symmetric(10, window, 1.0, 3);
            assert_eq!(filter[0], 0.0);
            for i in 1..10 {
                assert_eq!(filter[i], filter[10 - i], "{window:?} {i}");
            }
        }
        assert_eq!(symmetric(10, Window::None, 1.0, 3), vec![1.0; 10]);
    }

    #[test]
    fn a_hanning_filter_of_even_length_is_half_of_one_minus_cosine() {
        let filter = symmetric(8, Window::Hanning, 0.0, 0);
        for (i, f) in filter.iter().enumerate() {
            assert!(close(f / filter[4], 0.5 - 0.5 * (2.0 * PI * i as f64 / 8.0).cos()));
        }
    }

    #[test]
    fn the_reference_window_is_centred_and_inside_the_samples() {
        let filter = reference(16, 4, 15);
        assert_eq!(filter[..4], [0.0; 4]);
        assert!(filter[4..=12].iter().all(|f| *f > 0.0));
        assert_eq!(filter[13..], [0.0; 3]);
        for d in 1..=4 {
            assert_eq!(filter[8 - d], filter[8 + d]);
        }
        let both = reference(16, 5, 14);
        assert!(both[5..=11].iter().all(|f| *f > 0.0) && both[4] == 0.0 && both[12] == 0.0);
    }

    #[test]
    fn density_counts_unpaired_samples_twice() {
        let filter = asymmetric(32, 8, 31, true, 4, true);
        let plain = filter[16];
        assert!((filter[30] / plain - 2.0).abs() < 1e-5);
        assert_eq!(filter[..8], [0.0; 8]);
    }

    #[test]
    fn a_filter_for_central_samples_is_zero_far_outside() {
        let filter = sampled(32, 10, 20, Window::Gaussian, 1.0, 0.15);
        assert_eq!(filter[..10], [0.0; 10]);
        assert_eq!(filter[23..], [0.0; 9]);
        assert!(filter[16] > filter[10] && filter[10] > 0.0);
    }

    proptest! {
        #[test]
        fn every_filter_keeps_the_noise_level(len in 8_usize..200, start in 0_usize..60, cut in 0_usize..60, width in 0_usize..20) {
            let start = start.min(len / 2 - 1);
            let end = len - 1 - cut.min(len / 2 - 2);
            let mean = |filter: &[f32], count: usize| filter.iter().map(|f| f64::from(*f).powi(2)).sum::<f64>() / count as f64;
            for window in [Window::Gaussian, Window::Hanning, Window::TaperedHanning, Window::None] {
                prop_assert!((mean(&symmetric(len, window, 1.0, width), len) - 1.0).abs() < 1e-4);
                let filter = sampled(len, start, end, window, 1.0, 0.15);
                prop_assert!((mean(&filter[start..=end], end - start + 1) - 1.0).abs() < 1e-4);
            }
            for density in [false, true] {
                let filter = asymmetric(len, start, end, true, width, density);
                prop_assert!((mean(&filter, end - start + 1) - 1.0).abs() < 1e-4);
                prop_assert_eq!(partial_fourier(len, start, end, 0.15, density).len(), len);
            }
            prop_assert_eq!(reference(len, start, end).len(), len);
        }
    }
}
