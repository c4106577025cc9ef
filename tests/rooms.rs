//! The rooms of the simulator stand on one another: each imports only those under it, so that no two are in a circle.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, each above those that it may import.
const ROOMS: [&str; 11] =
    ["kernel", "plan", "judge", "scenario", "world", "drive", "show", "serve", "search", "replay", "command"];
/// Lines of a file that a head still holds.
const LONGEST: usize = 400;

fn rooms() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The code of a file without its tests, which may build what they need of anything.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

fn imported(code: &str) -> Vec<&str> {
    let code = code.split("crate::").skip(1);
    code.map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()).collect()
}

#[test]
fn a_room_imports_only_those_under_it() {
    let mut seen = 0;
    for (height, room) in ROOMS.iter().enumerate() {
        for path in files(&rooms().join(room)) {
            // Files of tests alone.
            if ["places.rs", "proof.rs"].iter().any(|name| path.ends_with(name)) {
                continue;
            }
            for other in imported(&code(&path)) {
                let below = ROOMS.iter().position(|it| *it == other);
                assert!(below.is_some_and(|it| it <= height), "{} imports {other}", path.display());
                seen += usize::from(below != Some(height));
            }
        }
    }
    assert!(seen > 100, "the imports are found: {seen}");
}

#[test]
fn there_are_no_other_rooms() {
    for entry in fs::read_dir(rooms()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = ROOMS.contains(&name.as_str()) || ["lib.rs", "main.rs"].contains(&name.as_str());
        assert!(known, "{name} is in no room");
    }
}

#[test]
fn no_file_is_too_long_for_a_head() {
    for path in files(&rooms()) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}
