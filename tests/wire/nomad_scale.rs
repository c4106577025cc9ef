//! Changing a count: by the scale call, and by registering the job again where there is none.

use replicator::domain::{GroupKey, JobKey};
use replicator::ports::{ErrorKind, Nomad, ScaleRequest};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::nomad;
use crate::recording::recorded;

fn request(modify_index: u64) -> ScaleRequest {
    ScaleRequest {
        group: GroupKey { job: JobKey::in_default("web"), group: "g".into() },
        count: 4,
        modify_index,
        message: "replicator: CPU of task t0 269 % > 80 %".into(),
    }
}

/// A server with the job at rest.
async fn at_rest(version: &str) -> MockServer {
    let server = MockServer::start().await;
    recorded(&format!("{version}/job")).serve(&server).await;
    recorded("nomad-1.1.2/job-deployment").serve(&server).await;
    server
}

/// The bodies that were posted to a path.
async fn posted(server: &MockServer, to: &str) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    let to_it = requests.iter().filter(|request| request.method == "POST" && request.url.path() == to);
    to_it.map(|request| request.body_json().unwrap()).collect()
}

#[tokio::test]
async fn j15_the_scale_call_says_why() {
    let server = at_rest("nomad-1.1.2").await;
    recorded("nomad-1.1.2/scale-post-up").serve(&server).await;
    let accepted = nomad(&server).scale(&request(12)).await.unwrap();
    assert_eq!(accepted.evaluation.as_str(), "b5964f00-0746-df8f-a1dc-e742d3ebf2c7");
    assert_eq!(accepted.modify_index, 43);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.last().unwrap().headers["Content-Type"], "application/json");
    let posted = posted(&server, "/v1/job/web/scale").await;
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0]["Count"], 4);
    assert_eq!(posted[0]["Target"], json!({"Group": "g"}));
    assert_eq!(posted[0]["Message"], "replicator: CPU of task t0 269 % > 80 %");
    assert_eq!(posted[0]["Meta"]["replicator"]["count"], 4);
    assert_eq!(posted[0]["JobModifyIndex"], 12, "newer servers enforce it");
}

#[tokio::test]
async fn j15_a_job_that_changed_meanwhile_is_not_scaled() {
    let server = at_rest("nomad-1.1.2").await;
    let error = nomad(&server).scale(&request(11)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert!(posted(&server, "/v1/job/web/scale").await.is_empty());
}

#[tokio::test]
async fn j15_a_job_with_an_active_deployment_is_not_even_asked_to_scale() {
    let server = MockServer::start().await;
    recorded("nomad-1.1.2/job").serve(&server).await;
    recorded("nomad-1.1.2/deployment-running").serve_at(&server, "GET", "/v1/job/web/deployment").await;
    let error = nomad(&server).scale(&request(12)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert!(posted(&server, "/v1/job/web/scale").await.is_empty(), "refused, it would take effect all the same");
}

#[tokio::test]
async fn j15_a_scale_call_that_failed_is_never_made_again() {
    let refused = recorded("nomad-1.1.2/bug-2-scale-refused").response();
    let down = ResponseTemplate::new(500).set_body_string("rpc error: EOF");
    for (answer, kind) in [(refused, ErrorKind::Conflict), (down, ErrorKind::Unreachable)] {
        let server = at_rest("nomad-1.1.2").await;
        Mock::given(method("POST")).and(path("/v1/job/web/scale")).respond_with(answer).mount(&server).await;
        let error = nomad(&server).scale(&request(12)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(posted(&server, "/v1/job/web/scale").await.len(), 1);
    }
}

#[tokio::test]
async fn j15_a_count_that_nothing_allows_is_refused_for_good() {
    let cases = [
        ("nomad-1.1.2/scale-post-over-max", ErrorKind::Refused, "greater than scaling policy maximum: 9 > 5"),
        ("nomad-2.0.5/scale-post-over-max", ErrorKind::Refused, "greater than scaling policy maximum: 9 > 3"),
        ("nomad-2.0.5/scale-post-under-min", ErrorKind::Refused, "less than scaling policy minimum: 0 < 1"),
        ("nomad-2.0.5/scale-post-negative", ErrorKind::Refused, "can't be negative"),
        ("nomad-2.0.5/scale-post-unknown-group", ErrorKind::Refused, "does not exist in job"),
        ("nomad-2.0.5/scale-post-job-max-count", ErrorKind::Refused, "configured job_max_count: 60000 > 50000"),
        ("nomad-2.0.5/scale-post-during-deployment", ErrorKind::Conflict, "active deployment"),
        ("nomad-2.0.5/scale-post-stale-index", ErrorKind::Conflict, "conflicting job modify index"),
    ];
    for (name, kind, word) in cases {
        let server = at_rest("nomad-1.1.2").await;
        recorded(name).serve_at(&server, "POST", "/v1/job/web/scale").await;
        let error = nomad(&server).scale(&request(12)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(error.message.contains(word), "{error}");
    }
}

#[tokio::test]
async fn j15_where_there_is_no_scale_call_the_job_is_registered_again_as_it_was_read() {
    let server = at_rest("nomad-0.8.7").await;
    recorded("nomad-0.8.7/scale-post-up").serve(&server).await;
    recorded("nomad-0.8.7/update-enforce-good").serve_at(&server, "POST", "/v1/job/web").await;
    let client = nomad(&server);
    for _ in 0..2 {
        let accepted = client.scale(&request(9)).await.unwrap();
        assert_eq!((accepted.evaluation.as_str(), accepted.modify_index), ("3cc37a9a-f993-164a-cac6-881ad74de448", 50));
    }
    assert_eq!(posted(&server, "/v1/job/web/scale").await.len(), 1, "tried once and remembered");
    let posted = posted(&server, "/v1/job/web").await;
    let mut expected = recorded("nomad-0.8.7/job").json();
    expected["TaskGroups"][0]["Count"] = 4.into();
    assert_eq!(posted[0], json!({"Job": expected, "EnforceIndex": true, "JobModifyIndex": 9}), "every field is kept");
}

#[tokio::test]
async fn j15_fields_that_we_do_not_know_are_sent_back_as_they_were() {
    let mut job = recorded("nomad-0.8.7/job").json();
    job["TaskGroups"][0]["Quantum"] = json!({"Spin": 0.5, "Big": 18_446_744_073_709_551_615_u64, "Null": null});
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v1/job/web"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&job))
        .mount(&server)
        .await;
    recorded("nomad-1.1.2/job-deployment").serve(&server).await;
    recorded("nomad-0.8.7/scale-post-up").serve(&server).await;
    recorded("nomad-0.8.7/update-enforce-good").serve_at(&server, "POST", "/v1/job/web").await;
    nomad(&server).scale(&request(9)).await.unwrap();
    job["TaskGroups"][0]["Count"] = 4.into();
    assert_eq!(posted(&server, "/v1/job/web").await[0]["Job"], job);
}

#[tokio::test]
async fn j15_an_enforced_index_that_is_stale_is_a_conflict() {
    let server = at_rest("nomad-0.8.7").await;
    recorded("nomad-0.8.7/scale-post-up").serve(&server).await;
    recorded("nomad-0.8.7/update-enforce-stale").serve_at(&server, "POST", "/v1/job/web").await;
    let error = nomad(&server).scale(&request(9)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "a 500 that means a conflict: {error}");
}
