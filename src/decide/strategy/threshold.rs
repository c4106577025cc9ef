//! By one, when a threshold is crossed: Go's rule, J8 to J10.

use super::{Wish, at_maximum, at_minimum, missing_samples};
use crate::decide::finding::{Finding, Quantity, Relation, Rule};
use crate::decide::{GroupObservation, Step, Stop, Verdict};
use crate::domain::Percent;
use crate::policy::{GroupPolicy, Thresholds};

pub(in crate::decide) fn wish(observation: &GroupObservation, policy: &GroupPolicy, thresholds: &Thresholds) -> Wish {
    let findings = compare(observation, thresholds);
    let count = observation.count;
    let asks_out = findings.iter().any(|finding| finding.rule == Rule::J8 && finding.holds);
    let mut idle = findings.iter().filter(|finding| finding.rule == Rule::J9).peekable();
    let asks_in = idle.peek().is_some() && idle.all(|finding| finding.holds);
    let (step, stops) = if asks_out {
        (Some(Step { from: count, to: count.saturating_add(1) }), at_maximum(count, policy).into_iter().collect())
    } else if asks_in && count > 0 {
        (Some(Step { from: count, to: count - 1 }), stops_in(observation, policy))
    } else {
        (None, vec![])
    };
    Wish { step, otherwise: Verdict::Stay, stops, findings }
}

fn stops_in(observation: &GroupObservation, policy: &GroupPolicy) -> Vec<Stop> {
    at_minimum(observation.count, policy).into_iter().chain(missing_samples(observation)).collect()
}

/// Every comparison of J8 and J9. An average that is missing altogether holds for neither: it neither asks for more
/// nor shows that the task is idle (J12). What a driver does not measure is not compared.
fn compare(observation: &GroupObservation, thresholds: &Thresholds) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(observation.tasks.len() * 4);
    for task in &observation.tasks {
        let cpu = (&task.cpu, thresholds.scaleout_cpu, thresholds.scalein_cpu);
        let memory = (&task.memory, thresholds.scaleout_mem, thresholds.scalein_mem);
        for ((average, out, r#in), quantity) in
            [(cpu, Quantity::TaskCpu(task.task.clone())), (memory, Quantity::TaskMemory(task.task.clone()))]
        {
            if average.unmeasured {
                continue;
            }
            let measured = average.percent;
            let finding = |rule, relation, limit: Percent, holds| Finding {
                rule,
                quantity: quantity.clone(),
                measured: measured.map_or(f64::NAN, |percent| percent.0),
                relation,
                limit: limit.0,
                holds,
            };
            let above = measured.is_some_and(|percent| percent > out);
            let below = measured.is_some_and(|percent| percent < r#in);
            findings.push(finding(Rule::J8, Relation::Above, out, above));
            findings.push(finding(Rule::J9, Relation::Below, r#in, below));
        }
    }
    findings
}
