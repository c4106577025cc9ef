//! The simulator as a person meets it: its command line, its scenarios, and what the core does in them.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic; its numbers are exact")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "what is served is served in real time")]

mod bad_input;
mod cases;
mod command_line;
mod contract;
mod faults;
mod pictures;
mod scenarios;
mod served;
mod shell;
mod world;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use replicator_sim::drive::run::run;
use replicator_sim::judge::Outcome;
use replicator_sim::scenario::{Changes, Scenario};

/// The folder of the shipped scenarios.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// The real binary.
fn simulator() -> Command {
    Command::new(env!("CARGO_BIN_EXE_replicator-sim"))
}

/// A scenario of one pool and one group, under a load that can be given, with more lines at its end.
fn small_scenario(load: &str, more: &str) -> String {
    format!(
        r#"
title = "A small cluster"
seed = 1
duration = "1h"
tick = "5s"

[agents]
count = 2
call_takes = "20ms"

[pools.workers]
instance = {{ cpu = 4000, memory = 8192 }}
nodes = 3
min = 2
max = 6
boot = "60s"

[pools.workers.meta]
replicator_enabled = true
replicator_region = "r"
replicator_notification_uid = "POOL"
replicator_cooldown = 60
replicator_scaling_threshold = 2

[jobs.web.update]
progress_deadline = "2m"

[jobs.web.groups.front]
count = 6

[jobs.web.groups.front.tasks.server]
cpu = 700
memory = 800

[jobs.web.groups.front.meta]
replicator_enabled = true
replicator_min = 4
replicator_max = 12
replicator_scalein_cpu = 30
replicator_scalein_mem = 60
replicator_scaleout_cpu = 70
replicator_scaleout_mem = 90
replicator_notification_uid = "WEB"
replicator_cooldown = 30

[[load]]
group = "web/front"
cpu = [{load}]
memory = [{{ constant = 900 }}]
{more}
"#
    )
}

/// Runs the text of a scenario; no invariant may break.
fn simulate(text: &str) -> Outcome {
    let scenario = Scenario::parse(text, Path::new("test.toml"), &Changes::default()).unwrap_or_else(|e| panic!("{e}"));
    let outcome = run(&scenario.plan);
    assert_eq!(outcome.record.violation, None);
    outcome
}

/// Whether a line of the event log says so, and when first.
fn first(outcome: &Outcome, words: &str) -> Option<u64> {
    outcome.record.lines.iter().find(|line| line.text.contains(words)).map(|line| line.at.0 / 1000)
}
