//! Nomad's pages, one file a noun: `jobs`, `scaling`, `nodes`, `allocations`, `statistics`, `deployments`, `evaluations`,
//! `clients`, `pools`, `statuses`.
//! Each is written as Nomad 1.1 has it; `modern` makes it one of 2.0, where `version` says so.

mod allocations;
mod clients;
mod deployments;
mod evaluations;
mod jobs;
mod modern;
mod nodes;
mod pools;
mod scaling;
mod statistics;
mod statuses;
mod version;

use serde_json::{Map, Value};

use crate::kernel::time::Millis;
use crate::world::nomad::number_of;
use crate::world::{Topic, World};

pub(crate) use allocations::Extra;
pub(crate) use pools::{POOLS_INDEX, node_pool_page, node_pools_page};
pub use version::{NomadVersion, UnknownVersion};

/// How long what has ended is listed, until Nomad would collect it as garbage.
const LISTED_FOR: Millis = Millis::secs(3600);

impl World {
    /// The index of the last change of a table; blocking queries wait for it to move.
    pub(crate) fn nomad_index(&self, topic: Topic) -> u64 {
        let indexes = &self.nomad.indexes;
        match topic {
            Topic::Jobs => indexes.jobs,
            Topic::Nodes => indexes.nodes,
            Topic::Allocations => indexes.allocations,
            Topic::Deployments => indexes.deployments,
            Topic::Evaluations => indexes.evaluations,
            Topic::Stream => self.nomad.index,
            Topic::Consul => self.consul.index,
        }
    }

    /// Whether something that ended then, or has not ended, is listed still.
    fn is_listed(&self, ended: Option<Millis>) -> bool {
        ended.is_none_or(|ended| self.now < ended + LISTED_FOR)
    }
}

/// The number of an entry, by its ID, which holds it.
fn numbered<T>(id: &str, table: &[T], id_of: impl Fn(&T) -> &str) -> Option<usize> {
    number_of(id).filter(|number| table.get(*number).is_some_and(|entry| id_of(entry) == id))
}

/// The fields of an object that was just written as one.
fn fields(page: Value) -> Map<String, Value> {
    match page {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A list as Nomad writes it: none is `null`.
fn list_or_null(list: Vec<Value>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}
