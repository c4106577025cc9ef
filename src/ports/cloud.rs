//! What the core asks of the cloud provider.

use std::sync::Arc;

use super::PortError;
use crate::domain::{Activity, ActivityId, Instance, InstanceId, PoolSnapshot, PoolTarget, ProviderName};

/// The cloud providers that this world knows.
#[allow(async_fn_in_trait, reason = "the core is one task and asks no Send of its futures")]
pub trait Cloud {
    /// Whether pools of this provider can be scaled (P24).
    fn offers(&self, provider: &ProviderName) -> Offer;

    /// Looks at the pool as it is now.
    async fn look(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError>;

    /// Lets the pool grow to so many instances. Asking again is harmless.
    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError>;

    /// Wants so many instances again and no more, since what was asked for before never came. Asking again is harmless.
    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError>;

    /// The instances of these IDs that the provider still knows.
    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError>;

    /// Takes a member out of the pool, which then wants one fewer; the instance is to be ended next. The caller made sure
    /// that it is a member. Answers the activity that does it, where the provider names one.
    async fn take_out(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError>;

    /// Lets a member go from the pool, which then wants one fewer; the instance is kept, so that somebody can look into
    /// it (P20). Otherwise as [`Cloud::take_out`].
    async fn let_go(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError>;

    /// What the pool did or tried of late, in any order. May be incomplete or empty.
    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError>;

    /// Ends an instance for good. Asking again is harmless.
    async fn end(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError>;
}

/// Whether pools of a provider can be scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// They can.
    Yes,
    /// They could, in a build that has this provider.
    NotBuilt,
    /// Nobody knows a provider of that name.
    Unknown,
}

impl Offer {
    /// Why pools of this provider cannot be scaled, if they cannot.
    #[must_use]
    pub fn obstacle(self, provider: &ProviderName) -> Option<String> {
        match self {
            Self::Yes => None,
            Self::NotBuilt => {
                Some(format!("this build has no provider {provider}: it was built without the feature `{provider}`"))
            }
            Self::Unknown => Some(format!("replicator_provider = {provider:?} is not known")),
        }
    }
}
