//! Each invariant is proven by breaking it: what a faulty core would do is caught, what a sound one does is not.

use std::path::Path;

use replicator::agent::Event;
use replicator::decide::{Decision, Step, Verdict};
use replicator::domain::{GroupKey, JobKey, PoolName, Resource};
use replicator::operation::{Operation, ScaleIn, ScaleInPhase, Work};
use replicator::state::ResourceState;

use super::{Act, Invariants};
use crate::record::Source;
use crate::scenario::{Changes, Scenario};
use crate::time::Millis;

fn invariants() -> Invariants {
    let text = r#"
        title = "t"
        seed = 1
        duration = "1h"
        tick = "10s"
        [pools.p]
        instance = { cpu = 1000, memory = 1000 }
        nodes = 3
        min = 2
        max = 5
        boot = "1m"
        [pools.p.meta]
        replicator_enabled = true
        replicator_region = "r"
        replicator_notification_uid = "P"
        replicator_cooldown = 60
        [jobs.j.groups.g]
        count = 2
        [jobs.j.groups.g.tasks.t]
        cpu = 100
        memory = 100
        [jobs.j.groups.g.meta]
        replicator_enabled = true
        replicator_min = 1
        replicator_max = 4
        replicator_scalein_cpu = 30
        replicator_scalein_mem = 30
        replicator_scaleout_cpu = 80
        replicator_scaleout_mem = 80
        replicator_notification_uid = "J"
    "#;
    let scenario = Scenario::parse(text, Path::new("t.toml"), &Changes::default()).unwrap();
    Invariants::new(&scenario.plan)
}

fn pool() -> PoolName {
    "p".into()
}

fn group() -> GroupKey {
    GroupKey { job: JobKey::in_default("j"), group: "g".into() }
}

fn decided(invariants: &mut Invariants, resource: Resource, from: u32, to: u32) {
    let verdict = Verdict::Act(Step { from, to });
    let decision = Decision { resource, verdict, findings: vec![], scalein_requests: 0, scaleout_requests: 0 };
    invariants.hear(&Event::Decided(decision));
}

fn state() -> ResourceState {
    let resource = Resource::Pool(pool());
    ResourceState::initial(&resource, &crate::keys::state_key(&resource))
}

fn operating(since_second: i64) -> ResourceState {
    let started = jiff::Timestamp::from_second(since_second).unwrap();
    let target = replicator::domain::PoolTarget { provider: "aws".into(), region: "r".into(), name: pool() };
    let work = Work::ScaleIn(ScaleIn {
        target,
        retry_threshold: 3,
        node: "n".into(),
        node_name: String::new(),
        instance: "i".into(),
        phase: ScaleInPhase::Draining,
    });
    let operation = Operation {
        resource: Resource::Pool(pool()),
        notification_uid: String::new(),
        started,
        agent: "agent-0".into(),
        since: started,
        step: None,
        work,
    };
    ResourceState { operation: Some(operation), ..state() }
}

fn write<'a>(before: &'a ResourceState, after: &'a ResourceState) -> Act<'a> {
    Act::WriteState { writer: Source::Agent(0), before: Some(before), after }
}

/// The name of the invariant that an act breaks.
fn broken(invariants: &mut Invariants, at: u64, act: &Act<'_>) -> Option<&'static str> {
    invariants.check(Millis::secs(at), act).err().map(|violation| violation.invariant)
}

#[test]
fn counts_and_pools_outside_their_bounds_are_caught() {
    let mut it = invariants();
    decided(&mut it, Resource::Group(group()), 4, 5);
    decided(&mut it, Resource::Pool(pool()), 5, 6);
    let key = group();
    let scale = |to| Act::Scale { agent: 0, group: &key, to };
    assert_eq!(broken(&mut it, 0, &scale(5)), Some("counts and pools stay within their bounds"));
    let name = pool();
    let desired = Act::SetDesired { agent: 0, pool: &name, to: 6 };
    assert_eq!(broken(&mut it, 0, &desired), Some("counts and pools stay within their bounds"));
    let detach = Act::Detach { agent: 0, pool: &name, from: 2 };
    assert_eq!(broken(&mut it, 0, &detach), Some("counts and pools stay within their bounds"));
    decided(&mut it, Resource::Group(group()), 3, 4);
    assert_eq!(broken(&mut it, 0, &Act::Scale { agent: 0, group: &group(), to: 4 }), None);
}

#[test]
fn two_actors_are_caught() {
    let act = Act::WhileAnotherLeads { agent: 0, leader: Some(1) };
    assert_eq!(broken(&mut invariants(), 0, &act), Some("at most one agent acts"));
}

#[test]
fn acting_in_failsafe_is_caught() {
    let mut it = invariants();
    let name = pool();
    let failsafe = ResourceState { failsafe_mode: true, ..state() };
    let drain = Act::Drain { agent: 0, pool: &name };
    decided(&mut it, Resource::Pool(pool()), 3, 2);
    assert_eq!(broken(&mut it, 0, &drain), None);
    assert_eq!(broken(&mut it, 0, &write(&state(), &failsafe)), None);
    assert_eq!(broken(&mut it, 1, &drain), Some("nothing acts in failsafe"));
}

#[test]
fn beginning_inside_a_cooldown_is_caught() {
    let name = pool();
    for (second, expected) in [(59, Some("nothing begins inside a cooldown")), (60, None)] {
        let mut it = invariants();
        decided(&mut it, Resource::Pool(pool()), 3, 2);
        assert_eq!(broken(&mut it, 0, &Act::Drain { agent: 0, pool: &name }), None);
        assert_eq!(broken(&mut it, second, &write(&state(), &operating(5))), expected);
    }
}

#[test]
fn killing_work_and_terminating_twice_are_caught() {
    let (name, instance) = (pool(), "i".into());
    let terminate =
        |migratable| Act::Terminate { agent: 0, pool: &name, instance: &instance, again: false, migratable };
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &terminate(1)), Some("no work is killed, and no instance terminated twice"));
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &terminate(0)), None);
    assert_eq!(broken(&mut it, 0, &terminate(0)), Some("no work is killed, and no instance terminated twice"));
}

#[test]
fn moving_without_a_decision_or_against_it_is_caught() {
    let mut it = invariants();
    let key = group();
    let act = Act::Scale { agent: 0, group: &key, to: 3 };
    assert_eq!(broken(&mut it, 0, &act), Some("nothing moves without a recorded decision"));
    decided(&mut it, Resource::Group(group()), 2, 1);
    assert_eq!(broken(&mut it, 0, &act), Some("nothing moves without a recorded decision"));
    decided(&mut it, Resource::Group(group()), 2, 3);
    assert_eq!(broken(&mut it, 0, &act), None);
    let name = pool();
    decided(&mut it, Resource::Pool(pool()), 3, 4);
    let drain = Act::Drain { agent: 0, pool: &name };
    assert_eq!(broken(&mut it, 0, &drain), Some("nothing moves without a recorded decision"));
}

#[test]
fn state_that_goes_back_is_caught() {
    let at = |second| Some(jiff::Timestamp::from_second(second).unwrap());
    let before = ResourceState {
        last_updated: at(10),
        last_scaling_event: at(10),
        failure_count: 2,
        failsafe_mode: true,
        ..state()
    };
    let wrong = [
        ResourceState { last_updated: at(9), ..before.clone() },
        ResourceState { last_scaling_event: None, ..before.clone() },
        ResourceState { failure_count: 1, ..before.clone() },
        ResourceState { failsafe_mode: false, ..before.clone() },
        ResourceState { others: [("eligible_nodes".to_owned(), 1.into())].into_iter().collect(), ..before.clone() },
    ];
    for after in &wrong {
        assert_eq!(broken(&mut invariants(), 0, &write(&before, after)), Some("state never goes back"), "{after:?}");
    }
    let success = ResourceState { failure_count: 0, ..before.clone() };
    assert_eq!(broken(&mut invariants(), 0, &write(&before, &success)), None);
    let lifted = ResourceState { failsafe_mode: false, ..before.clone() };
    let operator = Act::WriteState { writer: Source::World, before: Some(&before), after: &lifted };
    assert_eq!(broken(&mut invariants(), 0, &operator), None, "an operator may");
}

#[test]
fn an_operation_that_comes_back_is_caught() {
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &write(&state(), &operating(50))), None);
    assert_eq!(broken(&mut it, 0, &write(&operating(50), &state())), None);
    assert_eq!(broken(&mut it, 0, &write(&state(), &operating(40))), Some("state never goes back"));
}
