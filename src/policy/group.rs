//! The policy of a task group: rules J1 to J5.

use std::time::Duration;

use super::Reading;
use super::problem::Problem;
use super::reader::Reader;
use crate::domain::{Meta, Percent, ScalingBlock};

/// Every key that a task group's `meta` may hold.
pub const GROUP_KEYS: [&str; 10] = [
    "replicator_enabled",
    "replicator_min",
    "replicator_max",
    "replicator_scalein_cpu",
    "replicator_scalein_mem",
    "replicator_scaleout_cpu",
    "replicator_scaleout_mem",
    "replicator_notification_uid",
    "replicator_cooldown",
    "replicator_retry_threshold",
];

/// The cooldown of a group that names none (J20).
const DEFAULT_COOLDOWN: Duration = Duration::from_mins(1);

/// After how many failures a group that names no threshold enters failsafe.
const DEFAULT_RETRY_THRESHOLD: u32 = 1;

/// How a task group is scaled.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GroupPolicy {
    /// Whether to act; if not, evaluate and report only (J5).
    pub enabled: bool,
    /// The fewest allocations.
    pub min: u32,
    /// The most allocations.
    pub max: u32,
    /// In below this share of the CPU asked for, for every task.
    pub scalein_cpu: Percent,
    /// In below this share of the memory asked for, for every task.
    pub scalein_mem: Percent,
    /// Out above this share of the CPU asked for, for any task.
    pub scaleout_cpu: Percent,
    /// Out above this share of the memory asked for, for any task.
    pub scaleout_mem: Percent,
    /// Names the group's alerts.
    pub notification_uid: String,
    /// How long to leave the group alone after an action.
    pub cooldown: Duration,
    /// After how many failures in a row the group enters failsafe.
    pub retry_threshold: u32,
}

impl GroupPolicy {
    /// Reads a policy from a group's `meta` (J1). A group without any key of a group policy isn't ours (J2).
    #[must_use]
    pub fn read(meta: &Meta) -> Reading<Self> {
        if !meta.keys().any(|key| key.starts_with(super::KEY_PREFIX)) {
            return Reading::NotOurs;
        }
        let mut reader = Reader::new(meta);
        let policy = Self {
            enabled: reader.boolean("replicator_enabled"),
            min: reader.count("replicator_min"),
            max: reader.count("replicator_max"),
            scalein_cpu: reader.percent("replicator_scalein_cpu"),
            scalein_mem: reader.percent("replicator_scalein_mem"),
            scaleout_cpu: reader.percent("replicator_scaleout_cpu"),
            scaleout_mem: reader.percent("replicator_scaleout_mem"),
            notification_uid: reader.text_or("replicator_notification_uid", ""),
            cooldown: reader.seconds_or("replicator_cooldown", DEFAULT_COOLDOWN),
            retry_threshold: reader.positive_or("replicator_retry_threshold", DEFAULT_RETRY_THRESHOLD),
        };
        reader.require(
            policy.min <= policy.max,
            ("replicator_min", policy.min.to_string()),
            "at most",
            ("replicator_max", policy.max.to_string()),
        );
        for (scale_in, low, scale_out, high) in [
            ("replicator_scalein_cpu", policy.scalein_cpu, "replicator_scaleout_cpu", policy.scaleout_cpu),
            ("replicator_scalein_mem", policy.scalein_mem, "replicator_scaleout_mem", policy.scaleout_mem),
        ] {
            reader.require(low < high, (scale_in, low.0.to_string()), "less than", (scale_out, high.0.to_string()));
        }
        policy.advise(&mut reader);
        match reader.finish(&GROUP_KEYS) {
            Ok(warnings) => Reading::Policy(policy, warnings),
            Err(error) => Reading::Invalid(error),
        }
    }

    /// The same policy within the bounds that Nomad itself keeps the count in: of each the tighter one (J22). And a word about
    /// what the block changes, if it does.
    ///
    /// # Errors
    ///
    /// In words, where no count is within both.
    pub fn within(self, block: ScalingBlock) -> Result<(Self, Option<String>), String> {
        let block_max = block.max.unwrap_or(u32::MAX);
        let (min, max) = (self.min.max(block.min), self.max.min(block_max));
        if min > max || max == 0 {
            return Err(format!(
                "replicator_min = {} and replicator_max = {} have no count in common with the job's scaling block, min = {} \
                 and max = {block_max}",
                self.min, self.max, block.min
            ));
        }
        let mut words = Vec::new();
        if min > self.min {
            words.push(format!("the scaling block's min = {min} holds, not replicator_min = {}", self.min));
        }
        if max < self.max {
            words.push(format!("the scaling block's max = {max} holds, not replicator_max = {}", self.max));
        }
        if !block.enabled && self.enabled {
            words.push("the scaling block is not enabled: what would be done is told only".to_owned());
        }
        let enabled = self.enabled && block.enabled;
        let word = Some(words.join("; ")).filter(|words| !words.is_empty());
        Ok((Self { enabled, min, max, ..self }, word))
    }

    /// What is legal and hardly what was wanted.
    fn advise(&self, reader: &mut Reader<'_>) {
        let (least, most) = ("replicator_min", "replicator_max");
        reader.refuse(self.min == 0 && self.max == 0, most, least, Problem::NoRoom);
        reader.advise(self.min == 0, least, Problem::ToNothing);
        reader.advise(self.min == self.max, most, Problem::OneSize { size: self.max, min: least });
        reader.advise(self.scalein_cpu.0 <= 0.0, "replicator_scalein_cpu", Problem::NeverBelow);
        reader.advise(self.scalein_mem.0 <= 0.0, "replicator_scalein_mem", Problem::NeverBelow);
        let threshold = self.scaleout_mem.0;
        reader.advise(threshold >= 100.0, "replicator_scaleout_mem", Problem::HardlyAbove { threshold });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{KeyProblem, Problem};

    fn full() -> Meta {
        [
            ("replicator_enabled", "true"),
            ("replicator_min", "1"),
            ("replicator_max", "10"),
            ("replicator_scalein_cpu", "30"),
            ("replicator_scalein_mem", "30"),
            ("replicator_scaleout_cpu", "80"),
            ("replicator_scaleout_mem", "80"),
            ("replicator_notification_uid", "REP1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    fn with(key: &str, value: &str) -> Reading<GroupPolicy> {
        let mut meta = full();
        meta.insert(key.to_owned(), value.to_owned());
        GroupPolicy::read(&meta)
    }

    fn problems(reading: Reading<GroupPolicy>) -> Vec<String> {
        match reading {
            Reading::Invalid(error) => error.problems.iter().map(ToString::to_string).collect(),
            other => panic!("expected an invalid policy, got {other:?}"),
        }
    }

    fn policy(reading: Reading<GroupPolicy>) -> GroupPolicy {
        match reading {
            Reading::Policy(policy, _) => policy,
            other => panic!("expected a policy, got {other:?}"),
        }
    }

    #[test]
    fn j1_reads_every_key() {
        let mut meta = full();
        meta.insert("replicator_cooldown".into(), "50".into());
        meta.insert("replicator_retry_threshold".into(), "4".into());
        let expected = GroupPolicy {
            enabled: true,
            min: 1,
            max: 10,
            scalein_cpu: Percent(30.0),
            scalein_mem: Percent(30.0),
            scaleout_cpu: Percent(80.0),
            scaleout_mem: Percent(80.0),
            notification_uid: "REP1".into(),
            cooldown: Duration::from_secs(50),
            retry_threshold: 4,
        };
        assert_eq!(GroupPolicy::read(&meta), Reading::Policy(expected, vec![]));
    }

    #[test]
    fn j20_the_defaults() {
        let policy = policy(GroupPolicy::read(&full()));
        assert_eq!(policy.cooldown, Duration::from_secs(60));
        assert_eq!(policy.retry_threshold, 1);
    }

    #[test]
    fn j2_a_group_without_keys_is_not_ours() {
        assert_eq!(GroupPolicy::read(&Meta::new()), Reading::NotOurs);
        assert_eq!(GroupPolicy::read(&Meta::from([("team".into(), "search".into())])), Reading::NotOurs);
    }

    #[test]
    fn j3_every_required_key_is_missed_by_name() {
        for key in GROUP_KEYS[..8].iter().filter(|key| !key.ends_with("uid")) {
            let mut meta = full();
            meta.remove(*key);
            assert_eq!(problems(GroupPolicy::read(&meta)), [format!("{key} is missing")]);
        }
        let only_one = Meta::from([("replicator_enabled".into(), "true".into())]);
        assert_eq!(problems(GroupPolicy::read(&only_one)).len(), 6, "all that is wrong is named at once");
    }

    #[test]
    fn j3_unreadable_values_are_named() {
        for key in GROUP_KEYS.iter().filter(|key| !key.ends_with("uid")) {
            let found = problems(with(key, "wat"));
            assert!(found.len() == 1 && found[0].starts_with(&format!("{key} = \"wat\" is not a ")), "{found:?}");
        }
        assert_eq!(
            problems(with("replicator_notification_uid", "")),
            ["replicator_notification_uid = \"\" is not a text that is not empty"]
        );
        assert_eq!(
            problems(with("replicator_retry_threshold", "0")),
            ["replicator_retry_threshold = \"0\" is not a whole number, 1 or more"]
        );
    }

    #[test]
    fn j3_contradictions_are_named_with_both_keys() {
        assert_eq!(problems(with("replicator_min", "11")), ["replicator_min = 11 must be at most replicator_max = 10"]);
        for metric in ["cpu", "mem"] {
            let expected =
                format!("replicator_scalein_{metric} = 80 must be less than replicator_scaleout_{metric} = 80");
            assert_eq!(problems(with(&format!("replicator_scalein_{metric}"), "80")), [expected]);
        }
    }

    #[test]
    fn j3_bounds_that_leave_room_for_nothing_are_wrong() {
        let mut meta = full();
        meta.extend(["replicator_min", "replicator_max"].map(|key| (key.to_owned(), "0".to_owned())));
        let expected = "replicator_max = 0 leaves room for nothing: a group of none has no statistics and would never be \
                        scaled; replicator_enabled = false is what keeps a group as it is";
        assert_eq!(problems(GroupPolicy::read(&meta)), [expected]);
        meta.insert("replicator_min".into(), "wat".into());
        assert_eq!(problems(GroupPolicy::read(&meta)).len(), 1, "what was not read contradicts nothing");
    }

    #[test]
    fn j3_what_does_hardly_what_was_wanted_is_pointed_out() {
        let cases = [
            (
                ("replicator_min", "0"),
                "replicator_min = 0: a group at 0 has no statistics and would never come back: it is not scaled in below 1",
            ),
            (("replicator_max", "1"), "replicator_min = replicator_max = 1: with one size there is none to scale to"),
            (("replicator_scalein_cpu", "0"), "replicator_scalein_cpu = 0 can never fire: nothing uses less than 0 %"),
            (
                ("replicator_scalein_mem", "0.0"),
                "replicator_scalein_mem = 0 can never fire: nothing uses less than 0 %",
            ),
            (
                ("replicator_scaleout_mem", "100"),
                "replicator_scaleout_mem = 100 can hardly fire: Nomad kills a task that uses more memory than it asked for",
            ),
        ];
        for ((key, value), expected) in cases {
            let Reading::Policy(_, warnings) = with(key, value) else { panic!("{key} = {value} is a policy") };
            let words: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            assert_eq!(words, [expected]);
            assert!(warnings[0].is_advice());
        }
        let Reading::Policy(_, warnings) = with("replicator_scaleout_cpu", "150") else { panic!("a policy") };
        assert_eq!(warnings, [], "CPU may be used beyond what was asked for");
    }

    #[test]
    fn j3_misspelt_keys_are_pointed_out() {
        let Reading::Policy(_, warnings) = with("replicator_cool_down", "400") else { panic!("still a policy") };
        let meant = Problem::Unknown { meant: Some("replicator_cooldown") };
        assert_eq!(warnings, [KeyProblem { key: "replicator_cool_down".into(), problem: meant }]);
    }

    #[test]
    fn j5_a_disabled_policy_is_read_all_the_same() {
        assert!(!policy(with("replicator_enabled", "false")).enabled);
    }

    #[test]
    fn j22_the_tighter_of_both_bounds_holds() {
        let Reading::Policy(policy, _) = GroupPolicy::read(&full()) else { panic!("a policy") };
        let policy = GroupPolicy { min: 2, max: 6, enabled: true, ..policy };
        let within = |min, max, enabled| policy.clone().within(ScalingBlock { min, max, enabled });
        let bounds = |block: Result<(GroupPolicy, Option<String>), String>| {
            let (policy, word) = block.unwrap();
            (policy.min, policy.max, policy.enabled, word)
        };
        assert_eq!(bounds(within(1, Some(9), true)), (2, 6, true, None));
        assert_eq!(bounds(within(0, None, true)), (2, 6, true, None));
        let word = "the scaling block's max = 3 holds, not replicator_max = 6".to_owned();
        assert_eq!(bounds(within(2, Some(3), true)), (2, 3, true, Some(word)));
        let word = "the scaling block's min = 4 holds, not replicator_min = 2".to_owned();
        assert_eq!(bounds(within(4, Some(6), true)), (4, 6, true, Some(word)));
        let (.., enabled, word) = bounds(within(1, Some(9), false));
        assert!(!enabled && word.unwrap().contains("not enabled"));
        let error = within(7, Some(9), true).unwrap_err();
        assert!(error.contains("no count in common"), "{error}");
    }
}
