//! How the tasks of a node share its CPU.
//!
//! A task whose limit is hard has what it asks for, and no more. One whose limit is soft has what it asks for, and of what the
//! others leave idle as much as it wants; where more is wanted than is idle, each has the same multiple of what it asks for,
//! as the kernel's scheduler shares CPU by weights.

use replicator::domain::ClientStatus;

use super::World;

/// A task that may have more than it asks for, MHz.
#[derive(Debug, Clone, Copy)]
struct Wish {
    asks: f64,
    wants: f64,
}

/// The multiple of what it asks for that a task may have at most, where `idle` MHz are shared among these: 1 or more.
fn multiple(mut idle: f64, mut wishes: Vec<Wish>) -> f64 {
    wishes.sort_by(|a, b| (a.wants / a.asks).total_cmp(&(b.wants / b.asks)));
    let mut weight: f64 = wishes.iter().map(|wish| wish.asks).sum();
    for Wish { asks, wants } in wishes {
        let level = idle / weight;
        if wants > level * asks {
            return level.max(1.0);
        }
        (idle, weight) = (idle - wants, weight - asks);
    }
    f64::INFINITY
}

impl World {
    /// Whether a task of a group may have more CPU than it asks for.
    pub(super) fn is_soft(&self, group: usize) -> bool {
        self.load.soft[group]
    }

    /// Among how many allocations the load is shared of which this one takes a part; endlessly many where it takes none.
    pub(super) fn sharers(&self, allocation: usize) -> f64 {
        let it = &self.nomad.allocations[allocation];
        if it.serving { f64::from(self.nomad.groups[it.group].serving.max(1)) } else { f64::INFINITY }
    }

    /// The share of what an allocation asks for that its part of the load wants, of CPU: 1 is all of it.
    pub(super) fn wanted_cpu(&self, allocation: usize) -> f64 {
        let it = &self.nomad.allocations[allocation];
        self.load.demands[it.group].cpu_mhz / self.sharers(allocation) / self.load.asks[it.group].cpu.0 as f64
    }

    /// The multiple of what it asks for that a task on this node may have now, where its limit is soft.
    pub(super) fn soft_limit(&self, node: usize) -> f64 {
        let it = &self.nomad.nodes[node];
        let mut idle = self.plan.pools[it.pool].capacity().cpu.0 as f64;
        let mut wishes = Vec::new();
        for &allocation in &it.allocations {
            let on_it = &self.nomad.allocations[allocation];
            if on_it.client != ClientStatus::Running {
                continue;
            }
            let wanted = self.wanted_cpu(allocation);
            for task in &self.plan.groups[on_it.group].tasks {
                let asks = f64::from(task.cpu);
                let wants = (wanted * asks).max(task.idle_cpu.into());
                if task.cpu_hard_limit {
                    idle -= wants.min(asks);
                } else {
                    wishes.push(Wish { asks, wants });
                }
            }
        }
        multiple(idle, wishes)
    }

    /// The CPU that the load on a group wants and cannot have, MHz.
    pub(super) fn unmet_cpu(&self, group: usize) -> f64 {
        let (state, demand) = (&self.nomad.groups[group], self.load.demands[group].cpu_mhz);
        if !self.is_soft(group) || state.serving == 0 {
            return (demand - f64::from(state.serving) * self.load.asks[group].cpu.0 as f64).max(0.0);
        }
        let serving = state.occupying.iter().filter(|it| self.nomad.allocations[**it].serving);
        let of_one = |&allocation: &usize| {
            let (wanted, soft) =
                (self.wanted_cpu(allocation), self.soft_limit(self.nomad.allocations[allocation].node));
            let lacks = |hard: bool| (wanted - if hard { 1.0 } else { soft }).max(0.0);
            let tasks = self.plan.groups[group].tasks.iter();
            tasks.map(|task| f64::from(task.cpu) * lacks(task.cpu_hard_limit)).sum::<f64>()
        };
        serving.map(of_one).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_idle_is_shared_by_what_is_asked_for() {
        let wish = |asks, wants| Wish { asks, wants };
        // 3000 MHz for two that ask for 500 and 1000: twice of what they ask for, if both want it.
        assert_eq!(multiple(3000.0, vec![wish(500.0, 9000.0), wish(1000.0, 9000.0)]), 2.0);
        // The first wants 600 only: 2400 are left for the second.
        assert_eq!(multiple(3000.0, vec![wish(1000.0, 9000.0), wish(500.0, 600.0)]), 2.4);
        assert_eq!(multiple(3000.0, vec![wish(500.0, 600.0), wish(1000.0, 1200.0)]), f64::INFINITY);
        // Nobody has less than what they ask for, whatever a node shows.
        assert_eq!(multiple(400.0, vec![wish(500.0, 9000.0)]), 1.0);
        assert_eq!(multiple(400.0, Vec::new()), f64::INFINITY);
    }
}
