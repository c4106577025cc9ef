//! Reads typed values out of `meta` and collects everything that is wrong on the way.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::problem::{KeyProblem, PolicyError, Problem};
use super::{KEY_PREFIX, weak};
use crate::domain::{Meta, Percent, Price};

/// Collects problems while values are read. A value that could not be read is replaced by a harmless one; what was
/// read only counts if [`Reader::finish`] finds no problem.
pub(super) struct Reader<'m> {
    meta: &'m Meta,
    problems: Vec<KeyProblem>,
    advice: Vec<KeyProblem>,
}

impl<'m> Reader<'m> {
    pub(super) fn new(meta: &'m Meta) -> Self {
        Self { meta, problems: Vec::new(), advice: Vec::new() }
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> bool {
        self.required(key, weak::boolean, "a boolean (true or false)")
    }

    pub(super) fn count(&mut self, key: &'static str) -> u32 {
        self.required(key, weak::count, "a count (a whole number from 0 to 4294967295)")
    }

    pub(super) fn count_or_absent(&mut self, key: &'static str) -> Option<u32> {
        self.optional(key, weak::count, "a count (a whole number from 0 to 4294967295)")
    }

    pub(super) fn positive_or(&mut self, key: &'static str, default: u32) -> u32 {
        self.positive_or_absent(key).unwrap_or(default)
    }

    pub(super) fn positive_or_absent(&mut self, key: &'static str) -> Option<u32> {
        let positive = |text: &str| weak::count(text).filter(|count| *count > 0);
        self.optional(key, positive, "a whole number, 1 or more")
    }

    pub(super) fn percent(&mut self, key: &'static str) -> Percent {
        Percent(self.required(key, weak::number, "a percentage (a number, 0 or more)"))
    }

    /// A percentage within bounds; the upper one may be infinite.
    pub(super) fn percent_from(&mut self, key: &'static str, least: f64, most: f64) -> Option<Percent> {
        let within = |text: &str| weak::number(text).filter(|value| (least..=most).contains(value)).map(Percent);
        let to = if most.is_finite() { format!(" to {most}") } else { String::new() };
        self.optional(key, within, format!("a percentage from {least}{to}"))
    }

    /// One of several words; case makes no difference.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let chosen = |text: &str| {
            let text = text.trim();
            words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning)
        };
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.optional(key, chosen, format!("one of {}", quoted.join(", ")))
    }

    /// Names with commas or spaces between them.
    pub(super) fn names<T: Ord + for<'a> From<&'a str>>(&mut self, key: &'static str) -> BTreeSet<T> {
        let names = |text: &str| {
            let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
            Some(words.map(T::from).collect()).filter(|names: &BTreeSet<T>| !names.is_empty())
        };
        self.optional(key, names, "a list of names with commas between them").unwrap_or_default()
    }

    /// What says itself why it cannot be read.
    pub(super) fn told<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match read(self.meta.get(key)?) {
            Ok(value) => Some(value),
            Err(why) => {
                self.note(key, Problem::Told { why });
                None
            }
        }
    }

    /// Whether the key is there, whatever it says.
    pub(super) fn has(&self, key: &str) -> bool {
        self.meta.contains_key(key)
    }

    pub(super) fn seconds_or(&mut self, key: &'static str, default: Duration) -> Duration {
        self.seconds_or_absent(key).unwrap_or(default)
    }

    pub(super) fn seconds_or_absent(&mut self, key: &'static str) -> Option<Duration> {
        self.optional(key, weak::count, "a number of seconds (a whole number from 0 to 4294967295)")
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    pub(super) fn price_or_absent(&mut self, key: &'static str) -> Option<Price> {
        let price = |text: &str| text.trim().parse().ok();
        self.optional(key, price, "a price of a node and hour (an amount of money like 0.192)")
    }

    pub(super) fn text(&mut self, key: &'static str) -> String {
        self.required(key, non_empty, "a text that is not empty")
    }

    pub(super) fn text_or(&mut self, key: &'static str, default: &str) -> String {
        self.optional(key, non_empty, "a text that is not empty").unwrap_or_else(|| default.to_owned())
    }

    /// Notes a contradiction between two keys, unless either was unreadable, which says enough.
    pub(super) fn require(
        &mut self,
        holds: bool,
        (key, value): (&'static str, String),
        must_be: &'static str,
        (other, other_value): (&'static str, String),
    ) {
        self.refuse(!holds, key, other, Problem::Contradicts { value, must_be, other, other_value });
    }

    /// Notes a problem that comes of two keys, unless either was unreadable.
    pub(super) fn refuse(&mut self, is_so: bool, key: &'static str, other: &'static str, problem: Problem) {
        let unread = self.problems.iter().any(|problem| problem.key == key || problem.key == other);
        if is_so && !unread {
            self.note(key, problem);
        }
    }

    /// Gives advice about a key; it is only heard where there is no problem.
    pub(super) fn advise(&mut self, is_so: bool, key: &'static str, problem: Problem) {
        if is_so {
            self.advice.push(KeyProblem { key: key.to_owned(), problem });
        }
    }

    /// The problems, or, where there is none, advice, and warnings about keys of ours that are not among `known`.
    pub(super) fn finish(self, known: &[&'static str]) -> Result<Vec<KeyProblem>, PolicyError> {
        if self.problems.is_empty() {
            let mut warnings = self.advice;
            warnings.extend(unknown_keys(self.meta, known));
            Ok(warnings)
        } else {
            let mut problems = self.problems;
            problems.extend(unknown_keys(self.meta, known));
            Err(PolicyError { problems })
        }
    }

    fn required<T: Default>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> T {
        if !self.meta.contains_key(key) {
            self.note(key, Problem::Missing);
        }
        self.optional(key, parse, expected).unwrap_or_default()
    }

    fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        expected: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        let value = self.meta.get(key)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.note(key, Problem::Unreadable { value: value.clone(), expected: expected.into() });
        }
        parsed
    }

    fn note(&mut self, key: &'static str, problem: Problem) {
        self.problems.push(KeyProblem { key: key.to_owned(), problem });
    }
}

fn non_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn unknown_keys(meta: &Meta, known: &[&'static str]) -> Vec<KeyProblem> {
    meta.keys()
        .filter(|key| key.starts_with(KEY_PREFIX) && !known.contains(&key.as_str()))
        .map(|key| KeyProblem { key: key.clone(), problem: Problem::Unknown { meant: likely_meant(key, known) } })
        .collect()
}

/// The known key that differs least: the same letters with other separators, or one that contains the other
/// (`replicator_cool_down`, `replicator_max_size`).
fn likely_meant(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let squeeze = |text: &str| text.replace('_', "").to_ascii_lowercase();
    let squeezed = squeeze(key);
    known
        .iter()
        .find(|candidate| squeeze(candidate) == squeezed)
        .or_else(|| known.iter().find(|candidate| squeezed.starts_with(&squeeze(candidate))))
        .copied()
}
