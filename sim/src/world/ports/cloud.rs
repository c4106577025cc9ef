//! The provider, as the core meets it here.

use std::sync::Arc;

use replicator::domain::{
    Activity, ActivityId, Instance, InstanceId, InstanceState, Lifecycle, PoolInstance, PoolSnapshot, PoolTarget,
    ProviderName,
};
use replicator::ports::{Cloud, ErrorKind, Offer, PortError, Service};

use super::super::World;
use super::{SimPorts, not_found};
use crate::judge::invariants::Act;
use crate::judge::invariants::Termination;

/// What a desired capacity is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// More instances.
    New,
    /// What was asked for before is not wanted any more.
    TakenBack,
}

/// What becomes of an instance that is detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is terminated next.
    Ended,
    /// Somebody will look into it.
    Kept,
}

impl SimPorts {
    /// Sets a pool's desired capacity.
    async fn set_desired(&self, target: &PoolTarget, to: u32, wish: Wish) -> Result<(), PortError> {
        self.served(Service::Cloud, "set desired capacity", |world| {
            let pool = world.find_pool(target).ok_or_else(|| not_found(Service::Cloud, "set desired capacity"))?;
            let from = world.cloud.groups[pool].desired;
            let undoes = wish == Wish::TakenBack;
            let act = Act::SetDesired { agent: self.agent, pool: &target.name, from, to, undoes };
            world.act_as_leader(self.agent, &act);
            world.set_desired(pool, to);
            Ok(())
        })
        .await
    }

    /// Detaches an instance.
    async fn detach(
        &self,
        target: &PoolTarget,
        instance: &InstanceId,
        fate: Fate,
    ) -> Result<Option<ActivityId>, PortError> {
        self.served(Service::Cloud, "detach instance", |world| {
            let number = world.cloud.find(instance).ok_or_else(|| not_found(Service::Cloud, "detach instance"))?;
            let it = &world.cloud.instances[number];
            let is_member = world.cloud.groups[it.pool].members.contains(&number);
            if !is_member || it.lifecycle == Lifecycle::Detaching {
                let message = "the instance is not part of the group";
                return Err(PortError::new(Service::Cloud, "detach instance", ErrorKind::Conflict, message));
            }
            let from = world.cloud.groups[it.pool].desired;
            let undoes = fate == Fate::Kept;
            let least = world.plan.pools[it.pool].min;
            // As AWS has it. What an agent asks for is judged all the same, but where it was told a lie about the bounds.
            let refused = !undoes && from <= least;
            if !refused || world.tells_the_truth() {
                let act = Act::Detach { agent: self.agent, pool: &target.name, from, undoes };
                world.act_as_leader(self.agent, &act);
            }
            if refused {
                let message = format!("the group wants {from} members, and its minimum is {least}");
                return Err(PortError::new(Service::Cloud, "detach instance", ErrorKind::Refused, message));
            }
            world.cloud.instances[number].taken_out = fate == Fate::Ended;
            Ok(Some(world.detach_instance(number)))
        })
        .await
    }
}

impl World {
    /// A pool as it is now; the same as last time where nothing has changed.
    fn look_at_pool(&mut self, pool: usize) -> Arc<PoolSnapshot> {
        let version = self.version;
        if let Some((seen, snapshot)) = &self.cloud.groups[pool].looked_at
            && *seen == version
        {
            debug_assert_eq!(**snapshot, self.snapshot(pool), "nothing changed unnoticed");
            return snapshot.clone();
        }
        let snapshot = Arc::new(self.snapshot(pool));
        let looked_at = &mut self.cloud.groups[pool].looked_at;
        let same = looked_at.take().map(|(_, before)| before).filter(|before| **before == *snapshot);
        looked_at.insert((version, same.unwrap_or(snapshot))).1.clone()
    }

    fn snapshot(&self, pool: usize) -> PoolSnapshot {
        let (plan, group) = (&self.plan.pools[pool], &self.cloud.groups[pool]);
        let zones: Vec<Arc<str>> = plan.zones.iter().map(|zone| zone.as_str().into()).collect();
        let member = |instance: &usize| {
            let it = &self.cloud.instances[*instance];
            PoolInstance {
                id: it.id.clone(),
                lifecycle: it.lifecycle,
                protected: it.protected,
                zone: zones.get(it.zone).cloned(),
            }
        };
        PoolSnapshot {
            min: plan.min,
            max: plan.max,
            desired: group.desired,
            instances: group.members.iter().map(member).collect(),
            suspended: Vec::new(),
            weighted: plan.weighted,
            overhaul: None,
        }
    }
}

impl Cloud for SimPorts {
    fn offers(&self, provider: &ProviderName) -> Offer {
        let known = self.world.borrow().plan.pools.iter().any(|pool| pool.policy.target.provider == *provider);
        if known { Offer::Yes } else { Offer::Unknown }
    }

    async fn look(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        self.served(Service::Cloud, "describe group", |world| {
            let pool = world.find_pool(target).ok_or_else(|| not_found(Service::Cloud, "describe group"))?;
            Ok(world.look_at_pool(pool))
        })
        .await
    }

    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.set_desired(target, to, Wish::New).await
    }

    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.set_desired(target, to, Wish::TakenBack).await
    }

    async fn instances(&self, _: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        self.served(Service::Cloud, "describe instances", |world| {
            let instance = |id: &InstanceId| {
                let it = &world.cloud.instances[world.cloud.find(id)?];
                Some(Instance { id: it.id.clone(), state: it.state, addresses: vec![it.address.clone()] })
            };
            Ok(ids.iter().filter_map(instance).collect())
        })
        .await
    }

    async fn take_out(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.detach(target, instance, Fate::Ended).await
    }

    async fn let_go(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.detach(target, instance, Fate::Kept).await
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        self.served(Service::Cloud, "describe activities", |world| {
            let pool = world.find_pool(target).ok_or_else(|| not_found(Service::Cloud, "describe activities"))?;
            Ok(world.cloud.groups[pool].activities.iter().map(|it| it.activity.clone()).collect())
        })
        .await
    }

    async fn end(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        self.served(Service::Cloud, "terminate instance", |world| {
            let number = world.cloud.find(instance).ok_or_else(|| not_found(Service::Cloud, "terminate instance"))?;
            let again = !matches!(world.cloud.instances[number].state, InstanceState::Pending | InstanceState::Running);
            let migratable = world.migratable_on(number);
            let it = &world.cloud.instances[number];
            let member = world.cloud.groups[it.pool].members.contains(&number) && it.lifecycle != Lifecycle::Detaching;
            let (agent, pool) = (self.agent, &target.name);
            let act = Act::Terminate(Termination { agent, pool, instance, again, member, migratable });
            world.act_as_leader(self.agent, &act);
            world.kill_instance(number);
            Ok(())
        })
        .await
    }
}
