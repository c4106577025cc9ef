//! `replicator failsafe`, and what agents make of it.

use std::io::Write;
use std::process::Stdio;

use crate::cluster::{Cluster, said};
use crate::eventually;

const WEB: &str = "-state-path=replicator/config/state/jobs/web/front";

pub(crate) fn s7_failsafe_is_seen_by_all_agents() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 500.0);
    let mut first = cluster.agent(&["-log-level=DEBUG"]);
    first.await_word("INFO leads", 1);
    let mut second = cluster.agent(&["-log-level=DEBUG"]);
    second.await_word("stands by", 1);
    eventually("a state", || cluster.consul.state("jobs/web/front"));
    let (code, word) = cluster.failsafe(&["-enable", "-force", WEB]);
    assert_eq!(
        (code, word.as_str()),
        (
            0,
            "Successfully enabled failsafe mode for job_group front at location replicator/config/state/jobs/web/front\n"
        )
    );
    cluster.nomad.load("web", 95.0);
    first.await_word("held: in failsafe", 3);
    first.signal("TERM");
    first.ended();
    second.await_word("INFO leads", 1);
    second.await_word("held: in failsafe", 3);
    assert!(cluster.nomad.scaled().is_empty());
    assert_eq!(cluster.failsafe(&["-disable", "-force", "-job=web", "-group=front"]).0, 0);
    eventually("scaling to go on", || (cluster.nomad.count("web") == 3).then_some(()));
}

pub(crate) fn s3_failsafe_against_a_running_evaluation() {
    let cluster = Cluster::start();
    // Up and down without end: the leader writes the state all the time.
    cluster.nomad.register("web", 2, &[("max", "3"), ("cooldown", "0")], 900.0);
    let mut agent = cluster.agent(&["-log-level=DEBUG"]);
    eventually("the first step", || (!cluster.nomad.scaled().is_empty()).then_some(()));
    for round in 0..6 {
        let (code, word) = cluster.failsafe(&["-enable", "-force", WEB]);
        assert_eq!(code, 0, "{word}");
        let held = agent.says("held: in failsafe");
        cluster.nomad.load("web", if round % 2 == 0 { 10.0 } else { 95.0 });
        // By now the leader knows, whatever it was doing when the word came. An operation that was under way stands still.
        eventually("the leader to hold still", || {
            let operates = cluster.consul.state("jobs/web/front").unwrap().get("operation").is_some();
            (operates || agent.says("held: in failsafe") > held + 1).then_some(())
        });
        let frozen = cluster.nomad.scaled();
        if cluster.consul.state("jobs/web/front").unwrap().get("operation").is_none() {
            let held = agent.says("held: in failsafe");
            agent.await_word("held: in failsafe", held + 2);
            assert_eq!(cluster.nomad.scaled(), frozen, "nothing is scaled in failsafe");
        }
        let state = cluster.consul.state("jobs/web/front").unwrap();
        assert_eq!(
            (&state["failsafe_mode"], &state["failsafe_admin"]),
            (&true.into(), &true.into()),
            "round {round}: {state}"
        );
        assert_ne!(state["last_scaling_event"], "0001-01-01T00:00:00Z", "the leader's word is there as well: {state}");
        assert_eq!(cluster.failsafe(&["-disable", "-force", WEB]).0, 0);
        eventually("scaling to go on", || (cluster.nomad.scaled().len() > frozen.len()).then_some(()));
    }
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
}

pub(crate) fn c11_failsafe_asks_and_lists() {
    let cluster = Cluster::start();
    let (code, word) = cluster.failsafe(&["-list"]);
    assert_eq!(code, 0);
    assert!(word.starts_with("There is no state below replicator/config/state/"), "{word}");
    let (code, word) = cluster.failsafe(&["-enable", "-force", WEB]);
    assert_eq!(
        (code, word.as_str()),
        (
            1,
            "error: No state object was found at the specified path replicator/config/state/jobs/web/front, no action will be taken\n"
        )
    );
    assert!(cluster.consul.state("jobs/web/front").is_none(), "nothing was written");

    cluster
        .consul
        .put("replicator/config/state/jobs/web/front", r#"{"resource_name":"front","resource_type":"job_group"}"#);
    cluster.consul.put(
        "replicator/config/state/nodes/workers",
        r#"{"resource_name":"workers","resource_type":"worker_pool","failsafe_mode":true,"failure_count":3}"#,
    );
    let typed = |answer: &str| {
        let mut command = cluster.replicator();
        let mut child = command
            .args(["failsafe", "-enable", WEB])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        said(child.wait_with_output().unwrap())
    };
    let question = "Are you sure you want to enable failsafe mode for job_group front at location \"replicator/config/state/jobs/web/front\"?\nNo scaling operations will be permitted from any running copies of Replicator.\nConfirm [y/N]: ";
    for (answer, expected, word) in [
        ("n\n", 0, "Cancelling, will not enable failsafe mode.\n"),
        ("\n", 0, "Cancelling, will not enable failsafe mode.\n"),
        ("yes\n", 0, "For confirmation, an exact 'y' is required.\n"),
        ("x\n", 1, "No confirmation detected. For confirmation, an exact 'y' is required.\n"),
    ] {
        assert_eq!(typed(answer), (expected, format!("{question}{word}")), "{answer:?}");
    }
    let (code, word) = typed("");
    assert_eq!(code, 1);
    assert!(word.contains("there was no answer"), "{word}");
    assert_ne!(cluster.consul.state("jobs/web/front").unwrap()["failsafe_mode"], true);
    let (code, word) = typed("y\n");
    assert!(code == 0 && word.ends_with("Successfully enabled failsafe mode for job_group front at location replicator/config/state/jobs/web/front\n"), "{word}");
    let (_, list) = cluster.failsafe(&["-list"]);
    assert!(list.contains("yes, by an operator") && !list.contains("new disks"), "{list}");
    assert_eq!(cluster.failsafe(&["-disable", "-force", WEB]).0, 0);
    assert_eq!(cluster.failsafe(&["-enable", "-force", WEB, "-reason= new disks "]).0, 0);
    let state = cluster.consul.state("jobs/web/front").unwrap();
    assert_eq!(state["failsafe_reason"], "new disks");
    let (_, list) = cluster.failsafe(&["-list"]);
    let by = state["failsafe_by"].as_str().unwrap();
    assert!(list.contains(&format!("new disks ({by})")), "{list}");
    assert_eq!(cluster.failsafe(&["-enable", "-force", WEB, "-reason="]).0, 2, "a reason has words");
    assert_eq!(cluster.failsafe(&["-disable", "-force", WEB, "-reason=done"]).0, 2, "lifting needs none");
    let (code, word) = cluster.failsafe(&["-enable", WEB]);
    assert_eq!(
        (code, word.as_str()),
        (0, "Failsafe mode is already in desired state \"enabled\", no action required.\n")
    );

    cluster.consul.put("replicator/config/nodes/workers", r#"{"replicator_enabled":"true"}"#);
    let (code, word) = cluster.failsafe(&["-enable", "-force", "-state-path=replicator/config/nodes/workers"]);
    assert!(code == 1 && word.contains("is no state; nothing was written: it has no resource_name"), "{word}");

    let (_, list) = cluster.failsafe(&["-list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[1].starts_with("jobs/web/front") && lines[1].contains("yes, by an operator"), "{list}");
    assert!(
        lines[2].starts_with("nodes/workers") && lines[2].contains("yes, by itself") && lines[2].contains('3'),
        "{list}"
    );
    assert_eq!(cluster.failsafe(&["-disable", "-force", "-job=web", "-group=front"]).0, 0);
    let state = cluster.consul.state("jobs/web/front").unwrap();
    assert_eq!((state.get("failsafe_reason"), state.get("failsafe_by")), (None, None));
    assert_eq!(cluster.failsafe(&["-disable", "-force", "-pool=workers"]).0, 0);
    assert_eq!(cluster.consul.state("nodes/workers").unwrap()["failure_count"], 0);
}

pub(crate) fn s17_what_is_on_hold_is_not_scaled_that_way() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "4")], 500.0);
    let hold = |verb: &str, arguments: &[&str]| {
        let mut command = cluster.replicator();
        said(command.arg(verb).args(arguments).output().unwrap())
    };
    // Everything can be held before there is any agent.
    assert_eq!(hold("hold", &["-everything"]).0, 0);
    let mut agent = cluster.agent(&["-log-level=DEBUG"]);
    agent.await_word("INFO leads", 1);
    cluster.nomad.load("web", 95.0);
    agent.await_word("held: on hold until it is released (S17)", 2);
    let web = ["-job=web", "-group=front"];
    let (code, words) = hold("hold", &[&web[..], &["-in", "-for=2h", "-reason=a sale"]].concat());
    assert!(code == 0 && words.starts_with("job_group front is on hold, scaling in, until 20"), "{words}");
    assert!(cluster.nomad.scaled().is_empty(), "nothing yet");
    assert_eq!(hold("release", &["-everything"]), (0, "everything is released\n".to_owned()));
    eventually("scaling out", || (cluster.nomad.count("web") == 4).then_some(()));
    cluster.nomad.load("web", 10.0);
    agent.await_word("group web/front: in 4 -> 3 held: on hold until 20", 3);
    assert_eq!(cluster.nomad.count("web"), 4);
    let state = cluster.consul.state("jobs/web/front").unwrap();
    assert_eq!((&state["hold"]["in"], &state["hold"]["reason"]), (&true.into(), &"a sale".into()));
    assert_eq!(hold("hold", &[&web[..], &["-for=1s", "-in"]].concat()).0, 0);
    eventually("the hold to be over by itself", || (cluster.nomad.count("web") < 4).then_some(()));
    assert_eq!(hold("release", &web), (0, "job_group front is not on hold: nothing to release\n".to_owned()));
    let (code, words) = hold("hold", &["-pool=none"]);
    assert!(code == 1 && words.contains("No state object was found"), "{words}");
    let (code, words) = hold("hold", &["-everything", "-for=soon"]);
    assert!(code == 2 && words.contains("write it like 30m, 2h or 1d"), "{words}");
}
