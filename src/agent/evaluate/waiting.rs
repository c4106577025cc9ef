//! Work that could not be placed, and which pool it waits for (P30).

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::tell::{Concern, Matter, Observer};
use crate::agent::term::Term;
use crate::agent::watch::{ManagedPool, Views};
use crate::decide::placement::{Piece, Site, fits, left_over};
use crate::domain::{BlockedWork, PoolName, Resource};
use crate::ports::Ports;

/// The most of one group's waiting allocations that are looked at.
const MOST_OF_A_GROUP: u32 = 500;

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// How many allocations wait for room that an empty node of this pool would give, and that so many nodes on their way will
    /// not. What could go to several pools waits for the first of them, by name.
    pub(in crate::agent) fn waiting_for(&self, managed: &ManagedPool, coming: u32) -> u32 {
        let mut views = self.views.borrow_mut();
        let waiting = views.waiting();
        if waiting.is_empty() {
            // So it is nearly always, and what follows looks at every node.
            return 0;
        }
        let pools = views.pools();
        let mine = &managed.policy.target.name;
        let takers: Vec<(&PoolName, Vec<Site>)> = pools
            .iter()
            .take_while(|(name, _)| *name <= mine)
            .filter(|(name, pool)| *name == mine || pool.policy.enabled)
            .map(|(name, pool)| (name, views.empty_sites(pool)))
            .collect();
        let is_mine = |piece: &Piece| {
            takers.iter().find(|(_, kinds)| fits_one(piece, kinds)).is_some_and(|(name, _)| *name == mine)
        };
        let wanted = waiting.iter().filter(|(_, piece)| is_mine(piece));
        let pieces: Vec<Piece> = wanted.flat_map(|(work, piece)| repeated(work, piece)).collect();
        let kinds =
            takers.last().filter(|(name, _)| *name == mine).map(|(_, kinds)| kinds.as_slice()).unwrap_or_default();
        let arriving = kinds.first().into_iter().cycle().take(coming as usize).cloned().collect();
        u32::try_from(left_over(&pieces, arriving)).unwrap_or(u32::MAX)
    }

    /// Says once of work that waits and fits on no node of any pool, even an empty one: no node is launched for it. Answers
    /// what was said of.
    pub(super) fn name_what_fits_nowhere(&self) -> BTreeSet<Resource> {
        let found = fits_nowhere(&mut self.views.borrow_mut());
        let mut concerns: BTreeMap<Resource, Vec<Concern>> =
            self.concerned_by(Matter::FitsNowhere).into_iter().map(|resource| (resource, vec![])).collect();
        for (resource, concern) in found {
            concerns.entry(resource).or_default().push(concern);
        }
        for (resource, of_it) in &concerns {
            self.concern(resource, of_it.clone());
        }
        concerns.into_keys().collect()
    }
}

fn repeated(work: &BlockedWork, piece: &Piece) -> impl Iterator<Item = Piece> {
    std::iter::repeat_n(piece.clone(), work.count.min(MOST_OF_A_GROUP) as usize)
}

fn fits_one(piece: &Piece, kinds: &[Site]) -> bool {
    kinds.iter().any(|kind| kind.takes(piece))
}

/// Groups whose waiting work fits on no node of any pool, with why.
fn fits_nowhere(views: &mut Views) -> Vec<(Resource, Concern)> {
    let (waiting, pools) = (views.waiting(), views.pools());
    if waiting.is_empty() || pools.is_empty() {
        return vec![];
    }
    let kinds: Vec<Site> = pools.values().flat_map(|pool| views.empty_sites(pool)).collect();
    let homeless = waiting.iter().filter(|(_, piece)| !fits_one(piece, &kinds));
    let name = |(work, piece): &(BlockedWork, Piece)| {
        let why = fits(std::slice::from_ref(piece), &kinds).err().map(|misfit| misfit.to_string()).unwrap_or_default();
        let words = format!(
            "{} allocations wait for room ({}), and no node of any pool would hold one, even an empty one: {why}; no node is \
             launched for them (P30)",
            work.count, work.lacks
        );
        (Resource::Group(work.group.clone()), Concern { matter: Matter::FitsNowhere, words })
    };
    homeless.map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Constraint, Job, JobKey, JobKind, JobSummary, Monotonic, Node, Requirements, TaskGroup};
    use crate::testing::{group_key, meta, node, task, task_group};

    fn views(asks_mhz: u64, constrained: bool) -> Views {
        let pool_meta = |pool: &str| {
            meta(&[
                ("replicator_worker_pool", pool),
                ("replicator_enabled", "true"),
                ("replicator_region", "r"),
                ("replicator_notification_uid", "U"),
            ])
        };
        let nodes: Vec<Arc<Node>> = [("a", "big"), ("b", "small")]
            .map(|(id, pool)| Arc::new(Node { meta: Arc::new(pool_meta(pool)), ..node(id) }))
            .into();
        let mut views = Views::default();
        let listed: Vec<_> = nodes.iter().map(|node| node.summary.clone()).collect();
        let read = nodes.into_iter().map(|node| (node.summary.id.clone(), node)).collect();
        views.set_nodes(&listed, read, Monotonic::default());
        let to_small = Constraint {
            left: "${meta.replicator_worker_pool}".into(),
            operator: "=".into(),
            right: "small".into(),
            of_group: false,
        };
        let constraints = if constrained { vec![to_small] } else { vec![] };
        let needs = Arc::new(Requirements { constraints, ..Requirements::default() });
        let group = TaskGroup { tasks: vec![task("t", asks_mhz, 100)], needs, ..task_group("g", BTreeMap::new()) };
        let summary = JobSummary {
            key: JobKey::in_default("web"),
            kind: JobKind::Service,
            is_parent: false,
            stopped: false,
            modify_index: 1,
        };
        let lacks = "cpu exhausted on 2 nodes".into();
        views.set_blocked(vec![BlockedWork { group: group_key("web", "g"), count: 3, lacks }]);
        views.set_waiting_job(Arc::new(Job { summary, groups: vec![group] }));
        views
    }

    fn counts(views: Views, coming: u32) -> (u32, u32) {
        let servers = crate::agent::testing::Servers::default();
        crate::agent::testing::with_term(&servers, |term| {
            term.views.replace(views);
            let pools = term.views.borrow_mut().pools();
            let of = |name: &str| term.waiting_for(&pools[&name.into()], coming);
            (of("big"), of("small"))
        })
    }

    #[test]
    fn p30_what_waits_is_wanted_by_one_pool() {
        assert_eq!(counts(views(600, false), 0), (3, 0), "by the first that could take it");
        assert_eq!(counts(views(600, true), 0), (0, 3), "or the only one");
        assert_eq!(counts(views(600, false), 2), (1, 0), "what comes will hold two of them");
        assert_eq!(counts(views(1000, false), 0), (3, 0), "an empty node would just do");
    }

    #[test]
    fn p30_what_fits_no_node_is_said_and_not_chased() {
        assert_eq!(counts(views(1001, false), 0), (0, 0));
        let found = fits_nowhere(&mut views(1001, false));
        assert_eq!(found[0].0.to_string(), "group web/g");
        assert!(
            found[0].1.words.starts_with("3 allocations wait for room (cpu exhausted on 2 nodes)"),
            "{}",
            found[0].1.words
        );
        assert!(fits_nowhere(&mut views(1000, false)).is_empty());
    }
}
