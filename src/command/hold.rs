//! `replicator hold`, `release`, `pause` and `resume`: an operator's word about what is not to be scaled for a while (S17).

use std::process::ExitCode;

use anyhow::Context;
use jiff::SignedDuration;

use super::arguments::{
    HoldArguments, PauseArguments, ReleaseArguments, ResourceArguments, ResumeArguments, StoreArguments,
};
use super::states::{now, operator};
use crate::operator::{Done, Words, held, named};
use crate::state::{Hold, everything_path};

pub(super) fn run(arguments: &HoldArguments) -> anyhow::Result<ExitCode> {
    let HoldArguments { scaling_in, scaling_out, span, reason, held } = arguments;
    let hold = hold(!scaling_out, !scaling_in, *span, reason.clone())?;
    let what = if held.everything { None } else { Some(&held.resource) };
    write(what, &held.store, Some(&hold))
}

pub(super) fn release(arguments: &ReleaseArguments) -> anyhow::Result<ExitCode> {
    let held = &arguments.held;
    let what = if held.everything { None } else { Some(&held.resource) };
    write(what, &held.store, None)
}

pub(super) fn pause(arguments: &PauseArguments) -> anyhow::Result<ExitCode> {
    let hold = hold(true, true, arguments.span, arguments.reason.clone())?;
    write(None, &arguments.store, Some(&hold))
}

pub(super) fn resume(arguments: &ResumeArguments) -> anyhow::Result<ExitCode> {
    write(None, &arguments.store, None)
}

fn hold(
    scaling_in: bool,
    scaling_out: bool,
    span: Option<SignedDuration>,
    reason: Option<String>,
) -> anyhow::Result<Hold> {
    let since = now();
    let until = span.map(|span| since.checked_add(span)).transpose();
    let until = until.context("-for reaches beyond the end of time")?;
    Ok(Hold { scaling_in, scaling_out, since, until, reason, by: operator() })
}

/// Holds or releases a resource, or everything.
fn write(what: Option<&ResourceArguments>, store: &StoreArguments, hold: Option<&Hold>) -> anyhow::Result<ExitCode> {
    let (consul, root) = store.open()?;
    let path = what.map_or_else(|| Ok(everything_path(&root)), |resource| resource.path(&root))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (words, now) = (Words { consul: &consul, root: &root }, now());
        let about = if what.is_none() { "everything".to_owned() } else { named(&words.read(&path).await?.0) };
        match (words.hold(&path, hold, operator().as_deref(), now).await?, hold) {
            (Done::Already, _) => println!("{about} is not on hold: nothing to release"),
            (Done::Written, Some(hold)) => println!("{about} is on hold, {}", held(hold, now)),
            (Done::Written, None) => println!("{about} is released"),
        }
        Ok(ExitCode::SUCCESS)
    })
}
