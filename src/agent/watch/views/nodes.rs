//! What is known of nodes: the list, and the page of each. Of a thousand nodes a few change at a time, and only those are
//! looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Views;
use crate::agent::tell::Event;
use crate::domain::{Monotonic, Node, NodeId, NodeSummary};

impl Views {
    /// Takes over all nodes as they are listed, and what only their own pages tell as it was, or as `read` afresh. One that is
    /// listed and could not be read is not gone: gone is only what a whole list lacks (S4).
    pub(in crate::agent) fn set_nodes(
        &mut self,
        listed: &[NodeSummary],
        read: BTreeMap<NodeId, Arc<Node>>,
        now: Monotonic,
    ) -> Vec<Event> {
        let touched = self.take_list(listed);
        let pages: Vec<NodeId> = read.keys().cloned().collect();
        for (id, node) in read {
            self.take_page(&id, node);
        }
        for id in touched.iter().chain(&pages) {
            self.follow_list(id);
        }
        for id in &touched {
            self.first_seen.entry(id.clone()).or_insert(now);
        }
        let unread = |node: &&NodeSummary| node.takes_work() && !self.nodes.contains_key(&node.id);
        let is_whole = self.nodes.len() == self.listed_nodes.len();
        let unread = self.listed_nodes.values().filter(|_| !is_whole).filter(unread);
        self.never_read = unread.map(|node| node.id.clone()).collect();
        self.nodes_version += 1;
        self.discover_pools()
    }

    /// Takes a list of nodes, and forgets those that are gone. Which are listed otherwise than before.
    fn take_list(&mut self, listed: &[NodeSummary]) -> Vec<NodeId> {
        let mut touched = Vec::new();
        for node in listed {
            match self.listed_nodes.get_mut(&node.id) {
                Some(known) if known == node => {}
                Some(known) => {
                    known.clone_from(node);
                    touched.push(node.id.clone());
                }
                None => {
                    self.listed_nodes.insert(node.id.clone(), node.clone());
                    touched.push(node.id.clone());
                }
            }
        }
        // Servers list by ID. Where one does not, something may be in the list twice.
        let is_sorted = listed.is_sorted_by(|a, b| a.id < b.id);
        if !is_sorted || self.listed_nodes.len() > listed.len() {
            let ids: BTreeSet<&NodeId> = listed.iter().map(|node| &node.id).collect();
            self.listed_nodes.retain(|id, _| ids.contains(id));
            let listed_nodes = &self.listed_nodes;
            let gone: Vec<NodeId> = self.nodes.keys().filter(|id| !listed_nodes.contains_key(*id)).cloned().collect();
            for id in gone {
                if let Some(node) = self.nodes.remove(&id) {
                    self.leaves_instance(&node);
                }
            }
            let listed_nodes = &self.listed_nodes;
            self.unread_nodes.retain(|id| listed_nodes.contains_key(id));
            self.seen_policies.retain(|id| listed_nodes.contains_key(id));
            self.fingerprints.retain(|id, _| listed_nodes.contains_key(id));
            self.first_seen.retain(|id, _| listed_nodes.contains_key(id));
        }
        touched
    }

    /// Takes a node's page.
    fn take_page(&mut self, id: &NodeId, node: Arc<Node>) {
        if let Some(instance) = &node.instance {
            let on_it = self.on_instance.entry(instance.clone()).or_default();
            if let Err(place) = on_it.binary_search(id) {
                on_it.insert(place, id.clone());
            }
        }
        let instance = node.instance.clone();
        let before = self.nodes.insert(id.clone(), node);
        if let Some(before) = before.filter(|before| before.instance != instance) {
            self.leaves_instance(&before);
        }
    }

    /// The state of a node is what the list says, even where its page could not be read again.
    fn follow_list(&mut self, id: &NodeId) {
        let (Some(node), Some(summary)) = (self.nodes.get_mut(id), self.listed_nodes.get(id)) else { return };
        // Its page is still of before, and is to be read.
        let modify_index = node.summary.modify_index;
        if modify_index < summary.modify_index {
            let summary = NodeSummary { modify_index, ..summary.clone() };
            *node = Arc::new(Node { summary, ..Node::clone(node) });
        }
    }

    /// A node is no longer on the instance that it was on.
    fn leaves_instance(&mut self, node: &Node) {
        let Some(instance) = &node.instance else { return };
        if let Some(on_it) = self.on_instance.get_mut(instance) {
            on_it.retain(|id| *id != node.summary.id);
            if on_it.is_empty() {
                self.on_instance.remove(instance);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Eligibility, InstanceId};

    /// A node as it is listed, and whether its page is read: its number, its index, whether work may be placed on it, and the
    /// number of its instance.
    type Listed = (u8, u64, bool, Option<u8>, bool);

    fn summary(&(number, modify_index, eligible, ..): &Listed) -> NodeSummary {
        let eligibility = if eligible { Eligibility::Eligible } else { Eligibility::Ineligible };
        NodeSummary { eligibility, modify_index, ..crate::testing::node(&format!("n{number}")).summary }
    }

    fn page(listed: &Listed) -> Arc<Node> {
        let summary = summary(listed);
        let instance = listed.3.map(|number| InstanceId::from(format!("i{number}").as_str()));
        Arc::new(Node { summary, instance, ..crate::testing::node("n") })
    }

    /// What all of it comes to, worked out from the whole list.
    #[derive(Default)]
    struct Whole {
        nodes: BTreeMap<NodeId, Arc<Node>>,
    }

    impl Whole {
        fn set(&mut self, listed: &BTreeMap<NodeId, NodeSummary>, read: BTreeMap<NodeId, Arc<Node>>) {
            self.nodes.retain(|id, _| listed.contains_key(id));
            self.nodes.extend(read);
            for (id, node) in &mut self.nodes {
                let modify_index = node.summary.modify_index;
                if let Some(summary) = listed.get(id).filter(|summary| modify_index < summary.modify_index) {
                    let summary = NodeSummary { modify_index, ..summary.clone() };
                    *node = Arc::new(Node { summary, ..Node::clone(node) });
                }
            }
        }

        fn on_instance(&self) -> BTreeMap<InstanceId, Vec<NodeId>> {
            let mut on_instance: BTreeMap<InstanceId, Vec<NodeId>> = BTreeMap::new();
            for (id, node) in &self.nodes {
                if let Some(instance) = &node.instance {
                    on_instance.entry(instance.clone()).or_default().push(id.clone());
                }
            }
            on_instance
        }
    }

    proptest! {
        #[test]
        fn s4_what_is_known_bit_by_bit_is_what_the_whole_list_says(
            lists in prop::collection::vec(
                prop::collection::vec((0..5_u8, 1..9_u64, any::<bool>(), prop::option::of(0..3_u8), any::<bool>()), 0..6),
                1..8,
            )
        ) {
            let (mut views, mut whole) = (Views::default(), Whole::default());
            for (second, list) in lists.iter().enumerate() {
                let listed: Vec<NodeSummary> = list.iter().map(summary).collect();
                let by_id: BTreeMap<NodeId, NodeSummary> =
                    listed.iter().map(|node| (node.id.clone(), node.clone())).collect();
                let read = || list.iter().filter(|it| it.4).map(|it| (summary(it).id, page(it))).collect::<BTreeMap<_, _>>();
                let now = Monotonic::at(std::time::Duration::from_secs(second as u64));
                views.set_nodes(&listed, read(), now);
                whole.set(&by_id, read());
                prop_assert_eq!(&views.nodes, &whole.nodes);
                prop_assert_eq!(&views.listed_nodes, &by_id);
                prop_assert_eq!(&views.on_instance, &whole.on_instance());
                let unread = by_id.values().filter(|node| node.takes_work() && !whole.nodes.contains_key(&node.id));
                prop_assert_eq!(&views.never_read, &unread.map(|node| node.id.clone()).collect::<Vec<_>>());
                prop_assert!(views.first_seen.keys().eq(by_id.keys()));
            }
        }
    }
}
