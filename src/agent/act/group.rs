//! What can be seen of a change of count: the job, its deployment, and the evaluation that carries the change out. All of it
//! is asked of the servers' leader.

use std::time::Duration;

use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::domain::{Deployment, DeploymentId, DeploymentStatus, Evaluation, EvaluationStatus, GroupKey};
use crate::operation::{GroupPhase, GroupScale, GroupSight, Rollout};
use crate::ports::{ErrorKind, Nomad, PortError, Ports};

/// How long to wait for the evaluation of a change whose answer was lost, before taking it that there is no
/// deployment.
const EVALUATION_GRACE: Duration = Duration::from_secs(30);

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(super) async fn look_at_group(
        &self,
        key: &GroupKey,
        work: &GroupScale,
        in_phase: Duration,
    ) -> Result<GroupSight, PortError> {
        let nomad = self.ports.nomad();
        let job = match nomad.job(&key.job).await {
            Ok(job) if job.summary.stopped => None,
            Ok(job) => job.group(&key.group).map(|group| (group.count, job.summary.modify_index)),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // The evaluation first: a deployment that it names is there by then.
        let evaluation = self.look_at_evaluation(key, &work.phase).await?;
        let latest = nomad.latest_deployment(&key.job).await?;
        let named = |id: &DeploymentId| self.views.borrow().deployment(id);
        let rollout = rollout(&work.phase, evaluation.as_ref(), latest.as_ref(), named, in_phase);
        let policy = self.views.borrow().group(key).map(|managed| managed.policy.clone());
        let mut sight = GroupSight {
            job,
            deploying: latest.as_ref().is_some_and(|deployment| deployment.status.is_active()),
            rollout,
            hang: latest.as_ref().and_then(|deployment| deployment.hang),
            lacks_room: false,
            ailing: None,
            withdrawn: policy.is_none_or(|policy| !policy.enabled),
            in_phase,
        };
        if matches!(work.phase, GroupPhase::Following { .. }) && sight.looks_bad() {
            // Only now: who is to blame, and whether anybody is.
            sight.lacks_room = nomad.blocked().await?.iter().any(|blocked| blocked.group == *key);
            sight.ailing = nomad.ailing(key).await?;
        }
        Ok(sight)
    }

    /// The evaluation that carries a change out, where it is known and not yet collected as garbage.
    async fn look_at_evaluation(&self, key: &GroupKey, phase: &GroupPhase) -> Result<Option<Evaluation>, PortError> {
        let GroupPhase::Following { evaluation: Some(id), .. } = phase else { return Ok(None) };
        match self.ports.nomad().evaluation(&key.job, id).await {
            Ok(evaluation) => Ok(Some(evaluation)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How far Nomad has carried out the change: by its evaluation, or, where the answer that named it was lost, or the evaluation
/// was collected as garbage or cancelled in favour of a newer one, by the job's latest deployment.
fn rollout(
    phase: &GroupPhase,
    evaluation: Option<&Evaluation>,
    latest: Option<&Deployment>,
    named: impl Fn(&DeploymentId) -> Option<DeploymentStatus>,
    in_phase: Duration,
) -> Rollout {
    let GroupPhase::Following { modify_index, .. } = phase else { return Rollout::Evaluating };
    let made = latest.filter(|deployment| deployment.job_modify_index >= *modify_index);
    let made = made.map(|deployment| Rollout::Deployment(deployment.status));
    match evaluation.map(|evaluation| (evaluation.status, &evaluation.deployment)) {
        None | Some((EvaluationStatus::Cancelled, _)) => {
            let unseen = if in_phase < EVALUATION_GRACE { Rollout::Evaluating } else { Rollout::NoDeployment };
            made.unwrap_or(unseen)
        }
        Some((EvaluationStatus::Pending, _)) => Rollout::Evaluating,
        Some((EvaluationStatus::Failed, _)) => Rollout::EvaluationFailed,
        Some((EvaluationStatus::Complete, None)) => made.unwrap_or(Rollout::NoDeployment),
        Some((EvaluationStatus::Complete, Some(id))) => {
            let newest = latest.filter(|latest| latest.id == *id).map(|latest| latest.status);
            // Named and not seen yet is not "none".
            newest.or_else(|| named(id)).map_or(Rollout::Evaluating, Rollout::Deployment)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::deployment;

    const LONG: Duration = Duration::from_mins(2);

    fn following() -> GroupPhase {
        GroupPhase::Following { evaluation: Some("e".into()), modify_index: 7 }
    }

    fn evaluation(status: EvaluationStatus, made: Option<&str>) -> Evaluation {
        Evaluation { id: "e".into(), status, deployment: made.map(Into::into), modified: None }
    }

    fn latest(id: &str, job_modify_index: u64, status: DeploymentStatus) -> Deployment {
        Deployment { job_modify_index, ..deployment(id, 1, status) }
    }

    #[test]
    fn j16_j17_the_evaluation_tells_how_far_a_change_is() {
        use DeploymentStatus::{Failed, Running, Successful};
        use EvaluationStatus::{Cancelled, Complete, Pending};
        let ours = latest("d", 7, Running);
        let old = latest("old", 3, Successful);
        let seen = |id: &DeploymentId| (id.as_str() == "d").then_some(Failed);
        let cases = [
            (Some(evaluation(Pending, None)), None, Rollout::Evaluating),
            (Some(evaluation(EvaluationStatus::Failed, None)), Some(&ours), Rollout::EvaluationFailed),
            (Some(evaluation(Complete, None)), None, Rollout::NoDeployment),
            (Some(evaluation(Complete, None)), Some(&old), Rollout::NoDeployment),
            (Some(evaluation(Complete, None)), Some(&ours), Rollout::Deployment(Running)),
            (Some(evaluation(Complete, Some("d"))), Some(&ours), Rollout::Deployment(Running)),
            (Some(evaluation(Complete, Some("d"))), Some(&old), Rollout::Deployment(Failed)),
            (Some(evaluation(Complete, Some("x"))), Some(&old), Rollout::Evaluating),
            (Some(evaluation(Cancelled, None)), Some(&ours), Rollout::Deployment(Running)),
            (Some(evaluation(Cancelled, None)), Some(&old), Rollout::NoDeployment),
            (None, Some(&ours), Rollout::Deployment(Running)),
            (None, Some(&old), Rollout::NoDeployment),
        ];
        for (evaluation, latest, expected) in cases {
            let found = rollout(&following(), evaluation.as_ref(), latest, seen, LONG);
            assert_eq!(found, expected, "{evaluation:?} {latest:?}");
        }
        for evaluation in [None, Some(evaluation(Cancelled, None))] {
            let just_now = rollout(&following(), evaluation.as_ref(), None, seen, Duration::ZERO);
            assert_eq!(just_now, Rollout::Evaluating, "what cannot be seen yet is not none");
        }
        assert_eq!(rollout(&GroupPhase::Scaling, None, Some(&ours), seen, LONG), Rollout::Evaluating);
    }
}
