//! x
use crate::run::Outcome; use crate::scenario::Scenario;
/// x
/// # Errors
/// x
pub fn plot(_: &Scenario, _: &Outcome, _: &std::path::Path) -> anyhow::Result<()> { Ok(()) }
