//! `--set KEY=VALUE`: one value of the scenario replaced, for a what-if. The change is made in the text, so that
//! errors about it point at a line like all others.

use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

use super::error::ScenarioError;
use crate::plan::no_such;

/// The text with all changes made.
pub(super) fn apply(text: &str, path: &Path, changes: &[String]) -> Result<String, ScenarioError> {
    if changes.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| ScenarioError::at(path, text, error.span(), error.message()))?;
    for change in changes {
        set(&mut document, change).map_err(|problem| ScenarioError::BadChange { change: change.clone(), problem })?;
    }
    Ok(document.to_string())
}

fn set(document: &mut DocumentMut, change: &str) -> Result<(), String> {
    let (key, value) =
        change.split_once('=').ok_or("write KEY=VALUE, such as pools.workers.meta.replicator_cooldown=120")?;
    let value = value.trim();
    // A bare word that is no TOML value is meant as text: `duration=2h` is as good as `duration="2h"`.
    let value: Value = value.parse().unwrap_or_else(|_| Value::from(value));
    let mut item: &mut Item = document.as_item_mut();
    let mut walked = String::new();
    for part in key.trim().split('.') {
        refuse_unnamed(item, part, &walked)?;
        item = descend(item, part).map_err(|problem| format!("{problem}, below {walked:?}"))?;
        walked = if walked.is_empty() { part.to_owned() } else { format!("{walked}.{part}") };
    }
    let decor = item.as_value().map(|old| old.decor().clone());
    *item = Item::Value(value);
    if let (Some(decor), Some(new)) = (decor, item.as_value_mut()) {
        *new.decor_mut() = decor;
    }
    Ok(())
}

/// Pools, jobs, groups and tasks are named by people: one that there is not is a slip, and no new one.
fn refuse_unnamed(item: &Item, part: &str, walked: &str) -> Result<(), String> {
    let kind = match walked.rsplit('.').next() {
        Some("pools") => "pool",
        Some("jobs") => "job",
        Some("groups") => "group",
        Some("tasks") => "task",
        _ => return Ok(()),
    };
    let Some(table) = item.as_table_like() else { return Ok(()) };
    if table.contains_key(part) {
        return Ok(());
    }
    let known: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    Err(no_such(part, kind, &known))
}

/// The item of that name below a table, or of that index (from 0) in an array; a key that is not there is made, and
/// the schema then says whether it may be.
fn descend<'i>(item: &'i mut Item, part: &str) -> Result<&'i mut Item, String> {
    if item.is_none() {
        *item = Item::Table(Table::new());
    }
    if item.is_table_like() {
        let table = item.as_table_like_mut().ok_or("not a table")?;
        return Ok(table.entry(part).or_insert(Item::None));
    }
    if !item.is_array() && !item.is_array_of_tables() {
        return Err(format!("there is nothing to set at {part:?}"));
    }
    let index: usize = part.parse().map_err(|_| format!("{part:?} should be an index, counted from 0"))?;
    let count = item.as_array().map_or_else(|| item.as_array_of_tables().map_or(0, ArrayOfTables::len), Array::len);
    item.get_mut(index).ok_or_else(|| format!("there is no entry {index}: there are {count}, counted from 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<String, String> {
        let text = "seed = 1 # why\n[pools.a]\nmax = 3\n[[load]]\ncpu = [{ constant = 5 }]\n";
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        apply(text, Path::new("x.toml"), &changes).map_err(|error| error.to_string())
    }

    #[test]
    fn replaces_one_value_and_nothing_else() {
        let text = changed(&["seed=9", "pools.a.max=5", "load.0.cpu.0.constant=7", "duration=2h"]).unwrap();
        for expected in ["seed = 9 # why", "max = 5", "constant = 7", "duration = \"2h\""] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_change() {
        for (change, word) in [
            ("seed", "KEY=VALUE"),
            ("load.7.cpu=1", "no entry 7"),
            ("load.x=1", "index"),
            ("seed.x=1", "nothing to set"),
            ("pools.b.max=1", "there is no pool \"b\"; there are: a"),
            ("pools.aa.max=1", "did you mean a? there are: a"),
        ] {
            let error = changed(&[change]).unwrap_err();
            assert!(error.contains(word) && error.contains(change), "{error}");
        }
    }
}
