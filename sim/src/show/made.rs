//! What made a run: whoever has this has the run again.

use std::fmt;

use replicator::REVISION;

use crate::scenario::Scenario;

/// The scenario, with the seed and every change of it, and the revision of the simulator.
pub(super) struct Made<'a>(pub(super) &'a Scenario);

impl fmt::Display for Made<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(scenario) = self;
        write!(f, "scenario {}  seed {}", scenario.path.display(), scenario.plan.seed)?;
        for change in &scenario.set {
            write!(f, "  set {change}")?;
        }
        write!(f, "  revision {REVISION}")
    }
}
