//! One evaluation of a task group: observe, decide, begin; or follow what is under way. Rules J6 to J18.

use std::time::Duration;

use futures_util::future::join_all;

use super::event::{Event, Observer};
use super::progress::{Intent, MOVES_PER_EVALUATION, Subject};
use super::term::Term;
use super::views::ManagedGroup;
use crate::decide::{Case, Decision, GroupObservation, Step, Stop, Verdict, decide_group, observe_group};
use crate::domain::{AllocationStats, Deployment, Evaluation, EvaluationStatus, GroupKey, Resource};
use crate::operation::{GroupPhase, GroupScale, GroupSight, Rollout, Situation, Work};
use crate::ports::{ErrorKind, Nomad, PortError, Ports, timeout};

/// How many statistics may be asked for at once, for one group.
const STATISTICS_AT_ONCE: usize = 20;
/// How long a client may take to answer with statistics, before they count as missing (J12).
const STATISTICS_DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait for the evaluation of a change whose answer was lost, before taking it that there is no
/// deployment.
const EVALUATION_GRACE: Duration = Duration::from_secs(30);

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(super) async fn evaluate_group(&self, key: &GroupKey, resource: &Resource) {
        let path = self.path_of(resource);
        let Some(stored) = self.stored(resource, &path) else { return };
        let managed = self.views.borrow().group(key).cloned();
        let mut subject = Subject { resource, path: &path, stored };
        self.tend_alert(&mut subject).await;
        if subject.stored.state.operation.is_some() {
            self.advance_group(key, &mut subject).await;
        } else if let Some(managed) = managed {
            self.consider_group(key, &managed, &mut subject).await;
        }
    }

    async fn consider_group(&self, key: &GroupKey, managed: &ManagedGroup, subject: &mut Subject<'_>) {
        let policy = &*managed.policy;
        if policy.enabled && !self.introduce(subject).await {
            return;
        }
        let Some(observation) = self.observe(key, managed).await else { return };
        let standing = if policy.enabled {
            self.standing(subject.path, &subject.stored.state)
        } else {
            self.shadow_standing(subject)
        };
        let mut decision = decide_group(key, &observation, policy, &standing);
        self.weigh(&|| Case::Group {
            key: key.clone(),
            observation: observation.clone(),
            policy: policy.clone(),
            standing,
        });
        let room = matches!(decision.verdict, Verdict::Act(_)).then(|| self.reserve());
        if let Some(Err(limit)) = room {
            decision = decision.hold(Stop::Concurrency { limit });
        }
        self.tell(&Event::Decided(decision.clone()));
        match decision.verdict {
            Verdict::Act(step) => {
                let begun = self.begin_on_group(managed, &decision, step, subject).await;
                drop(room);
                if begun {
                    self.advance_group(key, subject).await;
                }
            }
            Verdict::WouldAct(_) => self.note_in_shadow(subject, &decision),
            Verdict::Undecided | Verdict::Stay | Verdict::Hold(..) => {}
        }
    }

    async fn begin_on_group(
        &self,
        managed: &ManagedGroup,
        decision: &Decision,
        step: Step,
        subject: &mut Subject<'_>,
    ) -> bool {
        let (why, policy) = (decision.why(), &*managed.policy);
        let work = GroupScale {
            from: step.from,
            to: step.to,
            retry_threshold: policy.retry_threshold,
            message: format!("replicator: {why}"),
            decided_on: Some(managed.job.summary.modify_index),
            phase: GroupPhase::Scaling,
        };
        let intent = Intent { step, why, uid: &policy.notification_uid };
        self.begin(subject, Work::GroupScale(work), intent).await
    }

    /// Samples every running allocation (J7). Nothing, where the group has gone meanwhile.
    async fn observe(&self, key: &GroupKey, managed: &ManagedGroup) -> Option<GroupObservation> {
        let group = managed.group(key)?;
        let running = self.views.borrow().running(key);
        let mut samples: Vec<Option<AllocationStats>> = Vec::with_capacity(running.len());
        let mut failed = None;
        for some in running.chunks(STATISTICS_AT_ONCE) {
            let sample = some.iter().map(|id| {
                let stats = self.ports.nomad().allocation_stats(id);
                timeout(self.ports.clock(), STATISTICS_DEADLINE, stats)
            });
            for sample in join_all(sample).await {
                let sample = sample.transpose().unwrap_or_else(|error| {
                    failed.get_or_insert(error);
                    None
                });
                samples.push(sample);
            }
        }
        if let Some(error) = failed.filter(|_| samples.iter().all(Option::is_none)) {
            // One that fails is nothing unusual: its allocation may just be stopping.
            let resource = Resource::Group(key.clone());
            self.trouble(&resource, format_args!("no statistics of any of its {} allocations: {error}", samples.len()));
        }
        let deploying = self.views.borrow().is_deploying(&key.job);
        Some(observe_group(group, deploying, &samples))
    }

    /// Takes what is under way as far as it can be taken now.
    async fn advance_group(&self, key: &GroupKey, subject: &mut Subject<'_>) {
        for _ in 0..MOVES_PER_EVALUATION {
            let state = &subject.stored.state;
            let Some(operation) = state.operation.clone() else { return };
            let Work::GroupScale(work) = &operation.work else { return };
            if self.is_frozen(subject.path, state) {
                return;
            }
            let in_phase = self.in_phase(subject.path, &operation);
            let sight = match self.look_at_group(key, work, in_phase).await {
                Ok(sight) => sight,
                Err(error) => return self.trouble(subject.resource, error),
            };
            let next = self.move_on(subject.resource, &Situation::GroupScale { work: work.clone(), sight });
            if !self.carry_out(subject, next).await {
                return;
            }
        }
    }

    async fn look_at_group(
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
        let deploying = latest.as_ref().is_some_and(|deployment| deployment.status.is_active());
        let rollout = self.rollout(&work.phase, evaluation.as_ref(), latest.as_ref(), in_phase);
        Ok(GroupSight { job, deploying, rollout, in_phase })
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

    /// How far Nomad has carried out the change: by its evaluation, or, where the answer that named it was lost or
    /// the evaluation was collected as garbage, by the job's latest deployment.
    fn rollout(
        &self,
        phase: &GroupPhase,
        evaluation: Option<&Evaluation>,
        latest: Option<&Deployment>,
        in_phase: Duration,
    ) -> Rollout {
        let GroupPhase::Following { modify_index, .. } = phase else { return Rollout::Evaluating };
        let made = latest.filter(|deployment| deployment.job_modify_index >= *modify_index);
        let made = made.map(|deployment| Rollout::Deployment(deployment.status));
        // One that was cancelled left its work to a newer one.
        let heeded = evaluation.filter(|evaluation| evaluation.status != EvaluationStatus::Cancelled);
        let Some(evaluation) = heeded else {
            let unseen = if in_phase < EVALUATION_GRACE { Rollout::Evaluating } else { Rollout::NoDeployment };
            return made.unwrap_or(unseen);
        };
        match (evaluation.status, &evaluation.deployment) {
            (EvaluationStatus::Pending, _) => Rollout::Evaluating,
            (EvaluationStatus::Failed | EvaluationStatus::Cancelled, _) => Rollout::EvaluationFailed,
            (EvaluationStatus::Complete, None) => made.unwrap_or(Rollout::NoDeployment),
            (EvaluationStatus::Complete, Some(named)) => {
                let newest = latest.filter(|latest| latest.id == *named).map(|latest| latest.status);
                let status = newest.or_else(|| self.views.borrow().deployment(named));
                // Named and not seen yet is not "none".
                status.map_or(Rollout::Evaluating, Rollout::Deployment)
            }
        }
    }
}
