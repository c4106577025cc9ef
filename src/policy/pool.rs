//! The policy of a worker pool: rules P2 to P5.

use std::time::Duration;

use super::problem::{KeyProblem, PolicyError, Problem};
use super::reader::Reader;
use super::{KEY_PREFIX, Reading};
use crate::domain::{Meta, PoolName, PoolTarget};

/// The key that names a node's pool.
pub const POOL_KEY: &str = "replicator_worker_pool";

/// Every key that a node's `meta`, or a pool's object in Consul, may hold.
pub const POOL_KEYS: [&str; 11] = [
    POOL_KEY,
    "replicator_enabled",
    "replicator_region",
    "replicator_notification_uid",
    "replicator_provider",
    "replicator_min",
    "replicator_max",
    "replicator_cooldown",
    "replicator_node_fault_tolerance",
    "replicator_retry_threshold",
    "replicator_scaling_threshold",
];

const DEFAULT_PROVIDER: &str = "aws";
/// The provider whose pools must name a region.
const PROVIDER_WITH_REGIONS: &str = "aws";
const DEFAULT_COOLDOWN: Duration = Duration::from_mins(5);
const DEFAULT_FAULT_TOLERANCE: u32 = 1;
const DEFAULT_RETRY_THRESHOLD: u32 = 3;
const DEFAULT_SCALING_THRESHOLD: u32 = 3;

/// How a worker pool is scaled.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PoolPolicy {
    /// The Auto Scaling group.
    pub target: PoolTarget,
    /// Whether to act; if not, evaluate and report only (P26).
    pub enabled: bool,
    /// Names the pool's alerts.
    pub notification_uid: String,
    /// The fewest nodes, beside the group's own bound.
    pub min: Option<u32>,
    /// The most nodes, beside the group's own bound.
    pub max: Option<u32>,
    /// How long to leave the pool alone after an event.
    pub cooldown: Duration,
    /// How many nodes may fail while all that runs still fits.
    pub fault_tolerance: u32,
    /// After how many failures in a row the pool enters failsafe.
    pub retry_threshold: u32,
    /// How many evaluations in a row must ask for the same direction.
    pub scaling_threshold: u32,
}

impl PoolPolicy {
    /// Reads a pool's policy from a node's `meta` (P2). A node that names no pool isn't ours.
    #[must_use]
    pub fn read(meta: &Meta) -> Reading<Self> {
        if !meta.contains_key(POOL_KEY) {
            return Reading::NotOurs;
        }
        let mut reader = Reader::new(meta);
        let name = PoolName::from(reader.text(POOL_KEY));
        let enabled = reader.boolean("replicator_enabled");
        let provider = reader.text_or("replicator_provider", DEFAULT_PROVIDER);
        let region = if provider == PROVIDER_WITH_REGIONS {
            reader.text("replicator_region")
        } else {
            reader.text_or("replicator_region", "")
        };
        let policy = Self {
            target: PoolTarget { provider: provider.into(), region: region.into(), name },
            enabled,
            notification_uid: reader.text("replicator_notification_uid"),
            min: reader.count_or_absent("replicator_min"),
            max: reader.count_or_absent("replicator_max"),
            cooldown: reader.seconds_or("replicator_cooldown", DEFAULT_COOLDOWN),
            fault_tolerance: reader
                .count_or_absent("replicator_node_fault_tolerance")
                .unwrap_or(DEFAULT_FAULT_TOLERANCE),
            retry_threshold: reader.positive_or("replicator_retry_threshold", DEFAULT_RETRY_THRESHOLD),
            scaling_threshold: reader.positive_or("replicator_scaling_threshold", DEFAULT_SCALING_THRESHOLD),
        };
        if let (Some(min), Some(max)) = (policy.min, policy.max) {
            reader.require(
                min <= max,
                ("replicator_min", min.to_string()),
                "at most",
                ("replicator_max", max.to_string()),
            );
        }
        match reader.finish(&POOL_KEYS) {
            Ok(warnings) => Reading::Policy(policy, warnings),
            Err(error) => Reading::Invalid(error),
        }
    }
}

/// The pool's name, where a node's `meta` names its pool and leaves the rest to Consul (P3).
#[must_use]
pub fn wants_stored_policy(meta: &Meta) -> Option<&str> {
    let only_the_name = meta.keys().filter(|key| key.starts_with(KEY_PREFIX)).eq([POOL_KEY]);
    meta.get(POOL_KEY).filter(|_| only_the_name).map(String::as_str)
}

/// Completes a node's `meta` from the JSON object that Consul holds for its pool (P3). The object's values may be
/// text, numbers or booleans; the pool's name in `meta` wins over one in the object.
///
/// # Errors
///
/// When the value isn't a JSON object of such values.
pub fn with_stored_policy(meta: &Meta, stored: &[u8]) -> Result<Meta, PolicyError> {
    let problem = |key: &str, value: String, expected| PolicyError {
        problems: vec![KeyProblem { key: key.to_owned(), problem: Problem::Unreadable { value, expected } }],
    };
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(stored)
        .map_err(|error| problem("the pool's policy in Consul", error.to_string(), "a JSON object"))?;
    let mut complete = meta.clone();
    for (key, value) in object {
        let text = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(flag) => flag.to_string(),
            other => return Err(problem(&key, other.to_string(), "a text, a number or a boolean")),
        };
        complete.entry(key).or_insert(text);
    }
    Ok(complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(pairs: &[(&str, &str)]) -> Meta {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn least() -> Meta {
        meta(&[
            (POOL_KEY, "workers"),
            ("replicator_enabled", "true"),
            ("replicator_region", "us-east-1"),
            ("replicator_notification_uid", "REP2"),
        ])
    }

    fn policy(meta: &Meta) -> PoolPolicy {
        match PoolPolicy::read(meta) {
            Reading::Policy(policy, _) => policy,
            other => panic!("expected a policy, got {other:?}"),
        }
    }

    fn problems(meta: &Meta) -> Vec<String> {
        match PoolPolicy::read(meta) {
            Reading::Invalid(error) => error.problems.iter().map(ToString::to_string).collect(),
            other => panic!("expected an invalid policy, got {other:?}"),
        }
    }

    #[test]
    fn p2_the_defaults() {
        let expected = PoolPolicy {
            target: PoolTarget { provider: "aws".into(), region: "us-east-1".into(), name: "workers".into() },
            enabled: true,
            notification_uid: "REP2".into(),
            min: None,
            max: None,
            cooldown: Duration::from_mins(5),
            fault_tolerance: 1,
            retry_threshold: 3,
            scaling_threshold: 3,
        };
        assert_eq!(policy(&least()), expected);
    }

    #[test]
    fn p2_reads_every_key() {
        let mut all = least();
        all.extend(meta(&[
            ("replicator_provider", "aws"),
            ("replicator_min", "2"),
            ("replicator_max", "9"),
            ("replicator_cooldown", "400"),
            ("replicator_node_fault_tolerance", "0"),
            ("replicator_retry_threshold", "5"),
            ("replicator_scaling_threshold", "7"),
        ]));
        let policy = policy(&all);
        assert_eq!((policy.min, policy.max), (Some(2), Some(9)));
        assert_eq!(policy.cooldown, Duration::from_secs(400));
        assert_eq!((policy.fault_tolerance, policy.retry_threshold, policy.scaling_threshold), (0, 5, 7));
    }

    #[test]
    fn p2_a_node_that_names_no_pool_is_not_ours() {
        assert_eq!(PoolPolicy::read(&meta(&[("replicator_enabled", "true")])), Reading::NotOurs);
    }

    #[test]
    fn p24_what_is_wrong_is_named() {
        for key in ["replicator_enabled", "replicator_region", "replicator_notification_uid"] {
            let mut lacking = least();
            lacking.remove(key);
            assert_eq!(problems(&lacking), [format!("{key} is missing")]);
        }
        for key in
            POOL_KEYS.iter().filter(|key| !["pool", "uid", "region", "provider"].iter().any(|end| key.ends_with(end)))
        {
            let mut wrong = least();
            wrong.insert((*key).to_owned(), "wat".into());
            assert!(problems(&wrong)[0].starts_with(&format!("{key} = \"wat\" is not a ")), "{key}");
        }
        let mut crossed = least();
        crossed.extend(meta(&[("replicator_min", "5"), ("replicator_max", "4")]));
        assert_eq!(problems(&crossed), ["replicator_min = 5 must be at most replicator_max = 4"]);
    }

    #[test]
    fn p2_a_region_is_required_of_aws_only() {
        let mut elsewhere = least();
        elsewhere.remove("replicator_region");
        elsewhere.insert("replicator_provider".into(), "gce".into());
        assert_eq!(policy(&elsewhere).target.provider.as_str(), "gce");
    }

    #[test]
    fn p3_a_node_with_only_the_pool_takes_the_rest_from_consul() {
        let name_only = meta(&[(POOL_KEY, "workers"), ("rack", "7")]);
        assert_eq!(wants_stored_policy(&name_only), Some("workers"));
        assert_eq!(wants_stored_policy(&least()), None, "a node with keys of its own keeps them");
        let stored = br#"{"replicator_enabled": true, "replicator_region": "us-east-1",
            "replicator_notification_uid": "REP2", "replicator_cooldown": 120, "replicator_worker_pool": "other"}"#;
        let complete = policy(&with_stored_policy(&name_only, stored).unwrap());
        assert_eq!(complete.cooldown, Duration::from_secs(120));
        assert_eq!(complete.target.name.as_str(), "workers");
    }

    #[test]
    fn p3_garbage_in_consul_is_named() {
        let name_only = meta(&[(POOL_KEY, "workers")]);
        for garbage in [&b"{"[..], b"[]", b"", b"{\"replicator_min\": []}"] {
            let error = with_stored_policy(&name_only, garbage).unwrap_err().to_string();
            assert!(error.contains("is not a "), "{error}");
        }
    }
}
