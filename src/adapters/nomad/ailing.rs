//! An allocation that should run and does not, and the last that is known of it: what a person wants to know when a change of
//! count fails.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Consistency, NomadClient};
use crate::domain::{Ailing, GroupKey};
use crate::ports::PortError;

/// An allocation in the list of a job's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AilingStub {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "NodeID")]
    node_id: String,
    node_name: Option<String>,
    task_group: String,
    client_status: String,
    client_description: Option<String>,
    desired_description: Option<String>,
    create_index: u64,
    task_states: Option<BTreeMap<String, AilingTask>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AilingTask {
    failed: bool,
    events: Option<Vec<AilingEvent>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AilingEvent {
    r#type: String,
    display_message: Option<String>,
    message: Option<String>,
    driver_error: Option<String>,
    time: i64,
}

impl NomadClient {
    pub(super) async fn ailing_of(&self, key: &GroupKey) -> Result<Option<Ailing>, PortError> {
        let session = self.session();
        let path = ["v1", "job", key.job.id.as_str(), "allocations"];
        let call = format!("list allocations of {}", key.job);
        let answer = session.get(&path, call, Some(&key.job.namespace), Consistency::Stale).send().await?;
        let listed: Vec<AilingStub> = answer.json()?;
        let sick = |stub: &&AilingStub| {
            stub.task_group == key.group.as_str() && matches!(stub.client_status.as_str(), "failed" | "pending")
        };
        let latest = listed.iter().filter(sick).max_by_key(|stub| (stub.client_status == "failed", stub.create_index));
        Ok(latest.map(AilingStub::to_ailing))
    }
}

impl AilingStub {
    fn to_ailing(&self) -> Ailing {
        let node = self.node_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.node_id);
        Ailing { allocation: self.id.as_str().into(), node: node.into(), event: self.last_word() }
    }

    /// The last event of a task that failed, or else of any; or else what client or server say of the whole.
    fn last_word(&self) -> String {
        let tasks = || self.task_states.iter().flatten();
        let events = |only_failed: bool| {
            let wanted = tasks().filter(move |(_, state)| state.failed || !only_failed);
            let all = wanted.flat_map(|(task, state)| state.events.iter().flatten().map(move |event| (task, event)));
            all.filter(|(_, event)| event.is_telling()).max_by_key(|(_, event)| event.time)
        };
        if let Some((task, event)) = events(true).or_else(|| events(false)) {
            return format!("task {task}: {}", event.words());
        }
        let descriptions = [&self.client_description, &self.desired_description];
        let said = descriptions.into_iter().flatten().find(|words| !words.is_empty());
        said.cloned().unwrap_or_else(|| format!("it is {}, and nothing else is said of it", self.client_status))
    }
}

impl AilingEvent {
    /// What comes after a failure says nothing about it.
    fn is_telling(&self) -> bool {
        !matches!(self.r#type.as_str(), "Received" | "Killing" | "Killed" | "Alloc Unhealthy" | "Not Restarting")
    }

    fn words(&self) -> String {
        let said = [&self.driver_error, &self.display_message, &self.message];
        let words = said.into_iter().flatten().find(|words| !words.is_empty());
        words.map_or_else(|| self.r#type.clone(), |words| format!("{}: {words}", self.r#type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub(states: &str) -> AilingStub {
        let text = format!(
            r#"{{"ID": "a1", "NodeID": "n1", "NodeName": "client1", "TaskGroup": "g", "ClientStatus": "failed", "TaskStates": {states}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn j16_the_last_word_is_about_what_failed() {
        let states = r#"{
            "log": {"Failed": false, "Events": [{"Type": "Started", "Time": 9, "DisplayMessage": "Task started by client"}]},
            "web": {"Failed": true, "Events": [
                {"Type": "Received", "Time": 1},
                {"Type": "Driver Failure", "Time": 3, "DisplayMessage": "failed to pull image", "DriverError": ""},
                {"Type": "Not Restarting", "Time": 4, "DisplayMessage": "Error was unrecoverable"}]}}"#;
        let ailing = stub(states).to_ailing();
        assert_eq!(ailing.event, "task web: Driver Failure: failed to pull image");
        assert_eq!(ailing.to_string(), "allocation a1 on node client1: task web: Driver Failure: failed to pull image");
    }

    #[test]
    fn j16_where_nothing_is_said_that_is_said() {
        assert_eq!(stub("null").to_ailing().event, "it is failed, and nothing else is said of it");
        assert_eq!(stub(r#"{"web": {"Failed": true, "Events": null}}"#).to_ailing().node.as_str(), "client1");
    }
}
