//! `--crash`: the leader killed at every call.

use std::io::Write;

use anyhow::bail;

use super::output::{open, tell};
use super::progress::Countdown;
use crate::drive::crash::{Campaign, Ending};
use crate::drive::stage::Side;
use crate::scenario::Scenario;
use crate::show::write_crashes;

/// Whether every crash left the cluster as it would have been.
pub(super) fn crash(scenario: &Scenario, limit: usize) -> anyhow::Result<bool> {
    tell(format_args!("running it undisturbed first"));
    let campaign = match Campaign::prepare(&scenario.plan, limit) {
        Ok(campaign) => campaign,
        Err(violation) => {
            bail!("an invariant breaks without any crash: {}: {}", violation.invariant, violation.evidence)
        }
    };
    let mut bar = Countdown::begin(campaign.points.len(), "calls tried");
    let mut crashes = Vec::new();
    for call in &campaign.points {
        crashes.extend([Side::Before, Side::After].map(|side| campaign.crash(*call, side)));
        bar.step();
    }
    drop(bar);
    let mut out = open(None)?;
    write_crashes(&mut out, scenario, &crashes)?;
    out.flush()?;
    Ok(crashes.iter().all(|crash| crash.ending == Ending::Same))
}
