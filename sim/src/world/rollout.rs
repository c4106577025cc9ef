//! Deployments: begun by a change of a job with `update`, ended by health or by want of progress.

use replicator::domain::DeploymentStatus;

use super::nomad::{SimDeployment, uuid};
use super::{Happening, Topic, World};

impl World {
    /// Begins the deployment of a changed job, if it has deployments. A running one is cancelled.
    pub(super) fn begin_deployment(&mut self, job: usize) -> Option<usize> {
        let update = self.plan.jobs[job].update?;
        if let Some(running) = self.active_deployment(job) {
            self.end_deployment(running, DeploymentStatus::Cancelled);
        }
        let number = self.nomad.deployments.len();
        let create_index = self.nomad_changed(Topic::Deployments);
        let (proven_at, progress_by) = (self.now + update.min_healthy_time, self.now + update.progress_deadline);
        self.nomad.deployments.push(SimDeployment {
            id: uuid(4, number).into(),
            job,
            job_modify_index: self.nomad.jobs[job].modify_index,
            create_index,
            modify_index: create_index,
            status: DeploymentStatus::Running,
            proven_at,
            progress_by,
        });
        self.nomad.jobs[job].deployment = Some(number);
        self.schedule(proven_at, Happening::DeploymentIsDue(number));
        self.schedule(progress_by, Happening::DeploymentIsDue(number));
        Some(number)
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
        self.schedule(progress_by, Happening::DeploymentIsDue(number));
        self.check_deployment(number);
    }

    pub(super) fn check_deployment(&mut self, number: usize) {
        let deployment = &self.nomad.deployments[number];
        if !deployment.status.is_active() {
            return;
        }
        let groups = self.plan.jobs[deployment.job].groups.clone();
        let healthy = groups.map(|group| &self.nomad.groups[group]).all(|group| group.serving >= group.count);
        if healthy && self.now >= deployment.proven_at {
            self.end_deployment(number, DeploymentStatus::Successful);
        } else if self.now >= deployment.progress_by {
            self.end_deployment(number, DeploymentStatus::Failed);
        }
    }

    fn end_deployment(&mut self, number: usize, status: DeploymentStatus) {
        self.nomad.deployments[number].status = status;
        self.nomad.deployments[number].modify_index = self.nomad_changed(Topic::Deployments);
        let job = self.plan.jobs[self.nomad.deployments[number].job].key.clone();
        self.note(|| format!("deployment of {job} is {status:?}").to_lowercase());
    }
}
