//! One evaluation of a worker pool: observe, decide, begin; or follow what is under way. Rules P5 to P37.

use std::sync::Arc;

use super::candidates::Victim;
use crate::agent::act::{Ground, Intent, Need, Subject};
use crate::agent::tell::{Concern, Event, Observer};
use crate::agent::term::Term;
use crate::agent::watch::{ManagedPool, Standing as Arriving};
use crate::decide::{Case, Decision, Direction, GroupBounds, PoolObservation, Standing, Step, Verdict, decide_pool};
use crate::domain::{Eligibility, InstanceId, NodeStatus, PoolName, PoolSnapshot, Resource};
use crate::operation::{ScaleIn, ScaleInPhase, ScaleOut, ScaleOutPhase, Work};
use crate::policy::PoolPolicy;
use crate::ports::{Clock, Cloud, Ports};

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(in crate::agent) async fn evaluate_pool(&self, name: &PoolName, resource: &Resource) {
        let path = self.path_of(resource);
        let Some(stored) = self.stored(resource, &path) else { return };
        if self.recalled.borrow_mut().insert(name.clone()) {
            let problems = self.views.borrow_mut().recall_policies(name, &stored.state.policies);
            self.tell_all(problems);
        }
        let managed = self.views.borrow_mut().pools().get(name).cloned();
        let mut subject = Subject { resource, path: &path, stored, need: Need::UNDER_WAY };
        self.tend_alert(&mut subject).await;
        self.show_state(&subject);
        if subject.stored.state.operation.is_some() {
            self.advance(Ground::Pool(managed.as_ref()), &mut subject).await;
            if let Some(managed) = managed.filter(|_| subject.stored.state.operation.is_some()) {
                self.report_pool(&managed, &subject).await;
            }
        } else if let Some(managed) = managed {
            self.consider_pool(&managed, &mut subject).await;
            self.stepping.borrow_mut().remove(name);
        }
    }

    async fn consider_pool(&self, managed: &ManagedPool, subject: &mut Subject<'_>) {
        let policy = &*managed.policy;
        let provider = &policy.target.provider;
        if let Some(obstacle) = self.ports.cloud().offers(provider).obstacle(provider) {
            return self.trouble(subject.resource, obstacle);
        }
        let policies = self.views.borrow().policy_order(&policy.target.name);
        if policy.enabled && !self.introduce(subject, policies).await {
            return;
        }
        let group = match self.look_at_peopled(managed, &policy.target).await {
            Ok(group) => group,
            Err(error) => return self.trouble(subject.resource, error),
        };
        let observation = self.observe_pool(managed, &group);
        let standing = if policy.enabled {
            self.standing(subject.path, &subject.stored.state, policy.cooldown)
        } else {
            self.shadow_standing(subject, policy.cooldown)
        };
        let standing = Standing { fleet: self.fleet(policy), ..standing };
        let mut decision = decide_pool(&observation, policy, &managed.others, &standing);
        self.weigh(&|| Case::Pool {
            observation: observation.clone(),
            policy: policy.clone(),
            others: managed.others.to_vec(),
            standing,
        });
        if let Verdict::Act(step) = decision.verdict {
            // Until it stands in the state, whoever else is evaluated meanwhile counts it from here (P37).
            self.stepping.borrow_mut().insert(policy.target.name.clone(), step);
        }
        let mut victim = None;
        if let Verdict::Act(step) | Verdict::WouldAct(step) = decision.verdict
            && step.direction() == Direction::In
        {
            match self.find_victim(managed, &group, &subject.stored.state.spared).await {
                Ok(Ok(found)) => victim = Some(found),
                Ok(Err(stop)) => decision = decision.hold(stop),
                Err(error) => return self.trouble(subject.resource, error),
            }
        }
        let decision = Arc::new(decision);
        self.tell(&Event::Decided(decision.clone()));
        if decision.verdict == Verdict::Undecided {
            let why = "none of its nodes says what it offers".to_owned();
            self.tell(&Event::Undecided { resource: subject.resource.clone(), why });
        }
        self.concern_pool(subject, &decision, policy);
        match decision.verdict {
            Verdict::Act(step) => {
                subject.need = Need::of(&decision);
                let intent = Intent { step, why: decision.why(), uid: &policy.notification_uid };
                if self.begin_on_pool(policy, &group, intent, victim, subject).await {
                    self.advance(Ground::Pool(Some(managed)), subject).await;
                }
            }
            _ if !policy.enabled => self.note_in_shadow(subject, &decision),
            _ => self.note_requests(subject, decision.scalein_requests, decision.scaleout_requests).await,
        }
    }

    /// Tells how the pool stands while an operation is under way on it; nothing comes of it.
    async fn report_pool(&self, managed: &ManagedPool, subject: &Subject<'_>) {
        let policy = &*managed.policy;
        if let Ok(group) = self.look_at_pool(&policy.target).await {
            let observation = self.observe_pool(managed, &group);
            let standing = self.standing(subject.path, &subject.stored.state, policy.cooldown);
            let decision = decide_pool(&observation, policy, &managed.others, &standing);
            self.concern_pool(subject, &decision, policy);
            self.tell(&Event::Decided(Arc::new(decision)));
        }
    }

    /// Takes all that an operator would want to know of a pool now (S16).
    fn concern_pool(&self, subject: &Subject<'_>, decision: &Decision, policy: &PoolPolicy) {
        let concerns = Concern::of(decision).into_iter().chain(self.priceless(policy));
        self.concern(subject.resource, concerns.collect());
    }

    /// What is seen of a pool, with what is on its way (P32) and what waits for room (P30).
    fn observe_pool(&self, managed: &ManagedPool, group: &Arc<PoolSnapshot>) -> PoolObservation {
        let coming = self.coming(managed, group);
        managed.observe(GroupBounds::of(&managed.policy, group), coming, self.waiting_for(managed, coming))
    }

    fn coming(&self, managed: &ManagedPool, group: &Arc<PoolSnapshot>) -> u32 {
        let views = self.views.borrow();
        let standing = |instance: &InstanceId| match views.node_on(instance).map(|node| &node.summary) {
            Some(node) if node.takes_work() => Arriving::Serves,
            Some(node) if node.status == NodeStatus::Ready => Arriving::KeptOut,
            Some(node) if node.draining || node.eligibility == Eligibility::Ineligible => Arriving::KeptOut,
            _ => Arriving::Comes,
        };
        let now = self.ports.clock().monotonic();
        let name = &managed.policy.target.name;
        let seen = (group.clone(), views.nodes_version());
        self.arrivals.borrow_mut().coming(name, &seen, standing, managed.nameless, now)
    }

    async fn begin_on_pool(
        &self,
        policy: &PoolPolicy,
        group: &PoolSnapshot,
        intent: Intent<'_>,
        victim: Option<Victim>,
        subject: &mut Subject<'_>,
    ) -> bool {
        let Some(work) = work(policy, group, intent.step, victim) else { return false };
        self.begin(subject, work, intent).await
    }
}

/// What is to be done about a step; nothing where a node is to leave and none may.
fn work(policy: &PoolPolicy, group: &PoolSnapshot, step: Step, victim: Option<Victim>) -> Option<Work> {
    let target = policy.target.clone();
    let retry_threshold = policy.retry_threshold;
    match step.direction() {
        Direction::Out => Some(Work::ScaleOut(ScaleOut {
            target,
            retry_threshold,
            from: step.from,
            to: step.to,
            known: group.instances.iter().map(|member| member.id.clone()).collect(),
            phase: ScaleOutPhase::Requesting,
        })),
        Direction::In => {
            let Victim { node, name, instance } = victim?;
            let phase = ScaleInPhase::Draining;
            // A pool that is brought back from above its maximum may have a minimum above that (P33).
            let floor = GroupBounds::of(policy, group).min.min(step.to);
            Some(Work::ScaleIn(ScaleIn { target, retry_threshold, node, node_name: name, instance, floor, phase }))
        }
    }
}
