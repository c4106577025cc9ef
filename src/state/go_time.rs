//! Times as Go writes them: RFC 3339, where the zero time means "never" (S2).

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

const GO_ZERO_TIME: &str = "0001-01-01T00:00:00Z";

#[allow(clippy::ref_option, reason = "serde's signature")]
pub(super) fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_str(GO_ZERO_TIME),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let time: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
    let zero: Timestamp = GO_ZERO_TIME.parse().map_err(serde::de::Error::custom)?;
    Ok(Some(time).filter(|time| *time > zero))
}
