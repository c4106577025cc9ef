//! What happens when: an event heap. Of two things at the same moment, the one that was scheduled first goes first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::time::Millis;

/// The heap.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    pushed: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Millis,
    number: u64,
    happening: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), pushed: 0 }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, at: Millis, happening: T) {
        self.heap.push(Reverse(Entry { at, number: self.pushed, happening }));
        self.pushed += 1;
    }

    /// When the next thing happens, if it does by `end`.
    pub(crate) fn next_until(&self, end: Millis) -> Option<Millis> {
        Some(self.heap.peek()?.0.at).filter(|at| *at <= end)
    }

    /// The next thing that happens, if it does by `end`.
    pub(crate) fn pop_until(&mut self, end: Millis) -> Option<(Millis, T)> {
        self.next_until(end)?;
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.happening))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_time_and_then_by_the_order_of_scheduling() {
        let mut queue = Queue::default();
        for (at, number) in [(5, 0), (3, 1), (5, 2), (3, 3), (9, 4)] {
            queue.push(Millis(at), number);
        }
        let mut order = Vec::new();
        while let Some((at, number)) = queue.pop_until(Millis(8)) {
            order.push((at.0, number));
        }
        assert_eq!(order, [(3, 1), (3, 3), (5, 0), (5, 2)], "and nothing after the end");
    }
}
