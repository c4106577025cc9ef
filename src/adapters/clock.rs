//! Time: tokio's clock for what is monotonic, the machine's for the date.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::Monotonic;
use crate::ports::Clock;

/// The time of the machine.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    start: Instant,
}

impl TokioClock {
    /// A clock whose monotonic readings count from now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for TokioClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port that gives the core its wall time")]
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::at(self.start.elapsed())
    }

    async fn sleep_until(&self, deadline: Monotonic) {
        // Far beyond any sleep of ours, and within what an Instant can hold.
        let span = deadline.since_start().min(Duration::from_hours(24 * 365 * 100));
        tokio::time::sleep_until(self.start + span).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleeps_until_its_own_reading() {
        let clock = TokioClock::start();
        let began = clock.monotonic();
        clock.sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.monotonic().since(began), Duration::from_secs(90));
        clock.sleep_until(Monotonic::at(Duration::from_secs(1))).await;
        assert_eq!(clock.monotonic().since(began), Duration::from_secs(90), "what is past is not waited for");
    }
}
