//! The policy of a task group: rules J1 to J5.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Reading;
use super::problem::Problem;
use super::reader::Reader;
use super::schedule::{InForce, Schedule};
use super::strategy::GroupStrategy;
use crate::domain::{Meta, ScalingBlock, TaskGroup, TaskName};

/// Every key that a task group's `meta` may hold.
pub const GROUP_KEYS: [&str; 23] = [
    "replicator_enabled",
    "replicator_min",
    "replicator_max",
    "replicator_schedule",
    "replicator_strategy",
    "replicator_scalein_cpu",
    "replicator_scalein_mem",
    "replicator_scaleout_cpu",
    "replicator_scaleout_mem",
    "replicator_target_cpu",
    "replicator_target_mem",
    "replicator_tolerance",
    "replicator_max_step_out",
    "replicator_max_step_in",
    "replicator_stabilization",
    "replicator_forecast",
    "replicator_forecast_quantile",
    "replicator_ignore_tasks",
    "replicator_notification_uid",
    "replicator_cooldown",
    "replicator_cooldown_out",
    "replicator_cooldown_in",
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
    /// Tighter bounds by calendar (J34).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The entries of the schedule that make the bounds what they are: none in a policy as it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_force: Vec<String>,
    /// By what its count is decided on.
    #[serde(flatten)]
    pub strategy: GroupStrategy,
    /// Tasks that have no say, since they stand beside what serves (J33).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ignore_tasks: BTreeSet<TaskName>,
    /// Names the group's alerts.
    pub notification_uid: String,
    /// How long to leave the group alone after an action.
    pub cooldown: Duration,
    /// The same before a step out, where it differs (J27).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown_out: Option<Duration>,
    /// The same before a step in (J27).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown_in: Option<Duration>,
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
        let enabled = reader.boolean("replicator_enabled");
        let (min, max) = (reader.count("replicator_min"), reader.count("replicator_max"));
        judge_bounds(&mut reader, min, max);
        let policy = Self {
            enabled,
            min,
            max,
            schedule: schedule(&mut reader, min, max),
            in_force: Vec::new(),
            strategy: GroupStrategy::read(&mut reader),
            ignore_tasks: reader.names("replicator_ignore_tasks"),
            notification_uid: reader.text_or("replicator_notification_uid", ""),
            cooldown: reader.seconds_or("replicator_cooldown", DEFAULT_COOLDOWN),
            cooldown_out: reader.seconds_or_absent("replicator_cooldown_out"),
            cooldown_in: reader.seconds_or_absent("replicator_cooldown_in"),
            retry_threshold: reader.positive_or("replicator_retry_threshold", DEFAULT_RETRY_THRESHOLD),
        };
        match reader.finish(&GROUP_KEYS) {
            Ok(warnings) => Reading::Policy(policy, warnings),
            Err(error) => Reading::Invalid(error),
        }
    }

    /// The same policy with the bounds that its schedule gives it at a moment (J34).
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Cow<'_, Self> {
        let Some(InForce { min, max, entries }) = self.schedule.as_ref().map(|schedule| schedule.at(now)) else {
            return Cow::Borrowed(self);
        };
        if entries.is_empty() {
            return Cow::Borrowed(self);
        }
        // A scaling block may have narrowed what the schedule was checked against.
        let within = |bound: Option<u32>, otherwise| bound.unwrap_or(otherwise).clamp(self.min, self.max);
        let min = within(min, self.min);
        Cow::Owned(Self { min, max: within(max, self.max).max(min), in_force: entries, ..self.clone() })
    }

    /// What is wrong with the tasks that it ignores, in a group that it stands in, or what is dubious about them (J33).
    ///
    /// # Errors
    ///
    /// In words, where no task would be left to decide by.
    pub fn judge_ignored(&self, group: &TaskGroup) -> Result<Option<String>, String> {
        let key = "replicator_ignore_tasks";
        if !self.ignore_tasks.is_empty() && group.heard(&self.ignore_tasks).next().is_none() {
            return Err(format!("{key} leaves no task to decide by: the group has no other that runs throughout"));
        }
        let there = |name: &&TaskName| !group.tasks.iter().any(|task| task.name == **name);
        let unknown: Vec<&str> = self.ignore_tasks.iter().filter(there).map(TaskName::as_str).collect();
        let word = format!("{key} names {}, and the group has no such task", unknown.join(", "));
        Ok(Some(word).filter(|_| !unknown.is_empty()))
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
}

/// The schedule, whose bounds are within the policy's.
fn schedule(reader: &mut Reader<'_>, min: u32, max: u32) -> Option<Schedule> {
    let (key, most) = ("replicator_schedule", "replicator_max");
    let schedule = reader.told(key, Schedule::read)?;
    if let Some((bound, entry)) = schedule.bound_that_is_not(|bound| (min..=max).contains(&bound)) {
        let why = format!("{bound} of {entry:?} is not from replicator_min = {min} to replicator_max = {max}");
        reader.refuse(true, key, most, Problem::Told { why });
    }
    Some(schedule)
}

/// What is wrong with the bounds, or legal and hardly what was wanted.
fn judge_bounds(reader: &mut Reader<'_>, min: u32, max: u32) {
    let (least, most) = ("replicator_min", "replicator_max");
    reader.require(min <= max, (least, min.to_string()), "at most", (most, max.to_string()));
    reader.refuse(min == 0 && max == 0, most, least, Problem::NoRoom);
    reader.advise(min == 0, least, Problem::ToNothing);
    reader.advise(min == max, most, Problem::OneSize { size: max, min: least });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Percent;
    use crate::policy::{KeyProblem, Problem, Thresholds};

    /// The keys that a policy must have.
    const REQUIRED: [&str; 7] = [
        "replicator_enabled",
        "replicator_min",
        "replicator_max",
        "replicator_scalein_cpu",
        "replicator_scalein_mem",
        "replicator_scaleout_cpu",
        "replicator_scaleout_mem",
    ];

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
    fn j1_j27_j33_reads_every_key() {
        let mut meta = full();
        meta.insert("replicator_ignore_tasks".into(), "proxy, log".into());
        meta.insert("replicator_cooldown_in".into(), "120".into());
        meta.insert("replicator_cooldown".into(), "50".into());
        meta.insert("replicator_retry_threshold".into(), "4".into());
        let expected = GroupPolicy {
            enabled: true,
            min: 1,
            max: 10,
            strategy: GroupStrategy::Threshold(Thresholds {
                scalein_cpu: Percent(30.0),
                scalein_mem: Percent(30.0),
                scaleout_cpu: Percent(80.0),
                scaleout_mem: Percent(80.0),
            }),
            schedule: None,
            in_force: vec![],
            ignore_tasks: ["log", "proxy"].map(Into::into).into(),
            notification_uid: "REP1".into(),
            cooldown: Duration::from_secs(50),
            cooldown_out: None,
            cooldown_in: Some(Duration::from_mins(2)),
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
        for key in REQUIRED {
            let mut meta = full();
            meta.remove(key);
            assert_eq!(problems(GroupPolicy::read(&meta)), [format!("{key} is missing")]);
        }
        let only_one = Meta::from([("replicator_enabled".into(), "true".into())]);
        assert_eq!(problems(GroupPolicy::read(&only_one)).len(), 6, "all that is wrong is named at once");
    }

    #[test]
    fn j3_unreadable_values_are_named() {
        let readable =
            ["cooldown", "cooldown_out", "cooldown_in", "retry_threshold"].map(|key| format!("replicator_{key}"));
        for key in REQUIRED.into_iter().chain(readable.iter().map(String::as_str)) {
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
    fn j34_a_schedule_tightens_the_bounds_while_it_holds() {
        let policy = policy(with("replicator_schedule", "fri 08:00-18:00 min=4 max=6"));
        let at = |time: &str| policy.at(time.parse().unwrap()).into_owned();
        let (inside, outside) = (at("2026-11-27T12:00:00Z"), at("2026-11-27T20:00:00Z"));
        assert_eq!((inside.min, inside.max, inside.in_force), (4, 6, vec!["fri 08:00-18:00 min=4 max=6".to_owned()]));
        assert_eq!(outside, policy);
        let narrowed = GroupPolicy { max: 3, ..policy.clone() };
        let inside = narrowed.at("2026-11-27T12:00:00Z".parse().unwrap()).into_owned();
        assert_eq!((inside.min, inside.max), (3, 3), "a scaling block leaves no more");
        let beyond = "replicator_schedule: 12 of \"min=12\" is not from replicator_min = 1 to replicator_max = 10";
        assert_eq!(problems(with("replicator_schedule", "min=12")), [beyond]);
        assert_eq!(problems(with("replicator_schedule", "wat")).len(), 1);
    }

    #[test]
    fn j33_what_is_ignored_must_leave_something_to_decide_by() {
        let group = |tasks: &[&str]| TaskGroup {
            tasks: tasks.iter().map(|name| crate::testing::task(name, 500, 256)).collect(),
            ..crate::testing::task_group("g", Meta::new())
        };
        let policy = policy(with("replicator_ignore_tasks", "log proxy"));
        assert_eq!(policy.judge_ignored(&group(&["web", "log", "proxy"])), Ok(None));
        let word = policy.judge_ignored(&group(&["web", "log"])).unwrap().unwrap();
        assert_eq!(word, "replicator_ignore_tasks names proxy, and the group has no such task");
        let error = policy.judge_ignored(&group(&["log", "proxy"])).unwrap_err();
        assert!(error.contains("leaves no task to decide by"), "{error}");
        assert_eq!(problems(with("replicator_ignore_tasks", " , ")).len(), 1);
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
