//! Deployments.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::amount::{Amount, index};
use super::{id_of, text};
use crate::domain::{self, DeploymentStatus, Hang, JobKey, Namespace};

/// What Nomad says of one whose canaries wait.
const NEEDS_PROMOTION: &str = "requires manual promotion";

/// A deployment.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Deployment {
    #[serde(rename = "ID")]
    id: Option<String>,
    namespace: Option<String>,
    #[serde(rename = "JobID")]
    job_id: Option<String>,
    job_modify_index: Option<u64>,
    job_spec_modify_index: Option<u64>,
    create_index: Option<u64>,
    status: Option<String>,
    status_description: Option<String>,
    task_groups: Option<BTreeMap<String, Option<DeployedGroup>>>,
}

/// A group of a deployment.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DeployedGroup {
    promoted: Option<bool>,
    auto_promote: Option<bool>,
    desired_canaries: Amount,
    placed_canaries: Option<Vec<String>>,
    desired_total: Amount,
    healthy_allocs: Amount,
}

impl DeployedGroup {
    fn has_canaries_to_promote(&self) -> bool {
        matches!(self.desired_canaries, Amount::Known(canaries) if canaries > 0) && self.promoted != Some(true)
    }

    /// Whether all its canaries are placed and healthy, and nobody but a person will promote them.
    fn awaits_promotion(&self) -> bool {
        let (Amount::Known(wanted), Amount::Known(healthy)) = (&self.desired_canaries, &self.healthy_allocs) else {
            return false;
        };
        let placed = self.placed_canaries.as_ref().map_or(0, Vec::len) as u64;
        self.has_canaries_to_promote() && self.auto_promote != Some(true) && placed >= *wanted && healthy >= wanted
    }

    fn is_all_healthy(&self) -> bool {
        let amounts = (&self.desired_total, &self.healthy_allocs);
        let is_whole =
            matches!(amounts, (Amount::Known(wanted), Amount::Known(healthy)) if *wanted > 0 && healthy >= wanted);
        is_whole && !self.has_canaries_to_promote()
    }
}

impl Deployment {
    pub(in super::super) fn into_domain(self) -> Result<domain::Deployment, String> {
        let status = self.status();
        let hang = self.hang(status);
        let id = id_of(self.id)?;
        let about = |problem: String| format!("deployment {id}: {problem}");
        let namespace = text(self.namespace);
        let of_job = self.job_spec_modify_index.filter(|index| *index > 0).or(self.job_modify_index);
        Ok(domain::Deployment {
            job: JobKey {
                namespace: Namespace::from(namespace.as_deref().unwrap_or(Namespace::DEFAULT)),
                id: text(self.job_id).ok_or_else(|| about("it has no job".to_owned()))?.into(),
            },
            job_modify_index: index(of_job, "modify index of its job").map_err(about)?,
            create_index: index(self.create_index, "create index").map_err(about)?,
            hang,
            status,
            id: id.into(),
        })
    }

    fn status(&self) -> DeploymentStatus {
        match self.status.as_deref().unwrap_or_default() {
            "pending" | "initializing" => DeploymentStatus::Pending,
            "paused" => DeploymentStatus::Paused,
            "blocked" | "unblocking" => DeploymentStatus::Blocked,
            "successful" => DeploymentStatus::Successful,
            "failed" => DeploymentStatus::Failed,
            "cancelled" => DeploymentStatus::Cancelled,
            // "running", and whatever later versions say: the job may be moving.
            _ => DeploymentStatus::Running,
        }
    }

    fn hang(&self, status: DeploymentStatus) -> Option<Hang> {
        if status != DeploymentStatus::Running {
            return None;
        }
        let mut groups = self.task_groups.iter().flatten().filter_map(|(_, group)| group.as_ref()).peekable();
        let has_groups = groups.peek().is_some();
        let groups: Vec<&DeployedGroup> = groups.collect();
        let is_said = self.status_description.as_deref().is_some_and(|text| text.contains(NEEDS_PROMOTION));
        if is_said || groups.iter().any(|group| group.awaits_promotion()) {
            return Some(Hang::AwaitsPromotion);
        }
        (has_groups && groups.iter().all(|group| group.is_all_healthy())).then_some(Hang::AllHealthy)
    }
}
