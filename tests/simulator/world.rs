//! What the simulated cluster does by itself, with no agent in it: what the scheduler refuses, and what people do.

use std::path::Path;
use std::time::Duration;

use replicator_sim::drive::run::run;
use replicator_sim::drive::stage::Stage;
use replicator_sim::judge::Outcome;
use replicator_sim::plan::draft::{Draft, Group, Job, Load, Pool, Shape, Size, Task};
use replicator_sim::scenario::{Changes, Scenario};
use replicator_sim::show::{Listing, Paint, Style, write_served};

use super::first;

/// A pool of three nodes in two zones, a group, and nobody who scales. `group` is more of the group's table.
fn cluster(group: &str, more: &str) -> Outcome {
    let text = format!(
        r#"
title = "A cluster that is left alone"
seed = 1
duration = "1h"
tick = "10s"
[agents]
count = 0
[pools.workers]
instance = {{ cpu = 4000, memory = 8000, cores = 4 }}
nodes = 3
min = 1
max = 6
zones = ["a", "b"]
boot = "60s"
[pools.workers.meta]
replicator_enabled = true
replicator_region = "r"
replicator_notification_uid = "U"
rack = "r1"
[jobs.web.groups.g]
count = 6
{group}
[jobs.web.groups.g.tasks.t]
cpu = 300
memory = 300
{more}
"#
    );
    let scenario = Scenario::parse(&text, Path::new("t.toml"), &Changes::default()).unwrap_or_else(|e| panic!("{e}"));
    run(&scenario.plan)
}

fn event(what: &str) -> String {
    format!("[[event]]\nat = \"10m\"\nfor = \"10m\"\n{what}\n")
}

/// How many allocations serve, by the minute.
fn serving(outcome: &Outcome, minute: usize) -> u32 {
    outcome.record.groups[0][minute * 6].serving
}

fn ready(outcome: &Outcome, minute: usize) -> u32 {
    outcome.record.pools[0][minute * 6].ready
}

#[test]
fn work_that_must_stay_apart_gets_a_node_each() {
    assert_eq!(serving(&cluster("", ""), 30), 6);
    assert_eq!(serving(&cluster("distinct_hosts = true", ""), 30), 3);
    assert_eq!(serving(&cluster("ports = [8080]", ""), 30), 3, "and so does a static port");
}

#[test]
fn constraints_keep_work_from_nodes() {
    let zone = "constraint = [{ attribute = \"${attr.platform.aws.placement.availability-zone}\", value = \"b\" }]\n\
                distinct_hosts = true";
    assert_eq!(serving(&cluster(zone, ""), 30), 1, "of three nodes, the second is in zone b");
    for (constraint, expected) in [
        ("attribute = \"${meta.rack}\", value = \"r1\"", 6),
        ("attribute = \"${meta.rack}\", operator = \"!=\", value = \"r1\"", 0),
        ("attribute = \"${meta.colour}\", operator = \"is_set\"", 0),
        ("attribute = \"${meta.colour}\", operator = \"is_not_set\"", 6),
        ("attribute = \"${node.datacenter}\", value = \"dc1\"", 6),
    ] {
        assert_eq!(serving(&cluster(&format!("constraint = [{{ {constraint} }}]"), ""), 30), expected, "{constraint}");
    }
}

#[test]
fn a_changed_meta_lets_work_in() {
    let constraint = "constraint = [{ attribute = \"${meta.rack}\", value = \"r2\" }]";
    let set = event("set_meta = { pool = \"workers\", node = 1, key = \"rack\", value = \"r2\" }");
    let outcome = cluster(constraint, &set);
    assert_eq!((serving(&outcome, 9), serving(&outcome, 12)), (0, 6));
}

#[test]
fn cores_are_whole_and_come_to_their_share_of_the_cpu() {
    let with_cores = "[jobs.web.groups.g.tasks.u]\ncores = 2\nmemory = 10";
    assert_eq!(serving(&cluster("", with_cores), 30), 3, "300 + 2000 MHz of 4000");
}

#[test]
fn a_node_that_shows_no_cpu_gets_no_work_and_keeps_what_it_has() {
    let events = event("odd_node = { pool = \"workers\", cpu = 0 }\n")
        + "[[event]]\nat = \"12m\"\nset_count = { group = \"web/g\", count = 39 }";
    let outcome = cluster("", &events);
    assert_eq!(
        (serving(&outcome, 11), serving(&outcome, 19), serving(&outcome, 22)),
        (6, 28, 39),
        "13 on each of two nodes, and 2 stay"
    );
}

#[test]
fn people_drain_nodes_and_let_work_in_again() {
    let drained = cluster("", &event("drain_node = { pool = \"workers\", node = 1 }"));
    assert_eq!((ready(&drained, 9), ready(&drained, 11), ready(&drained, 21)), (3, 2, 3));
    let kept_off = cluster("", &event("set_eligibility = { pool = \"workers\", eligible = false }"));
    assert_eq!((ready(&kept_off, 11), ready(&kept_off, 21)), (2, 3));
    assert_eq!(serving(&kept_off, 11), 6, "what runs stays");
    let called_off = event("drain_node = { pool = \"workers\" }")
        + "[[event]]\nat = \"10m 2s\"\ncancel_drain = { pool = \"workers\" }";
    assert_eq!(ready(&cluster("", &called_off), 12), 3);
}

#[test]
fn people_take_instances_out_of_their_group() {
    let desired = |outcome: &Outcome, minute: usize| outcome.record.pools[0][minute * 6].desired;
    let detached = cluster("", &event("detach_instance = { pool = \"workers\" }"));
    assert_eq!((desired(&detached, 30), ready(&detached, 30)), (2, 3), "its node goes on");
    let standby = cluster("", &event("standby = { pool = \"workers\" }"));
    assert_eq!((desired(&standby, 15), desired(&standby, 30), ready(&standby, 30)), (2, 3, 3), "none was launched");
}

#[test]
fn a_poststop_task_outlives_its_allocation() {
    let fewer = "[[event]]\nat = \"10m\"\nset_count = { group = \"web/g\", count = 5 }";
    let outcome = cluster("poststop = \"5m\"", fewer);
    let stopped = first(&outcome, "has stopped").unwrap();
    assert_eq!(first(&outcome, "the last task of allocation"), Some(stopped + 300));
}

#[test]
fn oddities_are_told_while_they_last_and_not_after() {
    let scenario =
        super::small_scenario("{ constant = 2100 }", "[odd]\nuntil = \"20m\"\npercent = 100\nkinds = [\"errors\"]");
    let outcome = run(&Scenario::parse(&scenario, Path::new("t.toml"), &Changes::default()).unwrap().plan);
    let odd: Vec<u64> =
        outcome.record.lines.iter().filter(|line| line.text.contains("an odd failure")).map(|line| line.at.0).collect();
    assert!(!odd.is_empty() && odd.iter().all(|at| *at <= 20 * 60_000), "{odd:?}");
}

#[test]
fn what_a_run_did_not_come_to_is_neither_met_nor_missed() {
    let scenario = Scenario::load(&super::shipped().join("spike.toml"), &Changes::default()).unwrap();
    let outcome = Stage::of(&scenario.plan).end();
    assert!(outcome.checks.len() > 3 && outcome.checks.iter().all(|check| !check.reached));
    assert!(outcome.is_good(), "nothing was missed");
    let style = Style { paint: Paint::Plain, width: None, actions: Listing::Summary };
    let mut text = Vec::new();
    write_served(&mut text, &scenario, &outcome, style).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("not reached  group.shop/front.count at 00:40:00 ≥ 16"), "{text}");
    assert!(text.contains("not reached  run.alerts = 0, is 0 so far") && !text.contains("NOT MET"), "{text}");
}

/// Two allocations of 1000 MHz each that must stay apart, on nodes of 4000 MHz, under a load of this many MHz; they are to be
/// scaled out above 150 % of what they ask for.
fn apart(hard: bool, load: f64) -> Outcome {
    let task = Task { cpu_hard_limit: Some(hard), ..Task::new(1000, 100) };
    let neighbour = Task { idle_cpu: 2000, ..Task::new(2000, 100) };
    let mut group =
        Group::new(2, task).scaled(2, 3).meta("replicator_scaleout_cpu", 150).meta("replicator_scalein_cpu", 5);
    group = group.meta("replicator_scaleout_mem", 90).meta("replicator_scalein_mem", 0);
    group.distinct_hosts = true;
    let draft = Draft::new("Limits", Duration::from_secs(1800))
        .pool("workers", Pool::new(Size::of(4000, 8192), 3))
        .job("web", Job::service("g", group))
        .job("busy", Job::service("g", Group { distinct_hosts: true, ..Group::new(1, neighbour) }))
        .load(Load::cpu("web/g", [Shape::Constant(load)]));
    run(&draft.plan().unwrap())
}

#[test]
fn a_soft_limit_gives_what_the_node_has_left_and_a_hard_one_does_not() {
    let unmet = |outcome: &Outcome| outcome.record.groups[1][30].unmet_cpu;
    let (hard, soft) = (apart(true, 2600.0), apart(false, 2600.0));
    assert_eq!(unmet(&hard), 600.0);
    assert_eq!(unmet(&soft), 0.0);
    assert!(hard.record.actions.is_empty(), "no more than 100 % is ever seen of them");
    assert!(soft.record.actions.is_empty(), "130 % is not above 150 %");
    let soft = apart(false, 4000.0);
    assert_eq!(soft.record.actions.len(), 1, "200 % is");
    assert!(soft.record.groups[1].iter().all(|sample| sample.unmet_cpu == 0.0), "two nodes have 6000 MHz left");
    let much = apart(false, 30_000.0);
    let last = much.record.groups[1].last().unwrap();
    // Three nodes of 4000 MHz, less the 2000 MHz that the neighbour uses on one of them.
    assert_eq!((last.serving, last.unmet_cpu.round()), (3, 20_000.0));
}
