//! Deployments: begun by a change of a job with `update`, ended by health or by want of progress.

use replicator::domain::DeploymentStatus;

use super::nomad::{DeployedGroup, SimDeployment, uuid};
use super::stream::{ALLOCATION_UPDATED, PLAN_RESULT};
use super::{Happening, Topic, World};

impl World {
    /// Begins the deployment of a changed job, if it has deployments. A running one is cancelled.
    pub(super) fn begin_deployment(&mut self, job: usize) {
        let Some(update) = self.plan.jobs[job].update else { return };
        if let Some(running) = self.active_deployment(job) {
            self.end_deployment(running, DeploymentStatus::Cancelled);
        }
        let number = self.nomad.deployments.len();
        let create_index = self.nomad_changed(Topic::Deployments);
        let (proven_at, progress_by) = (self.now + update.min_healthy_time, self.now + update.progress_deadline);
        self.nomad.deployments.push(SimDeployment {
            id: uuid(4, number).into(),
            job,
            job_version: self.nomad.jobs[job].version,
            job_modify_index: self.nomad.jobs[job].modify_index,
            create_index,
            modify_index: create_index,
            status: DeploymentStatus::Running,
            created: self.now,
            changed: self.now,
            proven_at,
            progress_by,
            desired: self.plan.jobs[job].groups.clone().map(|group| self.nomad.groups[group].count).collect(),
            ended_with: None,
        });
        self.publish_deployment(number, PLAN_RESULT);
        self.nomad.jobs[job].deployment = Some(number);
        self.schedule(proven_at, Happening::DeploymentIsDue(number));
        self.schedule(progress_by, Happening::DeploymentIsDue(number));
    }

    /// At the start of a run everything that could be placed has been deployed for long.
    pub(super) fn start_with_jobs_deployed(&mut self) {
        for number in 0..self.nomad.deployments.len() {
            let groups = self.deployed_groups(number);
            if groups.iter().all(|group| group.healthy >= group.desired) {
                let it = &mut self.nomad.deployments[number];
                (it.status, it.ended_with) = (DeploymentStatus::Successful, Some(groups));
            }
        }
    }

    /// The job's deployment, if it is under way.
    pub(super) fn active_deployment(&self, job: usize) -> Option<usize> {
        self.nomad.jobs[job].deployment.filter(|number| self.nomad.deployments[*number].status.is_active())
    }

    /// An allocation of the job turned healthy.
    pub(super) fn deployment_progresses(&mut self, job: usize) {
        let (Some(number), Some(update)) = (self.active_deployment(job), self.plan.jobs[job].update) else { return };
        let progress_by = self.now + update.progress_deadline;
        self.nomad.deployments[number].progress_by = progress_by;
        self.deployment_is_told(number);
        self.schedule(progress_by, Happening::DeploymentIsDue(number));
        self.check_deployment(number);
    }

    /// As for allocations: how far a deployment is, who is served hears.
    fn deployment_is_told(&mut self, number: usize) {
        if self.stream.is_some() {
            let index = self.nomad_changed(Topic::Deployments);
            let it = &mut self.nomad.deployments[number];
            (it.modify_index, it.changed) = (index, self.now);
            self.publish_deployment(number, ALLOCATION_UPDATED);
        }
    }

    pub(super) fn check_deployment(&mut self, number: usize) {
        let deployment = &self.nomad.deployments[number];
        if !deployment.status.is_active() {
            return;
        }
        let groups = self.plan.jobs[deployment.job].groups.clone();
        let mut groups = groups.map(|group| &self.nomad.groups[group]).zip(&deployment.desired);
        let healthy = groups.all(|(group, desired)| group.serving >= *desired);
        if healthy && self.now >= deployment.proven_at {
            self.end_deployment(number, DeploymentStatus::Successful);
        } else if self.now >= deployment.progress_by {
            self.end_deployment(number, DeploymentStatus::Failed);
        }
    }

    fn end_deployment(&mut self, number: usize, status: DeploymentStatus) {
        let ended_with = self.deployed_groups(number);
        let index = self.nomad_changed(Topic::Deployments);
        let it = &mut self.nomad.deployments[number];
        (it.status, it.modify_index, it.ended_with) = (status, index, Some(ended_with));
        it.changed = self.now;
        self.publish_deployment(number, PLAN_RESULT);
        let job = self.plan.jobs[self.nomad.deployments[number].job].key.clone();
        self.note(|| format!("deployment of {job} is {status:?}").to_lowercase());
    }

    /// What the groups of a deployment come to now, or came to when it ended.
    pub(super) fn deployed_groups(&self, number: usize) -> Vec<DeployedGroup> {
        let it = &self.nomad.deployments[number];
        it.ended_with.clone().unwrap_or_else(|| {
            let groups = self.plan.jobs[it.job].groups.clone().map(|group| &self.nomad.groups[group]);
            groups
                .zip(&it.desired)
                .map(|(group, desired)| DeployedGroup {
                    desired: *desired,
                    placed: group.allocations.len(),
                    healthy: group.serving,
                })
                .collect()
        })
    }
}
