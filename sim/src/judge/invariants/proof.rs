//! Each invariant is proven by breaking it: what a faulty core would do is caught, what a sound one does is not.

use std::path::Path;

use replicator::agent::Event;
use replicator::decide::{Decision, Direction, Step, Verdict};
use replicator::domain::{GroupKey, JobKey, PoolName, Resource};
use replicator::operation::{Operation, Outcome, ScaleIn, ScaleInPhase, Work};
use replicator::state::ResourceState;

use super::{Act, Invariants, PoolSight, Sight, Termination};
use crate::judge::record::Source;
use crate::kernel::time::Millis;
use crate::scenario::{Changes, Scenario};

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
        [jobs.j.groups.g.scaling]
        min = 2
        max = 9
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
    invariants.hear(&Event::Decided(decision.into()));
}

fn state() -> ResourceState {
    let resource = Resource::Pool(pool());
    ResourceState::initial(&resource, &crate::kernel::keys::state_key(&resource))
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
        floor: 0,
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
    let scale = |from, to| Act::Scale { agent: 0, group: &key, from, to };
    assert_eq!(broken(&mut it, 0, &scale(4, 5)), Some("counts and pools stay within their bounds"));
    let name = pool();
    let desired = Act::SetDesired { agent: 0, pool: &name, from: 5, to: 6, undoes: false };
    assert_eq!(broken(&mut it, 0, &desired), Some("counts and pools stay within their bounds"));
    let detach = Act::Detach { agent: 0, pool: &name, from: 2, undoes: false };
    assert_eq!(broken(&mut it, 0, &detach), Some("counts and pools stay within their bounds"));
    decided(&mut it, Resource::Group(group()), 3, 4);
    assert_eq!(broken(&mut it, 0, &scale(3, 4)), None);
    decided(&mut it, Resource::Group(group()), 3, 0);
    assert_eq!(broken(&mut it, 0, &scale(3, 0)), Some("counts and pools stay within their bounds"), "below the block");
}

#[test]
fn steps_towards_the_bounds_are_legal_and_steps_past_or_away_from_them_are_not() {
    let name = pool();
    for (from, to, expected) in [
        (9, 8, None),
        (1, 2, None),
        (0, 1, None),
        (8, 9, Some("counts and pools stay within their bounds")),
        (9, 1, Some("counts and pools stay within their bounds")),
        (1, 0, Some("counts and pools stay within their bounds")),
        (1, 9, Some("counts and pools stay within their bounds")),
    ] {
        let mut it = invariants();
        decided(&mut it, Resource::Pool(pool()), from, to);
        let desired = Act::SetDesired { agent: 0, pool: &name, from, to, undoes: false };
        assert_eq!(broken(&mut it, 0, &desired), expected, "{from} -> {to}");
    }
    let mut it = invariants();
    decided(&mut it, Resource::Pool(pool()), 9, 8);
    assert_eq!(broken(&mut it, 0, &Act::Detach { agent: 0, pool: &name, from: 9, undoes: false }), None);
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
    let drain = Act::Drain { agent: 0, pool: &name, own: false };
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
        assert_eq!(broken(&mut it, 0, &Act::Drain { agent: 0, pool: &name, own: false }), None);
        assert_eq!(broken(&mut it, second, &write(&state(), &operating(5))), expected);
    }
}

#[test]
fn killing_work_and_terminating_twice_are_caught() {
    let (name, instance) = (pool(), "i".into());
    let terminate = |migratable| {
        let (pool, instance) = (&name, &instance);
        Act::Terminate(Termination { agent: 0, pool, instance, again: false, member: false, migratable })
    };
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
    let act = Act::Scale { agent: 0, group: &key, from: 2, to: 3 };
    assert_eq!(broken(&mut it, 0, &act), Some("nothing moves without a recorded decision"));
    decided(&mut it, Resource::Group(group()), 3, 2);
    assert_eq!(broken(&mut it, 0, &act), Some("nothing moves without a recorded decision"));
    decided(&mut it, Resource::Group(group()), 2, 3);
    assert_eq!(broken(&mut it, 0, &act), None);
    let name = pool();
    decided(&mut it, Resource::Pool(pool()), 3, 4);
    let drain = Act::Drain { agent: 0, pool: &name, own: false };
    assert_eq!(broken(&mut it, 0, &drain), Some("nothing moves without a recorded decision"));
}

/// What was under way goes on then, and may be taken back.
#[test]
fn a_decision_whose_first_write_is_refused_is_none() {
    let (begun, name) = (operating(0), pool());
    let desired = |to| Act::SetDesired { agent: 0, pool: &name, from: 4, to, undoes: true };
    let mut it = invariants();
    decided(&mut it, Resource::Pool(pool()), 3, 4);
    assert_eq!(broken(&mut it, 0, &write(&state(), &begun)), None);
    decided(&mut it, Resource::Pool(pool()), 4, 5);
    assert_eq!(broken(&mut it, 0, &desired(3)), Some("nothing moves without a recorded decision"));
    let key = crate::kernel::keys::state_key(&Resource::Pool(pool()));
    assert_eq!(broken(&mut it, 0, &Act::WriteRefused { agent: 0, key: &key }), None);
    assert_eq!(broken(&mut it, 0, &Act::ReadStates { agent: 0 }), None);
    assert_eq!(broken(&mut it, 0, &desired(3)), None);
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

#[test]
fn ending_a_member_in_a_scale_in_is_caught() {
    let (name, instance) = (pool(), "i".into());
    let end = |member| {
        let (pool, instance) = (&name, &instance);
        Act::Terminate(Termination { agent: 0, pool, instance, again: false, member, migratable: 0 })
    };
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &end(true)), None, "a newcomer that never joined");
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &write(&state(), &operating(50))), None);
    assert_eq!(broken(&mut it, 1, &end(false)), None);
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &write(&state(), &operating(50))), None);
    assert_eq!(broken(&mut it, 1, &end(true)), Some("no member is terminated by a scale-in"));
}

#[test]
fn draining_the_own_node_is_caught() {
    let mut it = invariants();
    let name = pool();
    decided(&mut it, Resource::Pool(pool()), 3, 2);
    let drain = Act::Drain { agent: 0, pool: &name, own: true };
    assert_eq!(broken(&mut it, 0, &drain), Some("the leader's own node is never drained"));
}

#[test]
fn failures_that_outlive_a_success_are_caught() {
    let failed = ResourceState { failure_count: 1, ..state() };
    let succeeded = Event::Finished {
        resource: Resource::Pool(pool()),
        direction: Direction::In,
        outcome: Outcome::Succeeded,
        step: None,
        about: String::new(),
        took: std::time::Duration::ZERO,
        uid: String::new(),
    };
    let again = ResourceState { failure_count: 1, ..operating(50) };
    let other = Act::ReadStates { agent: 0 };
    for told_first in [true, false] {
        let mut it = invariants();
        assert_eq!(broken(&mut it, 0, &write(&failed, &again)), None);
        if told_first {
            it.hear(&succeeded);
        }
        assert_eq!(broken(&mut it, 1, &write(&again, &failed)), None);
        if !told_first {
            it.hear(&succeeded);
        }
        assert_eq!(broken(&mut it, 2, &other), Some("success leaves no failures counted"), "{told_first}");
    }
    let mut it = invariants();
    assert_eq!(broken(&mut it, 0, &write(&again, &state())), None);
    it.hear(&succeeded);
    assert_eq!(broken(&mut it, 1, &other), None);
}

#[test]
fn acting_on_a_state_that_is_known_to_be_old_is_caught() {
    let (name, path) = (pool(), state().state_path);
    let refused = Act::WriteRefused { agent: 0, key: &path };
    let drain = |agent| Act::Drain { agent, pool: &name, own: false };
    let mut it = invariants();
    decided(&mut it, Resource::Pool(pool()), 3, 2);
    assert_eq!(broken(&mut it, 0, &write(&state(), &operating(0))), None);
    assert_eq!(broken(&mut it, 0, &refused), None);
    assert_eq!(broken(&mut it, 0, &drain(1)), None, "another agent knows no better, and no worse");
    assert_eq!(broken(&mut it, 0, &drain(0)), Some("nothing is done on a state that is known to be old"));
    assert_eq!(broken(&mut it, 1, &Act::ReadStates { agent: 0 }), None);
    assert_eq!(broken(&mut it, 1, &drain(0)), None);
    assert_eq!(broken(&mut it, 2, &refused), None);
    assert_eq!(broken(&mut it, 2, &write(&state(), &state())), None);
    assert_eq!(broken(&mut it, 2, &drain(0)), None);
}

/// The name of the invariant that breaks when a sight stays as it is from one second to another.
fn broken_by_sight(invariants: &mut Invariants, sight: &Sight, seconds: std::ops::Range<u64>) -> Option<&'static str> {
    let mut watched = seconds.step_by(10).map(|second| invariants.watch(Millis::secs(second), sight));
    watched.find_map(Result::err).map(|violation| violation.invariant)
}

#[test]
fn a_drained_node_that_nobody_sees_to_is_caught() {
    let forsaken = Sight { calm: true, forsaken: vec!["n".into()], pools: vec![] };
    let mut it = invariants();
    assert_eq!(broken_by_sight(&mut it, &forsaken, 0..300), None);
    assert_eq!(broken_by_sight(&mut it, &Sight { calm: false, ..forsaken.clone() }, 300..900), None, "nobody leads");
    assert_eq!(broken_by_sight(&mut it, &Sight { calm: true, ..Sight::default() }, 900..1000), None, "seen to");
    assert_eq!(broken_by_sight(&mut it, &forsaken, 1000..1310), Some("every drained node has an operation"));
}

#[test]
fn giving_away_capacity_that_work_waits_for_is_caught() {
    let waits = |desired, hindered| {
        let pool = PoolSight { pool: pool(), desired, unplaced: 1, hindered };
        Sight { calm: true, forsaken: vec![], pools: vec![pool] }
    };
    let shrink = |it: &mut Invariants| {
        decided(it, Resource::Pool(pool()), 4, 3);
        assert_eq!(broken(it, 100, &Act::Detach { agent: 0, pool: &pool(), from: 4, undoes: false }), None);
    };
    let name = Some("no capacity is given away that work needs");
    let mut it = invariants();
    assert_eq!(broken_by_sight(&mut it, &waits(3, false), 0..5000), None, "it never shrank");
    for (desired, hindered, expected) in [(3, false, name), (4, false, None), (3, true, None)] {
        let mut it = invariants();
        shrink(&mut it);
        assert_eq!(broken_by_sight(&mut it, &waits(desired, hindered), 200..1200), expected, "{desired} {hindered}");
    }
    let mut it = invariants();
    shrink(&mut it);
    assert_eq!(broken_by_sight(&mut it, &waits(3, false), 2000..9000), None, "it is work of another day");
}
