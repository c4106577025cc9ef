//! How much something is needed, for whose turn it is (J21).

use crate::decide::{Decision, Direction, Step};

/// How much something is needed: the more, the earlier its turn comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::agent) struct Need(pub(super) u32);

impl Need {
    /// Of what is under way already: it goes before whatever begins.
    pub(in crate::agent) const UNDER_WAY: Self = Self(u32::MAX);

    /// Of a step out: by how far the furthest number is over its limit, in thousandths of the limit. A step in can wait.
    pub(in crate::agent) fn of(decision: &Decision) -> Self {
        const MOST: f64 = 1e9;
        if decision.verdict.step().map(Step::direction) != Some(Direction::Out) {
            return Self(0);
        }
        let holding = decision.findings.iter().filter(|finding| finding.holds);
        let share = |finding: &crate::decide::Finding| 1000.0 * finding.measured / finding.limit.abs().max(1.0);
        let most = holding.map(share).filter(|share| share.is_finite()).fold(1.0, f64::max);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a billion")]
        let need = most.min(MOST) as u32;
        Self(need)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Finding, Quantity, Relation, Rule, Verdict};
    use crate::domain::Resource;

    fn decision(from: u32, to: u32, measured: f64) -> Decision {
        let finding = Finding {
            rule: Rule::J8,
            quantity: Quantity::TaskCpu("t".into()),
            measured,
            relation: Relation::Above,
            limit: 80.0,
            holds: true,
        };
        Decision {
            resource: Resource::Pool("p".into()),
            verdict: Verdict::Act(Step { from, to }),
            findings: vec![finding],
            scalein_requests: 0,
            scaleout_requests: 0,
        }
    }

    #[test]
    fn j21_who_is_further_over_the_limit_goes_first_and_what_is_under_way_before_all() {
        let (a_little, a_lot) = (Need::of(&decision(2, 3, 81.0)), Need::of(&decision(2, 3, 300.0)));
        let fewer = Need::of(&decision(3, 2, 300.0));
        assert!(fewer < a_little && a_little < a_lot && a_lot < Need::UNDER_WAY, "{a_little:?} {a_lot:?}");
        assert_eq!(Need::of(&decision(2, 3, f64::INFINITY)), Need(1), "a number without end says nothing");
    }
}
