//! Which instances a pool had when an operation began, in few enough bytes for the state (S13).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::InstanceId;

/// Up to so many instances, their IDs are kept whole.
const WHOLE_UP_TO: usize = 1000;
/// How many of an ID's last letters are kept beyond that. The IDs of EC2 end in 17 random hexadecimal digits.
const TAIL: usize = 8;

/// A set of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known {
    ids: BTreeSet<InstanceId>,
}

impl Known {
    /// Whether the instance is one of them.
    #[must_use]
    pub fn contains(&self, instance: &InstanceId) -> bool {
        self.ids.contains(instance) || tail(instance).is_some_and(|tail| self.ids.contains(&tail))
    }

    /// Adds an instance.
    pub fn insert(&mut self, instance: &InstanceId) {
        self.ids.insert(instance.clone());
    }
}

impl FromIterator<InstanceId> for Known {
    fn from_iter<I: IntoIterator<Item = InstanceId>>(instances: I) -> Self {
        let ids: BTreeSet<InstanceId> = instances.into_iter().collect();
        if ids.len() <= WHOLE_UP_TO {
            return Self { ids };
        }
        Self { ids: ids.into_iter().map(|id| tail(&id).unwrap_or(id)).collect() }
    }
}

/// The last letters of an ID that has more.
fn tail(instance: &InstanceId) -> Option<InstanceId> {
    let text = instance.as_str();
    let start = text.len().checked_sub(TAIL).filter(|start| *start > 0)?;
    text.get(start..).map(InstanceId::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::LARGEST_VALUE;

    fn instances(count: usize) -> impl Iterator<Item = InstanceId> {
        // As random as those of EC2.
        (0..count).map(|number| format!("i-{:017x}", (number as u128 + 1) * 0x9e37_79b9_7f4a_7c15 % (1 << 68)).into())
    }

    #[test]
    fn s13_a_large_pool_fits_into_a_small_value() {
        let known: Known = instances(5000).collect();
        let bytes = serde_json::to_vec(&known).unwrap();
        assert!(bytes.len() < LARGEST_VALUE * 9 / 10, "{} bytes", bytes.len());
        assert!(instances(5000).all(|id| known.contains(&id)));
        assert!(!known.contains(&"i-0000000000000ffff".into()));
    }

    #[test]
    fn p18_a_small_pool_is_known_by_whole_names() {
        let mut known: Known = instances(3).collect();
        assert!(!known.contains(&"i-x".into()));
        known.insert(&"i-x".into());
        assert!(known.contains(&"i-x".into()));
        let read: Known = serde_json::from_str(&serde_json::to_string(&known).unwrap()).unwrap();
        assert_eq!(read, known);
    }
}
