//! Auto Scaling groups and instances, in the XML of AWS's query protocol, without the envelope around it.
//!
//! - `groups`: Auto Scaling groups, their members and activities; `instances`: those of EC2.

mod groups;
mod instances;

use std::fmt::{Display, Write};

use crate::world::World;

pub(crate) use instances::InstanceFilter;

/// Whose everything is.
const ACCOUNT: &str = "123456789012";
const INSTANCE_TYPE: &str = "m5.large";

/// Why AWS refuses: a code and words.
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) words: String,
}

impl Refused {
    pub(crate) fn invalid(words: impl Into<String>) -> Self {
        Self { status: 400, code: "ValidationError", words: words.into() }
    }
}

/// A part of a list: as many as somebody wants, from where the part before it ended.
pub(crate) struct Part {
    pub(crate) most: usize,
    pub(crate) from: usize,
}

impl Part {
    /// The elements of the part in one tag, and where the next part begins if there is one.
    fn of(&self, tag: &str, elements: Vec<String>) -> (String, Option<usize>) {
        let end = self.from.saturating_add(self.most);
        let more = (end < elements.len()).then_some(end);
        let inner: String = elements.into_iter().skip(self.from).take(self.most).collect();
        (format!("<{tag}>{inner}</{tag}>"), more)
    }
}

/// Text in XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn tag(out: &mut String, name: &str, text: impl Display) {
    // Writing into a string cannot fail.
    write!(out, "<{name}>{}</{name}>", escaped(&text.to_string())).ok();
}

impl World {
    fn pool_number(&self, name: &str, region: &str) -> Option<usize> {
        let here =
            |pool: &crate::plan::PoolPlan| pool.name.as_str() == name && pool.policy.target.region.as_str() == region;
        self.plan.pools.iter().position(here)
    }

    fn pool_or_refuse(&self, name: &str, region: &str) -> Result<usize, Refused> {
        self.pool_number(name, region).ok_or_else(|| Refused::invalid("AutoScalingGroup name not found - null"))
    }

    fn zone_of(&self, instance: usize) -> &str {
        let it = &self.cloud.instances[instance];
        self.plan.pools[it.pool].zones.get(it.zone).map_or("", String::as_str)
    }

    fn region_of(&self, instance: usize) -> &str {
        self.plan.pools[self.cloud.instances[instance].pool].policy.target.region.as_str()
    }
}

/// An identifier of AWS's form: a prefix, and 17 digits of a number.
fn id(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number:017x}")
}
