//! What people write.

use jiff::SignedDuration;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Reads a reason.
///
/// # Errors
///
/// When it is none, too long, or not one line.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("a reason has words".to_owned()),
        length if length > LONGEST_REASON => Err(format!("{length} characters are too many; at most {LONGEST_REASON}")),
        _ if text.contains(char::is_control) => Err("a reason is one line, without control characters".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// A span such as `2h`, `1h 30m` or `1d`, longer than nothing.
///
/// # Errors
///
/// When it is none.
pub fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is no span; write it like 30m, 2h or 1d");
    // A day has 24 hours here: nobody holds anything until a clock is changed.
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<i64>().ok()).map(|days| days.checked_mul(24));
    let span = match days {
        Some(hours) => SignedDuration::from_hours(hours.filter(|hours| hours.abs() < 1_000_000).ok_or_else(wrong)?),
        None => text.parse().map_err(|_| wrong())?,
    };
    if span <= SignedDuration::ZERO { Err(wrong()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line_with_words() {
        assert_eq!(reason(" new disks "), Ok("new disks".to_owned()));
        assert_eq!(reason(&"ü".repeat(LONGEST_REASON)).map(|text| text.chars().count()), Ok(LONGEST_REASON));
        for wrong in ["", "  ", "a\nb", "a\u{1b}[31m", &"x".repeat(LONGEST_REASON + 1)] {
            assert!(reason(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn s17_spans_are_read_as_people_write_them() {
        for (text, seconds) in
            [("30m", 1800), ("2h", 7200), ("1h 30m", 5400), ("90s", 90), ("1d", 86_400), ("7d", 604_800)]
        {
            assert_eq!(span(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "2", "-2h", "0s", "0d", "soon", "2 fortnights", "999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong:?}");
        }
    }
}
