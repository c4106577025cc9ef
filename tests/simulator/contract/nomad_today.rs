//! Nomad 2.0.5: what differs from 1.1, told along its own recordings.

use replicator_sim::serve::{NomadVersion, Options};
use reqwest::Method;
use serde_json::{Value, json};

use super::Contract;
use super::story::{NOBODY, Story};
use crate::served::{Answer, Lines, Served};

/// Recordings of what is not served, by how their names begin, and why.
const UNSERVED: &[(&str, &str)] = &[
    ("acl-agent-self", "the agent tells of itself what tools look at, not all of its configuration"),
    ("acl-bootstrap", "there is one token, given when serving begins"),
    ("acl-policy", "there is one token, given when serving begins"),
    ("acl-register-", "jobs are those of the scenario"),
    ("acl-token", "there is one token, given when serving begins"),
    ("acl-var-denied", "variables are not served"),
    ("acl-workload-identity-", "no task runs that would have an identity"),
    ("agent-self", "the agent tells of itself what tools look at, not all of its configuration"),
    ("job-odd-id", "jobs are those of the scenario"),
    ("job-huge-", "allocations do not fail in the model"),
    ("job-memory-max-", "the model has no oversubscription of memory"),
    ("job-pool", "jobs and nodes are in the default node pool"),
    ("jobs-empty", "a scenario has jobs"),
    ("lock-", "variables are not served"),
    ("metrics", "the model has no figures of its servers"),
    ("operator-scheduler-oversubscri", "the model has no oversubscription of memory"),
    ("register-", "jobs are those of the scenario"),
    ("task-api-", "no task runs that would have a socket"),
    ("too-many-connections", "connections are not limited"),
    ("var-", "variables are not served"),
    ("vars", "variables are not served"),
];
/// Recordings whose names begin so, and that are served all the same.
const SERVED_ALL_THE_SAME: &[&str] = &["acl-token-expired", "job-odd-id-get"];

const SCENARIO: &str = r#"
title = "Jobs as they were recorded of Nomad 2.0.5"
seed = 1
duration = "10m"
tick = "1s"

[agents]
count = 0

[pools.workers-default]
instance = { cpu = 4000, memory = 4096, disk = 100000 }
nodes = 3
boot = "5s"
min = 1
max = 5
[pools.workers-default.meta]
replicator_enabled = true
replicator_region = "eu-west-1"
replicator_notification_uid = "TEST"
replicator_provider = "aws"

[pools.workers-batch]
instance = { cpu = 4000, memory = 4096, disk = 100000, cores = 4 }
nodes = 1
boot = "5s"
min = 1
max = 2
[pools.workers-batch.meta]
replicator_enabled = true
replicator_region = "eu-west-1"
replicator_notification_uid = "TEST"

[jobs.web]
pool = "workers-default"
[jobs.web.update]
min_healthy_time = "1s"
[jobs.web.groups.g]
count = 2
start = "200ms"
kill_timeout = "500ms"
tasks.t = { cpu = 100, memory = 64 }
scaling = { min = 1, max = 3, policy = { cooldown = "1m", check = { cpu = true } } }

[jobs.plain]
pool = "workers-default"
[jobs.plain.groups.g]
count = 1
start = "200ms"
kill_timeout = "500ms"
tasks.t = { cpu = 20, memory = 20 }
[jobs.plain.update]
min_healthy_time = "1s"

[jobs.blocked]
pool = "workers-default"
[jobs.blocked.update]
min_healthy_time = "1s"
[jobs.blocked.groups.g]
count = 6
start = "200ms"
tasks.t = { cpu = 3000, memory = 64 }

[jobs.cores]
pool = "workers-batch"
[jobs.cores.update]
min_healthy_time = "1s"
[jobs.cores.groups.g]
count = 1
start = "200ms"
tasks.t = { cores = 1, memory = 64 }

[jobs.disc]
pool = "workers-default"
[jobs.disc.update]
min_healthy_time = "1s"
[jobs.disc.groups.g]
count = 3
start = "200ms"
kill_timeout = "500ms"
distinct_hosts = true
disconnect = "5m"
tasks.t = { cpu = 20, memory = 20 }

[jobs."team/a%b"]
pool = "workers-default"
[jobs."team/a%b".update]
min_healthy_time = "1s"
[jobs."team/a%b".groups.g]
count = 1
start = "200ms"
tasks.t = { cpu = 20, memory = 20 }
"#;

fn served(more: &str, options: Options) -> Served {
    Served::of_text(&format!("{SCENARIO}{more}"), Options { nomad_version: NomadVersion::V2_0, ..options })
}

#[test]
fn the_served_nomad_of_today_answers_as_the_recorded_one() {
    let mut story = Story { contract: Contract::of("nomad-2.0.5"), served: served("", Options::default()) };
    lists_and_pages(&mut story);
    what_lists_are_asked_for(&mut story);
    node_pools(&mut story);
    what_cannot_be_placed(&mut story);
    refusals(&mut story);
    scaling(&mut story);
    metadata(&mut story);
    draining(&mut story);
    let mut contract = story.contract;
    without_statistics(&mut contract);
    a_client_that_falls_silent(&mut contract);
    a_client_that_is_heard_again(&mut contract);
    with_tokens(&mut contract);
    let begins = |name: &str| UNSERVED.iter().find(|(begin, _)| name.starts_with(begin));
    let names: Vec<String> = contract.names().filter(|name| !SERVED_ALL_THE_SAME.contains(&name.as_str())).collect();
    let unserved: Vec<(&str, &str)> = names.iter().filter_map(|name| Some((name.as_str(), begins(name)?.1))).collect();
    contract.end(&unserved);
}

fn lists_and_pages(story: &mut Story) {
    let node = story.json("/v1/nodes")[0]["ID"].as_str().unwrap().to_owned();
    let web = story.json("/v1/job/web/allocations");
    let allocation = web[0]["ID"].as_str().unwrap().to_owned();
    story.get_as(&["jobs", "jobs-namespace-star"], "/v1/jobs?namespace=*");
    story.get("jobs-stale", "/v1/jobs?stale");
    story.get("jobs-meta", "/v1/jobs?meta=true&namespace=*");
    story.get("jobs-statuses", "/v1/jobs/statuses?namespace=*");
    let named = json!({"Jobs": [{"ID": "web", "Namespace": "default"}]});
    let named = story.post("jobs-statuses-post", "/v1/jobs/statuses", &named).json();
    assert_eq!((named.as_array().unwrap().len(), &named[0]["GroupCountSum"]), (1, &json!(2)));
    let job = story.get_as(&["job", "job-after-refused"], "/v1/job/web");
    let scale = story.get("job-scale", "/v1/job/web/scale").json();
    assert!(
        scale["JobModifyIndex"].as_u64() > job.json()["JobModifyIndex"].as_u64(),
        "this one is no index to scale by"
    );
    assert_eq!(scale["JobModifyIndex"], job.json()["ModifyIndex"]);
    story.get("job-summary", "/v1/job/web/summary");
    story.get("job-evaluations", "/v1/job/web/evaluations");
    story.get("job-deployment", "/v1/job/web/deployment");
    let none = story.get("job-allocations-resources", "/v1/job/web/allocations?resources=true").json();
    assert_eq!(none[0]["AllocatedResources"], Value::Null, "whoever asks");
    let given = story.get("allocations-resources", "/v1/allocations?resources=true&namespace=*").json();
    assert!(given[0]["AllocatedResources"]["Tasks"].is_object());
    story.get("allocation", &format!("/v1/allocation/{allocation}"));
    for recording in ["allocation-stats", "allocation-stats-burning"] {
        story.get(recording, &format!("/v1/client/allocation/{allocation}/stats"));
    }
    assert_eq!(story.get("job-cores", "/v1/job/cores").json()["TaskGroups"][0]["Tasks"][0]["Resources"]["CPU"], 0);
    let cores = story.get("job-cores-allocations-resources", "/v1/job/cores/allocations?resources=true").json();
    let id = cores[0]["ID"].as_str().unwrap();
    let page = story.get("allocation-cores", &format!("/v1/allocation/{id}")).json();
    assert_eq!(page["AllocatedResources"]["Tasks"]["t"]["Cpu"]["ReservedCores"], json!([0]));
    story.get("allocation-cores-stats", &format!("/v1/client/allocation/{id}/stats"));
    story.get_as(&["job-odd-id-get"], "/v1/job/team%2Fa%25b");

    story.get("nodes", "/v1/nodes");
    let page = story.get("node", &format!("/v1/node/{node}")).json();
    assert_eq!(page["Attributes"]["nomad.version"], "2.0.5");
    let listed = story.get("nodes-resources", "/v1/nodes?resources=true").json();
    assert_eq!(listed[0]["NodeResources"], page["NodeResources"]);
    story.get_as(&["node-allocations", "node-before-drain-allocations"], &format!("/v1/node/{node}/allocations"));
    story.get("node-404", &format!("/v1/node/{NOBODY}"));
    story.get("client-stats-node", &format!("/v1/client/stats?node_id={node}"));
    let policies = story.get("scaling-policies", "/v1/scaling/policies?namespace=*").json();
    let policy = story.get("scaling-policy", &format!("/v1/scaling/policy/{}", policies[0]["ID"].as_str().unwrap()));
    assert_eq!(policy.json()["Policy"]["check"], json!({"cpu": true}));
    for (recording, path) in [
        ("agent-health", "agent/health"),
        ("operator-scheduler", "operator/scheduler/configuration"),
        ("regions", "regions"),
        ("status-leader", "status/leader"),
        ("jobs-region-unknown", "jobs?region=nope"),
    ] {
        story.get(recording, &format!("/v1/{path}"));
    }
    let now = story.served.nomad("/v1/jobs").index("nomad");
    story.get("blocking-jobs-timeout", &format!("/v1/jobs?index={now}&wait=100ms"));
}

fn what_lists_are_asked_for(story: &mut Story) {
    let mut names = |recording: &str, filter: &str| -> Vec<String> {
        let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let answer = story.get(recording, &format!("/v1/nodes?filter={query}"));
        let list = if answer.status == 200 { answer.json() } else { json!([]) };
        list.as_array().unwrap().iter().map(|node| node["Name"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["workers-batch-0", "workers-default-1", "workers-default-2", "workers-default-3"];
    let none: [&str; 0] = [];
    for (recording, filter, found) in [
        ("nodes-filter-in", "replicator_worker_pool in Meta", &all[..]),
        ("nodes-filter-in-quoted", r#""replicator_worker_pool" in Meta"#, &all),
        ("nodes-filter-status", r#"Status == "ready" and "replicator_worker_pool" in Meta"#, &all),
        ("nodes-filter-meta", r#"Meta["replicator_worker_pool"] != """#, &all),
        ("nodes-filter-meta-is", r#"Meta["replicator_worker_pool"] == "workers-batch""#, &all[..1]),
        ("nodes-filter-is-empty", r#"Meta["replicator_worker_pool"] is not empty"#, &all),
        ("nodes-filter-absent-in", "nowhere in Meta", &none),
        ("nodes-filter-absent-is-not-empty", r#"Meta["nowhere"] is not empty"#, &none),
        ("nodes-filter-meta-absent", r#"Meta["nowhere"] == "x""#, &none),
        // What is not there differs from everything.
        ("nodes-filter-absent-not-empty-string", r#"Meta["nowhere"] != """#, &all),
        ("nodes-filter-meta-absent-not", r#"Meta["nowhere"] != "x""#, &all),
        ("nodes-filter-malformed", "Meta[ ==", &none),
        ("nodes-filter-unknown-field", r#"Nope == "x""#, &none),
    ] {
        assert_eq!(names(recording, filter), found, "{recording}");
    }
    let first = story.get("nodes-per-page", "/v1/nodes?per_page=2");
    let next = first.headers["x-nomad-nexttoken"].to_str().unwrap().to_owned();
    let second = story.json(&format!("/v1/nodes?per_page=2&next_token={next}"));
    assert_eq!((first.json().as_array().unwrap().len(), second.as_array().unwrap().len()), (2, 2));
    assert_eq!(second[0]["ID"], next.as_str());
    story.get("nodes-prefix", &format!("/v1/nodes?prefix={}", &next[..8]));
    story.get("jobs-per-page", "/v1/jobs?per_page=2");
    let running = story.get("jobs-filter", "/v1/jobs?filter=Status+%3D%3D+%22running%22+and+ID+%3D%3D+web").json();
    assert_eq!(running.as_array().unwrap().len(), 1);
}

fn node_pools(story: &mut Story) {
    story.get("node-pools", "/v1/node/pools");
    story.get("node-pool", "/v1/node/pool/default");
    story.get("node-pool-404", "/v1/node/pool/nope");
    let nodes = story.get("node-pool-nodes", "/v1/node/pool/default/nodes").json();
    assert_eq!(nodes, story.json("/v1/nodes"));
}

fn what_cannot_be_placed(story: &mut Story) {
    let blocked = "filter=Status%20%3D%3D%20%22blocked%22";
    let told = story.get("evaluations-blocked-filter", &format!("/v1/evaluations?{blocked}")).json();
    assert_eq!((told.as_array().unwrap().len(), &told[0]["JobID"]), (1, &json!("blocked")));
    let failed = &told[0]["FailedTGAllocs"]["g"];
    assert_eq!((&failed["NodePool"], &failed["DimensionExhausted"]), (&json!("default"), &json!({"cpu": 3})));
    assert_eq!(story.get("evaluations-count", &format!("/v1/evaluations/count?{blocked}")).json()["Count"], 1);
    story.get("job-blocked-evaluations", "/v1/job/blocked/evaluations");
    story.get("job-blocked-deployment", "/v1/job/blocked/deployment");
    story.get("job-blocked-deployments", "/v1/job/blocked/deployments");
    assert_eq!(story.get("job-blocked-summary", "/v1/job/blocked/summary").json()["Summary"]["g"]["Queued"], 3);
}

fn refusals(story: &mut Story) {
    let target = json!({"Group": "g"});
    let stale = story.json("/v1/job/web")["JobModifyIndex"].as_u64().unwrap() - 1;
    for (recording, job, body) in [
        ("scale-post-negative", "web", json!({"Count": -1, "Target": target})),
        ("scale-post-unknown-group", "web", json!({"Count": 3, "Target": {"Group": "nope"}})),
        ("scale-post-unknown-job", "nope", json!({"Count": 3, "Target": target})),
        ("scale-post-over-max", "web", json!({"Count": 9, "Target": target})),
        ("scale-post-huge", "web", json!({"Count": 60_000, "Target": target})),
        ("scale-post-under-min", "web", json!({"Count": 0, "Target": target})),
        ("scale-post-job-max-count", "plain", json!({"Count": 60_000, "Target": target})),
        ("scale-post-blocked", "blocked", json!({"Count": 5, "Target": target})),
        ("scale-post-stale-index-only", "web", json!({"Count": 3, "Target": target, "JobModifyIndex": stale})),
        (
            "scale-post-stale-index",
            "web",
            json!({"Count": 3, "Target": target, "JobModifyIndex": stale, "EnforceIndex": true}),
        ),
    ] {
        story.scale(recording, job, &body);
    }
    let count = |story: &Story, job: &str| story.json(&format!("/v1/job/{job}"))["TaskGroups"][0]["Count"].clone();
    assert_eq!(
        (count(story, "web"), count(story, "blocked")),
        (json!(2), json!(6)),
        "what was refused changed nothing"
    );
    story.send("scale-post-malformed", Method::POST, "/v1/job/web/scale", "{not json");
    let spec = json!({"DrainSpec": {"Deadline": 0}});
    story.post("drain-404", &format!("/v1/node/{NOBODY}/drain"), &spec);
    story.post("eligibility-404", &format!("/v1/node/{NOBODY}/eligibility"), &json!({"Eligibility": "eligible"}));
}

fn scaling(story: &mut Story) {
    let index = story.json("/v1/job/web")["JobModifyIndex"].clone();
    let count = |count: u32| json!({"Count": count, "Target": {"Group": "g"}, "Message": "cpu", "Meta": {"a": "b"}});
    let mut with_index = count(3);
    with_index["JobModifyIndex"] = index;
    story.scale("scale-post-right-index", "web", &with_index);
    story
        .served
        .eventually("a deployment", |served| served.nomad("/v1/job/web/deployment").json()["Status"] == "running");
    story.get("job-deployment-running", "/v1/job/web/deployment");
    story.scale("scale-post-during-deployment", "web", &count(2));
    assert_eq!(story.json("/v1/job/web")["TaskGroups"][0]["Count"], 3, "what was refused changed nothing");
    story.await_deployment("web");
    story.scale("scale-post-same", "web", &count(3));
    story.await_deployment("web");
    let word = json!({"Message": "only an event, no error", "Target": {"Group": "g"}});
    let word = story.scale("scale-post-message-only", "web", &word).json();
    assert_eq!(word["EvalID"], "");
    story.get("job-scale-events", "/v1/job/web/scale");
    story.scale("scale-post-zero", "plain", &count(0));
    story.await_deployment("plain");
    story.get("job-at-zero", "/v1/job/plain");
    story.get("job-at-zero-deployment", "/v1/job/plain/deployment");
    story.get("job-scale-at-zero", "/v1/job/plain/scale");
}

/// A client has what it was told at once; the servers hear of it later.
fn metadata(story: &mut Story) {
    let node = story.json("/v1/nodes")[1]["ID"].as_str().unwrap().to_owned();
    let (client, page) = (format!("/v1/client/metadata?node_id={node}"), format!("/v1/node/{node}"));
    story.get("client-metadata", &client);
    let change = json!({"Meta": {"replicator_max": "7", "extra": "yes", "replicator_provider": null}});
    let told = story.post("client-metadata-set", &client, &change).json();
    assert_eq!((&told["Meta"]["extra"], &told["Static"]["replicator_provider"]), (&json!("yes"), &json!("aws")));
    assert_eq!(told["Dynamic"], change["Meta"]);
    story.get("nodes-filter-after-metadata", "/v1/nodes?filter=Meta%5B%22extra%22%5D%20%3D%3D%20%22yes%22");
    assert_eq!(story.json(&page)["Meta"].get("extra"), None, "not yet");
    story.served.eventually("the servers to hear", |served| served.nomad(&page).json()["Meta"]["extra"] == "yes");
    let heard = story.get("node-after-metadata", &page).json();
    assert_eq!(heard["Meta"].get("replicator_provider"), None, "one of its own configuration is gone, too");
    story.get("client-metadata-after", &client);
    let back = json!({"Meta": {"replicator_max": null, "extra": null, "replicator_provider": "aws"}});
    story.post("client-metadata-back", &client, &back);
    story.post("client-metadata-restore", &client, &json!({"Meta": {"replicator_provider": "aws"}}));
}

fn draining(story: &mut Story) {
    let node = story.json("/v1/job/web/allocations")[0]["NodeID"].as_str().unwrap().to_owned();
    let page = format!("/v1/node/{node}");
    let (drain, eligibility, held) =
        (format!("{page}/drain"), format!("{page}/eligibility"), format!("{page}/allocations"));
    story.post("eligibility-off", &eligibility, &json!({"Eligibility": "ineligible"}));
    story.post("eligibility-on", &eligibility, &json!({"Eligibility": "eligible"}));
    let spec = json!({
        "DrainSpec": {"Deadline": 3_000_000_000_i64, "IgnoreSystemJobs": true}, "Meta": {"operation": "one"},
    });
    story.post("drain-start", &drain, &spec);
    let draining = story.get("node-draining", &page).json();
    assert_eq!(draining["LastDrain"]["Meta"], json!({"operation": "one"}));
    story.get("nodes-draining", "/v1/nodes");
    story.get("node-draining-allocations", &held);
    story.served.eventually("the drain's end", |served| served.nomad(&page).json()["Drain"] == false);
    let drained = story.get("node-drained", &page).json();
    assert_eq!(
        (&drained["LastDrain"]["Status"], &drained["LastDrain"]["Meta"]["operation"]),
        (&json!("complete"), &json!("one"))
    );
    story.get("nodes-drained", "/v1/nodes");
    story.get("node-drained-allocations", &held);
    let mut stream = Lines::open(&story.served, "?namespace=*&topic=Node&topic=Job&index=1");
    let answer = Answer { status: 200, headers: stream.headers(), body: String::new() };
    stream.next();
    // Whatever the namespace: nodes are in none.
    while stream.event().1 != "NodeDrain" {}
    story.contract.hold("event-stream", &answer);
    let gone = story.served.ask(story.served.addresses.nomad, Method::PUT, &format!("{page}/purge"), "", &[]);
    assert_eq!(gone.status, 200);
    assert_eq!(story.served.nomad(&page).status, 200, "it lives, and is registered again at once");
}

fn without_statistics(contract: &mut Contract) {
    let off = "\n[[event]]\nat = \"0s\"\nno_statistics = \"workers-default\"\n";
    let served = served(off, Options::default());
    let allocation = served.nomad("/v1/job/web/allocations").json()[0]["ID"].as_str().unwrap().to_owned();
    served.eventually("clients that collect nothing", |served| {
        served.nomad(&format!("/v1/client/allocation/{allocation}/stats")).json()["Timestamp"] == 0
    });
    for recording in ["allocation-stats-not-collected", "allocation-stats-not-collected-2"] {
        contract.hold(recording, &served.nomad(&format!("/v1/client/allocation/{allocation}/stats")));
    }
}

fn silent_for(span: &str) -> Served {
    let silence = format!(
        "\n[[event]]\nat = \"1s\"\nfor = \"{span}\"\nsilence_node = {{ pool = \"workers-default\", node = 0 }}\n"
    );
    served(&silence, Options { speed: 10, ..Options::default() })
}

/// A client is cut off, and missed.
fn a_client_that_falls_silent(contract: &mut Contract) {
    let served = silent_for("9m");
    let node = served.nomad("/v1/nodes").json()[1]["ID"].as_str().unwrap().to_owned();
    let page = format!("/v1/node/{node}");
    served.eventually("a node that is missed", |served| served.nomad(&page).json()["Status"] == "disconnected");
    contract.hold("node-disconnected", &served.nomad(&page));
    contract.hold("nodes-disconnected", &served.nomad("/v1/nodes"));
    served.eventually("another in its stead", |served| {
        served.nomad("/v1/job/disc/scale").json()["TaskGroups"]["g"]["Running"] == 2
    });
    contract.hold("job-unknown-scale", &served.nomad("/v1/job/disc/scale"));
    let summary = served.nomad("/v1/job/disc/summary");
    contract.hold("job-unknown-summary", &summary);
    assert_eq!(summary.json()["Summary"]["g"]["Unknown"], 1);
    let listed = served.nomad("/v1/job/disc/allocations");
    contract.hold("job-unknown-allocations", &listed);
    let listed = listed.json();
    let of_node = listed.as_array().unwrap().iter().find(|it| it["NodeID"] == node.as_str()).unwrap();
    assert_eq!((&of_node["ClientStatus"], &of_node["DesiredStatus"]), (&json!("unknown"), &json!("run")));
    // What has no `disconnect` block is lost.
    let web = served.nomad(&format!("{page}/allocations")).json();
    let others = web.as_array().unwrap().iter().filter(|it| it["JobID"] != "disc");
    assert!(others.clone().count() > 0 && others.clone().all(|it| it["ClientStatus"] == "lost"));
    // For so long the servers wait for a client of which they do not know that it is gone.
    let away = served.nomad(&format!("/v1/client/allocation/{}/stats", of_node["ID"].as_str().unwrap()));
    contract.hold("allocation-stats-client-away", &away);
}

/// A client that was cut off is heard again.
fn a_client_that_is_heard_again(contract: &mut Contract) {
    let served = silent_for("1m");
    let first = served.nomad("/v1/job/disc/allocations").json();
    let node = served.nomad("/v1/nodes").json()[1]["ID"].as_str().unwrap().to_owned();
    let mine = first.as_array().unwrap().iter().find(|it| it["NodeID"] == node.as_str()).unwrap()["ID"].clone();
    let page = format!("/v1/node/{node}");
    served.eventually("a node that is missed", |served| served.nomad(&page).json()["Status"] == "disconnected");
    served.eventually("it is heard again", |served| served.nomad(&page).json()["Status"] == "ready");
    contract.hold("node-reconnected", &served.nomad(&page));
    let running = |served: &Served| {
        let listed = served.nomad("/v1/job/disc/allocations").json();
        let running = listed.as_array().unwrap().iter().filter(|it| it["ClientStatus"] == "running");
        running.map(|it| it["ID"].clone()).collect::<Vec<Value>>()
    };
    served.eventually("as many as shall run", |served| running(served).len() == 3);
    assert!(running(&served).contains(&mine), "it runs as it did");
    contract.hold("job-reconnected-allocations", &served.nomad("/v1/job/disc/allocations"));
}

fn with_tokens(contract: &mut Contract) {
    const TOKEN: &str = "d015db1f-84dd-f523-41fa-83b720f65d75";
    let served = served("", Options { nomad_token: Some(TOKEN.into()), ..Options::default() });
    let mut hold = |recording: &str, path: &str, header: Option<(&str, &str)>| {
        let answer = served.ask(served.addresses.nomad, Method::GET, path, "", header.as_slice());
        contract.hold(recording, &answer);
    };
    hold("acl-jobs-anonymous", "/v1/jobs", None);
    hold("acl-nodes-anonymous", "/v1/nodes", None);
    for (recording, token) in [
        ("acl-bad-token", NOBODY),
        ("acl-token-expired", NOBODY),
        ("acl-malformed-token", "nonsense"),
        ("acl-malformed-jwt", "a.b.c"),
    ] {
        hold(recording, "/v1/nodes", Some(("x-nomad-token", token)));
    }
    hold("acl-nodes", "/v1/nodes", Some(("x-nomad-token", TOKEN)));
    hold("acl-nodes-bearer", "/v1/nodes", Some(("authorization", &format!("Bearer {TOKEN}"))));
    hold("acl-namespace-unknown", "/v1/jobs?namespace=other", Some(("x-nomad-token", TOKEN)));
}
