//! Lists of nodes, of which the server chooses: a cluster may have many that belong to no pool, and each that is listed is
//! read by itself.
//!
//! Servers since 1.3 choose by a filter, looking at whole nodes though they list only the heads of them. Older ones list all.

use std::sync::Arc;

use futures_util::future::join_all;

use super::wire::{self, INSTANCE_ATTRIBUTE};
use super::{Answer, Consistency, NomadClient, Request, Session, believed_list};
use crate::domain::{InstanceId, Node, NodeId};
use crate::policy::POOL_KEY;
use crate::ports::{ErrorKind, PortError, Wait};

/// How many nodes are read at once.
const READS_AT_ONCE: usize = 16;

impl NomadClient {
    /// The nodes on an instance.
    pub(super) async fn nodes_on_instance(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError> {
        let session = self.session();
        let filter = format!("Attributes[{INSTANCE_ATTRIBUTE:?}] == {:?}", instance.as_str());
        let answer = match session.nodes(&filter, Consistency::Leader).send().await {
            Err(error) if session.refuses_to_choose(&error) => session.nodes("", Consistency::Leader).send().await?,
            answered => answered?,
        };
        let listed = wire::each(&answer, &self.named, wire::NodeHead::into_summary)?;
        let mut found = Vec::new();
        for some in listed.chunks(READS_AT_ONCE) {
            for node in join_all(some.iter().map(|node| session.read_node(&node.id))).await {
                match node {
                    Ok(node) if node.instance.as_ref() == Some(instance) => found.push(node),
                    Ok(_) => {}
                    Err(error) if error.kind == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }
}

impl Session {
    /// The nodes that may belong to a pool.
    pub(super) async fn list_nodes(&self, wait: Option<Wait>) -> Result<Answer, PortError> {
        // Not `Meta["…"] != ""`, which holds for nodes without the key as well.
        let filter = format!("{POOL_KEY:?} in Meta");
        match believed_list(wait, |freshness| self.nodes(&filter, freshness)).await {
            Err(error) if self.refuses_to_choose(&error) => {
                believed_list(wait, |freshness| self.nodes("", freshness)).await
            }
            answered => answered,
        }
    }

    fn nodes(&self, filter: &str, freshness: Consistency) -> Request<'_> {
        let filter = Some(filter).filter(|filter| !filter.is_empty() && self.chooses_nodes.get());
        self.get(&["v1", "nodes"], "list nodes".to_owned(), None, freshness).query_some("filter", filter)
    }

    /// Whether an error is about the filter that was sent. None is sent from then on.
    fn refuses_to_choose(&self, error: &PortError) -> bool {
        let is_about_it = ["filter", "finding value in datum"].iter().any(|word| error.message.contains(word));
        is_about_it && self.chooses_nodes.replace(false)
    }

    /// A node's own page, as the leader knows it.
    pub(super) async fn read_node(&self, id: &NodeId) -> Result<Arc<Node>, PortError> {
        let path = ["v1", "node", id.as_str()];
        let answer = self.get(&path, format!("read node {id}"), None, Consistency::Leader).send().await?;
        let node: wire::Node = answer.json()?;
        node.into_domain().map(Arc::new).map_err(|problem| answer.error(ErrorKind::Other, problem))
    }
}
