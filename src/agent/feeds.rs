//! Blocking queries that keep the views current (S4, S11). Nothing is asked for again that has not changed: jobs and
//! nodes are listed, and only those whose index moved are read one by one.

use std::cell::RefMut;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::event::{Event, Feed, Observer};
use super::term::Term;
use super::views::{Views, is_scalable};
use crate::domain::{JobKey, JobSummary, NodeId, NodeSummary};
use crate::ports::{Clock, Consul, ErrorKind, Indexed, Nomad, PortError, Ports, Wait};
use crate::state::{nodes_prefix, state_prefix};

/// How long a blocking query may wait for a change.
const WAIT: Duration = Duration::from_mins(1);
/// The least time between two answers of one query, so that a busy cluster is not listed without end.
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait after a failure, or where the server gave no index to wait on.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How many single reads may be under way at once.
const READS_AT_ONCE: usize = 16;

/// Whether an answer was taken over whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Whole,
    /// Some single job or node could not be read; it is asked for again, and holds up no other.
    InPart,
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(super) async fn follow_jobs(&self) -> Infallible {
        let nomad = self.ports.nomad();
        self.follow(Feed::Jobs, async |wait| nomad.jobs(wait).await, async |jobs| self.take_jobs(&jobs.value).await)
            .await
    }

    pub(super) async fn follow_nodes(&self) -> Infallible {
        let nomad = self.ports.nomad();
        self.follow(
            Feed::Nodes,
            async |wait| nomad.nodes(wait).await,
            async |nodes| self.take_nodes(&nodes.value).await,
        )
        .await
    }

    pub(super) async fn follow_allocations(&self) -> Infallible {
        let nomad = self.ports.nomad();
        let fetch = async |wait| nomad.allocations(wait).await;
        self.follow(Feed::Allocations, fetch, async |list| {
            self.views.borrow_mut().set_allocations(&list.value);
            Taken::Whole
        })
        .await
    }

    pub(super) async fn follow_deployments(&self) -> Infallible {
        let nomad = self.ports.nomad();
        let fetch = async |wait| nomad.deployments(wait).await;
        self.follow(Feed::Deployments, fetch, async |list| {
            self.views.borrow_mut().set_deployments(&list.value);
            Taken::Whole
        })
        .await
    }

    pub(super) async fn follow_states(&self) -> Infallible {
        let prefix = state_prefix(&self.config.borrow().root);
        let fetch = async |wait| self.ports.consul().list(&prefix, wait).await;
        self.follow(Feed::States, fetch, async |list| {
            self.store.accept(list);
            Taken::Whole
        })
        .await
    }

    pub(super) async fn follow_pool_policies(&self) -> Infallible {
        let prefix = nodes_prefix(&self.config.borrow().root);
        let fetch = async |wait| self.ports.consul().list(&prefix, wait).await;
        self.follow(Feed::PoolPolicies, fetch, async |list| {
            let policies = list
                .value
                .into_iter()
                .filter_map(|entry| Some((entry.key.strip_prefix(&prefix)?.to_owned(), entry.value)))
                .collect();
            let problems = self.views.borrow_mut().set_pool_policies(policies);
            self.tell_all(problems);
            Taken::Whole
        })
        .await
    }

    /// Asks, takes over, waits for a change, for ever.
    async fn follow<T>(
        &self,
        feed: Feed,
        fetch: impl AsyncFn(Option<Wait>) -> Result<Indexed<T>, PortError>,
        take: impl AsyncFn(Indexed<T>) -> Taken,
    ) -> Infallible {
        let clock = self.ports.clock();
        let mut past: Option<u64> = None;
        loop {
            let answer = fetch(past.map(|past| Wait { past, at_most: WAIT })).await;
            let (trouble, next) = match answer {
                // Nothing changed while we waited.
                Ok(answer) if past == Some(answer.index) => (None, past),
                Ok(answer) => {
                    // An index that went back starts the query afresh; index 0 is never waited on.
                    let index = answer.index;
                    let usable = index > 0 && past.is_none_or(|past| index > past);
                    let whole = take(answer).await == Taken::Whole;
                    (None, (usable && whole).then_some(index))
                }
                Err(error) => (Some(error), None),
            };
            self.note(feed, trouble);
            past = next;
            clock.sleep(if past.is_none() { RETRY_AFTER } else { PAUSE }).await;
        }
    }

    /// Marks a view as current or not, and tells when that changes.
    fn note(&self, feed: Feed, trouble: Option<PortError>) {
        let changed = self.views.borrow_mut().mark(feed, trouble.is_none());
        let another = self.feed_troubles.borrow_mut().insert(feed, trouble.clone()).flatten() != trouble;
        if changed || another {
            self.tell(&Event::Feed { feed, trouble });
        }
    }

    async fn take_jobs(&self, list: &[JobSummary]) -> Taken {
        let wanted: Vec<&JobSummary> = list.iter().filter(|job| is_scalable(job)).collect();
        let stale: Vec<JobKey> = {
            let views = self.views.borrow();
            let is_stale = |job: &&&JobSummary| views.job(&job.key).is_none_or(|known| known.summary != ***job);
            wanted.iter().filter(is_stale).map(|job| job.key.clone()).collect()
        };
        let read = self.read_each(&stale, async |key: &JobKey| self.ports.nomad().job(key).await).await;
        let keys = wanted.into_iter().map(|job| job.key.clone()).collect();
        self.take_read(read, |mut views, read| views.set_jobs(&keys, read))
    }

    async fn take_nodes(&self, list: &[NodeSummary]) -> Taken {
        let stale: Vec<NodeId> = {
            let views = self.views.borrow();
            let is_stale = |node: &&NodeSummary| views.node(&node.id).is_none_or(|known| known.summary != **node);
            list.iter().filter(is_stale).map(|node| node.id.clone()).collect()
        };
        let read = self.read_each(&stale, async |id: &NodeId| self.ports.nomad().node(id).await).await;
        let ids = list.iter().map(|node| node.id.clone()).collect();
        self.take_read(read, |mut views, read| views.set_nodes(&ids, read))
    }

    /// Reads things one by one, some at a time.
    async fn read_each<K: Clone + Ord, T>(
        &self,
        keys: &[K],
        read: impl AsyncFn(&K) -> Result<Arc<T>, PortError>,
    ) -> Vec<(K, Result<Arc<T>, PortError>)> {
        let mut all = Vec::with_capacity(keys.len());
        for some in keys.chunks(READS_AT_ONCE) {
            all.extend(join_all(some.iter().map(async |key| (key.clone(), read(key).await))).await);
        }
        all
    }

    /// Takes over what could be read. What could not be read keeps its place as it was, and is asked for again; one
    /// that vanished between list and read is simply gone.
    fn take_read<K: Ord + Display, T>(
        &self,
        read: Vec<(K, Result<Arc<T>, PortError>)>,
        set: impl FnOnce(RefMut<'_, Views>, BTreeMap<K, Arc<T>>) -> Vec<Event>,
    ) -> Taken {
        let mut taken = Taken::Whole;
        let mut fresh = BTreeMap::new();
        for (key, result) in read {
            let what = key.to_string();
            let error = match result {
                Ok(value) => {
                    fresh.insert(key, value);
                    None
                }
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => {
                    taken = Taken::InPart;
                    Some(error)
                }
            };
            let news = self.views.borrow_mut().mark_readable(&what, error.is_none());
            if news {
                self.tell(&Event::Unreadable { what, error });
            }
        }
        let problems = set(self.views.borrow_mut(), fresh);
        self.tell_all(problems);
        taken
    }

    fn tell_all(&self, events: Vec<Event>) {
        for event in events {
            self.tell(&event);
        }
    }
}
