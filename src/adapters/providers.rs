//! Cloud providers by the name that a pool gives in `replicator_provider` (P24).
//!
//! A provider is anything that implements the port [`Cloud`] for its own pools. To add one, write that, and name it in
//! [`Providers::built_in`]; the core stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

use crate::domain::{Activity, ActivityId, Instance, InstanceId, PoolSnapshot, PoolTarget, ProviderName};
use crate::ports::{Cloud, ErrorKind, Offer, PortError, Service};

/// The providers that there are, whether or not this build has them.
const KNOWN: [&str; 1] = ["aws"];

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
            let obstacle = self.offers(&target.provider).obstacle(&target.provider).unwrap_or_default();
            PortError::new(Service::Cloud, format!("find the provider of {target}"), ErrorKind::Other, obstacle)
        })
    }
}

impl Cloud for Providers {
    fn offers(&self, provider: &ProviderName) -> Offer {
        if self.by_name.contains_key(provider) {
            Offer::Yes
        } else if KNOWN.contains(&provider.as_str()) {
            Offer::NotBuilt
        } else {
            Offer::Unknown
        }
    }

    async fn look(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        counting(self.of(target)?.look(target)).await
    }

    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        counting(self.of(target)?.grow(target, to)).await
    }

    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        counting(self.of(target)?.ungrow(target, to)).await
    }

    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        counting(self.of(target)?.instances(target, ids)).await
    }

    async fn take_out(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        counting(self.of(target)?.take_out(target, instance)).await
    }

    async fn let_go(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        counting(self.of(target)?.let_go(target, instance)).await
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        counting(self.of(target)?.activities(target)).await
    }

    async fn end(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        counting(self.of(target)?.end(target, instance)).await
    }
}

/// A call, counted by what became of it.
async fn counting<T>(call: Answer<'_, T>) -> Result<T, PortError> {
    let answer = call.await;
    super::counted(Service::Cloud, answer.as_ref().err());
    answer
}

/// The calls of [`Cloud`] about one pool, in a form that providers of different types can stand behind.
trait Provider {
    fn look<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, Arc<PoolSnapshot>>;
    fn grow<'a>(&'a self, target: &'a PoolTarget, to: u32) -> Answer<'a, ()>;
    fn ungrow<'a>(&'a self, target: &'a PoolTarget, to: u32) -> Answer<'a, ()>;
    fn instances<'a>(&'a self, target: &'a PoolTarget, ids: &'a [InstanceId]) -> Answer<'a, Vec<Instance>>;
    fn take_out<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, Option<ActivityId>>;
    fn let_go<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, Option<ActivityId>>;
    fn activities<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, Vec<Activity>>;
    fn end<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, ()>;
}

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, PortError>>;

impl<C: Cloud> Provider for C {
    fn look<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, Arc<PoolSnapshot>> {
        Box::pin(Cloud::look(self, target))
    }

    fn grow<'a>(&'a self, target: &'a PoolTarget, to: u32) -> Answer<'a, ()> {
        Box::pin(Cloud::grow(self, target, to))
    }

    fn ungrow<'a>(&'a self, target: &'a PoolTarget, to: u32) -> Answer<'a, ()> {
        Box::pin(Cloud::ungrow(self, target, to))
    }

    fn instances<'a>(&'a self, target: &'a PoolTarget, ids: &'a [InstanceId]) -> Answer<'a, Vec<Instance>> {
        Box::pin(Cloud::instances(self, target, ids))
    }

    fn take_out<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, Option<ActivityId>> {
        Box::pin(Cloud::take_out(self, target, instance))
    }

    fn let_go<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, Option<ActivityId>> {
        Box::pin(Cloud::let_go(self, target, instance))
    }

    fn activities<'a>(&'a self, target: &'a PoolTarget) -> Answer<'a, Vec<Activity>> {
        Box::pin(Cloud::activities(self, target))
    }

    fn end<'a>(&'a self, target: &'a PoolTarget, instance: &'a InstanceId) -> Answer<'a, ()> {
        Box::pin(Cloud::end(self, target, instance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(provider: &str) -> PoolTarget {
        PoolTarget { provider: provider.into(), region: "r".into(), name: "workers".into() }
    }

    #[tokio::test]
    async fn p24_a_provider_that_was_left_out_is_told_from_one_that_nobody_knows() {
        let none = Providers::default();
        assert_eq!(none.offers(&"aws".into()), Offer::NotBuilt);
        let error = Cloud::look(&none, &target("aws")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cloud: find the provider of workers (aws r): error: this build has no provider aws: it was built without the \
             feature `aws`"
        );
        assert_eq!(none.offers(&"gce".into()), Offer::Unknown);
        let error = Cloud::end(&none, &target("gce"), &"i-1".into()).await.unwrap_err();
        assert_eq!(error.message, "replicator_provider = \"gce\" is not known");
        assert_eq!(Offer::Yes.obstacle(&"aws".into()), None);
    }

    #[test]
    fn p24_what_this_build_has_it_offers() {
        let built_in = Providers::built_in().offers(&"aws".into());
        assert_eq!(built_in, if cfg!(feature = "aws") { Offer::Yes } else { Offer::NotBuilt });
        assert_eq!(Providers::built_in().offers(&"AWS".into()), Offer::Unknown, "names are exact");
    }

    #[test]
    fn every_provider_that_is_known_is_a_feature() {
        let manifest = include_str!("../../Cargo.toml");
        for name in KNOWN {
            assert!(manifest.lines().any(|line| line.starts_with(&format!("{name} = ["))), "{name}");
        }
    }
}
