//! The Bessel function of the first kind and first order.

/// Where the power series gives way to the asymptotic one; there both are good to 1e-10.
const CHANGE: f64 = 12.0;

/// `J1(x)` for `x >= 0`, to about 1e-10.
///
/// Abramowitz and Stegun, 9.1.10 (power series) and 9.2.5 (Hankel's asymptotic series).
pub(super) fn j1(x: f64) -> f64 {
    if x < CHANGE { power_series(x) } else { hankel(x) }
}

fn power_series(x: f64) -> f64 {
    let quarter = -x * x / 4.0;
    let (mut term, mut sum) = (x / 2.0, 0.0);
    for k in 1..60 {
        sum += term;
        term *= quarter / f64::from(k * (k + 1));
    }
    sum + term
}

fn hankel(x: f64) -> f64 {
    // With mu = 4 for order 1, each term is the last times (mu - (2k - 1)^2) / (8 k x); even ones make P, odd ones Q.
    let (mut p, mut q, mut term) = (0.0, 0.0, 1.0_f64);
    for k in 0..20_u32 {
        let sign = if k / 2 % 2 == 0 { 1.0 } else { -1.0 };
        *(if k % 2 == 0 { &mut p } else { &mut q }) += sign * term;
        let odd = f64::from(2 * k + 1);
        let next = term * (4.0 - odd * odd) / (8.0 * f64::from(k + 1) * x);
        // The series diverges in the end: stop at its smallest term.
        if next.abs() > term.abs() && k > 1 {
            break;
        }
        term = next;
    }
    let phase = x - 0.75 * std::f64::consts::PI;
    (2.0 / (std::f64::consts::PI * x)).sqrt() * (p * phase.cos() - q * phase.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // Abramowitz and Stegun, tables 9.1 and 9.2, and the first zero.
        let table = [
            (0.0, 0.0),
            (1.0, 0.440_050_585_744_9),
            (5.0, -0.327_579_137_591_5),
            (10.0, 0.043_472_746_168_9),
            (20.0, 0.066_833_124_175_8),
            (3.831_705_970_207_512, 0.0),
        ];
        for (x, value) in table {
            assert!((j1(x) - value).abs() < 1e-10, "J1({x}) = {}", j1(x));
        }
    }

    #[test]
    fn the_two_series_meet() {
        assert!((power_series(CHANGE) - hankel(CHANGE)).abs() < 1e-9);
    }
}
