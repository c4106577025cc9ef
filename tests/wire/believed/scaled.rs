//! The answer to a change of a count.

use replicator::domain::{GroupKey, JobKey};
use replicator::ports::{Nomad, ScaleRequest};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{check, said};
use crate::nomad;
use crate::recording::recorded;

#[tokio::test]
async fn a_count_that_was_taken_comes_with_what_to_follow() {
    let scaled = async |page: Value| {
        let server = MockServer::start().await;
        recorded("nomad-1.1.2/job").serve(&server).await;
        recorded("nomad-1.1.2/job-deployment").serve(&server).await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(page)).mount(&server).await;
        let group = GroupKey { job: JobKey::in_default("web"), group: "g".into() };
        let request = ScaleRequest { group, count: 4, modify_index: 12, message: "why".into() };
        said(nomad(&server).scale(&request).await, |it| format!("{} {}", it.evaluation, it.modify_index))
    };
    let no_evaluation = "error: the count was taken, but no evaluation made";
    let no_index = "error: the count was taken, but the answer has no modify index of the job";
    check(
        &json!({"EvalID": "e", "JobModifyIndex": 13}),
        &[
            ("/Warnings", Some(json!("odd")), "e 13"),
            ("/EvalID", Some(json!("")), no_evaluation),
            ("/EvalID", Some(json!(null)), no_evaluation),
            ("/JobModifyIndex", Some(json!(0)), no_index),
            ("/JobModifyIndex", None, no_index),
        ],
        scaled,
    )
    .await;
}
