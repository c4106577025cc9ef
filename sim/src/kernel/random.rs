//! Randomness: ChaCha streams derived from the scenario's seed, one a subsystem, so that drawing more in one does not
//! change what another draws.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The streams of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self { seed }
    }

    /// The noise on a group's load.
    pub(crate) fn load(self, group: usize) -> Stream {
        self.stream(1, group)
    }

    /// Launch and boot delays of a pool.
    pub(crate) fn boot(self, pool: usize) -> Stream {
        self.stream(2, pool)
    }

    /// Start delays and run times of a group's allocations.
    pub(crate) fn start(self, group: usize) -> Stream {
        self.stream(3, group)
    }

    /// When Nomad misses the heartbeats of a node.
    pub(crate) fn heartbeat(self) -> Stream {
        self.stream(4, 0)
    }

    /// How long Consul keeps a session beyond its TTL.
    pub(crate) fn session(self) -> Stream {
        self.stream(5, 0)
    }

    /// What an agent is told beside the truth.
    pub(crate) fn odd(self, agent: usize) -> Stream {
        self.stream(6, agent)
    }

    /// What a scenario that is made up is like.
    pub(crate) fn hunt(self) -> Stream {
        self.stream(7, 0)
    }

    /// By which strategies the groups of a scenario that is made up are scaled.
    pub(crate) fn strategies(self) -> Stream {
        self.stream(8, 0)
    }

    fn stream(self, subsystem: u64, index: usize) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((subsystem << 32) | index as u64);
        Stream { rng }
    }
}

/// One stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// From 0, inclusive, to 1, exclusive.
    pub(crate) fn unit(&mut self) -> f64 {
        // The 53 bits that a double holds exactly.
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something comes about that does so in this share of the cases.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A whole number of a range, its end excluded; its start where it is empty.
    pub(crate) fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + scale(range.end.saturating_sub(range.start), self.unit())
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(usize::try_from(self.within(0..of.len() as u64)).unwrap_or(0))
    }

    /// A standard normal deviate, by Box and Muller's transform.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

/// A share, or a multiple, of a span.
pub(crate) fn scale(span: u64, factor: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates; spans are positive")]
    let scaled = (span as f64 * factor) as u64;
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_independent_and_repeatable() {
        let draw = |mut stream: Stream| (0..4).map(|_| stream.rng.next_u64()).collect::<Vec<_>>();
        assert_eq!(draw(Streams::of(7).load(1)), draw(Streams::of(7).load(1)));
        assert_ne!(draw(Streams::of(7).load(1)), draw(Streams::of(7).load(2)));
        assert_ne!(draw(Streams::of(7).load(1)), draw(Streams::of(7).boot(1)));
        assert_ne!(draw(Streams::of(7).load(1)), draw(Streams::of(8).load(1)));
    }
}
