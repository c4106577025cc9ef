//! Rounds of evaluations, each at its interval. Every resource is evaluated on its own: one that takes long, because
//! a server does not answer, holds up no other (P27), and is not started a second time. Many are spread over the interval,
//! so that the servers' load is the same at any moment.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::agent::tell::{Feed, Observer};
use crate::agent::term::Term;
use crate::agent::{AgentConfig, Switch};
use crate::domain::Resource;
use crate::ports::{Clock, Ports};

/// How long after the start of a term the first round begins: the views must be filled first.
const FIRST_ROUND_AFTER: Duration = Duration::from_secs(2);

/// The least time from one round to the next, whatever is configured.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// Up to so many resources are evaluated at once; more are spread.
const AT_ONCE: usize = 16;

/// What a round of groups needs to know.
pub(super) const GROUP_FEEDS: [Feed; 4] = [Feed::Jobs, Feed::Allocations, Feed::Deployments, Feed::States];
/// What a round of pools needs to know.
pub(super) const POOL_FEEDS: [Feed; 5] = [Feed::Jobs, Feed::Nodes, Feed::Allocations, Feed::States, Feed::PoolPolicies];

/// Evaluates task groups, for ever.
pub(in crate::agent) async fn of_groups<P: Ports, O: Observer>(term: &Term<'_, P, O>) -> Infallible {
    let interval = |config: &AgentConfig| (config.job_scaling, config.job_interval);
    let resources = || {
        if !term.sees(&GROUP_FEEDS) {
            return Vec::new();
        }
        let groups = term.views.borrow().groups().cloned().map(Resource::Group).collect();
        with(groups, term.store.unfinished().into_iter().filter(|it| matches!(it, Resource::Group(_))))
    };
    run(term, interval, resources, &GROUP_FEEDS).await
}

/// Evaluates pools, for ever.
pub(in crate::agent) async fn of_pools<P: Ports, O: Observer>(term: &Term<'_, P, O>) -> Infallible {
    let interval = |config: &AgentConfig| (config.cluster_scaling, config.cluster_interval);
    let resources = || {
        if !term.sees(&POOL_FEEDS) {
            return Vec::new();
        }
        let pools = term.views.borrow_mut().pools().keys().cloned().map(Resource::Pool).collect();
        with(pools, term.store.unfinished().into_iter().filter(|it| matches!(it, Resource::Pool(_))))
    };
    run(term, interval, resources, &POOL_FEEDS).await
}

/// Resources in their order, and others that may be among them.
fn with(mut resources: Vec<Resource>, others: impl Iterator<Item = Resource>) -> Vec<Resource> {
    for other in others {
        if let Err(place) = resources.binary_search(&other) {
            resources.insert(place, other);
        }
    }
    resources
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// Whether all of these views are current, and when they last were (L7).
    pub(super) fn sees(&self, feeds: &[Feed]) -> bool {
        let now = self.ports.clock().monotonic();
        let sees = self.views.borrow().blind_spot(feeds, now).is_none();
        if sees {
            self.saw.set(now);
        }
        sees
    }
}

async fn run<P: Ports, O: Observer>(
    term: &Term<'_, P, O>,
    interval: impl Fn(&AgentConfig) -> (Switch, Duration),
    resources: impl Fn() -> Vec<Resource>,
    feeds: &[Feed],
) -> Infallible {
    let clock = term.ports.clock();
    let mut under_way = FuturesUnordered::new();
    let mut busy: BTreeSet<Resource> = BTreeSet::new();
    let mut next = clock.monotonic() + FIRST_ROUND_AFTER;
    loop {
        let ended = async {
            match under_way.next().await {
                Some(resource) => resource,
                None => std::future::pending().await,
            }
        };
        if let Either::Left((resource, _)) = select(pin!(ended), pin!(clock.sleep_until(next))).await {
            busy.remove(&resource);
            continue;
        }
        let (switch, interval) = interval(&term.config.borrow());
        let interval = interval.max(LEAST_INTERVAL);
        next = clock.monotonic() + interval;
        if switch == Switch::Off || !term.may_act() {
            continue;
        }
        let resources = resources();
        let all = resources.len();
        for (number, resource) in resources.into_iter().enumerate() {
            if busy.insert(resource.clone()) {
                under_way.push(evaluate(term, resource, turn(number, all, interval), feeds));
            }
        }
    }
}

/// How long after the start of a round a resource has its turn: at once where there are few, spread evenly where there are
/// many.
fn turn(number: usize, all: usize, interval: Duration) -> Duration {
    if all <= AT_ONCE {
        return Duration::ZERO;
    }
    let share = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    interval.saturating_mul(share(number)) / share(all)
}

async fn evaluate<P: Ports, O: Observer>(
    term: &Term<'_, P, O>,
    resource: Resource,
    turn: Duration,
    feeds: &[Feed],
) -> Resource {
    if !turn.is_zero() {
        term.ports.clock().sleep(turn).await;
        // Much may have happened since the round began.
        if !term.may_act() || !term.sees(feeds) {
            return resource;
        }
    }
    let clock = term.ports.clock();
    let began = clock.monotonic();
    match &resource {
        Resource::Group(key) => term.evaluate_group(key, &resource).await,
        // In a box of its own: there are many groups, and each would carry the room for a pool.
        Resource::Pool(name) => Box::pin(term.evaluate_pool(name, &resource)).await,
    }
    term.observer.evaluated(&resource, clock.monotonic().since(began));
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j6_many_evaluations_are_spread_over_their_interval() {
        let ten = Duration::from_secs(10);
        assert!((0..AT_ONCE).all(|number| turn(number, AT_ONCE, ten).is_zero()));
        let turns: Vec<u64> = (0..40).map(|number| turn(number, 40, ten).as_millis().try_into().unwrap()).collect();
        assert_eq!((turns[0], turns[1], turns[39]), (0, 250, 9750));
    }
}
