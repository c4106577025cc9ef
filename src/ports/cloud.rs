//! What the core asks of the cloud provider.

use super::PortError;
use crate::domain::{Activity, ActivityId, Instance, InstanceId, PoolSnapshot, PoolTarget, ProviderName};

/// The cloud providers that this world knows.
#[allow(async_fn_in_trait, reason = "the core is one task and asks no Send of its futures")]
pub trait Cloud {
    /// Whether pools of this provider can be scaled (P24).
    fn offers(&self, provider: &ProviderName) -> bool;

    /// The Auto Scaling group as it is now.
    async fn pool(&self, target: &PoolTarget) -> Result<PoolSnapshot, PortError>;

    /// Sets the desired capacity, and nothing else. Asking again is harmless.
    async fn set_desired(&self, target: &PoolTarget, desired: u32) -> Result<(), PortError>;

    /// The instances of these IDs that the provider still knows.
    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError>;

    /// Takes a member out of its group and lowers the desired capacity by one. The caller made sure that it is a
    /// member. Answers the activity that does it, where the provider names one.
    async fn detach(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError>;

    /// The group's latest scaling activities, in any order. May be incomplete or empty.
    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError>;

    /// Terminates an instance. Asking again is harmless.
    async fn terminate(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError>;
}
