//! `replicator completions` and `replicator man`: from the same definitions as the help.

use std::fs;
use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use super::arguments::{Arguments, CompletionsArguments, ManArguments};

#[expect(clippy::unnecessary_wraps, reason = "every command answers the same way")]
#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments the same way")]
pub(super) fn completions(arguments: CompletionsArguments) -> anyhow::Result<ExitCode> {
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "replicator", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(arguments: &ManArguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .with_context(|| format!("cannot write man pages into {}", folder.display()))?;
    println!("Man pages written to {}", folder.display());
    Ok(ExitCode::SUCCESS)
}
