//! What the daemon observed and decided, as JSON lines, so that a decision can be looked at again later.
//!
//! The first line says who records ([`Header`]). Then there is a line for every decision ([`Decided`]), one for every move of
//! an operation ([`Moved`]), and one for everything that the agent tells.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use tracing::error;

use crate::agent::{AlertNotice, Event, Observer};
use crate::decide::Case;
use crate::domain::Resource;
use crate::operation::{Move, Situation, Work};
use crate::recording::{Decided, Header, Moved};
use crate::state::{Delivery, ResourceState, Told};

#[derive(Serialize)]
struct Heard<'a> {
    at: Timestamp,
    event: &'a Event,
}

/// Shows everything to another observer, and records it.
pub struct Recorder<O> {
    inner: O,
    out: RefCell<Option<(PathBuf, BufWriter<File>)>>,
}

impl<O> Recorder<O> {
    /// Records nothing.
    pub fn off(inner: O) -> Self {
        Self { inner, out: RefCell::new(None) }
    }

    /// Records into a new file.
    ///
    /// # Errors
    ///
    /// When the file is there already, or cannot be written.
    pub fn into_file(inner: O, path: &Path, header: &Header) -> io::Result<Self> {
        let out = BufWriter::new(File::create_new(path)?);
        let recorder = Self { inner, out: RefCell::new(Some((path.to_owned(), out))) };
        recorder.write(header);
        Ok(recorder)
    }

    /// Writes a line, at once. A disk that is full ends the recording and nothing else.
    fn write(&self, line: &impl Serialize) {
        let mut out = self.out.borrow_mut();
        let Some((path, file)) = out.as_mut() else { return };
        let written = serde_json::to_writer(&mut *file, line).map_err(io::Error::from);
        if let Err(problem) = written.and_then(|()| file.write_all(b"\n")).and_then(|()| file.flush()) {
            error!("cannot write to {}: {problem}; the recording ends here, scaling goes on", path.display());
            *out = None;
        }
    }
}

impl<O: Observer> Observer for Recorder<O> {
    fn observe(&self, at: Timestamp, event: &Event) {
        self.inner.observe(at, event);
        self.write(&Heard { at, event });
    }

    fn weigh(&self, at: Timestamp, case: &dyn Fn() -> Case) {
        self.inner.weigh(at, case);
        if self.out.borrow().is_some() {
            let case = case();
            let decision = case.decide();
            self.write(&Decided { at, case, decision });
        }
    }

    fn move_on(&self, at: Timestamp, resource: &Resource, situation: &Situation, next: &Move<Work>) {
        self.inner.move_on(at, resource, situation, next);
        self.write(&Moved { at, resource, situation, next });
    }

    fn see_state(&self, at: Timestamp, resource: &Resource, path: &str, state: &ResourceState) {
        self.inner.see_state(at, resource, path, state);
    }

    fn retain(&self, kept: &BTreeSet<Resource>) {
        self.inner.retain(kept);
    }

    fn deliver(&self, notice: &AlertNotice, told: Told<'_>) -> Delivery {
        self.inner.deliver(notice, told)
    }
}
