//! The report for programs.

use serde_json::{Value, json};

use super::ending;
use crate::judge::Outcome;
use crate::judge::record::{Action, Stretch};
use crate::scenario::Scenario;

/// The whole report as JSON. Times are seconds since the start of the run.
#[must_use]
pub fn to_json(scenario: &Scenario, outcome: &Outcome) -> Value {
    let plan = &scenario.plan;
    let record = &outcome.record;
    let stretches = |of: &Vec<Stretch>| -> Vec<Value> {
        of.iter().map(|it| json!({"from": it.from.as_secs_f64(), "to": it.to.as_secs_f64()})).collect()
    };
    let failsafe: Vec<Value> = record
        .failsafe
        .iter()
        .filter(|(_, of)| !of.is_empty())
        .map(|(resource, of)| json!({"resource": resource.to_string(), "stretches": stretches(of)}))
        .collect();
    json!({
        "title": plan.title,
        "scenario": scenario.path.display().to_string(),
        "seed": plan.seed,
        "set": scenario.set,
        "warnings": scenario.warnings(),
        "revision": replicator::REVISION,
        "duration": plan.duration.as_secs_f64(),
        "ended": outcome.ended.as_secs_f64(),
        "digest": record.digest(),
        "calls": outcome.calls,
        "measures": outcome.measures,
        "actions": record.actions.iter().map(action).collect::<Vec<_>>(),
        "failsafe": failsafe,
        "alerted": record.alerted.iter().map(|(at, words)| json!({"at": at.as_secs_f64(), "words": words})).collect::<Vec<_>>(),
        "expectations": outcome.checks.iter().map(|check| json!({
            "expectation": check.expectation.to_string(),
            "measured": check.measured,
            "met": check.met,
            "reached": check.reached,
            "line": check.expectation.line,
        })).collect::<Vec<_>>(),
        "violation": record.violation.as_ref().map(|(at, violation)| json!({
            "at": at.as_secs_f64(),
            "invariant": violation.invariant,
            "evidence": violation.evidence,
        })),
        "good": outcome.is_good(),
    })
}

fn action(action: &Action) -> Value {
    json!({
        "at": action.at.as_secs_f64(),
        "agent": action.agent,
        "resource": action.resource.to_string(),
        "direction": action.direction,
        "from": action.from,
        "to": action.to,
        "why": action.why,
        "ended": action.ended.as_ref().map(|(at, _)| at.as_secs_f64()),
        "outcome": action.ended.as_ref().map(|(_, outcome)| outcome),
        "ending": ending(action),
    })
}
