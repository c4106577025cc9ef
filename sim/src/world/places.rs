//! The core's idea of placement held against the simulated scheduler, which knows nothing of it: where the core says that
//! a node's work fits elsewhere, the scheduler finds a place for each piece, in whichever order it takes them.

use std::rc::Rc;

use replicator::decide::placement::{Piece, Site, fits};
use replicator::domain::{Eligibility, Holdings, JobKind};

use super::World;
use crate::kernel::random::Streams;
use crate::search::hunt::{Told, make};

/// How many states are compared.
const STATES: usize = 10_000;
/// How many are taken of one world.
const OF_ONE_WORLD: usize = 25;
/// How many happenings lie between two of them, at most.
const APART: u64 = 40;

impl World {
    /// The allocations that would have to move if a node left.
    fn moving_from(&self, node: usize) -> Vec<usize> {
        let there = self.nomad.nodes[node].allocations.iter().copied();
        let group_of = |allocation: usize| self.nomad.allocations[allocation].group;
        there.filter(|it| self.plan.jobs[self.plan.groups[group_of(*it)].job].kind != JobKind::System).collect()
    }

    fn as_piece(&mut self, allocation: usize) -> Piece {
        let listed = self.listed_allocation(allocation);
        let needs = self.needs_of(self.nomad.allocations[allocation].group);
        Piece { group: listed.group.clone(), kind: listed.kind, asks: listed.resources, needs }
    }

    /// A node as the core makes it out of what the servers list.
    fn as_site(&mut self, node: usize) -> Site {
        let detail = self.node_detail(node);
        let there: Vec<usize> = self.nomad.nodes[node].allocations.iter().copied().collect();
        let listed: Vec<_> = there.into_iter().map(|it| self.listed_allocation(it)).collect();
        let mut taken = Holdings::default();
        for allocation in &listed {
            taken.ports.extend(allocation.holdings.iter().flat_map(|held| held.ports.iter().copied()));
        }
        Site {
            node: detail.summary.id.clone(),
            name: detail.summary.name.clone(),
            meta: detail.meta.clone(),
            place: detail.place.clone(),
            free: listed.iter().fold(detail.capacity, |left, it| left.less(it.resources)),
            taken,
            groups: listed.iter().map(|it| it.group.clone()).collect(),
            allocations: u32::try_from(listed.len()).unwrap_or(u32::MAX),
        }
    }

    /// Lets the scheduler find a place for the work of a node that takes no more; whether it found one for each piece.
    fn moves_elsewhere(&mut self, node: usize, moving: &[usize]) -> bool {
        self.nomad.nodes[node].eligibility = Eligibility::Ineligible;
        self.nomad.classes.unsort(node);
        let mut found = true;
        for allocation in moving {
            let (group, evaluation) = {
                let it = &self.nomad.allocations[*allocation];
                (it.group, it.evaluation)
            };
            match self.best_node(group) {
                Ok((place, score)) => self.place(group, place, score, evaluation),
                Err(_) => found = false,
            }
        }
        self.nomad.nodes[node].eligibility = Eligibility::Eligible;
        self.nomad.classes.unsort(node);
        found
    }
}

/// What the two said.
#[derive(Debug, Default)]
struct Tally {
    both_fit: usize,
    neither: usize,
    only_scheduler: usize,
}

#[test]
fn p31_where_the_core_says_that_work_fits_the_scheduler_finds_a_place() {
    let mut random = Streams::of(31).hunt();
    let mut tally = Tally::default();
    let mut states = 0;
    for seed in 0.. {
        if states == STATES {
            break;
        }
        let plan = Rc::new(make(seed, Told::Truth).plan().expect("a plan"));
        let mut world = World::new(&plan);
        for _ in 0..OF_ONE_WORLD {
            for _ in 0..random.within(0..APART) {
                world.step();
            }
            let working: Vec<usize> = (0..world.nomad.nodes.len())
                .filter(|node| world.nomad.nodes[*node].takes_work() && !world.moving_from(*node).is_empty())
                .collect();
            if states == STATES {
                break;
            }
            let Some(node) = random.pick(&working).copied() else { continue };
            states += 1;
            let pool = world.nomad.nodes[node].pool;
            let mut moving = world.moving_from(node);
            moving.sort_by_cached_key(|_| random.within(0..u64::MAX));
            let pieces: Vec<Piece> = moving.iter().map(|it| world.as_piece(*it)).collect();
            let mut sites = Vec::new();
            for other in 0..world.nomad.nodes.len() {
                let it = &world.nomad.nodes[other];
                if other != node && it.pool == pool && it.takes_work() {
                    sites.push(world.as_site(other));
                }
            }
            let core = fits(&pieces, &sites);
            let scheduler = world.moves_elsewhere(node, &moving);
            match (core.is_ok(), scheduler) {
                (true, true) => tally.both_fit += 1,
                (false, false) => tally.neither += 1,
                (false, true) => tally.only_scheduler += 1,
                (true, false) => {
                    let asks: Vec<_> = pieces.iter().map(|it| it.asks).collect();
                    let free: Vec<_> = sites.iter().map(|it| it.free).collect();
                    panic!("seed {seed}: the core says that {asks:?} fit on {free:?}");
                }
            }
        }
    }
    println!("{states} states: {tally:?}");
    assert!(tally.both_fit > STATES / 10 && tally.neither > STATES / 10, "both answers are tried: {tally:?}");
    assert!(tally.only_scheduler < STATES / 20, "the core is not over-careful: {tally:?}");
}
