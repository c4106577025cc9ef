//! Blocking queries that keep the views current (S4, S11). Nothing is asked for again that has not changed: jobs and
//! nodes are listed, and only those whose index moved are read one by one.

use std::cell::RefMut;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::retries::Retries;
use super::views::{Views, is_scalable};
use crate::agent::keep::FailsafeChange;
use crate::agent::tell::{Event, Feed, Observer};
use crate::agent::term::Term;
use crate::domain::{JobKey, JobSummary, NodeId, NodeSummary};
use crate::ports::{Clock, Consul, ErrorKind, Indexed, Nomad, PortError, Ports, Wait};
use crate::state::{nodes_prefix, state_prefix};

/// How long a blocking query may wait for a change.
const WAIT: Duration = Duration::from_mins(1);
/// The least time between two answers of one query, so that a busy cluster is not listed without end.
const PAUSE: Duration = Duration::from_secs(1);
/// For every so many entries of a list it is so much longer: what is watched starts acts, and none rests on it, so that a
/// large list need not be had anew for every change of one entry.
const ENTRIES_A_PAUSE: usize = 500;
/// But never longer than that.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long to wait after a failure, or where the server gave no index to wait on.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How many single reads may be under way at once.
const READS_AT_ONCE: usize = 16;
/// How often it is asked what waits for room: there is no index to wait on that moves with that alone.
const BLOCKED_EVERY: Duration = Duration::from_secs(10);

/// How long to leave the servers alone after a list of so many entries.
fn pause_after(entries: usize) -> Duration {
    let more = u32::try_from(entries / ENTRIES_A_PAUSE).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(more.saturating_add(1)).min(LONGEST_PAUSE)
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(in crate::agent) async fn follow_jobs(&self) -> Infallible {
        let nomad = self.ports.nomad();
        let due = || self.views.borrow().unread_jobs.next();
        self.follow(Feed::Jobs, async |wait| nomad.jobs(wait).await, async |jobs| self.take_jobs(jobs).await, due).await
    }

    pub(in crate::agent) async fn follow_nodes(&self) -> Infallible {
        let nomad = self.ports.nomad();
        let due = || self.views.borrow().unread_nodes.next();
        let take = async |nodes: &Indexed<Arc<[NodeSummary]>>| self.take_nodes(nodes).await;
        self.follow(Feed::Nodes, async |wait| nomad.nodes(wait).await, take, due).await
    }

    pub(in crate::agent) async fn follow_allocations(&self) -> Infallible {
        let nomad = self.ports.nomad();
        let fetch = async |wait| nomad.allocations(wait).await;
        let take = async |list: &Indexed<Arc<[_]>>| self.views.borrow_mut().set_allocations(&list.value);
        self.follow(Feed::Allocations, fetch, take, || None).await
    }

    pub(in crate::agent) async fn follow_deployments(&self) -> Infallible {
        let nomad = self.ports.nomad();
        let fetch = async |wait| nomad.deployments(wait).await;
        let take = async |list: &Indexed<Arc<[_]>>| self.views.borrow_mut().set_deployments(&list.value);
        self.follow(Feed::Deployments, fetch, take, || None).await
    }

    pub(in crate::agent) async fn follow_states(&self) -> Infallible {
        let prefix = state_prefix(&self.config.borrow().root);
        let fetch = async |wait| self.ports.consul().list(&prefix, wait).await;
        let take = async |list: &Indexed<Vec<_>>| {
            let changes = self.store.accept(list);
            let subject = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
            for FailsafeChange { path, entered, by, reason } in changes {
                self.tell(&Event::Failsafe { subject: subject(&path), entered, by, reason });
            }
        };
        self.follow(Feed::States, fetch, take, || None).await
    }

    pub(in crate::agent) async fn follow_pool_policies(&self) -> Infallible {
        let prefix = nodes_prefix(&self.config.borrow().root);
        let fetch = async |wait| self.ports.consul().list(&prefix, wait).await;
        let take = async |list: &Indexed<Vec<crate::ports::KvEntry>>| {
            let named = |entry: &crate::ports::KvEntry| {
                Some((entry.key.strip_prefix(&prefix)?.to_owned(), entry.value.clone()))
            };
            let policies = list.value.iter().filter_map(named).collect();
            let problems = self.views.borrow_mut().set_pool_policies(policies);
            self.tell_all(problems);
        };
        self.follow(Feed::PoolPolicies, fetch, take, || None).await
    }

    /// Asks now and then what could not be placed (P30), and reads the jobs of it that are not known.
    pub(in crate::agent) async fn follow_blocked(&self) -> Infallible {
        let clock = self.ports.clock();
        loop {
            let trouble = match self.ports.nomad().blocked().await {
                Ok(blocked) => {
                    let unknown = self.views.borrow_mut().set_blocked(blocked);
                    for (_, read) in
                        self.read_each(&unknown, async |key: &JobKey| self.ports.nomad().job(key).await).await
                    {
                        // One that cannot be read is asked for again with the next answer.
                        if let Ok(job) = read {
                            self.views.borrow_mut().set_waiting_job(job);
                        }
                    }
                    None
                }
                Err(error) => Some(error),
            };
            self.note(Feed::Blocked, trouble);
            clock.sleep(BLOCKED_EVERY).await;
        }
    }

    /// Asks, takes over, waits for a change, for ever. `due` tells when something of the last answer is to be taken over once
    /// more, though nothing changed.
    async fn follow<T: Deref<Target = [E]>, E>(
        &self,
        feed: Feed,
        fetch: impl AsyncFn(Option<Wait>) -> Result<Indexed<T>, PortError>,
        take: impl AsyncFn(&Indexed<T>),
        due: impl Fn() -> Option<crate::domain::Monotonic>,
    ) -> Infallible {
        let clock = self.ports.clock();
        let mut past: Option<u64> = None;
        let mut last: Option<Indexed<T>> = None;
        loop {
            let until_due = || due().map(|due| due.since(clock.monotonic()).max(PAUSE));
            let wait = past.map(|past| Wait { past, at_most: until_due().map_or(WAIT, |due| due.min(WAIT)) });
            let (trouble, next) = match fetch(wait).await {
                // Nothing changed while we waited.
                Ok(answer) if past == Some(answer.index) => {
                    let is_due = due().is_some_and(|due| due <= clock.monotonic());
                    if let Some(last) = last.as_ref().filter(|_| is_due) {
                        take(last).await;
                    }
                    (None, past)
                }
                Ok(answer) => {
                    // An index that went back starts the query afresh; index 0 is never waited on.
                    let index = answer.index;
                    let usable = index > 0 && past.is_none_or(|past| index > past);
                    take(&answer).await;
                    last = Some(answer);
                    (None, usable.then_some(index))
                }
                Err(error) => (Some(error), None),
            };
            self.note(feed, trouble);
            past = next;
            let listed = last.as_ref().map_or(0, |last| last.value.len());
            clock.sleep(if past.is_none() { RETRY_AFTER } else { pause_after(listed) }).await;
        }
    }

    /// Marks a view as current or not, and tells when that changes.
    pub(in crate::agent) fn note(&self, feed: Feed, trouble: Option<PortError>) {
        if trouble.is_none() {
            self.observer.see_view(self.ports.clock().wall(), feed);
        }
        let now = self.ports.clock().monotonic();
        let changed = self.views.borrow_mut().mark(feed, trouble.is_none(), now);
        let another = self.feed_troubles.borrow_mut().insert(feed, trouble.clone()).flatten() != trouble;
        if changed || another {
            self.tell(&Event::Feed { feed, trouble });
        }
    }

    async fn take_jobs(&self, list: &Indexed<Arc<[JobSummary]>>) {
        let now = self.ports.clock().monotonic();
        let stale: Vec<JobKey> = {
            let views = self.views.borrow();
            let is_stale = |job: &&JobSummary| views.job(&job.key).is_none_or(|known| known.summary != **job);
            let wanted = list.value.iter().filter(|job| is_scalable(job)).filter(is_stale);
            wanted.map(|job| job.key.clone()).filter(|key| views.unread_jobs.is_due(key, now)).collect()
        };
        let read = self.read_each(&stale, async |key: &JobKey| self.ports.nomad().job(key).await).await;
        self.take_read(read, |views| &mut views.unread_jobs, |mut views, read| views.set_jobs(&list.value, read));
    }

    async fn take_nodes(&self, list: &Indexed<Arc<[NodeSummary]>>) {
        let now = self.ports.clock().monotonic();
        let stale: Vec<NodeId> = {
            let views = self.views.borrow();
            let is_stale = |node: &&NodeSummary| views.node(&node.id).is_none_or(|known| known.summary != **node);
            let ids = list.value.iter().filter(is_stale).map(|node| node.id.clone());
            ids.filter(|id| views.unread_nodes.is_due(id, now)).collect()
        };
        let read = self.read_each(&stale, async |id: &NodeId| self.ports.nomad().node(id).await).await;
        self.take_read(
            read,
            |views| &mut views.unread_nodes,
            |mut views, read| views.set_nodes(&list.value, read, now),
        );
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
    fn take_read<K: Ord + Clone + Display, T>(
        &self,
        read: Vec<(K, Result<Arc<T>, PortError>)>,
        retries: impl Fn(&mut Views) -> &mut Retries<K>,
        set: impl FnOnce(RefMut<'_, Views>, BTreeMap<K, Arc<T>>) -> Vec<Event>,
    ) {
        let now = self.ports.clock().monotonic();
        let mut fresh = BTreeMap::new();
        for (key, result) in read {
            let what = key.to_string();
            let error = match result {
                Ok(value) => {
                    fresh.insert(key.clone(), value);
                    None
                }
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => Some(error),
            };
            let mut views = self.views.borrow_mut();
            retries(&mut views).mark(&key, error.is_none(), now);
            let news = views.mark_readable(&what, error.is_none());
            drop(views);
            if news {
                self.tell(&Event::Unreadable { what, error });
            }
        }
        let problems = set(self.views.borrow_mut(), fresh);
        self.tell_all(problems);
    }

    pub(in crate::agent) fn tell_all(&self, events: Vec<Event>) {
        for event in events {
            self.tell(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_lists_are_had_less_often() {
        for (entries, seconds) in [(0, 1), (499, 1), (500, 2), (4000, 9), (5000, 10), (usize::MAX, 10)] {
            assert_eq!(pause_after(entries), Duration::from_secs(seconds), "{entries}");
        }
    }
}
