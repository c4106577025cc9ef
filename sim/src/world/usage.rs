//! What tasks use, as their clients tell.

use std::sync::Arc;

use replicator::domain::{Allocation, AllocationId, AllocationStats, ClientStatus, MemoryStats, TaskUsage};
use replicator::ports::{ErrorKind, PortError, Service, StatsAnswer};

use super::World;
use super::nomad::number_of;

const BYTES_PER_MIB: f64 = 1024.0 * 1024.0;

/// Answers about whole groups, for as long as nothing that they come from is new.
#[derive(Debug, Default)]
pub(super) struct Answers {
    of_groups: Vec<Option<Answered>>,
}

#[derive(Debug)]
struct Answered {
    version: u64,
    of: Arc<[Arc<Allocation>]>,
    numbers: Vec<Option<usize>>,
    answers: Arc<[StatsAnswer]>,
}

/// What was worked out already for the allocations of one answer: those that take load use the same, and so do those that do
/// not. Where the CPU that is idle is shared, those of one node do.
#[derive(Default)]
struct Alike {
    found: Vec<(Kind, Arc<AllocationStats>)>,
}

/// What makes allocations use the same: their group, whether they take load, whether their client collects, and the node
/// where that matters.
type Kind = (usize, bool, bool, Option<usize>);

/// As a client shows a task that it does not measure.
fn unmeasured(task: TaskUsage) -> TaskUsage {
    TaskUsage { cpu_mhz: Some(0.0), memory: MemoryStats { rss: Some(0), usage: Some(0) }, ..task }
}

impl World {
    /// What the client of an allocation answers about it.
    pub(super) fn answer_statistics(&self, id: &AllocationId) -> Result<Arc<AllocationStats>, PortError> {
        self.answer(self.number_of(id), &mut Alike::default())
    }

    /// What their clients answer about all of these.
    pub(super) fn answer_all_statistics(&mut self, of: &Arc<[Arc<Allocation>]>) -> Arc<[StatsAnswer]> {
        let group = of.first().and_then(|first| Some(self.nomad.allocations[self.number_of(&first.id)?].group));
        let Some(group) = group else { return self.work_out_answers(&self.numbers_of(of)) };
        let version = self.version;
        let known = self.answers.of_groups.get_mut(group).and_then(Option::take);
        let (numbers, known) = match known.filter(|known| Arc::ptr_eq(&known.of, of)) {
            Some(known) => (known.numbers, Some(known.answers).filter(|_| known.version == version)),
            None => (self.numbers_of(of), None),
        };
        debug_assert!(
            known.as_ref().is_none_or(|known| *known == self.work_out_answers(&numbers)),
            "nothing changed unnoticed"
        );
        let answers = known.unwrap_or_else(|| self.work_out_answers(&numbers));
        if self.answers.of_groups.len() <= group {
            self.answers.of_groups.resize_with(self.plan.groups.len(), || None);
        }
        self.answers.of_groups[group] = Some(Answered { version, of: of.clone(), numbers, answers: answers.clone() });
        answers
    }

    fn work_out_answers(&self, numbers: &[Option<usize>]) -> Arc<[StatsAnswer]> {
        let mut alike = Alike::default();
        numbers.iter().map(|number| Some(self.answer(*number, &mut alike))).collect()
    }

    fn numbers_of(&self, of: &[Arc<Allocation>]) -> Vec<Option<usize>> {
        of.iter().map(|allocation| self.number_of(&allocation.id)).collect()
    }

    /// The number of an allocation that there is, or was.
    fn number_of(&self, id: &AllocationId) -> Option<usize> {
        number_of(id.as_str()).filter(|number| *number < self.nomad.allocations.len())
    }

    fn answer(&self, number: Option<usize>, alike: &mut Alike) -> Result<Arc<AllocationStats>, PortError> {
        let error = |kind, message: &str| PortError::new(Service::Nomad, "read statistics", kind, message);
        let number = number.ok_or_else(|| error(ErrorKind::NotFound, "there is no such thing"))?;
        let it = &self.nomad.allocations[number];
        let reachable = self.client_answers(it.node) && self.outages.statistics[it.group] == 0;
        if !reachable || it.client != ClientStatus::Running {
            return Err(error(ErrorKind::Unreachable, "the client does not answer"));
        }
        let kind = (it.group, it.serving, self.is_collected(number), self.is_soft(it.group).then_some(it.node));
        if let Some((_, found)) = alike.found.iter().find(|(other, _)| *other == kind) {
            return Ok(found.clone());
        }
        let statistics = Arc::new(self.statistics(number));
        alike.found.push((kind, statistics.clone()));
        Ok(statistics)
    }

    /// Whether the client of an allocation collects statistics.
    fn is_collected(&self, allocation: usize) -> bool {
        self.outages.uncollected[self.nomad.nodes[self.nomad.allocations[allocation].node].pool] == 0
    }

    /// What the tasks of an allocation use now: an equal share of the demand on its group if it takes load, shared
    /// among its tasks by what they ask for; at least what the task uses idle, at most what it asks for, or of CPU what its
    /// node has left where its limit is soft.
    pub(super) fn statistics(&self, allocation: usize) -> AllocationStats {
        let it = &self.nomad.allocations[allocation];
        let plan = &self.plan.groups[it.group];
        let (demand, ask) = (self.load.demands[it.group], self.load.asks[it.group]);
        let cpu_share = self.wanted_cpu(allocation);
        let limit = if self.is_soft(it.group) { self.soft_limit(it.node) } else { 1.0 };
        let memory_share = demand.memory_mib / self.sharers(allocation) / ask.memory.0 as f64;
        let tasks = plan.tasks.iter().map(|task| {
            let used = |share: f64, ask: u32, idle: u32, limit: f64| {
                (share * f64::from(ask)).max(idle.into()).min(f64::from(ask) * limit)
            };
            let memory = used(memory_share, task.memory, task.idle_memory, 1.0) * BYTES_PER_MIB;
            let limit = if task.cpu_hard_limit { 1.0 } else { limit };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a task fit")]
            let rss = Some(memory as u64);
            TaskUsage {
                task: task.name.clone(),
                cpu_mhz: Some(used(cpu_share, task.cpu, task.idle_cpu, limit)),
                memory: MemoryStats { rss, usage: None },
                unmeasured: None,
            }
        });
        if !self.is_collected(allocation) {
            return AllocationStats { tasks: tasks.map(unmeasured).collect(), collected: false };
        }
        AllocationStats { tasks: tasks.collect(), collected: true }
    }
}
