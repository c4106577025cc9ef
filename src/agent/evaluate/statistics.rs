//! Samples of a group's running allocations (J7). They cost a call each, so the calls of all groups together are bounded: what
//! is watched and what is done come first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::agent::act::Need;
use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::decide::Sample;
use crate::domain::{Allocation, GroupKey, Monotonic, NodeId, Resource};
use crate::ports::{Clock, Nomad, PortError, Ports, timeout};

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
    /// One sample for each running allocation, in their order.
    pub(super) async fn samples(&self, key: &GroupKey, running: &[Arc<Allocation>]) -> Vec<Sample> {
        let asked = join_all(running.iter().map(|allocation| self.sample(allocation))).await;
        let now = self.ports.clock().monotonic();
        for (allocation, (sample, _)) in running.iter().zip(&asked) {
            if let Some(stats) = &sample.stats {
                self.silent_clients.borrow_mut().note(&allocation.node, stats.collected, now);
            }
        }
        let all_failed = asked.iter().all(|(sample, _)| sample.stats.is_none());
        let mut samples = Vec::with_capacity(asked.len());
        let mut failed = None;
        for (sample, error) in asked {
            failed = failed.or(error);
            samples.push(sample);
        }
        if let Some(error) = failed.filter(|_| all_failed) {
            // One that fails is nothing unusual: its allocation may just be stopping.
            let resource = Resource::Group(key.clone());
            self.trouble(&resource, format_args!("no statistics of any of its {} allocations: {error}", samples.len()));
        }
        samples
    }

    async fn sample(&self, allocation: &Allocation) -> (Sample, Option<PortError>) {
        let _place = self.statistics.take(|| AT_ONCE, Need::default()).await;
        let clock = self.ports.clock();
        let answer = if self.deaf_clients.borrow().may_be_asked(&allocation.node, clock.monotonic()) {
            let answer = timeout(clock, DEADLINE, self.ports.nomad().allocation_stats(&allocation.id)).await;
            self.deaf_clients.borrow_mut().note(&allocation.node, answer.is_some(), clock.monotonic());
            answer
        } else {
            None
        };
        let (stats, error) = match answer {
            Some(Ok(stats)) => (Some(stats), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        (Sample { shares: allocation.tasks.clone(), stats }, error)
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
