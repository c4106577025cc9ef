//! Whether a node meets a constraint of a job, as Nomad's scheduler sees it (its book, "constraint Block"). What is not
//! understood here counts as not met: then work is not moved on a guess (P31).

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::domain::{Constraint, Meta, NodeId, Place};

/// What of a node constraints can name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) id: &'a NodeId,
    pub(super) name: &'a str,
    pub(super) meta: &'a Meta,
    pub(super) place: &'a Place,
}

/// Operators that say something about other allocations rather than about the node.
pub(super) fn is_about_others(constraint: &Constraint) -> bool {
    constraint.operator == DISTINCT_HOSTS
}

/// Whether it asks for a node of its own for each allocation.
pub(super) fn wants_distinct_hosts(constraint: &Constraint) -> bool {
    constraint.operator == DISTINCT_HOSTS && !matches!(constraint.right.as_str(), "false" | "0" | "f")
}

const DISTINCT_HOSTS: &str = "distinct_hosts";

impl Named<'_> {
    /// Whether the node meets it.
    pub(super) fn meets(self, constraint: &Constraint) -> bool {
        let (Ok(left), Ok(right)) = (self.resolve(&constraint.left), self.resolve(&constraint.right)) else {
            return false;
        };
        let both = || Some((left.as_deref()?, right.as_deref()?));
        match constraint.operator.as_str() {
            "=" | "==" | "is" | "" => both().is_some_and(|(left, right)| left == right),
            "!=" | "not" => left != right,
            "<" => both().is_some_and(|(left, right)| order(left, right) == Ordering::Less),
            "<=" => both().is_some_and(|(left, right)| order(left, right) != Ordering::Greater),
            ">" => both().is_some_and(|(left, right)| order(left, right) == Ordering::Greater),
            ">=" => both().is_some_and(|(left, right)| order(left, right) != Ordering::Less),
            "is_set" => left.is_some(),
            "is_not_set" => left.is_none(),
            "regexp" => both().is_some_and(|(left, right)| matches_pattern(left, right)),
            "set_contains" | "set_contains_all" => both().is_some_and(|(left, right)| contains_all(left, right)),
            "set_contains_any" => both().is_some_and(|(left, right)| contains_any(left, right)),
            "version" | "semver" => both().is_some_and(|(left, right)| version_meets(left, right)),
            _ => false,
        }
    }

    /// What a side of a constraint stands for on this node: nothing where the node has no such thing, an error where it is
    /// not known what is meant.
    fn resolve<'s>(self, side: &'s str) -> Result<Option<Cow<'s, str>>, ()>
    where
        Self: 's,
    {
        let Some(inner) = side.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            return if side.contains("${") { Err(()) } else { Ok(Some(Cow::Borrowed(side))) };
        };
        let owned = |text: &str| Ok(Some(Cow::Owned(text.to_owned())));
        let non_empty =
            |text: &str| Ok(Some(text).filter(|text| !text.is_empty()).map(|text| Cow::Owned(text.to_owned())));
        match inner {
            "node.unique.id" => owned(self.id.as_str()),
            "node.unique.name" => owned(self.name),
            "node.datacenter" => owned(&self.place.datacenter),
            "node.class" => non_empty(&self.place.class),
            "node.pool" => non_empty(&self.place.node_pool),
            other => {
                let found = if let Some(key) = other.strip_prefix("attr.") {
                    self.place.attributes.get(key)
                } else if let Some(key) = other.strip_prefix("meta.") {
                    self.meta.get(key)
                } else {
                    return Err(());
                };
                Ok(found.map(|value| Cow::Owned(value.clone())))
            }
        }
    }
}

/// Numbers by their value, where both are, and other texts by their letters.
fn order(left: &str, right: &str) -> Ordering {
    if let (Ok(left), Ok(right)) = (left.parse::<i64>(), right.parse::<i64>()) {
        return left.cmp(&right);
    }
    if let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) {
        return left.partial_cmp(&right).unwrap_or(Ordering::Equal);
    }
    left.cmp(right)
}

fn matches_pattern(text: &str, pattern: &str) -> bool {
    regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

fn contains_all(list: &str, wanted: &str) -> bool {
    items(wanted).all(|item| items(list).any(|has| has == item))
}

fn contains_any(list: &str, wanted: &str) -> bool {
    items(wanted).any(|item| items(list).any(|has| has == item))
}

/// A version by its numbers. One with a suffix (`1.2.0-beta`) is not understood: the two operators treat it differently.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let version = version.trim();
    let version = version.strip_prefix('v').unwrap_or(version);
    let mut numbers: Vec<u64> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

/// Whether a version meets all comparisons of a list such as `>= 1.2, < 2.0`.
fn version_meets(version: &str, wanted: &str) -> bool {
    let Some(has) = numbers(version) else { return false };
    items(wanted).all(|comparison| {
        let at = comparison.find(|c: char| c.is_ascii_digit() || c == 'v').unwrap_or(comparison.len());
        let (operator, text) = (comparison[..at].trim(), &comparison[at..]);
        let Some(limit) = numbers(text) else { return false };
        match operator {
            "" | "=" => has == limit,
            "!=" => has != limit,
            ">" => has > limit,
            ">=" => has >= limit,
            "<" => has < limit,
            "<=" => has <= limit,
            "~>" => has >= limit && within_last_part(&has, text),
            _ => false,
        }
    })
}

/// `~> 1.2` takes any 1.x from 1.2 on, `~> 1.2.3` any 1.2.x from 1.2.3 on.
fn within_last_part(has: &[u64], limit: &str) -> bool {
    let written: Vec<u64> =
        limit.trim().trim_start_matches('v').split('.').filter_map(|part| part.parse().ok()).collect();
    let fixed = written.len().saturating_sub(1);
    let part = |index: usize| has.get(index).copied().unwrap_or(0);
    (0..fixed).all(|index| part(index) == written[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::meta;

    fn meets(left: &str, operator: &str, right: &str) -> bool {
        let attributes = meta(&[
            ("cpu.arch", "amd64"),
            ("cpu.numcores", "8"),
            ("kernel.version", "5.15"),
            ("nomad.version", "1.6.3"),
            ("os.version", "22.04-lts"),
            ("driver.docker", "1"),
        ]);
        let place = Place {
            datacenter: "dc1".into(),
            node_pool: "build".into(),
            attributes: attributes.into_iter().collect(),
            ..Place::default()
        };
        let node_meta = meta(&[("rack", "r1"), ("disks", "ssd, nvme")]);
        let id = NodeId::from("4e6b");
        let named = Named { id: &id, name: "client1", meta: &node_meta, place: &place };
        let constraint =
            Constraint { left: left.into(), operator: operator.into(), right: right.into(), of_group: false };
        named.meets(&constraint)
    }

    #[test]
    fn p31_constraints_mean_what_they_mean_to_nomad() {
        let cases = [
            ("${attr.cpu.arch}", "=", "amd64", true),
            ("${attr.cpu.arch}", "is", "arm64", false),
            ("${attr.cpu.arch}", "!=", "arm64", true),
            ("${attr.nothing}", "=", "x", false),
            ("${attr.nothing}", "!=", "x", true),
            ("${attr.cpu.numcores}", ">=", "8", true),
            ("${attr.cpu.numcores}", ">", "10", false),
            ("${attr.kernel.version}", "<", "5.4", true),
            ("${meta.rack}", "regexp", "^r[0-9]+$", true),
            ("${meta.rack}", "regexp", "(", false),
            ("${meta.disks}", "set_contains", "ssd,nvme", true),
            ("${meta.disks}", "set_contains_all", "ssd,tape", false),
            ("${meta.disks}", "set_contains_any", "tape,nvme", true),
            ("${attr.driver.docker}", "is_set", "", true),
            ("${attr.driver.java}", "is_not_set", "", true),
            ("${attr.nomad.version}", "semver", ">= 1.6.0, < 2.0.0", true),
            ("${attr.nomad.version}", "version", "~> 1.6", true),
            ("${attr.nomad.version}", "version", "~> 1.5.0", false),
            ("${attr.nomad.version}", "version", "!= 1.6.3", false),
            ("${attr.os.version}", "version", ">= 20", false),
            ("${node.datacenter}", "=", "dc1", true),
            ("${node.pool}", "=", "build", true),
            ("${node.class}", "=", "", false),
            ("${node.unique.name}", "=", "client1", true),
            ("${node.unique.id}", "=", "4e6b", true),
        ];
        for (left, operator, right, expected) in cases {
            assert_eq!(meets(left, operator, right), expected, "{left} {operator} {right}");
        }
    }

    #[test]
    fn p31_what_is_not_understood_is_not_met() {
        for (left, operator, right) in [
            ("${attr.cpu.arch}", "fancy", "amd64"),
            ("${attr.cpu.arch}", "distinct_property", "2"),
            ("${nonsense}", "!=", "x"),
            ("a${attr.cpu.arch}", "=", "aamd64"),
            ("${attr.nomad.version}", "version", "latest"),
        ] {
            assert!(!meets(left, operator, right), "{left} {operator} {right}");
        }
    }
}
