//! Nodes by what the scheduler sees of them: those of one class offer the same and have the same left, so that a score is
//! worked out once for all of them, and a placement costs as much as there are classes, not nodes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use replicator::domain::Resources;

use super::World;
use super::evaluations::Refusals;
use super::fitting::Misfit;
use super::scheduler::Score;

/// How many scores are remembered, before all are forgotten.
const MOST_SCORES: usize = 1 << 16;

/// What a node offers, and what of it is left.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Class {
    pool: usize,
    capacity: Resources,
    free: Resources,
}

/// A class, in an order.
type Key = (usize, [u64; 4], [u64; 4]);

impl Class {
    fn key(self) -> Key {
        (self.pool, in_order(self.capacity), in_order(self.free))
    }
}

fn in_order(amounts: Resources) -> [u64; 4] {
    [amounts.cpu.0, amounts.memory.0, amounts.disk.0, amounts.cores.into()]
}

/// The nodes that take work, by class.
#[derive(Debug, Default)]
pub(super) struct Classes {
    members: BTreeMap<Key, (Class, BTreeSet<usize>)>,
    /// The class of each node, by its number; none of one that takes no work.
    of_nodes: Vec<Option<Key>>,
    /// Nodes that may be in another class by now.
    unsorted: Vec<usize>,
    scores: BTreeMap<([u64; 4], [u64; 4], u32, u32), Score>,
}

impl Classes {
    /// A node is, or may be, in another class than before.
    pub(super) fn unsort(&mut self, node: usize) {
        self.unsorted.push(node);
    }

    fn put(&mut self, node: usize, class: Option<Class>) {
        if self.of_nodes.len() <= node {
            self.of_nodes.resize(node + 1, None);
        }
        let key = class.map(Class::key);
        let before = std::mem::replace(&mut self.of_nodes[node], key);
        if before == key {
            return;
        }
        if let Some(before) = before
            && let Some((_, nodes)) = self.members.get_mut(&before)
        {
            nodes.remove(&node);
            if nodes.is_empty() {
                self.members.remove(&before);
            }
        }
        if let (Some(class), Some(key)) = (class, key) {
            self.members.entry(key).or_insert_with(|| (class, BTreeSet::new())).1.insert(node);
        }
    }

    fn score(&mut self, class: Class, asked: Resources, collisions: u32, count: u32) -> Score {
        let left = class.free.less(asked);
        let key = (in_order(class.capacity), in_order(left), collisions, count);
        if let Some(score) = self.scores.get(&key) {
            return *score;
        }
        if self.scores.len() >= MOST_SCORES {
            self.scores.clear();
        }
        let score = Score::rate(class.capacity, left, collisions, count);
        self.scores.insert(key, score);
        score
    }
}

/// The best node so far; of equals, the first.
struct Best {
    node: usize,
    score: Score,
}

impl Best {
    fn better(best: Option<Self>, node: usize, score: Score) -> Self {
        let order = |best: &Self| best.score.mean().total_cmp(&score.mean()).then(node.cmp(&best.node));
        match best {
            Some(best) if order(&best) == Ordering::Greater => best,
            _ => Self { node, score },
        }
    }
}

impl World {
    /// The node with the best score, and that; of several, the first. Where none will do: why.
    pub(super) fn best_node(&mut self, group: usize) -> Result<(usize, Score), Refusals> {
        self.sort_nodes();
        let best = self.best_of_classes(group);
        debug_assert_eq!(
            best.as_ref().map(|best| (best.node, best.score)),
            self.best_of_all(group).ok(),
            "the classes are as the nodes are"
        );
        best.map(|best| (best.node, best.score)).ok_or_else(|| self.refusals(group))
    }

    fn sort_nodes(&mut self) {
        for node in std::mem::take(&mut self.nomad.classes.unsorted) {
            let it = &self.nomad.nodes[node];
            let class = Class { pool: it.pool, capacity: self.capacity_of(node), free: self.free_on(node) };
            let class = it.takes_work().then_some(class);
            self.nomad.classes.put(node, class);
        }
    }

    fn best_of_classes(&mut self, group: usize) -> Option<Best> {
        let (resources, pool) = (self.plan.groups[group].resources(), self.plan.jobs[self.plan.groups[group].job].pool);
        let count = self.nomad.groups[group].count;
        // Nodes that have some of the group already are rated one by one.
        let mut shared: BTreeMap<usize, u32> = BTreeMap::new();
        for allocation in self.sharing(group) {
            *shared.entry(allocation).or_default() += 1;
        }
        let mut best = None;
        let mut classes = std::mem::take(&mut self.nomad.classes);
        let of_pool = (pool, [0; 4], [0; 4])..(pool + 1, [0; 4], [0; 4]);
        let fitting = classes.members.range(of_pool).filter(|(_, (class, _))| class.free.holds(resources));
        let firsts: Vec<(Class, usize)> = fitting
            .filter_map(|(_, (class, nodes))| {
                let fits = |node: &&usize| !shared.contains_key(node) && self.misfit(group, **node).is_none();
                Some((*class, *nodes.iter().find(fits)?))
            })
            .collect();
        for (class, node) in firsts {
            let score = classes.score(class, resources, 0, count);
            best = Some(Best::better(best, node, score));
        }
        for (node, collisions) in shared {
            let key = classes.of_nodes.get(node).copied().flatten();
            let class = key.and_then(|key| classes.members.get(&key)).map(|(class, _)| *class);
            let Some(class) = class.filter(|class| class.pool == pool && class.free.holds(resources)) else { continue };
            if self.misfit(group, node).is_none() {
                let score = classes.score(class, resources, collisions, count);
                best = Some(Best::better(best, node, score));
            }
        }
        self.nomad.classes = classes;
        best
    }

    /// The node of each allocation of a group that occupies one: told to stop or not.
    fn sharing(&self, group: usize) -> impl Iterator<Item = usize> {
        self.nomad.groups[group].occupying.iter().map(|it| self.nomad.allocations[*it].node)
    }

    /// The same by a look at every node.
    fn best_of_all(&self, group: usize) -> Result<(usize, Score), Refusals> {
        let plan = &self.plan.groups[group];
        let (resources, pool) = (plan.resources(), self.plan.jobs[plan.job].pool);
        let count = self.nomad.groups[group].count;
        let mut best = None;
        for (number, node) in self.nomad.nodes.iter().enumerate() {
            let free = self.free_on(number);
            let fits = node.takes_work() && node.pool == pool && free.holds(resources);
            if !fits || self.misfit(group, number).is_some() {
                continue;
            }
            let same_group = |it: &&usize| self.nomad.allocations[**it].group == group;
            let collisions = node.allocations.iter().filter(same_group).count();
            let collisions = u32::try_from(collisions).unwrap_or(u32::MAX);
            let score = Score::rate(self.capacity_of(number), free.less(resources), collisions, count);
            best = Some(Best::better(best, number, score));
        }
        best.map(|best| (best.node, best.score)).ok_or_else(|| self.refusals(group))
    }

    /// Why no node will do.
    fn refusals(&self, group: usize) -> Refusals {
        let plan = &self.plan.groups[group];
        let (resources, pool) = (plan.resources(), self.plan.jobs[plan.job].pool);
        let mut refusals = Refusals::default();
        for (class, nodes) in self.nomad.classes.members.values() {
            let all = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            if class.pool != pool {
                refusals.filtered += all;
                continue;
            }
            if !plan.wants.anything() {
                refusals.note_lack(class.free, resources, all);
                continue;
            }
            for node in nodes {
                match self.misfit(group, *node) {
                    Some(Misfit::Constraint) => refusals.unfit += 1,
                    _ if !class.free.holds(resources) => refusals.note_lack(class.free, resources, 1),
                    Some(Misfit::Port) => refusals.lack_ports += 1,
                    None => {}
                }
            }
        }
        refusals
    }
}
