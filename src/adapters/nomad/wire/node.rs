//! Nodes, in lists and on their pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::super::amount::Amount;
use super::super::resources::{Flat, Kept, Network, Offered};
use super::{Texts, id_of, meta, text};
use crate::domain::{self, DrainOwner, Eligibility, NodeStatus, NodeSummary, Place, Resources};
use crate::ports::DRAIN_OPERATION;

/// A node as lists show it, and the head of its own page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct NodeHead {
    #[serde(rename = "ID")]
    id: Option<String>,
    name: Option<String>,
    status: Option<String>,
    drain: Option<bool>,
    scheduling_eligibility: Option<String>,
    modify_index: Option<u64>,
}

impl NodeHead {
    pub(in super::super) fn into_summary(self) -> Result<NodeSummary, String> {
        let id = id_of(self.id)?;
        // Without it the node's page would be read once and never again.
        let index = super::super::amount::index(self.modify_index, "modify index");
        let modify_index = index.map_err(|problem| format!("node {id}: {problem}"))?;
        Ok(NodeSummary {
            id: id.into(),
            name: self.name.unwrap_or_default(),
            status: match self.status.as_deref().unwrap_or_default() {
                "ready" => NodeStatus::Ready,
                "initializing" => NodeStatus::Initializing,
                "disconnected" => NodeStatus::Disconnected,
                // A status that we do not know takes no work.
                _ => NodeStatus::Down,
            },
            draining: self.drain == Some(true),
            // Servers before 0.8 have no eligibility: what is not said is allowed.
            eligibility: match self.scheduling_eligibility.as_deref().unwrap_or_default() {
                "eligible" | "" => Eligibility::Eligible,
                _ => Eligibility::Ineligible,
            },
            modify_index,
        })
    }
}

/// The attribute by which a node knows its instance.
pub(in super::super) const INSTANCE_ATTRIBUTE: &str = "unique.platform.aws.instance-id";

/// The last drain of a node, under way or over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct LastDrain {
    meta: Option<Texts>,
}

impl LastDrain {
    fn owner(self) -> DrainOwner {
        let named = meta(self.meta).remove(DRAIN_OPERATION);
        named.map_or(DrainOwner::Another, DrainOwner::Operation)
    }
}

/// A node's own page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Node {
    #[serde(flatten)]
    head: NodeHead,
    datacenter: Option<String>,
    node_pool: Option<String>,
    node_class: Option<String>,
    attributes: Option<Texts>,
    meta: Option<Texts>,
    #[serde(rename = "HTTPAddr")]
    http_address: Option<String>,
    host_volumes: Option<BTreeMap<String, Value>>,
    last_drain: Option<LastDrain>,
    node_max_allocs: Amount,
    node_resources: Option<Offered>,
    reserved_resources: Option<Kept>,
    resources: Option<Flat>,
    reserved: Option<Flat>,
}

impl Node {
    pub(in super::super) fn into_domain(self) -> Result<domain::Node, String> {
        let capacity = self.capacity()?;
        let place = Arc::new(self.place()?);
        let attribute = |name: &str| place.attributes.get(name).filter(|value| !value.is_empty()).cloned();
        let http = self.http_address.as_deref().and_then(|address| address.rsplit_once(':'));
        let of_http = http.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
        Ok(domain::Node {
            instance: attribute(INSTANCE_ATTRIBUTE).map(Into::into),
            address: attribute("unique.network.ip-address").or(text(of_http)),
            meta: Arc::new(meta(self.meta)),
            capacity,
            place: place.clone(),
            drained_by: self.last_drain.map(LastDrain::owner).unwrap_or_default(),
            summary: self.head.into_summary()?,
        })
    }

    fn capacity(&self) -> Result<Resources, String> {
        // `Resources` is going: it only counts where there is nothing else.
        if let Some(offered) = &self.node_resources {
            return offered.less(self.reserved_resources.as_ref().unwrap_or(&Kept::default()));
        }
        let of = |flat: &Option<Flat>| flat.as_ref().map_or(Ok(Resources::default()), Flat::resources);
        Ok(of(&self.resources)?.less(of(&self.reserved)?))
    }

    fn place(&self) -> Result<Place, String> {
        let kept = self.reserved_resources.as_ref().map(Kept::ports).transpose()?;
        let mut reserved_ports = kept.unwrap_or_default();
        let of_old = self.reserved.iter().flat_map(|flat| flat.networks.iter().flatten()).map(Network::fixed);
        for ports in of_old {
            reserved_ports.extend(ports?);
        }
        reserved_ports.sort_unstable();
        reserved_ports.dedup();
        Ok(Place {
            datacenter: self.datacenter.clone().unwrap_or_default(),
            node_pool: self.node_pool.clone().unwrap_or_default(),
            class: self.node_class.clone().unwrap_or_default(),
            attributes: meta(self.attributes.clone()),
            devices: self.node_resources.as_ref().map(Offered::devices).unwrap_or_default(),
            volumes: self.host_volumes.iter().flatten().map(|(name, _)| name.clone()).collect(),
            reserved_ports,
            most_allocations: self.node_max_allocs.count("limit of allocations")?.filter(|most| *most > 0),
        })
    }
}
