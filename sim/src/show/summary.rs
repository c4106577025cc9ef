//! What matters first: who was served, what it cost, what lagged, what was done, and what held it up.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use replicator::agent::Spoken;
use replicator::decide::Direction;
use replicator::domain::Resource;
use replicator::operation::Outcome as Ending;

use super::paint::Paint;
use crate::judge::Outcome;
use crate::judge::held::Held;
use crate::judge::record::{Action, Stretch};
use crate::kernel::time::Millis;
use crate::plan::Plan;

/// How many rules that held a step are named, the longest first.
const MOST_HELD: usize = 8;
/// From this share of the run on a hold is worth a line.
const WORTH_A_LINE: f64 = 0.01;

/// Writes the summary.
pub(super) fn write(out: &mut impl Write, plan: &Plan, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let summary = Summary { plan, outcome };
    summary.row(out, paint, "served", &summary.served())?;
    summary.row(out, paint, "cost", &summary.cost())?;
    summary.row(out, paint, "worst gap", &summary.gaps())?;
    summary.row(out, paint, "steps", &summary.steps())?;
    summary.row(out, paint, "at a bound", &summary.bounds())?;
    summary.row(out, paint, "held", &summary.held())
}

struct Summary<'a> {
    plan: &'a Plan,
    outcome: &'a Outcome,
}

impl Summary<'_> {
    /// A heading, and a line for each thing under it; nothing where there are none.
    #[expect(clippy::unused_self, reason = "it reads as one of the summary's rows")]
    fn row(&self, out: &mut impl Write, paint: Paint, name: &str, lines: &[String]) -> io::Result<()> {
        for (number, line) in lines.iter().enumerate() {
            let heading = if number == 0 { name } else { "" };
            writeln!(out, "{} {line}", paint.bold(&format!("{heading:<10}")))?;
        }
        Ok(())
    }

    fn measure(&self, name: &str) -> f64 {
        self.outcome.measures.get(name).copied().unwrap_or(f64::NAN)
    }

    fn served(&self) -> Vec<String> {
        let part = |what: &str, unit: &str| {
            let (share, amount) =
                (self.measure(&format!("run.unmet_{what}_share")), self.measure(&format!("run.unmet_{what}")));
            let name = if what == "cpu" { "CPU" } else { "memory" };
            if amount > 0.0 {
                format!("{} % of the {name} asked for was not there ({} {unit})", short(share), short(amount))
            } else {
                format!("all {name} that was asked for")
            }
        };
        vec![format!("{}; {}", part("cpu", "MHz·h"), part("memory", "MiB·h"))]
    }

    fn cost(&self) -> Vec<String> {
        let (hours, oracle, ratio) =
            (self.measure("run.node_hours"), self.measure("run.oracle_node_hours"), self.measure("run.cost_ratio"));
        let money: f64 = self.plan.pools.iter().map(|pool| self.measure(&format!("pool.{}.cost", pool.name))).sum();
        let price = if money > 0.0 { format!(", {money:.2} in money") } else { String::new() };
        let mut lines = vec![if oracle > 0.0 {
            format!(
                "{} node hours{price}: {ratio:.2} times the {} that whole nodes could have carried it with",
                short(hours),
                short(oracle)
            )
        } else {
            format!("{} node hours{price}, and nothing to carry", short(hours))
        }];
        for pool in &self.plan.pools {
            let of = |name: &str| self.measure(&format!("pool.{}.{name}", pool.name));
            let (nodes, ratio) = (of("static_nodes"), of("static_ratio"));
            if ratio > 0.0 {
                lines.push(format!(
                    "pool {}: {ratio:.2} times a fleet of always {nodes:.0} that would have served as well",
                    pool.name
                ));
            }
        }
        lines
    }

    fn gaps(&self) -> Vec<String> {
        let gap = |name: String, prefix: String| {
            let worst = self.measure(&format!("{prefix}.capacity_worst"));
            (worst > 0.0).then(|| (worst, format!("{name} {}", Spoken(Duration::from_secs_f64(worst)))))
        };
        let pools = self.plan.pools.iter().map(|it| gap(format!("pool {}", it.name), format!("pool.{}", it.name)));
        let scaled = self.plan.groups.iter().filter(|group| group.policy.is_some());
        let groups = scaled.map(|it| gap(format!("group {}", it.key), format!("group.{}", it.key)));
        let mut gaps: Vec<(f64, String)> = pools.chain(groups).flatten().collect();
        gaps.sort_by(|a, b| b.0.total_cmp(&a.0));
        let named: Vec<String> = gaps.iter().take(MOST_HELD).map(|(_, words)| words.clone()).collect();
        let rest = gaps.len().saturating_sub(named.len());
        match (named.is_empty(), rest) {
            (true, _) => vec!["none: nothing was ever short of what the load needed".to_owned()],
            (_, 0) => vec![format!("{} with less than the load needed", named.join(", "))],
            (_, rest) => vec![format!("{} and {rest} more with less than the load needed", named.join(", "))],
        }
    }

    fn steps(&self) -> Vec<String> {
        let mut of: BTreeMap<&Resource, Vec<&Action>> = BTreeMap::new();
        for action in &self.outcome.record.actions {
            of.entry(&action.resource).or_default().push(action);
        }
        let would = self.outcome.record.would_be;
        let mut lines: Vec<String> = of.into_iter().map(|(resource, actions)| steps_of(resource, &actions)).collect();
        if lines.is_empty() {
            lines.push("none".to_owned());
        }
        if would > 0 {
            lines.push(format!("{would} would have been taken if enabled"));
        }
        lines
    }

    fn bounds(&self) -> Vec<String> {
        self.outcome
            .record
            .holds
            .stretches()
            .filter(|(held, of)| held.by_bound && held.direction == Direction::Out && self.is_worth_it(of))
            .map(|(held, of)| {
                format!("{} at its most for {} while more was asked for", held.resource, Spoken(length(of).into()))
            })
            .collect()
    }

    fn held(&self) -> Vec<String> {
        let stretches = self.outcome.record.holds.stretches();
        let mut held: Vec<(&Held, &[Stretch])> =
            stretches.filter(|(held, of)| !held.by_bound && self.is_worth_it(of)).collect();
        held.sort_by_key(|(_, of)| std::cmp::Reverse(length(of)));
        let line = |(held, of): &(&Held, &[Stretch])| {
            let Held { resource, direction, rule, .. } = held;
            format!("{resource} {direction} for {} by {rule}", Spoken(length(of).into()))
        };
        held.iter().take(MOST_HELD).map(line).collect()
    }

    fn is_worth_it(&self, of: &[Stretch]) -> bool {
        length(of).as_secs_f64() >= WORTH_A_LINE * self.outcome.ended.as_secs_f64()
    }
}

fn length(of: &[Stretch]) -> Millis {
    of.iter().fold(Millis(0), |sum, stretch| sum + (stretch.to - stretch.from))
}

fn steps_of(resource: &Resource, actions: &[&Action]) -> String {
    let going = |direction| actions.iter().filter(|action| action.direction == direction).count();
    let failed = actions.iter().filter(|action| matches!(action.ended, Some((_, Ending::Failed(_))))).count();
    let reversals = actions.windows(2).filter(|pair| pair[0].direction != pair[1].direction).count();
    let mut words = vec![format!("{resource} {} out, {} in", going(Direction::Out), going(Direction::In))];
    let counted = [(failed, "failed"), (reversals, if reversals == 1 { "turn" } else { "turns" })]
        .into_iter()
        .filter(|(count, _)| *count > 0);
    words.extend(counted.map(|(count, what)| format!("{count} {what}")));
    let when = match actions {
        [] => String::new(),
        [only] => format!("; at {}", only.at),
        [first, .., last] => format!("; from {} to {}", first.at, last.at),
    };
    words.join(", ") + &when
}

/// A number with one decimal, and none where it is whole or large.
fn short(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
