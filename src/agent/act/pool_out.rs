//! What can be seen of adding a node to a pool.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::agent::watch::ManagedPool;
use crate::domain::{Activity, ActivityStatus, Instance, InstanceId, PoolSnapshot, PoolTarget};
use crate::operation::{Operation, ScaleOut, ScaleOutPhase, ScaleOutSight};
use crate::ports::{Cloud, ErrorKind, Nomad, PortError, Ports, Service};

/// How far the provider's clock may be behind ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(in crate::agent) async fn look_out(
        &self,
        work: &ScaleOut,
        managed: Option<&ManagedPool>,
        operation: &Operation,
        in_phase: Duration,
        failures: u32,
    ) -> Result<ScaleOutSight, PortError> {
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
        let group = match managed.filter(|_| matches!(work.phase, ScaleOutPhase::Requesting)) {
            Some(managed) => self.look_at_peopled(managed, &work.target).await?,
            None => self.look_at_pool(&work.target).await?,
        };
        // Last of all where a machine is about to be ended: its node may join at any moment, and take work at once.
        if let ScaleOutPhase::Replacing { instance } | ScaleOutPhase::Detaching { instance } = &work.phase
            && self.joined_now(instance).await?
        {
            joined.insert(instance.clone());
        }
        let is_joining = matches!(work.phase, ScaleOutPhase::Joining { .. });
        let unmatched = if is_joining { self.unmatched(work, &group, &joined, operation).await? } else { vec![] };
        let withdrawn = managed.is_some_and(|managed| !managed.policy.enabled);
        Ok(ScaleOutSight { group, joined, unmatched, withdrawn, states, setback, in_phase, failures })
    }

    /// New nodes of the pool that cannot be told to run on any member, by name. Where the operation began before this term,
    /// every node that cannot be told may be new.
    async fn unmatched(
        &self,
        work: &ScaleOut,
        group: &PoolSnapshot,
        joined: &BTreeSet<InstanceId>,
        operation: &Operation,
    ) -> Result<Vec<String>, PortError> {
        let began = self.clock_at(operation);
        let newcomers = self.views.borrow().newcomers(&work.target.name, began);
        let is_known = |id: &InstanceId| joined.contains(id) && group.member(id).is_some();
        let unclear = newcomers.into_iter().filter(|node| !node.instance.as_ref().is_some_and(is_known));
        let unclear: Vec<_> = unclear.collect();
        if unclear.iter().all(|node| node.instance.is_some()) {
            // They know their instances, which are no members: it is none of them.
            return Ok(vec![]);
        }
        let members: Vec<InstanceId> = group.instances.iter().map(|member| member.id.clone()).collect();
        let known = self.ports.cloud().instances(&work.target, &members).await?;
        let addresses: BTreeSet<&str> = known.iter().flat_map(|it| &it.addresses).map(String::as_str).collect();
        let nameless = unclear.iter().filter(|node| node.instance.is_none());
        let unmatched = nameless.filter(|node| !node.address.as_deref().is_some_and(|it| addresses.contains(it)));
        Ok(unmatched.map(|node| node.summary.name.clone()).collect())
    }

    /// When an operation began, by the monotonic clock: before this term, if another began it.
    fn clock_at(&self, operation: &Operation) -> crate::domain::Monotonic {
        use crate::ports::Clock;
        let now = self.ports.clock();
        let ago = Duration::try_from(now.wall().duration_since(operation.started)).unwrap_or_default();
        let began = now.monotonic().since_start().saturating_sub(ago);
        let by_us = operation.agent == self.config.borrow().name && began >= self.began.since_start();
        crate::domain::Monotonic::at(if by_us { began } else { Duration::ZERO })
    }

    /// The pool as it is now, unless it contradicts itself.
    pub(in crate::agent) async fn look_at_pool(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        let pool = self.ports.cloud().look(target).await?;
        let mut believed = self.believed.borrow_mut();
        if !believed.get(&target.name).is_some_and(|known| Arc::ptr_eq(known, &pool)) {
            pool.check().map_err(|problem| not_believed(target, problem))?;
            believed.insert(target.name.clone(), pool.clone());
        }
        Ok(pool)
    }

    /// The same, unless it lists nobody while more nodes of the pool than it could grow to take work and know that they are
    /// instances: a size from such an answer would take them away.
    pub(in crate::agent) async fn look_at_peopled(
        &self,
        managed: &ManagedPool,
        target: &PoolTarget,
    ) -> Result<Arc<PoolSnapshot>, PortError> {
        let pool = self.look_at_pool(target).await?;
        let instances = managed.nodes.len() - managed.nameless;
        if pool.instances.is_empty() && instances > pool.desired.saturating_add(1) as usize {
            let desired = pool.desired;
            let problem = format!(
                "the group lists no member and wants {desired}, while {instances} nodes of the pool say that they are \
                 instances: no size is set from that"
            );
            return Err(not_believed(target, problem));
        }
        Ok(pool)
    }

    /// Whether a node takes work on an instance, as it is now. What is about to be ended must not be one that was missed.
    async fn joined_now(&self, instance: &InstanceId) -> Result<bool, PortError> {
        let nodes = self.ports.nomad().nodes_on(instance).await?;
        Ok(nodes.iter().any(|node| node.summary.takes_work()))
    }

    pub(super) async fn instance(&self, target: &PoolTarget, id: &InstanceId) -> Result<Option<Instance>, PortError> {
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

fn not_believed(target: &PoolTarget, problem: String) -> PortError {
    PortError::new(Service::Cloud, format!("look at {target}"), ErrorKind::Other, problem)
}
