//! Cloud providers by the name that a pool gives in `replicator_provider` (P24).
//!
//! A provider is anything that implements the port [`Cloud`] for its own pools. To add one, write that, and name it in
//! [`Providers::built_in`]; the core stays as it is.

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;

use crate::domain::{Activity, ActivityId, Instance, InstanceId, PoolSnapshot, PoolTarget, ProviderName};
use crate::ports::{Cloud, ErrorKind, PortError, Service};

/// The providers that pools may name.
#[derive(Default)]
pub struct Providers {
    by_name: BTreeMap<ProviderName, Box<dyn Provider>>,
}

impl Providers {
    /// Those that this build knows: `aws`, where it was built with that feature. No server is asked for anything before
    /// a pool names its provider.
    #[must_use]
    pub fn built_in() -> Self {
        let none = Self::default();
        #[cfg(feature = "aws")]
        let none = none.with(super::aws::PROVIDER, super::aws::AwsCloud::new());
        none
    }

    /// The same and another one, under this name.
    #[must_use]
    pub fn with(mut self, name: &str, cloud: impl Cloud + 'static) -> Self {
        self.by_name.insert(ProviderName::from(name), Box::new(cloud));
        self
    }

    fn of(&self, target: &PoolTarget) -> Result<&dyn Provider, PortError> {
        self.by_name.get(&target.provider).map(AsRef::as_ref).ok_or_else(|| {
            let message = format!("this build knows no provider {:?}", target.provider.as_str());
            PortError::new(Service::Cloud, format!("find the provider of {target}"), ErrorKind::Other, message)
        })
    }
}

impl Cloud for Providers {
    fn offers(&self, provider: &ProviderName) -> bool {
        self.by_name.contains_key(provider)
    }

    async fn pool(&self, target: &PoolTarget) -> Result<PoolSnapshot, PortError> {
        self.of(target)?.pool(target).await
    }

    async fn set_desired(&self, target: &PoolTarget, desired: u32) -> Result<(), PortError> {
        self.of(target)?.set_desired(target, desired).await
    }

    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        self.of(target)?.instances(target, ids).await
    }

    async fn detach(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.of(target)?.detach(target, instance).await
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        self.of(target)?.activities(target).await
    }

    async fn terminate(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        self.of(target)?.terminate(target, instance).await
    }
}

/// The calls of [`Cloud`] about one pool, in a form that providers of different types can stand behind.
trait Provider {
    fn pool<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, PoolSnapshot>;
    fn set_desired<'a>(&'a self, target: &'a PoolTarget, desired: u32) -> Answer<'a, ()>;
    fn instances<'a>(&'a self, target: &'a PoolTarget, ids: &'a [InstanceId]) -> Answer<'a, Vec<Instance>>;
    fn detach<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, Option<ActivityId>>;
    fn activities<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, Vec<Activity>>;
    fn terminate<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, ()>;
}

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, PortError>>;

impl<C: Cloud> Provider for C {
    fn pool<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, PoolSnapshot> {
        Box::pin(Cloud::pool(self, target))
    }

    fn set_desired<'a>(&'a self, target: &'a PoolTarget, desired: u32) -> Answer<'a, ()> {
        Box::pin(Cloud::set_desired(self, target, desired))
    }

    fn instances<'a>(&'a self, target: &'a PoolTarget, ids: &'a [InstanceId]) -> Answer<'a, Vec<Instance>> {
        Box::pin(Cloud::instances(self, target, ids))
    }

    fn detach<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, Option<ActivityId>> {
        Box::pin(Cloud::detach(self, target, instance))
    }

    fn activities<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, Vec<Activity>> {
        Box::pin(Cloud::activities(self, target))
    }

    fn terminate<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, ()> {
        Box::pin(Cloud::terminate(self, target, instance))
    }
}
