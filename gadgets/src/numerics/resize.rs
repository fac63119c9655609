//! Padding, cropping and interpolation of volumes; the centre (index `n / 2`) stays the centre.

use num_complex::Complex32;
use rayon::prelude::*;

use super::frames::Extent;

/// Every volume of `data` cut or filled up with zeros to the size `to`, each dimension by itself.
///
/// Where the original cuts an even length to an odd one it moves the centre by one sample; this does not.
pub fn place(data: Vec<Complex32>, from: Extent, to: Extent) -> Vec<Complex32> {
    if from == to || from.volume() == 0 || to.volume() == 0 {
        return if from == to { data } else { Vec::new() };
    }
    let mut result = vec![Complex32::ZERO; data.len() / from.volume() * to.volume()];
    let [ro, e1, e2] = [(from.ro, to.ro), (from.e1, to.e1), (from.e2, to.e2)].map(|(from, to)| Overlap::of(from, to));
    let volumes = result.par_chunks_exact_mut(to.volume());
    volumes
        .zip(data.par_chunks_exact(from.volume()))
        .for_each(|(target, source)| {
            for z in 0..e2.count {
                for y in 0..e1.count {
                    let read = ((e2.from + z) * from.e1 + e1.from + y) * from.ro + ro.from;
                    let write = ((e2.to + z) * to.e1 + e1.to + y) * to.ro + ro.to;
                    target[write..][..ro.count].copy_from_slice(&source[read..][..ro.count]);
                }
            }
        });
    result
}

/// Images resampled to the size `to` through k-space: with zeros around it in the dimensions that grow, cut in those that
/// shrink. Where they grow the intensity stays, where they shrink the noise level does, as in the original (which lets
/// three-dimensional images grow brighter by `sqrt(E2)`; this does not).
pub fn resample(images: &mut Vec<Complex32>, from: Extent, to: Extent) {
    if from == to {
        return;
    }
    from.to_kspace(images);
    *images = place(std::mem::take(images), from, to);
    to.to_image(images);
    let growth: f64 = std::iter::zip(from.sizes(), to.sizes())
        .filter(|(from, to)| to > from)
        .map(|(from, to)| to as f64 / from as f64)
        .product();
    let scale = growth.sqrt() as f32;
    images.iter_mut().for_each(|pixel| *pixel *= scale);
}

/// Where one dimension of the old volume lies in the new one.
struct Overlap {
    from: usize,
    to: usize,
    count: usize,
}

impl Overlap {
    fn of(from: usize, to: usize) -> Self {
        Self {
            from: (from / 2).saturating_sub(to / 2),
            to: (to / 2).saturating_sub(from / 2),
            count: from.min(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(count: usize) -> Vec<Complex32> {
        (1..=count).map(|i| Complex32::from(i as f32)).collect()
    }

    #[test]
    fn the_centre_stays_the_centre() {
        for from in 1..12 {
            for to in 1..12 {
                let line = |ro| Extent { ro, e1: 1, e2: 1 };
                let placed = place(numbered(from), line(from), line(to));
                assert_eq!(placed[to / 2], Complex32::from((from / 2 + 1) as f32), "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_harmonic_is_interpolated_exactly_in_three_dimensions() {
        let wave = |extent: Extent| -> Vec<Complex32> {
            let mut samples = Vec::new();
            for z in 0..extent.e2 {
                for y in 0..extent.e1 {
                    for x in 0..extent.ro {
                        let turn = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / n as f64;
                        let phase = turn(x, extent.ro) + 2.0 * turn(y, extent.e1) - turn(z, extent.e2);
                        samples.push(Complex32::from_polar(3.0, (phase * std::f64::consts::TAU) as f32));
                    }
                }
            }
            samples
        };
        let (from, to) = (Extent { ro: 8, e1: 6, e2: 4 }, Extent { ro: 12, e1: 9, e2: 10 });
        let mut images = wave(from);
        resample(&mut images, from, to);
        for (found, expected) in images.iter().zip(wave(to)) {
            assert!((found - expected).norm() < 1e-4, "{found} {expected}");
        }
    }

    proptest! {
        #[test]
        fn padding_and_cropping_back_changes_nothing(
            (ro, e1, e2) in (1_usize..9, 1_usize..9, 1_usize..4), (a, b, c) in (0_usize..6, 0_usize..6, 0_usize..6),
        ) {
            let from = Extent { ro, e1, e2 };
            let to = Extent { ro: ro + a, e1: e1 + b, e2: e2 + c };
            let data = numbered(2 * from.volume());
            let padded = place(data.clone(), from, to);
            prop_assert_eq!(padded.iter().filter(|z| **z == Complex32::ZERO).count(), 2 * (to.volume() - from.volume()));
            prop_assert_eq!(place(padded, to, from), data);
        }
    }
}
