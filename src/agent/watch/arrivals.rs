//! Capacity on its way (P32): members that are not nodes yet, and members still to be launched. Each counts until its deadline;
//! after that it is nothing to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{InstanceId, Monotonic, PoolName, PoolSnapshot};

/// How long something may be on its way: to be launched, and to join.
const DEADLINE: Duration = Duration::from_mins(10);

/// What a member of a pool is to Nomad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::agent) enum Standing {
    /// Its node takes work.
    Serves,
    /// Its node is there, and somebody keeps it out of work.
    KeptOut,
    /// It has no node yet, or its node is down: it will come, or be replaced.
    Comes,
}

/// Since when what is on its way is.
#[derive(Debug, Default)]
pub(in crate::agent) struct Arrivals {
    since: BTreeMap<(PoolName, Awaited), Monotonic>,
    /// Pools of which nothing was on its way, and what that was seen from: of the same, it is so still.
    complete: BTreeMap<PoolName, Seen>,
}

/// A pool, and the version of the nodes that were known then.
pub(in crate::agent) type Seen = (Arc<PoolSnapshot>, u64);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Awaited {
    /// A member without a node that takes work.
    Member(InstanceId),
    /// The n-th member that is still to be launched.
    Launch(u32),
}

impl Arrivals {
    /// How many nodes are on their way. `unknown` members cannot be told to have a node, although so many nodes of the pool do
    /// not know their instance.
    pub(in crate::agent) fn coming(
        &mut self,
        pool: &PoolName,
        seen: &Seen,
        standing: impl Fn(&InstanceId) -> Standing,
        nameless_nodes: usize,
        now: Monotonic,
    ) -> u32 {
        let (snapshot, nodes) = seen;
        let is_same = |known: &Seen| Arc::ptr_eq(&known.0, snapshot) && known.1 == *nodes;
        if self.complete.get(pool).is_some_and(is_same) {
            return 0;
        }
        let serving: Vec<&InstanceId> = snapshot.serving().map(|member| &member.id).collect();
        let without: Vec<&InstanceId> =
            serving.iter().copied().filter(|id| standing(id) == Standing::Comes).skip(nameless_nodes).collect();
        let present = u32::try_from(serving.len()).unwrap_or(u32::MAX);
        let to_launch = snapshot.desired.saturating_sub(present);
        let members = without.into_iter().cloned().map(Awaited::Member);
        let awaited: BTreeSet<Awaited> = members.chain((0..to_launch).map(Awaited::Launch)).collect();
        self.since.retain(|(of, it), _| of != pool || awaited.contains(it));
        if awaited.is_empty() {
            self.complete.insert(pool.clone(), seen.clone());
            return 0;
        }
        let mut coming = 0_u32;
        for it in awaited {
            let since = *self.since.entry((pool.clone(), it)).or_insert(now);
            coming += u32::from(now.since(since) < DEADLINE);
        }
        coming
    }

    /// Forgets pools that are gone.
    pub(in crate::agent) fn retain(&mut self, keep: impl Fn(&PoolName) -> bool) {
        self.since.retain(|(pool, _), _| keep(pool));
        self.complete.retain(|pool, _| keep(pool));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Lifecycle;
    use crate::testing::{member, snapshot};

    fn at(minute: u64) -> Monotonic {
        Monotonic::at(Duration::from_mins(minute))
    }

    fn seen(group: &PoolSnapshot) -> Seen {
        (Arc::new(group.clone()), 0)
    }

    /// `a` and `b` serve; `x` is kept out; all else has no node.
    fn standing(id: &InstanceId) -> Standing {
        match id.as_str() {
            "a" | "b" => Standing::Serves,
            "x" => Standing::KeptOut,
            _ => Standing::Comes,
        }
    }

    #[test]
    fn p32_what_is_launched_or_to_be_launched_comes_until_its_deadline() {
        let pool = PoolName::from("p");
        let mut arrivals = Arrivals::default();
        let mut coming = |group: &PoolSnapshot, minute| arrivals.coming(&pool, &seen(group), standing, 0, at(minute));
        assert_eq!(coming(&snapshot(&["a", "b"]), 0), 0);
        assert_eq!(coming(&snapshot(&["a", "b", "x"]), 0), 0, "what somebody keeps out is not on its way");
        let dead = snapshot(&["a", "b", "c", "d"]);
        assert_eq!(coming(&dead, 1), 2, "their nodes are down: they will be replaced");
        let replacing = PoolSnapshot { desired: 4, ..snapshot(&["a", "b", "e"]) };
        assert_eq!(coming(&replacing, 2), 2, "one is launched, one is to be");
        assert_eq!(coming(&replacing, 11), 2);
        assert_eq!(coming(&replacing, 12), 0, "nothing came of it");
        let another = PoolSnapshot { desired: 4, ..snapshot(&["a", "b", "f"]) };
        assert_eq!(coming(&another, 12), 1, "another one has its own time");
    }

    #[test]
    fn p32_members_that_are_about_to_go_do_not_come() {
        let mut group = snapshot(&["a", "b"]);
        for lifecycle in [Lifecycle::Terminating, Lifecycle::Standby, Lifecycle::Warmed, Lifecycle::Detaching] {
            group.instances.push(member(&format!("{lifecycle:?}"), lifecycle));
        }
        assert_eq!(Arrivals::default().coming(&"p".into(), &seen(&group), standing, 0, at(0)), 0);
    }

    #[test]
    fn p32_nodes_that_do_not_know_their_instance_are_not_awaited_twice() {
        let group = snapshot(&["a", "c", "d"]);
        assert_eq!(Arrivals::default().coming(&"p".into(), &seen(&group), standing, 1, at(0)), 1);
        assert_eq!(Arrivals::default().coming(&"p".into(), &seen(&group), standing, 5, at(0)), 0);
        let mut arrivals = Arrivals::default();
        arrivals.coming(&"p".into(), &seen(&group), standing, 0, at(0));
        arrivals.retain(|_| false);
        assert!(arrivals.since.is_empty());
    }
}
