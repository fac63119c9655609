//! The object: ellipses, their image and their Fourier transform.
//!
//! Lengths are in fields of view, x to the right, y downwards, the centre at 0.

use std::f64::consts::PI;

use ndarray::Array2;
use num_complex::{Complex32, Complex64};

use super::bessel::j1;

/// An ellipse of one brightness; brightnesses of overlapping ellipses add.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ellipse {
    brightness: f64,
    /// Half axes along its own x and y.
    axes: [f64; 2],
    centre: [f64; 2],
    /// Cosine and sine of its rotation.
    turn: [f64; 2],
}

/// The modified Shepp-Logan head (Toft, The Radon Transform, 1996, table B.1), scaled by `zoom`.
pub(super) fn shepp_logan(zoom: f64) -> Vec<Ellipse> {
    // Brightness, half axes, centre, rotation in degrees; lengths in half fields of view, y upwards.
    const TABLE: [(f64, f64, f64, f64, f64, f64); 10] = [
        (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
        (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
        (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
        (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
        (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
        (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
        (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
        (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
        (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
        (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
    ];
    TABLE
        .into_iter()
        .map(|(brightness, a, b, x, y, degrees)| {
            let angle = -degrees.to_radians();
            Ellipse {
                brightness,
                axes: [a * zoom / 2.0, b * zoom / 2.0],
                centre: [x * zoom / 2.0, -y * zoom / 2.0],
                turn: [angle.cos(), angle.sin()],
            }
        })
        .collect()
}

impl Ellipse {
    /// A vector in the ellipse's own axes.
    fn own(&self, x: f64, y: f64) -> (f64, f64) {
        let [cos, sin] = self.turn;
        (cos * x + sin * y, cos * y - sin * x)
    }

    fn contains(&self, x: f64, y: f64) -> bool {
        let (x, y) = self.own(x - self.centre[0], y - self.centre[1]);
        (x / self.axes[0]).powi(2) + (y / self.axes[1]).powi(2) <= 1.0
    }

    /// The integral of brightness times `exp(-2 pi i (kx x + ky y))`.
    fn transform(&self, kx: f64, ky: f64) -> Complex64 {
        let (x, y) = self.own(kx, ky);
        let [a, b] = self.axes;
        let k = (a * x).hypot(b * y);
        // J1(2 pi k) / k is pi at the centre of k-space.
        let size = if k < 1e-9 { PI } else { j1(2.0 * PI * k) / k };
        let phase = -2.0 * PI * (kx * self.centre[0] + ky * self.centre[1]);
        Complex64::from_polar(self.brightness * a * b * size, phase)
    }
}

/// The coordinate of pixel `index` of `matrix`: the centre of the field of view is pixel `matrix / 2`.
pub(super) fn position(index: usize, matrix: usize) -> f64 {
    (index as f64 - (matrix / 2) as f64) / matrix as f64
}

/// The object's transform in steps of half an inverse field of view, from `-matrix - 1` to `matrix` steps, shape
/// `[ky, kx]`.
pub(super) fn spectrum(object: &[Ellipse], matrix: usize) -> Array2<Complex32> {
    let k = |index: usize| (index as f64 - matrix as f64 - 1.0) / 2.0;
    Array2::from_shape_fn((2 * matrix + 2, 2 * matrix + 2), |(y, x)| {
        let sum: Complex64 = object.iter().map(|ellipse| ellipse.transform(k(x), k(y))).sum();
        Complex32::new(sum.re as f32, sum.im as f32)
    })
}

/// The object's image, each pixel the average of 8 x 8 points, shape `[y, x]`.
pub(super) fn image(object: &[Ellipse], matrix: usize) -> Array2<f32> {
    const POINTS: usize = 8;
    let offset = |point: usize| ((point as f64 + 0.5) / POINTS as f64 - 0.5) / matrix as f64;
    Array2::from_shape_fn((matrix, matrix), |(y, x)| {
        let mut sum = 0.0;
        for point in 0..POINTS * POINTS {
            let x = position(x, matrix) + offset(point % POINTS);
            let y = position(y, matrix) + offset(point / POINTS);
            sum += object
                .iter()
                .filter(|ellipse| ellipse.contains(x, y))
                .map(|ellipse| ellipse.brightness)
                .sum::<f64>();
        }
        (sum / (POINTS * POINTS) as f64) as f32
    })
}
