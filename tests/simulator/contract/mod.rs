//! The served APIs held against recordings of real servers: for every recorded exchange the same request is made of a served
//! scenario in the same situation, and must be answered with the same status, headers, words, and fields of the same types.
//!
//! `tests/recorded/served.json` has the recordings: of JSON and XML their shape, of words all of it. A recording that is held
//! against nothing must be listed with its reason.

mod aws;
mod consul;
mod nomad;
mod nomad_today;
mod shape;
mod story;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::served::Answer;

/// The recordings of one server, and what was found.
struct Contract {
    recordings: Value,
    held: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Contract {
    fn of(server: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recorded/served.json");
        let mut all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let recordings = all[server].take();
        assert!(recordings.is_object(), "recordings of {server}");
        Self { recordings, held: BTreeSet::new(), wrong: Vec::new() }
    }

    /// What was recorded.
    fn names(&self) -> impl Iterator<Item = String> {
        self.recordings.as_object().into_iter().flat_map(|recordings| recordings.keys().cloned())
    }

    /// Holds an answer against a recording.
    fn hold(&mut self, name: &str, answer: &Answer) {
        let recording = &self.recordings[name];
        assert!(recording.is_object(), "there is no recording {name}");
        let mut say = |what: String| self.wrong.push(format!("{name}: {what}"));
        if recording["status"] != answer.status {
            say(format!("status {}, and was {}: {}", answer.status, recording["status"], answer.body));
        }
        for header in recording["headers"].as_array().into_iter().flatten() {
            if !answer.headers.contains_key(header.as_str().unwrap()) {
                say(format!("header {header} is missing"));
            }
        }
        if let Some(words) = recording["text"].as_str()
            && without_numbers(words) != without_numbers(&answer.body)
        {
            say(format!("says {:?}, and said {words:?}", answer.body));
        }
        for kind in ["shape", "xml"] {
            let like = recording["like"].as_str().map_or(recording, |other| &self.recordings[other]);
            let Some(shape) = like.get(kind) else { continue };
            let page = match kind {
                "shape" => serde_json::from_str(&answer.body).unwrap_or(Value::Null),
                _ => shape::of_xml(&answer.body),
            };
            let mut missing = Vec::new();
            shape::compare(&page, shape, "", &mut missing);
            self.wrong.extend(missing.into_iter().map(|what| format!("{name}: {what}")));
        }
        self.held.insert(name.to_owned());
    }

    /// The same, where one difference is meant.
    fn hold_but(&mut self, name: &str, answer: &Answer, meant: &str) {
        let before = self.wrong.len();
        self.hold(name, answer);
        let found = self.wrong.split_off(before);
        let (same, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|what| what.ends_with(meant));
        assert_eq!(same.len(), 1, "{name} differs otherwise than meant: {meant}");
        self.wrong.extend(other);
    }

    /// Every recording was held against something, or is listed; and all of it came out as it should.
    fn end(self, unserved: &[(&str, &str)]) {
        let listed: BTreeSet<String> = unserved.iter().map(|(name, _)| (*name).to_owned()).collect();
        let known: BTreeSet<String> = self.recordings.as_object().unwrap().keys().cloned().collect();
        let twice: Vec<&String> = self.held.intersection(&listed).collect();
        assert!(twice.is_empty(), "held and listed as not served: {twice:?}");
        let looked_at: BTreeSet<String> = self.held.union(&listed).cloned().collect();
        let forgotten: Vec<&String> = known.symmetric_difference(&looked_at).collect();
        assert!(forgotten.is_empty(), "neither held nor listed, or not recorded: {forgotten:#?}");
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        println!("{} recordings held, {} not served", self.held.len(), listed.len());
    }
}

/// Words with what differs from run to run left out: identifiers and numbers.
fn without_numbers(words: &str) -> String {
    let mut out = String::new();
    for word in words.trim_end().split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let (core, end) = match word.char_indices().last() {
            Some((at, last)) if !last.is_ascii_alphanumeric() => word.split_at(at),
            _ => (word, ""),
        };
        let is_number = core.chars().any(|c| c.is_ascii_digit()) && core.chars().all(|c| c.is_ascii_hexdigit());
        out.push_str(if is_number { "#" } else { core });
        out.push_str(end);
    }
    out
}
