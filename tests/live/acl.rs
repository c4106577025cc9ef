//! Consul with ACLs on, and everything denied that no token permits.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::consul::ConsulServer;
use crate::eventually;

/// The policy that the Go daemon's README prints, which means prefixes.
const POLICY: &str = r#"
key_prefix "" { policy = "read" }
key_prefix "replicator/config" { policy = "write" }
node_prefix "" { policy = "read" }
node_prefix "" { policy = "write" }
session_prefix "" { policy = "read" }
session_prefix "" { policy = "write" }
"#;

fn token(consul: &ConsulServer) -> String {
    let policy = json!({"Name": "replicator", "Rules": POLICY}).to_string();
    consul.call("PUT", "/v1/acl/policy", &policy);
    let made = consul.call("PUT", "/v1/acl/token", &json!({"Policies": [{"Name": "replicator"}]}).to_string());
    serde_json::from_str::<Value>(&made).unwrap()["SecretID"].as_str().unwrap().to_owned()
}

pub(crate) fn the_printed_acl_policy_is_enough() {
    let consul = ConsulServer::with_acls(true);
    let token = token(&consul);
    let cluster = Cluster::with(consul);
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let mut agent = cluster.agent(&["-log-level=DEBUG", &format!("-consul-token={token}")]);
    eventually("the group to be scaled", || (cluster.nomad.count("web") == 3).then_some(()));
    agent.await_word("scaling out succeeded", 1);
    let file = cluster.consul.folder().join("token");
    std::fs::write(&file, &token).unwrap();
    let list = cluster.replicator().args(["failsafe", "-list"]).env("CONSUL_HTTP_TOKEN_FILE", &file).output().unwrap();
    assert!(list.status.success() && String::from_utf8_lossy(&list.stdout).contains("jobs/web/front"));
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    assert_eq!(cluster.consul.holder(), None, "the lock was given up");
    assert_eq!(agent.says("denied"), 0, "{:#?}", agent.log());
    assert_eq!(agent.says(&token), 0, "{:#?}", agent.log());
}

pub(crate) fn s4_without_a_token_nothing_is_done_and_it_is_said() {
    let cluster = Cluster::with(ConsulServer::with_acls(true));
    cluster.nomad.register("web", 2, &[], 900.0);
    let mut agent = cluster.agent(&[]);
    agent.await_word("cannot reach the lock: Consul: create session: permission denied", 1);
    let (code, word) = cluster.failsafe(&["-list"]);
    assert_eq!(code, 1, "what is denied does not look like nothing: {word}");
    assert!(word.contains("permission denied"), "{word}");
    let (code, word) = cluster.failsafe(&["-enable", "-force", "-pool=workers"]);
    assert!(code == 1 && word.contains("permission denied"), "{word}");
    assert!(cluster.nomad.scaled().is_empty());
    assert_eq!(agent.says("cannot reach the lock"), 1, "once: {:#?}", agent.log());
}
