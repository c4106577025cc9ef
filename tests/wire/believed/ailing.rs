//! Why an allocation does not run. Only people read it: whatever is odd about it, there is a word, and no decision rests on it.

use replicator::domain::{GroupKey, JobKey};
use replicator::ports::Nomad;
use serde_json::json;

use super::{answering, check, said};
use crate::nomad;

#[tokio::test]
async fn an_allocation_that_does_not_run_is_for_people_only() {
    let page = json!([{
        "ID": "a1", "NodeID": "n1", "NodeName": "client1", "TaskGroup": "g", "ClientStatus": "failed",
        "ClientDescription": "Failed tasks", "DesiredDescription": "", "CreateIndex": 7,
        "TaskStates": {"t": {"Failed": true, "Events": [{
            "Type": "Driver Failure", "DisplayMessage": "no such image", "Message": "m", "DriverError": "", "Time": 3,
        }]}},
    }]);
    let usual = "a1 on client1: task t: Driver Failure: no such image";
    let event = "/0/TaskStates/t/Events/0";
    let at = |name: &str| format!("{event}/{name}");
    let cases = [
        ("/0/ID".to_owned(), None, " on client1: task t: Driver Failure: no such image"),
        ("/0/NodeName".into(), None, "a1 on n1: task t: Driver Failure: no such image"),
        ("/0/NodeID".into(), None, usual),
        ("/0/TaskGroup".into(), None, "nothing"),
        ("/0/ClientStatus".into(), None, "nothing"),
        ("/0/CreateIndex".into(), None, usual),
        ("/0/TaskStates".into(), None, "a1 on client1: Failed tasks"),
        ("/0/TaskStates/t/Failed".into(), None, usual),
        ("/0/TaskStates/t/Events".into(), None, "a1 on client1: Failed tasks"),
        ("/0/ClientDescription".into(), None, usual),
        ("/0/DesiredDescription".into(), None, usual),
        (at("Type"), None, "a1 on client1: task t: : no such image"),
        (at("DisplayMessage"), None, "a1 on client1: task t: Driver Failure: m"),
        (at("Message"), None, usual),
        (at("DriverError"), Some(json!("daemon away")), "a1 on client1: task t: Driver Failure: daemon away"),
        (at("Time"), None, usual),
    ];
    let cases: Vec<_> = cases.iter().map(|(field, sent, expected)| (field.as_str(), sent.clone(), *expected)).collect();
    check(&page, &cases, async |odd| {
        let server = answering(&odd).await;
        let key = GroupKey { job: JobKey::in_default("web"), group: "g".into() };
        said(nomad(&server).ailing(&key).await, |ailing| {
            ailing.map_or("nothing".to_owned(), |it| format!("{} on {}: {}", it.allocation, it.node, it.event))
        })
    })
    .await;
}
