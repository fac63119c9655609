//! Coils around the object, with smooth sensitivities that k-space can express exactly.

use std::f64::consts::PI;

use num_complex::Complex64;

/// A coil: its sensitivity is a product of one function of x and one of y, each the sum of a constant and a wave of two
/// fields of view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coil {
    /// Weights of the harmonics -1/2, 0 and 1/2 (per field of view) along x and along y.
    harmonics: [[Complex64; 3]; 2],
}

/// How much the phase of a coil varies across the object.
const PHASE: f64 = 0.2;

/// So many coils in a circle around the object; a single one in its middle.
pub(super) fn ring(count: u16) -> Vec<Coil> {
    (0..count)
        .map(|index| {
            let angle = 2.0 * PI * f64::from(index) / f64::from(count);
            let radius = if count == 1 { 0.0 } else { 0.5 };
            Coil::at(radius * angle.cos(), radius * angle.sin(), angle)
        })
        .collect()
}

impl Coil {
    /// A coil that is most sensitive at this place, where its phase is `angle`.
    fn at(x: f64, y: f64, angle: f64) -> Self {
        // (1 + cos(pi (r - r0))) / 2 + i PHASE sin(pi (r - r0))
        let axis = |place: f64| {
            let wave = |sign: f64| Complex64::from_polar(0.25 + sign * PHASE / 2.0, -sign * PI * place);
            [wave(-1.0), Complex64::new(0.5, 0.0), wave(1.0)]
        };
        let turn = Complex64::from_polar(1.0, angle);
        Self {
            harmonics: [axis(x).map(|weight| weight * turn), axis(y)],
        }
    }

    /// Weights of the harmonics, and by how many half steps of k-space each moves the object's transform, x before y.
    pub(super) fn shifts(&self) -> impl Iterator<Item = ((i32, i32), Complex64)> + '_ {
        (-1..=1).flat_map(move |y: i32| {
            (-1..=1).map(move |x: i32| {
                let weight = self.harmonics[0][(x + 1) as usize] * self.harmonics[1][(y + 1) as usize];
                ((x, y), weight)
            })
        })
    }

    fn sensitivity(&self, x: f64, y: f64) -> Complex64 {
        self.shifts()
            .map(|((p, q), weight)| weight * Complex64::from_polar(1.0, PI * (f64::from(p) * x + f64::from(q) * y)))
            .sum()
    }
}

/// The root of the sum of the squares of the coils' sensitivities at a place.
pub(super) fn root_sum_of_squares(coils: &[Coil], x: f64, y: f64) -> f32 {
    let sum: f64 = coils.iter().map(|coil| coil.sensitivity(x, y).norm_sqr()).sum();
    sum.sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coil_is_most_sensitive_where_it_is() {
        let coil = ring(8)[2];
        assert!((coil.sensitivity(0.0, 0.5).norm() - 1.0).abs() < 1e-12);
        assert!(coil.sensitivity(0.0, -0.4).norm() < 0.5);
    }
}
