//! When an answer is odd: each kind of oddity has its times, and in them strikes some of the answers.

use std::ops::Range;

use crate::kernel::random::Stream;
use crate::kernel::time::Millis;
use crate::plan::{OddKind, OddPlan};

/// How many times a kind of oddity has.
const TIMES: Range<u64> = 1..5;
/// How long each is, in seconds.
const LENGTH: Range<u64> = 20..900;

/// The oddities that one agent meets.
pub struct Oddities {
    share: f64,
    times: Vec<(OddKind, Range<Millis>)>,
    stream: Stream,
}

impl Oddities {
    pub(crate) fn of(plan: &OddPlan, mut stream: Stream) -> Self {
        let mut times = Vec::new();
        for kind in &plan.kinds {
            for _ in 0..stream.within(TIMES) {
                let from = Millis(stream.within(0..plan.until.0));
                let to = from + Millis::secs(stream.within(LENGTH));
                times.push((*kind, from..to.min(plan.until)));
            }
        }
        Self { share: plan.share, times, stream }
    }

    /// Whether an answer given now is odd in that way.
    pub(super) fn strike(&mut self, kind: OddKind, now: Millis) -> bool {
        self.times.iter().any(|(of, time)| *of == kind && time.contains(&now)) && self.stream.chance(self.share)
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.stream.chance(share)
    }

    pub(super) fn number(&mut self, range: Range<u64>) -> u64 {
        self.stream.within(range)
    }

    pub(super) fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        self.stream.pick(of)
    }

    /// An index into so many.
    pub(super) fn index(&mut self, of: usize) -> usize {
        usize::try_from(self.stream.within(0..of as u64)).unwrap_or(0)
    }
}
