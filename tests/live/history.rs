//! What happened, and what would happen: `replicator events` and `replicator plan`.

use serde_json::Value;

use crate::cluster::{Cluster, said};
use crate::eventually;

fn command(cluster: &Cluster, arguments: &[&str]) -> (i32, String) {
    said(cluster.replicator().args(arguments).output().unwrap())
}

/// The history, entry by entry.
fn events(cluster: &Cluster, which: &[&str]) -> Vec<Value> {
    let (code, text) = command(cluster, &[&["events", "-json", "-last=10000"], which].concat());
    assert_eq!(code, 0, "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn s18_the_history_is_whole_whoever_is_killed() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "9"), ("cooldown", "0")], 900.0);
    let scaled = || cluster.nomad.scaled().len();
    // Each is killed as soon as it has changed a count: in the middle of its operation.
    for times in 1..=4 {
        let mut agent = cluster.agent(&[]);
        eventually("a step", || (scaled() >= times).then_some(()));
        agent.kill();
        eventually("its session to end", || cluster.consul.holder().is_none().then_some(()));
    }
    let mut last = cluster.agent(&[]);
    eventually("the maximum", || (cluster.nomad.count("web") == 9).then_some(()));
    last.await_word("8 -> 9, after", 1);

    let entries = events(&cluster, &["-job=web", "-group=front"]);
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    let steps: Vec<&[&str]> = kinds.split(|kind| *kind == "finished").collect();
    assert_eq!(steps.len(), 8, "seven steps, and nothing after them: {kinds:?}");
    assert!(
        steps[..7].iter().all(|step| step[0] == "began" && step[1..].iter().all(|kind| *kind == "phase")),
        "{kinds:?}"
    );
    let begun = entries.iter().filter(|entry| entry["kind"] == "began");
    for (entry, from) in begun.zip(2..) {
        let words = entry["words"].as_str().unwrap();
        assert!(words.contains(&format!("begins to scale out {from} -> {}: CPU of task", from + 1)), "{words}");
    }
    let leaders = events(&cluster, &[]).iter().filter(|entry| entry["kind"] == "leadership").count();
    assert!((1..=5).contains(&leaders), "whoever led for a second or more is there: {leaders}");

    let (code, word) = command(&cluster, &["hold", "-job=web", "-group=front", "-in", "-for=1h", "-reason=a sale"]);
    assert_eq!(code, 0, "{word}");
    let (code, text) = command(&cluster, &["events", "-job=web", "-group=front", "-last=1", "-since=1h"]);
    assert!(
        code == 0 && text.contains("group web/front: on hold, scaling in, until") && text.contains(": a sale"),
        "{text}"
    );
    let (code, text) = command(&cluster, &["events", "-pool=none"]);
    assert_eq!((code, text.contains("nothing of pool none stands in the history")), (0, true), "{text}");
}

pub(crate) fn plan_tells_what_would_be_done_and_does_nothing() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "9")], 900.0);
    cluster.nomad.register("full", 3, &[("max", "3")], 900.0);
    cluster.nomad.register("odd", 2, &[("min", "many")], 900.0);
    let (code, text) = command(&cluster, &["plan"]);
    assert_eq!(code, 0, "{text}");
    let (would, not) = text.split_once("nothing would be done about:").expect(&text);
    assert!(would.contains("group web/front: out 2 -> 3; CPU of task"), "{text}");
    assert!(
        not.contains("group full/front: out 3 -> 4 held: at the maximum of 3") && not.contains("replicator_min"),
        "{text}"
    );
    assert_eq!(cluster.nomad.scaled(), [], "nothing was done");
    assert_eq!(cluster.consul.keys("replicator/"), [""; 0], "and nothing written");

    // Beside an agent that leads and scales: by its states, and without disturbing it.
    let mut agent = cluster.agent(&[]);
    agent.await_word("group web/front: scaling out succeeded", 1);
    let holder = cluster.consul.holder();
    let (code, text) = command(&cluster, &["plan", "-json"]);
    assert_eq!(code, 0, "{text}");
    let planned: Value = serde_json::from_str(&text).unwrap();
    let web = planned.as_array().unwrap().iter().find(|it| it["job"] == "web").unwrap();
    assert!(web["size"].as_u64() >= Some(3) && web["decision"]["sentence"].is_string(), "{web}");

    assert_eq!((cluster.consul.holder(), agent.says("INFO leads")), (holder, 1));

    let (code, text) = command(&cluster, &["plan", "-nomad=http://127.0.0.1:9"]);
    assert!(code == 1 && text.contains("the plan is not whole: cannot watch"), "{text}");
}
