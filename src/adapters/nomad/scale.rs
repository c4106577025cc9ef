//! Changing a group's count (J15): by the scale call, which shows in Nomad's own history, or, on servers without it,
//! by registering the job again, exactly as it was read but for the count.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NomadClient, Session};
use crate::adapters::http::Answer;
use crate::domain::{GroupKey, JobKey};
use crate::ports::{ErrorKind, PortError, ScaleAccepted, ScaleRequest};

/// What servers before 0.11 say to a scale call: they take it for the registration of a job with an odd name.
const NO_SCALE_CALL: &str = "Job must be specified";

/// The answer to either way.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Accepted {
    #[serde(rename = "EvalID")]
    evaluation: Option<String>,
    job_modify_index: Option<u64>,
}

impl NomadClient {
    pub(super) async fn scale_group(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError> {
        let session = self.session();
        let job = session.guard(request).await?;
        if self.can_scale.get() != Some(false) {
            match session.call_scale(request).await? {
                Some(accepted) => {
                    self.can_scale.set(Some(true));
                    return Ok(accepted);
                }
                None => self.can_scale.set(Some(false)),
            }
        }
        session.register_again(request, job).await
    }
}

impl Session {
    /// Makes sure that the job is as it was decided on, and at rest. The servers' scale call asks neither; and one that
    /// is refused because of a deployment takes effect all the same on versions 0.12 to 1.3.
    async fn guard(&self, request: &ScaleRequest) -> Result<Value, PortError> {
        let key = &request.group.job;
        let answer = self.read_job(key).await?;
        let job: Value = answer.json()?;
        let index = super::amount::index(job.get("JobModifyIndex").and_then(Value::as_u64), "modify index");
        let index = index.map_err(|problem| answer.error(ErrorKind::Other, problem))?;
        if index != request.modify_index {
            let message =
                format!("the job changed meanwhile: its modify index is {index}, not {}", request.modify_index);
            return Err(answer.error(ErrorKind::Conflict, message));
        }
        let latest = self.latest_deployment(key).await?;
        match latest.filter(|deployment| deployment.status.is_active()) {
            Some(active) => Err(answer.error(ErrorKind::Conflict, format!("deployment {} is active", active.id))),
            None => Ok(job),
        }
    }

    /// The scale call; nothing where the server has none. Never tried again: one that failed may have taken effect.
    async fn call_scale(&self, request: &ScaleRequest) -> Result<Option<ScaleAccepted>, PortError> {
        let ScaleRequest { group: GroupKey { job, group }, count, modify_index, message } = request;
        let path = ["v1", "job", job.id.as_str(), "scale"];
        let body = json!({
            "Count": count,
            "Target": { "Group": group },
            "Message": message,
            "Meta": { "replicator": { "version": env!("CARGO_PKG_VERSION"), "count": count } },
            // Newer servers enforce it, older ones ignore it.
            "JobModifyIndex": modify_index,
        });
        let call = format!("scale {} to {count}", request.group);
        let sent = self.request(Method::POST, &path, call, Some(&job.namespace)).json(&body)?.send().await;
        match sent {
            Ok(answer) => accepted(&answer).map(Some),
            Err(error) if error.message.contains(NO_SCALE_CALL) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn register_again(&self, request: &ScaleRequest, mut job: Value) -> Result<ScaleAccepted, PortError> {
        let ScaleRequest { group: key, count, modify_index, .. } = request;
        let call = format!("register {} with {count} of {}", key.job, key.group);
        let refuse =
            |message: &str| PortError::new(crate::ports::Service::Nomad, call.clone(), ErrorKind::NotFound, message);
        let groups = job.get_mut("TaskGroups").and_then(Value::as_array_mut);
        let group = groups.into_iter().flatten().find(|group| group["Name"] == key.group.as_str());
        let group = group.ok_or_else(|| refuse("the job has no such group any more"))?;
        group["Count"] = json!(count);
        let body = json!({ "Job": job, "EnforceIndex": true, "JobModifyIndex": modify_index });
        let JobKey { namespace, id } = &key.job;
        let path = ["v1", "job", id.as_str()];
        let answer = self.request(Method::POST, &path, call.clone(), Some(namespace)).json(&body)?.send().await?;
        accepted(&answer)
    }
}

fn accepted(answer: &Answer) -> Result<ScaleAccepted, PortError> {
    let accepted: Accepted = answer.json()?;
    let error = |problem: &str| answer.error(ErrorKind::Other, format!("the count was taken, but {problem}"));
    let evaluation = accepted.evaluation.filter(|id| !id.is_empty()).ok_or_else(|| error("no evaluation made"))?;
    let modify_index = super::amount::index(accepted.job_modify_index, "modify index");
    let modify_index = modify_index.map_err(|_| error("the answer has no modify index of the job"))?;
    Ok(ScaleAccepted { evaluation: evaluation.into(), modify_index })
}
