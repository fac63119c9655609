//! The NHLBI compression of samples (flag 54): every number becomes a whole number of a few bits.
//!
//! Layout: 64 bits with the number of values, the scale (32-bit float), the bits of a value (8 bits), then the values
//! as two's complement, packed from the lowest bit up without gaps. A value is its whole number divided by the scale.
//! The original class is `NHLBI::CompressedFloatBuffer`. A tolerance is the largest error of a value.

use super::{Decoder, put_number};
use crate::error::Failure;

/// How precise compressed samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Precision {
    /// The largest error of a value, in the units of the samples.
    Tolerance(f32),
    /// The largest error of a value as a fraction of the noise in it.
    Noise {
        /// The fraction.
        fraction: f32,
        /// Standard deviation of the noise as it was measured, in the units of the samples.
        sigma: f32,
        /// Time between two samples of that measurement, in microseconds; 0 where it is not known.
        dwell_time_us: f32,
    },
    /// Bits of a value, 1 to 31.
    Bits(u8),
}

const MOST_BITS: u8 = 31;
/// Bytes before the packed values.
const HEADER_BYTES: u64 = 8 + 4 + 1;

/// Reads `expected` values from a block of `length` bytes.
pub(super) fn decode(decoder: &mut Decoder<'_>, length: u64, expected: u64) -> Result<Vec<f32>, Failure> {
    decoder.require(length)?;
    if length < HEADER_BYTES {
        return Err(decoder.malformed("the compressed samples", format_args!("{length} bytes are too few")));
    }
    let elements = decoder.number::<u64>()?;
    if elements != expected {
        let reason = format!("{elements} values where the header announces {expected}");
        return Err(decoder.malformed("the compressed samples", reason));
    }
    let bytes = elements.saturating_mul(4);
    decoder.check("the samples", bytes, decoder.limits().message_bytes, "message_bytes")?;
    let scale = decoder.number::<f32>()?;
    let bits = decoder.number::<u8>()?;
    if !(1..=MOST_BITS).contains(&bits) {
        return Err(decoder.malformed(
            "the compressed samples",
            format_args!("{bits} bits; 1 to 31 are possible"),
        ));
    }
    if !(scale.is_finite() && scale > 0.0) {
        return Err(decoder.malformed(
            "the compressed samples",
            format_args!("the scale {scale} is not positive"),
        ));
    }
    // The original computes the number of bytes in single precision, so that large blocks can be longer than needed.
    let packed = length - HEADER_BYTES;
    if packed < packed_bytes(elements, bits) {
        let reason = format!("{packed} bytes for {elements} values of {bits} bits");
        return Err(decoder.malformed("the compressed samples", reason));
    }
    Ok(unpack(decoder.bytes(packed)?, elements, bits, scale))
}

fn packed_bytes(elements: u64, bits: u8) -> u64 {
    elements.saturating_mul(bits.into()).div_ceil(8)
}

fn unpack(packed: &[u8], elements: u64, bits: u8, scale: f32) -> Vec<f32> {
    let mut bytes = packed.iter();
    let (mut pending, mut available) = (0_u64, 0_u32);
    let bits = u32::from(bits);
    (0..elements)
        .map(|_| {
            while available < bits {
                pending |= u64::from(bytes.next().copied().unwrap_or(0)) << available;
                available += 8;
            }
            // Moved to the top and back down: the highest of the bits is the sign.
            let value = (pending << (64 - bits)).cast_signed() >> (64 - bits);
            pending >>= bits;
            available -= bits;
            value as f32 / scale
        })
        .collect()
}

/// Appends the block of these values, which were sampled so far apart, with its length (32 bits) before it. Where the values cannot be compressed as
/// wanted (none at all, not finite, or too wide a range for the tolerance), nothing is appended and `false` comes back.
pub(super) fn encode(values: &[f32], precision: Precision, sample_time_us: f32, out: &mut Vec<u8>) -> bool {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
        return false;
    }
    let Some(bits) = bits_for(precision, sample_time_us, largest) else {
        return false;
    };
    let Some(scale) = scale_for(bits, largest) else {
        return false;
    };
    let elements = values.len() as u64;
    let packed = packed_bytes(elements, bits);
    let Ok(length) = u32::try_from(packed + HEADER_BYTES) else {
        return false;
    };
    put_number(out, length);
    put_number(out, elements);
    put_number(out, scale);
    put_number(out, bits);
    pack(values, bits, scale, out);
    true
}

fn bits_for(precision: Precision, sample_time_us: f32, largest: f32) -> Option<u8> {
    let bits = match precision {
        Precision::Bits(bits) => bits,
        Precision::Tolerance(tolerance) => bits_within(tolerance, largest)?,
        Precision::Noise {
            fraction,
            sigma,
            dwell_time_us,
        } => {
            // The power of noise is that of the bandwidth it came through, which is the inverse of the time between two
            // samples. (The original multiplies by that time once more, so that its errors depend on the unit of time.)
            let known = dwell_time_us > 0.0 && sample_time_us > 0.0;
            let bandwidths = if known { dwell_time_us / sample_time_us } else { 1.0 };
            bits_within(fraction * sigma * bandwidths.sqrt(), largest)?
        }
    };
    (1..=MOST_BITS).contains(&bits).then_some(bits)
}

fn bits_within(tolerance: f32, largest: f32) -> Option<u8> {
    // What single precision itself loses is part of the tolerance.
    let epsilon = largest - largest.next_down().max(0.0);
    let scale = (0.5 / f64::from(tolerance - epsilon)) as f32;
    let highest = (scale * largest).ceil();
    if !(tolerance > epsilon && highest.is_finite() && highest < 2_f32.powi(31)) {
        return None;
    }
    let magnitude = u32::BITS - (highest as u32).leading_zeros();
    u8::try_from(magnitude + 1).ok()
}

/// The largest scale at which no value exceeds the range of so many bits, rounding included.
fn scale_for(bits: u8, largest: f32) -> Option<f32> {
    if largest == 0.0 {
        return Some(1.0);
    }
    let highest = (1_u32 << (bits - 1)) - 1;
    (0..highest)
        .map(|less| (highest - less) as f32 / largest)
        .find(|scale| f64::from((largest * scale).round()) <= f64::from(highest))
        .filter(|scale| scale.is_finite() && *scale > 0.0)
}

fn pack(values: &[f32], bits: u8, scale: f32, out: &mut Vec<u8>) {
    let bits = u32::from(bits);
    let mask = (1_u64 << bits) - 1;
    let (mut pending, mut used) = (0_u64, 0_u32);
    for value in values {
        let whole = (value * scale).round() as i32;
        pending |= (i64::from(whole).cast_unsigned() & mask) << used;
        used += bits;
        while used >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            used -= 8;
        }
    }
    if used > 0 {
        out.push(pending.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use proptest::prelude::*;

    fn decoded(block: &[u8], values: usize) -> Result<Vec<f32>, Failure> {
        let limits = Limits::default();
        let mut decoder = Decoder::new(block, &limits);
        let length = decoder.number::<u32>().unwrap();
        decode(&mut decoder, length.into(), values as u64)
    }

    #[test]
    fn three_bits_are_packed_from_the_lowest_bit_up() {
        let mut out = Vec::new();
        assert!(encode(&[3.0, -3.0, 1.0], Precision::Bits(3), 0.0, &mut out));
        let block = [15, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 63, 3, 0b0110_1011, 0];
        assert_eq!(out, block);
        assert_eq!(decoded(&out, 3).unwrap(), [3.0, -3.0, 1.0]);
    }

    #[test]
    fn what_cannot_be_compressed_is_left_alone() {
        let mut out = Vec::new();
        for (values, precision) in [
            (&[][..], Precision::Bits(8)),
            (&[f32::NAN][..], Precision::Bits(8)),
            (&[1e9, 1.0][..], Precision::Tolerance(1e-3)),
            (&[1.0][..], Precision::Tolerance(0.0)),
            (&[1.0][..], Precision::Bits(32)),
        ] {
            assert!(!encode(values, precision, 0.0, &mut out), "{values:?} {precision:?}");
        }
        assert!(out.is_empty());
    }

    #[test]
    fn a_block_that_is_too_short_or_counts_wrongly_is_refused() {
        let mut out = Vec::new();
        assert!(encode(&[1.0; 16], Precision::Bits(16), 0.0, &mut out));
        assert!(matches!(decoded(&out, 15), Err(Failure::Fault { .. })));
        assert!(matches!(
            decoded(&out[..out.len() - 1], 16),
            Err(Failure::Incomplete { .. })
        ));
        out[0] -= 1;
        assert!(matches!(decoded(&out, 16), Err(Failure::Fault { .. })));
    }

    #[test]
    fn noise_grows_with_the_bandwidth_and_so_does_the_tolerance() {
        let noise = |dwell_time_us| Precision::Noise {
            fraction: 0.1,
            sigma: 2.0,
            dwell_time_us,
        };
        for (precision, tolerance) in [(noise(20.0), 0.4), (noise(5.0), 0.2), (noise(0.0), 0.2)] {
            let bits = |precision| bits_for(precision, 5.0, 100.0);
            assert_eq!(bits(precision), bits(Precision::Tolerance(tolerance)), "{precision:?}");
        }
        assert_eq!(bits_for(noise(20.0), 0.0, 100.0), bits_within(0.2, 100.0));
    }

    proptest! {
        #[test]
        fn the_error_stays_below_the_tolerance(
            values in proptest::collection::vec(-1000.0_f32..1000.0, 1..300),
            tolerance in 0.001_f32..10.0,
        ) {
            let mut out = Vec::new();
            prop_assert!(encode(&values, Precision::Tolerance(tolerance), 0.0, &mut out));
            let decoded = decoded(&out, values.len()).unwrap();
            for (value, back) in values.iter().zip(&decoded) {
                prop_assert!((value - back).abs() <= tolerance, "{value} came back as {back}");
            }
        }
    }
}
