//! The leader killed while AWS carries out its call; another agent finishes the work.

use super::proxy::Fault;
use super::world::{Pool, World};
use crate::eventually;

/// Kills the leader after its call of `action` took effect and before it heard so.
fn another_finishes(action: &'static str) {
    let world = World::start(Pool::default());
    world.proxy.fail(Some(action), Fault::Held, 1);
    let mut first = world.agent(&[]);
    first.await_word("INFO leads", 1);
    let mut second = world.agent(&[]);
    second.await_word("stands by", 1);
    world.cluster.nomad.set_count("load", 3);
    if action != "UpdateAutoScalingGroup" {
        first.await_word("scaling out succeeded", 1);
        world.await_size(3);
        world.cluster.nomad.set_count("load", 2);
    }
    eventually(action, || (world.proxy.effects(action) == 1).then_some(()));
    let left = world.state().unwrap();
    println!("{action}: killed with this in the state: {}", left["operation"]);
    first.kill();
    second.await_word("INFO leads", 1);
    let (word, size) =
        if action == "UpdateAutoScalingGroup" { ("scaling out succeeded", 3) } else { ("scaling in succeeded", 2) };
    second.await_word(word, 1);
    world.await_size(size);
    world.assert_tidy();
    assert_eq!(world.proxy.effects(action), 1, "once: {:#?}", world.proxy.calls());
    for line in second.log() {
        println!("  {line}");
    }
}

pub(crate) fn killed_while_the_capacity_is_raised() {
    another_finishes("UpdateAutoScalingGroup");
}

pub(crate) fn killed_while_an_instance_is_detached() {
    another_finishes("DetachInstances");
}

pub(crate) fn killed_while_an_instance_is_terminated() {
    another_finishes("TerminateInstances");
}
