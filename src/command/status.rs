//! `replicator status`: what is going on, at a glance.

use std::fmt::Write;
use std::process::ExitCode;

use jiff::Timestamp;

use super::arguments::StatusArguments;
use super::ask::Ask;
use crate::agent::Spoken;
use crate::api::model::{Resource, Role, Status};

/// What the exit code says where something needs a person.
const NEEDS_SOMEBODY: u8 = 2;

pub(super) fn run(arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ask = Ask::new(&arguments.ask)?;
    let (status, _) = runtime.block_on(ask.status())?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", screen(&status));
    }
    Ok(if status.attention.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NEEDS_SOMEBODY) })
}

fn screen(status: &Status) -> String {
    let mut out = String::new();
    let agent = &status.agent;
    let role = match agent.role {
        Role::Leads => "leads",
        Role::StandsBy => "stands by",
        Role::Campaigns => "campaigns: nobody leads, as far as it knows",
    };
    // Writing to a text never fails.
    writeln!(out, "{} (version {}) {role}", agent.name, agent.version).ok();
    let others: Vec<String> = status.agents.iter().filter(|it| it.name != agent.name).map(peer).collect();
    if !others.is_empty() {
        writeln!(out, "beside it: {}", others.join(", ")).ok();
    }
    if !status.attention.is_empty() {
        writeln!(out, "\nNEEDS SOMEBODY").ok();
        for sentence in &status.attention {
            writeln!(out, "  {sentence}").ok();
        }
    }
    if status.resources.is_empty() {
        let why = if agent.role == Role::Leads { "nothing is scaled yet" } else { "only who leads knows of any" };
        writeln!(out, "\nno pool and no group: {why}").ok();
        return out;
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(["", "SIZE", "MIN..MAX", "HOW IT STANDS"]);
    let now = status.at.parse().ok();
    for resource in &status.resources {
        table.add_row([resource.name.clone(), size(resource), bounds(resource), stands(resource, now)]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    writeln!(out, "\n{}", table.trim_fmt()).ok();
    for receiver in &status.receivers {
        let waiting = if receiver.waiting > 0 { format!(", {} waiting", receiver.waiting) } else { String::new() };
        writeln!(out, "alerts to {}: {} sent{waiting}", receiver.name, receiver.sent).ok();
    }
    out
}

fn peer(peer: &crate::api::model::Peer) -> String {
    let role = if peer.leads { " (leads)" } else { "" };
    format!("{}{role}", peer.name)
}

pub(super) fn size(resource: &Resource) -> String {
    resource.size.map_or_else(|| "?".to_owned(), |size| size.to_string())
}

pub(super) fn bounds(resource: &Resource) -> String {
    match (resource.min, resource.max) {
        (Some(min), Some(max)) if max < u32::MAX => format!("{min}..{max}"),
        (Some(min), _) => format!("{min}.."),
        _ => "?".to_owned(),
    }
}

pub(super) fn stands(resource: &Resource, now: Option<Timestamp>) -> String {
    let dry = if resource.enabled == Some(false) { "(not enabled) " } else { "" };
    let since = |at: &str| {
        let began: Timestamp = at.parse().ok()?;
        let lasted = std::time::Duration::try_from(now?.duration_since(began)).ok()?;
        Some(format!(", for {}", Spoken(lasted)))
    };
    let lasted = resource.operation.as_ref().and_then(|operation| since(&operation.since)).unwrap_or_default();
    let cooldown =
        if resource.cooldown_left > 0 && resource.operation.is_none() && !resource.summary.contains("cooldown") {
            format!("; cooldown for {} s", resource.cooldown_left)
        } else {
            String::new()
        };
    let hold = resource.hold.as_ref().map(held).unwrap_or_default();
    format!("{dry}{}{lasted}{cooldown}{hold}", resource.summary)
}

/// What an operator holds, for people.
pub(super) fn held(hold: &crate::api::model::Hold) -> String {
    let until =
        |until: &str| if until == "released" { "until it is released".to_owned() } else { format!("until {until}") };
    let words = match (&hold.scaling_in, &hold.scaling_out) {
        (Some(into), Some(out)) if into == out => format!("in and out {}", until(into)),
        (Some(into), Some(out)) => format!("in {}, out {}", until(into), until(out)),
        (Some(into), None) => format!("in {}", until(into)),
        (None, Some(out)) => format!("out {}", until(out)),
        (None, None) => return String::new(),
    };
    let reason = hold.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
    format!("; on hold, {words}{reason}{by}")
}
