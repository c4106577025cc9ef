//! Worker pools as the cloud provider sees them: Auto Scaling groups and instances.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ActivityId, InstanceId, PoolName, ProviderName, RegionName};

/// Which Auto Scaling group, where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolTarget {
    /// The cloud provider.
    pub provider: ProviderName,
    /// The region.
    pub region: RegionName,
    /// The group's name.
    pub name: PoolName,
}

impl fmt::Display for PoolTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.name, self.provider, self.region)
    }
}

/// An Auto Scaling group at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSnapshot {
    /// The fewest instances that the group allows (`MinSize`).
    pub min: u32,
    /// The most instances that the group allows (`MaxSize`).
    pub max: u32,
    /// How many it shall have (`DesiredCapacity`).
    pub desired: u32,
    /// Its members.
    pub instances: Vec<PoolInstance>,
    /// Names of suspended processes, such as `Launch`: what the group will not do.
    pub suspended: Vec<String>,
    /// Whether members count with weights of their own towards the desired capacity, so that it is no number of nodes.
    #[serde(default)]
    pub weighted: bool,
    /// What the provider itself is doing to all members, such as an instance refresh; nothing where it is not, or may not be
    /// asked.
    #[serde(default)]
    pub overhaul: Option<String>,
}

/// The process of an Auto Scaling group without which a scale-out comes to nothing.
const LAUNCH: &str = "Launch";

/// The most instances that a pool is believed to want.
const LARGEST_POOL: u32 = 100_000;

impl PoolSnapshot {
    /// Whether it contradicts itself: then nothing of it is believed.
    ///
    /// # Errors
    ///
    /// In words, what cannot be.
    pub fn check(&self) -> Result<(), String> {
        let Self { min, max, desired, .. } = *self;
        if min > max {
            return Err(format!("the group's MinSize is {min} and its MaxSize {max}: no size is within"));
        }
        if desired > LARGEST_POOL {
            return Err(format!("the group says that it wants {desired} members, which is not to be believed"));
        }
        let in_service = self.instances.iter().filter(|member| member.lifecycle == Lifecycle::InService).count();
        if desired == 0 && in_service > 0 {
            // Whatever was computed from this 0 would let go of all of them.
            return Err(format!("the group says that it wants 0 members, and lists {in_service} in service"));
        }
        if self.instances.is_sorted_by(|one, next| one.id < next.id) {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        match self.instances.iter().find(|member| !seen.insert(&member.id)) {
            Some(twice) => Err(format!("the group lists {} twice", twice.id)),
            None => Ok(()),
        }
    }

    /// The process that is suspended and without which nothing is launched (P28).
    #[must_use]
    pub fn launch_suspended(&self) -> Option<&str> {
        self.suspended.iter().map(String::as_str).find(|name| *name == LAUNCH)
    }

    /// Members that are, or are about to become, nodes.
    pub fn serving(&self) -> impl Iterator<Item = &PoolInstance> {
        self.instances.iter().filter(|member| member.lifecycle.counts())
    }

    /// All members by their IDs, for whoever looks for many.
    #[must_use]
    pub fn members(&self) -> BTreeMap<&InstanceId, &PoolInstance> {
        // Of twins the first counts, as for whoever looks for one.
        self.instances.iter().rev().map(|instance| (&instance.id, instance)).collect()
    }

    /// The member of that ID.
    #[must_use]
    pub fn member(&self, id: &InstanceId) -> Option<&PoolInstance> {
        self.instances.iter().find(|instance| instance.id == *id)
    }
}

/// Where a member is in its life within the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Being launched.
    Pending,
    /// In service.
    InService,
    /// Being terminated by the group.
    Terminating,
    /// Being detached from the group.
    Detaching,
    /// Kept out of service by somebody, yet a member.
    Standby,
    /// Of a warm pool: stopped or hibernated until it is needed; not yet a node.
    Warmed,
    /// Anything else.
    Other,
}

impl Lifecycle {
    /// Whether a member in this state is, or is about to become, a node of the pool.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::InService)
    }
}

/// A member of an Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolInstance {
    /// Identity.
    pub id: InstanceId,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// Its availability zone, where the provider tells.
    #[serde(default)]
    pub zone: Option<Arc<str>>,
}

/// The state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Starting.
    Pending,
    /// Running.
    Running,
    /// Stopping or stopped, but still there.
    Stopped,
    /// On its way out.
    ShuttingDown,
    /// Gone.
    Terminated,
}

/// An instance, whether or not it is a member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Identity.
    pub id: InstanceId,
    /// State.
    pub state: InstanceState,
    /// All its addresses.
    pub addresses: Vec<String>,
}

/// How a scaling activity ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityStatus {
    /// Under way.
    InProgress,
    /// Ended well.
    Successful,
    /// Failed or cancelled.
    Failed,
    /// Failed since the provider has no such machine to give now. Waiting may help.
    NoCapacity,
}

/// A scaling activity: something that the group did or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Identity.
    pub id: ActivityId,
    /// When it began, by the provider's clock.
    pub began: Timestamp,
    /// State.
    pub status: ActivityStatus,
    /// What the provider says about it, such as why a launch failed.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{member, snapshot};

    #[test]
    fn p5_a_pool_that_contradicts_itself_is_not_believed() {
        let sound = snapshot(&["a", "b"]);
        assert_eq!(sound.check(), Ok(()));
        let empty = PoolSnapshot { min: 0, desired: 0, ..snapshot(&[]) };
        assert_eq!(empty.check(), Ok(()), "a pool may be empty");
        let problem = |odd: PoolSnapshot| odd.check().unwrap_err();
        let nothing = problem(PoolSnapshot { min: 0, desired: 0, ..sound.clone() });
        assert_eq!(nothing, "the group says that it wants 0 members, and lists 2 in service");
        assert!(problem(PoolSnapshot { min: 5, max: 3, ..sound.clone() }).contains("no size is within"));
        assert!(problem(PoolSnapshot { desired: u32::MAX, ..sound.clone() }).contains("not to be believed"));
        let mut twins = sound;
        twins.instances.push(member("a", Lifecycle::Pending));
        assert_eq!(problem(twins), "the group lists a twice");
    }
}
