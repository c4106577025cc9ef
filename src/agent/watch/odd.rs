//! Nodes whose capacity is not to be believed (P34): they show nothing, or far less CPU than others of their kind. Clients have
//! been seen to report 0 MHz, and a quarter of the machine's.

use std::collections::BTreeMap;

use crate::decide::OddNode;
use crate::domain::{INSTANCE_TYPE, Node, Resources};

/// A node is odd where another of its kind has more than so many times its CPU.
const FACTOR: u64 = 2;

/// The nodes of a pool that are odd, with what others of their kind offer. A pool of which all nodes show nothing has no such
/// nodes: nothing is known of it at all.
pub(super) fn odd_nodes(nodes: &[&Node]) -> Vec<OddNode> {
    let sound = |node: &&Node| node.capacity.cpu.0 > 0 && node.capacity.memory.0 > 0;
    // Of those that show the same one speaks for all: there are few kinds, and many nodes of each.
    let mut shown: BTreeMap<(Option<&str>, u64, u64), &Node> = BTreeMap::new();
    for node in nodes.iter().copied().filter(sound) {
        shown.entry((kind(node), node.capacity.memory.0, node.capacity.cpu.0)).or_insert(node);
    }
    let sound: Vec<&Node> = shown.into_values().collect();
    let mut judged: BTreeMap<(Option<&str>, u64, u64), Option<Resources>> = BTreeMap::new();
    let most_of_its_like = |node: &Node| {
        let like = sound.iter().filter(|other| are_alike(node, other));
        like.map(|other| other.capacity).max_by_key(|capacity| capacity.cpu)
    };
    let odd = |node| {
        let shows = (kind(node), node.capacity.memory.0, node.capacity.cpu.0);
        let most = *judged.entry(shows).or_insert_with(|| most_of_its_like(node));
        let nothing = node.capacity.cpu.0 == 0 || node.capacity.memory.0 == 0;
        let expected = if nothing {
            most.or_else(|| sound.iter().map(|other| other.capacity).max_by_key(|it| it.cpu))?
        } else {
            most.filter(|most| most.cpu.0 > node.capacity.cpu.0.saturating_mul(FACTOR))?
        };
        Some(OddNode { node: node.summary.id.clone(), expected })
    };
    nodes.iter().copied().filter_map(odd).collect()
}

/// The type of a node's machine, where that is known.
fn kind(node: &Node) -> Option<&str> {
    node.place.attributes.get(INSTANCE_TYPE).map(String::as_str)
}

/// Whether two nodes should have the same CPU: they are of the same machine type, or, where that is not known, have about the
/// same memory.
fn are_alike(a: &Node, b: &Node) -> bool {
    match (kind(a), kind(b)) {
        (Some(a), Some(b)) => a == b,
        _ => about_same(a.capacity, b.capacity),
    }
}

fn about_same(a: Resources, b: Resources) -> bool {
    let (less, more) = (a.memory.0.min(b.memory.0), a.memory.0.max(b.memory.0));
    less.saturating_mul(10) >= more.saturating_mul(9)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::Place;

    fn node(id: &str, cpu: u64, memory: u64, kind: Option<&str>) -> Node {
        let attributes = kind.map(|kind| (INSTANCE_TYPE.to_owned(), kind.to_owned())).into_iter().collect();
        let place = Arc::new(Place { attributes, ..Place::default() });
        Node { capacity: Resources::new(cpu, memory, 0), place, ..crate::testing::node(id) }
    }

    fn odd(nodes: &[Node]) -> Vec<(String, u64)> {
        let nodes: Vec<&Node> = nodes.iter().collect();
        odd_nodes(&nodes).into_iter().map(|it| (it.node.to_string(), it.expected.cpu.0)).collect()
    }

    #[test]
    fn p34_a_node_that_shows_nothing_or_far_less_than_its_like_is_odd() {
        let normal = |id| node(id, 4000, 8000, None);
        assert_eq!(odd(&[normal("a"), normal("b"), node("c", 0, 8000, None)]), [("c".into(), 4000)]);
        assert_eq!(odd(&[normal("a"), normal("b"), node("c", 1000, 8000, None)]), [("c".into(), 4000)]);
        assert_eq!(odd(&[normal("a"), node("b", 4000, 0, None)]), [("b".into(), 4000)], "no memory");
        assert_eq!(odd(&[normal("a"), node("b", 2000, 8000, None)]), [], "half may be true");
        assert_eq!(odd(&[node("a", 0, 0, None), node("b", 0, 0, None)]), [], "nothing to compare with");
    }

    #[test]
    fn p34_machines_of_several_kinds_are_not_odd() {
        assert_eq!(odd(&[node("a", 16_000, 32_000, None), node("b", 4000, 8000, None)]), [], "smaller in all");
        let kinds = [node("a", 16_000, 16_000, Some("c5.2xlarge")), node("b", 4000, 16_000, Some("r5.large"))];
        assert_eq!(odd(&kinds), [], "of other types, with the same memory");
        let same = [node("a", 16_000, 16_000, Some("c5.2xlarge")), node("b", 4000, 15_000, Some("c5.2xlarge"))];
        assert_eq!(odd(&same), [("b".into(), 16_000)]);
    }
}
