//! One evaluation of a worker pool: observe, decide, begin; or follow what is under way. Rules P5 to P28.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Observer};
use super::progress::{Intent, MOVES_PER_EVALUATION, Subject};
use super::term::Term;
use super::views::ManagedPool;
use crate::decide::{
    Candidate, Case, Decision, Direction, GroupBounds, PoolObservation, Standing, Stop, Unfit, Verdict, choose_victim,
    decide_pool,
};
use crate::domain::{
    Activity, ActivityStatus, Instance, InstanceId, NodeId, PoolInstance, PoolName, PoolSnapshot, PoolTarget, Resource,
};
use crate::operation::{
    Failure, Move, Operation, Outcome, ScaleIn, ScaleInPhase, ScaleInSight, ScaleOut, ScaleOutPhase, ScaleOutSight,
    Situation, Work,
};
use crate::policy::PoolPolicy;
use crate::ports::{Cloud, ErrorKind, Offer, PortError, Ports};

/// How far the provider's clock may be behind ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(super) async fn evaluate_pool(&self, name: &PoolName, resource: &Resource) {
        let path = self.path_of(resource);
        let Some(stored) = self.stored(resource, &path) else { return };
        let managed = self.views.borrow_mut().pools().get(name).cloned();
        let mut subject = Subject { resource, path: &path, stored };
        self.tend_alert(&mut subject).await;
        if subject.stored.state.operation.is_some() {
            self.advance_pool(managed.as_ref(), &mut subject).await;
            if let Some(managed) = managed.filter(|_| subject.stored.state.operation.is_some()) {
                self.report_pool(&managed, &subject).await;
            }
        } else if let Some(managed) = managed {
            self.consider_pool(&managed, &mut subject).await;
        }
    }

    async fn consider_pool(&self, managed: &ManagedPool, subject: &mut Subject<'_>) {
        let policy = &*managed.policy;
        let provider = &policy.target.provider;
        if self.ports.cloud().offers(provider) != Offer::Yes {
            return self.trouble(subject.resource, format_args!("replicator_provider = {provider:?} is not known"));
        }
        if policy.enabled && !self.introduce(subject).await {
            return;
        }
        let group = match self.ports.cloud().look(&policy.target).await {
            Ok(group) => group,
            Err(error) => return self.trouble(subject.resource, error),
        };
        let observation = managed.observe(GroupBounds::of(policy, &group));
        let standing = if policy.enabled {
            self.standing(subject.path, &subject.stored.state)
        } else {
            self.shadow_standing(subject)
        };
        let mut decision = decide_pool(&observation, policy, &standing);
        self.weigh(&|| Case::Pool { observation: observation.clone(), policy: policy.clone(), standing });
        let room = matches!(decision.verdict, Verdict::Act(_)).then(|| self.reserve());
        if let Some(Err(limit)) = room {
            decision = decision.hold(Stop::Concurrency { limit });
        }
        let victim = match self.find_victim(&decision, managed, &group).await {
            Ok(victim) => victim,
            Err(error) => return self.trouble(subject.resource, error),
        };
        let lacks_victim = decision.verdict.step().is_some_and(|step| step.direction() == Direction::In);
        if lacks_victim && victim.is_none() && matches!(decision.verdict, Verdict::Act(_) | Verdict::WouldAct(_)) {
            decision = decision.hold(Stop::NoVictim);
        }
        self.tell(&Event::Decided(decision.clone()));
        match decision.verdict {
            Verdict::Act(step) => {
                let intent = Intent { step, why: decision.why(), uid: &policy.notification_uid };
                let begun = self.begin_on_pool(policy, &group, intent, victim, subject).await;
                drop(room);
                if begun {
                    self.advance_pool(None, subject).await;
                }
            }
            _ if !policy.enabled => self.note_in_shadow(subject, &decision),
            _ => self.note_requests(subject, decision.scalein_requests, decision.scaleout_requests).await,
        }
    }

    /// Tells how the pool stands while an operation is under way on it; nothing comes of it.
    async fn report_pool(&self, managed: &ManagedPool, subject: &Subject<'_>) {
        let policy = &*managed.policy;
        if let Ok(group) = self.ports.cloud().look(&policy.target).await {
            let observation = managed.observe(GroupBounds::of(policy, &group));
            let standing = self.standing(subject.path, &subject.stored.state);
            self.tell(&Event::Decided(decide_pool(&observation, policy, &standing)));
        }
    }

    async fn begin_on_pool(
        &self,
        policy: &PoolPolicy,
        group: &PoolSnapshot,
        intent: Intent<'_>,
        victim: Option<(NodeId, InstanceId)>,
        subject: &mut Subject<'_>,
    ) -> bool {
        let step = intent.step;
        let target = policy.target.clone();
        let retry_threshold = policy.retry_threshold;
        let work = match (step.direction(), victim) {
            (Direction::Out, _) => Work::ScaleOut(ScaleOut {
                target,
                retry_threshold,
                from: step.from,
                to: step.to,
                known: group.instances.iter().map(|member| member.id.clone()).collect(),
                phase: ScaleOutPhase::Requesting,
            }),
            (Direction::In, Some((node, instance))) => {
                let phase = ScaleInPhase::Draining;
                Work::ScaleIn(ScaleIn { target, retry_threshold, node, instance, phase })
            }
            (Direction::In, None) => return false,
        };
        self.begin(subject, work, intent).await
    }

    /// The node that would leave, where a decision is to take one (P21).
    async fn find_victim(
        &self,
        decision: &Decision,
        managed: &ManagedPool,
        group: &PoolSnapshot,
    ) -> Result<Option<(NodeId, InstanceId)>, PortError> {
        let (Verdict::Act(step) | Verdict::WouldAct(step)) = &decision.verdict else { return Ok(None) };
        if step.direction() == Direction::Out {
            return Ok(None);
        }
        let candidates = self.candidates(managed, group).await?;
        Ok(choose_victim(&candidates).map(|(node, instance)| (node.clone(), instance.clone())))
    }

    async fn candidates(&self, managed: &ManagedPool, group: &PoolSnapshot) -> Result<Vec<Candidate>, PortError> {
        let addresses = self.addresses_of_members(managed, group).await?;
        let views = self.views.borrow();
        let own = self.config.borrow().own_allocation.clone();
        let own_node = own.as_ref().and_then(|allocation| views.node_of(allocation));
        // An agent that is an allocation and cannot find its node might be on any.
        let lost = own.is_some() && own_node.is_none();
        let candidate = |load: &crate::decide::NodeLoad| {
            let node = views.node(&load.node);
            let by_id = node.and_then(|node| node.instance.as_ref()).and_then(|id| group.member(id));
            let by_address = || {
                let instance = addresses.get(node?.address.as_ref()?)?;
                group.member(instance)
            };
            let instance = match by_id.or_else(by_address) {
                _ if lost || own_node == Some(&load.node) => Err(Unfit::RunsLeader),
                None => Err(Unfit::NoInstance),
                Some(PoolInstance { protected: true, .. }) => Err(Unfit::Protected),
                Some(member) => Ok(member.id.clone()),
            };
            Candidate { load: load.clone(), instance }
        };
        Ok(managed.nodes.iter().map(candidate).collect())
    }

    /// Which member has which address; only asked for where a node does not know its instance.
    async fn addresses_of_members(
        &self,
        managed: &ManagedPool,
        group: &PoolSnapshot,
    ) -> Result<BTreeMap<String, InstanceId>, PortError> {
        let all_known = {
            let views = self.views.borrow();
            let knows = |load: &crate::decide::NodeLoad| {
                let instance = views.node(&load.node).and_then(|node| node.instance.as_ref());
                instance.is_some_and(|id| group.member(id).is_some())
            };
            managed.nodes.iter().all(knows)
        };
        if all_known {
            return Ok(BTreeMap::new());
        }
        let members: Vec<InstanceId> = group.instances.iter().map(|member| member.id.clone()).collect();
        let instances = self.ports.cloud().instances(&managed.policy.target, &members).await?;
        let pairs = |instance: Instance| {
            let id = instance.id;
            instance.addresses.into_iter().map(move |address| (address, id.clone()))
        };
        Ok(instances.into_iter().flat_map(pairs).collect())
    }

    /// Takes what is under way as far as it can be taken now.
    async fn advance_pool(&self, managed: Option<&ManagedPool>, subject: &mut Subject<'_>) {
        for _ in 0..MOVES_PER_EVALUATION {
            let state = &subject.stored.state;
            let Some(operation) = state.operation.clone() else { return };
            if self.is_frozen(subject.path, state) {
                return;
            }
            let in_phase = self.in_phase(subject.path, &operation);
            let failures = state.failure_count;
            let situation = match &operation.work {
                Work::ScaleOut(work) => self.look_out(work, &operation, in_phase, failures).await,
                Work::ScaleIn(work) => self.look_in(work, managed, in_phase, failures).await,
                Work::GroupScale(_) => return,
            };
            let next = match situation {
                Ok(situation) => self.move_on(subject.resource, &situation),
                Err(error) if error.kind == ErrorKind::NotFound => {
                    Move::Finish(Outcome::Failed(Failure::GroupVanished))
                }
                Err(error) => return self.trouble(subject.resource, error),
            };
            if !self.carry_out(subject, next).await {
                return;
            }
        }
    }

    /// Looks at what a scale-out is about.
    async fn look_out(
        &self,
        work: &ScaleOut,
        operation: &Operation,
        in_phase: Duration,
        failures: u32,
    ) -> Result<Situation, PortError> {
        let mut joined = self.views.borrow().joined_instances();
        let mut states = BTreeMap::new();
        if let Some(instance) = work.phase.instance()
            && let Some(details) = self.instance(&work.target, instance).await?
        {
            states.insert(instance.clone(), details.state);
            if self.views.borrow().takes_work_at(&details.addresses) {
                joined.insert(instance.clone());
            }
        }
        let waits_for_launch = matches!(work.phase, ScaleOutPhase::Launching { .. } | ScaleOutPhase::Reverting);
        let setback = if waits_for_launch { self.setback(&work.target, operation.started).await? } else { None };
        if let Some(setback) = &setback {
            let problem = format_args!("the group does not launch: {}; it goes on trying", setback.message);
            self.trouble(&operation.resource, problem);
        }
        // Last, so that what a call rests on is as fresh as can be.
        let group = self.ports.cloud().look(&work.target).await?;
        let sight = ScaleOutSight { group, joined, states, setback, in_phase, failures };
        Ok(Situation::ScaleOut { work: work.clone(), sight })
    }

    /// Looks at what a scale-in is about.
    async fn look_in(
        &self,
        work: &ScaleIn,
        managed: Option<&ManagedPool>,
        in_phase: Duration,
        failures: u32,
    ) -> Result<Situation, PortError> {
        let cloud = self.ports.cloud();
        let instance = self.instance(&work.target, &work.instance).await?.map(|instance| instance.state);
        let activity = match &work.phase {
            ScaleInPhase::Detaching { activity: Some(id) } => match cloud.activities(&work.target).await {
                Ok(listed) => listed.into_iter().find(|activity| activity.id == *id).map(|activity| activity.status),
                // A group that is gone has no activities; the drain is to be called off all the same.
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        // Last, so that what a call rests on, above all who is a member, is as fresh as can be.
        let group = match cloud.look(&work.target).await {
            Ok(group) => Some(group),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let pool = managed.zip(group.as_ref());
        let policy_floor = pool.map(|(managed, group)| GroupBounds::of(&managed.policy, group).min);
        let floor = policy_floor.or(group.as_ref().map(|group| group.min)).unwrap_or_default().max(1);
        let demand_returned = pool.is_some_and(|(managed, group)| self.needs_back(managed, group, &work.node));
        let views = self.views.borrow();
        let sight = ScaleInSight {
            floor,
            node: views.node(&work.node).map(|node| node.summary.clone()),
            occupants: views.occupants(&work.node),
            instance,
            activity,
            demand_returned,
            in_phase,
            failures,
            group,
        };
        Ok(Situation::ScaleIn { work: work.clone(), sight })
    }

    /// Whether the pool would have to scale out without the node that is leaving (P25). What still runs on that node
    /// has to find room on the others.
    fn needs_back(&self, managed: &ManagedPool, group: &PoolSnapshot, leaving: &NodeId) -> bool {
        let mut observation: PoolObservation = managed.observe(GroupBounds::of(&managed.policy, group));
        let mut nodes = observation.nodes.to_vec();
        let Some(first) = nodes.first_mut() else { return true };
        first.used += self.views.borrow().used_on(leaving);
        observation.nodes = nodes.into();
        // Taking the node back needs no room below the maximum.
        observation.bounds.max = u32::MAX;
        let decision = decide_pool(&observation, &managed.policy, &Standing::default());
        decision.verdict.step().is_some_and(|step| step.direction() == Direction::Out)
    }

    async fn instance(&self, target: &PoolTarget, id: &InstanceId) -> Result<Option<Instance>, PortError> {
        match self.ports.cloud().instances(target, std::slice::from_ref(id)).await {
            Ok(found) => Ok(found.into_iter().find(|instance| instance.id == *id)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the group tried last, if that was after this time and failed.
    async fn setback(&self, target: &PoolTarget, began: Timestamp) -> Result<Option<Activity>, PortError> {
        // What is still in progress may stand first, whenever it began, and tells nothing yet.
        let activities = self.ports.cloud().activities(target).await?;
        let ended = activities.into_iter().filter(|activity| activity.status != ActivityStatus::InProgress);
        let newest = ended.max_by_key(|activity| activity.began);
        let counts = |activity: &Activity| {
            let failed = matches!(activity.status, ActivityStatus::Failed | ActivityStatus::NoCapacity);
            failed && activity.began.saturating_add(CLOCK_SKEW).is_ok_and(|latest| latest >= began)
        };
        Ok(newest.filter(counts))
    }
}
