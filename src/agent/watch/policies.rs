//! Which of a pool's policies holds where its nodes disagree: the one whose *policy* changed last (P4), not the one whose
//! node did: a drain, a heartbeat or a switch of eligibility is no change of policy.
//!
//! The order in which policies were seen is part of the pool's state, so that the next leader goes by the same one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Meta, NodeId, PoolName};
use crate::policy::KEY_PREFIX;

/// How many policies of a pool are remembered.
const MOST_REMEMBERED: usize = 8;

/// Stands for a policy as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fingerprint(Arc<str>);

impl Fingerprint {
    /// Of the keys of ours in a node's `meta`, those from Consul included (FNV-1a, 64 bits).
    pub(super) fn of(meta: &Meta) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let ours = meta.iter().filter(|(key, _)| key.starts_with(KEY_PREFIX));
        let bytes = ours.flat_map(|(key, value)| key.bytes().chain([0]).chain(value.bytes()).chain([0]));
        let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        Self(format!("{hash:016x}").into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The order in which the policies of each pool were seen, the latest last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    order: BTreeMap<PoolName, Vec<Fingerprint>>,
    /// What each node said last.
    said: BTreeMap<NodeId, Fingerprint>,
}

impl Seen {
    /// Takes over what an earlier leader saw: it comes before what was seen since.
    pub(super) fn recall(&mut self, pool: &PoolName, remembered: &[String]) {
        let since = self.order.remove(pool).unwrap_or_default();
        let mut order: Vec<Fingerprint> = remembered.iter().map(|it| Fingerprint(it.as_str().into())).collect();
        let news: Vec<Fingerprint> = since.into_iter().filter(|it| !order.contains(it)).collect();
        order.extend(news);
        self.order.insert(pool.clone(), order);
    }

    /// Takes what the nodes of a pool say now, in the order in which they last changed, and answers which of it holds.
    pub(super) fn settle<'n>(
        &mut self,
        pool: &PoolName,
        nodes: impl Iterator<Item = (&'n NodeId, Fingerprint)>,
    ) -> Option<Fingerprint> {
        let order = self.order.entry(pool.clone()).or_default();
        let mut present = Vec::new();
        for (node, says) in nodes {
            let before = self.said.insert(node.clone(), says.clone());
            // A node that says something else than before has changed its policy; a new node only brings one if nobody
            // said that before.
            let changed = before.is_some_and(|before| before != says);
            if changed || !order.contains(&says) {
                order.retain(|known| *known != says);
                order.push(says.clone());
            }
            present.push(says);
        }
        let excess = order.len().saturating_sub(MOST_REMEMBERED);
        order.drain(..excess);
        order.iter().rev().find(|known| present.contains(known)).cloned()
    }

    /// The order of a pool's policies, for its state.
    pub(super) fn order(&self, pool: &PoolName) -> Vec<String> {
        self.order.get(pool).into_iter().flatten().map(|it| it.as_str().to_owned()).collect()
    }

    /// Forgets nodes that are gone.
    pub(super) fn retain(&mut self, keep: impl Fn(&NodeId) -> bool) {
        self.said.retain(|node, _| keep(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::meta;

    fn says(max: &str) -> Fingerprint {
        Fingerprint::of(&meta(&[("replicator_worker_pool", "w"), ("replicator_max", max), ("rack", max)]))
    }

    fn settle(seen: &mut Seen, nodes: &[(&str, &str)]) -> Fingerprint {
        let ids: Vec<(NodeId, Fingerprint)> = nodes.iter().map(|(id, max)| ((*id).into(), says(max))).collect();
        seen.settle(&"w".into(), ids.iter().map(|(id, it)| (id, it.clone()))).unwrap()
    }

    #[test]
    fn p4_only_keys_of_ours_make_a_policy() {
        let with = |rack: &str| Fingerprint::of(&meta(&[("replicator_max", "5"), ("rack", rack)]));
        assert_eq!(with("1"), with("2"));
        assert_ne!(says("2"), says("5"));
        let split = Fingerprint::of(&meta(&[("replicator_a", "bc")]));
        assert_ne!(split, Fingerprint::of(&meta(&[("replicator_ab", "c")])));
    }

    #[test]
    fn p4_the_policy_that_changed_last_holds_whichever_node_moved_last() {
        let mut seen = Seen::default();
        assert_eq!(settle(&mut seen, &[("a", "2"), ("b", "2")]), says("2"));
        assert_eq!(settle(&mut seen, &[("a", "2"), ("b", "5")]), says("5"));
        assert_eq!(settle(&mut seen, &[("b", "5"), ("a", "2")]), says("5"), "a drain moved the older node's index");
        assert_eq!(settle(&mut seen, &[("b", "5"), ("a", "2"), ("c", "2")]), says("5"), "a new node, an old policy");
        assert_eq!(settle(&mut seen, &[("a", "2"), ("c", "2")]), says("2"), "the only one that is left");
        assert_eq!(settle(&mut seen, &[("a", "2"), ("b", "5")]), says("5"), "and back from a drain");
        assert_eq!(settle(&mut seen, &[("a", "2"), ("b", "2")]), says("2"));
        assert_eq!(settle(&mut seen, &[("a", "5"), ("b", "2")]), says("5"), "changed back");
    }

    #[test]
    fn p4_the_order_survives_a_change_of_leader() {
        let mut first = Seen::default();
        settle(&mut first, &[("a", "2"), ("b", "2")]);
        settle(&mut first, &[("a", "2"), ("b", "5")]);
        let mut second = Seen::default();
        assert_eq!(settle(&mut second, &[("b", "5"), ("a", "2")]), says("2"), "by itself it would go by the index");
        second.recall(&"w".into(), &first.order(&"w".into()));
        assert_eq!(settle(&mut second, &[("b", "5"), ("a", "2")]), says("5"));
        let changed = settle(&mut second, &[("b", "5"), ("a", "7")]);
        assert_eq!(changed, says("7"));
    }

    #[test]
    fn s13_only_so_many_are_remembered() {
        let mut seen = Seen::default();
        for max in 0..50 {
            settle(&mut seen, &[("a", &max.to_string())]);
        }
        assert_eq!(seen.order(&"w".into()).len(), MOST_REMEMBERED);
        seen.retain(|_| false);
        assert!(seen.said.is_empty());
    }
}
