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
