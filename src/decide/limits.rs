//! What an operator allows of all pools together (P37): how many nodes, how many removals in an hour, what they may cost.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Direction, Step, Stop};
use crate::domain::Price;

/// The limits over all pools; what is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The most nodes.
    pub nodes: Option<u32>,
    /// The most scale-ins that begin within an hour.
    pub removals_per_hour: Option<u32>,
    /// The most that the nodes may cost in an hour, by their pools' `replicator_price`.
    pub cost_per_hour: Option<Price>,
}

impl Limits {
    /// Whether there is any.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

/// All pools together, as they are about to be, and what is allowed of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// What is allowed.
    pub limits: Limits,
    /// How many nodes all pools want by now, steps under way included.
    pub nodes: u32,
    /// How many scale-ins began within the last hour.
    pub removals: u32,
    /// What those nodes cost in an hour.
    pub cost: Price,
    /// What one more of this pool costs in an hour.
    pub price: Price,
}

/// A limit that a step would go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// The number of nodes.
    Nodes {
        /// How many there would be.
        would: u32,
        /// The limit.
        most: u32,
    },
    /// The number of removals in an hour.
    Removals {
        /// How many there were within the last hour.
        were: u32,
        /// The limit.
        most: u32,
    },
    /// The cost of an hour.
    Cost {
        /// What it would be.
        would: Price,
        /// The limit.
        most: Price,
    },
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes { would, most } => write!(f, "all pools together would have {would} nodes, {most} are allowed"),
            Self::Removals { were, most } => {
                write!(f, "{were} nodes were taken out within the last hour, {most} are allowed")
            }
            Self::Cost { would, most } => {
                write!(f, "all pools together would cost {would} an hour, {most} is allowed")
            }
        }
    }
}

impl Fleet {
    /// The limits that a step would go beyond.
    pub(super) fn stops(&self, step: Step) -> impl Iterator<Item = Stop> {
        let more = step.to.saturating_sub(step.from);
        let (nodes, cost) = (self.nodes.saturating_add(more), self.cost + self.price * more);
        let Limits { nodes: most_nodes, removals_per_hour, cost_per_hour } = self.limits;
        let reached = match step.direction() {
            Direction::Out => [
                most_nodes.filter(|most| nodes > *most).map(|most| Limited::Nodes { would: nodes, most }),
                cost_per_hour
                    .filter(|most| self.price > Price::default() && cost > *most)
                    .map(|most| Limited::Cost { would: cost, most }),
            ],
            Direction::In => {
                let were = self.removals;
                [removals_per_hour.filter(|most| were >= *most).map(|most| Limited::Removals { were, most }), None]
            }
        };
        reached.into_iter().flatten().map(|limited| Stop::Limited { limited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(fleet: Fleet, from: u32, to: u32) -> Vec<String> {
        fleet.stops(Step { from, to }).map(|stop| stop.to_string()).collect()
    }

    #[test]
    fn p37_a_step_beyond_a_limit_is_stopped_with_its_numbers() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let limits = Limits { nodes: Some(10), removals_per_hour: Some(2), cost_per_hour: Some(price("1")) };
        let fleet = Fleet { limits, nodes: 9, removals: 1, cost: price("0.9"), price: price("0.1") };
        assert_eq!(words(fleet, 3, 4), [""; 0], "just within both");
        assert_eq!(words(fleet, 4, 3), [""; 0]);
        assert_eq!(
            words(Fleet { nodes: 10, cost: price("0.95"), ..fleet }, 3, 4),
            [
                "all pools together would have 11 nodes, 10 are allowed (P37)",
                "all pools together would cost 1.05 an hour, 1 is allowed (P37)"
            ]
        );
        assert_eq!(words(fleet, 3, 5).len(), 2, "however many at once");
        assert_eq!(
            words(Fleet { removals: 2, ..fleet }, 4, 3),
            ["2 nodes were taken out within the last hour, 2 are allowed (P37)"]
        );
        let over = Fleet { nodes: 99, cost: price("99"), removals: 99, ..fleet };
        assert_eq!(words(Fleet { limits: Limits::default(), ..over }, 3, 4), [""; 0], "no limit, nothing to stop");
        assert_eq!(
            words(Fleet { price: Price::default(), nodes: 1, ..over }, 3, 4),
            [""; 0],
            "what costs nothing may come"
        );
        assert_eq!(words(Fleet { removals: 0, ..over }, 4, 3), [""; 0], "who is over a limit may always shrink");
    }
}
