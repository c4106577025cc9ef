//! What happens when: an event heap. Of two things at the same moment, the one that was scheduled first goes first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::task::Waker;

use replicator::domain::SessionId;

use crate::time::Millis;

/// Something that happens. Numbers are indices into the world's tables.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A sleep or a wait of an agent is over.
    Wake(Waker),
    /// Load changes, and everything is recorded.
    Tick,
    /// The scheduler takes up an evaluation.
    Evaluate(usize),
    /// An allocation starts to run.
    AllocationStarts(usize),
    /// An allocation has run long enough to be healthy.
    AllocationTurnsHealthy(usize),
    /// A batch allocation is done.
    AllocationCompletes(usize),
    /// An allocation that was told to stop has stopped.
    AllocationStopped(usize),
    /// What was left of an allocation that has ended is gone too.
    AllocationIsGone(usize),
    /// The deadline of a node's drain may be over.
    DrainIsDue(usize),
    /// A deployment may have ended, one way or the other.
    DeploymentIsDue(usize),
    /// An Auto Scaling group compares what it has with what it should have.
    GroupReconciles(usize),
    /// An instance is in service.
    InstanceInService(usize),
    /// The node of an instance joins Nomad.
    NodeJoins(usize),
    /// What a client was told of its meta reaches the servers.
    MetadataArrives(usize),
    /// An allocation that its servers have not heard of for long counts as lost.
    UnknownIsLost(usize),
    /// Nomad has missed the heartbeats of a node.
    NodeMissed(usize),
    /// An instance that was shutting down is terminated.
    InstanceGone(usize),
    /// An Auto Scaling group notices that a member died.
    GroupNotices(usize),
    /// An instance has been detached.
    InstanceDetached(usize),
    /// A session's time is up, unless it was renewed.
    SessionExpires(SessionId),
    /// An agent that crashed is started again.
    AgentStarts(usize),
    /// An event of the scenario begins.
    FaultBegins(usize),
    /// An event of the scenario is over.
    FaultEnds(usize),
}

/// The heap.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    pushed: u64,
}

#[derive(Debug)]
struct Entry {
    at: Millis,
    number: u64,
    happening: Happening,
}

impl Queue {
    pub(super) fn push(&mut self, at: Millis, happening: Happening) {
        self.heap.push(Reverse(Entry { at, number: self.pushed, happening }));
        self.pushed += 1;
    }

    /// When the next thing happens, if it does by `end`.
    pub(super) fn next_until(&self, end: Millis) -> Option<Millis> {
        Some(self.heap.peek()?.0.at).filter(|at| *at <= end)
    }

    /// The next thing that happens, if it does by `end`.
    pub(super) fn pop_until(&mut self, end: Millis) -> Option<(Millis, Happening)> {
        self.next_until(end)?;
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.happening))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_time_and_then_by_the_order_of_scheduling() {
        let mut queue = Queue::default();
        for (at, number) in [(5, 0), (3, 1), (5, 2), (3, 3), (9, 4)] {
            queue.push(Millis(at), Happening::FaultBegins(number));
        }
        let mut order = Vec::new();
        while let Some((at, Happening::FaultBegins(number))) = queue.pop_until(Millis(8)) {
            order.push((at.0, number));
        }
        assert_eq!(order, [(3, 1), (3, 3), (5, 0), (5, 2)], "and nothing after the end");
    }
}
