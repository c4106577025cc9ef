//! SIGHUP, and logs.

use std::fs;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::eventually;

pub(crate) fn c7_sighup_changes_what_can_be_changed() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let file = cluster.consul.folder().join("replicator.hcl");
    fs::write(&file, "job_scaling_disable = true\n").unwrap();
    let config = format!("-config={}", file.display());
    let mut agent = cluster.agent(&[&config]);
    agent.await_word("INFO leads", 1);
    let session = cluster.consul.holder().unwrap();
    agent.await_word("task groups never (disabled)", 1);

    fs::write(&file, "job_scaling_disabled = false\n").unwrap();
    agent.signal("HUP");
    agent.await_word("the configuration stays as it was", 1);
    assert_eq!(
        agent.says("replicator.hcl:1: unknown key `job_scaling_disabled`; did you mean `job_scaling_disable`?"),
        1
    );
    assert!(cluster.nomad.scaled().is_empty());

    fs::write(&file, "job_scaling_disable = false\nlog_level = \"DEBUG\"\nconsul_key_root = \"other\"\n").unwrap();
    agent.signal("HUP");
    agent.await_word("configuration read again", 1);
    agent.await_word("consul_key_root changed to other: that takes a restart", 1);
    eventually("scaling to begin", || (cluster.nomad.count("web") == 3).then_some(()));
    agent.await_word("DEBUG", 1);
    assert_eq!(cluster.consul.holder().unwrap(), session, "leadership was never lost");
    assert_eq!((agent.says("INFO leads"), agent.says("lost leadership")), (1, 0));
}

pub(crate) fn c7_after_a_reload_only_the_new_servers_count() {
    let cluster = Cluster::start();
    let other = crate::stand_in::StandIn::start();
    // The same index on both: what the old one said must not pass for what the new one says.
    cluster.nomad.register("before", 2, &[("max", "9")], 500.0);
    other.register("after", 2, &[("max", "3")], 900.0);
    let file = cluster.consul.folder().join("replicator.hcl");
    fs::write(&file, format!("nomad = \"{}\"\n", cluster.nomad.address())).unwrap();
    let mut agent = cluster.agent(&[&format!("-config={}", file.display())]);
    eventually("the first job to be seen", || cluster.consul.state("jobs/before/front"));
    let session = cluster.consul.holder().unwrap();
    fs::write(&file, format!("nomad = \"{}\"\n", other.address())).unwrap();
    agent.signal("HUP");
    agent.await_word("configuration read again", 1);
    cluster.nomad.load("before", 95.0);
    eventually("the other job to be scaled", || (other.count("after") == 3).then_some(()));
    assert!(cluster.nomad.scaled().is_empty(), "nobody looks at the old one any more");
    assert_eq!(cluster.consul.holder().unwrap(), session, "and leadership was never lost");
}

pub(crate) fn c13_quiet_while_nothing_happens() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[], 500.0);
    cluster.nomad.register("dry", 2, &[("enabled", "false")], 900.0);
    cluster.nomad.register("broken", 2, &[("min", "many"), ("max", "few")], 900.0);
    let mut agent = cluster.agent(&[]);
    agent.await_word("would go out 2 -> 3 if enabled", 1);
    cluster.nomad.take_calls();
    eventually("ten evaluations", || {
        let calls = cluster.nomad.calls();
        (calls.get("statistics").copied().unwrap_or(0) >= 4 * 10).then_some(())
    });
    let log = agent.log();
    let about = |word: &str| log.iter().filter(|line| line.contains(word)).count();
    assert_eq!((about("dry/front"), about("broken/front"), about("web/front")), (1, 1, 0), "{log:#?}");
    let named = log.iter().find(|line| line.contains("broken/front")).unwrap();
    assert!(named.contains("replicator_min") && named.contains("replicator_max"), "every wrong key: {named}");
    assert_eq!(log.len(), 6, "three lines to begin with, one to lead, one each for what is dry and broken: {log:#?}");
    println!("calls of about ten evaluations of two groups of two: {:?}", cluster.nomad.take_calls());
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
}

pub(crate) fn c13_json_logs_hold_no_secret() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let secrets = ["-nomad-token=hunter2", "-pagerduty-service-key=hunter2", "-opsgenie-api-key=hunter2"];
    let mut agent = cluster.agent(&[&["-log-json", "-log-level=TRACE"][..], &secrets].concat());
    agent.await_word("scaling out succeeded", 1);
    agent.signal("HUP");
    agent.await_word("configuration read again", 1);
    let lines: Vec<Value> = agent.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let began = lines.iter().find(|line| line["why"].is_string()).unwrap();
    assert_eq!(
        (&began["resource"], &began["direction"], &began["from"], &began["to"]),
        (&"group web/front".into(), &"out".into(), &2.into(), &3.into())
    );
    assert!(began["why"].as_str().unwrap().contains("CPU of task server 90 % > 80 %"), "{began}");
    assert_eq!(agent.says("hunter2"), 0);
}
