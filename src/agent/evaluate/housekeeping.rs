//! What is done now and then, about nothing in particular: views that have grown old are told, work that fits nowhere is
//! named, what is gone is forgotten, and states of what has been gone for weeks are removed (S15).

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::agent::tell::{Concern, Feed, Matter, Observer};
use crate::agent::term::Term;
use crate::domain::Resource;
use crate::ports::{Clock, ErrorKind, PortError, Ports, Service};

/// How often.
const EVERY: Duration = Duration::from_secs(30);
/// How long the state of something that is gone is kept: long enough that somebody who brings it back finds it.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 28);

/// Keeps house, for ever.
pub(in crate::agent) async fn keep<P: Ports, O: Observer>(term: &Term<'_, P, O>) -> Infallible {
    loop {
        term.ports.clock().sleep(EVERY).await;
        term.tell_old_views();
        if term.is_all_in_view() {
            let homeless = term.name_what_fits_nowhere();
            let kept: BTreeSet<Resource> = term.known_resources().union(&homeless).cloned().collect();
            term.forget_all_but(&kept);
            term.remove_old_states(&kept).await;
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
