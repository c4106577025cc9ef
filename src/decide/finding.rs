//! A comparison that a decision rests on, as data.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::Direction;
use crate::domain::{Measure, TaskName};

/// The rules of the book that a comparison can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Out when any task uses more than its scale-out share.
    J8,
    /// In when every task uses less than its scale-in share.
    J9,
    /// A count outside the bounds is brought back.
    J11,
    /// What a task uses against the share that it is to use.
    J28,
    /// Out when more allocations are needed than there are, beyond the tolerance.
    J29,
    /// Out while a task uses all that it may.
    J30,
    /// In to the most that was needed lately.
    J31,
    /// Out when more are expected to be needed by the time that a step has effect.
    J32,
    /// A count outside the bounds that a schedule gives is brought back.
    J34,
    /// Out when what is used reaches what is allowed.
    P10,
    /// In when what is used is below what is allowed.
    P11,
    /// In only if the remaining nodes can carry the load with a margin.
    P12,
    /// Out while work waits for room that a node would give.
    P30,
    /// A pool outside its bounds is brought back.
    P33,
}

impl Rule {
    /// Whether the rule is a reason to go that way.
    #[must_use]
    pub fn speaks_for(self, direction: Direction) -> bool {
        match self {
            Self::J8 | Self::J28 | Self::J29 | Self::J30 | Self::J32 | Self::P10 | Self::P30 => {
                direction == Direction::Out
            }
            Self::J9 | Self::J31 | Self::P11 | Self::P12 => direction == Direction::In,
            Self::J11 | Self::J34 | Self::P33 => true,
        }
    }
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// CPU of a task, in percent of what it asks for.
    TaskCpu(TaskName),
    /// Memory of a task, in percent of what it asks for.
    TaskMemory(TaskName),
    /// Allocations that a task needs for one of its measures.
    Needed(Measure, TaskName),
    /// Those that it needed at the most of late.
    Lately(Measure, TaskName),
    /// Those that it is expected to need when a step of now has effect.
    Expected(Measure, TaskName),
    /// A group's count.
    Count,
    /// A pool's desired capacity.
    Desired,
    /// Allocations that wait for room in a pool.
    Waiting,
    /// CPU that a pool's allocations take, in MHz.
    PoolCpu,
    /// Memory that a pool's allocations take, in MiB.
    PoolMemory,
    /// CPU that a pool's allocations take, in percent of what would be allowed with one node fewer.
    RemainingCpu,
    /// Memory that a pool's allocations take, in percent of what would be allowed with one node fewer.
    RemainingMemory,
}

impl Quantity {
    /// What a task uses, in percent of what it asks for.
    #[must_use]
    pub fn of_task(measure: Measure, task: TaskName) -> Self {
        match measure {
            Measure::Cpu => Self::TaskCpu(task),
            Measure::Memory => Self::TaskMemory(task),
        }
    }

    /// Its unit, with a space before it where it has one.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self {
            Self::TaskCpu(_) | Self::TaskMemory(_) | Self::RemainingCpu | Self::RemainingMemory => " %",
            Self::PoolCpu => " MHz",
            Self::PoolMemory => " MiB",
            Self::Needed(..) | Self::Lately(..) | Self::Expected(..) | Self::Count | Self::Desired | Self::Waiting => {
                ""
            }
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaskCpu(task) => write!(f, "CPU of task {task}"),
            Self::TaskMemory(task) => write!(f, "memory of task {task}"),
            Self::Needed(measure, task) => write!(f, "allocations that the {measure} of task {task} needs"),
            Self::Lately(measure, task) => {
                write!(f, "most allocations that the {measure} of task {task} needed lately")
            }
            Self::Expected(measure, task) => {
                write!(f, "allocations that the {measure} of task {task} is expected to need")
            }
            Self::Count => f.write_str("count"),
            Self::Desired => f.write_str("desired capacity"),
            Self::Waiting => f.write_str("allocations that wait for room"),
            Self::PoolCpu => f.write_str("CPU used"),
            Self::PoolMemory => f.write_str("memory used"),
            Self::RemainingCpu => f.write_str("CPU used on the remaining nodes"),
            Self::RemainingMemory => f.write_str("memory used on the remaining nodes"),
        }
    }
}

/// How the number was held against the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Number > limit.
    Above,
    /// Number < limit.
    Below,
    /// Number ≥ limit.
    AtLeast,
}

/// One comparison: the rule, the number, the limit, and whether the relation holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule that asks for it.
    pub rule: Rule,
    /// What was compared.
    pub quantity: Quantity,
    /// The number, in the quantity's unit. Without end where it is a share of nothing, which JSON writes as `null`.
    #[serde(deserialize_with = "number_or_null")]
    pub measured: f64,
    /// How it was held against the limit.
    pub relation: Relation,
    /// The limit, in the quantity's unit.
    #[serde(deserialize_with = "number_or_null")]
    pub limit: f64,
    /// Whether the relation holds.
    pub holds: bool,
}

fn number_or_null<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or(f64::INFINITY))
}

impl Finding {
    /// How far the number is from the limit: positive above it, negative below.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.measured - self.limit
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match (self.relation, self.holds) {
            (Relation::Above, true) => ">",
            (Relation::Above, false) => "≤",
            (Relation::Below, true) | (Relation::AtLeast, false) => "<",
            (Relation::Below, false) | (Relation::AtLeast, true) => "≥",
        };
        let unit = self.quantity.unit();
        let quantity = &self.quantity;
        let rule = self.rule;
        let (measured, limit) = (Rounded(self.measured).to_string(), Rounded(self.limit).to_string());
        if measured == limit && self.margin() != 0.0 {
            // So close that rounding would hide which way.
            let limit = if Rounded(self.limit).is_exact() { limit } else { format!("{:.4}", self.limit) };
            return write!(f, "{quantity} {:.4}{unit} {relation} {limit}{unit} ({rule:?})", self.measured);
        }
        write!(f, "{quantity} {measured}{unit} {relation} {limit}{unit} ({rule:?})")
    }
}

/// A number with one decimal, and none where it is whole.
struct Rounded(f64);

impl Rounded {
    fn tenths(&self) -> f64 {
        (self.0 * 10.0).round() / 10.0
    }

    /// Whether nothing is lost.
    fn is_exact(&self) -> bool {
        (self.tenths() - self.0).abs() < 1e-9
    }
}

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.tenths();
        if tenths.fract() == 0.0 { write!(f, "{tenths:.0}") } else { write!(f, "{tenths:.1}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j8_a_finding_reads_as_a_sentence() {
        let mut finding = Finding {
            rule: Rule::J8,
            quantity: Quantity::TaskCpu("nginx".into()),
            measured: 91.25,
            relation: Relation::Above,
            limit: 80.0,
            holds: true,
        };
        assert_eq!(finding.to_string(), "CPU of task nginx 91.3 % > 80 % (J8)");
        assert!((finding.margin() - 11.25).abs() < 1e-9);
        finding.measured = 80.0125;
        assert_eq!(finding.to_string(), "CPU of task nginx 80.0125 % > 80 % (J8)", "not 80 > 80");
        (finding.measured, finding.limit) = (11.583, 11.55);
        assert_eq!(finding.to_string(), "CPU of task nginx 11.5830 % > 11.5500 % (J8)", "not 11.5830 > 11.6");
        finding.holds = false;
        assert!(finding.to_string().contains('≤'));
    }
}
