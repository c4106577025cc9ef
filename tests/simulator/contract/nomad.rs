//! Nomad 1.1.2: a story of one cluster, told along the recordings.

use reqwest::Method;
use serde_json::{Value, json};

use super::Contract;
use super::story::{NOBODY, Story};
use crate::served::{Answer, Served};
use replicator_sim::serve::Options;

/// Recordings of what is not served, and why.
const UNSERVED: &[(&str, &str)] = &[
    ("acl-bootstrap", "there is one token, given when serving begins"),
    ("acl-policy-readonly", "there is one token, given when serving begins"),
    ("acl-policy-scaler", "there is one token, given when serving begins"),
    ("acl-token-ro", "there is one token, given when serving begins"),
    ("acl-token-scaler", "there is one token, given when serving begins"),
    ("acl-token-self", "there is one token, given when serving begins"),
    ("acl-agent-self-scaler", "there is one token, and it may do all"),
    ("acl-drain-ro", "there is one token, and it may do all"),
    ("acl-jobs-other-namespace", "there is one token, and it may do all"),
    ("acl-register-ro", "there is one token, and it may do all"),
    ("acl-register-scaler", "there is one token, and it may do all"),
    ("acl-scale-ro", "there is one token, and it may do all"),
    ("agent-self", "the agent tells of itself what tools look at, not all of its configuration"),
    ("noleader-agent-self", "the agent tells of itself what tools look at, not all of its configuration"),
    ("allocation-failed", "allocations do not fail in the model"),
    ("allocation-stats-failed", "allocations do not fail in the model"),
    ("job-failing", "allocations do not fail in the model"),
    ("job-failing-allocations", "allocations do not fail in the model"),
    ("job-failing-deployment", "allocations do not fail in the model"),
    ("scale-get-failing", "allocations do not fail in the model"),
    ("job-plan", "plans are not modelled"),
    ("job-purged", "jobs stay"),
    ("job-purged-allocations", "jobs stay"),
    ("job-stop", "jobs stay"),
    ("job-stop-404", "jobs stay"),
    ("job-stop-purge", "jobs stay"),
    ("job-stopped", "jobs stay"),
    ("jobs-with-stopped", "jobs stay"),
    ("job-register-batch", "jobs are those of the scenario"),
    ("job-register-failing", "jobs are those of the scenario"),
    ("job-register-huge", "jobs are those of the scenario"),
    ("job-register-idle", "jobs are those of the scenario"),
    ("job-register-mock", "jobs are those of the scenario"),
    ("job-register-noupdate", "jobs are those of the scenario"),
    ("job-register-noupdate2", "jobs are those of the scenario"),
    ("job-register-odd-id", "jobs are those of the scenario"),
    ("job-register-odd-id2", "jobs are those of the scenario"),
    ("job-register-scaling", "jobs are those of the scenario"),
    ("job-register-sys", "jobs are those of the scenario"),
    ("job-versions", "earlier versions of jobs are not kept"),
    ("job-versions-404", "earlier versions of jobs are not kept"),
    ("jobs-empty", "a scenario has jobs"),
    ("metrics", "the model has no figures of its servers"),
];

const SCENARIO: &str = r#"
title = "Jobs as they were recorded"
seed = 1
duration = "10m"
tick = "1s"

[agents]
count = 0

[pools.small]
instance = { cpu = 5000, memory = 4000, disk = 10000 }
nodes = 1
min = 1
max = 3
boot = "5s"
[pools.small.meta]
replicator_enabled = true
replicator_region = "us-east-1"
replicator_notification_uid = "SMALL"

[pools.workers]
instance = { cpu = 4498, memory = 24105, disk = 74692 }
nodes = 2
min = 1
max = 5
boot = "5s"
[pools.workers.meta]
replicator_enabled = true
replicator_region = "us-east-1"
replicator_notification_uid = "REP2"

[jobs.web]
pool = "workers"
[jobs.web.update]
min_healthy_time = "1s"
[jobs.web.groups.g]
count = 3
start = "200ms"
kill_timeout = "500ms"
[jobs.web.groups.g.tasks.t0]
cpu = 100
memory = 32
[jobs.web.groups.g.meta]
replicator_enabled = true
replicator_min = 1
replicator_max = 10
replicator_scalein_cpu = 30
replicator_scalein_mem = 30
replicator_scaleout_cpu = 80
replicator_scaleout_mem = 80
replicator_notification_uid = "REP1"

[jobs.bug]
pool = "workers"
[jobs.bug.update]
min_healthy_time = "2s"
[jobs.bug.groups.g]
count = 1
start = "200ms"
kill_timeout = "500ms"
[jobs.bug.groups.g.tasks.t0]
cpu = 100
memory = 32

[jobs.huge]
pool = "small"
[jobs.huge.update]
min_healthy_time = "1s"
[jobs.huge.groups.g]
count = 3
start = "200ms"
kill_timeout = "500ms"
[jobs.huge.groups.g.tasks.t0]
cpu = 4000
memory = 32

[jobs.idle]
pool = "workers"
[jobs.idle.groups.g]
count = 3
start = "200ms"
kill_timeout = "500ms"
[jobs.idle.groups.g.tasks.t0]
cpu = 100
memory = 32

[jobs.nm]
pool = "workers"
[jobs.nm.groups.g]
count = 1
start = "200ms"
kill_timeout = "500ms"
[jobs.nm.groups.g.tasks.t0]
cpu = 100
memory = 32

[jobs.nm2]
pool = "workers"
[jobs.nm2.update]
[jobs.nm2.groups.g]
count = 1
start = "200ms"
kill_timeout = "500ms"
[jobs.nm2.groups.g.tasks.t0]
cpu = 100
memory = 32

[jobs.batchjob]
pool = "workers"
type = "batch"
[jobs.batchjob.groups.g]
count = 2
start = "200ms"
kill_timeout = "500ms"
[jobs.batchjob.groups.g.tasks.t0]
cpu = 100
memory = 32

[jobs.sysjob]
pool = "workers"
type = "system"
[jobs.sysjob.groups.g]
count = 1
start = "200ms"
kill_timeout = "500ms"
[jobs.sysjob.groups.g.tasks.t0]
cpu = 100
memory = 32

[jobs.scaled]
pool = "workers"
[jobs.scaled.groups.g]
count = 3
start = "200ms"
kill_timeout = "500ms"
[jobs.scaled.groups.g.tasks.t0]
cpu = 100
memory = 32
[jobs.scaled.groups.g.scaling]
min = 1
max = 5
policy = { cooldown = "50s" }

[jobs."team/app%x"]
pool = "workers"
[jobs."team/app%x".groups."g one"]
count = 1
start = "200ms"
kill_timeout = "500ms"
[jobs."team/app%x".groups."g one".tasks.t0]
cpu = 100
memory = 32
"#;

#[test]
fn the_served_nomad_answers_as_the_recorded_one() {
    let served = Served::of_text(SCENARIO, Options::default());
    let mut story = Story { contract: Contract::of("nomad-1.1.2"), served };
    lists_and_pages(&mut story);
    what_cannot_be_placed(&mut story);
    what_is_not_there(&mut story);
    waiting(&mut story);
    refusals(&mut story);
    scaling(&mut story);
    scaling_while_deploying(&mut story);
    registering(&mut story);
    draining(&mut story);
    let mut contract = story.contract;
    with_tokens(&mut contract);
    without_a_leader(&mut contract);
    contract.end(UNSERVED);
}

fn lists_and_pages(story: &mut Story) {
    let first = |story: &Story, path: &str| story.json(path)[0]["ID"].as_str().unwrap().to_owned();
    let node = first(story, "/v1/nodes");
    let web = story.json("/v1/job/web/allocations");
    let allocation = web[0]["ID"].as_str().unwrap().to_owned();
    let evaluation = web[0]["EvalID"].as_str().unwrap().to_owned();
    let deployment = story.json("/v1/job/web/deployment")["ID"].as_str().unwrap().to_owned();

    let jobs = ["jobs", "jobs-now", "jobs-meta", "jobs-filter", "jobs-per-page", "jobs-stale"];
    let queries = ["", "?x", "?meta=true", "?filter=Type+%3D%3D+service", "?per_page=2", "?stale"];
    for (recording, query) in jobs.into_iter().zip(queries) {
        let answer = story.get(recording, &format!("/v1/jobs{query}"));
        assert_eq!(answer.json().as_array().unwrap().len(), 10, "this version takes no notice of {query}");
    }
    story.get("jobs-prefix", "/v1/jobs?prefix=we");
    assert_eq!(story.get("jobs-prefix-none", "/v1/jobs?prefix=zzz").json(), json!([]));
    story.get("jobs-namespace-star", "/v1/jobs?namespace=*");
    assert_eq!(story.get("jobs-namespace-unknown", "/v1/jobs?namespace=nope").json(), json!([]));
    let zipped =
        story.served.ask(story.served.addresses.nomad, Method::GET, "/v1/jobs", "", &[("accept-encoding", "gzip")]);
    story.contract.hold("gzip-jobs", &zipped);

    story.get_as(&["job", "job-before-update", "job-right-after-register"], "/v1/job/web");
    story.get("job-noupdate", "/v1/job/nm");
    assert!(story.get("job-noupdate-deployment", "/v1/job/nm/deployment").json().is_null());
    // Without an `update` block there is the usual one.
    story.get("job-noupdate2", "/v1/job/nm2");
    story.get("job-noupdate2-deployment", "/v1/job/nm2/deployment");
    let made = story.json("/v1/job/nm/evaluations")[0]["ID"].as_str().unwrap().to_owned();
    let made = story.get("job-noupdate-eval", &format!("/v1/evaluation/{made}")).json();
    assert_eq!(made.get("DeploymentID"), None);
    for (recording, verb) in [
        ("job-summary", "summary"),
        ("job-scale", "scale"),
        ("job-allocations", "allocations"),
        ("job-allocations-all", "allocations?all=true"),
        ("job-allocations-resources", "allocations?resources=true"),
        ("job-deployment", "deployment"),
        ("job-deployments", "deployments"),
        ("job-evaluations", "evaluations"),
    ] {
        story.get(recording, &format!("/v1/job/web/{verb}"));
    }
    story.get("job-mock-allocations", "/v1/job/idle/allocations");
    for (recording, job) in [("job-deployment-batch", "batchjob"), ("job-deployment-sysjob", "sysjob")] {
        assert!(story.get(recording, &format!("/v1/job/{job}/deployment")).json().is_null());
    }
    story.get("job-scale-sys", "/v1/job/sysjob/scale");

    let odd = "/v1/job/team%2Fapp%25x";
    assert_eq!(story.get("job-odd-id2", odd).json()["ID"], "team/app%x");
    assert_eq!(story.get("job-odd-id2-unescaped", "/v1/job/team/app%25x").json()["ID"], "team/app%x");
    story.get("job-odd-id2-allocations", &format!("{odd}/allocations"));

    story.get("allocations", "/v1/allocations");
    story.get("allocations-resources", "/v1/allocations?resources=true");
    let found = story.get("allocations-prefix", &format!("/v1/allocations?prefix={}", &allocation[..8])).json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    story.get("allocation", &format!("/v1/allocation/{allocation}"));
    for recording in ["allocation-stats", "allocation-stats-2"] {
        story.get(recording, &format!("/v1/client/allocation/{allocation}/stats"));
    }
    story.get("allocation-stats-mock", &format!("/v1/client/allocation/{allocation}/stats"));

    story.get("nodes", "/v1/nodes");
    story.get("nodes-now", "/v1/nodes");
    story.get("client-stats", "/v1/client/stats");
    story.get("client-stats-node", &format!("/v1/client/stats?node_id={node}"));
    let page = story.get("node", &format!("/v1/node/{node}")).json();
    let address = story.served.addresses.nomad.to_string();
    assert_eq!(page["HTTPAddr"], address.as_str(), "clients ask nodes themselves, and must find them");
    story.get("node-allocations", &format!("/v1/node/{node}/allocations"));

    story.get("deployments", "/v1/deployments");
    story.get("deployment", &format!("/v1/deployment/{deployment}"));
    story.get("deployment-allocations", &format!("/v1/deployment/allocations/{deployment}"));
    story.get_as(&["evaluation", "evaluation-at-once"], &format!("/v1/evaluation/{evaluation}"));
    let placed = story.get("evaluation-allocations", &format!("/v1/evaluation/{evaluation}/allocations")).json();
    assert_eq!(placed.as_array().unwrap().len(), 3);

    let policies = story.get_as(&["scaling-policies", "scaling-policies-one"], "/v1/scaling/policies").json();
    assert_eq!(policies[0]["Target"], json!({"Namespace": "default", "Job": "scaled", "Group": "g"}));
    let policy = policies[0]["ID"].as_str().unwrap();
    let policy = story.get("scaling-policy", &format!("/v1/scaling/policy/{policy}")).json();
    let scaled = story.get("job-scaled", "/v1/job/scaled").json();
    assert_eq!(
        (&policy["Min"], &policy["Max"], &policy["Policy"]),
        (&json!(1), &json!(5), &json!({"cooldown": "50s"}))
    );
    assert_eq!(scaled["TaskGroups"][0]["Scaling"], policy);
    story.get("scale-get", "/v1/job/scaled/scale");

    for (recording, path) in [
        ("agent-health", "agent/health"),
        ("agent-members", "agent/members"),
        ("operator-scheduler", "operator/scheduler/configuration"),
        ("regions", "regions"),
        ("status-leader", "status/leader"),
        ("status-peers", "status/peers"),
    ] {
        story.get(recording, &format!("/v1/{path}"));
    }
}

fn what_cannot_be_placed(story: &mut Story) {
    let huge = story.get("job-huge-evaluations", "/v1/job/huge/evaluations").json();
    assert_eq!((&huge[0]["Status"], &huge[0]["TriggeredBy"]), (&json!("blocked"), &json!("queued-allocs")));
    assert_eq!((&huge[0]["PreviousEval"], &huge[0]["ID"]), (&huge[1]["ID"], &huge[1]["BlockedEval"]));
    let failed = story.get("evaluation-huge", &format!("/v1/evaluation/{}", huge[1]["ID"].as_str().unwrap())).json();
    assert_eq!(failed["QueuedAllocations"]["g"], 2);
    let failed = &failed["FailedTGAllocs"]["g"];
    assert_eq!((&failed["DimensionExhausted"], &failed["NodesExhausted"]), (&json!({"cpu": 1}), &json!(1)));
    assert_eq!(failed["ConstraintFiltered"], json!({"${meta.replicator_worker_pool} = small": 2}));
    assert_eq!(failed["CoalescedFailures"], 1);
    assert_eq!(story.get("job-huge-summary", "/v1/job/huge/summary").json()["Summary"]["g"]["Queued"], 2);
    assert_eq!(story.get("job-huge-deployment", "/v1/job/huge/deployment").json()["Status"], "running");
    let constraints = &story.get("job-huge", "/v1/job/huge").json()["Constraints"];
    assert_eq!(constraints[0]["RTarget"], "small");
}

fn what_is_not_there(story: &mut Story) {
    for (recording, path) in [
        ("job-404", "job/nosuchjob"),
        ("job-odd-id", "job/team%2Fapp%20x"),
        ("job-summary-404", "job/nosuchjob/summary"),
        ("job-scale-404", "job/nosuchjob/scale"),
        ("job-allocations-404", "job/nosuchjob/allocations"),
        ("job-deployment-404", "job/nosuchjob/deployment"),
        ("job-deployments-404", "job/nosuchjob/deployments"),
        ("job-evaluations-404", "job/nosuchjob/evaluations"),
        ("allocation-404", &format!("allocation/{NOBODY}")),
        ("allocation-stats-404", &format!("client/allocation/{NOBODY}/stats")),
        ("allocation-stats-badid", "client/allocation/abc/stats"),
        ("deployment-404", &format!("deployment/{NOBODY}")),
        ("evaluation-404", &format!("evaluation/{NOBODY}")),
        ("node-unknown", &format!("node/{NOBODY}")),
        ("node-badid", "node/zzz"),
        ("node-short-id", "node/08b03c90"),
        ("client-stats-node-unknown", &format!("client/stats?node_id={NOBODY}")),
        ("path-404", "nope"),
        ("jobs-region-unknown", "jobs?region=nope"),
        ("bad-index", "jobs?index=abc"),
        ("bad-wait", "jobs?index=1&wait=abc"),
    ] {
        story.get(recording, &format!("/v1/{path}"));
    }
    story.send("method-delete-jobs", Method::DELETE, "/v1/jobs", "");
    // What is known and not served says so.
    for path in ["metrics", "client/metadata", "job/web/versions", "acl/token/self", "volumes", "namespaces"] {
        assert_eq!(story.served.nomad(&format!("/v1/{path}")).status, 501, "{path}");
    }
}

fn waiting(story: &mut Story) {
    let index = |answer: &Answer| answer.index("nomad");
    let now = index(&story.served.nomad("/v1/jobs"));
    let same = story.get("blocking-jobs-timeout", &format!("/v1/jobs?index={now}&wait=100ms"));
    assert_eq!(index(&same), now);
    let same = story.get("blocking-jobs-future", "/v1/jobs?index=99999999&wait=100ms");
    assert_eq!(index(&same), now, "an index that nobody has reached yet is waited for, and not told");
    story.get("blocking-jobs-old-index", "/v1/jobs?index=1&wait=1m");
    let own = index(&story.served.nomad("/v1/job/idle"));
    assert!(own < now, "a job has an index of its own");
    story.get("blocking-job-timeout", &format!("/v1/job/idle?index={own}&wait=100ms"));
    let nodes = index(&story.served.nomad("/v1/nodes"));
    story.get("blocking-nodes-timeout", &format!("/v1/nodes?index={nodes}&wait=100ms"));
}

fn refusals(story: &mut Story) {
    let target = json!({"Group": "g"});
    for (recording, job, body) in [
        ("scale-post-negative", "web", json!({"Count": -1, "Target": target})),
        ("scale-post-no-target", "web", json!({"Count": 3})),
        ("scale-post-unknown-group", "web", json!({"Count": 3, "Target": {"Group": "nope"}})),
        ("scale-post-unknown-job", "nosuchjob", json!({"Count": 3, "Target": target})),
        ("scale-post-over-max", "scaled", json!({"Count": 9, "Target": target})),
        ("scale-post-policyoverride", "scaled", json!({"Count": 9, "Target": target, "PolicyOverride": true})),
        ("scale-post-under-min", "scaled", json!({"Count": 0, "Target": target})),
    ] {
        story.scale(recording, job, &body);
    }
    assert_eq!(story.json("/v1/job/scaled")["TaskGroups"][0]["Count"], 3, "what is out of bounds changes nothing");
    story.send("scale-post-malformed", Method::POST, "/v1/job/web/scale", "{\"Count\":");
    let spec = json!({"DrainSpec": {"Deadline": 0}});
    story.post("drain-404", &format!("/v1/node/{NOBODY}/drain"), &spec);
    story.send("drain-malformed", Method::POST, &format!("/v1/node/{NOBODY}/drain"), "{\"Drain");
    story.post("eligibility-404", &format!("/v1/node/{NOBODY}/eligibility"), &json!({"Eligibility": "eligible"}));
    story.post("eligibility-bad", &format!("/v1/node/{NOBODY}/eligibility"), &json!({"Eligibility": "maybe"}));
    story.put("register-empty", "/v1/jobs", &json!({}));
    story.send("register-malformed", Method::PUT, "/v1/jobs", "{\"Job\":");
    let bare = json!({"Job": {"ID": "bad", "Name": "bad", "Datacenters": ["dc1"], "Type": "service"}});
    story.put("register-invalid", "/v1/jobs", &bare);
    let web = json!({"Job": story.json("/v1/job/web")});
    story.put("register-id-mismatch", "/v1/job/other", &web);
}

fn scaling(story: &mut Story) {
    story.scale("job-odd-id2-scale", "team%2Fapp%25x", &json!({"Count": 2, "Target": {"Group": "g one"}}));
    let before = story.served.nomad("/v1/jobs").index("nomad");
    let up = json!({
        "Count": 4, "Target": {"Group": "g"}, "Message": "cpu 300% > 80%", "Meta": {"a": "b"},
    });
    let scaled = story.scale("scale-post-up", "web", &up).json();
    story.get("blocking-jobs-change", &format!("/v1/jobs?index={before}&wait=1m"));
    let evaluation = scaled["EvalID"].as_str().unwrap().to_owned();
    story.await_evaluation(&evaluation);
    assert_eq!(story.get("deployment-running", "/v1/job/web/deployment").json()["Status"], "running");
    let again = json!({"Count": 4, "Target": {"Group": "g"}, "Message": "again"});
    story.scale("scale-post-during-deployment", "web", &again);
    story.await_deployment("web");
    let deployed = story.get("deployment-after-scale", "/v1/job/web/deployment").json();
    assert_eq!((&deployed["Status"], &deployed["TaskGroups"]["g"]["DesiredTotal"]), (&json!("successful"), &json!(4)));
    assert_eq!((&deployed["JobVersion"], &deployed["JobSpecModifyIndex"]), (&json!(1), &scaled["JobModifyIndex"]));
    assert_eq!(story.get("job-after-scale", "/v1/job/web").json()["TaskGroups"][0]["Count"], 4);
    story.get("scale-get-after", "/v1/job/web/scale");

    story.scale("scale-post-same", "web", &json!({"Count": 4, "Target": {"Group": "g"}, "Message": "same"}));
    story.await_deployment("web");
    let error = json!({"Error": true, "Message": "only an event", "Target": {"Group": "g"}});
    story.scale("scale-post-error-event", "web", &error);
    let word = json!({"Message": "only an event, no error", "Target": {"Group": "g"}});
    story.scale("scale-post-message-only", "web", &word);
    let page = story.get("scale-get-events", "/v1/job/web/scale");
    let events = &page.json()["TaskGroups"]["g"]["Events"];
    assert_eq!(page.index("nomad"), events[0]["CreateIndex"].as_u64().unwrap(), "a word is a change of this page");
    let told: Vec<(Value, Value, Value)> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["Message"].clone(), event["Count"].clone(), event["Error"].clone()))
        .collect();
    let expected = [
        (json!("only an event, no error"), Value::Null, json!(false)),
        (json!("only an event"), Value::Null, json!(true)),
        (json!("same"), json!(4), json!(false)),
        (json!("job scaling blocked due to active deployment"), Value::Null, json!(true)),
        (json!("cpu 300% > 80%"), json!(4), json!(false)),
    ];
    assert_eq!(told, expected);
    assert_eq!(events[3]["Meta"], json!({"OriginalMessage": "again", "OriginalCount": 4, "OriginalMeta": null}));
    assert_eq!(events[4]["Meta"], json!({"a": "b"}));

    story.await_deployment("web");
    let down = story.scale("scale-post-down", "web", &json!({"Count": 3, "Target": {"Group": "g"}, "Message": "down"}));
    let evaluation = down.json()["EvalID"].as_str().unwrap().to_owned();
    story.await_evaluation(&evaluation);
    let path = format!("/v1/evaluation/{evaluation}");
    let made = story.get_as(&["evaluation-scale-down", "evaluation-scale-down-later"], &path).json();
    assert_eq!((&made["TriggeredBy"], &made["Status"]), (&json!("job-scaling"), &json!("complete")));
    story.await_deployment("web");
    story.get("deployment-after-scale-down", "/v1/job/web/deployment");
    story.scale("scale-post-system", "sysjob", &json!({"Count": 2, "Target": {"Group": "g"}}));
}

/// The servers refuse, and have the new count all the same.
fn scaling_while_deploying(story: &mut Story) {
    story.served.nomad_post("/v1/job/bug/scale", &json!({"Count": 2, "Target": {"Group": "g"}}));
    story
        .served
        .eventually("a deployment", |served| served.nomad("/v1/job/bug/deployment").json()["Status"] == "running");
    let before = story.get("bug-1-job-before", "/v1/job/bug").json();
    story.scale("bug-2-scale-refused", "bug", &json!({"Count": 7, "Target": {"Group": "g"}}));
    let after = story.get("bug-3-job-after", "/v1/job/bug").json();
    assert_eq!(before["JobModifyIndex"], after["JobModifyIndex"]);
    let count = |job: &Value| job["TaskGroups"][0]["Count"].clone();
    assert_eq!((count(&before), count(&after)), (json!(2), json!(7)));
    story.get("bug-3-scale-after", "/v1/job/bug/scale");
    story.served.eventually("allocations to follow", |served| {
        served.nomad("/v1/job/bug/scale").json()["TaskGroups"]["g"]["Running"] == 7
    });
    assert_eq!(story.json("/v1/job/bug/deployment")["TaskGroups"]["g"]["DesiredTotal"], 2);
}

fn registering(story: &mut Story) {
    story.await_deployment("web");
    let mut job = story.json("/v1/job/web");
    let index = job["JobModifyIndex"].as_u64().unwrap();
    job["TaskGroups"][0]["Count"] = json!(5);
    job["TaskGroups"][0]["Meta"]["replicator_max"] = json!("12");
    let enforced = |index: u64| json!({"Job": job, "EnforceIndex": true, "JobModifyIndex": index});
    story.put("update-enforce-zero", "/v1/job/web", &enforced(0));
    story.put("update-enforce-stale", "/v1/job/web", &enforced(index - 1));
    story.put("update-enforce-good", "/v1/job/web", &enforced(index));
    story.put("update-enforce-good-again", "/v1/job/web", &enforced(index));
    let after = story.get("job-after-update", "/v1/job/web").json();
    assert_eq!((&after["TaskGroups"][0]["Count"], &after["Version"]), (&json!(5), &json!(4)));
    assert_eq!(after["TaskGroups"][0]["Meta"]["replicator_max"], "12");
    story.await_deployment("web");
    let unchanged = story.put("job-register", "/v1/jobs", &json!({"Job": after}));
    assert_eq!(unchanged.json()["JobModifyIndex"], after["JobModifyIndex"], "nothing changed");
    story.await_evaluation(unchanged.json()["EvalID"].as_str().unwrap());
    assert_eq!(story.json("/v1/job/web/deployment")["JobVersion"], 4, "and so nothing is deployed");
    for (pointer, value) in [
        ("/Job/TaskGroups/0/Tasks/0/Resources/CPU", json!(200)),
        ("/Job/TaskGroups/0/Name", json!("other")),
        ("/Job/Type", json!("batch")),
        ("/Job/ID", json!("new")),
        ("/Job/Priority", json!(80)),
        ("/Job/Stop", json!(true)),
        ("/Job/TaskGroups/0/Tasks/0/Env", json!({"A": "b"})),
        ("/Job/TaskGroups/0/Update/Canary", json!(1)),
    ] {
        let mut other = json!({"Job": after});
        *other.pointer_mut(pointer).unwrap() = value;
        let answer = story.served.ask(story.served.addresses.nomad, Method::PUT, "/v1/jobs", other.to_string(), &[]);
        assert_eq!(answer.status, 501, "{pointer}: {}", answer.body);
    }
    for (count, status) in [(json!("7"), 400), (json!(3.7), 400), (json!(-1), 500)] {
        let mut wrong = json!({"Job": after});
        wrong["Job"]["TaskGroups"][0]["Count"] = count;
        let answer = story.served.ask(story.served.addresses.nomad, Method::PUT, "/v1/jobs", wrong.to_string(), &[]);
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let mut outside = json!({"Job": story.json("/v1/job/scaled")});
    outside["Job"]["TaskGroups"][0]["Count"] = json!(6);
    let answer = story.served.ask(story.served.addresses.nomad, Method::PUT, "/v1/jobs", outside.to_string(), &[]);
    assert!(answer.status == 500 && answer.body.contains("must not be greater than maximum count"), "{}", answer.body);
}

fn draining(story: &mut Story) {
    let node = story.json("/v1/job/web/allocations")[0]["NodeID"].as_str().unwrap().to_owned();
    let page = format!("/v1/node/{node}");
    let (drain, eligibility, held) =
        (format!("{page}/drain"), format!("{page}/eligibility"), format!("{page}/allocations"));
    story.post("eligibility-off", &eligibility, &json!({"Eligibility": "ineligible"}));
    assert_eq!(story.get("node-ineligible", &page).json()["SchedulingEligibility"], "ineligible");
    let on = story.post("eligibility-on", &eligibility, &json!({"Eligibility": "eligible"})).json();
    assert_ne!(on["EvalIDs"], Value::Null, "system jobs look whether there is room");

    let spec = json!({"DrainSpec": {"Deadline": 8_000_000_000_i64, "IgnoreSystemJobs": false}});
    story.post("drain-start", &drain, &spec);
    let draining = story.get_as(&["node-draining", "node-draining-3s"], &page).json();
    assert_eq!(draining["DrainStrategy"]["Deadline"], 8_000_000_000_i64);
    assert_eq!((&draining["Drain"], &draining["LastDrain"]["Status"]), (&json!(true), &json!("draining")));
    story.get("nodes-draining", "/v1/nodes");
    story.get("node-allocations-draining", &held);
    story.get("job-draining", "/v1/job/web");
    let done = |served: &Served| {
        let evaluations = served.nomad("/v1/job/web/evaluations").json();
        evaluations.as_array().unwrap().iter().all(|it| it["Status"] == "complete")
    };
    story.served.eventually("a moment without evaluations under way", done);
    story.get("job-evaluations-draining", "/v1/job/web/evaluations");
    let refused = story.served.nomad_post(&eligibility, &json!({"Eligibility": "eligible"}));
    assert!(refused.status == 500 && refused.body.ends_with("while it is draining"), "{}", refused.body);
    story.served.eventually("the drain's end", |served| served.nomad(&page).json()["Drain"] == false);
    let drained = story.get("node-drained", &page).json();
    assert_eq!((&drained["SchedulingEligibility"], &drained["Status"]), (&json!("ineligible"), &json!("ready")));
    assert_eq!(drained["LastDrain"]["Status"], "complete");
    // The batch allocation does not migrate, so the deadline came first.
    let last = drained["Events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["Message"], &last["Details"]),
        (&json!("Node drain complete"), &json!({"deadline_reached": "true"}))
    );
    story.get("nodes-drained", "/v1/nodes");
    let ended = story.get("node-allocations-drained", &held).json();
    assert!(ended.as_array().unwrap().iter().all(|it| it["ClientStatus"] == "complete"));
    story.get("job-drained", "/v1/job/web");
    story.get("job-drained-summary", "/v1/job/web/summary");
    let moved = story.get("job-after-drain-allocations", "/v1/job/web/allocations").json();
    let migrated = moved.as_array().unwrap().iter().filter(|it| it["DesiredDescription"] == "alloc is being migrated");
    assert!(migrated.clone().count() > 0 && migrated.clone().all(|it| it["DesiredTransition"]["Migrate"] == true));

    let back = json!({"DrainSpec": null, "MarkEligible": true});
    story.post("drain-cancel-eligible", &drain, &back);
    assert_eq!(story.get("node-after-cancel", &page).json()["SchedulingEligibility"], "eligible");
    story.post("drain-null-nospec", &drain, &json!({}));
    story.served.eventually("the system job to be back", |served| {
        served.nomad(&held).json().as_array().unwrap().iter().any(|it| it["ClientStatus"] == "running")
    });
    story.post("drain-spec-empty", &drain, &json!({"DrainSpec": {}}));
    story.get("node-drain-spec-empty", &page);
    story.post("drain-force", &drain, &json!({"DrainSpec": {"Deadline": -1, "IgnoreSystemJobs": false}}));
    story.served.eventually("the forced drain's end", |served| served.nomad(&page).json()["Drain"] == false);
    story.get("node-drain-force-after", &page);
    story.post("drain-cancel2", &drain, &back);
    let empty = story.get("node-allocations-empty", &format!("/v1/node/{NOBODY}/allocations"));
    assert_eq!(empty.json(), json!([]));
}

/// What no recording shows, and clients stumbled over.
#[test]
fn clients_find_what_they_wait_for() {
    let served = Served::of_text(SCENARIO, Options::default());
    let made = served.consul_put("/v1/session/create", r#"{"TTL": "15s"}"#);
    assert_eq!(made.status, 200, "though the scenario has no agents: {}", made.body);

    let count = |count: u32| json!({"Count": count, "Target": {"Group": "g"}});
    assert_eq!(served.nomad_post("/v1/job/web/scale", &count(4)).status, 200);
    let at_once = served.nomad_post("/v1/job/web/scale", &count(5));
    assert_eq!(at_once.status, 400, "the deployment is as good as there: {}", at_once.body);

    // A node of its own pool, with one allocation that cannot go elsewhere, so that its drain has no end by itself.
    let nodes = served.nomad("/v1/nodes").json();
    let small =
        nodes.as_array().unwrap().iter().find(|node| node["Name"].as_str().unwrap().starts_with("small")).unwrap();
    let page = format!("/v1/node/{}", small["ID"].as_str().unwrap());
    let drain = |deadline: i64| {
        let spec = json!({"DrainSpec": {"Deadline": deadline}});
        served.nomad_post(&format!("{page}/drain"), &spec).json()["NodeModifyIndex"].as_u64().unwrap()
    };
    drain(3_600_000_000_000);
    let first = served.nomad(&page).json()["DrainStrategy"].clone();
    drain(7_200_000_000_000);
    let second = served.nomad(&page).json()["DrainStrategy"].clone();
    assert_eq!(first["StartedAt"], second["StartedAt"], "it is the same drain");
    assert!(first["ForceDeadline"].as_str() < second["ForceDeadline"].as_str(), "and it has its whole time again");
    drain(-1);
    served.eventually("the forced drain's end", |served| served.nomad(&page).json()["Drain"] == false);
    let of_drain = drain(0);
    let ended = served.nomad(&format!("{page}?index={of_drain}&wait=1m"));
    assert!(ended.index("nomad") > of_drain, "who waits for the end of an empty node's drain hears of it");
    assert_eq!(ended.json()["Drain"], false);
}

fn with_tokens(contract: &mut Contract) {
    const TOKEN: &str = "d015db1f-84dd-f523-41fa-83b720f65d75";
    let served = Served::of_text(SCENARIO, Options { nomad_token: Some(TOKEN.into()), ..Options::default() });
    let mut hold = |recording: &str, method: Method, path: &str, body: &str, token: Option<&str>| {
        let header = token.map(|token| ("x-nomad-token", token));
        let answer = served.ask(served.addresses.nomad, method, path, body, header.as_slice());
        contract.hold(recording, &answer);
        answer
    };
    for (recording, path) in [
        ("acl-agent-health-anonymous", "/v1/agent/health"),
        ("acl-status-leader-anonymous", "/v1/status/leader"),
        ("acl-agent-self-anonymous", "/v1/agent/self"),
        ("acl-jobs-anonymous", "/v1/jobs"),
        ("acl-nodes-anonymous", "/v1/nodes"),
        ("acl-alloc-stats-anonymous", &format!("/v1/client/allocation/{NOBODY}/stats")),
    ] {
        hold(recording, Method::GET, path, "", None);
    }
    hold("acl-bad-token", Method::GET, "/v1/jobs", "", Some(NOBODY));
    hold("acl-malformed-token", Method::GET, "/v1/jobs", "", Some("nonsense"));
    hold("acl-jobs-ro", Method::GET, "/v1/jobs", "", Some(TOKEN));
    let allocations = hold("acl-allocs-ro", Method::GET, "/v1/job/web/allocations", "", Some(TOKEN)).json();
    let id = |name: &str| allocations[0][name].as_str().unwrap().to_owned();
    let statistics = format!("/v1/client/allocation/{}/stats", id("ID"));
    hold("acl-alloc-stats-ro", Method::GET, &statistics, "", Some(TOKEN));
    hold("acl-node-ro", Method::GET, &format!("/v1/node/{}", id("NodeID")), "", Some(TOKEN));
    let count = json!({"Count": 2, "Target": {"Group": "g"}}).to_string();
    hold("acl-scale-scaler", Method::POST, "/v1/job/web/scale", &count, Some(TOKEN));
    let off = json!({"Eligibility": "ineligible"}).to_string();
    hold("acl-eligibility-scaler", Method::POST, &format!("/v1/node/{}/eligibility", id("NodeID")), &off, Some(TOKEN));
}

fn without_a_leader(contract: &mut Contract) {
    let outage = "\n[[event]]\nat = \"0s\"\nfor = \"9m\"\nnomad_outage = true\n";
    let served = Served::of_text(&format!("{SCENARIO}{outage}"), Options::default());
    served.eventually("the outage", |served| served.nomad("/v1/jobs?stale").body == "[]");
    let stale = served.nomad("/v1/jobs?stale");
    contract.hold("noleader-jobs-stale", &stale);
    assert_eq!(stale.headers["x-nomad-knownleader"], "false");
    let asked = [
        ("noleader-agent-health", "/v1/agent/health"),
        ("noleader-job", "/v1/job/x"),
        ("noleader-jobs", "/v1/jobs"),
        ("noleader-nodes", "/v1/nodes"),
        ("noleader-scale", "/v1/job/x/scale"),
        ("noleader-status-leader", "/v1/status/leader"),
    ];
    // The server looks for a leader for five seconds before it says that there is none.
    let answers = served.ask_all(served.addresses.nomad, &asked.map(|(_, path)| (Method::GET, path)));
    for ((recording, _), answer) in asked.into_iter().zip(&answers) {
        contract.hold(recording, answer);
    }
}
