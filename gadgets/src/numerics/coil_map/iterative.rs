//! Inati's iteration: combined image and smooth coil maps in turn.

use num_complex::Complex32;
use rayon::prelude::*;

use super::{Extent, combine, wrapped};

/// Alternates between the combined image and smooth maps.
pub(super) fn maps(
    images: &[Complex32],
    channels: usize,
    extent: Extent,
    window: [usize; 2],
    iterations: usize,
    tolerance: f32,
) -> Vec<Complex32> {
    let volume = extent.volume();
    let window = [window[0], window[0], if extent.e2 > 1 { window[1] } else { 1 }].map(|size| size.max(1));
    let mut map = images.to_vec();
    let mut combined = vec![Complex32::ZERO; volume];
    weigh(images, &channel_weights(images, channels, None), &mut combined);
    for _ in 0..iterations {
        let previous = combined.clone();
        map.par_chunks_exact_mut(volume)
            .zip(images.par_chunks_exact(volume))
            .for_each(|(map, image)| {
                for ((map, image), combined) in map.iter_mut().zip(image).zip(&previous) {
                    *map = image * combined.conj();
                }
                smooth(map, extent, window);
            });
        for pixel in 0..volume {
            let energy: f32 = (0..channels).map(|c| map[c * volume + pixel].norm_sqr()).sum();
            let scale = if energy > 0.0 { 1.0 / energy.sqrt() } else { 0.0 };
            (0..channels).for_each(|c| map[c * volume + pixel] *= scale);
        }
        combine(images, &map, &mut combined);
        // Only the product of map and image is defined: a common phase makes the maps' weighted sum real and positive.
        let mut phase = vec![Complex32::ZERO; volume];
        weigh(&map, &channel_weights(&map, channels, Some(&combined)), &mut phase);
        for (pixel, phase) in phase.iter().enumerate() {
            let norm = phase.norm();
            let phase = if norm > 0.0 { phase / norm } else { Complex32::ONE };
            combined[pixel] *= phase;
            (0..channels).for_each(|c| map[c * volume + pixel] *= phase.conj());
        }
        let energy = |change: &mut dyn Iterator<Item = f32>| change.map(f64::from).sum::<f64>();
        let change = energy(&mut previous.iter().zip(&combined).map(|(a, b)| (a - b).norm_sqr()));
        // Neither where nothing changes any more, nor where nothing is a number.
        let goes_on = change > energy(&mut combined.iter().map(Complex32::norm_sqr)) * f64::from(tolerance).powi(2);
        if !goes_on {
            break;
        }
    }
    map
}

/// The channels' sums over the volume (times `factor` where there is one), normalised.
fn channel_weights(images: &[Complex32], channels: usize, factor: Option<&[Complex32]>) -> Vec<Complex32> {
    let volume = images.len() / channels;
    let mut sums: Vec<Complex32> = images
        .chunks_exact(volume)
        .map(|image| match factor {
            Some(factor) => image.iter().zip(factor).map(|(a, b)| a * b).sum(),
            None => image.iter().sum(),
        })
        .collect();
    let norm = sums.iter().map(Complex32::norm_sqr).sum::<f32>().sqrt();
    if norm > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= norm);
    }
    sums
}

/// The sum over channels of image times conjugate weight.
fn weigh(images: &[Complex32], weights: &[Complex32], result: &mut [Complex32]) {
    for (image, weight) in images.chunks_exact(result.len()).zip(weights) {
        let weight = weight.conj();
        result
            .iter_mut()
            .zip(image)
            .for_each(|(sum, pixel)| *sum += pixel * weight);
    }
}

/// The mean over a neighbourhood of each pixel, wrapping around at the edges.
fn smooth(volume: &mut [Complex32], extent: Extent, window: [usize; 3]) {
    let mut inner = 1;
    for (size, window) in extent.sizes().into_iter().zip(window) {
        if window > 1 {
            let scale = 1.0 / window as f32;
            let mut line = vec![Complex32::ZERO; size];
            for outer in 0..volume.len() / (size * inner) {
                for start in outer * size * inner..outer * size * inner + inner {
                    for (i, value) in line.iter_mut().enumerate() {
                        // For even windows the extra neighbour comes after.
                        *value = (0..window)
                            .map(|offset| volume[start + wrapped(i, offset, (window - 1) / 2, size) * inner])
                            .sum();
                    }
                    line.iter()
                        .enumerate()
                        .for_each(|(i, value)| volume[start + i * inner] = value * scale);
                }
            }
        }
        inner *= size;
    }
}
