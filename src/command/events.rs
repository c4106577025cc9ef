//! `replicator events`: what changed something, from the history in Consul (S18).

use std::process::ExitCode;

use anyhow::Context;

use super::arguments::EventsArguments;
use super::states::now;
use crate::ports::Consul;
use crate::state::{HistoryEntry, history_prefix};

pub(super) fn run(arguments: &EventsArguments) -> anyhow::Result<ExitCode> {
    let (consul, root) = arguments.store.open()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let prefix = history_prefix(&root);
    let listed = runtime.block_on(consul.list(&prefix, None))?;
    let since = arguments.since.map(|span| now().checked_sub(span)).transpose();
    let since = since.context("-since reaches beyond the beginning of time")?;
    let wanted = resource(arguments);
    let is_wanted = |entry: &HistoryEntry| {
        since.is_none_or(|since| entry.at >= since)
            && wanted.as_ref().is_none_or(|wanted| entry.resource.as_ref() == Some(wanted))
    };
    let entries: Vec<HistoryEntry> =
        listed.value.iter().filter_map(|entry| HistoryEntry::read(&entry.value)).filter(is_wanted).collect();
    let skip = entries.len().saturating_sub(arguments.last as usize);
    if entries.is_empty() && !arguments.json {
        let of = wanted.map_or_else(String::new, |wanted| format!(" of {wanted}"));
        println!("nothing{of} stands in the history below {prefix}");
    }
    for entry in &entries[skip..] {
        if arguments.json {
            println!("{}", serde_json::to_string(entry)?);
        } else {
            println!("{}  {}  ({})", entry.at.strftime("%Y-%m-%d %H:%M:%SZ"), entry.words, entry.by);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The resource that is asked about, as agents name it.
fn resource(arguments: &EventsArguments) -> Option<String> {
    match (&arguments.pool, &arguments.job, &arguments.group) {
        (Some(pool), ..) => Some(format!("pool {pool}")),
        (None, Some(job), Some(group)) => Some(format!("group {job}/{group}")),
        _ => None,
    }
}
