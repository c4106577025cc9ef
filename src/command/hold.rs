//! `replicator hold` and `replicator release`: an operator's word about what is not to be scaled for a while (S17).

use std::process::ExitCode;

use anyhow::Context;

use super::arguments::{HeldArguments, HoldArguments, ReleaseArguments};
use super::states::{now, operator};
use super::variable;
use crate::adapters::consul::ConsulClient;
use crate::config;
use crate::operator::{Done, Words, held, named};
use crate::state::{Hold, everything_path};

pub(super) fn run(arguments: &HoldArguments) -> anyhow::Result<ExitCode> {
    let since = now();
    let until = arguments.span.map(|span| since.checked_add(span)).transpose();
    let hold = Hold {
        scaling_in: !arguments.scaling_out,
        scaling_out: !arguments.scaling_in,
        since,
        until: until.context("-for reaches beyond the end of time")?,
        reason: arguments.reason.clone(),
        by: operator(),
    };
    write(&arguments.held, Some(&hold))
}

pub(super) fn release(arguments: &ReleaseArguments) -> anyhow::Result<ExitCode> {
    write(&arguments.held, None)
}

fn write(of: &HeldArguments, hold: Option<&Hold>) -> anyhow::Result<ExitCode> {
    let (settings, root) = config::load_consul(of.consul.clone(), &of.config, variable)?;
    let consul = ConsulClient::new(settings)?;
    let path = if of.everything { everything_path(&root) } else { of.resource.path(&root)? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (words, now) = (Words { consul: &consul, root: &root }, now());
        let about = if of.everything { "everything".to_owned() } else { named(&words.read(&path).await?.0) };
        match (words.hold(&path, hold, operator().as_deref(), now).await?, hold) {
            (Done::Already, _) => println!("{about} is not on hold: nothing to release"),
            (Done::Written, Some(hold)) => println!("{about} is on hold, {}", held(hold, now)),
            (Done::Written, None) => println!("{about} is released"),
        }
        Ok(ExitCode::SUCCESS)
    })
}
