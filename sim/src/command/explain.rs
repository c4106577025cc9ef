//! The command `explain`: the rules, as the book states them.

use std::io::Write;

use anyhow::bail;

use super::output::{open, width};
use crate::plan::no_such;

const BOOK: &str = include_str!("../../../book/src/rules.md");

/// A rule of the book.
struct Rule {
    name: &'static str,
    text: String,
}

/// Prints a rule, or the first sentence of each.
pub(super) fn explain(asked: Option<&str>) -> anyhow::Result<bool> {
    let rules = rules();
    let mut out = open(None)?;
    let Some(asked) = asked else {
        for rule in &rules {
            writeln!(out, "{:<4} {}", rule.name, first_sentence(&rule.text))?;
        }
        out.flush()?;
        return Ok(true);
    };
    let Some(rule) = rules.iter().find(|rule| rule.name.eq_ignore_ascii_case(asked)) else {
        let names: Vec<String> = rules.iter().map(|rule| rule.name.to_owned()).collect();
        bail!("{}; replicator-sim explain lists all", no_such(asked, "rule", &names));
    };
    writeln!(out, "{}", wrapped(&format!("{} {}", rule.name, rule.text), width()))?;
    out.flush()?;
    Ok(true)
}

/// The rules: each a point of a list, `- **P12** …`, with the lines that are indented under it.
fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut within = false;
    for line in BOOK.lines() {
        if let Some((name, text)) = line.strip_prefix("- **").and_then(|rest| rest.split_once("**")) {
            rules.push(Rule { name, text: text.trim().to_owned() });
            within = true;
        } else if within && line.starts_with("  ") {
            if let Some(rule) = rules.last_mut() {
                rule.text.push(' ');
                rule.text.push_str(line.trim());
            }
        } else {
            within = false;
        }
    }
    rules
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

/// Lines no longer than a width, broken between words.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_read_whole() {
        let rules = rules();
        assert!(rules.len() > 60, "{}", rules.len());
        let p12 = rules.iter().find(|rule| rule.name == "P12").unwrap();
        assert!(p12.text.len() > 40 && !p12.text.contains("**P13**"), "{}", p12.text);
        assert!(rules.iter().all(|rule| rule.text.len() > 20), "a rule says something");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("longer-than-the-line x", 5), "longer-than-the-line\nx");
    }
}
