//! Nomad's scheduler: what a job should have, and on which node it goes.

use replicator::domain::{ClientStatus, DesiredStatus, EvaluationStatus, JobKind, Resources};

use super::nomad::{SimAllocation, SimEvaluation, uuid};
use super::{Happening, Topic, World};
use crate::time::Millis;

/// How long an evaluation waits in the broker and the plan queue.
const EVALUATION_TAKES: Millis = Millis(200);

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

/// The mean of the bin-pack score and, where the node has allocations of the same group already, of Nomad's
/// anti-affinity: −(collisions + 1) ÷ count.
fn node_score(capacity: Resources, free_after: Resources, collisions: u32, count: u32) -> f64 {
    let binpack = binpack_score(capacity, free_after);
    if collisions == 0 {
        return binpack;
    }
    let anti_affinity = -f64::from(collisions + 1) / f64::from(count.max(1));
    f64::midpoint(binpack, anti_affinity)
}

impl World {
    /// Makes an evaluation of a job; the scheduler takes it up shortly after.
    pub(super) fn evaluate_soon(&mut self, job: usize, of_change: bool) -> usize {
        let number = self.nomad.evaluations.len();
        self.nomad.evaluations.push(SimEvaluation {
            id: uuid(3, number).into(),
            job,
            status: EvaluationStatus::Pending,
            deployment: None,
            of_change,
            created: self.now,
            create_index: self.nomad.index,
        });
        self.schedule(self.now + EVALUATION_TAKES, Happening::Evaluate(number));
        number
    }

    pub(super) fn evaluate(&mut self, evaluation: usize) {
        let SimEvaluation { job, of_change, .. } = self.nomad.evaluations[evaluation];
        if of_change {
            let deployment = self.begin_deployment(job);
            self.nomad.evaluations[evaluation].deployment = deployment;
        }
        self.reconcile_job(job);
        self.nomad.evaluations[evaluation].status = EvaluationStatus::Complete;
    }

    /// There is room where there was none: blocked evaluations are tried again.
    pub(super) fn capacity_grew(&mut self) {
        for job in std::mem::take(&mut self.nomad.blocked) {
            self.evaluate_soon(job, false);
        }
    }

    /// Brings a job's allocations to what it asks for, as far as there is room.
    pub(super) fn reconcile_job(&mut self, job: usize) {
        let (kind, groups) = (self.plan.jobs[job].kind, self.plan.jobs[job].groups.clone());
        let mut blocked = false;
        for group in groups {
            if kind == JobKind::System {
                self.reconcile_system(group);
            } else {
                blocked |= !self.reconcile_group(group);
            }
        }
        if blocked {
            self.nomad.blocked.insert(job);
        } else {
            self.nomad.blocked.remove(&job);
        }
    }

    /// Whether all that the group asks for is placed.
    fn reconcile_group(&mut self, group: usize) -> bool {
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
            self.stop_allocation(highest);
        }
        while self.nomad.groups[group].allocations.len() < wanted {
            let Some(node) = self.best_node(group) else { return false };
            self.place(group, node);
        }
        true
    }

    /// One allocation on every node that takes work.
    fn reconcile_system(&mut self, group: usize) {
        let taken: Vec<usize> =
            self.nomad.groups[group].allocations.iter().map(|it| self.nomad.allocations[*it].node).collect();
        let pool = self.plan.jobs[self.plan.groups[group].job].pool;
        let resources = self.plan.groups[group].resources();
        for node in 0..self.nomad.nodes.len() {
            let it = &self.nomad.nodes[node];
            if it.pool == pool && it.takes_work() && it.free.holds(resources) && !taken.contains(&node) {
                self.place(group, node);
            }
        }
    }

    pub(super) fn run_system_jobs(&mut self) {
        for job in 0..self.plan.jobs.len() {
            if self.plan.jobs[job].kind == JobKind::System {
                self.evaluate_soon(job, false);
            }
        }
    }

    /// The node with the best score; of several, the first.
    fn best_node(&self, group: usize) -> Option<usize> {
        let plan = &self.plan.groups[group];
        let (resources, pool) = (plan.resources(), self.plan.jobs[plan.job].pool);
        let capacity = self.plan.pools[pool].capacity();
        let count = self.nomad.groups[group].count;
        let mut best: Option<(f64, usize)> = None;
        for (number, node) in self.nomad.nodes.iter().enumerate() {
            if node.pool != pool || !node.takes_work() || !node.free.holds(resources) {
                continue;
            }
            let same_group = |it: &&usize| self.nomad.allocations[**it].group == group;
            let collisions = node.allocations.iter().filter(same_group).count();
            let collisions = u32::try_from(collisions).unwrap_or(u32::MAX);
            let score = node_score(capacity, node.free.less(resources), collisions, count);
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, number));
            }
        }
        best.map(|(_, node)| node)
    }

    fn place(&mut self, group: usize, node: usize) {
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
            created: self.now,
            create_index: self.nomad.index,
            modify_index: self.nomad.index,
            version: self.nomad.jobs[self.plan.groups[group].job].version,
            listed: None,
        });
        let resources = self.plan.groups[group].resources();
        let target = &mut self.nomad.nodes[node];
        target.free = target.free.less(resources);
        target.allocations.insert(allocation);
        let node_name = target.name.clone();
        self.nomad.groups[group].allocations.insert(allocation);
        self.nomad.groups[group].numbers.insert(number);
        self.nomad.live.insert(allocation);
        self.nomad_changed(Topic::Allocations);
        let name = self.allocation_name(allocation);
        self.note(|| format!("allocation {name} is placed on {node_name}"));
        let start = self.plan.groups[group].start;
        let at = self.now + self.streams.start[group].delay(start);
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

    fn score(free_cpu: u64, free_memory: u64) -> f64 {
        (binpack_score(Resources::new(1000, 1000, 0), Resources::new(free_cpu, free_memory, 0)) * 1e4).round() / 1e4
    }

    /// Worked by hand: 10^0 = 1, 10^0.5 = 3.1623, 10^1 = 10.
    #[test]
    fn the_fuller_node_scores_higher() {
        assert_eq!(score(0, 0), 1.0, "20 - (1 + 1) = 18");
        assert_eq!(score(1000, 1000), 0.0, "20 - (10 + 10) = 0");
        assert_eq!(score(500, 500), 0.7597, "20 - (3.1623 + 3.1623) = 13.6754");
        assert_eq!(score(0, 1000), 0.5, "20 - (1 + 10) = 9");
        assert_eq!(score(250, 500), 0.8366, "20 - (1.7783 + 3.1623) = 15.0594");
    }

    #[test]
    fn allocations_of_one_group_are_spread() {
        let capacity = Resources::new(1000, 1000, 0);
        let alone = node_score(capacity, Resources::new(500, 500, 0), 0, 4);
        let beside_another = node_score(capacity, Resources::new(0, 0, 0), 1, 4);
        assert!(alone > beside_another, "{alone} {beside_another}");
        assert_eq!(beside_another, 0.25, "(1 - 2/4) / 2");
    }
}
