//! Samples of a group's running allocations (J7). They cost a call each, so the calls of all groups together are bounded: what
//! is watched and what is done come first.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::agent::act::Need;
use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::decide::Sample;
use crate::domain::{Allocation, GroupKey, Resource};
use crate::ports::{Clock, Nomad, PortError, Ports, timeout};

/// How many statistics may be asked for at once, of all groups together. Nomad's servers take 100 connections of a client.
const AT_ONCE: usize = 32;
/// How long a client may take to answer with statistics, before they count as missing (J12).
const DEADLINE: Duration = Duration::from_secs(5);

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
        let stats = self.ports.nomad().allocation_stats(&allocation.id);
        let answer = timeout(self.ports.clock(), DEADLINE, stats).await;
        let (stats, error) = match answer {
            Some(Ok(stats)) => (Some(stats), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        (Sample { shares: allocation.tasks.clone(), stats }, error)
    }
}
