//! The policies that stand in a file, and where: in job files, in the configuration of Nomad clients, in blocks by
//! themselves, and in the JSON of a job or of a pool's policy.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, Body};
use serde_json::Value;

use crate::config::line_of;
use crate::domain::Meta;
use crate::policy::{KEY_PREFIX, POOL_KEY};

/// What a file holds.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    /// A job, a client's configuration, or a block of meta.
    Policies(Vec<Written>),
    /// The policy of a pool, as Consul is to hold it.
    StoredPolicy,
    /// Neither HCL nor JSON.
    Unreadable {
        /// From 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// Something else: an agent's configuration, most likely.
    Other,
}

/// Whose policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    Pool,
}

/// A policy as it is written.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    pub(super) kind: Kind,
    /// Whose, in words.
    pub(super) about: String,
    /// Where its block begins; 0 where nobody can tell.
    pub(super) line: usize,
    /// Keys with their values and lines.
    keys: BTreeMap<String, (String, usize)>,
    /// Keys whose values depend on something else, and their lines.
    pub(super) unknown_values: Vec<(String, usize)>,
    /// Why nothing of the job is ever scaled.
    pub(super) never_scaled: Option<String>,
}

impl Written {
    pub(super) fn meta(&self) -> Meta {
        self.keys.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    /// Where a key stands; where it doesn't, where the block begins.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.keys.get(key).map_or(self.line, |(_, line)| *line)
    }
}

pub(super) fn read(text: &str) -> Content {
    if text.trim_start().starts_with('{') {
        return of_json(text);
    }
    match hcl_edit::parser::parse_body(text) {
        Ok(body) => of_hcl(text, &body),
        Err(error) => Content::Unreadable { line: error.location().line(), problem: error.message().to_owned() },
    }
}

fn of_json(text: &str) -> Content {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return Content::Unreadable { line: error.line(), problem: error.to_string() },
    };
    let job = value.get("Job").unwrap_or(&value);
    if let Some(groups) = job.get("TaskGroups") {
        let name = text_of(job.get("ID")).or_else(|| text_of(job.get("Name"))).unwrap_or_default();
        let kind = text_of(job.get("Type")).unwrap_or_else(|| "service".to_owned());
        let groups = groups.as_array().map(Vec::as_slice).unwrap_or_default();
        let policies = groups.iter().filter_map(|group| of_json_group(&name, &kind, group)).collect();
        return Content::Policies(policies);
    }
    let is_policy = value.as_object().is_some_and(|object| object.keys().any(|key| key.starts_with(KEY_PREFIX)));
    if is_policy { Content::StoredPolicy } else { Content::Other }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn of_json_group(job: &str, kind: &str, group: &Value) -> Option<Written> {
    let about = format!("job {job}, group {}", text_of(group.get("Name")).unwrap_or_default());
    let mut written = Written {
        kind: Kind::Group,
        about,
        line: 0,
        keys: BTreeMap::new(),
        unknown_values: vec![],
        never_scaled: never_scaled(kind),
    };
    for (key, value) in group.get("Meta").and_then(Value::as_object)? {
        match value {
            Value::String(text) => drop(written.keys.insert(key.clone(), (text.clone(), 0))),
            Value::Number(_) | Value::Bool(_) => drop(written.keys.insert(key.clone(), (value.to_string(), 0))),
            _ => written.unknown_values.push((key.clone(), 0)),
        }
    }
    written.has_ours().then_some(written)
}

/// Only service jobs are scaled (J4).
fn never_scaled(kind: &str) -> Option<String> {
    (kind != "service").then(|| format!("a job of type {kind} is never scaled; only service jobs are"))
}

impl Written {
    fn has_ours(&self) -> bool {
        let unknown = self.unknown_values.iter().map(|(key, _)| key);
        self.keys.keys().chain(unknown).any(|key| key.starts_with(KEY_PREFIX))
    }
}

fn of_hcl(text: &str, body: &Body) -> Content {
    let mut policies = Vec::new();
    let mut is_known = false;
    for job in body.get_blocks("job") {
        is_known = true;
        let name = label(job);
        let kind = literal(job.body.get_attribute("type").map(|it| &it.value)).unwrap_or_else(|| "service".to_owned());
        for group in job.body.get_blocks("group") {
            let about = format!("job {name}, group {}", label(group));
            policies.extend(
                metas(text, &group.body)
                    .map(|(line, meta)| written(Kind::Group, about.clone(), line, meta, never_scaled(&kind))),
            );
        }
    }
    for client in body.get_blocks("client") {
        is_known = true;
        let of_client = metas(text, &client.body);
        policies.extend(of_client.map(|(line, meta)| written(Kind::Pool, "client".to_owned(), line, meta, None)));
    }
    // A block by itself, as `replicator init` writes it: its keys tell what it is for.
    for (line, meta) in metas(text, body) {
        is_known = true;
        let names_a_pool = meta.iter().any(|(key, ..)| key == POOL_KEY);
        let kind = if names_a_pool { Kind::Pool } else { Kind::Group };
        policies.push(written(kind, "meta".to_owned(), line, meta, None));
    }
    policies.retain(Written::has_ours);
    if is_known { Content::Policies(policies) } else { Content::Other }
}

fn label(block: &Block) -> String {
    block.labels.first().map(|label| label.as_str().to_owned()).unwrap_or_default()
}

/// A key, its value, and where it stands.
type Pair<'a> = (String, &'a Expression, usize);

/// The blocks and attributes `meta` of a body, and where each begins.
fn metas<'a>(text: &'a str, body: &'a Body) -> impl Iterator<Item = (usize, Vec<Pair<'a>>)> {
    let blocks = body.get_blocks("meta").map(move |block| {
        let pairs = block.body.attributes().map(|attribute| {
            let line = line(text, attribute.key.span().or(attribute.span()));
            (attribute.key.to_string(), &attribute.value, line)
        });
        (line(text, block.ident.span().or(block.span())), pairs.collect())
    });
    let attributes = body.get_attribute("meta").into_iter().filter_map(move |attribute| {
        let Expression::Object(object) = &attribute.value else { return None };
        let pairs = object.iter().filter_map(|(key, value)| {
            let name = match key {
                ObjectKey::Ident(ident) => ident.to_string(),
                ObjectKey::Expression(expression) => literal(Some(expression))?,
            };
            Some((name, value.expr(), line(text, key.span())))
        });
        Some((line(text, attribute.key.span()), pairs.collect()))
    });
    blocks.chain(attributes)
}

fn line(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    line_of(text, span.map_or(0, |span| span.start))
}

/// A value that is written out.
fn literal(expression: Option<&Expression>) -> Option<String> {
    match expression? {
        Expression::String(value) => Some(value.to_string()),
        Expression::Number(value) => Some(value.to_string()),
        Expression::Bool(value) => Some(value.to_string()),
        Expression::Parenthesis(inner) => literal(Some(inner.inner())),
        _ => None,
    }
}

fn written(kind: Kind, about: String, line: usize, pairs: Vec<Pair<'_>>, never_scaled: Option<String>) -> Written {
    let (mut keys, mut unknown_values) = (BTreeMap::new(), Vec::new());
    for (key, value, line) in pairs {
        match literal(Some(value)) {
            Some(value) => drop(keys.insert(key, (value, line))),
            None if key.starts_with(KEY_PREFIX) => unknown_values.push((key, line)),
            None => {}
        }
    }
    Written { kind, about, line, keys, unknown_values, never_scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = r#"
variable "most" { default = 3 }

job "web" {
  type = "service"
  group "front" {
    count = 2
    meta {
      replicator_enabled = true
      replicator_min     = 1
      team               = var.team
    }
  }
  group "back" {
    meta = {
      "replicator_enabled" = "true"
      replicator_max = var.most
    }
  }
  group "other" {}
}

job "nightly" {
  type = "batch"
  group "run" {
    meta { replicator_enabled = "true" }
  }
}
"#;

    fn policies(text: &str) -> Vec<Written> {
        match read(text) {
            Content::Policies(policies) => policies,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn j1_the_groups_of_a_job_file_are_found_with_their_lines() {
        let found = policies(JOB);
        let about: Vec<(&str, usize)> = found.iter().map(|it| (it.about.as_str(), it.line)).collect();
        assert_eq!(about, [("job web, group front", 8), ("job web, group back", 15), ("job nightly, group run", 26)]);
        let front = &found[0];
        assert_eq!(
            front.meta(),
            Meta::from([("replicator_enabled".into(), "true".into()), ("replicator_min".into(), "1".into())])
        );
        assert_eq!((front.line_of("replicator_min"), front.line_of("replicator_max")), (10, 8));
        assert!(front.unknown_values.is_empty(), "what is not ours may be anything");
        assert_eq!(found[1].unknown_values, [("replicator_max".to_owned(), 17)]);
        assert!(found[2].never_scaled.as_ref().unwrap().contains("batch"));
    }

    #[test]
    fn p2_clients_and_blocks_by_themselves_are_told_apart() {
        let client = "client {\n  enabled = true\n  meta {\n    replicator_worker_pool = \"workers\"\n  }\n}\n";
        let found = policies(client);
        assert_eq!((found[0].kind, found[0].line), (Kind::Pool, 3));
        for (text, kind) in [
            (include_str!("../examples/cluster_scaling.hcl"), Kind::Pool),
            (include_str!("../examples/job_scaling.hcl"), Kind::Group),
        ] {
            assert_eq!(policies(text)[0].kind, kind);
        }
        assert_eq!(read("consul = \"localhost:8500\"\n"), Content::Other);
        assert!(matches!(read("job \"web\" {\n  group\n"), Content::Unreadable { .. }));
    }

    #[test]
    fn p3_json_is_a_job_a_pools_policy_or_a_configuration() {
        let job = r#"{"Job": {"ID": "web", "Type": "service", "TaskGroups": [
            {"Name": "front", "Meta": {"replicator_enabled": "true"}}, {"Name": "back", "Meta": null}]}}"#;
        let found = policies(job);
        assert_eq!((found.len(), found[0].about.as_str(), found[0].line), (1, "job web, group front", 0));
        assert_eq!(read(r#"{"replicator_enabled": true}"#), Content::StoredPolicy);
        assert_eq!(read(r#"{"consul": "localhost:8500"}"#), Content::Other);
        assert!(matches!(read("{\n\"a\": }"), Content::Unreadable { line: 2, .. }));
    }
}
