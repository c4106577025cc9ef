//! The cloud port of a build that knows no provider: every pool is named as such and left alone (P24).

use crate::domain::{Activity, ActivityId, Instance, InstanceId, PoolSnapshot, PoolTarget, ProviderName};
use crate::ports::{Cloud, ErrorKind, PortError, Service};

/// No cloud at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCloud;

fn unknown<T>(call: &str, target: &PoolTarget) -> Result<T, PortError> {
    let message = format!("this build knows no provider {:?}", target.provider.as_str());
    Err(PortError::new(Service::Cloud, format!("{call} {target}"), ErrorKind::Other, message))
}

impl Cloud for NoCloud {
    fn offers(&self, _: &ProviderName) -> bool {
        false
    }

    async fn pool(&self, target: &PoolTarget) -> Result<PoolSnapshot, PortError> {
        unknown("read", target)
    }

    async fn set_desired(&self, target: &PoolTarget, _: u32) -> Result<(), PortError> {
        unknown("set desired capacity of", target)
    }

    async fn instances(&self, target: &PoolTarget, _: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        unknown("read instances of", target)
    }

    async fn detach(&self, target: &PoolTarget, _: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        unknown("detach from", target)
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        unknown("read activities of", target)
    }

    async fn terminate(&self, target: &PoolTarget, _: &InstanceId) -> Result<(), PortError> {
        unknown("terminate an instance of", target)
    }
}
