//! Sessions, locks and keys.

use std::time::Duration;

use replicator::adapters::consul::{ConsulClient, ConsulSettings, unreadable};
use replicator::ports::{Consul, ErrorKind, Guard, LockState, SessionRequest, Wait, Write, WriteOutcome};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::recording::recorded;
use crate::{consul, consul_settings};

const LEADER: &str = "replicator/config/leader";
const HOLDER: &str = "ad50a10a-295d-7ced-f29d-eeb4ffb07877";

async fn with(recordings: &[&str]) -> MockServer {
    let server = MockServer::start().await;
    for name in recordings {
        recorded(&format!("consul-1.8.7/{name}")).serve(&server).await;
    }
    server
}

fn write() -> Write {
    Write {
        key: "replicator/config/state/nodes/würfel".into(),
        value: br#"{"failure_count":1}"#.to_vec(),
        expected_index: 7,
        guard: Guard { key: LEADER.into(), session: HOLDER.into() },
        notes: vec![],
    }
}

#[tokio::test]
async fn l1_sessions_are_made_renewed_and_destroyed() {
    let server = with(&["session-create", "session-renew-missing"]).await;
    let client = consul(&server);
    let request = SessionRequest {
        name: "replicator host-1".into(),
        ttl: Duration::from_secs(15),
        lock_delay: Duration::from_secs(5),
    };
    assert_eq!(client.create_session(&request).await.unwrap().as_str(), HOLDER);
    let body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(body, json!({"Name": "replicator host-1", "TTL": "15s", "LockDelay": "5s", "Behavior": "release"}));
    let gone = client.renew_session(&"00000000-0000-0000-0000-000000000000".into()).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
    let renewed = recorded("consul-1.8.7/session-renew");
    renewed.serve_at(&server, "PUT", &format!("/v1/session/renew/{HOLDER}")).await;
    client.renew_session(&HOLDER.into()).await.unwrap();
    let destroyed = recorded("consul-1.8.7/session-destroy");
    destroyed.serve_at(&server, "PUT", &format!("/v1/session/destroy/{HOLDER}")).await;
    client.destroy_session(&HOLDER.into()).await.unwrap();
}

#[tokio::test]
async fn l1_the_lock_is_taken_by_one() {
    for (name, outcome) in [
        ("lock-acquire", Ok(true)),
        ("lock-acquire-other", Ok(false)),
        ("lock-acquire-unknown-session", Err(ErrorKind::NotFound)),
    ] {
        let server = with(&[name]).await;
        let acquired = consul(&server).acquire(LEADER, &HOLDER.into()).await;
        assert_eq!(acquired.map_err(|error| error.kind), outcome, "{name}");
        let request = &server.received_requests().await.unwrap()[0];
        assert_eq!(request.url.query(), Some(&*format!("acquire={HOLDER}")));
        assert!(request.body.is_empty(), "the Go daemon's leader key is empty too");
    }
}

#[tokio::test]
async fn the_lock_is_read_held_and_free() {
    let cases = [("lock-get-held", LockState::Held(HOLDER.into()), 32), ("lock-get-released", LockState::Free, 39)];
    for (name, state, index) in cases {
        let server = with(&[name]).await;
        let lock = consul(&server).lock(LEADER, None).await.unwrap();
        assert_eq!((lock.value, lock.index), (state, index), "{name}");
    }
    let server = MockServer::start().await;
    recorded("consul-1.8.7/kv-get-404").serve_at(&server, "GET", &format!("/v1/kv/{LEADER}")).await;
    let lock = consul(&server).lock(LEADER, Some(Wait { past: 5, at_most: Duration::from_secs(2) })).await.unwrap();
    assert_eq!((lock.value, lock.index), (LockState::Free, 1), "no such key is free");
    let query = server.received_requests().await.unwrap()[0].url.query().unwrap().to_owned();
    assert!(query.starts_with("index=5&wait="), "{query}");
}

#[tokio::test]
async fn keys_below_a_prefix_are_listed_in_order() {
    let server = with(&["kv-recurse"]).await;
    let listed = consul(&server).list("replicator/", None).await.unwrap();
    assert_eq!(listed.index, 21);
    let keys: Vec<&str> = listed.value.iter().map(|entry| entry.key.as_str()).collect();
    assert!(keys.is_sorted() && keys.contains(&"replicator/config/empty"), "{keys:?}");
    let entry = |key: &str| listed.value.iter().find(|entry| entry.key == key).unwrap();
    assert!(entry("replicator/config/empty").value.is_empty(), "an empty value is null");
    assert_eq!(
        (entry("replicator/config/new").value.as_slice(), entry("replicator/config/new").modify_index),
        (&b"x"[..], 21)
    );
}

#[tokio::test]
async fn s4_a_key_that_makes_no_sense_hides_no_other_and_is_still_there() {
    let server = MockServer::start().await;
    let listing = json!([
        {"Key": "root/state/good", "Value": "e30=", "ModifyIndex": 5},
        {"Key": "root/state/no-base64", "Value": "{}", "ModifyIndex": 6},
        {"Key": "root/state/no-index", "Value": "e30="},
        {"Value": "e30=", "ModifyIndex": 8},
        {"Key": "root/state/bom", "Value": "77u/e30=", "ModifyIndex": 9, "Session": ""},
    ]);
    let answer = ResponseTemplate::new(200).insert_header("X-Consul-Index", "9").set_body_json(listing);
    Mock::given(path("/v1/kv/root/state/")).respond_with(answer).mount(&server).await;
    let client = consul(&server);
    let listed = client.list("root/state/", None).await.unwrap();
    let found: Vec<_> = listed.value.iter().map(|it| (it.key.as_str(), unreadable(it), it.modify_index)).collect();
    let expected = [
        ("(no key)", Some("an entry has no Key"), 8),
        ("root/state/bom", None, 9),
        ("root/state/good", None, 5),
        (
            "root/state/no-base64",
            Some("the value of root/state/no-base64 is not base64: Invalid symbol 123, offset 0."),
            6,
        ),
        ("root/state/no-index", Some("the ModifyIndex of root/state/no-index is null"), 0),
    ];
    assert_eq!(found, expected);
    assert_eq!(listed.value[1].value, b"{}", "without its byte order mark");
    // Whoever asks for one key hears what is wrong with it.
    let one = json!([{"Key": "root/state/no-base64", "Value": "{}", "ModifyIndex": 6}]);
    let one = ResponseTemplate::new(200).set_body_json(one);
    Mock::given(path("/v1/kv/root/state/no-base64")).respond_with(one).mount(&server).await;
    let error = client.read("root/state/no-base64").await.unwrap_err();
    assert!(error.message.starts_with("the value of root/state/no-base64 is not base64"), "{error}");
}

#[tokio::test]
async fn a_lock_and_a_session_that_make_no_sense_are_named() {
    let server = MockServer::start().await;
    for (at, answer) in [
        ("/v1/kv/odd", json!([{"Key": "odd", "Session": 7, "ModifyIndex": 1}])),
        ("/v1/kv/free", json!([{"Key": "free", "Session": ""}])),
        ("/v1/session/create", json!({"ID": ""})),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    let client = consul(&server);
    let error = client.lock("odd", None).await.unwrap_err();
    assert_eq!(error.to_string(), "Consul: read lock odd: error: Session is 7, which is no session");
    assert_eq!(client.lock("free", None).await.unwrap().value, LockState::Free);
    let request = SessionRequest { name: "x".into(), ttl: Duration::from_secs(15), lock_delay: Duration::from_secs(5) };
    let error = client.create_session(&request).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Unreachable, "Consul made a session and did not say which")
    );
}

#[tokio::test]
async fn s4_a_listing_that_is_denied_is_not_an_empty_one() {
    // Consul answers both alike: 404.
    let prefix = "replicator/config/state/";
    let nothing = recorded("consul-1.8.7/acl-kv-recurse-denied").response();
    for (single, outcome) in [("kv-get-404", Ok(0)), ("acl-kv-get-denied", Err(ErrorKind::Denied))] {
        let server = MockServer::start().await;
        let at = path("/v1/kv/replicator/config/state/");
        Mock::given(method("GET"))
            .and(at)
            .and(query_param("recurse", ""))
            .respond_with(nothing.clone())
            .with_priority(1)
            .mount(&server)
            .await;
        recorded(&format!("consul-1.8.7/{single}")).serve_at(&server, "GET", "/v1/kv/replicator/config/state/").await;
        let listed = consul(&server).list(prefix, None).await;
        assert_eq!(listed.map(|listed| listed.value.len()).map_err(|error| error.kind), outcome, "{single}");
    }
}

#[tokio::test]
async fn s3_a_write_is_one_transaction_with_the_lock() {
    let outcomes = [
        ("txn-written", Ok(WriteOutcome::Written(53))),
        ("txn-stale", Ok(WriteOutcome::Changed)),
        ("txn-no-session", Ok(WriteOutcome::LockLost)),
        ("txn-no-lock", Ok(WriteOutcome::LockLost)),
    ];
    for (name, outcome) in outcomes {
        let server = MockServer::start().await;
        let mut recording = recorded(&format!("consul-1.8.7/{name}"));
        recording.body = recording.body.replace("rec/state", &write().key);
        recording.serve(&server).await;
        let written = consul(&server).write(&write()).await;
        assert_eq!(written.map_err(|error| error.kind), outcome, "{name}");
        let body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
        assert_eq!(body[0]["KV"], json!({"Verb": "check-session", "Key": LEADER, "Session": HOLDER}));
        assert_eq!(body[1]["KV"]["Verb"], "cas");
        assert_eq!(
            (&body[1]["KV"]["Key"], &body[1]["KV"]["Index"]),
            (&json!("replicator/config/state/nodes/würfel"), &json!(7))
        );
        assert_eq!(body[1]["KV"]["Value"], "eyJmYWlsdXJlX2NvdW50IjoxfQ==");
    }
}

#[tokio::test]
async fn an_operators_write_is_compare_and_set() {
    for (name, written) in [("kv-cas-good", true), ("kv-cas-stale", false)] {
        let server = MockServer::start().await;
        recorded(&format!("consul-1.8.7/{name}")).serve_at(&server, "PUT", "/v1/kv/a/b%20c").await;
        assert_eq!(consul(&server).write_unlocked("a/b c", b"{}", 9).await.unwrap(), written, "{name}");
        assert_eq!(server.received_requests().await.unwrap()[0].url.query(), Some("cas=9"));
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let request = SessionRequest { name: "x".into(), ttl: Duration::from_secs(15), lock_delay: Duration::from_secs(5) };
    let server = with(&["acl-session-create-denied"]).await;
    let denied = consul(&server).create_session(&request).await.unwrap_err();
    assert_eq!(denied.kind, ErrorKind::Denied);
    assert_eq!(denied.to_string(), "Consul: create session: permission denied: 403: Permission denied");
    for (name, kind) in [("noleader-kv", ErrorKind::Unreachable), ("acl-kv-badtoken", ErrorKind::Denied)] {
        let server = MockServer::start().await;
        recorded(&format!("consul-1.8.7/{name}")).serve_at(&server, "GET", &format!("/v1/kv/{LEADER}")).await;
        let error = consul(&server).lock(LEADER, None).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
}

#[tokio::test]
async fn datacenter_namespace_and_token_go_with_every_call() {
    let server = MockServer::start().await;
    Mock::given(query_param("dc", "dc2"))
        .and(query_param("ns", "team"))
        .and(wiremock::matchers::header("X-Consul-Token", "s3cret"))
        .respond_with(ResponseTemplate::new(404).insert_header("X-Consul-Index", "1"))
        .mount(&server)
        .await;
    let mut settings = ConsulSettings {
        datacenter: Some("dc2".into()),
        namespace: Some("team".into()),
        ..consul_settings(&server.uri())
    };
    settings.endpoint.token = Some("s3cret".into());
    let shown = format!("{settings:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let client = ConsulClient::new(settings).unwrap();
    client.lock(LEADER, None).await.unwrap();
    assert_eq!(client.read(LEADER).await.unwrap(), None);
}
