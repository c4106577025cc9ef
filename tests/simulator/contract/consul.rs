//! Consul 1.8.7: keys, sessions, locks, along the recordings.

use replicator_sim::serve::Options;
use reqwest::Method;
use serde_json::{Value, json};

use super::Contract;
use crate::served::{Answer, Served};

/// Recordings of what is not served, and why.
const UNSERVED: &[(&str, &str)] = &[
    ("agent-self", "the agent tells of itself what tools look at, not all of its configuration"),
    ("acl-agent-self-ok", "the agent tells of itself what tools look at, not all of its configuration"),
    ("acl-kv-get-other-prefix-denied", "there is one token, and it may do all"),
    ("acl-kv-put-other-prefix-denied", "there is one token, and it may do all"),
    ("acl-policy-create", "there is one token, given when serving begins"),
    ("acl-token-create", "there is one token, given when serving begins"),
];

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
const ROOT: &str = "/v1/kv/replicator/config";

struct Story {
    contract: Contract,
    served: Served,
    /// As it is given with every request, if it is.
    token: Option<String>,
}

impl Story {
    fn send(&mut self, recording: &str, method: Method, path: &str, body: &str) -> Answer {
        let header = self.token.as_deref().map(|token| ("x-consul-token", token));
        let answer = self.served.ask(self.served.addresses.consul, method, path, body, header.as_slice());
        self.contract.hold(recording, &answer);
        answer
    }

    fn get(&mut self, recording: &str, path: &str) -> Answer {
        self.send(recording, Method::GET, path, "")
    }

    fn put(&mut self, recording: &str, path: &str, body: &str) -> Answer {
        self.send(recording, Method::PUT, path, body)
    }

    fn delete(&mut self, recording: &str, path: &str) -> Answer {
        self.send(recording, Method::DELETE, path, "")
    }

    /// What came of a write.
    fn puts(&mut self, recording: &str, path: &str, body: &str) -> bool {
        self.put(recording, path, body).json() == json!(true)
    }

    fn modify_index(&self, path: &str) -> u64 {
        self.served.consul(path).json()[0]["ModifyIndex"].as_u64().unwrap()
    }
}

#[test]
fn the_served_consul_answers_as_the_recorded_one() {
    let mut story =
        Story { contract: Contract::of("consul-1.8.7"), served: Served::start(Options::default()), token: None };
    keys(&mut story);
    deleting(&mut story);
    let (first, second) = sessions(&mut story);
    locks(&mut story, &first, &second);
    waiting(&mut story);
    story.get("status-leader", "/v1/status/leader");
    story.get("not-found-path", "/v1/nope");
    story.send("method-not-allowed", Method::POST, &format!("{ROOT}/leader"), "x");
    let mut contract = story.contract;
    with_tokens(&mut contract);
    without_a_leader(&mut contract);
    contract.end(UNSERVED);
}

fn keys(story: &mut Story) {
    let test = &format!("{ROOT}/test");
    story.get("kv-get-404", "/v1/kv/no/such/key");
    assert!(story.puts("kv-put", test, r#"{"a":1}"#));
    assert_eq!(story.get("kv-get", test).json()[0]["Value"], "eyJhIjoxfQ==");
    assert_eq!(story.get("kv-get-raw", &format!("{test}?raw")).body, r#"{"a":1}"#);
    assert!(story.puts("kv-put-empty", &format!("{ROOT}/empty"), ""));
    assert_eq!(story.get("kv-get-empty", &format!("{ROOT}/empty")).json()[0]["Value"], Value::Null);
    assert!(story.puts("kv-put-flags", &format!("{ROOT}/flags?flags=42"), "x"));
    assert_eq!(story.get("kv-get-flags", &format!("{ROOT}/flags")).json()[0]["Flags"], 42);
    assert!(story.puts("kv-put-job-with-slash", &format!("{ROOT}/state/jobs/team%2Fapp/group"), "x"));
    assert!(story.puts("kv-put-space", &format!("{ROOT}/state/jobs/a%20b/g%25"), "x"));
    story.put("kv-put-leading-slash", "/v1/kv//leading", "x");
    story.put("kv-put-toobig", &format!("{ROOT}/big"), &"x".repeat(614_400));

    assert!(!story.puts("kv-cas0-existing", &format!("{test}?cas=0"), "x"));
    assert!(story.puts("kv-cas0-new", &format!("{ROOT}/new?cas=0"), "x"));
    assert!(!story.puts("kv-cas-stale", &format!("{test}?cas=1"), "x"));
    let index = story.modify_index(test);
    assert!(story.puts("kv-cas-good", &format!("{test}?cas={index}"), "x"));

    let all = story.get("kv-recurse", "/v1/kv/replicator/?recurse");
    let highest = all.json().as_array().unwrap().iter().map(|entry| entry["ModifyIndex"].as_u64().unwrap()).max();
    assert_eq!(Some(all.index("consul")), highest, "a prefix has the index of the last change below it");
    story.get("kv-recurse-404", "/v1/kv/nothing-here/?recurse");
    let names = story.get("kv-keys", "/v1/kv/replicator/?keys").json();
    let expected = json!([
        "replicator/config/empty",
        "replicator/config/flags",
        "replicator/config/new",
        "replicator/config/state/jobs/a b/g%",
        "replicator/config/state/jobs/team/app/group",
        "replicator/config/test",
    ]);
    assert_eq!(names, expected);
    let cut = story.get("kv-keys-sep", "/v1/kv/replicator/?keys&separator=/").json();
    assert_eq!(cut, json!(["replicator/config/"]));
    story.get("kv-keys-slash", &format!("{ROOT}/state/jobs?keys"));
    let one = story.get("kv-keys-space", &format!("{ROOT}/state/jobs/a?keys")).json();
    assert_eq!(one, json!(["replicator/config/state/jobs/a b/g%"]));
}

fn deleting(story: &mut Story) {
    let before = story.served.consul("/v1/kv/replicator/?recurse").index("consul");
    let done = |answer: &Answer| answer.json() == json!(true);
    assert!(!done(&story.delete("kv-delete-cas-stale", &format!("{ROOT}/test?cas=1"))));
    assert!(done(&story.delete("kv-delete", &format!("{ROOT}/new"))));
    assert!(done(&story.delete("kv-delete-missing", &format!("{ROOT}/new"))));
    assert!(done(&story.delete("kv-delete-recurse", &format!("{ROOT}/state/?recurse"))));
    let after = story.served.consul("/v1/kv/replicator/?recurse").index("consul");
    assert!(after > before, "what is deleted below a prefix moves its index");
}

fn sessions(story: &mut Story) -> (String, String) {
    let create = "/v1/session/create";
    let id = |answer: &Answer| answer.json()["ID"].as_str().unwrap().to_owned();
    let lock = r#"{"TTL": "12s", "Name": "replicator_leader_lock"}"#;
    let first = id(&story.put("session-create", create, lock));
    let free = r#"{"TTL": "10s", "Name": "nodelay", "LockDelay": "0s", "Checks": []}"#;
    let second = id(&story.put("session-create-lockdelay0", create, free));
    let goes = r#"{"TTL": "12s", "Name": "eph", "Behavior": "delete", "LockDelay": "0s"}"#;
    let third = id(&story.put("session-create-delete", create, goes));
    story.put("session-create-nobody", create, "");
    story.put("session-create-malformed", create, r#"{"TTL":"#);
    story.put("session-create-ttl-bad", create, r#"{"TTL": "abc"}"#);
    story.put("session-create-ttl-too-high", create, r#"{"TTL": "90000s"}"#);
    story.put("session-create-ttl-too-low", create, r#"{"TTL": "5s"}"#);

    let info = story.get("session-info", &format!("/v1/session/info/{first}")).json();
    assert_eq!((&info[0]["TTL"], &info[0]["LockDelay"]), (&json!("12s"), &json!(15_000_000_000_u64)));
    assert_eq!(story.get("session-info-missing", &format!("/v1/session/info/{NOBODY}")).json(), json!([]));
    story.get("session-info-notuuid", "/v1/session/info/nonsense");
    assert_eq!(story.get("session-list", "/v1/session/list").json().as_array().unwrap().len(), 4);
    story.get("session-node", "/v1/session/node/testbed");
    story.put("session-renew", &format!("/v1/session/renew/{first}"), "");
    story.put("session-renew-missing", &format!("/v1/session/renew/{NOBODY}"), "");

    // What it holds goes with it.
    assert_eq!(story.served.consul_put(&format!("/v1/kv/ephemeral?acquire={third}"), "x").json(), json!(true));
    story.served.consul_put(&format!("/v1/session/destroy/{third}"), "");
    assert_eq!(story.served.consul("/v1/kv/ephemeral").status, 404);
    (first, second)
}

fn locks(story: &mut Story, first: &str, second: &str) {
    let leader = &format!("{ROOT}/leader");
    let acquire = |session: &str| format!("{leader}?acquire={session}");
    let release = |session: &str| format!("{leader}?release={session}");
    let lock = |answer: Answer| (answer.json()[0]["LockIndex"].clone(), answer.json()[0]["Session"].clone());

    assert!(story.puts("lock-acquire", &acquire(first), "me"));
    assert_eq!(lock(story.get("lock-get-held", leader)), (json!(1), json!(first)));
    assert!(!story.puts("lock-acquire-other", &acquire(second), "me"));
    assert!(story.puts("lock-acquire-again-same", &acquire(first), "me"));
    story.put("lock-acquire-unknown-session", &acquire(NOBODY), "x");
    story.put("lock-acquire-notuuid", &acquire("nonsense"), "x");
    // The lock protects nothing by itself.
    assert!(story.puts("lock-plain-put-while-held", leader, "plain"));
    assert_eq!(lock(story.get("lock-get-after-plain-put", leader)), (json!(0), json!(first)));
    assert!(!story.puts("lock-release-by-other", &release(second), "x"));
    assert!(story.puts("lock-release", &release(first), "me"));
    assert_eq!(lock(story.get("lock-get-released", leader)), (json!(0), Value::Null));
    assert!(story.puts("lock-acquire-other-after-release", &acquire(second), "me"), "released, it is free at once");
    assert!(story.puts("lock-release2", &release(second), "me"));
    assert!(story.puts("lock-acquire3", &acquire(first), "me"));
    assert!(story.puts("session-destroy", &format!("/v1/session/destroy/{first}"), ""));
    assert_eq!(lock(story.get("lock-get-after-destroy", leader)), (json!(2), Value::Null));
    assert!(!story.puts("lock-acquire-in-lockdelay", &acquire(second), "me"));
    assert!(story.puts("session-destroy-again", &format!("/v1/session/destroy/{first}"), ""));

    let transaction = json!([
        {"KV": {"Verb": "set", "Key": "replicator/config/txn", "Value": "YQ=="}},
        {"KV": {"Verb": "check-session", "Key": "replicator/config/leader", "Session": second}},
    ]);
    story.put("txn", "/v1/txn", &transaction.to_string());
    assert_eq!(story.served.consul(&format!("{ROOT}/txn")).status, 404, "all of it or nothing");
    for (recording, how) in [("get-consistent", "consistent"), ("get-stale", "stale")] {
        story.get(recording, &format!("{leader}?{how}"));
    }
}

fn waiting(story: &mut Story) {
    let leader = format!("{ROOT}/leader");
    let index = story.served.consul(&leader).index("consul");
    let same = story.get("blocking-timeout", &format!("{leader}?index={index}&wait=100ms"));
    assert_eq!(same.index("consul"), index);
    story.get("blocking-missing-key", "/v1/kv/nope?index=999999&wait=100ms");
    story.get("blocking-bad-index", &format!("{leader}?index=abc&wait=1s"));
    story.get("blocking-bad-wait", &format!("{leader}?index=1&wait=abc"));
    story.served.consul_put(&leader, "changed");
    let changed = story.get("blocking-change", &format!("{leader}?index={index}&wait=30s"));
    assert!(changed.index("consul") > index);
}

fn with_tokens(contract: &mut Contract) {
    const TOKEN: &str = "3d325152-20ce-ee1c-c906-3a57856c667a";
    let options = Options { consul_token: Some(TOKEN.into()), ..Options::default() };
    let contract_of_story = std::mem::replace(contract, Contract::of("consul-1.8.7"));
    let mut story = Story { contract: contract_of_story, served: Served::start(options), token: None };
    let leader = &format!("{ROOT}/leader");
    story.get("acl-agent-self-denied", "/v1/agent/self");
    story.get("acl-kv-get-denied", leader);
    story.put("acl-kv-put-denied", leader, "x");
    story.get("acl-kv-recurse-denied", "/v1/kv/replicator?recurse");
    story.put("acl-session-create-denied", "/v1/session/create", r#"{"TTL": "12s"}"#);
    assert_eq!(story.get("acl-session-info-denied", &format!("/v1/session/info/{NOBODY}")).json(), json!([]));
    assert_eq!(story.get("acl-session-list-denied", "/v1/session/list").json(), json!([]));
    story.put("acl-session-renew-denied", &format!("/v1/session/renew/{NOBODY}"), "");
    story.get("acl-status-leader", "/v1/status/leader");
    story.token = Some("22222222-2222-2222-2222-222222222222".into());
    story.put("acl-kv-badtoken", leader, "x");
    story.get("acl-kv-get-badtoken", leader);
    story.token = Some(TOKEN.into());
    let made = story.put("acl-session-create-ok", "/v1/session/create", r#"{"TTL": "12s"}"#).json();
    let session = made["ID"].as_str().unwrap();
    assert!(story.puts("acl-lock-ok", &format!("{leader}?acquire={session}"), "x"));
    let bearer = format!("Bearer {TOKEN}");
    let answer =
        story.served.ask(story.served.addresses.consul, Method::GET, leader, "", &[("authorization", bearer.as_str())]);
    story.contract.hold("acl-bearer", &answer);
    *contract = story.contract;
}

fn without_a_leader(contract: &mut Contract) {
    let outage = "\n[[event]]\nat = \"0s\"\nfor = \"2m\"\nconsul_outage = true\n";
    let demo = std::fs::read_to_string(crate::shipped().join("demo.toml")).unwrap();
    let served = Served::of_text(&format!("{demo}{outage}"), Options::default());
    served.eventually("the outage", |served| served.consul("/v1/status/leader").body == "\"\"");
    contract.hold("noleader-status-leader", &served.consul("/v1/status/leader"));
    let asked = [
        ("noleader-kv", Method::GET, "/v1/kv/a"),
        ("noleader-kv-stale", Method::GET, "/v1/kv/a?stale"),
        ("noleader-put", Method::PUT, "/v1/kv/a"),
        ("noleader-session", Method::PUT, "/v1/session/create"),
    ];
    // The server looks for a leader for seven seconds before it says that there is none.
    let requests = asked.clone().map(|(_, method, path)| (method, path));
    let answers = served.ask_all(served.addresses.consul, &requests);
    for ((recording, ..), answer) in asked.into_iter().zip(&answers) {
        contract.hold(recording, answer);
    }
}
