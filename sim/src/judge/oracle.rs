//! What somebody would have needed who knew the load: the fewest whole nodes that carry each tick's load with whole
//! allocations. Boot is not counted, nor any bound, cooldown or reserve: it is what all policies are held against.
//!
//! With one group that is ⌈⌈load ÷ allocation⌉ ÷ allocations of a node⌉. Several are packed, the largest first and each
//! where it fits first, as exact packing has no quick answer; first fit decreasing needs at most 11/9 of the best
//! (D. S. Johnson, 1973), and exactly it wherever the sums already ask for as many.

use replicator::domain::{JobKind, Resources};

use super::record::{GroupSample, Record};
use crate::plan::{GroupPlan, Plan};

/// Fills in what the oracle would have had, at every tick of every pool.
pub(crate) fn consult(plan: &Plan, record: &mut Record) {
    for pool in 0..plan.pools.len() {
        let oracle = Oracle::of(plan, pool);
        let mut last: Option<(Vec<u32>, u32)> = None;
        for tick in 0..record.pools[pool].len() {
            let asked: Vec<u32> =
                oracle.groups.iter().map(|group| group.allocations(&record.groups[group.number][tick])).collect();
            let nodes = match last.take() {
                Some((before, nodes)) if before == asked => nodes,
                _ => oracle.nodes(&asked),
            };
            record.pools[pool][tick].oracle = nodes;
            last = Some((asked, nodes));
        }
    }
}

/// A pool's groups, the largest first, and what a node has for them.
struct Oracle<'a> {
    node: Resources,
    groups: Vec<Group<'a>>,
}

struct Group<'a> {
    number: usize,
    plan: &'a GroupPlan,
    kind: JobKind,
    asks: Resources,
}

impl Group<'_> {
    /// How many allocations a tick's load needs; of a group that is not scaled, as many as it has.
    fn allocations(&self, sample: &GroupSample) -> u32 {
        if self.kind != JobKind::Service {
            return sample.serving;
        }
        if self.plan.policy.is_none() {
            return sample.count;
        }
        whole(sample.demand_cpu, self.asks.cpu.0).max(whole(sample.demand_memory, self.asks.memory.0))
    }

    /// Whether at most one of it may be on a node.
    fn is_alone(&self) -> bool {
        let wants = &self.plan.wants;
        wants.group_apart || wants.job_apart || !wants.ports.is_empty()
    }
}

/// How many of this size a load fills.
fn whole(demand: f64, each: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates; demand is positive")]
    let count = (demand / each as f64).ceil() as u32;
    count
}

/// So many nodes with the same left.
#[derive(Clone)]
struct Bins {
    count: u32,
    free: Resources,
    /// Jobs that have something there and want no more beside it.
    closed_to: Vec<usize>,
}

impl<'a> Oracle<'a> {
    fn of(plan: &'a Plan, pool: usize) -> Self {
        let of_pool = plan.groups.iter().enumerate().filter(|(_, group)| plan.jobs[group.job].pool == pool);
        let all = of_pool.map(|(number, group)| {
            let (kind, asks) = (plan.jobs[group.job].kind, group.resources());
            Group { number, plan: group, kind, asks }
        });
        // What runs everywhere takes its part of every node.
        let (everywhere, mut groups): (Vec<_>, Vec<_>) = all.partition(|group| group.kind == JobKind::System);
        let whole = plan.pools[pool].capacity();
        let node = everywhere.iter().fold(whole, |left, group| left.less(group.asks));
        let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
        let size =
            |group: &Group<'_>| share(group.asks.cpu.0, node.cpu.0).max(share(group.asks.memory.0, node.memory.0));
        groups.sort_by(|a, b| size(b).total_cmp(&size(a)));
        Self { node, groups }
    }

    /// The nodes that carry so many allocations of each group.
    fn nodes(&self, asked: &[u32]) -> u32 {
        let mut bins: Vec<Bins> = Vec::new();
        for (group, asked) in self.groups.iter().zip(asked) {
            let mut left = *asked;
            let mut filled = Vec::new();
            for bin in &mut bins {
                left = put(group, left, bin, &mut filled);
            }
            bins.extend(filled);
            let mut fresh = Bins { count: u32::MAX, free: self.node, closed_to: vec![] };
            let mut opened = Vec::new();
            if put(group, left, &mut fresh, &mut opened) > 0 {
                // It fits on no node at all: nobody could have carried it.
                continue;
            }
            bins.extend(opened);
            bins.retain(|bin| bin.count > 0);
        }
        bins.iter().map(|bin| bin.count).sum()
    }
}

/// Puts allocations of a group on nodes that are alike. Nodes that took some are taken out of them, and go to `filled`.
/// How many found no place.
fn put(group: &Group<'_>, left: u32, bins: &mut Bins, filled: &mut Vec<Bins>) -> u32 {
    let fits = if bins.closed_to.contains(&group.plan.job) { 0 } else { fitting(bins.free, group.asks) };
    let each = if group.is_alone() { fits.min(1) } else { fits };
    if each == 0 || left == 0 {
        return left;
    }
    let mut closed_to = bins.closed_to.clone();
    if group.is_alone() {
        closed_to.push(group.plan.job);
    }
    let full = (left / each).min(bins.count);
    let rest = if full < bins.count { left % each } else { 0 };
    let with = |allocations: u32, count: u32| Bins {
        count,
        free: bins.free.less(times(group.asks, allocations)),
        closed_to: closed_to.clone(),
    };
    filled.extend((full > 0).then(|| with(each, full)));
    filled.extend((rest > 0).then(|| with(rest, 1)));
    bins.count -= full + u32::from(rest > 0);
    left - full * each - rest
}

/// How many of these fit.
fn fitting(free: Resources, asks: Resources) -> u32 {
    let of = |free: u64, asks: u64| free.checked_div(asks).unwrap_or(u64::MAX);
    let amounts = of(free.cpu.0, asks.cpu.0).min(of(free.memory.0, asks.memory.0)).min(of(free.disk.0, asks.disk.0));
    u32::try_from(amounts.min(of(free.cores.into(), asks.cores.into()))).unwrap_or(u32::MAX)
}

fn times(asks: Resources, count: u32) -> Resources {
    let many = u64::from(count);
    let amounts = Resources::new(asks.cpu.0 * many, asks.memory.0 * many, asks.disk.0 * many);
    Resources { cores: asks.cores * count, ..amounts }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;
    use crate::scenario::{Changes, Scenario};

    /// Groups of these sizes (MHz), on nodes of 4,000 MHz; memory is no matter.
    fn plan(sizes: &[u32], more: &str) -> Plan {
        let mut text = String::from(
            "title = \"t\"\nseed = 1\nduration = \"1h\"\ntick = \"1m\"\n[pools.p]\n\
             instance = { cpu = 4000, memory = 100000 }\nnodes = 1\nmin = 1\nmax = 9\nboot = \"60s\"\n[pools.p.meta]\n\
             replicator_enabled = true\nreplicator_region = \"r\"\nreplicator_notification_uid = \"U\"\n",
        );
        for (number, cpu) in sizes.iter().enumerate() {
            let _ = write!(
                text,
                "[jobs.j{number}.groups.g]\ncount = 0\n{more}\n[jobs.j{number}.groups.g.tasks.t]\ncpu = {cpu}\nmemory = 1\n"
            );
        }
        Scenario::parse(&text, Path::new("t.toml"), &Changes::default()).unwrap().plan
    }

    fn nodes(plan: &Plan, asked: &[u32]) -> u32 {
        let oracle = Oracle::of(plan, 0);
        let of = |group: &Group<'_>| asked[group.number];
        oracle.nodes(&oracle.groups.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn one_group_takes_whole_nodes() {
        let plan = plan(&[1000], "");
        for (asked, expected) in [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3), (400, 100)] {
            assert_eq!(nodes(&plan, &[asked]), expected, "{asked} allocations, four a node");
        }
    }

    #[test]
    fn several_groups_share_nodes() {
        // Three of 3000 MHz on a node each; 1000 MHz is left on each of these, and two more of 1000 open no fourth.
        assert_eq!(nodes(&plan(&[1000, 3000], ""), &[2, 3]), 3);
        assert_eq!(nodes(&plan(&[1000, 3000], ""), &[3, 3]), 3);
        assert_eq!(nodes(&plan(&[1000, 3000], ""), &[4, 3]), 4);
        // Sums ask for 1.75 nodes, and 2500 twice leaves 1500 on each: a node is needed for each, and holds 1000 more.
        assert_eq!(nodes(&plan(&[2500, 1000], ""), &[2, 2]), 2);
        assert_eq!(nodes(&plan(&[2500, 2000], ""), &[2, 2]), 3, "what is left over twice holds no whole one");
    }

    #[test]
    fn what_must_stay_apart_takes_a_node_each() {
        assert_eq!(nodes(&plan(&[1000], "distinct_hosts = true"), &[3]), 3);
        assert_eq!(nodes(&plan(&[1000, 1000], "ports = [80]"), &[3, 2]), 3, "of two jobs they may share");
    }

    #[test]
    fn a_load_fills_whole_allocations() {
        for (demand, expected) in [(0.0, 0), (1.0, 1), (1000.0, 1), (1000.5, 2)] {
            assert_eq!(whole(demand, 1000), expected, "{demand} MHz");
        }
    }
}
