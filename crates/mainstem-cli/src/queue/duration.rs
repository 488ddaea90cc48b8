//! Durations as people write them: `500ms`, `30s`, `5m`, `12h`, `1d`.

use std::time::Duration;

/// Reads a whole number with a unit, or a number of seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
    let (number, unit) = text.split_at_checked(digits.len()).unwrap_or((text, ""));
    let wrong = || format!("{text:?} is no duration such as 500ms, 30s, 5m, 12h or 1d");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

/// Writes a duration with two units at most.
pub(crate) fn show(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0 => format!("{}ms", duration.as_millis()),
        1..=59 => format!("{s}s"),
        60..=3599 => format!("{}m{:02}s", s / 60, s % 60),
        3600..=86_399 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_with_and_without_unit() {
        for (text, ms) in [
            ("0", 0),
            ("7", 7000),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in [
            "",
            "s",
            "-1s",
            "1.5s",
            "5 m",
            "1y",
            "99999999999999999999",
            "18446744073709551615d",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shown_durations() {
        for (s, shown) in [
            (0, "0ms"),
            (59, "59s"),
            (61, "1m01s"),
            (7260, "2h01m"),
            (90_000, "1d01h"),
        ] {
            assert_eq!(show(Duration::from_secs(s)), shown);
        }
    }
}
