//! Spans of time on the command line.

use std::time::Duration;

use jiff::SignedDuration;

/// A hundred years: a moment so far from now can still be told.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Reads a span of time: a number of seconds (`30`, `0.5`) or numbers with units (`30s`, `10m`, `1h 30m`, `250ms`).
///
/// # Errors
/// What cannot be read, or is negative, or too long, in words for people.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let span = match text.trim().parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|span| Duration::try_from(span).ok()),
    };
    span.filter(|span| *span <= LONGEST)
        .ok_or_else(|| format!("{text} is no span of time: 30, 30s and 10m are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_and_without_their_unit() {
        for (text, milliseconds) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("0.5", 500),
            ("250ms", 250),
            ("10m", 600_000),
            ("1h 30m", 5_400_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "-1", "-1s", "soon", "inf", "nan", "30 potatoes", "1e10", "900000h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
