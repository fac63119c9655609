//! Partial Fourier by projection onto convex sets: the missing part of k-space from a smooth phase of the image.
//!
//! Source: E. Haacke, E. Lindskog, W. Lin, "A fast, iterative, partial-Fourier technique capable of local phase recovery",
//! J Magn Reson 92:126 (1991).

use num_complex::Complex32;
use rayon::prelude::*;

use super::{filter, frames::Extent};

/// How to iterate, and how to join measured and estimated k-space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pocs {
    /// Iterations at most.
    pub iterations: usize,
    /// Relative change of the images at which to stop.
    pub tolerance: f64,
    /// Samples over which measured k-space fades into the estimate, along readout, E1 and E2.
    pub transition: [usize; 3],
}

impl Pocs {
    /// Completes the volumes of `kspace`, which were measured at `measured` (first and last sample along readout, E1 and
    /// E2).
    pub fn complete(&self, kspace: &mut [Complex32], extent: Extent, measured: [[usize; 2]; 3]) {
        let sizes = extent.sizes();
        let whole = std::iter::zip(measured, sizes).all(|([first, last], size)| first == 0 && last + 1 >= size);
        if whole || kspace.is_empty() {
            return;
        }
        let phase = phase(kspace, extent, measured);
        let mut images = kspace.to_vec();
        extent.to_image(&mut images);
        let mut estimate = kspace.to_vec();
        for _ in 0..self.iterations {
            estimate
                .par_iter_mut()
                .zip(images.par_iter().zip(&phase))
                .with_min_len(4096)
                .for_each(|(estimate, (image, phase))| *estimate = phase * image.norm());
            extent.to_kspace(&mut estimate);
            let mut next = estimate.clone();
            restore(&mut next, kspace, extent, measured);
            extent.to_image(&mut next);
            let energy = |values: &mut dyn Iterator<Item = f32>| values.map(f64::from).sum::<f64>();
            let change = energy(&mut next.iter().zip(&images).map(|(a, b)| (a - b).norm_sqr()));
            let before = energy(&mut images.iter().map(Complex32::norm_sqr));
            images = next;
            // Neither where nothing changes any more, nor where nothing is a number.
            let goes_on = change > before * self.tolerance.powi(2);
            if !goes_on {
                break;
            }
        }
        if self.transition == [0; 3] {
            restore(&mut estimate, kspace, extent, measured);
            kspace.copy_from_slice(&estimate);
            return;
        }
        let fades: [Vec<f32>; 3] = std::array::from_fn(|d| fade(sizes[d], measured[d], self.transition[d]));
        let weight = |line: usize| fades[1][line % extent.e1] * fades[2][line / extent.e1 % extent.e2];
        let lines = kspace
            .par_chunks_mut(extent.ro)
            .zip(estimate.par_chunks(extent.ro))
            .enumerate();
        lines.for_each(|(line, (measured, estimate))| {
            let across = weight(line);
            for ((measured, estimate), along) in measured.iter_mut().zip(estimate).zip(&fades[0]) {
                let weight = across * along;
                *measured = *measured * weight + estimate * (1.0 - weight);
            }
        });
    }
}

/// The phase of the images of the symmetric part of k-space.
fn phase(kspace: &[Complex32], extent: Extent, measured: [[usize; 2]; 3]) -> Vec<Complex32> {
    let sizes = extent.sizes();
    let filters: [Vec<f32>; 3] = std::array::from_fn(|d| match sizes[d] {
        0 | 1 => Vec::new(),
        size => filter::reference(size, measured[d][0], measured[d][1]),
    });
    let mut images = kspace.to_vec();
    filter::apply(&mut images, extent, filters.each_ref().map(Vec::as_slice));
    extent.to_image(&mut images);
    for pixel in &mut images {
        let norm = pixel.norm();
        *pixel = if norm > 0.0 { *pixel / norm } else { Complex32::ZERO };
    }
    images
}

fn restore(kspace: &mut [Complex32], source: &[Complex32], extent: Extent, measured: [[usize; 2]; 3]) {
    let [[x0, x1], [y0, y1], [z0, z1]] = measured;
    let lines = kspace
        .chunks_exact_mut(extent.ro)
        .zip(source.chunks_exact(extent.ro))
        .enumerate();
    for (line, (target, source)) in lines {
        let (y, z) = (line % extent.e1, line / extent.e1 % extent.e2);
        if (y0..=y1).contains(&y) && (z0..=z1).contains(&z) {
            target[x0..=x1].copy_from_slice(&source[x0..=x1]);
        }
    }
}

/// How much measured k-space counts: 1 at the centre, fading where k-space is cut. The band ends before the centre.
fn fade(size: usize, [first, last]: [usize; 2], transition: usize) -> Vec<f32> {
    if size <= 1 || (first == 0 && last + 1 >= size) {
        return vec![1.0; size];
    }
    let centre = size / 2;
    let room = centre.saturating_sub(first).min(last.saturating_sub(centre));
    let filter = filter::asymmetric(size, first, last, true, transition.min(room).max(1), false);
    let middle = filter[centre];
    match middle > 0.0 {
        true => filter.iter().map(|f| f / middle).collect(),
        false => filter,
    }
}

#[cfg(test)]
mod tests {
    use num_complex::Complex64;

    use super::*;

    const POCS: Pocs = Pocs {
        iterations: 20,
        tolerance: 1e-5,
        transition: [4, 4, 2],
    };

    /// A box with a smooth phase.
    fn object(extent: Extent) -> Vec<Complex32> {
        let turn = |i: usize, n: usize| (i as f32 - (n / 2) as f32) / n as f32;
        let mut images = Vec::new();
        for z in 0..extent.e2 {
            for y in 0..extent.e1 {
                for x in 0..extent.ro {
                    let [u, v, w] = [turn(x, extent.ro), turn(y, extent.e1), turn(z, extent.e2)];
                    let inside = u.abs() < 0.3 && v.abs() < 0.25 && w.abs() < 0.4;
                    let phase = 0.8 * u + 0.5 * v + 0.3 * w;
                    images.push(if inside {
                        Complex32::from_polar(1.0 + u, phase)
                    } else {
                        Complex32::ZERO
                    });
                }
            }
        }
        images
    }

    fn cut(kspace: &mut [Complex32], extent: Extent, measured: [[usize; 2]; 3]) {
        let source = kspace.to_vec();
        kspace.fill(Complex32::ZERO);
        restore(kspace, &source, extent, measured);
    }

    fn error(found: &[Complex32], expected: &[Complex32]) -> f32 {
        let difference: f32 = found.iter().zip(expected).map(|(a, b)| (a - b).norm_sqr()).sum();
        (difference / expected.iter().map(Complex32::norm_sqr).sum::<f32>()).sqrt()
    }

    #[test]
    fn the_image_comes_closer_to_the_object_than_with_zeros() {
        let slice = Extent { ro: 48, e1: 64, e2: 1 };
        let volume = Extent { ro: 24, e1: 32, e2: 12 };
        for (extent, measured) in [
            (slice, [[0, 47], [20, 63], [0, 0]]),
            (slice, [[12, 47], [0, 63], [0, 0]]),
            (volume, [[0, 23], [8, 31], [0, 11]]),
        ] {
            let expected = object(extent);
            let mut kspace = expected.clone();
            extent.to_kspace(&mut kspace);
            cut(&mut kspace, extent, measured);
            let mut zeros = kspace.clone();
            extent.to_image(&mut zeros);
            POCS.complete(&mut kspace, extent, measured);
            extent.to_image(&mut kspace);
            let (with, without) = (error(&kspace, &expected), error(&zeros, &expected));
            assert!(with < 0.75 * without, "{extent:?} {with} {without}");
        }
    }

    #[test]
    fn measured_samples_stay_without_transition() {
        let extent = Extent { ro: 16, e1: 32, e2: 1 };
        let measured = [[0, 15], [10, 31], [0, 0]];
        let mut kspace = object(extent);
        extent.to_kspace(&mut kspace);
        cut(&mut kspace, extent, measured);
        let before = kspace.clone();
        Pocs {
            transition: [0; 3],
            ..POCS
        }
        .complete(&mut kspace, extent, measured);
        assert_eq!(kspace[10 * 16..], before[10 * 16..]);
        assert!(kspace[..10 * 16].iter().any(|z| *z != Complex32::ZERO));
    }

    #[test]
    fn full_kspace_stays() {
        let extent = Extent { ro: 8, e1: 8, e2: 1 };
        let mut kspace = object(extent);
        let before = kspace.clone();
        POCS.complete(&mut kspace, extent, [[0, 7], [0, 7], [0, 0]]);
        assert_eq!(kspace, before);
    }

    #[test]
    fn it_ends_where_nothing_changes_and_where_nothing_is_a_number() {
        let extent = Extent { ro: 4, e1: 8, e2: 1 };
        for value in [0.0, f32::NAN, f32::INFINITY] {
            let mut kspace = vec![Complex32::from(value); extent.volume()];
            let endless = Pocs {
                iterations: usize::MAX,
                tolerance: 0.0,
                ..POCS
            };
            endless.complete(&mut kspace, extent, [[0, 3], [2, 7], [0, 0]]);
            assert_eq!(kspace[0].is_finite(), value == 0.0);
        }
    }

    #[test]
    fn the_fade_is_one_at_the_centre_and_in_the_uncut_half() {
        let fade = fade(32, [8, 31], 24);
        assert_eq!(fade[..8], [0.0; 8]);
        assert!(fade[16..].iter().all(|f| (f - 1.0).abs() < 1e-6));
        assert!(fade[8] < fade[12] && fade[12] < fade[15]);
    }

    /// The projections by their definition, in double precision, on one line of `n` samples measured from `first` on.
    fn direct(kspace: &[Complex32], first: usize, iterations: usize) -> Vec<Complex64> {
        let n = kspace.len();
        let transform = |values: &[Complex64], sign: f64| -> Vec<Complex64> {
            let at = |i: usize| i as f64 - (n / 2) as f64;
            let sum = |k: usize| -> Complex64 {
                let turns = values.iter().enumerate().map(|(x, v)| (at(k) * at(x) / n as f64, v));
                turns
                    .map(|(turn, v)| Complex64::cis(sign * std::f64::consts::TAU * turn) * v)
                    .sum()
            };
            (0..n).map(|k| sum(k) / (n as f64).sqrt()).collect()
        };
        let measured: Vec<Complex64> = kspace
            .iter()
            .map(|z| Complex64::new(z.re.into(), z.im.into()))
            .collect();
        // A raised cosine over the part that is measured on both sides of the centre.
        let half = (n / 2 - first) as f64;
        let smooth: Vec<Complex64> = (0..n)
            .map(|k| match (k as f64 - (n / 2) as f64) / (half + 1.0) {
                place if place.abs() < 1.0 => measured[k] * (0.5 + 0.5 * (std::f64::consts::PI * place).cos()),
                _ => Complex64::ZERO,
            })
            .collect();
        let phase: Vec<Complex64> = transform(&smooth, 1.0).into_iter().map(|z| z / z.norm()).collect();
        let mut image = transform(&measured, 1.0);
        let mut completed = measured.clone();
        for _ in 0..iterations {
            let estimate: Vec<Complex64> = image.iter().zip(&phase).map(|(z, phase)| phase * z.norm()).collect();
            completed = transform(&estimate, -1.0);
            completed[first..].copy_from_slice(&measured[first..]);
            image = transform(&completed, 1.0);
        }
        completed
    }

    #[test]
    fn the_projections_are_those_of_their_definition() {
        let extent = Extent { ro: 1, e1: 26, e2: 1 };
        for first in [7, 10] {
            let mut kspace = object(Extent { ro: 26, e1: 1, e2: 1 });
            extent.to_kspace(&mut kspace);
            kspace[..first].fill(Complex32::ZERO);
            let expected = direct(&kspace, first, 5);
            Pocs {
                iterations: 5,
                tolerance: 0.0,
                transition: [0; 3],
            }
            .complete(&mut kspace, extent, [[0, 0], [first, 25], [0, 0]]);
            for (found, expected) in kspace.iter().zip(&expected) {
                let found = Complex64::new(found.re.into(), found.im.into());
                assert!((found - expected).norm() < 1e-4, "{found} {expected}");
            }
        }
    }
}
