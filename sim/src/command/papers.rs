//! Completions and manual pages.

use std::io;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use super::arguments::Arguments;

const NAME: &str = "replicator-sim";

#[expect(clippy::unnecessary_wraps, reason = "every command answers the same way")]
pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<bool> {
    clap_complete::generate(shell, &mut Arguments::command().name(NAME), NAME, &mut io::stdout());
    Ok(true)
}

pub(super) fn man(folder: &Path) -> anyhow::Result<bool> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(Arguments::command().name(NAME), folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(true)
}
