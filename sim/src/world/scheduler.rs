//! Nomad's scheduler: what a job should have, and on which node it goes.

use replicator::domain::{ClientStatus, DesiredStatus, JobKind, Resources};

use super::evaluations::{Refusals, Shortage, Trigger};
use super::nomad::{SimAllocation, StopReason, uuid};
use super::stream::PLAN_RESULT;
use super::{Happening, World};

/// The greatest bin-pack score of Nomad, by which it is normalised.
const MOST_BINPACK: f64 = 18.0;

/// Nomad's bin-pack score (`ScoreFitBinPack`, after Google's BestFit v3): 20 − (10^free CPU + 10^free memory), where
/// free is the share that is left once the work is placed, held between 0 and 18, and normalised to at most 1.
fn binpack_score(capacity: Resources, free_after: Resources) -> f64 {
    let share = |free: u64, of: u64| if of == 0 { 0.0 } else { free as f64 / of as f64 };
    let cpu = libm::pow(10.0, share(free_after.cpu.0, capacity.cpu.0));
    let memory = libm::pow(10.0, share(free_after.memory.0, capacity.memory.0));
    (20.0 - (cpu + memory)).clamp(0.0, MOST_BINPACK) / MOST_BINPACK
}

/// How good a node is for an allocation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Score {
    pub(super) binpack: f64,
    /// Below 0 where the node has allocations of the same group already.
    pub(super) anti_affinity: f64,
}

impl Score {
    /// As Nomad rates a node: by the bin-pack score and, where the node has allocations of the same group already, by its
    /// anti-affinity, −(collisions + 1) ÷ count.
    pub(super) fn rate(capacity: Resources, free_after: Resources, collisions: u32, count: u32) -> Self {
        let anti_affinity = if collisions == 0 { 0.0 } else { -f64::from(collisions + 1) / f64::from(count.max(1)) };
        Self { binpack: binpack_score(capacity, free_after), anti_affinity }
    }

    /// The mean of those that there are.
    pub(super) fn mean(self) -> f64 {
        if self.anti_affinity < 0.0 { f64::midpoint(self.binpack, self.anti_affinity) } else { self.binpack }
    }
}

impl Refusals {
    /// Counts so many nodes by the first resource that they lack.
    pub(super) fn note_lack(&mut self, free: Resources, asked: Resources, nodes: u32) {
        let lacks = if free.cores < asked.cores {
            &mut self.lack_cores
        } else if free.cpu < asked.cpu {
            &mut self.lack_cpu
        } else if free.memory < asked.memory {
            &mut self.lack_memory
        } else {
            &mut self.lack_disk
        };
        *lacks += nodes;
    }
}

impl World {
    /// Brings a job's allocations to what it asks for, as far as there is room; what could not be placed.
    pub(super) fn reconcile_job(&mut self, job: usize, evaluation: usize) -> Vec<Shortage> {
        let (kind, groups) = (self.plan.jobs[job].kind, self.plan.jobs[job].groups.clone());
        let mut shortages = Vec::new();
        for group in groups {
            if kind == JobKind::System {
                self.reconcile_system(group, evaluation);
            } else if let Err(shortage) = self.reconcile_group(group, evaluation) {
                shortages.push(shortage);
            }
        }
        shortages
    }

    fn reconcile_group(&mut self, group: usize, evaluation: usize) -> Result<(), Shortage> {
        let state = &self.nomad.groups[group];
        let wanted = state.count.saturating_sub(state.completed) as usize;
        while self.nomad.groups[group].allocations.len() > wanted {
            // Nomad stops the highest numbers first.
            let highest = self.nomad.groups[group]
                .allocations
                .iter()
                .copied()
                .max_by_key(|allocation| self.nomad.allocations[*allocation].number);
            let Some(highest) = highest else { break };
            self.stop_allocation(highest, StopReason::NotNeeded);
        }
        loop {
            let queued = wanted.saturating_sub(self.nomad.groups[group].allocations.len());
            if queued == 0 {
                return Ok(());
            }
            let queued = u32::try_from(queued).unwrap_or(u32::MAX);
            let (node, score) = self.best_node(group).map_err(|nodes| Shortage { group, queued, nodes })?;
            self.place(group, node, score, evaluation);
        }
    }

    /// One allocation on every node that takes work.
    fn reconcile_system(&mut self, group: usize, evaluation: usize) {
        let taken: Vec<usize> =
            self.nomad.groups[group].allocations.iter().map(|it| self.nomad.allocations[*it].node).collect();
        let pool = self.plan.jobs[self.plan.groups[group].job].pool;
        let resources = self.plan.groups[group].resources();
        for node in 0..self.nomad.nodes.len() {
            let it = &self.nomad.nodes[node];
            let may = it.pool == pool && it.takes_work() && self.free_on(node).holds(resources);
            if may && !taken.contains(&node) && self.misfit(group, node).is_none() {
                self.place(group, node, Score::default(), evaluation);
            }
        }
    }

    pub(super) fn run_system_jobs(&mut self) {
        for job in 0..self.plan.jobs.len() {
            if self.plan.jobs[job].kind == JobKind::System {
                self.evaluate_soon(job, Trigger::NodeUpdate);
            }
        }
    }

    pub(super) fn place(&mut self, group: usize, node: usize, score: Score, evaluation: usize) {
        let number = self.lowest_free_number(group);
        let allocation = self.nomad.allocations.len();
        self.nomad.allocations.push(SimAllocation {
            id: uuid(2, allocation).into(),
            group,
            number,
            node,
            desired: DesiredStatus::Run,
            client: ClientStatus::Pending,
            serving: false,
            evaluation,
            score,
            created: self.now,
            started: None,
            healthy: None,
            ended: None,
            changed: self.now,
            stop_reason: None,
            create_index: self.nomad.index + 1,
            modify_index: 0,
            version: self.nomad.jobs[self.plan.groups[group].job].version,
            listed: None,
        });
        let resources = self.plan.groups[group].resources();
        let target = &mut self.nomad.nodes[node];
        let node_name = target.name.clone();
        target.free = target.free.less(resources);
        target.allocations.insert(allocation);
        self.nomad.classes.unsort(node);
        self.nomad.groups[group].occupying.insert(allocation);
        self.nomad.groups[group].allocations.insert(allocation);
        self.nomad.groups[group].numbers.insert(number);
        self.nomad.live.insert(allocation);
        self.allocation_changed(allocation, PLAN_RESULT);
        let name = self.allocation_name(allocation);
        self.note(|| format!("allocation {name} is placed on {node_name}"));
        let start = self.plan.groups[group].start;
        let at = self.now + start.draw(&mut self.streams.start[group]);
        self.schedule(at, Happening::AllocationStarts(allocation));
    }

    fn lowest_free_number(&self, group: usize) -> u32 {
        let numbers = &self.nomad.groups[group].numbers;
        let next = numbers.last().map_or(0, |last| last + 1);
        if numbers.len() == next as usize {
            return next;
        }
        (0..next).find(|number| !numbers.contains(number)).unwrap_or(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10^0 = 1, 10^0.25 = 1.7783, 10^0.5 = 3.1623, 10^0.75 = 5.6234, 10^1 = 10.
    #[test]
    fn the_bin_pack_score_is_what_it_is_by_hand() {
        let capacity = Resources::new(4000, 8000, 0);
        for (free_cpu, free_memory, sum, score) in [
            // (MHz free, MiB free, 20 - (10^CPU + 10^memory), that by 18)
            (0, 0, 18.0, 1.0),
            (4000, 8000, 0.0, 0.0),
            (2000, 4000, 13.6754, 0.7597),
            (0, 8000, 9.0, 0.5),
            (4000, 0, 9.0, 0.5),
            (1000, 4000, 15.0594, 0.8366),
            (3000, 2000, 12.5983, 0.6999),
            (3000, 6000, 8.7532, 0.4863),
            (1000, 2000, 16.4434, 0.9135),
        ] {
            let found = binpack_score(capacity, Resources::new(free_cpu, free_memory, 0));
            let rounded = |number: f64| (number * 1e4).round() / 1e4;
            assert_eq!(rounded(found * 18.0), sum, "{free_cpu} MHz and {free_memory} MiB free");
            assert_eq!(rounded(found), score, "{free_cpu} MHz and {free_memory} MiB free");
        }
    }

    /// The scores that a Nomad 1.1.2 gave to its one node of 4498 MHz and 24105 MiB, one allocation of 100 MHz and 32 MiB
    /// after the other (recordings `allocation`, `node-allocations`).
    #[test]
    fn nodes_are_rated_as_a_real_server_rated_them() {
        let capacity = Resources::new(4498, 24_105, 0);
        for (placed, collisions, count, binpack, anti_affinity, mean) in [
            (1, 0, 3, 0.029_419_545_769_782_71, 0.0, 0.029_419_545_769_782_71),
            (2, 1, 3, 0.057_450_405_171_587_865, -2.0 / 3.0, -0.304_608_130_747_539_4),
            (3, 2, 3, 0.084_161_635_514_909_57, -1.0, -0.457_919_182_242_545_24),
            (4, 0, 3, 0.109_618_848_674_781_33, 0.0, 0.109_618_848_674_781_33),
            (8, 0, 2, 0.200_108_568_330_615_33, 0.0, 0.200_108_568_330_615_33),
            (9, 1, 2, 0.220_170_850_319_530_46, -1.0, -0.389_914_574_840_234_8),
            (11, 1, 3, 0.257_570_324_002_821_3, -2.0 / 3.0, -0.204_548_171_331_922_66),
            (13, 3, 4, 0.291_630_728_858_186_47, -1.0, -0.354_184_635_570_906_74),
            (14, 4, 5, 0.307_511_018_514_445_2, -1.0, -0.346_244_490_742_777_4),
        ] {
            let free = Resources::new(4498 - 100 * placed, 24_105 - 32 * placed, 0);
            let score = Score::rate(capacity, free, collisions, count);
            let near = |found: f64, recorded: f64| (found - recorded).abs() < 1e-14;
            assert!(near(score.binpack, binpack), "the {placed}th: {score:?}");
            assert!(near(score.anti_affinity, anti_affinity), "the {placed}th: {score:?}");
            assert!(near(score.mean(), mean), "the {placed}th: {score:?}");
        }
    }

    #[test]
    fn allocations_of_one_group_are_spread() {
        let capacity = Resources::new(1000, 1000, 0);
        let alone = Score::rate(capacity, Resources::new(500, 500, 0), 0, 4).mean();
        let beside_another = Score::rate(capacity, Resources::new(0, 0, 0), 1, 4).mean();
        assert!(alone > beside_another, "{alone} {beside_another}");
        assert_eq!(beside_another, 0.25, "(1 - 2/4) / 2");
    }
}
