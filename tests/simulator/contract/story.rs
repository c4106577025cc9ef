//! What is told along the recordings of a Nomad.

use reqwest::Method;
use serde_json::Value;

use super::Contract;
use crate::served::{Answer, Served};

/// Somebody or something that is not there.
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A served scenario that is brought, step by step, into the situations that were recorded.
pub(super) struct Story {
    pub(super) contract: Contract,
    pub(super) served: Served,
}

impl Story {
    pub(super) fn get(&mut self, recording: &str, path: &str) -> Answer {
        let answer = self.served.nomad(path);
        self.contract.hold(recording, &answer);
        answer
    }

    /// The same page for several recordings.
    pub(super) fn get_as(&mut self, recordings: &[&str], path: &str) -> Answer {
        let answer = self.served.nomad(path);
        for recording in recordings {
            self.contract.hold(recording, &answer);
        }
        answer
    }

    pub(super) fn send(&mut self, recording: &str, method: Method, path: &str, body: &str) -> Answer {
        let answer = self.served.ask(self.served.addresses.nomad, method, path, body, &[]);
        self.contract.hold(recording, &answer);
        answer
    }

    pub(super) fn post(&mut self, recording: &str, path: &str, body: &Value) -> Answer {
        self.send(recording, Method::POST, path, &body.to_string())
    }

    pub(super) fn put(&mut self, recording: &str, path: &str, body: &Value) -> Answer {
        self.send(recording, Method::PUT, path, &body.to_string())
    }

    pub(super) fn scale(&mut self, recording: &str, job: &str, body: &Value) -> Answer {
        self.post(recording, &format!("/v1/job/{job}/scale"), body)
    }

    pub(super) fn json(&self, path: &str) -> Value {
        self.served.nomad(path).json()
    }

    /// Waits until the present version of a job is deployed.
    pub(super) fn await_deployment(&self, job: &str) {
        self.served.eventually("the end of a deployment", |served| {
            let version = served.nomad(&format!("/v1/job/{job}")).json()["Version"].clone();
            let deployment = served.nomad(&format!("/v1/job/{job}/deployment")).json();
            deployment["JobVersion"] == version && deployment["Status"] != "running"
        });
    }

    pub(super) fn await_evaluation(&self, id: &str) {
        self.served.eventually("the end of an evaluation", |served| {
            served.nomad(&format!("/v1/evaluation/{id}")).json()["Status"] != "pending"
        });
    }
}
