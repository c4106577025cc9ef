//! A real Nomad with ACLs on, and the policies of the book.

use std::fs;

use replicator::domain::JobKey;
use replicator::ports::{DrainOrder, ErrorKind, Nomad, PortError, ScaleRequest};
use serde_json::{Value, json};

use crate::consul::ConsulServer;
use crate::nomad::{NomadServer, burner};
use crate::{block_on, eventually};

/// The policy of the book for an agent that scales groups and pools.
fn policy() -> String {
    let path = format!("{}/book/src/permissions.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("Where worker pools are scaled:").unwrap();
    let (_, rest) = rest.split_once("```hcl\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn token(nomad: &NomadServer, name: &str, rules: &str) -> String {
    nomad.call("PUT", &format!("/v1/acl/policy/{name}"), &json!({"Name": name, "Rules": rules}));
    let made = nomad.call("PUT", "/v1/acl/token", &json!({"Type": "client", "Policies": [name]}));
    made["SecretID"].as_str().unwrap().to_owned()
}

fn start_burner(nomad: &NomadServer, consul: &ConsulServer) {
    let switch = consul.folder().join("burn");
    fs::write(&switch, "").unwrap();
    nomad.call("PUT", "/v1/jobs", &burner(switch.to_str().unwrap()));
    eventually("an allocation that runs", || {
        let summary = nomad.call("GET", "/v1/job/team%2Fburner/summary", &Value::Null);
        (summary["Summary"]["g"]["Running"] == 1).then_some(())
    });
    await_deployment(nomad);
}

fn await_deployment(nomad: &NomadServer) {
    eventually("the end of the burner's deployment", || {
        let (job, latest) = (
            nomad.call("GET", "/v1/job/team%2Fburner", &Value::Null),
            nomad.call("GET", "/v1/job/team%2Fburner/deployment", &Value::Null),
        );
        (latest["Status"] == "successful" && latest["JobVersion"] == job["Version"]).then_some(())
    });
}

/// Does what an agent does, and tells what it may not.
fn denied(nomad: &NomadServer, token: &str) -> Vec<&'static str> {
    // While one is under way, nothing is scaled.
    await_deployment(nomad);
    let client = nomad.client(Some(token));
    let key = JobKey::in_default("team/burner");
    let (mut denied, mut others) = (Vec::new(), Vec::new());
    let mut note = |what: &'static str, error: Option<PortError>| match error {
        Some(error) if error.kind == ErrorKind::Denied => denied.push(what),
        Some(error) => others.push(error),
        None => {}
    };
    block_on(async {
        note("list jobs", client.jobs(None).await.err());
        note("list nodes", client.nodes(None).await.err());
        note("list allocations", client.allocations(None).await.err());
        note("list deployments", client.deployments(None).await.err());
        note("list blocked evaluations", client.blocked().await.err());
        let job = client.job(&key).await;
        let modify_index = job.as_ref().map_or(0, |job| job.summary.modify_index);
        note("read job", job.err());
        let running = client.allocations(None).await.map(|list| list.value.iter().map(|it| it.id.clone()).collect());
        let running: Vec<_> = running.unwrap_or_default();
        if let Some(id) = running.first() {
            note("read statistics", client.allocation_stats(id).await.err());
        }
        let group = replicator::domain::GroupKey { job: key, group: "g".into() };
        let request = ScaleRequest { group, count: 1, modify_index, message: "a test".into() };
        note("scale", client.scale(&request).await.err());
        let nodes = client.nodes(None).await.map(|nodes| nodes.value[0].id.clone());
        if let Ok(node) = nodes {
            let order =
                DrainOrder { node: node.clone(), operation: "a".into(), agent: "b".into(), message: "c".into() };
            let drained = client.drain(&order).await.err();
            if drained.is_none() {
                client.cancel_drain(&node).await.unwrap();
            }
            note("drain", drained);
        }
    });
    assert!(others.is_empty(), "{others:?}");
    denied
}

pub(crate) fn the_books_policy_is_enough_and_nothing_less() {
    let (consul, nomad) = (ConsulServer::start(), NomadServer::with_acls());
    start_burner(&nomad, &consul);
    let policy = policy();
    assert_eq!(denied(&nomad, &token(&nomad, "book", &policy)), [""; 0]);
    for (taken, denied_then) in [
        ("\"list-jobs\", ", &["list jobs"][..]),
        (", \"scale-job\"", &["scale"]),
        ("node {\n  policy = \"write\"\n}", &["list nodes"]),
    ] {
        assert!(policy.contains(taken), "{policy}");
        let less = policy.replacen(taken, "", 1);
        let found = denied(&nomad, &token(&nomad, "less", &less));
        assert_eq!(found, denied_then, "without {taken}");
    }
    let reading = policy.replacen("policy = \"write\"", "policy = \"read\"", 1);
    assert_eq!(denied(&nomad, &token(&nomad, "reading", &reading)), ["drain"]);
    of_other_namespaces(&nomad, &policy);
    for wrong in ["nonsense", "00000000-0000-0000-0000-000000000000"] {
        let error = block_on(nomad.client(Some(wrong)).jobs(None)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    }
    nomad.call("DELETE", "/v1/job/team%2Fburner?purge=true", &Value::Null);
}

/// What runs in other namespaces takes room on the nodes of pools, and who may not read it does not see it.
fn of_other_namespaces(nomad: &NomadServer, policy: &str) {
    nomad.call("PUT", "/v1/namespace/other", &json!({"Name": "other"}));
    let mut job = burner("/nowhere");
    job["Job"]["ID"] = json!("elsewhere");
    job["Job"]["Namespace"] = json!("other");
    nomad.call("PUT", "/v1/jobs?namespace=other", &job);
    let namespaces = |rules: &str, name: &str| {
        let client = nomad.client(Some(&token(nomad, name, rules)));
        let listed = block_on(client.allocations(None)).unwrap();
        let mut found: Vec<String> = listed.value.iter().map(|it| it.group.job.namespace.to_string()).collect();
        found.sort();
        found.dedup();
        found
    };
    eventually("an allocation in the other namespace", || {
        (namespaces(policy, "all") == ["default", "other"]).then_some(())
    });
    let own = policy.replacen("namespace \"*\" {\n  capabilities = [\"read-job\"]\n}", "", 1);
    assert_ne!(own, policy);
    assert_eq!(namespaces(&own, "own"), ["default"]);
    nomad.call("DELETE", "/v1/job/elsewhere?purge=true&namespace=other", &Value::Null);
}

/// The agent as a task of Nomad's own, as the book has it: it finds the socket, and reads its identity's file.
pub(crate) fn a_task_needs_no_token_but_its_identity() {
    let (consul, nomad) = (ConsulServer::start(), NomadServer::with_acls());
    let version = nomad.version();
    if version < (1, 7) {
        println!("skipped: identities with a name come with Nomad 1.7, and this one is {version:?}");
        return;
    }
    start_burner(&nomad, &consul);
    let of_job = json!({
        "Name": "replicator", "Rules": policy(), "JobACL": {"Namespace": "default", "JobID": "replicator"},
    });
    nomad.call("PUT", "/v1/acl/policy/replicator", &of_job);
    let task = json!({
        "Name": "agent", "Driver": "raw_exec", "User": "root",
        "Config": {
            "command": env!("CARGO_BIN_EXE_replicator"),
            "args": ["agent", "-job-scaling-interval=2", "-log-level=DEBUG", "-http-port=0"],
        },
        "Env": {
            "CONSUL_HTTP_ADDR": consul.address(), "NOMAD_TOKEN_FILE": "${NOMAD_SECRETS_DIR}/nomad_agent.jwt",
            "NOMAD_ADDR": "unix://${NOMAD_SECRETS_DIR}/api.sock",
        },
        "Identities": [{
            "Name": "agent", "Audience": ["nomadproject.io"], "File": true, "Env": true, "TTL": 3_600_000_000_000_u64,
        }],
        "Resources": {"CPU": 100, "MemoryMB": 128},
    });
    let job = json!({"Job": {
        "ID": "replicator", "Name": "replicator", "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [{"Name": "agent", "Count": 1, "Tasks": [task]}],
    }});
    nomad.call("PUT", "/v1/jobs", &job);
    eventually("the burner to be scaled", || {
        let job = nomad.call("GET", "/v1/job/team%2Fburner", &Value::Null);
        (job["TaskGroups"][0]["Count"] == 2).then_some(())
    });
    let history = nomad.call("GET", "/v1/job/team%2Fburner/scale", &Value::Null);
    let message = history["TaskGroups"]["g"]["Events"][0]["Message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("replicator: CPU of task t"), "{message}");
    for job in ["replicator", "team%2Fburner"] {
        nomad.call("DELETE", &format!("/v1/job/{job}?purge=true"), &Value::Null);
    }
}
