//! The whole daemon scaling a pool, and what it meets there.

use std::collections::BTreeSet;

use super::moto::GROUP;
use super::proxy::{Call, Fault};
use super::world::{Pool, World, node_of};
use crate::{block_on, eventually};

/// The actions that the book asks IAM for.
fn permitted() -> BTreeSet<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/permissions.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, policy) = text.split_once("```json").unwrap();
    let policy: serde_json::Value = serde_json::from_str(policy.split_once("```").unwrap().0).unwrap();
    let actions = policy["Statement"][0]["Action"].as_array().unwrap();
    actions.iter().map(|action| action.as_str().unwrap().split_once(':').unwrap().1.to_owned()).collect()
}

/// The calls, where several alike in a row are one line.
fn in_short(calls: &[Call]) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for call in calls {
        match lines.last_mut() {
            Some((last, times)) if *last == call.action => *times += 1,
            _ => lines.push((call.action.clone(), 1)),
        }
    }
    lines.into_iter().map(|(action, times)| if times == 1 { action } else { format!("{action} x{times}") }).collect()
}

pub(crate) fn p18_p22_the_daemon_scales_a_pool_out_and_in() {
    let world = World::start(Pool::default());
    let mut agent = world.agent(&[]);
    agent.await_word("INFO leads", 1);
    world.cluster.nomad.set_count("load", 3);
    agent.await_word("pool workers: begins to scale out 2 -> 3", 1);
    agent.await_word("pool workers: scaling out succeeded", 1);
    world.await_size(3);
    world.assert_tidy();
    let out = world.proxy.calls();
    world.cluster.nomad.set_count("load", 2);
    agent.await_word("pool workers: scaling in succeeded", 1);
    world.await_size(2);
    world.assert_tidy();
    let all = world.proxy.calls();

    println!("AWS calls up to the end of one scale-out: {:?}", in_short(&out));
    println!("AWS calls up to the end of one scale-in: {:?}", in_short(&all[out.len()..]));
    for line in agent.log() {
        println!("  {line}");
    }
    let changes: Vec<&str> =
        all.iter().map(|call| call.action.as_str()).filter(|action| !action.starts_with("Describe")).collect();
    assert_eq!(changes, ["UpdateAutoScalingGroup", "DetachInstances", "TerminateInstances"], "each once");
    let asked: BTreeSet<String> = all.iter().map(|call| call.action.clone()).collect();
    let mut permitted = permitted();
    // What nobody need permit: a refusal changes nothing but that a refresh goes by unseen.
    permitted.insert("DescribeInstanceRefreshes".to_owned());
    assert!(asked.is_subset(&permitted), "{asked:?} is more than IAM was asked for: {permitted:?}");
    let update = all.iter().find(|call| call.action == "UpdateAutoScalingGroup").unwrap();
    let expected =
        format!("Action=UpdateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName={GROUP}&DesiredCapacity=3");
    assert_eq!(update.body, expected, "neither zones nor termination policies");
}

pub(crate) fn p18_nodes_that_do_not_know_their_instance_are_found_by_address() {
    let world = World::start(Pool { knows_instance: false, sizes: (1, 5, 3), ..Pool::default() });
    let mut agent = world.agent(&[]);
    agent.await_word("pool workers: scaling in succeeded", 1);
    world.await_size(2);
    world.cluster.nomad.set_count("load", 3);
    agent.await_word("pool workers: scaling out succeeded", 1);
    world.await_size(3);
    world.assert_tidy();
}

pub(crate) fn p21_what_is_protected_is_never_chosen() {
    let world = World::start(Pool { sizes: (1, 5, 3), ..Pool::default() });
    let (_, members) = block_on(world.group.members()).unwrap();
    block_on(world.group.protect(&members, true));
    let mut agent = world.agent(&["-log-level=DEBUG"]);
    agent.await_word("no node may be taken (P21)", 2);
    assert_eq!(world.proxy.effects("DetachInstances"), 0);
    block_on(world.group.protect(&members[1..2], false));
    agent.await_word("pool workers: scaling in succeeded", 1);
    world.await_size(2);
    let (_, left) = block_on(world.group.members()).unwrap();
    assert!(left.contains(&members[0]) && left.contains(&members[2]), "the one that is not protected went: {left:?}");
    world.assert_tidy();
}

pub(crate) fn p28_a_suspended_process_is_named_and_waited_for() {
    let world = World::start(Pool::default());
    block_on(world.group.suspend("Launch"));
    let mut agent = world.agent(&["-log-level=DEBUG"]);
    world.cluster.nomad.set_count("load", 3);
    agent.await_word("the group's process Launch is suspended (P28)", 2);
    assert_eq!(world.proxy.effects("UpdateAutoScalingGroup"), 0);
    block_on(world.group.resume("Launch"));
    agent.await_word("pool workers: scaling out succeeded", 1);
    world.await_size(3);
}

pub(crate) fn a_group_that_is_not_there_is_named() {
    let world = World::start(Pool { policy: vec![("worker_pool", "nobody")], ..Pool::default() });
    world.cluster.nomad.set_count("load", 3);
    let mut agent = world.agent(&["-log-level=DEBUG"]);
    agent.await_word("pool nobody: cloud: describe Auto Scaling group nobody (aws us-east-1): not found", 3);
    let calls = world.proxy.calls();
    assert!(calls.iter().all(|call| call.action == "DescribeAutoScalingGroups"), "{calls:#?}");
}

pub(crate) fn p28_a_capacity_that_somebody_moves_is_not_fought() {
    let world = World::start(Pool { policy: vec![("cooldown", "3600")], ..Pool::default() });
    world.proxy.fail(Some("UpdateAutoScalingGroup"), Fault::ServerError, 1000);
    let mut agent = world.agent(&[]);
    world.cluster.nomad.set_count("load", 3);
    agent.await_word("begins to scale out 2 -> 3", 1);
    block_on(world.group.set_desired(5));
    agent.await_word("scaling out abandoned: somebody set 5 where 3 was wanted", 1);
    let before = world.proxy.effects("DescribeAutoScalingGroups");
    eventually("evaluations more", || (world.proxy.effects("DescribeAutoScalingGroups") > before + 3).then_some(()));
    assert_eq!(world.proxy.effects("UpdateAutoScalingGroup"), 0);
    assert_eq!(block_on(world.group.members()).unwrap().0, 5);
    assert_eq!(world.state().unwrap()["failure_count"], 0, "nobody's failure");
}

pub(crate) fn p23_p25_a_drain_that_is_called_off_terminates_nothing() {
    let world = World::start(Pool { sizes: (1, 5, 3), ..Pool::default() });
    let (_, members) = block_on(world.group.members()).unwrap();
    world.cluster.nomad.set_count("load", 2);
    for member in &members {
        world.cluster.nomad.cling(&node_of(member));
    }
    let mut agent = world.agent(&[]);
    agent.await_word("begins to scale in 3 -> 2", 1);
    eventually("a drain", || (world.cluster.nomad.eligible().len() == 2).then_some(()));
    world.cluster.nomad.set_count("load", 6);
    agent.await_word("the drain was called off: the pool needs the node again", 1);
    world.await_size(3);
    assert_eq!(world.proxy.effects("DetachInstances") + world.proxy.effects("TerminateInstances"), 0);
    assert_eq!(world.state().unwrap()["failure_count"], 0, "nobody's failure");
}

pub(crate) fn p24_an_unknown_provider_is_named_and_the_pool_left_alone() {
    let world = World::start(Pool { policy: vec![("provider", "gce")], ..Pool::default() });
    let mut agent = world.agent(&[]);
    agent.await_word("pool workers: replicator_provider = \"gce\" is not known", 1);
    assert_eq!(world.proxy.calls(), []);
}
