//! What was asked of the served APIs and what they answered, and what happened in the world meanwhile, as JSON lines in the
//! order in which it happened.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use replicator::ports::Service;
use serde_json::{Value, json};

use super::exchange::{Asked, Reply};
use super::tell;
use crate::record::Record;
use crate::scenario::Scenario;
use crate::time::Millis;

/// Answers in more bytes than these are told by their length: they can be asked for again.
const LONGEST_ANSWER: usize = 2000;

/// Writes it down; or does not.
pub(super) struct Protocol {
    out: RefCell<Option<(PathBuf, BufWriter<File>)>>,
    /// How many lines of the world's log are written.
    told: Cell<usize>,
}

impl Protocol {
    /// Begins a new file, with a line that says what is served.
    pub(super) fn begin(path: Option<&Path>, scenario: &Scenario, speed: u64) -> io::Result<Self> {
        let out = match path {
            Some(path) => Some((path.to_owned(), BufWriter::new(File::create_new(path)?))),
            None => None,
        };
        let protocol = Self { out: RefCell::new(out), told: Cell::new(0) };
        let plan = &scenario.plan;
        protocol.write(&json!({
            "served": plan.title, "seed": plan.seed, "speed": speed, "version": env!("CARGO_PKG_VERSION"),
        }));
        Ok(protocol)
    }

    /// Writes what happened in the world since the last time.
    pub(super) fn world(&self, record: &Record) {
        if self.out.borrow().is_none() {
            return;
        }
        let lines = &record.lines;
        for line in lines.iter().skip(self.told.replace(lines.len())) {
            self.write(&json!({"at": seconds(line.at), "world": line.text}));
        }
    }

    /// Writes an exchange: the answer to what changes something or is refused, and how long the others are.
    pub(super) fn exchange(&self, now: Millis, service: Service, asked: &Asked, reply: &Reply) {
        if self.out.borrow().is_none() {
            return;
        }
        let query: serde_json::Map<String, Value> = asked
            .query
            .iter()
            // It is none of anybody's business.
            .map(|(name, value)| (name.clone(), if name == "token" { "…".into() } else { value.as_str().into() }))
            .collect();
        let mut line = json!({
            "at": seconds(now), "service": service.to_string(), "method": asked.method.as_str(),
            "path": asked.target(), "status": reply.status,
        });
        if !query.is_empty() {
            line["query"] = query.into();
        }
        if !asked.body.is_empty() {
            line["body"] = String::from_utf8_lossy(&asked.body).into();
        }
        match reply.words() {
            Some(words) if words.len() <= LONGEST_ANSWER => line["answer"] = words.into(),
            Some(words) => line["answer_bytes"] = words.len().into(),
            None => {}
        }
        self.write(&line);
    }

    /// Writes a line, at once. A disk that is full ends the recording and nothing else.
    fn write(&self, line: &Value) {
        let mut out = self.out.borrow_mut();
        let Some((path, file)) = out.as_mut() else { return };
        if let Err(problem) = writeln!(file, "{line}").and_then(|()| file.flush()) {
            tell(format_args!(
                "cannot write to {}: {problem}; the recording ends here, serving goes on",
                path.display()
            ));
            *out = None;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a scenario are far below 2^52")]
fn seconds(at: Millis) -> f64 {
    at.0 as f64 / 1000.0
}
