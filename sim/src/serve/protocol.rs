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
use crate::judge::record::Record;
use crate::kernel::time::Millis;
use crate::scenario::Scenario;

/// Of bodies in more bytes than these only the length is written.
const LONGEST_BODY: usize = 2000;

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

    /// Writes an exchange, without what is secret in it. Of what is long only the length.
    pub(super) fn exchange(&self, now: Millis, service: Service, asked: &Asked, reply: &Reply) {
        if self.out.borrow().is_none() {
            return;
        }
        let query: serde_json::Map<String, Value> = asked
            .query
            .iter()
            .map(|(name, value)| (name.clone(), if is_secret(name) { HIDDEN.into() } else { value.as_str().into() }))
            .collect();
        let mut line = json!({
            "at": seconds(now), "service": service.to_string(), "method": asked.method.as_str(),
            "path": asked.target(), "status": reply.status,
        });
        if !query.is_empty() {
            line["query"] = query.into();
        }
        if !asked.body.is_empty() {
            match shown(&asked.body) {
                Some(body) => line["body"] = body.into(),
                None => line["body_bytes"] = asked.body.len().into(),
            }
        }
        match reply.words() {
            Some(words) if words.len() <= LONGEST_BODY => line["answer"] = words.into(),
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

/// What is written in place of a secret.
const HIDDEN: &str = "…";

/// Whether something of that name is nobody else's business.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password"].iter().any(|word| name.contains(word)) && name != "nexttoken"
}

/// A body as it may be shown; nothing where it is too long for that.
fn shown(body: &[u8]) -> Option<String> {
    if body.len() > LONGEST_BODY {
        return None;
    }
    if let Ok(mut page) = serde_json::from_slice::<Value>(body) {
        hide(&mut page);
        return Some(page.to_string());
    }
    let text = String::from_utf8_lossy(body);
    let parts = text.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => part.to_owned(),
    });
    Some(parts.collect::<Vec<String>>().join("&"))
}

fn hide(page: &mut Value) {
    match page {
        Value::Object(fields) => {
            for (name, value) in fields {
                // What is empty hides nothing.
                if is_secret(name) && !value.is_null() && value != "" {
                    *value = HIDDEN.into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_long_bodies_are_not_written() {
        let job = br#"{"Job": {"ID": "a", "VaultToken": "s.1", "ConsulToken": "", "Groups": [{"Password": "p"}]}}"#;
        let expected = json!({"Job": {"ID": "a", "VaultToken": "…", "ConsulToken": "", "Groups": [{"Password": "…"}]}});
        assert_eq!(serde_json::from_str::<Value>(&shown(job).unwrap()).unwrap(), expected);
        let form = b"Action=DescribeInstances&X-Amz-Security-Token=abc&NextToken=3";
        assert_eq!(shown(form).unwrap(), "Action=DescribeInstances&X-Amz-Security-Token=…&NextToken=3");
        assert_eq!(shown(&[b'x'; LONGEST_BODY + 1]), None);
    }
}
