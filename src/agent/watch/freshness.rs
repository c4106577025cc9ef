//! How old each view is: rule S4. A view that was not answered for longer than its deadline is not current, whatever it
//! last said.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::tell::Feed;
use crate::domain::Monotonic;

/// How long an answer counts: a blocking query waits for a minute, and its answer may take some time.
pub(super) const DEADLINE: Duration = Duration::from_secs(85);

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// When it was last answered, if it ever was.
    answered: Option<Monotonic>,
    /// Whether the last question was answered, whole.
    whole: bool,
    /// Whether it was told that it is not current.
    told: bool,
}

/// When each view was last answered.
#[derive(Debug, Default)]
pub(super) struct Freshness {
    feeds: BTreeMap<Feed, Seen>,
}

impl Freshness {
    /// Notes that a question was answered, or not. Whether that is news: a first failure is, a first answer is none.
    pub(super) fn mark(&mut self, feed: Feed, answered: bool, now: Monotonic) -> bool {
        let seen = self.feeds.entry(feed).or_insert(Seen { answered: None, whole: true, told: false });
        let news = seen.told == answered;
        seen.whole = answered;
        seen.told = !answered;
        if answered {
            seen.answered = Some(now);
        }
        news
    }

    /// Whether a view is current.
    pub(super) fn is_current(&self, feed: Feed, now: Monotonic) -> bool {
        let answered = |seen: &Seen| seen.answered.is_some_and(|answered| now.since(answered) <= DEADLINE);
        self.feeds.get(&feed).is_some_and(|seen| seen.whole && answered(seen))
    }

    /// Views that have become too old in silence, each told once, with how old they are.
    pub(super) fn grown_old(&mut self, now: Monotonic) -> Vec<(Feed, Duration)> {
        let mut old = Vec::new();
        for (feed, seen) in &mut self.feeds {
            let age = seen.answered.map(|answered| now.since(answered)).filter(|age| *age > DEADLINE);
            if let Some(age) = age.filter(|_| !seen.told) {
                seen.told = true;
                old.push((*feed, age));
            }
        }
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn s4_s11_a_view_that_is_not_current_is_told_once() {
        let mut freshness = Freshness::default();
        assert!(!freshness.is_current(Feed::Jobs, at(0)), "nothing was heard yet");
        assert!(!freshness.mark(Feed::Jobs, true, at(1)), "the first answer is no news");
        assert!(freshness.is_current(Feed::Jobs, at(1)));
        assert!(freshness.mark(Feed::Jobs, false, at(2)));
        assert!(!freshness.mark(Feed::Jobs, false, at(3)));
        assert!(!freshness.is_current(Feed::Jobs, at(3)));
        assert!(freshness.mark(Feed::Jobs, true, at(4)));
        assert!(freshness.mark(Feed::Nodes, false, at(4)), "a first failure is news");
    }

    #[test]
    fn s4_a_view_grows_old_by_itself() {
        let mut freshness = Freshness::default();
        freshness.mark(Feed::Nodes, true, at(100));
        let late = 100 + DEADLINE.as_secs();
        assert!(freshness.is_current(Feed::Nodes, at(late)));
        assert_eq!(freshness.grown_old(at(late)), []);
        assert!(!freshness.is_current(Feed::Nodes, at(late + 1)), "a connection that hangs says nothing");
        assert_eq!(freshness.grown_old(at(late + 1)), [(Feed::Nodes, DEADLINE + Duration::from_secs(1))]);
        assert_eq!(freshness.grown_old(at(late + 9)), [], "told once");
        assert!(freshness.mark(Feed::Nodes, true, at(late + 10)), "and that it is current again");
    }
}
