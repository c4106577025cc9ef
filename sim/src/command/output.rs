//! Where what is shown goes.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

use crate::show::{Listing, Paint, Style};

/// Says something beside the output, if anybody can hear it.
pub(super) fn tell(words: std::fmt::Arguments<'_>) {
    writeln!(io::stderr(), "{words}").ok();
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
