//! Consul away and back; state that another program wrote.

use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::eventually;

pub(crate) fn s4_consul_away_for_a_minute() {
    let mut cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[], 500.0);
    cluster.nomad.register("frozen", 2, &[], 500.0);
    let mut agent = cluster.agent(&[]);
    eventually("both to have a state", || {
        cluster.consul.state("jobs/web/front").and_then(|_| cluster.consul.state("jobs/frozen/front"))
    });
    let (code, said) = cluster.failsafe(&["-enable", "-force", "-job=frozen", "-group=front"]);
    assert_eq!(code, 0, "{said}");

    cluster.consul.kill();
    agent.await_word("lost leadership", 1);
    let before = cluster.nomad.scaled();
    cluster.nomad.load("web", 95.0);
    cluster.nomad.load("frozen", 95.0);
    // A minute in which the load asks for more, and nobody may know whether it holds the lock.
    std::thread::sleep(Duration::from_mins(1));
    assert_eq!(cluster.nomad.scaled(), before, "nothing is scaled without Consul");
    assert!(agent.says("cannot reach the lock") >= 1);

    cluster.consul.launch();
    agent.await_word("INFO leads", 2);
    eventually("scaling to go on", || (cluster.nomad.count("web") > 2).then_some(()));
    assert!(cluster.nomad.scaled().iter().all(|scaled| scaled.job == "web"), "and failsafe is remembered");
    assert_eq!(cluster.consul.state("jobs/frozen/front").unwrap()["failsafe_mode"], true);
    assert!(agent.says("cannot reach the lock") < 10, "an outage is not told of every second: {:#?}", agent.log());
}

/// States that the Go daemon wrote, as recorded.
fn go_state(job: &str, failsafe: bool, failures: u32, scaled: &str) -> String {
    json!({
        "eligible_nodes": null, "failsafe_admin": failsafe, "failsafe_mode": failsafe, "failure_count": failures,
        "last_notification_event": "0001-01-01T00:00:00Z", "last_scaling_event": scaled,
        "last_updated": "2026-11-22T07:08:49.018722937Z", "resource_name": "front", "resource_type": "job_group",
        "scalein_requests": 0, "scaleout_requests": 1, "state_path": format!("replicator/config/state/jobs/{job}/front"),
    })
    .to_string()
}

pub(crate) fn s2_state_of_the_go_daemon_is_continued() {
    let cluster = Cluster::start();
    // What it leaves behind: a leader key without a value, and a state for each group.
    cluster.consul.put("replicator/config/leader", "");
    for (job, failsafe, failures) in [("web", false, 2), ("frozen", true, 0)] {
        let state = go_state(job, failsafe, failures, "2026-11-22T07:09:16.519082115Z");
        cluster.consul.put(&format!("replicator/config/state/jobs/{job}/front"), &state);
        cluster.nomad.register(job, 2, &[("max", "3")], 900.0);
    }
    let recently = a_minute_ago();
    cluster.consul.put("replicator/config/state/jobs/cooling/front", &go_state("cooling", false, 0, &recently));
    cluster.nomad.register("cooling", 2, &[("cooldown", "7200")], 900.0);

    let mut agent = cluster.agent(&["-log-level=DEBUG"]);
    eventually("web to be scaled", || (cluster.nomad.count("web") == 3).then_some(()));
    agent.await_word("group cooling/front: out 2 -> 3 held", 3);
    assert!(agent.says("group frozen/front: out 2 -> 3 held: in failsafe") > 0, "{:#?}", agent.log());
    assert!(cluster.nomad.scaled().iter().all(|scaled| scaled.job == "web"));
    let state = eventually("the success to be noted", || {
        cluster.consul.state("jobs/web/front").filter(|state| state.get("operation").is_none())
    });
    assert_eq!(state["failure_count"], 0, "a success forgets the failures");
    assert_eq!((&state["eligible_nodes"], &state["resource_name"]), (&json!(null), &json!("front")));

    let (code, said) =
        cluster.failsafe(&["-disable", "-force", "-state-path=replicator/config/state/jobs/frozen/front"]);
    assert_eq!(code, 0, "{said}");
    eventually("the thawed group to be scaled", || (cluster.nomad.count("frozen") == 3).then_some(()));
}

fn a_minute_ago() -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(1)).to_string()
}
