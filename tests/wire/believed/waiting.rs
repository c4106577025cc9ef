//! Work that waits for a place.

use replicator::ports::Nomad;
use serde_json::{Value, json};

use super::{answering, check, said};
use crate::nomad;
use crate::recording::recorded;

fn page() -> Value {
    recorded("nomad-2.0.5/evaluations-blocked-filter").json()[0].clone()
}

async fn told(page: Value) -> String {
    let server = answering(&json!([page])).await;
    said(nomad(&server).blocked().await, |found| {
        let words = found.iter().map(|it| format!("{} {}: {}", it.group, it.count, it.lacks));
        words.collect::<Vec<_>>().join("; ")
    })
}

#[tokio::test]
async fn blocked_work_is_told_as_nomad_tells_it() {
    check(
        &page(),
        &[
            ("/Namespace", Some(json!(null)), "blocked/g 6: memory exhausted on 2 nodes"),
            ("/JobID", Some(json!(null)), ""),
            ("/Type", Some(json!("system")), ""),
            ("/Type", Some(json!("sysbatch")), ""),
            ("/Type", Some(json!(null)), "blocked/g 6: memory exhausted on 2 nodes"),
            ("/Status", Some(json!("complete")), ""),
            ("/Status", Some(json!(null)), ""),
            ("/CreateIndex", Some(json!(null)), "blocked/g 6: memory exhausted on 2 nodes"),
            ("/FailedTGAllocs", Some(json!(null)), ""),
            ("/FailedTGAllocs/g/CoalescedFailures", Some(json!(0)), "blocked/g 1: memory exhausted on 2 nodes"),
            ("/FailedTGAllocs/g/CoalescedFailures", Some(json!(-1)), ""),
            ("/QueuedAllocations", Some(json!({"g": 9})), "blocked/g 9: memory exhausted on 2 nodes"),
            ("/QueuedAllocations", Some(json!({"g": -9})), ""),
        ],
        told,
    )
    .await;
}

#[tokio::test]
async fn what_blocked_work_lacks_is_said_in_words() {
    let mut bare = page();
    bare["FailedTGAllocs"]["g"] = json!({"NodesEvaluated": 2, "NodesInPool": 2, "NodesAvailable": {"dc1": 2}});
    let lacks = async |page: Value| told(page).await.split_once(": ").unwrap().1.to_owned();
    let silent = "Nomad does not say what is missing";
    let field = |name: &str| format!("/FailedTGAllocs/g/{name}");
    let quota = "quota team exhausted";
    check(
        &bare,
        &[
            (&field("DimensionExhausted"), Some(json!({"cpu": 1, "disk": 0})), "cpu exhausted on 1 node"),
            (&field("DimensionExhausted"), Some(json!({"cpu": -1})), silent),
            (
                &field("ConstraintFiltered"),
                Some(json!({"${attr.x} = y": 3})),
                "constraint ${attr.x} = y filtered 3 nodes",
            ),
            (&field("ConstraintFiltered"), Some(json!(null)), silent),
            (&field("ClassFiltered"), Some(json!({"big": 2})), "node class big filtered 2 nodes"),
            (&field("QuotaExhausted"), Some(json!(["team"])), quota),
            (&field("NodesEvaluated"), Some(json!(0)), "no node takes work"),
            (&field("NodesEvaluated"), Some(json!(null)), silent),
            (&field("NodesAvailable"), Some(json!({"dc1": 0})), "no node in its datacenters"),
            (&field("NodesAvailable"), Some(json!(null)), "no node in its datacenters"),
            (&field("NodesInPool"), Some(json!(-1)), silent),
        ],
        lacks,
    )
    .await;
    bare["FailedTGAllocs"]["g"]["NodePool"] = json!("gpu");
    check(&bare, &[(&field("NodesInPool"), Some(json!(0)), "no node in pool gpu")], lacks).await;
    bare["FailedTGAllocs"]["g"]["NodesInPool"] = json!(0);
    check(&bare, &[(&field("NodePool"), Some(json!(null)), silent)], lacks).await;
}
