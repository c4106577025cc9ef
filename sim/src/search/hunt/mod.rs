//! The hunt: scenarios that are made up from a seed, run, and judged. Each draws its own few of all that a scenario can hold,
//! as swarm testing does, so that what seldom goes together still does somewhere.
//!
//! A seed gives the text of a scenario, which shows the same run without the hunt.
//!
//! - `draft`: the text, and what of all there is it draws on; `pools`, `jobs`, `load`, `events`: its parts.
//! - `judge`: what a run must not do.

mod draft;
mod events;
mod jobs;
mod judge;
mod load;
mod pools;

use std::path::{Path, PathBuf};

pub use judge::{Finding, Found, Judged, judge};

use crate::scenario::{Changes, Scenario, ScenarioError};

/// Whether agents are told oddities too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The truth alone.
    Truth,
    /// Oddities beside it, for the first part of the run.
    Oddities,
}

/// The text of the scenario that a seed gives.
#[must_use]
pub fn scenario_text(seed: u64, told: Told) -> String {
    draft::draft(seed, told)
}

/// The scenario that a seed gives.
///
/// # Errors
///
/// When what was made up is no scenario, which is a fault of the hunt.
pub fn scenario(seed: u64, told: Told) -> Result<Scenario, ScenarioError> {
    let path = PathBuf::from(format!("seed-{seed}.toml"));
    Scenario::parse(&scenario_text(seed, told), Path::new(&path), &Changes::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_gives_a_scenario_and_always_the_same() {
        for seed in 0..300 {
            for told in [Told::Truth, Told::Oddities] {
                let text = scenario_text(seed, told);
                assert_eq!(text, scenario_text(seed, told));
                assert!(scenario(seed, told).is_ok(), "{}\n{text}", scenario(seed, told).unwrap_err());
            }
        }
    }

    #[test]
    fn everything_is_drawn_by_some_seed() {
        let all: String = (0..300).map(|seed| scenario_text(seed, Told::Oddities)).collect();
        for word in [
            "type = \"batch\"",
            "type = \"system\"",
            "policy_in",
            "zones",
            "reserved",
            "runs_in",
            "call_takes",
            "scaling_concurrency",
            "distinct_hosts",
            "ports",
            "poststop",
            "disconnect",
            "cores",
            "constraint",
            "min_healthy_time",
            "enabled = false",
            "weighted",
            "kill_node",
            "kill_zone",
            "kill_agent",
            "stop_agent",
            "destroy_session",
            "clock_jump",
            "nomad_outage",
            "consul_outage",
            "cloud_outage",
            "statistics_outage",
            "no_capacity",
            "never_join",
            "protect",
            "failsafe",
            "set_count",
            "set_desired",
            "set_eligibility",
            "silence_node",
            "drain_node",
            "cancel_drain",
            "detach_instance",
            "standby",
            "odd_node",
            "set_meta",
            "no_statistics",
            "diurnal",
            "spike",
            "ramp",
            "step",
            "noise",
            "median",
            "[odd]",
        ] {
            assert!(all.contains(word), "{word}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        for told in [Told::Truth, Told::Oddities] {
            let digest = || crate::drive::run::run(&scenario(3, told).unwrap().plan).record.digest();
            assert_eq!(digest(), digest());
        }
    }
}
