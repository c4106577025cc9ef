//! Scenario files: TOML that says what the cluster is, what load it gets, what goes wrong and what is expected. What a file
//! says is a [draft](crate::plan::draft), which says itself what it means; here is what is of text alone.
//!
//! - `text`: reading it, writing it, and where in it something is.
//! - `error`: errors that point at the line.
//! - `overrides`: `--set KEY=VALUE`.

mod error;
mod overrides;
mod text;

use std::path::{Path, PathBuf};

pub use error::ScenarioError;
pub use text::write;

use crate::kernel::time::Millis;
use crate::plan::draft::Problem;
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
        let draft = text::read(&text).map_err(|(span, message)| ScenarioError::at(path, &text, span, &message))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut plan = draft.plan_beside(folder).map_err(|Problem { path: within, message }| {
            ScenarioError::at(path, &text, text::place(&text, &within), &message)
        })?;
        for (number, expectation) in plan.expectations.iter_mut().enumerate() {
            let place = text::place(&text, &["expect", &number.to_string(), "measure"].map(str::to_owned));
            expectation.line = place.map(|place| text[..place.start].matches('\n').count() + 1);
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
