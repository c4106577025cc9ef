//! How long things take.

use crate::kernel::random::{Stream, scale};
use crate::kernel::time::Millis;

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Millis),
    /// Anything between two spans, equally likely.
    Uniform {
        /// The shortest.
        min: Millis,
        /// The longest.
        max: Millis,
    },
    /// Log-normal, as boot times are: most near the median, some much longer.
    LogNormal {
        /// Half are shorter.
        median: Millis,
        /// 95 % are shorter.
        p95: Millis,
    },
}

impl Delay {
    /// How long something takes this time.
    pub(crate) fn draw(self, stream: &mut Stream) -> Millis {
        match self {
            Self::Constant(span) => span,
            Self::Uniform { min, max } => Millis(min.0 + scale((max - min).0, stream.unit())),
            Self::LogNormal { median, p95 } => {
                // 1.6449 standard deviations above the median lies the 95th percentile of a normal distribution.
                let sigma = libm::log(p95.0 as f64 / median.0 as f64) / 1.644_853_626_951_472_2;
                Millis(scale(median.0, libm::exp(sigma * stream.normal())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::random::Streams;

    #[test]
    fn delays_have_their_distribution() {
        let mut stream = Streams::of(3).boot(0);
        let mut sample = |delay: Delay| {
            let mut drawn: Vec<u64> = (0..2000).map(|_| delay.draw(&mut stream).0).collect();
            drawn.sort_unstable();
            (drawn[0], drawn[1000], drawn[1900], drawn[1999])
        };
        let (min, _, _, max) = sample(Delay::Uniform { min: Millis(100), max: Millis(200) });
        assert!(min >= 100 && max <= 200 && max - min > 90);
        let (_, median, p95, _) = sample(Delay::LogNormal { median: Millis(90_000), p95: Millis(150_000) });
        assert!(median.abs_diff(90_000) < 5_000 && p95.abs_diff(150_000) < 10_000, "{median} {p95}");
        assert_eq!(sample(Delay::Constant(Millis(5))), (5, 5, 5, 5));
    }
}
