//! Values with a notation of their own. Each checks itself while it is read, so that errors point at it.

use std::fmt;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::kernel::time::Millis;
use crate::plan::Delay;

/// The longest span that is taken seriously.
const LONGEST: Millis = Millis::secs(400 * 86_400);

/// A span of time, written as `90s`, `10m`, `1h 30m`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Millis);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a span of time in quotes, such as \"90s\", \"10m\", \"1h 30m\" or \"2d\", at most 400 days",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                humantime::parse_duration(text)
                    .ok()
                    .map(Millis::from)
                    .filter(|span| *span <= LONGEST)
                    .map(Span)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A number that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Amount(pub(super) f64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if (0.0..=1e12).contains(&number) {
            Ok(Self(number))
        } else {
            Err(D::Error::invalid_value(Unexpected::Float(number), &"a number from 0 to 1e12"))
        }
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a span (\"90s\"), or { min, max }, or { median, p95 }")]
        enum Written {
            Constant(Span),
            Uniform(Uniform),
            LogNormal(LogNormal),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Uniform {
            min: Span,
            max: Span,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct LogNormal {
            median: Span,
            p95: Span,
        }
        match Written::deserialize(deserializer)? {
            Written::Constant(Span(span)) => Ok(Self::Constant(span)),
            Written::Uniform(Uniform { min: Span(min), max: Span(max) }) if min <= max => {
                Ok(Self::Uniform { min, max })
            }
            Written::LogNormal(LogNormal { median: Span(median), p95: Span(p95) })
                if median > Millis(0) && median <= p95 =>
            {
                Ok(Self::LogNormal { median, p95 })
            }
            Written::Uniform(_) => Err(D::Error::custom("min must be at most max")),
            Written::LogNormal(_) => Err(D::Error::custom("median must be above 0 and at most p95")),
        }
    }
}

/// A shape of load over time. The shapes of one resource are added up; noise and scale then multiply the sum.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WrittenShape {
    Constant(Amount),
    Step(WrittenStep),
    Ramp(WrittenRamp),
    Spike(WrittenSpike),
    Diurnal(WrittenDiurnal),
    Noise(WrittenNoise),
    Trace(WrittenTrace),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenStep {
    pub(super) at: Span,
    pub(super) by: Amount,
    pub(super) until: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRamp {
    pub(super) from: Span,
    pub(super) to: Span,
    pub(super) by: Amount,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSpike {
    pub(super) at: Span,
    pub(super) by: Amount,
    pub(super) rise: Span,
    pub(super) hold: Span,
    pub(super) fall: Span,
    pub(super) every: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDiurnal {
    pub(super) low: Amount,
    pub(super) high: Amount,
    pub(super) peak_at: Span,
    pub(super) period: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenNoise {
    pub(super) percent: Amount,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenTrace {
    pub(super) file: String,
    pub(super) scale: Option<Amount>,
    pub(super) column: Option<String>,
    #[serde(default)]
    pub(super) repeat: bool,
}
