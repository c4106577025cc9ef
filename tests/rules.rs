//! Every rule of the book is cited by code and by a test, and nothing cites a rule that there is not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

/// The rules that the book states: `- **J1** …`.
fn stated() -> BTreeSet<String> {
    let book = fs::read_to_string(root().join("book/src/rules.md")).unwrap();
    let rules = book.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("**"));
    let rules: Vec<String> = rules.map(|(rule, _)| rule.to_owned()).collect();
    let distinct: BTreeSet<String> = rules.iter().cloned().collect();
    assert_eq!(rules.len(), distinct.len(), "a rule is stated twice");
    distinct
}

/// The rules named in a text: a letter, digits, and nothing of a longer word around them. The ends of a range, such as
/// a module's heading gives, are no citation: what implements a rule says so itself.
fn named(text: &str, case: fn(&char) -> bool) -> BTreeSet<String> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let in_range = |index: usize| {
        words.get(index + 1) == Some(&"to") || index.checked_sub(1).and_then(|before| words.get(before)) == Some(&"to")
    };
    let rule = |word: &str| {
        let letter = word.chars().next().filter(case)?;
        let number = word[1..].parse::<u32>().ok().filter(|_| "JPLSCjplsc".contains(letter))?;
        Some((letter.to_ascii_uppercase(), number))
    };
    let mut named = BTreeSet::new();
    for (index, word) in words.iter().enumerate() {
        if let Some((letter, number)) = rule(word).filter(|_| !in_range(index)) {
            named.insert(format!("{letter}{number}"));
        }
    }
    named
}

/// Code before the tests of a file, and the tests.
fn split(text: &str) -> (&str, &str) {
    text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((text, ""))
}

/// The rules that test functions name: `fn j8_j9_…`.
fn tested(text: &str) -> BTreeSet<String> {
    let functions = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', ' ']).next());
    functions.flat_map(|name| named(name, char::is_ascii_lowercase)).collect()
}

#[test]
fn every_rule_is_cited_by_code_and_by_a_test() {
    let mut by_code: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_tests: BTreeSet<String> = BTreeSet::new();
    for file in rust_files(&root().join("src")).into_iter().chain(rust_files(&root().join("sim/src"))) {
        let text = fs::read_to_string(file).unwrap();
        let (code, tests) = split(&text);
        for rule in named(code, char::is_ascii_uppercase) {
            *by_code.entry(rule).or_default() += 1;
        }
        by_tests.extend(tested(tests));
    }
    for file in rust_files(&root().join("tests")) {
        by_tests.extend(tested(&fs::read_to_string(file).unwrap()));
    }
    let stated = stated();
    assert!(stated.len() > 60, "the book states the rules");
    let uncited: Vec<&String> = stated.iter().filter(|rule| !by_code.contains_key(*rule)).collect();
    assert!(uncited.is_empty(), "no code cites {uncited:?}");
    let untested: Vec<&String> = stated.difference(&by_tests).collect();
    assert!(untested.is_empty(), "no test cites {untested:?}");
    let unknown: Vec<&String> = by_code.keys().chain(&by_tests).filter(|rule| !stated.contains(*rule)).collect();
    assert!(unknown.is_empty(), "cited, but not in the book: {unknown:?}");
}

#[test]
fn the_scenario_reference_names_every_key() {
    let reference = fs::read_to_string(root().join("book/src/scenario-reference.md")).unwrap();
    let mut named = 0;
    for file in ["mod.rs", "pools.rs", "jobs.rs", "loads.rs", "events.rs"] {
        let text = fs::read_to_string(root().join("sim/src/plan/draft").join(file)).unwrap();
        let fields = text.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
        for (field, _) in fields.filter(|(field, _)| !field.contains(['(', ' '])) {
            named += 1;
            let key = field.strip_prefix("r#").unwrap_or(field);
            let key = if key == "lasting" { "for" } else { key };
            assert!(reference.contains(&format!("`{key}`")), "the scenario reference does not name `{key}` of {file}");
        }
    }
    assert!(named > 80, "the keys are found: {named}");
}

/// The chapters that say what is believed of answers, field by field, with the tests that show it in the last column.
const BELIEVED: [&str; 1] = ["what-is-believed-aws.md"];

#[test]
fn what_the_book_believes_is_tested() {
    let files = ["src", "sim/src", "tests"].map(|folder| rust_files(&root().join(folder)));
    let code: String = files.iter().flatten().map(|file| fs::read_to_string(file).unwrap()).collect();
    for chapter in BELIEVED {
        let text = fs::read_to_string(root().join("book/src").join(chapter)).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Field"));
        let mut tests = 0;
        for row in rows {
            let last = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
            let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "{chapter}: no test shows this: {row}");
            for test in named {
                assert!(code.contains(&format!("fn {test}(")), "{chapter} names {test}, and there is no such test");
                tests += 1;
            }
        }
        assert!(tests > 20, "{chapter} has its rows");
    }
}

#[test]
fn the_measures_chapter_names_every_measure_and_series() {
    let chapter = fs::read_to_string(root().join("book/src/measures.md")).unwrap();
    let code = fs::read_to_string(root().join("sim/src/plan/measures.rs")).unwrap();
    let (_, lists) = code.split_once("const OF_BOTH").unwrap();
    let (lists, _) = lists.split_once("/// The names of all measures").unwrap();
    let names: Vec<&str> = lists.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 30);
    for name in names {
        assert!(chapter.contains(name), "the chapter on measures does not name {name}");
    }
}
