//! What is wrong with a draft, and where in it.

use std::fmt;

use crate::plan::names::no_such;

/// What is wrong with a draft, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The way to it: keys, and numbers of entries from 0, as in a scenario file.
    pub path: Vec<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into() }
    }

    /// A name that there is not.
    pub(super) fn unknown(name: &str, what: &str, known: impl Iterator<Item = String>) -> Self {
        Self::new(no_such(name, what, &known.collect::<Vec<_>>()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.join("."))?;
        }
        f.write_str(&self.message)
    }
}

/// Says under which key something is.
pub(super) trait Under {
    /// The same, with its problem known to be under this key.
    fn under(self, key: impl fmt::Display) -> Self;
}

impl<T> Under for Result<T, Problem> {
    fn under(self, key: impl fmt::Display) -> Self {
        self.map_err(|mut problem| {
            problem.path.insert(0, key.to_string());
            problem
        })
    }
}

/// A number that must be within a range.
pub(super) fn within(number: u32, range: std::ops::RangeInclusive<u32>, what: &str) -> Result<u32, Problem> {
    if range.contains(&number) {
        return Ok(number);
    }
    let (low, high) = range.into_inner();
    Err(Problem::new(format!("{number} is out of range: {low} to {high} {what}")))
}

/// A number that must not be negative.
pub(super) fn amount(number: f64) -> Result<f64, Problem> {
    if (0.0..=1e12).contains(&number) {
        return Ok(number);
    }
    Err(Problem::new(format!("{number} is out of range: a number from 0 to 1e12 is meant")))
}
