//! Scenario files: TOML that says what the cluster is, what load it gets, what goes wrong and what is expected.
//!
//! - `schema`: the file's keys, as they are written.
//! - `values`: values with their own notation: spans, distributions, shapes of load.
//! - `check`: what the file means as a whole; impossible values are found here.
//! - `jobs`: the same of jobs, groups and tasks.
//! - `events`: what happens, with the names in it resolved.
//! - `error`: errors that point at the line.
//! - `overrides`: `--set KEY=VALUE`.

mod check;
mod error;
mod events;
mod jobs;
mod overrides;
mod schema;
mod trace;
mod values;

use std::path::{Path, PathBuf};

pub use error::ScenarioError;
pub use trace::{TraceError, read_trace};
pub use values::Span;

use crate::kernel::time::Millis;
use crate::plan::Plan;

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

impl Scenario {
    /// Reads and checks a scenario file.
    ///
    /// # Errors
    ///
    /// When the file, or a trace that it names, cannot be read, or something in it is not allowed. The error points at
    /// the line and says what is.
    pub fn load(path: &Path, changes: &Changes) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Unreadable { path: path.to_owned(), source })?;
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

    /// The scenario's name: its file's, without the extension.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_stem().map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned())
    }

    /// How long it runs.
    #[must_use]
    pub fn duration(&self) -> Millis {
        self.plan.duration
    }
}
