//! Rounds of evaluations, each at its interval. Every resource is evaluated on its own: one that takes long, because
//! a server does not answer, holds up no other (P27), and is not started a second time.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::event::{Feed, Observer};
use super::term::Term;
use super::{AgentConfig, Switch};
use crate::domain::Resource;
use crate::ports::{Clock, Ports};

/// How long after the start of a term the first round begins: the views must be filled first.
const FIRST_ROUND_AFTER: Duration = Duration::from_secs(2);

/// The least time from one round to the next, whatever is configured.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// What a round of groups needs to know.
const GROUP_FEEDS: [Feed; 4] = [Feed::Jobs, Feed::Allocations, Feed::Deployments, Feed::States];
/// What a round of pools needs to know.
const POOL_FEEDS: [Feed; 5] = [Feed::Jobs, Feed::Nodes, Feed::Allocations, Feed::States, Feed::PoolPolicies];

/// Evaluates task groups, for ever.
pub(super) async fn of_groups<P: Ports, O: Observer>(term: &Term<'_, P, O>) -> Infallible {
    let interval = |config: &AgentConfig| (config.job_scaling, config.job_interval);
    let resources = || {
        let mut resources = BTreeSet::new();
        if term.views.borrow().are_current(&GROUP_FEEDS) {
            resources.extend(term.views.borrow().groups().cloned().map(Resource::Group));
            resources.extend(term.store.unfinished().into_iter().filter(|it| matches!(it, Resource::Group(_))));
        }
        resources
    };
    run(term, interval, resources).await
}

/// Evaluates pools, for ever.
pub(super) async fn of_pools<P: Ports, O: Observer>(term: &Term<'_, P, O>) -> Infallible {
    let interval = |config: &AgentConfig| (config.cluster_scaling, config.cluster_interval);
    let resources = || {
        let mut resources = BTreeSet::new();
        if term.views.borrow().are_current(&POOL_FEEDS) {
            resources.extend(term.views.borrow_mut().pools().keys().cloned().map(Resource::Pool));
            resources.extend(term.store.unfinished().into_iter().filter(|it| matches!(it, Resource::Pool(_))));
        }
        resources
    };
    run(term, interval, resources).await
}

async fn run<P: Ports, O: Observer>(
    term: &Term<'_, P, O>,
    interval: impl Fn(&AgentConfig) -> (Switch, Duration),
    resources: impl Fn() -> BTreeSet<Resource>,
) -> Infallible {
    let clock = term.ports.clock();
    let mut under_way: FuturesUnordered<LocalBoxFuture<'_, Resource>> = FuturesUnordered::new();
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
        next = clock.monotonic() + interval.max(LEAST_INTERVAL);
        if switch == Switch::Off || !term.may_act() {
            continue;
        }
        for resource in resources() {
            if busy.insert(resource.clone()) {
                under_way.push(Box::pin(evaluate(term, resource)));
            }
        }
    }
}

async fn evaluate<P: Ports, O: Observer>(term: &Term<'_, P, O>, resource: Resource) -> Resource {
    match &resource {
        Resource::Group(key) => term.evaluate_group(key, &resource).await,
        Resource::Pool(name) => term.evaluate_pool(name, &resource).await,
    }
    resource
}
