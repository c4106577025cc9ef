//! The text of a scenario: TOML, read into a draft and written from one, with the place of everything in it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_edit::{DocumentMut, Item, Table};

use crate::plan::draft::Draft;
use crate::plan::nearest;

/// Reads the text of a scenario. What is wrong is said in words, with its place.
pub(super) fn read(text: &str) -> Result<Draft, (Option<Range<usize>>, String)> {
    toml::from_str(text).map_err(|error| (error.span(), with_guess(error.message())))
}

/// A message about an unknown field, with the one that may have been meant: ``unknown field `nods`, expected one of `a`, `b` ``.
fn with_guess(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match names.next().filter(|_| is_unknown).and_then(|name| nearest(name, names)) {
        Some(meant) => format!("{}; did you mean `{meant}`?", message.trim_end()),
        None => message.to_owned(),
    }
}

/// Where in a text the value is that a path leads to, or else the last on the way to it that there is. A key of meta is
/// pointed at with its value: it may be the key that is wrong.
pub(super) fn place(text: &str, path: &[String]) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?;
    let mut place = None;
    let mut inside = Inside::Table(table.get_ref());
    for (depth, part) in path.iter().enumerate() {
        let (begins, value) = match inside {
            Inside::Table(table) => {
                let Some((key, value)) = table.get_key_value(part.as_str()) else { return place };
                let is_meta = depth > 0 && path[depth - 1] == "meta";
                (if is_meta { key.span().start } else { value.span().start }, value)
            }
            Inside::Array(values) => {
                let Some(value) = part.parse().ok().and_then(|index: usize| values.get(index)) else { return place };
                (value.span().start, value)
            }
            Inside::Nothing => return place,
        };
        place = Some(begins..value.span().end);
        inside = Inside::of(value);
    }
    place
}

/// What a path goes on in.
enum Inside<'a, 'i> {
    Table(&'a DeTable<'i>),
    Array(&'a [Spanned<DeValue<'i>>]),
    Nothing,
}

impl<'a, 'i> Inside<'a, 'i> {
    fn of(value: &'a Spanned<DeValue<'i>>) -> Self {
        match value.get_ref() {
            DeValue::Table(table) => Self::Table(table),
            DeValue::Array(array) => Self::Array(array),
            _ => Self::Nothing,
        }
    }
}

/// A draft as the text of a scenario.
///
/// # Errors
///
/// When a `scaling` block's policy has no form in TOML.
pub fn write(draft: &Draft) -> Result<String, toml::ser::Error> {
    let text = toml::to_string(draft)?;
    let Ok(mut document) = text.parse::<DocumentMut>() else { return Ok(text) };
    shorten(document.as_table_mut(), false);
    Ok(document.to_string())
}

/// Tables whose keys are names that somebody gave.
const OF_NAMES: [&str; 4] = ["pools", "jobs", "groups", "tasks"];
/// Tables that have a header of their own beside these.
const WITH_HEADER: [&str; 6] = ["agents", "meta", "load", "event", "odd", "expect"];

/// Writes what is small in one line, as a person would.
fn shorten(table: &mut Table, of_names: bool) {
    for (mut key, item) in table.iter_mut() {
        let holds_names = !of_names && OF_NAMES.contains(&key.get());
        if of_names || holds_names || WITH_HEADER.contains(&key.get()) {
            match item {
                Item::Table(table) => shorten(table, holds_names),
                Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| shorten(table, false)),
                _ => {}
            }
        } else if let Ok(mut value) = std::mem::take(item).into_value() {
            value.decor_mut().clear();
            key.fmt();
            *item = Item::Value(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_scenario_written_anew_is_the_same() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut seen = 0;
        for path in files.filter(|path| path.extension().is_some_and(|it| it == "toml")) {
            let draft = read(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let text = write(&draft).unwrap();
            assert_eq!(read(&text).unwrap(), draft, "{}\n{text}", path.display());
            let plan = |draft: &Draft| format!("{:?}", draft.plan_beside(&folder).unwrap());
            assert_eq!(plan(&read(&text).unwrap()), plan(&draft));
            assert!(!text.contains(".instance]") && !text.contains("[event."), "short where it can be:\n{text}");
            seen += 1;
        }
        assert!(seen > 10);
    }

    #[test]
    fn a_place_is_found_or_the_one_above_it() {
        let text = "[pools.a]\nmax = 3\n[pools.a.meta]\nk = 7\n[[event]]\nat = \"1s\"\n[[event]]\nat = \"9s\"\n";
        let at = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(ToString::to_string).collect();
            place(text, &path).map(|place| text[place].to_owned())
        };
        assert_eq!(at(&["pools", "a", "max"]).unwrap(), "3");
        assert_eq!(at(&["pools", "a", "meta", "k"]).unwrap(), "k = 7");
        assert!(at(&["pools", "a", "meta", "lacks"]).unwrap().starts_with("[pools.a.meta]"));
        assert_eq!(at(&["event", "1", "at"]).unwrap(), "\"9s\"");
        assert_eq!(at(&["nothing"]), None);
        assert_eq!(at(&[]), None);
    }
}
