//! What nodes' clients are asked, by way of the servers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::super::exchange::{Asked, Reply};
use super::super::{EVERY_TOPIC, Shared};
use super::read::not_modelled;
use super::{check_id, is_modern};
use crate::world::{Until, World};
use replicator::domain::NodeStatus;

/// How long it takes until the servers have heard what a client was told of its meta.
const HEARD_AFTER: Duration = Duration::from_secs(3);
/// How long servers wait for a client that they do not know to be gone.
const CLIENT_PATIENCE: Duration = Duration::from_secs(27);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetadataBody {
    #[serde(default)]
    meta: BTreeMap<String, Option<String>>,
}

pub(super) async fn page(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    match *path {
        ["client", "allocation", id, "stats"] => {
            check_id("alloc", id)?;
            let node = shared.world.borrow().node_of_allocation(id);
            if let Some(node) = node.filter(|_| is_modern(shared)) {
                answers(shared, node).await?;
            }
            let page = shared.world().statistics_page(id);
            page.map(Reply::json).ok_or_else(|| Reply::text(404, format!("Unknown allocation {id:?}")))
        }
        // Of services' checks: there are no services.
        ["client", "allocation", id, "checks"] if is_modern(shared) => {
            check_id("alloc", id)?;
            Ok(Reply::json(json!({})))
        }
        ["client", "stats"] => {
            let node = node(shared, asked)?;
            answers(shared, node).await?;
            Ok(Reply::json(shared.world.borrow().host_statistics_page(node)))
        }
        ["client", "metadata"] if is_modern(shared) => {
            let node = node(shared, asked)?;
            answers(shared, node).await?;
            Ok(Reply::json(shared.world.borrow().metadata_page(node)))
        }
        _ => Err(not_modelled(path)),
    }
}

/// `POST /v1/client/metadata`.
pub(super) fn change_metadata(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    let node = node(shared, asked)?;
    let MetadataBody { meta } = asked.json()?;
    if meta.is_empty() {
        return Err(Reply::text(400, "missing required Meta object"));
    }
    let mut world = shared.world();
    if !world.client_answers(node) {
        return Err(Reply::text(404, "No path to node"));
    }
    let heard = world.now + shared.span(HEARD_AFTER);
    world.change_metadata(node, meta, heard);
    Ok(Reply::json(world.metadata_page(node)))
}

/// The node that is asked for; the first one, where none is named: somebody asks its agent itself.
fn node(shared: &Shared, asked: &Asked) -> Result<usize, Reply> {
    let id = asked.param("node_id");
    let world = shared.world.borrow();
    let found = if id.is_empty() { world.first_client() } else { world.node_number(id) };
    found.ok_or_else(|| Reply::text(404, format!("Unknown node {id}")))
}

/// Asks a client: one that has fallen silent is waited for, for long, unless the servers know.
async fn answers(shared: &Shared, node: usize) -> Result<(), Reply> {
    if shared.world.borrow().client_answers(node) {
        return Ok(());
    }
    if shared.world.borrow().status_of_node(node) == NodeStatus::Down {
        return Err(Reply::text(404, "No path to node"));
    }
    let deadline = shared.world.borrow().now + shared.span(CLIENT_PATIENCE);
    let done = |world: &World| world.client_answers(node);
    Until::new(&shared.world, EVERY_TOPIC, deadline, done).await;
    if shared.world.borrow().client_answers(node) { Ok(()) } else { Err(Reply::text(500, "EOF")) }
}
