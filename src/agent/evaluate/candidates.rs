//! Which nodes of a pool may leave (P21), and which one does: the first for whose work there is room elsewhere (P31).

use std::collections::BTreeMap;

use crate::agent::act::Leaving;
use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::agent::watch::ManagedPool;
use crate::decide::{Candidate, NodeLoad, Stop, Unfit, rank_victims};
use crate::domain::{Instance, InstanceId, Node, NodeId, PoolInstance, PoolSnapshot};
use crate::ports::{Cloud, ErrorKind, Nomad, PortError, Ports};

/// How many nodes are looked at before a pool is left as it is for now.
const MOST_LOOKED_AT: usize = 5;

/// A node that is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Victim {
    pub(super) node: NodeId,
    pub(super) name: String,
    pub(super) instance: InstanceId,
}

/// Where the leader itself runs, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnNode<'a> {
    /// It is no allocation.
    Nowhere,
    /// On this node.
    On(&'a NodeId),
    /// It is an allocation that cannot be found: it might be on any.
    Lost,
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// The node that leaves, or why none does.
    pub(super) async fn find_victim(
        &self,
        managed: &ManagedPool,
        group: &PoolSnapshot,
        spared: &[NodeId],
    ) -> Result<Result<Victim, Stop>, PortError> {
        let candidates = self.candidates(managed, group, spared).await?;
        let mut refusal = None;
        for (node, instance) in rank_victims(&candidates).into_iter().take(MOST_LOOKED_AT) {
            // Right before it is drained: what is watched may be a minute old.
            let occupants = self.ports.nomad().occupants(node).await?;
            let leaving = Leaving { node, occupants: &occupants };
            match self.place_elsewhere(managed, &leaving) {
                Err(misfit) => {
                    refusal = refusal.or_else(|| {
                        let name = self.name_of(node);
                        Some(Stop::NoPlace { why: format!("without {name} {misfit}") })
                    });
                }
                Ok(()) if self.needs_back(managed, group, &leaving) => refusal = refusal.or(Some(Stop::CapacityNeeded)),
                Ok(()) => {
                    let (node, name, instance) = (node.clone(), self.name_of(node), instance.clone());
                    return Ok(Ok(Victim { node, name, instance }));
                }
            }
        }
        Ok(Err(refusal.unwrap_or(Stop::NoVictim)))
    }

    fn name_of(&self, node: &NodeId) -> String {
        self.views.borrow().node(node).map_or_else(|| node.to_string(), |node| node.summary.name.clone())
    }

    async fn candidates(
        &self,
        managed: &ManagedPool,
        group: &PoolSnapshot,
        spared: &[NodeId],
    ) -> Result<Vec<Candidate>, PortError> {
        let addresses = self.addresses_of_members(managed, group).await?;
        let own = self.config.borrow().own_allocation.clone();
        let own_node = match &own {
            Some(allocation) => self.views.borrow().node_of(allocation).cloned(),
            None => None,
        };
        let own_node = match (&own, &own_node) {
            (None, _) => OwnNode::Nowhere,
            (Some(_), None) => OwnNode::Lost,
            (Some(_), Some(node)) => OwnNode::On(node),
        };
        let views = self.views.borrow();
        let members = group.members();
        let candidate = |load: &NodeLoad| {
            let node = views.node(&load.node).map(AsRef::as_ref);
            let member = node.and_then(|node| member_of(node, &members, &addresses));
            let instance = if views.is_opaque(&load.node) {
                Err(Unfit::Opaque)
            } else if managed.is_odd(&load.node) {
                Err(Unfit::Odd)
            } else {
                may_leave(&load.node, member, own_node)
            };
            let zone = member.and_then(|member| member.zone.clone());
            Candidate { load: load.clone(), instance, zone, spared: spared.contains(&load.node) }
        };
        Ok(managed.nodes.iter().map(candidate).collect())
    }

    /// Which member has which address; only asked for where a node does not know its instance.
    pub(super) async fn addresses_of_members(
        &self,
        managed: &ManagedPool,
        group: &PoolSnapshot,
    ) -> Result<BTreeMap<String, InstanceId>, PortError> {
        let all_known = {
            let views = self.views.borrow();
            managed.nodes.iter().all(|load| views.node(&load.node).is_some_and(|node| node.instance.is_some()))
        };
        if all_known {
            return Ok(BTreeMap::new());
        }
        let members: Vec<InstanceId> = group.instances.iter().map(|member| member.id.clone()).collect();
        let instances = match self.ports.cloud().instances(&managed.policy.target, &members).await {
            Ok(instances) => instances,
            Err(error) if error.kind == ErrorKind::NotFound => vec![],
            Err(error) => return Err(error),
        };
        let pairs = |instance: Instance| {
            let id = instance.id;
            instance.addresses.into_iter().map(move |address| (address, id.clone()))
        };
        Ok(instances.into_iter().flat_map(pairs).collect())
    }
}

/// The member that a node runs on: by the ID that the node knows; by its address only where it knows none, for the address
/// of one that does may be another's by now.
fn member_of<'g>(
    node: &Node,
    members: &BTreeMap<&InstanceId, &'g PoolInstance>,
    addresses: &BTreeMap<String, InstanceId>,
) -> Option<&'g PoolInstance> {
    let id = match &node.instance {
        Some(id) => id,
        None => addresses.get(node.address.as_ref()?)?,
    };
    members.get(id).copied()
}

/// The instance of a node that may leave, or why it must stay (P21).
fn may_leave(node: &NodeId, member: Option<&PoolInstance>, own: OwnNode<'_>) -> Result<InstanceId, Unfit> {
    match own {
        OwnNode::Lost => return Err(Unfit::RunsLeader),
        OwnNode::On(own) if own == node => return Err(Unfit::RunsLeader),
        OwnNode::On(_) | OwnNode::Nowhere => {}
    }
    match member {
        Some(PoolInstance { protected: true, .. }) => Err(Unfit::Protected),
        Some(member) if member.lifecycle.counts() => Ok(member.id.clone()),
        _ => Err(Unfit::NoInstance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Lifecycle;
    use crate::testing::{member, node, snapshot};

    #[test]
    fn p21_the_leaders_own_node_never_leaves_nor_any_while_it_is_not_found() {
        let it = member("i", Lifecycle::InService);
        let (a, b) = (NodeId::from("a"), NodeId::from("b"));
        assert_eq!(may_leave(&a, Some(&it), OwnNode::Nowhere), Ok("i".into()));
        assert_eq!(may_leave(&a, Some(&it), OwnNode::On(&b)), Ok("i".into()));
        assert_eq!(may_leave(&a, Some(&it), OwnNode::On(&a)), Err(Unfit::RunsLeader));
        assert_eq!(may_leave(&a, Some(&it), OwnNode::Lost), Err(Unfit::RunsLeader));
    }

    #[test]
    fn p21_only_a_member_in_service_leaves() {
        let a = NodeId::from("a");
        let with = |lifecycle| may_leave(&a, Some(&member("i", lifecycle)), OwnNode::Nowhere);
        assert_eq!(with(Lifecycle::InService), Ok("i".into()));
        for lifecycle in [Lifecycle::Standby, Lifecycle::Terminating, Lifecycle::Detaching, Lifecycle::Warmed] {
            assert_eq!(with(lifecycle), Err(Unfit::NoInstance), "{lifecycle:?}");
        }
        let protected = PoolInstance { protected: true, ..member("i", Lifecycle::InService) };
        assert_eq!(may_leave(&a, Some(&protected), OwnNode::Nowhere), Err(Unfit::Protected));
        assert_eq!(may_leave(&a, None, OwnNode::Nowhere), Err(Unfit::NoInstance));
    }

    #[test]
    fn p18_a_node_that_knows_its_instance_is_matched_by_nothing_else() {
        let group = snapshot(&["i-a", "i-b"]);
        let addresses = BTreeMap::from([("10.0.0.1".to_owned(), InstanceId::from("i-b"))]);
        let at = |instance: Option<&str>| Node {
            instance: instance.map(InstanceId::from),
            address: Some("10.0.0.1".into()),
            ..node("a")
        };
        let matched = |node: &Node| member_of(node, &group.members(), &addresses).map(|member| member.id.to_string());
        assert_eq!(matched(&at(Some("i-a"))).as_deref(), Some("i-a"));
        assert_eq!(matched(&at(None)).as_deref(), Some("i-b"));
        assert_eq!(matched(&at(Some("i-gone"))), None, "its address is another's by now");
    }
}
