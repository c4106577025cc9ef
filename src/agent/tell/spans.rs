//! Spans of time as people say them.

use std::fmt;
use std::time::Duration;

/// A span in its two largest units: `2 min 5 s`, `3 h`, `6 d 22 h`.
#[derive(Debug, Clone, Copy)]
pub struct Spoken(pub Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
        let seconds = self.0.as_secs();
        let first = UNITS.iter().position(|(_, length)| seconds >= *length).unwrap_or(UNITS.len() - 1);
        let (name, length) = UNITS[first];
        write!(f, "{} {name}", seconds / length)?;
        match UNITS.get(first + 1).map(|(name, smaller)| (name, seconds % length / smaller)) {
            Some((name, more)) if more > 0 => write!(f, " {more} {name}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c13_spans_are_said_as_people_say_them() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3600, "1 h"),
            (3_659, "1 h"),
            (598_000, "6 d 22 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(Spoken(Duration::from_secs(seconds)).to_string(), expected);
        }
    }
}
