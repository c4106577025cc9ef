//! Weak decoding of text, as Go's `strconv` reads it: what the Go daemon accepted, we accept (J1).

/// `strconv.ParseBool`: `1 t T TRUE true True` and `0 f F FALSE false False`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number that is not negative. As `strconv.ParseInt` with base 0 has it: decimal, or with a prefix hexadecimal,
/// octal or binary, where underscores may separate digits. And a decimal fraction whose value is whole, `5.0` or `1e2`,
/// as Go's weak decoding takes the numbers of JSON.
pub(crate) fn count(text: &str) -> Option<u32> {
    integer(text).or_else(|| whole(text))
}

fn whole(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    // With a zero before it, a number is octal.
    let plain =
        digits.starts_with(|c: char| c.is_ascii_digit()) && !matches!(digits.as_bytes(), [b'0', b'0'..=b'9', ..]);
    let value = number(digits).filter(|value| plain && value.fract() == 0.0)?;
    format!("{value:.0}").parse().ok()
}

fn integer(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let separated = radix != 10 || !digits.contains('_');
    let well_formed = digits.starts_with(|c: char| c.is_ascii_alphanumeric()) && !digits.ends_with('_');
    if !separated || !well_formed || digits.contains("__") {
        return None;
    }
    let digits = digits.replace('_', "");
    u32::from_str_radix(&digits, radix).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// `strconv.ParseFloat`, finite and not negative.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j1_booleans_are_read_as_go_reads_them() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "yes", "no", "on", "tRUE", " true", "2"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    #[test]
    fn j1_counts_are_read_as_go_reads_them() {
        let cases = [
            ("0", Some(0)),
            ("10", Some(10)),
            ("+3", Some(3)),
            ("0x10", Some(16)),
            ("0b101", Some(5)),
            ("010", Some(8)),
            ("0o17", Some(15)),
            ("0x1_0", Some(16)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("1_000", None),
            ("", None),
            ("-1", None),
            ("+-1", None),
            ("++1", None),
            ("0x", None),
            ("0x+1", None),
            ("1.5", None),
            ("5.0", Some(5)),
            ("+5.0", Some(5)),
            ("1e2", Some(100)),
            ("100e-2", Some(1)),
            ("0.0", Some(0)),
            ("4294967295.0", Some(u32::MAX)),
            ("4294967296.0", None),
            ("1e300", None),
            ("1e999", None),
            ("5.0000001", None),
            ("-5.0", None),
            ("-0.0", None),
            (".0", None),
            ("010.0", None),
            ("1_0.0", None),
            ("0x1.0", None),
            ("inf", None),
            ("NaN", None),
            ("ten", None),
            (" 1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }

    #[test]
    fn j1_percentages_are_finite_and_not_negative() {
        let cases = [
            ("80", Some(80.0)),
            ("79.5", Some(79.5)),
            ("0", Some(0.0)),
            ("8e1", Some(80.0)),
            ("NaN", None),
            ("inf", None),
            ("-1", None),
            ("80%", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }
}
