//! Scenario files: TOML that says what the cluster is, what load it gets, what goes wrong and what is expected.
//!
//! - `schema`: the file's keys, as they are written.
//! - `values`: values with their own notation: spans, distributions, shapes of load.
//! - `check`: what the file means as a whole; impossible values are found here.
//! - `jobs`: the same of jobs, groups and tasks.
//! - `events`: what happens, with the names in it resolved.
//! - `error`: errors that point at the line.
//! - `names`: what somebody may have meant.
//! - `overrides`: `--set KEY=VALUE`.

mod check;
mod error;
mod events;
mod jobs;
mod names;
mod overrides;
mod schema;
mod trace;
mod values;

use std::path::{Path, PathBuf};

pub use error::ScenarioError;
pub(crate) use names::no_such;
pub use trace::{Samples, TraceError, read_trace};
pub use values::Span;

use crate::kernel::time::Millis;
use crate::plan::{Plan, Shape};

/// A scenario that was read and checked: everything that a run needs, beside the seed that may override its own.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// What was changed about it, each `KEY=VALUE`.
    pub set: Vec<String>,
    /// What to run.
    pub plan: Plan,
}

/// What to change about a scenario before it runs.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Another seed.
    pub seed: Option<u64>,
    /// `KEY=VALUE`, each overriding one value of the file.
    pub set: Vec<String>,
}

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

impl Scenario {
    /// Reads and checks a scenario file, or standard input where the path is `-`.
    ///
    /// # Errors
    ///
    /// When the file, or a trace that it names, cannot be read, or something in it is not allowed. The error points at
    /// the line and says what is.
    pub fn load(path: &Path, changes: &Changes) -> Result<Self, ScenarioError> {
        let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
        let text = if path == Path::new(STANDARD_INPUT) {
            std::io::read_to_string(std::io::stdin()).map_err(unreadable)?
        } else {
            std::fs::read_to_string(path).map_err(unreadable)?
        };
        Self::parse(&text, path, changes)
    }

    /// Checks the text of a scenario. Traces that it names are looked for beside `path`.
    ///
    /// # Errors
    ///
    /// As [`Scenario::load`].
    pub fn parse(text: &str, path: &Path, changes: &Changes) -> Result<Self, ScenarioError> {
        let text = overrides::apply(text, path, &changes.set)?;
        let at = |problem| ScenarioError::at(path, &text, problem);
        let file = schema::parse(&text).map_err(at)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut plan = check::check(file, folder).map_err(at)?;
        check::expected(&plan).map_err(at)?;
        for expectation in &mut plan.expectations {
            expectation.line = text[..expectation.line].matches('\n').count() + 1;
        }
        if let Some(seed) = changes.seed {
            plan.seed = seed;
        }
        Ok(Self { path: path.to_owned(), set: changes.set.clone(), plan })
    }

    /// What is in order and may not be meant so.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let shapes = self.plan.loads.iter().flat_map(|load| load.cpu.iter().chain(&load.memory));
        let traces = shapes.filter_map(|shape| if let Shape::Trace(trace) = shape { Some(trace) } else { None });
        let mut warnings: Vec<String> = traces.filter_map(|trace| trace.warning(self.plan.duration)).collect();
        warnings.dedup();
        warnings
    }

    /// The scenario's name: its file's, without the extension.
    #[must_use]
    pub fn name(&self) -> String {
        let named = Some(&self.path).filter(|path| path.as_path() != Path::new(STANDARD_INPUT));
        named
            .and_then(|path| path.file_stem())
            .map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned())
    }

    /// How long it runs.
    #[must_use]
    pub fn duration(&self) -> Millis {
        self.plan.duration
    }
}
