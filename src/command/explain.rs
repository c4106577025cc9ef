//! `replicator explain`: why something is scaled, or why not.

use std::fmt::Write;
use std::process::ExitCode;

use super::arguments::ExplainArguments;
use super::ask::Ask;
use crate::api::model::{Decision, Direction, Finding, Observation, Resource, Verdict};

pub(super) fn run(arguments: &ExplainArguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ask = Ask::new(&arguments.ask)?;
    let path = if arguments.pool.is_some() { "/v1/pool" } else { "/v1/group" };
    let which = [("pool", &arguments.pool), ("job", &arguments.job), ("group", &arguments.group)];
    let which: Vec<(&str, &str)> =
        which.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
    let resource: Resource = runtime.block_on(async {
        let (_, leader) = ask.status().await?;
        leader.get(path, &which).await
    })?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&resource)?);
    } else {
        print!("{}", sentences(&resource));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sentences(resource: &Resource) -> String {
    let mut out = String::new();
    // Writing to a text never fails.
    writeln!(out, "{}: {}", resource.name, resource.summary).ok();
    if let (Some(size), Some(min)) = (resource.size, resource.min) {
        let max =
            resource.max.filter(|max| *max < u32::MAX).map_or_else(String::new, |max| format!(" and at most {max}"));
        writeln!(out, "size: {size}, at least {min}{max}").ok();
    }
    if let Some(observation) = &resource.observation {
        observed(&mut out, observation);
    }
    if resource.enabled == Some(false) {
        writeln!(out, "its policy is not enabled: what would be done is told, and nothing is done").ok();
    }
    for (what, word) in
        [("policy", &resource.policy_problem), ("no decision", &resource.undecided), ("trouble", &resource.trouble)]
    {
        if let Some(word) = word {
            writeln!(out, "{what}: {word}").ok();
        }
    }
    if let Some(operation) = &resource.operation {
        let steps = match (operation.from, operation.to) {
            (Some(from), Some(to)) => format!(" from {from} to {to}"),
            _ => String::new(),
        };
        let about = if operation.about.is_empty() { String::new() } else { format!(" ({})", operation.about) };
        writeln!(
            out,
            "under way: scaling {}{steps}, {} since {}{about}; begun at {} by {}",
            way(operation.direction),
            operation.phase,
            operation.since,
            operation.started,
            operation.agent
        )
        .ok();
    }
    if let Some(failsafe) = &resource.failsafe {
        let by = failsafe.by.as_deref().unwrap_or(if failsafe.by_operator {
            "an operator"
        } else {
            "the agents themselves"
        });
        let why = failsafe.reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        writeln!(out, "failsafe, entered by {by}{why}; to lift it: {}", lift(resource)).ok();
    }
    if let Some(hold) = &resource.hold {
        writeln!(out, "{}", super::status::held(hold).trim_start_matches("; ")).ok();
    }
    if resource.failures > 0 {
        writeln!(out, "failures in a row: {}", resource.failures).ok();
    }
    match &resource.decision {
        None => writeln!(out, "nothing has been decided yet").ok(),
        Some(decision) => {
            for direction in [Direction::Out, Direction::In] {
                explain(&mut out, decision, direction);
            }
            writeln!(out, "\ndecided at {}", decision.at).ok()
        }
    };
    for lasting in &resource.lasting {
        writeln!(out, "since {}: {}", lasting.since, lasting.words).ok();
    }
    out
}

fn lift(resource: &Resource) -> String {
    format!("replicator failsafe -disable -state-path={}", resource.state_path)
}

fn observed(out: &mut String, it: &Observation) {
    if let (Some(nodes), Some(capacity), Some(used)) = (it.nodes, it.capacity, it.used) {
        writeln!(
            out,
            "seen: {nodes} nodes with {} MHz and {} MiB, of which {} MHz and {} MiB are allocated",
            capacity.cpu, capacity.memory, used.cpu, used.memory
        )
        .ok();
        if let Some(reserve) = it.reserve {
            writeln!(out, "kept free for one more of each group: {} MHz and {} MiB", reserve.cpu, reserve.memory).ok();
        }
        for (number, what) in [(it.coming, "nodes on their way"), (it.waiting, "allocations that wait for room")] {
            if let Some(number) = number.filter(|number| *number > 0) {
                writeln!(out, "{what}: {number}").ok();
            }
        }
    }
    if let Some(running) = it.running {
        let deploying = if it.deploying == Some(true) { "; a deployment is active" } else { "" };
        writeln!(out, "seen: {running} allocations run{deploying}").ok();
    }
    for task in &it.tasks {
        let percent = |share: Option<f64>| share.map_or_else(|| "unknown".to_owned(), |share| format!("{share:.1} %"));
        writeln!(out, "task {}: CPU {}, memory {}", task.name, percent(task.cpu), percent(task.memory)).ok();
    }
}

/// One direction: what is a reason for it, what is none and by how much, and what stops it.
fn explain(out: &mut String, decision: &Decision, direction: Direction) {
    let asked = decision.direction == Some(direction);
    let verdict = match (asked, decision.verdict) {
        (true, Verdict::Act) => "done",
        (true, Verdict::WouldAct) => "would be done, if the policy were enabled",
        (true, Verdict::Hold) => "asked for, and held",
        _ => "not asked for",
    };
    writeln!(out, "\nscaling {}: {verdict}", way(direction)).ok();
    for finding in decision.findings.iter().filter(|finding| finding.speaks_for.contains(&direction)) {
        let mark = if finding.holds { "yes" } else { "no " };
        writeln!(out, "  {mark} {}{}", finding.sentence, turns(finding)).ok();
    }
    if asked {
        for stop in &decision.stops {
            writeln!(out, "  held: {}", stop.sentence).ok();
        }
    }
}

/// By how much the number would have to change for the comparison to turn.
fn turns(finding: &Finding) -> String {
    let Some(margin) = finding.margin else { return String::new() };
    let unit = if finding.unit.is_empty() { String::new() } else { format!(" {}", finding.unit) };
    let distance = margin.abs();
    let number = if distance.fract() == 0.0 { format!("{distance:.0}") } else { format!("{distance:.1}") };
    let way = if margin > 0.0 { "less" } else { "more" };
    match distance {
        0.0 => "; at the limit exactly".to_owned(),
        _ => format!("; {number}{unit} {way} and it is at the limit"),
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}
