//! Where what is shown goes.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

use crate::scenario::Scenario;
use crate::show::{Listing, Paint, Style};

/// Says something beside the output, if anybody can hear it.
pub(super) fn tell(words: std::fmt::Arguments<'_>) {
    writeln!(io::stderr(), "{words}").ok();
}

/// Says what of a scenario is in order and may not be meant so.
pub(super) fn warn(scenario: &Scenario) {
    for warning in scenario.warnings() {
        tell(format_args!("warning: {warning}"));
    }
}

/// Finds before the run that its output cannot be written. What is there already stays as it is; a pipe or a device is not
/// tried, since somebody may wait at its other end for what comes first.
pub(super) fn check_writable(path: &Path) -> anyhow::Result<()> {
    let found = path.metadata();
    if found.as_ref().is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        return Ok(());
    }
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.with_context(|| format!("cannot write {}; nothing was run", path.display()))?;
    if found.is_err() {
        std::fs::remove_file(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A file, or standard output.
pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    Ok(match path {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    })
}

/// How the report is written on standard output.
pub(super) fn style(actions: Listing) -> Style {
    Style { paint: paint(), width: io::stdout().is_terminal().then(columns).flatten(), actions }
}

/// How wide a text may be.
pub(super) fn width() -> usize {
    columns().map_or(100, usize::from).clamp(40, 120)
}

fn columns() -> Option<u16> {
    terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| columns)
}

fn paint() -> Paint {
    #[expect(clippy::disallowed_methods, reason = "this is the command line, where the environment is read")]
    let no_color = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !no_color { Paint::Coloured } else { Paint::Plain }
}
