//! How things stand, for Prometheus. It is read off the status at each scrape, so that nothing is shown of what is gone.

use jiff::Timestamp;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use super::model::{Direction, Kind, Resource, Role, Status, Verdict};

/// Up to how many seconds evaluations are told apart: statistics have a deadline of 5 seconds, calls of more.
const EVALUATION_BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Counts everything from now on, in the whole process.
///
/// # Errors
///
/// When something counts already.
pub fn count() -> Result<PrometheusHandle, BuildError> {
    let builder = PrometheusBuilder::new().set_buckets(&EVALUATION_BUCKETS)?;
    let handle = builder.install_recorder()?;
    describe_counter!("replicator_leadership_elections_total", "Elections that this agent won.");
    describe_counter!("replicator_evaluations_total", "Evaluations, by kind of resource and what they came to.");
    describe_counter!("replicator_evaluations_failed_total", "Evaluations that could not be finished.");
    describe_counter!("replicator_operations_total", "Operations that ended, by how they ended.");
    describe_histogram!(
        "replicator_evaluation_seconds",
        Unit::Seconds,
        "How long an evaluation took, by kind of resource."
    );
    describe_counter!("replicator_calls_total", "Calls to servers, by server and what became of them.");
    Ok(handle)
}

/// The status as metrics, in Prometheus's text format.
pub(super) fn of(status: &Status, now: Timestamp) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe();
        show_agent(status);
        for view in &status.views {
            if let Some(age) = age(Some(&view.answered), now) {
                gauge!("replicator_view_age_seconds", "view" => view.name.clone()).set(age);
            }
        }
        for resource in &status.resources {
            show(resource, now);
        }
    });
    handle.render()
}

fn describe() {
    describe_gauge!("replicator_build_info", "Always 1; the labels say which version this is.");
    describe_gauge!("replicator_leader", "Whether this agent leads: 1 or 0.");
    describe_gauge!("replicator_agents", "Agents that were heard of in the last two minutes.");
    describe_gauge!("replicator_attention", "How many things need a person.");
    describe_gauge!("replicator_troubles", "What is wrong with servers and views: how many of them.");
    describe_gauge!("replicator_view_age_seconds", Unit::Seconds, "How long ago a view was last answered.");
    describe_gauge!("replicator_size", "The count, or the desired capacity.");
    describe_gauge!("replicator_min", "The fewest that there may be.");
    describe_gauge!("replicator_max", "The most that there may be.");
    describe_gauge!("replicator_enabled", "Whether the policy lets it be scaled: 1 or 0.");
    describe_gauge!("replicator_policy_wrong", "Whether something is wrong with the policy: 1 or 0.");
    describe_gauge!("replicator_evaluation_age_seconds", Unit::Seconds, "How long ago it was last looked at.");
    describe_gauge!("replicator_failsafe", "Whether it is in failsafe: 1 or 0.");
    describe_gauge!("replicator_on_hold", "Whether an operator holds that direction: 1 or 0.");
    describe_gauge!("replicator_failures", "How many operations in a row failed.");
    describe_gauge!("replicator_cooldown_left_seconds", Unit::Seconds, "What is left of the cooldown.");
    describe_gauge!("replicator_held", "1 for each rule that holds a step which is asked for.");
    describe_gauge!("replicator_operation_age_seconds", Unit::Seconds, "Since when an operation has been under way.");
    describe_gauge!("replicator_nodes", "Nodes of the pool.");
    describe_gauge!("replicator_waiting", "Allocations that wait for room which the pool would give.");
    describe_gauge!("replicator_cpu_capacity_mhz", "CPU that the pool's nodes offer.");
    describe_gauge!("replicator_cpu_allocated_mhz", "CPU that is allocated on them.");
    describe_gauge!("replicator_memory_capacity_mib", "Memory that the pool's nodes offer.");
    describe_gauge!("replicator_memory_allocated_mib", "Memory that is allocated on them.");
    describe_gauge!("replicator_measured", "A number that the last decision rests on, by rule and quantity.");
    describe_gauge!("replicator_limit", "What that number was held against.");
    describe_gauge!("replicator_running", "Allocations of the group that run.");
    describe_gauge!("replicator_task_cpu_percent", "CPU of a task, in percent of what it asks for.");
    describe_gauge!("replicator_task_memory_percent", "Memory of a task, in percent of what it asks for.");
    describe_gauge!("replicator_alerts_waiting", "Messages that wait for a receiver.");
    describe_counter!("replicator_alerts_sent_total", "Messages that a receiver took.");
    describe_counter!("replicator_alerts_failed_total", "How often a receiver did not take a message.");
    describe_counter!("replicator_alerts_lost_total", "Messages that a receiver will never get.");
}

/// 1 or 0.
fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn show_agent(status: &Status) {
    let version = status.agent.version.clone();
    gauge!("replicator_build_info", "version" => version, "revision" => crate::REVISION).set(1.0);
    gauge!("replicator_leader").set(flag(status.agent.role == Role::Leads));
    gauge!("replicator_agents").set(status.agents.len() as f64);
    gauge!("replicator_attention").set(status.attention.len() as f64);
    gauge!("replicator_troubles").set(status.troubles.len() as f64);
    for receiver in &status.receivers {
        let name = || receiver.name.clone();
        gauge!("replicator_alerts_waiting", "receiver" => name()).set(receiver.waiting as f64);
        counter!("replicator_alerts_sent_total", "receiver" => name()).absolute(receiver.sent);
        counter!("replicator_alerts_failed_total", "receiver" => name()).absolute(receiver.failed);
        counter!("replicator_alerts_lost_total", "receiver" => name()).absolute(receiver.lost);
    }
}

/// How long ago something was, in seconds.
fn age(at: Option<&str>, now: Timestamp) -> Option<f64> {
    let at: Timestamp = at?.parse().ok()?;
    Some(now.duration_since(at).as_secs_f64().max(0.0))
}

fn show(it: &Resource, now: Timestamp) {
    let name = || it.name.clone();
    let set = |metric: &'static str, value: Option<f64>| {
        if let Some(value) = value {
            gauge!(metric, "resource" => name()).set(value);
        }
    };
    set("replicator_size", it.size.map(f64::from));
    set("replicator_min", it.min.map(f64::from));
    set("replicator_max", it.max.filter(|max| *max < u32::MAX).map(f64::from));
    set("replicator_enabled", it.enabled.map(flag));
    set("replicator_policy_wrong", Some(flag(it.policy_problem.is_some())));
    set("replicator_evaluation_age_seconds", age(it.looked.as_deref(), now));
    set("replicator_failsafe", Some(flag(it.failsafe.is_some())));
    for (direction, until) in
        [("in", it.hold.as_ref().map(|hold| &hold.scaling_in)), ("out", it.hold.as_ref().map(|hold| &hold.scaling_out))]
    {
        gauge!("replicator_on_hold", "resource" => name(), "direction" => direction)
            .set(flag(until.is_some_and(Option::is_some)));
    }
    set("replicator_failures", Some(f64::from(it.failures)));
    set("replicator_cooldown_left_seconds", Some(it.cooldown_left as f64));
    if let Some(operation) = &it.operation
        && let Some(age) = age(Some(&operation.started), now)
    {
        gauge!("replicator_operation_age_seconds", "resource" => name(), "direction" => way(operation.direction),
            "phase" => operation.phase.clone())
        .set(age);
    }
    show_decision(it);
    let Some(seen) = &it.observation else { return };
    set("replicator_nodes", seen.nodes.map(|nodes| nodes as f64));
    set("replicator_waiting", seen.waiting.map(f64::from));
    set("replicator_running", seen.running.map(|running| running as f64));
    set("replicator_cpu_capacity_mhz", seen.capacity.map(|amount| amount.cpu as f64));
    set("replicator_cpu_allocated_mhz", seen.used.map(|amount| amount.cpu as f64));
    set("replicator_memory_capacity_mib", seen.capacity.map(|amount| amount.memory as f64));
    set("replicator_memory_allocated_mib", seen.used.map(|amount| amount.memory as f64));
    debug_assert!(it.kind == Kind::JobGroup || seen.tasks.is_empty(), "only groups have tasks");
    for task in &seen.tasks {
        for (metric, share) in
            [("replicator_task_cpu_percent", task.cpu), ("replicator_task_memory_percent", task.memory)]
        {
            if let Some(share) = share {
                gauge!(metric, "resource" => name(), "task" => task.name.clone()).set(share);
            }
        }
    }
}

/// The numbers of the last decision, and why a step that is asked for is not taken.
fn show_decision(it: &Resource) {
    let Some(decision) = &it.decision else { return };
    for finding in &decision.findings {
        for (metric, value) in [("replicator_measured", finding.measured), ("replicator_limit", finding.limit)] {
            if let Some(value) = value {
                gauge!(metric, "resource" => it.name.clone(), "rule" => finding.rule.clone(),
                    "quantity" => finding.quantity.clone())
                .set(value);
            }
        }
    }
    if let (Verdict::Hold, Some(direction)) = (decision.verdict, decision.direction) {
        for stop in &decision.stops {
            gauge!("replicator_held", "resource" => it.name.clone(), "direction" => way(direction),
                "rule" => stop.rule.clone())
            .set(1.0);
        }
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A leader that knows a pool and a group, of which all is known that can be.
    fn status() -> Status {
        serde_json::from_str(include_str!("status.test.json")).unwrap()
    }

    fn shown() -> String {
        of(&status(), "2026-11-28T05:00:10Z".parse().unwrap())
    }

    #[test]
    fn c14_how_things_stand_is_shown_as_numbers() {
        let shown = shown();
        for line in [
            "replicator_leader 1",
            "replicator_view_age_seconds{view=\"jobs\"} 7",
            "replicator_size{resource=\"pool workers\"} 6",
            "replicator_evaluation_age_seconds{resource=\"pool workers\"} 10",
            "replicator_failsafe{resource=\"group web/front\"} 1",
            "replicator_held{resource=\"group web/front\",direction=\"out\",rule=\"S7\"} 1",
            "replicator_measured{resource=\"group web/front\",rule=\"J8\",quantity=\"CPU of task server\"} 91.25",
            "replicator_operation_age_seconds{resource=\"pool workers\",direction=\"out\",phase=\"joining\"} 70",
            "replicator_cpu_allocated_mhz{resource=\"pool workers\"} 9000",
            "replicator_task_cpu_percent{resource=\"group web/front\",task=\"server\"} 91.25",
            "replicator_alerts_waiting{receiver=\"slack\"} 2",
            "replicator_alerts_sent_total{receiver=\"slack\"} 5",
        ] {
            assert!(shown.lines().any(|it| it == line), "{line} is not in\n{shown}");
        }
    }

    /// Names in a text that metrics of ours could have.
    fn names(text: &str) -> BTreeSet<&str> {
        let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        words.filter(|word| word.starts_with("replicator_")).collect()
    }

    #[test]
    fn c14_what_the_rules_and_the_dashboard_ask_for_is_shown() {
        let shown = shown();
        let counted = include_str!("../outlet/meter.rs").to_owned() + include_str!("../adapters/mod.rs");
        let known: BTreeSet<&str> = names(&shown).union(&names(&counted)).copied().collect();
        let monitoring = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring/");
        for file in ["alerts.yml", "dashboard.json"] {
            let text = std::fs::read_to_string(format!("{monitoring}{file}")).unwrap();
            let asked = names(&text);
            assert!(asked.len() > 5, "{file} asks for something");
            let missing: Vec<_> = asked.difference(&known).collect();
            assert!(missing.is_empty(), "{file} asks for {missing:?}, which nothing shows");
        }
    }

    #[test]
    fn c14_every_metric_is_described() {
        let shown = shown();
        for line in shown.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(shown.contains(&format!("# HELP {name} ")), "{name} has no description");
        }
    }
}
