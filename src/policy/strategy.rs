//! How a task group's count is decided on: which strategy, and what it goes by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::reader::Reader;
use crate::domain::Percent;

/// The keys that only `replicator_strategy = "threshold"` looks at.
const OF_THRESHOLD: [&str; 4] =
    ["replicator_scalein_cpu", "replicator_scalein_mem", "replicator_scaleout_cpu", "replicator_scaleout_mem"];

/// The keys that only `replicator_strategy = "target"` looks at.
const OF_TARGET: [&str; 8] = [
    "replicator_target_cpu",
    "replicator_target_mem",
    "replicator_tolerance",
    "replicator_max_step_out",
    "replicator_max_step_in",
    "replicator_stabilization",
    "replicator_forecast",
    "replicator_forecast_quantile",
];

/// How a count is decided on.
// Untagged, since policies were recorded with the thresholds' keys alone before there was another strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GroupStrategy {
    /// By one, when a threshold is crossed (J8, J9).
    Threshold(Thresholds),
    /// To what the use needs (J28).
    Target(Target),
}

/// Between which shares a group is left as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// In below this share of the CPU asked for, for every task.
    pub scalein_cpu: Percent,
    /// In below this share of the memory asked for, for every task.
    pub scalein_mem: Percent,
    /// Out above this share of the CPU asked for, for any task.
    pub scaleout_cpu: Percent,
    /// Out above this share of the memory asked for, for any task.
    pub scaleout_mem: Percent,
}

/// Which share each allocation is to use, and how far and how soon the count follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The share of the CPU asked for. At least one of the two is there.
    #[serde(rename = "target_cpu")]
    pub cpu: Option<Percent>,
    /// The share of the memory asked for.
    #[serde(rename = "target_mem")]
    pub memory: Option<Percent>,
    /// How far what is needed may be from the count, in percent of the count, before anything is done.
    pub tolerance: Percent,
    /// The most allocations that one step adds; as many as are needed, where it is not given.
    pub max_step_out: Option<u32>,
    /// The most that one step takes away.
    pub max_step_in: Option<u32>,
    /// For how long the most that was needed keeps the count from going below it.
    pub stabilization: Duration,
    /// What is expected of the time until a decision has effect.
    pub forecast: Forecast,
    /// Which share of the forecast's errors of late its margin covers.
    pub forecast_quantile: Percent,
}

/// How the time until a decision has effect is looked ahead over (J32).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forecast {
    /// Not at all.
    #[default]
    Off,
    /// The use goes on as it went over the last minutes.
    Trend,
}

impl GroupStrategy {
    /// Which it is, as it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Threshold(_) => "threshold",
            Self::Target(_) => "target",
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let key = "replicator_strategy";
        let written = reader.choice(key, &[("threshold", false), ("target", true)]);
        // One that cannot be read is taken for what its other keys are, so that what is wrong with these is named too.
        let seems = reader.has(key) && OF_TARGET.iter().any(|key| reader.has(key));
        let strategy = if written.unwrap_or(seems) {
            Self::Target(Target::read(reader))
        } else {
            Self::Threshold(Thresholds::read(reader))
        };
        let idle: &[&'static str] = if matches!(strategy, Self::Target(_)) { &OF_THRESHOLD } else { &OF_TARGET };
        for key in idle {
            reader.advise(reader.has(key), key, Problem::NotLookedAt { strategy: strategy.name() });
        }
        strategy
    }
}

impl Thresholds {
    fn read(reader: &mut Reader<'_>) -> Self {
        let read = Self {
            scalein_cpu: reader.percent("replicator_scalein_cpu"),
            scalein_mem: reader.percent("replicator_scalein_mem"),
            scaleout_cpu: reader.percent("replicator_scaleout_cpu"),
            scaleout_mem: reader.percent("replicator_scaleout_mem"),
        };
        for (scale_in, low, scale_out, high) in [
            ("replicator_scalein_cpu", read.scalein_cpu, "replicator_scaleout_cpu", read.scaleout_cpu),
            ("replicator_scalein_mem", read.scalein_mem, "replicator_scaleout_mem", read.scaleout_mem),
        ] {
            reader.require(low < high, (scale_in, low.0.to_string()), "less than", (scale_out, high.0.to_string()));
            reader.advise(low.0 <= 0.0, scale_in, Problem::NeverBelow);
        }
        let threshold = read.scaleout_mem.0;
        reader.advise(threshold >= 100.0, "replicator_scaleout_mem", Problem::HardlyAbove { threshold });
        read
    }
}

impl Target {
    /// The least percentage that is a target: below it the count would have no bound that makes sense.
    const LEAST: f64 = 1.0;
    /// How far what is needed may be from the count, where the policy does not say (J29).
    const TOLERANCE: Percent = Percent(5.0);
    /// How long the most that was needed counts, where the policy does not say (J31).
    const STABILIZATION: Duration = Duration::from_mins(5);
    /// Which share of its errors a forecast's margin covers, where the policy does not say (J32).
    const QUANTILE: Percent = Percent(95.0);

    fn read(reader: &mut Reader<'_>) -> Self {
        let read = Self {
            cpu: reader.percent_from("replicator_target_cpu", Self::LEAST, f64::INFINITY),
            memory: reader.percent_from("replicator_target_mem", Self::LEAST, f64::INFINITY),
            tolerance: reader.percent_from("replicator_tolerance", 0.0, 100.0).unwrap_or(Self::TOLERANCE),
            max_step_out: reader.positive_or_absent("replicator_max_step_out"),
            max_step_in: reader.positive_or_absent("replicator_max_step_in"),
            stabilization: reader.seconds_or("replicator_stabilization", Self::STABILIZATION),
            forecast: reader
                .choice("replicator_forecast", &[("off", Forecast::Off), ("trend", Forecast::Trend)])
                .unwrap_or_default(),
            forecast_quantile: reader
                .percent_from("replicator_forecast_quantile", 0.0, 100.0)
                .unwrap_or(Self::QUANTILE),
        };
        let (cpu, memory) = ("replicator_target_cpu", "replicator_target_mem");
        reader.refuse(!reader.has(cpu) && !reader.has(memory), cpu, memory, Problem::NoTarget { other: memory });
        let threshold = read.memory.map_or(0.0, |percent| percent.0);
        reader.advise(threshold >= 100.0, memory, Problem::HardlyAbove { threshold });
        let margin_of_nothing = read.forecast == Forecast::Off && reader.has("replicator_forecast_quantile");
        reader.advise(margin_of_nothing, "replicator_forecast_quantile", Problem::NoForecast);
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Meta;
    use crate::policy::{GroupPolicy, Reading};

    fn meta(more: &[(&str, &str)]) -> Meta {
        let base = ["enabled=true", "min=1", "max=9", "strategy=target"].map(|it| it.split_once('=').unwrap());
        let mut meta = crate::testing::meta(more);
        meta.extend(base.map(|(key, value)| (format!("replicator_{key}"), value.to_owned())));
        meta
    }

    fn read(more: &[(&str, &str)]) -> Result<(Target, Vec<String>), Vec<String>> {
        let words = |problems: &[crate::policy::KeyProblem]| problems.iter().map(ToString::to_string).collect();
        match GroupPolicy::read(&meta(more)) {
            Reading::Policy(GroupPolicy { strategy: GroupStrategy::Target(target), .. }, advice) => {
                Ok((target, words(&advice)))
            }
            Reading::Invalid(error) => Err(words(&error.problems)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn j28_j29_j31_a_target_needs_one_number_and_says_the_rest_itself() {
        let expected = Target {
            cpu: Some(Percent(80.0)),
            memory: None,
            tolerance: Percent(5.0),
            max_step_out: None,
            max_step_in: None,
            stabilization: Duration::from_mins(5),
            forecast: Forecast::Off,
            forecast_quantile: Percent(95.0),
        };
        assert_eq!(read(&[("replicator_target_cpu", "80")]), Ok((expected, vec![])));
    }

    #[test]
    fn j3_what_a_target_cannot_be_is_named() {
        let only = |more: &[(&str, &str)]| read(more).unwrap_err();
        assert_eq!(
            only(&[]),
            ["replicator_target_cpu is missing, and so is replicator_target_mem: one of them is needed"]
        );
        assert_eq!(
            only(&[("replicator_target_cpu", "0")]),
            ["replicator_target_cpu = \"0\" is not a percentage from 1"]
        );
        assert_eq!(
            only(&[("replicator_target_mem", "70"), ("replicator_tolerance", "150")]),
            ["replicator_tolerance = \"150\" is not a percentage from 0 to 100"]
        );
        assert_eq!(
            only(&[("replicator_target_mem", "70"), ("replicator_forecast", "wat")]),
            ["replicator_forecast = \"wat\" is not one of \"off\", \"trend\""]
        );
        let strategy = GroupPolicy::read(&crate::testing::meta(&[("replicator_strategy", "wat")]));
        let Reading::Invalid(error) = strategy else { panic!("{strategy:?}") };
        let named = error.to_string();
        assert!(named.contains("replicator_strategy = \"wat\" is not one of \"threshold\", \"target\""), "{named}");
    }

    #[test]
    fn j3_of_a_strategy_that_cannot_be_read_its_keys_are_judged_all_the_same() {
        let mut meta = meta(&[("replicator_target_cpu", "0")]);
        meta.insert("replicator_strategy".into(), "targets".into());
        let Reading::Invalid(error) = GroupPolicy::read(&meta) else { panic!("it is not one") };
        let words: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
        let strategy = "replicator_strategy = \"targets\" is not one of \"threshold\", \"target\"";
        assert_eq!(words, [strategy, "replicator_target_cpu = \"0\" is not a percentage from 1"]);
    }

    #[test]
    fn j3_keys_of_the_other_strategy_are_pointed_out() {
        let (_, advice) = read(&[("replicator_target_cpu", "80"), ("replicator_scalein_cpu", "30")]).unwrap();
        assert_eq!(advice, ["replicator_scalein_cpu is not looked at by the strategy \"target\""]);
        let (_, advice) = read(&[("replicator_target_cpu", "80"), ("replicator_forecast_quantile", "99")]).unwrap();
        assert_eq!(advice, ["replicator_forecast_quantile has no effect without replicator_forecast"]);
    }

    #[test]
    fn every_key_of_a_strategy_is_a_key_of_a_group() {
        let keys = OF_THRESHOLD.iter().chain(&OF_TARGET);
        assert!(keys.into_iter().all(|key| crate::policy::GROUP_KEYS.contains(key)));
    }

    #[test]
    fn a_policy_of_either_strategy_is_written_and_read_again() {
        let target = GroupPolicy::read(&meta(&[("replicator_target_cpu", "80"), ("replicator_forecast", "trend")]));
        let Reading::Policy(target, _) = target else { panic!("{target:?}") };
        for policy in [target, crate::testing::group_policy()] {
            let text = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<GroupPolicy>(&text).unwrap(), policy, "{text}");
        }
    }
}
