//! The policy of a worker pool: rules P2 to P5.

use std::time::Duration;

use serde_json::Value;

use super::problem::{KeyProblem, PolicyError, Problem};
use super::reader::Reader;
use super::{KEY_PREFIX, Reading};
use crate::domain::{Meta, PoolName, PoolTarget, Price};

/// The key that names a node's pool.
pub const POOL_KEY: &str = "replicator_worker_pool";

/// Every key that a node's `meta`, or a pool's object in Consul, may hold.
pub const POOL_KEYS: [&str; 12] = [
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
    "replicator_price",
];

const TOLERANCE_KEY: &str = "replicator_node_fault_tolerance";
const DEFAULT_PROVIDER: &str = "aws";
/// What some editors put before a text: it says that UTF-8 follows, and nothing else.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
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
    /// What a node costs in an hour, where there is a limit to that (P37).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
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
            notification_uid: reader.text_or("replicator_notification_uid", ""),
            min: reader.count_or_absent("replicator_min"),
            max: reader.count_or_absent("replicator_max"),
            cooldown: reader.seconds_or("replicator_cooldown", DEFAULT_COOLDOWN),
            fault_tolerance: reader.count_or_absent(TOLERANCE_KEY).unwrap_or(DEFAULT_FAULT_TOLERANCE),
            retry_threshold: reader.positive_or("replicator_retry_threshold", DEFAULT_RETRY_THRESHOLD),
            scaling_threshold: reader.positive_or("replicator_scaling_threshold", DEFAULT_SCALING_THRESHOLD),
            price: reader.price_or_absent("replicator_price"),
        };
        if let (Some(min), Some(max)) = (policy.min, policy.max) {
            reader.require(
                min <= max,
                ("replicator_min", min.to_string()),
                "at most",
                ("replicator_max", max.to_string()),
            );
        }
        policy.advise(&mut reader, meta);
        match reader.finish(&POOL_KEYS) {
            Ok(warnings) => Reading::Policy(policy, warnings),
            Err(error) => Reading::Invalid(error),
        }
    }

    /// What cannot be satisfied, and what is legal and hardly what was wanted.
    fn advise(&self, reader: &mut Reader<'_>, meta: &Meta) {
        let Some(max) = self.max else { return };
        // The default tolerance is nobody's wish.
        let tolerance = self.fault_tolerance;
        let intolerable = meta.contains_key(TOLERANCE_KEY) && tolerance >= max;
        reader.refuse(intolerable, TOLERANCE_KEY, "replicator_max", Problem::TooTolerant { tolerance, max });
        let one_size = Problem::OneSize { size: max, min: "replicator_min" };
        reader.advise(self.min == Some(max), "replicator_max", one_size);
    }
}

/// The pool's name, where a node's `meta` names its pool and leaves the rest to Consul (P3).
#[must_use]
pub fn wants_stored_policy(meta: &Meta) -> Option<&str> {
    let only_the_name = meta.keys().filter(|key| key.starts_with(KEY_PREFIX)).eq([POOL_KEY]);
    meta.get(POOL_KEY).filter(|_| only_the_name).map(String::as_str)
}

/// Completes a node's `meta` from the JSON object that Consul holds for its pool (P3). The object's values may be
/// text, numbers or booleans; the pool's name in `meta` wins over one in the object. A byte order mark is skipped.
///
/// # Errors
///
/// When the value isn't a JSON object, or keys of ours have values of another form: then with all else that is wrong with
/// the policy.
pub fn with_stored_policy(meta: &Meta, stored: &[u8]) -> Result<Meta, PolicyError> {
    let object = stored_object(stored).map_err(|reason| {
        let pool = meta.get(POOL_KEY).map_or("<pool>", String::as_str);
        let problem = KeyProblem { key: format!("<root>/nodes/{pool}"), problem: Problem::NotAnObject { reason } };
        PolicyError { problems: vec![problem] }
    })?;
    let mut complete = meta.clone();
    let mut malformed = Vec::new();
    for (key, value) in object {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            // What is not ours means nothing, whatever its form; nor does a pool's name beside that of the node.
            _ if !key.starts_with(KEY_PREFIX) || complete.contains_key(&key) => continue,
            other => {
                malformed.push(KeyProblem { key, problem: Problem::WrongForm { json: other.to_string() } });
                continue;
            }
        };
        complete.entry(key).or_insert(text);
    }
    if malformed.is_empty() { Ok(complete) } else { Err(with_what_else_is_wrong(&complete, malformed)) }
}

/// The object, or why it is none.
fn stored_object(stored: &[u8]) -> Result<serde_json::Map<String, Value>, String> {
    let stored = stored.strip_prefix(BYTE_ORDER_MARK).unwrap_or(stored);
    if stored.trim_ascii().is_empty() {
        return Err("the key is empty".to_owned());
    }
    match serde_json::from_slice(stored).map_err(|error| error.to_string())? {
        Value::Object(object) => Ok(object),
        Value::Null => Err("it is null".to_owned()),
        Value::Bool(_) => Err("it is a boolean".to_owned()),
        Value::Number(_) => Err("it is a number".to_owned()),
        Value::String(_) => Err("it is a text".to_owned()),
        Value::Array(_) => Err("it is a list".to_owned()),
    }
}

/// These problems and those of the keys that could be read, in the order of the table; a key whose value has no form that
/// could be read is not missing.
fn with_what_else_is_wrong(complete: &Meta, mut problems: Vec<KeyProblem>) -> PolicyError {
    let Reading::Invalid(others) = PoolPolicy::read(complete) else { return PolicyError { problems } };
    let known: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
    problems.extend(others.problems.into_iter().filter(|problem| !known.contains(&problem.key)));
    problems.sort_by_key(|problem| POOL_KEYS.iter().position(|key| *key == problem.key).unwrap_or(POOL_KEYS.len()));
    PolicyError { problems }
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
            price: None,
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
            ("replicator_price", "0.192"),
        ]));
        let policy = policy(&all);
        assert_eq!((policy.min, policy.max), (Some(2), Some(9)));
        assert_eq!(policy.cooldown, Duration::from_secs(400));
        assert_eq!((policy.fault_tolerance, policy.retry_threshold, policy.scaling_threshold), (0, 5, 7));
        assert_eq!(policy.price.map(|price| price.to_string()).as_deref(), Some("0.192"));
    }

    #[test]
    fn p2_a_node_that_names_no_pool_is_not_ours() {
        assert_eq!(PoolPolicy::read(&meta(&[("replicator_enabled", "true")])), Reading::NotOurs);
    }

    #[test]
    fn p24_what_is_wrong_is_named() {
        for key in ["replicator_enabled", "replicator_region"] {
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
        let cases = [
            (&b"{"[..], "EOF while parsing an object at line 1 column 1"),
            (b"[]", "it is a list"),
            (b"null", "it is null"),
            (b"7", "it is a number"),
            (b"\"text\"", "it is a text"),
            (b"", "the key is empty"),
            (b"\xef\xbb\xbf \n", "the key is empty"),
        ];
        for (garbage, reason) in cases {
            let error = with_stored_policy(&name_only, garbage).unwrap_err().to_string();
            assert_eq!(error, format!("<root>/nodes/workers is not a JSON object: {reason}"));
        }
    }

    #[test]
    fn p3_every_wrong_key_in_consul_is_named_whatever_its_form() {
        let name_only = meta(&[(POOL_KEY, "workers")]);
        let stored = br#"{"replicator_enabled": null, "replicator_region": ["us-east-1"], "replicator_min": {"a": 1},
            "replicator_max": -3, "replicator_cooldown": 1.5, "replicator_retry_threshold": 0,
            "replicator_scaling_threshold": true, "replicator_cool_down": [], "comment": null}"#;
        let error = with_stored_policy(&name_only, stored).unwrap_err();
        let words: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
        let expected = [
            "replicator_enabled = null is not a text, a number or a boolean",
            "replicator_region = [\"us-east-1\"] is not a text, a number or a boolean",
            "replicator_min = {\"a\":1} is not a text, a number or a boolean",
            "replicator_max = \"-3\" is not a count (a whole number from 0 to 4294967295)",
            "replicator_cooldown = \"1.5\" is not a number of seconds (a whole number from 0 to 4294967295)",
            "replicator_retry_threshold = \"0\" is not a whole number, 1 or more",
            "replicator_scaling_threshold = \"true\" is not a whole number, 1 or more",
            "replicator_cool_down = [] is not a text, a number or a boolean",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn p3_a_byte_order_mark_is_skipped_and_whole_numbers_are_read_in_any_form() {
        let name_only = meta(&[(POOL_KEY, "workers")]);
        let stored = "\u{feff}{\"replicator_enabled\": true, \"replicator_region\": \"us-east-1\", \
            \"replicator_notification_uid\": 7, \"replicator_max\": 5.0, \"replicator_cooldown\": 1e2, \
            \"replicator_min\": \"2.0\", \"replicator_worker_pool\": null}";
        let policy = policy(&with_stored_policy(&name_only, stored.as_bytes()).unwrap());
        assert_eq!((policy.min, policy.max, policy.cooldown), (Some(2), Some(5), Duration::from_secs(100)));
        assert_eq!((policy.notification_uid.as_str(), policy.target.name.as_str()), ("7", "workers"));
    }

    #[test]
    fn p24_a_fault_tolerance_that_no_size_satisfies_is_named() {
        let with = |pairs: &[(&str, &str)]| {
            let mut all = least();
            all.extend(meta(pairs));
            all
        };
        let expected = "replicator_node_fault_tolerance = 5 must be less than replicator_max = 5: no pool within its bounds \
                        could lose so many nodes";
        assert_eq!(problems(&with(&[("replicator_max", "5"), (TOLERANCE_KEY, "5")])), [expected]);
        policy(&with(&[("replicator_max", "5"), (TOLERANCE_KEY, "4")]));
        policy(&with(&[(TOLERANCE_KEY, "50")]));
        policy(&with(&[("replicator_max", "1")]));
        let unread = problems(&with(&[("replicator_max", "wat"), (TOLERANCE_KEY, "5")]));
        assert_eq!(unread.len(), 1, "{unread:?}");
    }

    #[test]
    fn p24_a_pool_of_one_size_is_pointed_out() {
        let mut fixed = least();
        fixed.extend(meta(&[("replicator_min", "3"), ("replicator_max", "3")]));
        let Reading::Policy(_, warnings) = PoolPolicy::read(&fixed) else { panic!("still a policy") };
        let words: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["replicator_min = replicator_max = 3: with one size there is none to scale to"]);
    }
}
