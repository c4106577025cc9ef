//! Reads JSON, with the line of every key.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::entry::{Entry, Invalid, Value, line_of};

/// The entries of a JSON text.
///
/// # Errors
///
/// When it is not a JSON object. The message shows nothing of the text: it may hold a secret.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, Invalid> {
    let object: Object<'_> = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    entries(text, object)
}

/// An object whose values are still text, so that they know where they stand.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Deserialize<'a> for Object<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'a> Visitor<'a> for Pairs {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Object<'a>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<Cow<'a, str>, &'a RawValue>()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

fn entries(text: &str, object: Object<'_>) -> Result<Vec<Entry>, Invalid> {
    let entry = |(key, raw): (Cow<'_, str>, &RawValue)| {
        Ok(Entry { key: key.into_owned(), value: value(text, raw)?, line: line_of(text, offset(text, raw)) })
    };
    object.0.into_iter().map(entry).collect()
}

fn value(text: &str, raw: &RawValue) -> Result<Value, Invalid> {
    let json = raw.get();
    let again = |error: serde_json::Error| Invalid {
        line: line_of(text, offset(text, raw)) + error.line().saturating_sub(1),
        problem: invalid(&error).problem,
    };
    Ok(match json.as_bytes().first() {
        Some(b'{') => Value::Block(entries(text, serde_json::from_str(json).map_err(again)?)?),
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(again)?;
            Value::list(elements.into_iter().map(|element| value(text, element)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Scalar(serde_json::from_str(json).map_err(again)?),
        Some(b'n') => Value::Odd("null"),
        _ => Value::Scalar(json.to_owned()),
    })
}

/// Where a piece of a text begins in it.
fn offset(text: &str, raw: &RawValue) -> usize {
    (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// serde's message without the value that it may show.
fn invalid(error: &serde_json::Error) -> Invalid {
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "an object is expected",
        _ => "it is not JSON from here",
    };
    Invalid { line: error.line().max(1), problem: format!("{problem} (column {})", error.column()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(key: &str, value: &str, line: usize) -> Entry {
        Entry { key: key.into(), value: Value::Scalar(value.into()), line }
    }

    #[test]
    fn c4_entries_keep_their_lines() {
        let text = "{\n  \"consul\": \"a\\/b\\u00e9\",\n  \"telemetry\": [\n    {\"statsd_address\": \"s:1\"}\n  ],\n  \"job_scaling_interval\": 30,\n  \"job_scaling_disable\": true\n}\n";
        let expected = vec![
            scalar("consul", "a/bé", 2),
            Entry { key: "telemetry".into(), value: Value::Block(vec![scalar("statsd_address", "s:1", 4)]), line: 3 },
            scalar("job_scaling_interval", "30", 6),
            scalar("job_scaling_disable", "true", 7),
        ];
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn c10_what_is_not_json_is_named_by_its_line_and_never_shown() {
        for (text, line) in [("{\n \"consul_token\": hunter2\n}", 2), ("{\n\"a\": \"hunter2\"", 2), ("[]", 1), ("", 1)]
        {
            let error = read(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(!error.problem.contains("hunter2"), "{}", error.problem);
        }
    }
}
