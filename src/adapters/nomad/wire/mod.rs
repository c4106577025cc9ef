//! Nomad's JSON, translated. Only what is needed is read; what old servers lack has a default. A status that is not
//! known yet is taken for the one that makes us do least. What a zero, an absence, a null or an impossible value does is
//! in the book's chapter "What is believed", field by field.
//!
//! - `job`: jobs in lists and on their pages; `needs`: what a group asks of its node.
//! - `node`: nodes.
//! - `allocation`: allocations in lists, and on pages of their own or of their node.
//! - `statistics`: what an allocation uses.
//! - `deployment`, `evaluation`: what Nomad does about a change.

#![allow(clippy::struct_field_names, reason = "the names are Nomad's")]

mod allocation;
mod deployment;
mod evaluation;
mod job;
mod needs;
mod node;
mod statistics;

pub(super) use allocation::{AllocationPage, AllocationStub, Told, stubs};
pub(super) use deployment::Deployment;
pub(super) use evaluation::{BlockedEvaluation, Evaluation};
pub(super) use job::{Job, JobStub};
pub(super) use node::{INSTANCE_ATTRIBUTE, Node, NodeHead};
pub(super) use statistics::Statistics;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::named::Named;
use crate::adapters::http::Answer;
use crate::domain::{JobKind, Meta, Namespace};
use crate::ports::PortError;

/// Texts by name, of which one may be null: then it is not there.
type Texts = BTreeMap<String, Option<String>>;

/// Translates a list. An entry that makes no sense is named and left out; it never stops the others.
pub(super) fn each<W: DeserializeOwned, T>(
    answer: &Answer,
    named: &Named,
    translate: impl Fn(W) -> Result<T, String>,
) -> Result<Vec<T>, PortError> {
    let left_out = |problem: String| named.left_out(answer.call(), &problem);
    if let Ok(list) = answer.json::<Vec<W>>() {
        return Ok(list.into_iter().filter_map(|entry| translate(entry).map_err(left_out).ok()).collect());
    }
    // Once more, entry by entry, to find the one that is wrong.
    let entries: Vec<Value> = answer.json()?;
    let one_by_one = entries.into_iter().filter_map(|entry| {
        let id = entry.get("ID").and_then(Value::as_str).unwrap_or("without an ID").to_owned();
        let read = serde_json::from_value(entry).map_err(|error| format!("{id}: {error}"));
        read.and_then(&translate).map_err(left_out).ok()
    });
    Ok(one_by_one.collect())
}

fn id_of(id: Option<String>) -> Result<String, String> {
    text(id).ok_or_else(|| "it has no ID".to_owned())
}

/// A text, unless it is empty: Go writes what is not there so.
fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn meta(texts: Option<Texts>) -> Meta {
    texts.into_iter().flatten().filter_map(|(name, text)| Some((name, text?))).collect()
}

fn namespace(name: Option<String>, default: &Namespace) -> Namespace {
    text(name).map_or_else(|| default.clone(), Namespace::from)
}

fn kind_of_job(text: Option<&str>) -> Result<JobKind, String> {
    match text.unwrap_or_default() {
        "service" => Ok(JobKind::Service),
        "batch" => Ok(JobKind::Batch),
        "system" => Ok(JobKind::System),
        "sysbatch" => Ok(JobKind::Sysbatch),
        other => Err(format!("job type {other:?} is not known")),
    }
}
