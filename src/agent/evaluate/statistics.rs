//! Samples of a group's running allocations (J7). They cost a call each, so the calls of all groups together are bounded: what
//! is watched and what is done come first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::agent::act::Need;
use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::agent::watch::ManagedGroup;
use crate::decide::{GroupObservation, Sample, observe_group};
use crate::domain::{Allocation, AllocationStats, GroupKey, Job, Monotonic, NodeId, Resource, TaskGroup, TaskName};
use crate::ports::{Clock, InTurn, Nomad, PortError, Ports, StatsAnswer, timeout};

/// How many statistics may be asked for at once, of all groups together. Nomad's servers take 100 connections of a client.
const AT_ONCE: usize = 32;
/// How long a client may take to answer with statistics, before they count as missing (J12).
const DEADLINE: Duration = Duration::from_secs(5);
/// How long one that let its time pass is left alone. Servers wait half a minute for a client that is cut off, and each call to
/// it would hold a place that others' statistics need.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// Clients that did not answer in time.
#[derive(Debug, Default)]
pub(in crate::agent) struct DeafClients {
    until: BTreeMap<NodeId, Monotonic>,
}

impl DeafClients {
    fn may_be_asked(&self, client: &NodeId, now: Monotonic) -> bool {
        self.until.get(client).is_none_or(|until| *until <= now)
    }

    fn note(&mut self, client: &NodeId, answered: bool, now: Monotonic) {
        self.until.retain(|_, until| *until > now);
        if answered {
            self.until.remove(client);
        } else {
            self.until.insert(client.clone(), now + LEFT_ALONE);
        }
    }
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// What is seen of a group (J7): averages over its running allocations.
    pub(super) async fn usage(
        &self,
        key: &GroupKey,
        managed: &ManagedGroup,
        running: &Arc<[Arc<Allocation>]>,
    ) -> Option<GroupObservation> {
        let answers = self.ports.nomad().statistics(running, self).await;
        self.note_silent_clients(running, &answers);
        let group = managed.group(key)?;
        let mut all_seen = self.seen.borrow_mut();
        let ignored = &managed.policy.ignore_tasks;
        let fresh = || Seen::of(managed.job.clone(), (group, ignored), running.clone(), answers.clone());
        let seen = all_seen.entry(key.clone()).or_insert_with(fresh);
        if !seen.is_of(&managed.job, running, &answers) {
            *seen = fresh();
        }
        let (observation, failed) = (seen.observation.clone(), seen.failed.clone());
        drop(all_seen);
        if let Some(error) = failed {
            // One that fails is nothing unusual: its allocation may just be stopping.
            let resource = Resource::Group(key.clone());
            self.trouble(&resource, format_args!("no statistics of any of its {} allocations: {error}", running.len()));
        }
        Some(observation)
    }

    fn note_silent_clients(&self, running: &[Arc<Allocation>], answers: &[StatsAnswer]) {
        let mut clients = self.silent_clients.borrow_mut();
        let collects = |answer: &StatsAnswer| !matches!(answer, Some(Ok(stats)) if !stats.collected);
        if clients.is_empty() && answers.iter().all(collects) {
            return;
        }
        let now = self.ports.clock().monotonic();
        for (allocation, answer) in running.iter().zip(answers) {
            if let Some(Ok(stats)) = answer {
                clients.note(&allocation.node, stats.collected, now);
            }
        }
    }

    /// Forgets what was seen of groups that are gone.
    pub(in crate::agent) fn forget_seen(&self, kept: &BTreeSet<Resource>) {
        self.seen.borrow_mut().retain(|key, _| kept.contains(&Resource::Group(key.clone())));
    }
}

impl<P: Ports, O: Observer> InTurn for Term<'_, P, O> {
    async fn each<'a, F>(&self, of: &'a [Arc<Allocation>], call: impl Fn(&'a Allocation) -> F) -> Vec<StatsAnswer>
    where
        F: Future<Output = Result<AllocationStats, PortError>>,
    {
        let clock = self.ports.clock();
        let ask = async |allocation: &'a Arc<Allocation>| {
            let _place = self.statistics.take(|| AT_ONCE, Need::default()).await;
            if !self.deaf_clients.borrow().may_be_asked(&allocation.node, clock.monotonic()) {
                return None;
            }
            let answer = timeout(clock, DEADLINE, call(allocation)).await;
            self.deaf_clients.borrow_mut().note(&allocation.node, answer.is_some(), clock.monotonic());
            Some(answer?.map(Arc::new))
        };
        join_all(of.iter().map(ask)).await
    }
}

/// What was seen of a group, and of what: where nothing of that is new, nothing needs to be worked out.
#[derive(Debug)]
pub(in crate::agent) struct Seen {
    job: Arc<Job>,
    running: Arc<[Arc<Allocation>]>,
    answers: Arc<[StatsAnswer]>,
    observation: GroupObservation,
    /// Why there are no statistics of any of its allocations, where there is not one and a call failed.
    failed: Option<PortError>,
}

/// The statistics, where there are any.
fn stats_of(answer: &StatsAnswer) -> Option<&AllocationStats> {
    answer.as_ref()?.as_deref().ok()
}

impl Seen {
    fn of(
        job: Arc<Job>,
        (group, ignored): (&TaskGroup, &BTreeSet<TaskName>),
        running: Arc<[Arc<Allocation>]>,
        answers: Arc<[StatsAnswer]>,
    ) -> Self {
        let samples = running.iter().zip(&*answers);
        let samples = samples.map(|(allocation, answer)| Sample { shares: &allocation.tasks, stats: stats_of(answer) });
        let observation = observe_group(group, ignored, samples);
        let all_failed = answers.iter().all(|answer| stats_of(answer).is_none());
        let failed = answers.iter().find_map(|answer| answer.as_ref()?.as_ref().err().cloned());
        Self { observation, failed: failed.filter(|_| all_failed), job, running, answers }
    }

    /// Whether it is of just these: the same in memory, so that none was exchanged meanwhile.
    fn is_of(&self, job: &Arc<Job>, running: &Arc<[Arc<Allocation>]>, answers: &Arc<[StatsAnswer]>) -> bool {
        Arc::ptr_eq(&self.job, job) && Arc::ptr_eq(&self.running, running) && Arc::ptr_eq(&self.answers, answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j12_a_client_that_lets_its_time_pass_is_left_alone_for_a_while() {
        let at = |second| Monotonic::at(Duration::from_secs(second));
        let mut clients = DeafClients::default();
        let (deaf, fine) = ("a".into(), "b".into());
        assert!(clients.may_be_asked(&deaf, at(0)));
        clients.note(&deaf, false, at(5));
        clients.note(&fine, true, at(5));
        assert!(!clients.may_be_asked(&deaf, at(34)) && clients.may_be_asked(&fine, at(34)));
        assert!(clients.may_be_asked(&deaf, at(35)), "it may have come back");
        clients.note(&deaf, true, at(36));
        assert!(clients.may_be_asked(&deaf, at(36)));
    }
}
