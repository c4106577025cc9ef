//! The API server in trouble: the daemon gets there in the end, and does nothing twice.

use std::time::Duration;

use super::proxy::Fault;
use super::world::{Pool, World};

/// Scales out and in while calls fail, and looks whether each change took effect once.
fn survives(plan: &[(Option<&'static str>, Fault, usize)]) {
    let world = World::start(Pool::default());
    for (action, fault, times) in plan {
        world.proxy.fail(*action, *fault, *times);
    }
    let mut agent = world.agent(&[]);
    agent.await_word("INFO leads", 1);
    world.cluster.nomad.set_count("load", 3);
    agent.await_word("scaling out succeeded", 1);
    world.await_size(3);
    world.cluster.nomad.set_count("load", 2);
    agent.await_word("scaling in succeeded", 1);
    world.await_size(2);
    world.assert_tidy();
    assert!(world.proxy.has_failed_enough(), "all that was planned happened");
    for action in CHANGES {
        assert_eq!(world.proxy.effects(action), 1, "{action}: {:#?}", world.proxy.calls());
    }
    assert_eq!(world.state().unwrap()["failure_count"], 0);
}

const CHANGES: [&str; 3] = ["UpdateAutoScalingGroup", "DetachInstances", "TerminateInstances"];

pub(crate) fn answers_lost_after_the_call_took_effect() {
    survives(&CHANGES.map(|action| (Some(action), Fault::AnswerLost, 1)));
}

pub(crate) fn throttling_and_servers_in_trouble() {
    let changes = CHANGES.map(|action| (Some(action), Fault::ServerError, 2));
    let throttled = CHANGES.map(|action| (Some(action), Fault::Throttled, 1));
    let reads =
        [(Some("DescribeAutoScalingGroups"), Fault::ServerError, 4), (Some("DescribeInstances"), Fault::Throttled, 1)];
    survives(&[&changes[..], &throttled[..], &reads[..]].concat());
}

pub(crate) fn html_in_place_of_xml_and_slow_answers() {
    let changes = CHANGES.map(|action| (Some(action), Fault::Html, 1));
    let slow = CHANGES.map(|action| (Some(action), Fault::Slow(Duration::from_secs(4)), 1));
    let reads = [
        (Some("DescribeAutoScalingGroups"), Fault::Html, 3),
        (Some("DescribeInstances"), Fault::Html, 3),
        (Some("DescribeAutoScalingGroups"), Fault::Slow(Duration::from_secs(4)), 2),
    ];
    survives(&[&changes[..], &slow[..], &reads[..]].concat());
}
