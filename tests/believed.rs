//! Whatever comes from outside has a row in the book's chapter "What is believed": for each field that is read of
//! Nomad's pages, what an odd value does, and the test that sends one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let inside = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            files.extend(self::files(&inside));
        } else {
            files.push(path);
        }
    }
    files
}

/// The fields that a file's structs read from JSON, as `Struct.Field`.
fn fields_read(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (head, rest) in text.match_indices("struct ").map(|(at, _)| text.split_at(at)) {
        let before = head.rsplit("\n\n").next().unwrap();
        let Some((name, body)) = rest["struct ".len()..].split_once(" {\n") else { continue };
        if before.contains("Deserialize") {
            let (body, _) = body.split_once("\n}").unwrap();
            found.extend(fields_of(body).into_iter().map(|field| format!("{name}.{field}")));
        }
    }
    found
}

/// The names in JSON of the fields in a struct's body.
fn fields_of(body: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut attribute = "";
    for line in body.lines().map(str::trim) {
        if line.starts_with("#[serde(") {
            attribute = line;
        } else if let Some((name, _)) = line.split_once(": ").filter(|_| !line.starts_with("//")) {
            let name = name.rsplit(' ').next().unwrap();
            let renamed =
                attribute.split_once("rename = \"").map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
            if !attribute.contains("flatten") && !attribute.contains("skip") {
                fields.push(renamed.unwrap_or_else(|| pascal_case(name.trim_start_matches("r#"))));
            }
            attribute = "";
        }
    }
    fields
}

fn pascal_case(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(word).collect()
}

/// The rows of the chapter: a field, and the test that sends odd values in it.
fn rows() -> BTreeMap<String, String> {
    let chapter = fs::read_to_string(root().join("book/src/what-is-believed.md")).unwrap();
    let (_, nomad) = chapter.split_once("## Nomad\n").unwrap();
    let (nomad, _) = nomad.split_once("\n## ").unwrap();
    let mut rows = BTreeMap::new();
    for line in nomad.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [field, what, test] = cells[..] else { panic!("not three cells: {line}") };
        assert!(!what.is_empty(), "{field}: what an odd value does is not said");
        assert!(rows.insert(field.to_owned(), test.to_owned()).is_none(), "{field} has two rows");
    }
    rows
}

/// The test functions, with their text.
fn tests() -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for file in files("tests/wire") {
        let text = fs::read_to_string(file).unwrap();
        for part in text.split("#[tokio::test]\nasync fn ").skip(1) {
            let (name, body) = part.split_once('(').unwrap();
            tests.insert(name.to_owned(), body.split("\n}\n").next().unwrap().to_owned());
        }
    }
    tests
}

#[test]
fn every_field_that_is_read_of_nomad_has_a_row_and_a_test() {
    let mut read = BTreeSet::new();
    for file in files("src/adapters/nomad") {
        read.extend(fields_read(&fs::read_to_string(file).unwrap()));
    }
    assert!(read.len() > 150, "{} fields are not all", read.len());
    let (rows, tests) = (rows(), tests());
    let without_row: Vec<&String> = read.iter().filter(|field| !rows.contains_key(*field)).collect();
    assert!(without_row.is_empty(), "the chapter has no row for {without_row:#?}");
    let gone: Vec<&String> = rows.keys().filter(|field| !read.contains(*field)).collect();
    assert!(gone.is_empty(), "the chapter has rows for what is not read: {gone:?}");
    for (field, test) in &rows {
        let text = tests.get(test).unwrap_or_else(|| panic!("{field}: there is no test {test}"));
        let (_, name) = field.split_once('.').unwrap();
        assert!(text.contains(name), "{field}: the test {test} sends nothing in {name}");
    }
}
