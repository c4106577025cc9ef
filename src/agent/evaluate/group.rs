//! One evaluation of a task group: observe, decide, begin; or follow what is under way. Rules J6 to J18.

use std::sync::Arc;

use crate::agent::act::{Ground, Intent, Need, Subject};
use crate::agent::tell::{Concern, Event, Matter, Observer};
use crate::agent::term::Term;
use crate::agent::watch::ManagedGroup;
use crate::decide::{Case, Decision, GroupObservation, Step, TaskObservation, Verdict, decide_group};
use crate::domain::{GroupKey, Resource};
use crate::operation::{GroupPhase, GroupScale, Work};
use crate::ports::{Clock, Ports};

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(super) async fn evaluate_group(&self, key: &GroupKey, resource: &Resource) {
        let path = self.path_of(resource);
        let Some(stored) = self.stored(resource, &path) else { return };
        let managed = self.views.borrow().group(key).cloned();
        let mut subject = Subject { resource, path: &path, stored, need: Need::UNDER_WAY };
        self.tend_alert(&mut subject).await;
        self.show_state(&subject);
        if subject.stored.state.operation.is_some() {
            // Boxes for what is rare: every evaluation would carry the room for it.
            Box::pin(self.advance(Ground::Group(key), &mut subject)).await;
            if let Some(managed) = managed {
                Box::pin(self.follow_meanwhile(key, &managed)).await;
            }
        } else if let Some(managed) = managed {
            self.consider_group(key, &managed, &mut subject).await;
        }
    }

    async fn consider_group(&self, key: &GroupKey, managed: &ManagedGroup, subject: &mut Subject<'_>) {
        let policy = &*managed.policy.at(self.ports.clock().wall());
        if policy.enabled && !self.introduce(subject, Vec::new()).await {
            return;
        }
        self.note_free(key);
        let Some(observation) = self.observe(key, managed).await else { return };
        self.tell_silent_clients();
        let standing = if policy.enabled {
            self.standing(subject.path, &subject.stored.state, policy.cooldown)
        } else {
            self.shadow_standing(subject, policy.cooldown)
        };
        let decision = decide_group(key, &observation, policy, &standing);
        self.weigh(&|| Case::Group {
            key: key.clone(),
            observation: observation.clone(),
            policy: policy.clone(),
            standing,
        });
        let decision = Arc::new(decision);
        self.tell(&Event::Decided(decision.clone()));
        self.concern(subject.resource, concerns(&observation, &decision));
        match decision.verdict {
            Verdict::Act(step) => {
                subject.need = Need::of(&decision);
                if Box::pin(self.begin_on_group(managed, &decision, step, subject)).await {
                    self.note_asked(key, step);
                    Box::pin(self.advance(Ground::Group(key), subject)).await;
                }
            }
            Verdict::WouldAct(_) => self.note_in_shadow(subject, &decision),
            Verdict::Undecided => {
                self.tell(&Event::Undecided { resource: subject.resource.clone(), why: why_undecided(&observation) });
            }
            Verdict::Stay | Verdict::Hold(..) => {}
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

    /// Samples every running allocation (J7), and follows how the use goes. Nothing, where the group has gone meanwhile.
    pub(super) async fn observe(&self, key: &GroupKey, managed: &ManagedGroup) -> Option<GroupObservation> {
        let running = self.views.borrow().running(key);
        let mut seen = self.usage(key, managed, &running).await?;
        let views = self.views.borrow();
        (seen.deploying, seen.hang) = (views.is_deploying(&key.job), views.hang(&key.job));
        self.follow_use(key, managed, &mut seen);
        Some(seen)
    }
}

/// What an operator would want to know of a group, if it lasts (S16).
fn concerns(observation: &GroupObservation, decision: &Decision) -> Vec<Concern> {
    let mut concerns = Concern::of(decision);
    if observation.running == 0 && observation.count > 0 {
        let words =
            format!("none of the {} allocations that it should have runs: nothing can be decided", observation.count);
        concerns.push(Concern { matter: Matter::NothingRuns, words });
    }
    concerns.extend(unmeasured(observation).map(|words| Concern { matter: Matter::Unmeasured, words }));
    concerns
}

/// What the drivers of its tasks do not measure, if there is such a thing.
fn unmeasured(observation: &GroupObservation) -> Option<String> {
    let of_task = |task: &TaskObservation| {
        let (what, rest) = match (task.cpu.unmeasured, task.memory.unmeasured) {
            (true, _) => ("CPU", "memory"),
            (_, true) => ("memory", "CPU"),
            _ => return None,
        };
        Some(format!("the driver of task {} measures no {what}: it is scaled by its {rest} alone", task.task))
    };
    let words: Vec<String> = observation.tasks.iter().filter_map(of_task).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Why there is nothing to decide on.
fn why_undecided(observation: &GroupObservation) -> String {
    let GroupObservation { running, uncollected, .. } = *observation;
    match (running, uncollected) {
        (0, _) => "none of its allocations runs".to_owned(),
        (_, 0) => format!("there are no statistics of any of its {running} running allocations"),
        _ => format!(
            "{uncollected} of its {running} running allocations are on clients that collect no statistics, and the others told \
             nothing"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::TaskAverage;

    fn decision(verdict: Verdict) -> Decision {
        let resource = Resource::Group(crate::testing::group_key("web", "g"));
        Decision { resource, verdict, findings: vec![], scalein_requests: 0, scaleout_requests: 0 }
    }

    fn observation(running: usize) -> GroupObservation {
        GroupObservation { count: 3, running, ..GroupObservation::default() }
    }

    #[test]
    fn s16_why_nothing_was_decided_is_told() {
        let why = |running, uncollected| why_undecided(&GroupObservation { uncollected, ..observation(running) });
        assert_eq!(why(0, 0), "none of its allocations runs");
        assert!(why(3, 0).starts_with("there are no statistics of any of its 3"));
        assert!(why(3, 2).starts_with("2 of its 3 running allocations are on clients that collect no statistics"));
    }

    #[test]
    fn j12_what_a_driver_does_not_measure_is_named() {
        let average = |unmeasured| TaskAverage { unmeasured, ..TaskAverage::default() };
        let task = |cpu, memory| TaskObservation { task: "t".into(), cpu: average(cpu), memory: average(memory) };
        let told = |task| {
            let seen = GroupObservation { tasks: vec![task], ..observation(3) };
            concerns(&seen, &decision(Verdict::Stay)).pop().map(|concern| concern.words)
        };
        assert_eq!(told(task(false, false)), None);
        let memory = told(task(false, true)).unwrap();
        assert_eq!(memory, "the driver of task t measures no memory: it is scaled by its CPU alone");
        assert!(told(task(true, false)).unwrap().contains("measures no CPU: it is scaled by its memory alone"));
    }

    #[test]
    fn s16_a_group_of_which_nothing_runs_is_named() {
        let found = concerns(&observation(0), &decision(Verdict::Undecided));
        assert_eq!(found.iter().map(|it| it.matter).collect::<Vec<_>>(), [Matter::NothingRuns]);
        let none_wanted = GroupObservation { count: 0, ..observation(0) };
        assert_eq!(concerns(&none_wanted, &decision(Verdict::Undecided)), []);
    }
}
