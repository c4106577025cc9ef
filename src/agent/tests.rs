//! The agent's pieces, put together on servers that are at hand: what is read right before an act, what is refused, what is
//! claimed, what is told.

use std::sync::Arc;

use super::act::{Ground, Need, Subject};
use super::lead::Sight;
use super::term::Term;
use super::testing::{Heard, Servers, now, with_heard_term};
use super::{Event, Feed, Switch};
use crate::domain::{
    Allocation, BlockedWork, DeploymentStatus, Eligibility, GroupKey, Instance, InstanceState, Job, JobKey, JobKind,
    JobSummary, Meta, Monotonic, Node, NodeStatus, Occupant, PoolTarget, Resource, Resources,
};
use crate::operation::{
    Call, GroupPhase, GroupScale, Known, Move, Operation, ScaleIn, ScaleInPhase, ScaleOut, ScaleOutPhase, Work,
};
use crate::ports::{ErrorKind, PortError, Service, WriteOutcome};
use crate::state::ResourceState;
use crate::testing::{allocation, deployment, group_key, meta, node, snapshot, task_group};

type TestTerm<'a> = Term<'a, Servers, Heard>;

fn pool_meta() -> Meta {
    meta(&[
        ("replicator_worker_pool", "workers"),
        ("replicator_enabled", "true"),
        ("replicator_region", "r"),
        ("replicator_notification_uid", "POOL"),
        ("replicator_node_fault_tolerance", "0"),
        ("replicator_scaling_threshold", "1"),
    ])
}

fn group_meta() -> Meta {
    meta(&[
        ("replicator_enabled", "true"),
        ("replicator_min", "1"),
        ("replicator_max", "9"),
        ("replicator_scalein_cpu", "30"),
        ("replicator_scalein_mem", "30"),
        ("replicator_scaleout_cpu", "80"),
        ("replicator_scaleout_mem", "80"),
        ("replicator_notification_uid", "WEB"),
    ])
}

fn target() -> PoolTarget {
    PoolTarget { provider: "aws".into(), region: "r".into(), name: "workers".into() }
}

fn pool() -> Resource {
    Resource::Pool("workers".into())
}

fn web() -> GroupKey {
    group_key("web", "g")
}

fn job(modify_index: u64) -> Arc<Job> {
    let summary = JobSummary {
        key: JobKey::in_default("web"),
        kind: JobKind::Service,
        is_parent: false,
        stopped: false,
        modify_index,
    };
    Arc::new(Job { summary, groups: vec![task_group("g", group_meta())] })
}

/// Three nodes `a`, `b`, `c` of one pool, on members `i-a`, `i-b`, `i-c`.
fn servers() -> Servers {
    let servers = Servers::default();
    servers.clock.wall.set(1_000_000);
    servers.clock.monotonic.set(100);
    for id in ["a", "b", "c"] {
        let node = Node { meta: Arc::new(pool_meta()), ..node(id) };
        servers.nodes.borrow_mut().insert(id.into(), Arc::new(node));
        let instance = Instance { id: format!("i-{id}").into(), state: InstanceState::Running, addresses: vec![] };
        servers.instances.borrow_mut().push(instance);
    }
    servers.pool.replace(Some(snapshot(&["i-a", "i-b", "i-c"])));
    servers.jobs.borrow_mut().insert(JobKey::in_default("web"), job(7));
    servers
}

/// Lets the term see all that there is, as its feeds would.
fn see(term: &TestTerm<'_>) {
    let servers = term.ports;
    let nodes: Vec<Arc<Node>> = servers.nodes.borrow().values().cloned().collect();
    let listed: Vec<_> = nodes.iter().map(|node| node.summary.clone()).collect();
    let read = nodes.into_iter().map(|node| (node.summary.id.clone(), node)).collect();
    term.views.borrow_mut().set_nodes(&listed, read, Monotonic::default());
    let jobs = servers.jobs.borrow();
    let listed: Vec<_> = jobs.values().map(|job| job.summary.clone()).collect();
    term.views.borrow_mut().set_jobs(&listed, jobs.clone());
    let allocations: Vec<Arc<Allocation>> =
        servers.occupants.borrow().values().flatten().map(|it| Arc::new(it.allocation.clone())).collect();
    term.views.borrow_mut().set_allocations(&allocations);
    term.store.accept(&servers.listing());
}

fn occupy(servers: &Servers, node: &str, allocations: Vec<Allocation>) {
    let occupants = allocations.into_iter().map(|allocation| Occupant { allocation, needs: Arc::default() }).collect();
    servers.occupants.borrow_mut().insert(node.into(), occupants);
}

fn sized(id: &str, node: &str, cpu: u64) -> Allocation {
    Allocation { resources: Resources::new(cpu, 10, 0), ..allocation(id, node) }
}

/// A state with this under way, begun by another leader.
fn put_operation(servers: &Servers, resource: &Resource, work: Work) {
    let path = crate::state::path_of("replicator/config", resource);
    let started = jiff::Timestamp::from_second(999_990).unwrap();
    let operation = Operation {
        resource: resource.clone(),
        notification_uid: "U".into(),
        started,
        agent: "another".into(),
        since: started,
        step: None,
        work,
    };
    let mut state = ResourceState::initial(resource, &path).begun(operation);
    state.claim = Some("before".into());
    servers.index.set(5);
    servers.keys.borrow_mut().insert(path, (5, state.to_json()));
}

fn state(servers: &Servers, resource: &Resource) -> ResourceState {
    let path = crate::state::path_of("replicator/config", resource);
    ResourceState::from_json(&servers.keys.borrow()[&path].1).unwrap()
}

fn scale_in(phase: ScaleInPhase) -> Work {
    Work::ScaleIn(ScaleIn {
        target: target(),
        retry_threshold: 3,
        node: "a".into(),
        node_name: "a".into(),
        instance: "i-a".into(),
        floor: 0,
        phase,
    })
}

fn scale_out(phase: ScaleOutPhase) -> Work {
    let known: Known = ["i-a", "i-b"].into_iter().map(Into::into).collect();
    Work::ScaleOut(ScaleOut { target: target(), retry_threshold: 3, from: 2, to: 3, known, phase })
}

fn group_scale(phase: GroupPhase) -> Work {
    let message = "because".into();
    Work::GroupScale(GroupScale { from: 2, to: 3, retry_threshold: 1, message, decided_on: Some(7), phase })
}

/// Takes what is under way as far as it goes now.
fn advance(term: &TestTerm<'_>, resource: &Resource) {
    let path = term.path_of(resource);
    let Some(stored) = term.stored(resource, &path) else { return };
    let mut subject = Subject { resource, path: &path, stored, need: Need::UNDER_WAY };
    let managed = term.views.borrow_mut().pools().get(&"workers".into()).cloned();
    match resource {
        Resource::Group(key) => now(term.advance(Ground::Group(key), &mut subject)),
        Resource::Pool(_) => now(term.advance(Ground::Pool(managed.as_ref()), &mut subject)),
    }
}

fn drained(servers: &Servers, id: &str) {
    let mut nodes = servers.nodes.borrow_mut();
    let node = Arc::make_mut(nodes.get_mut(&id.into()).unwrap());
    node.summary.eligibility = Eligibility::Ineligible;
}

fn acts(servers: &Servers) -> Vec<String> {
    servers.acts.borrow().clone()
}

#[test]
fn s13_what_another_began_is_claimed_before_anything_is_done_about_it() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Draining));
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        servers.next_write.set(Some(WriteOutcome::Changed));
        advance(term, &pool());
        assert!(acts(&servers).is_empty(), "the claim was refused: somebody else has it");
        advance(term, &pool());
        assert!(acts(&servers).is_empty(), "and what is known of it is old");
        servers.keys.borrow_mut().iter_mut().for_each(|(_, (index, _))| *index = 9);
        servers.index.set(9);
        term.store.accept(&servers.listing());
        advance(term, &pool());
        assert_eq!(acts(&servers), ["drain a"]);
        assert_eq!(state(&servers, &pool()).claim, Some("s".into()));
    });
}

#[test]
fn s7_nothing_is_called_in_failsafe() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Draining));
    for (_, value) in servers.keys.borrow_mut().values_mut() {
        *value = ResourceState { failsafe_mode: true, ..ResourceState::from_json(value).unwrap() }.to_json();
    }
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        advance(term, &pool());
    });
    assert!(acts(&servers).is_empty());
    assert_eq!(state(&servers, &pool()).claim, Some("before".into()), "nor is anything written");
}

/// Makes a call on a state of this leader's own, that was changed like this, or under these circumstances.
fn acts_of_a_call(change: impl Fn(&mut ResourceState), circumstances: impl Fn(&Servers, &TestTerm<'_>)) -> Vec<String> {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Draining));
    for (_, value) in servers.keys.borrow_mut().values_mut() {
        let mut state = ResourceState::from_json(value).unwrap();
        state.claim = Some("s".into());
        change(&mut state);
        *value = state.to_json();
    }
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        let (resource, path) = (pool(), term.path_of(&pool()));
        let stored = term.stored(&resource, &path).unwrap();
        circumstances(&servers, term);
        let mut subject = Subject { resource: &resource, path: &path, stored, need: Need::UNDER_WAY };
        now(term.carry_out(&mut subject, Move::Call(Call::Drain("a".into()))));
    });
    acts(&servers)
}

#[test]
fn l4_s3_s7_s13_what_a_call_rests_on_is_looked_at_last_of_all() {
    let (as_it_is, no_change) = (|_: &Servers, _: &TestTerm<'_>| {}, |_: &mut ResourceState| {});
    assert_eq!(acts_of_a_call(no_change, as_it_is), ["drain a"]);
    let none: [&str; 0] = [];
    assert_eq!(acts_of_a_call(|state| state.failsafe_mode = true, as_it_is), none, "somebody wants nothing done");
    assert_eq!(acts_of_a_call(|state| state.claim = Some("before".into()), as_it_is), none, "it is another's yet");
    let over = |servers: &Servers, _: &TestTerm<'_>| servers.clock.monotonic.set(100 + super::LEASE.as_secs());
    assert_eq!(acts_of_a_call(no_change, over), none, "the lease is over");
    let written = |servers: &Servers, term: &TestTerm<'_>| {
        servers.keys.borrow_mut().values_mut().for_each(|(index, _)| *index = 9);
        servers.index.set(9);
        term.store.accept(&servers.listing());
    };
    assert_eq!(acts_of_a_call(no_change, written), none, "somebody has written it since");
}

#[test]
fn l4_nothing_is_written_or_called_after_the_lease() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Draining));
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        servers.clock.monotonic.set(100 + super::LEASE.as_secs());
        advance(term, &pool());
    });
    assert!(acts(&servers).is_empty());
    assert_eq!(state(&servers, &pool()).claim, Some("before".into()));
}

#[test]
fn p22_what_is_taken_out_was_empty_by_the_leaders_word_at_that_moment() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Detaching { activity: None }));
    drained(&servers, "a");
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        // A service has started there since; the views do not know.
        occupy(&servers, "a", vec![allocation("late", "a")]);
        advance(term, &pool());
        assert!(acts(&servers).is_empty());
        // A read that fails means wait.
        occupy(&servers, "a", vec![]);
        servers.nomad_fails.replace(Some(ErrorKind::Unreachable));
        advance(term, &pool());
        assert!(acts(&servers).is_empty());
        servers.nomad_fails.replace(None);
        advance(term, &pool());
        assert_eq!(acts(&servers), ["take out i-a"]);
    });
}

#[test]
fn p22_an_instance_is_ended_when_it_is_seen_out_of_its_group_and_nobody_uses_it() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Terminating));
    drained(&servers, "a");
    with_heard_term(&servers, &Heard::default(), |term| {
        servers.pool.replace(Some(snapshot(&["i-b", "i-c"])));
        see(term);
        advance(term, &pool());
        servers.clock.monotonic.set(108);
        // Somebody let work in meanwhile: by the leader's word, not by the views'.
        Arc::make_mut(servers.nodes.borrow_mut().get_mut(&"a".into()).unwrap()).summary.eligibility =
            Eligibility::Eligible;
        advance(term, &pool());
        assert!(acts(&servers).is_empty());
        assert_eq!(state(&servers, &pool()).operation, None, "it is theirs now");
    });
}

#[test]
fn p25_a_pool_of_which_nothing_is_known_needs_what_it_has() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Emptying));
    drained(&servers, "a");
    with_heard_term(&servers, &Heard::default(), |term| {
        for id in ["b", "c"] {
            Arc::make_mut(servers.nodes.borrow_mut().get_mut(&id.into()).unwrap()).summary.status = NodeStatus::Down;
        }
        see(term);
        advance(term, &pool());
        assert_eq!(acts(&servers), ["call off the drain of a"]);
    });
}

#[test]
fn p31_a_drain_is_called_off_when_what_still_runs_has_no_place_any_more() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Emptying));
    drained(&servers, "a");
    occupy(&servers, "a", vec![sized("x", "a", 500)]);
    occupy(&servers, "b", vec![sized("y", "b", 600)]);
    occupy(&servers, "c", vec![sized("z", "c", 600)]);
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        advance(term, &pool());
        assert_eq!(acts(&servers), ["call off the drain of a"], "800 MHz are free, and 400 at most in one place");
    });
}

#[test]
fn p31_p21_a_pool_scales_in_only_where_the_work_fits_elsewhere() {
    let evaluate = |sizes: [u64; 3]| {
        let servers = servers();
        for (id, cpu) in ["a", "b", "c"].into_iter().zip(sizes) {
            occupy(&servers, id, vec![sized(id, id, cpu)]);
        }
        let heard = Heard::default();
        with_heard_term(&servers, &heard, |term| {
            see(term);
            now(term.evaluate_pool(&"workers".into(), &pool()));
        });
        (acts(&servers), heard.words())
    };
    let (done, _) = evaluate([100, 300, 300]);
    assert_eq!(done, ["drain a"]);
    let (done, words) = evaluate([560, 560, 560]);
    assert!(done.is_empty());
    let held = words.iter().find(|word| word.contains("held")).unwrap();
    assert!(held.contains("could not carry") || held.contains("P31"), "{held}");
    let (done, words) = evaluate([510, 505, 505]);
    assert!(done.is_empty(), "1520 of 2000 MHz, and no place for 505");
    assert!(words.iter().any(|word| word.contains("without b an allocation of web/g has no place")), "{words:?}");
}

#[test]
fn p32_what_is_on_its_way_is_not_asked_for_again() {
    let servers = servers();
    for id in ["a", "b"] {
        occupy(&servers, id, vec![sized(id, id, 1000)]);
    }
    servers.nodes.borrow_mut().remove(&"c".into());
    let evaluate = || {
        with_heard_term(&servers, &Heard::default(), |term| {
            see(term);
            now(term.evaluate_pool(&"workers".into(), &pool()));
        });
        acts(&servers)
    };
    assert!(evaluate().is_empty(), "the third member has no node yet");
    servers.pool.replace(Some(snapshot(&["i-a", "i-b"])));
    servers.keys.borrow_mut().clear();
    assert_eq!(evaluate(), ["grow to 3"]);
}

#[test]
fn p5_no_size_is_set_by_a_group_that_lists_nobody_under_running_nodes() {
    let grown = |nodes: &[&str], identified: bool, begun: bool| {
        let servers = servers();
        servers.nodes.borrow_mut().retain(|id, _| nodes.contains(&id.as_str()));
        for node in servers.nodes.borrow_mut().values_mut() {
            let node = Arc::make_mut(node);
            node.instance = node.instance.take().filter(|_| identified);
        }
        for id in nodes {
            occupy(&servers, id, vec![sized(id, id, 1000)]);
        }
        servers.pool.replace(Some(snapshot(&[])));
        if begun {
            let work = ScaleOut {
                from: 0,
                to: 1,
                ..match scale_out(ScaleOutPhase::Requesting) {
                    Work::ScaleOut(work) => work,
                    other => panic!("{other:?}"),
                }
            };
            put_operation(&servers, &pool(), Work::ScaleOut(work));
        }
        let heard = Heard::default();
        with_heard_term(&servers, &heard, |term| {
            see(term);
            now(term.evaluate_pool(&"workers".into(), &pool()));
        });
        (acts(&servers), heard.words().join("\n"))
    };
    for begun in [false, true] {
        let (done, words) = grown(&["a", "b", "c"], true, begun);
        assert!(done.is_empty(), "1 would take two of the three away: {done:?}");
        assert!(words.contains("lists no member and wants 0, while 3 nodes"), "{words}");
        assert_eq!(grown(&["a"], true, begun).0, ["grow to 1"], "a size that takes nobody away");
        assert_eq!(grown(&["a", "b", "c"], false, begun).0, ["grow to 1"], "machines of one's own beside the group");
    }
}

#[test]
fn p19_what_is_about_to_be_ended_is_looked_for_once_more() {
    let servers = servers();
    let replacing = ScaleOutPhase::Replacing { instance: "i-c".into() };
    put_operation(&servers, &pool(), scale_out(replacing));
    with_heard_term(&servers, &Heard::default(), |term| {
        let hidden = servers.nodes.borrow_mut().remove(&"c".into()).unwrap();
        see(term);
        // Its node has joined, and the views have missed it.
        servers.nodes.borrow_mut().insert("c".into(), hidden);
        advance(term, &pool());
        assert!(acts(&servers).is_empty());
        assert_eq!(state(&servers, &pool()).operation, None, "it came late, but it came");
    });
}

#[test]
fn p18_a_new_node_that_cannot_be_matched_saves_the_instance() {
    let servers = servers();
    let joining = ScaleOutPhase::Joining { instance: "i-c".into(), late: false };
    put_operation(&servers, &pool(), scale_out(joining));
    {
        let mut nodes = servers.nodes.borrow_mut();
        let nameless = Arc::make_mut(nodes.get_mut(&"c".into()).unwrap());
        (nameless.instance, nameless.address) = (None, Some("10.9.9.9".into()));
    }
    with_heard_term(&servers, &Heard::default(), |term| {
        // Another began it: any node that is first seen in this term may be new.
        let nodes: Vec<Arc<Node>> = servers.nodes.borrow().values().cloned().collect();
        let listed: Vec<_> = nodes.iter().map(|node| node.summary.clone()).collect();
        let read = nodes.into_iter().map(|node| (node.summary.id.clone(), node)).collect();
        let seen = Monotonic::at(std::time::Duration::from_secs(101));
        term.views.borrow_mut().set_nodes(&listed, read, seen);
        let operation = state(&servers, &pool()).operation.unwrap();
        let Work::ScaleOut(work) = &operation.work else { panic!("a scale-out") };
        let sight = now(term.look_out(work, None, &operation, std::time::Duration::from_mins(5), 0)).unwrap();
        assert_eq!(sight.unmatched, ["c"]);
        let known = Instance { id: "i-c".into(), state: InstanceState::Running, addresses: vec!["10.9.9.9".into()] };
        servers.instances.replace(vec![known]);
        let sight = now(term.look_out(work, None, &operation, std::time::Duration::from_mins(5), 0)).unwrap();
        assert!(sight.unmatched.is_empty() && sight.joined.contains(&"i-c".into()), "found by its address");
    });
}

#[test]
fn j15_a_refusal_that_is_final_ends_it_at_once() {
    let servers = servers();
    let resource = Resource::Group(web());
    put_operation(&servers, &resource, group_scale(GroupPhase::Scaling));
    servers.scale_fails.replace(Some((ErrorKind::Refused, "9 > 3".into())));
    let heard = Heard::default();
    with_heard_term(&servers, &heard, |term| {
        see(term);
        advance(term, &resource);
    });
    let after = state(&servers, &resource);
    assert_eq!((after.operation, after.failure_count), (None, 0));
    assert!(after.last_scaling_event.is_some(), "and is not asked for again at once");
    assert!(heard.words().iter().any(|word| word.contains("refused for good: 9 > 3")), "{:?}", heard.words());
}

#[test]
fn j25_a_group_is_not_blamed_for_want_of_room() {
    let end = |blocked: Vec<BlockedWork>| {
        let servers = servers();
        let resource = Resource::Group(web());
        let following = GroupPhase::Following { evaluation: None, modify_index: 7 };
        put_operation(&servers, &resource, group_scale(following));
        servers.deployment.replace(Some(crate::domain::Deployment {
            job_modify_index: 7,
            ..deployment("d", 5, DeploymentStatus::Failed)
        }));
        servers.blocked.replace(blocked);
        with_heard_term(&servers, &Heard::default(), |term| {
            see(term);
            advance(term, &resource);
        });
        let after = state(&servers, &resource);
        assert_eq!(after.operation, None);
        (after.failure_count, after.failsafe_mode)
    };
    let waiting = |group: GroupKey| BlockedWork { group, count: 1, lacks: "memory".into() };
    assert_eq!(end(vec![]), (1, true));
    assert_eq!(end(vec![waiting(web())]), (0, false));
    assert_eq!(end(vec![waiting(group_key("other", "g"))]), (1, true), "somebody else's want of room is no excuse");
}

#[test]
fn s9_an_alert_is_told_once_and_noted() {
    let servers = servers();
    put_operation(&servers, &pool(), scale_in(ScaleInPhase::Emptying));
    for (_, value) in servers.keys.borrow_mut().values_mut() {
        let mut state = ResourceState::from_json(value).unwrap();
        state.failsafe_mode = true;
        let alert = serde_json::json!({"stage": "pending", "uid": "U", "resource": pool()});
        state.alert = serde_json::from_value(alert).unwrap();
        *value = state.to_json();
    }
    let heard = Heard::default();
    with_heard_term(&servers, &heard, |term| {
        see(term);
        for _ in 0..2 {
            now(term.evaluate_pool(&"workers".into(), &pool()));
        }
    });
    let alerts = heard.0.borrow().iter().filter(|event| matches!(event, Event::Alert(_))).count();
    assert_eq!(alerts, 1);
}

#[test]
fn s12_p4_a_first_state_has_the_order_of_the_policies() {
    let servers = servers();
    occupy(&servers, "a", vec![sized("x", "a", 600)]);
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        now(term.evaluate_pool(&"workers".into(), &pool()));
    });
    let first = state(&servers, &pool());
    assert_eq!((first.policies.len(), first.claim), (1, Some("s".into())));
}

#[test]
fn s16_where_there_is_nothing_to_scale_that_is_told() {
    let told = |servers: &Servers| {
        let heard = Heard::default();
        with_heard_term(servers, &heard, |term| {
            see(term);
            for second in [100, 115, 131] {
                servers.clock.monotonic.set(second);
                term.tell_nothing_to_scale();
            }
        });
        heard.words().into_iter().filter(|words| words.contains("nothing to scale")).collect::<Vec<_>>()
    };
    let nothing = told(&Servers::default());
    assert_eq!(nothing.len(), 1, "{nothing:?}");
    assert!(nothing[0].contains("of 0 service jobs") && nothing[0].contains("nomad_namespace"), "{nothing:?}");
    let with_pool = servers();
    with_pool.jobs.borrow_mut().clear();
    assert_eq!(told(&with_pool), [""; 0], "a pool is something");
    let with_group = servers();
    with_group.nodes.borrow_mut().clear();
    assert_eq!(told(&with_group), [""; 0], "a group is something");
}

#[test]
fn s16_what_is_misconfigured_is_not_forgotten() {
    let servers = servers();
    let mut meta = pool_meta();
    meta.insert("replicator_enabled".into(), "perhaps".into());
    for node in servers.nodes.borrow_mut().values_mut() {
        *node = Arc::new(Node { meta: Arc::new(meta.clone()), ..Node::clone(node) });
    }
    with_heard_term(&servers, &Heard::default(), |term| {
        see(term);
        assert!(term.views.borrow_mut().pools().is_empty(), "it is not scaled");
        assert!(term.known_resources().contains(&pool()), "somebody will ask why");
    });
}

#[test]
fn l7_who_sees_nothing_gives_leadership_up_once() {
    let servers = servers();
    with_heard_term(&servers, &Heard::default(), |term| {
        let at = |second: u64| {
            servers.clock.monotonic.set(second);
            term.has_gone_blind()
        };
        let hear = |feeds: &[Feed], heard: bool| {
            let trouble = || PortError::new(Service::Nomad, "list", ErrorKind::Unreachable, "refused");
            for feed in feeds {
                term.note(*feed, (!heard).then(trouble));
            }
        };
        assert_eq!((at(100), at(159), at(160)), (false, false, true), "nothing was ever heard");
        // What groups need and pools do not is enough to go on.
        let groups = [Feed::Jobs, Feed::Allocations, Feed::Deployments, Feed::States];
        hear(&groups, true);
        assert!(!at(161));
        hear(&[Feed::Jobs], false);
        assert_eq!((at(200), at(220), at(221)), (false, false, true));
        term.sight.set(Sight::GaveUp);
        assert!(!at(1000), "where it gave up already, it stays");
        hear(&groups, true);
        assert!(!at(1001) && term.sight.get() == Sight::Fine, "it sees again");
        hear(&[Feed::Jobs], false);
        assert!(at(1061), "and would give up again");
        term.config.borrow_mut().job_scaling = Switch::Off;
        term.config.borrow_mut().cluster_scaling = Switch::Off;
        assert!(!at(9000), "who is to evaluate nothing misses nothing");
    });
}
