//! Errors that point at the line of the scenario they are about.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in the file is not allowed.
    #[error("{report}")]
    Invalid {
        /// The whole message: place, line, mark, what is allowed.
        report: String,
    },
    /// A `--set` is no good.
    #[error("--set {change}: {problem}")]
    BadChange {
        /// As given.
        change: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl ScenarioError {
    pub(super) fn at(path: &Path, text: &str, span: Option<Range<usize>>, message: &str) -> Self {
        let mut report = String::new();
        let message = message.trim_end();
        let Some(span) = span else {
            return Self::Invalid { report: format!("{}: {message}", path.display()) };
        };
        let start = floor_boundary(text, span.start);
        let before = &text[..start];
        let number = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let column = before[line_start..].chars().count();
        let marked = text[start..floor_boundary(text, span.end.max(start))].lines().next().unwrap_or_default();
        let width = marked.chars().count().max(1);
        let gutter = " ".repeat(number.to_string().len());
        let _ = write!(
            report,
            "{}:{number}:{}: {message}\n{gutter} |\n{number} | {line}\n{gutter} | {}{}",
            path.display(),
            column + 1,
            " ".repeat(column),
            "^".repeat(width),
        );
        Self::Invalid { report }
    }
}

fn floor_boundary(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0)
}
