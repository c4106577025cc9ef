//! The hunt: scenarios that are made up from a seed, run, and judged. Each draws its own few of all that a scenario can hold,
//! as swarm testing does, so that what seldom goes together still does somewhere.
//!
//! A seed gives a draft, which written as a scenario shows the same run without the hunt.
//!
//! - `making`: the draft, and what of all there is it draws on; `pools`, `jobs`, `load`, `events`: its parts.
//! - `judge`: what a run must not do.

mod events;
mod jobs;
mod judge;
mod load;
mod making;
mod pools;

pub use judge::{Finding, Found, Judged, judge};

use crate::plan::draft::Draft;

/// Whether agents are told oddities too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The truth alone.
    Truth,
    /// Oddities beside it, for the first part of the run.
    Oddities,
}

/// The scenario that a seed gives.
#[must_use]
pub fn make(seed: u64, told: Told) -> Draft {
    making::make(seed, told)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::{Changes, Scenario, write};

    #[test]
    fn every_seed_gives_a_scenario_and_always_the_same() {
        for seed in 0..300 {
            for told in [Told::Truth, Told::Oddities] {
                let draft = make(seed, told);
                assert_eq!(draft, make(seed, told));
                let text = write(&draft).unwrap();
                let plan = draft.plan().unwrap_or_else(|problem| panic!("{problem}\n{text}"));
                let read = Scenario::parse(&text, Path::new("made.toml"), &Changes::default()).unwrap().plan;
                assert_eq!(format!("{plan:?}"), format!("{read:?}"), "as a file it is the same:\n{text}");
            }
        }
    }

    #[test]
    fn everything_is_drawn_by_some_seed() {
        let all: String = (0..300).map(|seed| write(&make(seed, Told::Oddities)).unwrap()).collect();
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
            let digest = || crate::drive::run::run(&make(3, told).plan().unwrap()).record.digest();
            assert_eq!(digest(), digest());
        }
    }
}
