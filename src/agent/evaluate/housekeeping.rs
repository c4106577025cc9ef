//! What is done now and then, about nothing in particular: views that have grown old are told, work that fits nowhere is
//! named, what is gone is forgotten, and states of what has been gone for weeks are removed (S15). And an agent that sees nothing
//! any more gives leadership up (L7).

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use jiff::SignedDuration;

use super::rounds;
use crate::agent::Switch;
use crate::agent::lead::Sight;
use crate::agent::tell::{Concern, Feed, LossCause, Matter, Observer};
use crate::agent::term::Term;
use crate::domain::Resource;
use crate::ports::{Clock, Consul, ErrorKind, PortError, Ports, Service};
use crate::state::{HISTORY_SLACK, history_prefix, too_much};

/// How often.
const EVERY: Duration = Duration::from_secs(30);
/// For how long nothing could be evaluated when leadership is given up: longer than the servers need to elect a leader.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);
/// How long the state of something that is gone is kept: long enough that somebody who brings it back finds it.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 28);

/// Keeps house, for as long as there is any use in leading.
pub(in crate::agent) async fn keep<P: Ports, O: Observer>(term: &Term<'_, P, O>) -> LossCause {
    loop {
        term.ports.clock().sleep(EVERY).await;
        term.tell_old_views();
        if term.has_gone_blind() {
            return LossCause::Blind;
        }
        if term.is_all_in_view() {
            let homeless = term.name_what_fits_nowhere();
            let kept: BTreeSet<Resource> = term.known_resources().union(&homeless).cloned().collect();
            term.forget_all_but(&kept);
            term.remove_old_states(&kept).await;
            term.remove_old_history().await;
            term.tell_nothing_to_scale();
        }
    }
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    fn tell_old_views(&self) {
        let old = self.views.borrow_mut().grown_old(self.ports.clock().monotonic());
        for (feed, age) in old {
            let message = format!("no answer for {} seconds: what was last heard is not acted on", age.as_secs());
            let service =
                if matches!(feed, Feed::States | Feed::PoolPolicies) { Service::Consul } else { Service::Nomad };
            self.note(feed, Some(PortError::new(service, format!("watch {feed}"), ErrorKind::Unreachable, message)));
        }
    }

    /// Whether nothing can be evaluated any more, and somebody else should try (L7). Who gave leadership up for that does not do
    /// so again until it has seen something: where nobody sees anything, leadership stays where it is.
    pub(in crate::agent) fn has_gone_blind(&self) -> bool {
        let (groups, pools) = {
            let config = self.config.borrow();
            (config.job_scaling, config.cluster_scaling)
        };
        let rounds = [(groups, rounds::GROUP_FEEDS.as_slice()), (pools, rounds::POOL_FEEDS.as_slice())];
        let mut wanted = rounds.iter().filter(|(switch, _)| *switch == Switch::On).peekable();
        if wanted.peek().is_none() || wanted.any(|(_, feeds)| self.sees(feeds)) {
            self.sight.set(Sight::Fine);
            return false;
        }
        let now = self.ports.clock().monotonic();
        self.sight.get() == Sight::Fine && now.since(self.saw.get()) >= GIVE_UP_AFTER
    }

    fn is_all_in_view(&self) -> bool {
        const ALL: [Feed; 6] =
            [Feed::Jobs, Feed::Nodes, Feed::Allocations, Feed::Deployments, Feed::States, Feed::PoolPolicies];
        self.views.borrow().blind_spot(&ALL, self.ports.clock().monotonic()).is_none()
    }

    /// Says where there is nothing at all to scale (S16): a namespace that is not there, or a token that may not see it, looks
    /// just like that.
    pub(in crate::agent) fn tell_nothing_to_scale(&self) {
        let (has_groups, has_pools, jobs) = {
            let mut views = self.views.borrow_mut();
            let has_groups = views.groups().next().is_some();
            (has_groups, !views.pools().is_empty(), views.job_count())
        };
        // Where there are groups, other things are told of the whole cluster.
        if has_groups {
            return;
        }
        let words = format!(
            "there is nothing to scale: of {jobs} service jobs in sight none has a group with a policy (replicator_enabled in its \
             meta), and no node says that it is in a worker pool (replicator_worker_pool in its meta). Where jobs are missing: \
             is nomad_namespace right, and may the token list its jobs?"
        );
        let concern = (!has_pools).then_some(Concern { matter: Matter::NothingToScale, words });
        self.concern_about(None, concern.into_iter().collect());
    }

    /// Everything that is scaled, or would be were its policy right, or was begun on and not ended.
    pub(in crate::agent) fn known_resources(&self) -> BTreeSet<Resource> {
        let mut views = self.views.borrow_mut();
        let mut known: BTreeSet<Resource> = views.groups().cloned().map(Resource::Group).collect();
        known.extend(views.pools().keys().cloned().map(Resource::Pool));
        known.extend(views.misconfigured().cloned());
        known.extend(self.store.unfinished());
        known
    }

    /// Keeps the history within its bound (S18).
    async fn remove_old_history(&self) {
        if self.noted.get() < HISTORY_SLACK {
            return;
        }
        let prefix = history_prefix(&self.config.borrow().root);
        let Ok(listed) = self.ports.consul().list(&prefix, None).await else { return };
        self.noted.set(0);
        let sizes: Vec<usize> = listed.value.iter().map(|entry| entry.key.len() + entry.value.len()).collect();
        for entry in listed.value.iter().take(too_much(&sizes)) {
            if !self.may_act() || self.store.remove(self.ports.consul(), &entry.key, entry.modify_index).await.is_err()
            {
                return;
            }
        }
    }

    /// Removes states of what has been gone for weeks, and is neither in failsafe nor owed anything.
    async fn remove_old_states(&self, kept: &BTreeSet<Resource>) {
        let Ok(limit) = self.ports.clock().wall().checked_sub(KEPT_FOR) else { return };
        let abandoned = self.store.abandoned_since(limit);
        if abandoned.is_empty() {
            return;
        }
        let paths: BTreeSet<Rc<str>> = kept.iter().map(|resource| self.path_of(resource)).collect();
        for (path, index) in abandoned {
            if !paths.contains(path.as_str()) && self.may_act() {
                // Somebody may have written it meanwhile: then it stays, and is looked at again.
                self.store.remove(self.ports.consul(), &path, index).await.ok();
            }
        }
    }
}
