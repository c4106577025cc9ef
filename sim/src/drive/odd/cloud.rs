//! Odd answers of the provider.

use std::sync::Arc;

use replicator::domain::{
    Activity, ActivityId, Instance, InstanceId, InstanceState, Lifecycle, PoolSnapshot, PoolTarget, ProviderName,
};
use replicator::ports::{Cloud, Offer, PortError, Ports, Service};

use super::OddPorts;
use crate::plan::OddKind;

impl<P: Ports> OddPorts<P> {
    fn bend_pool(&self, pool: &mut PoolSnapshot) {
        if self.strikes(OddKind::Zeros) {
            pool.desired = 0;
        }
        if self.strikes(OddKind::Zeros) {
            (pool.min, pool.max) = (0, 0);
        }
        if self.strikes(OddKind::Huge) {
            pool.desired = u32::MAX;
        }
        self.bend_list(&mut pool.instances);
        for lifecycle in [Lifecycle::Other, Lifecycle::Standby, Lifecycle::Warmed] {
            self.bend_one(OddKind::States, &mut pool.instances, |member| member.lifecycle = lifecycle);
        }
    }
}

impl<P: Ports> Cloud for OddPorts<P> {
    fn offers(&self, provider: &ProviderName) -> Offer {
        self.inner.cloud().offers(provider)
    }

    async fn look(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        self.travel(Service::Cloud, "describe group").await?;
        let mut pool = self.inner.cloud().look(target).await?;
        self.bend_pool(Arc::make_mut(&mut pool));
        Ok(pool)
    }

    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.inner.cloud().grow(target, to).await
    }

    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.inner.cloud().ungrow(target, to).await
    }

    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        self.travel(Service::Cloud, "describe instances").await?;
        let mut instances = self.inner.cloud().instances(target, ids).await?;
        self.bend_list(&mut instances);
        self.bend_one(OddKind::States, &mut instances, |it| it.state = InstanceState::Stopped);
        Ok(instances)
    }

    async fn take_out(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.inner.cloud().take_out(target, instance).await
    }

    async fn let_go(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.inner.cloud().let_go(target, instance).await
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        self.travel(Service::Cloud, "describe activities").await?;
        let mut activities = self.inner.cloud().activities(target).await?;
        self.bend_list(&mut activities);
        Ok(activities)
    }

    async fn end(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        self.inner.cloud().end(target, instance).await
    }
}
