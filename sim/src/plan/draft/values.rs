//! Values with a notation of their own. Each checks itself while it is read, so that errors point at it.

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kernel::time::Millis;
use crate::plan::Delay;

/// The longest span that is taken seriously.
const LONGEST: Millis = Millis::secs(400 * 86_400);

/// A span of time, written as `90s`, `10m`, `1h 30m`, `2d`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
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

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0.into()))
    }
}

impl From<Millis> for Span {
    fn from(span: Millis) -> Self {
        Self(span)
    }
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self(span.into())
    }
}

impl From<Duration> for Delay {
    /// Always so long.
    fn from(span: Duration) -> Self {
        Self::Constant(span.into())
    }
}

/// The three ways of writing a delay.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a span (\"90s\"), or { min, max }, or { median, p95 }")]
enum Written {
    Constant(Span),
    Uniform(Uniform),
    LogNormal(LogNormal),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Uniform {
    min: Span,
    max: Span,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogNormal {
    median: Span,
    p95: Span,
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let delay = match Written::deserialize(deserializer)? {
            Written::Constant(Span(span)) => Self::Constant(span),
            Written::Uniform(Uniform { min: Span(min), max: Span(max) }) => Self::Uniform { min, max },
            Written::LogNormal(LogNormal { median: Span(median), p95: Span(p95) }) => Self::LogNormal { median, p95 },
        };
        delay.sound().map_err(D::Error::custom)
    }
}

impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match *self {
            Self::Constant(span) => Written::Constant(Span(span)),
            Self::Uniform { min, max } => Written::Uniform(Uniform { min: Span(min), max: Span(max) }),
            Self::LogNormal { median, p95 } => Written::LogNormal(LogNormal { median: Span(median), p95: Span(p95) }),
        };
        written.serialize(serializer)
    }
}

impl Delay {
    /// The same, where it makes sense.
    pub(super) fn sound(self) -> Result<Self, &'static str> {
        match self {
            Self::Uniform { min, max } if min > max => Err("min must be at most max"),
            Self::LogNormal { median, p95 } if median == Millis(0) || median > p95 => {
                Err("median must be above 0 and at most p95")
            }
            sound => Ok(sound),
        }
    }
}
