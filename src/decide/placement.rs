//! Whether work fits on nodes: by what each piece asks for and each node has left, not by sums (P31).
//!
//! This is the core's own idea of placement, and independent of the simulated scheduler on purpose: a test holds the two
//! against each other. It answers "fits" only where it can show it, in whichever order the pieces are taken: Nomad takes
//! them as their evaluations come.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::constraint::{self, Named};
use crate::domain::{GroupKey, Holdings, JobKind, Meta, NodeId, Place, Requirements, Resources};

/// A node that work may go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its `meta`.
    pub meta: Arc<Meta>,
    /// Where it is and what it has.
    pub place: Arc<Place>,
    /// What is left of it.
    pub free: Resources,
    /// Ports and devices that are taken.
    pub taken: Holdings,
    /// Groups that have an allocation there.
    pub groups: BTreeSet<GroupKey>,
    /// How many allocations there are.
    pub allocations: u32,
}

/// An allocation that needs a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its group.
    pub group: GroupKey,
    /// The kind of its job.
    pub kind: JobKind,
    /// What it asks for.
    pub asks: Resources,
    /// What else it asks of its node.
    pub needs: Arc<Requirements>,
}

/// Why work does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfit {
    /// The group of the piece for which no place was found.
    pub group: GroupKey,
    /// What keeps it from each node, and from how many.
    pub lacks: BTreeMap<Lack, usize>,
}

/// What keeps a piece from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// Too little CPU is left.
    Cpu,
    /// Too few whole cores are left.
    Cores,
    /// Too little memory is left.
    Memory,
    /// Too little disk is left.
    Disk,
    /// A static port is taken.
    Port,
    /// Too few devices of a kind are left.
    Device,
    /// The node takes no more allocations.
    Slot,
    /// The node is in another datacenter or node pool.
    Elsewhere,
    /// A constraint is not met, or not understood.
    Constraint,
    /// The group has an allocation there already and wants distinct hosts.
    DistinctHosts,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "too little CPU",
            Self::Cores => "too few cores",
            Self::Memory => "too little memory",
            Self::Disk => "too little disk",
            Self::Port => "a port taken",
            Self::Device => "no such device free",
            Self::Slot => "no more allocations taken",
            Self::Elsewhere => "another datacenter or node pool",
            Self::Constraint => "a constraint not met",
            Self::DistinctHosts => "distinct hosts wanted",
        })
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an allocation of {} has no place", self.group)?;
        for (number, (lack, nodes)) in self.lacks.iter().enumerate() {
            write!(f, "{}{lack} on {nodes}", if number == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

impl Site {
    /// The same node as it would be with nothing on it but what runs on every node.
    #[must_use]
    pub fn emptied(&self, capacity: Resources, of_system_jobs: Resources) -> Self {
        Self {
            free: capacity.less(of_system_jobs),
            taken: Holdings::default(),
            groups: BTreeSet::new(),
            allocations: 0,
            ..self.clone()
        }
    }

    /// Whether a piece may go to this node.
    #[must_use]
    pub fn takes(&self, piece: &Piece) -> bool {
        self.lacks(piece).is_none()
    }

    /// What keeps a piece from this node; nothing: it may go there.
    fn lacks(&self, piece: &Piece) -> Option<Lack> {
        if let Some(lack) = self.lacks_amount(piece.asks) {
            return Some(lack);
        }
        let needs = &*piece.needs;
        if self.place.most_allocations.is_some_and(|most| self.allocations >= most) {
            return Some(Lack::Slot);
        }
        if !self.is_where(needs) {
            return Some(Lack::Elsewhere);
        }
        if needs.ports.iter().any(|port| self.taken.ports.contains(port) || self.place.reserved_ports.contains(port)) {
            return Some(Lack::Port);
        }
        if self.devices_for(needs).is_none() {
            return Some(Lack::Device);
        }
        if !self.meets_constraints(needs) {
            return Some(Lack::Constraint);
        }
        self.has_another(piece).then_some(Lack::DistinctHosts)
    }

    fn lacks_amount(&self, asks: Resources) -> Option<Lack> {
        let free = self.free;
        if asks.cpu > free.cpu {
            Some(Lack::Cpu)
        } else if asks.cores > free.cores {
            Some(Lack::Cores)
        } else if asks.memory > free.memory {
            Some(Lack::Memory)
        } else if asks.disk > free.disk && self.tells_disk() {
            Some(Lack::Disk)
        } else {
            None
        }
    }

    /// A node that shows no disk at all says nothing about disk: some clients do not fingerprint it.
    fn tells_disk(&self) -> bool {
        self.free.disk.0 > 0 || self.allocations > 0
    }

    fn is_where(&self, needs: &Requirements) -> bool {
        let in_datacenter = needs.datacenters.is_empty()
            || needs.datacenters.iter().any(|glob| fits_glob(&self.place.datacenter, glob));
        let pool = needs.node_pool.as_str();
        let in_pool =
            pool.is_empty() || pool == "all" || self.place.node_pool.is_empty() || self.place.node_pool == pool;
        in_datacenter && in_pool
    }

    fn meets_constraints(&self, needs: &Requirements) -> bool {
        let named = Named { id: &self.node, name: &self.name, meta: &self.meta, place: &self.place };
        let has_driver = |driver: &String| {
            let attribute = self.place.attributes.get(&format!("driver.{driver}"));
            attribute.is_some_and(|value| matches!(value.as_str(), "1" | "true"))
        };
        needs.unknown.is_empty()
            && needs.drivers.iter().all(has_driver)
            && needs.volumes.iter().all(|volume| self.place.volumes.contains(volume))
            && needs.constraints.iter().filter(|it| !constraint::is_about_others(it)).all(|it| named.meets(it))
    }

    /// Whether distinct hosts are wanted, and the group, or its job, has something here already.
    fn has_another(&self, piece: &Piece) -> bool {
        let wanting = piece.needs.constraints.iter().filter(|it| constraint::wants_distinct_hosts(it));
        let mut scopes = wanting.map(|it| it.of_group);
        scopes.any(|of_group| {
            self.groups.iter().any(|group| if of_group { *group == piece.group } else { group.job == piece.group.job })
        })
    }

    /// The devices that would be taken, where there are enough.
    fn devices_for(&self, needs: &Requirements) -> Option<BTreeMap<String, u32>> {
        let mut taken = self.taken.devices.clone();
        for (asked, count) in &needs.devices {
            let free = |name: &str, has: u32| has.saturating_sub(taken.get(name).copied().unwrap_or(0)) >= *count;
            let mut fitting =
                self.place.devices.iter().filter(|(name, has)| is_device(name, asked) && free(name, **has));
            let (name, _) = fitting.next()?;
            *taken.entry(name.clone()).or_default() += count;
        }
        Some(taken)
    }

    fn take(&mut self, piece: &Piece) {
        self.free = self.free.less(piece.asks);
        self.taken.ports.extend(&piece.needs.ports);
        if let Some(devices) = self.devices_for(&piece.needs) {
            self.taken.devices = devices;
        }
        self.groups.insert(piece.group.clone());
        self.allocations = self.allocations.saturating_add(1);
    }
}

/// Whether Nomad's full name of a device, `vendor/type/model`, is one of those that were asked for: by type alone, by
/// vendor and type, or by all three.
fn is_device(name: &str, asked: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    match (asked.split('/').collect::<Vec<_>>().as_slice(), parts.as_slice()) {
        ([kind], [_, has, ..]) => kind == has,
        ([vendor, kind], [has_vendor, has, ..]) => vendor == has_vendor && kind == has,
        _ => name == asked,
    }
}

/// Whether a text is one of those that a pattern stands for; `*` is any text.
fn fits_glob(text: &str, glob: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The orders in which pieces are tried: the largest first, the smallest first, and as they come.
const ORDERS: [fn(&mut Vec<&Piece>); 3] = [
    |pieces| pieces.sort_by_key(|piece| std::cmp::Reverse(size(piece))),
    |pieces| pieces.sort_by_key(|piece| size(piece)),
    |_| {},
];

fn size(piece: &Piece) -> (u64, u64) {
    (piece.asks.cpu.0, piece.asks.memory.0)
}

/// Which of the nodes that will do a piece goes to.
#[derive(Debug, Clone, Copy)]
enum Choice {
    /// Where the least is left afterwards, as packing goes.
    Tightest,
    /// Where the most is left, as spreading goes.
    Loosest,
    /// On each in turn, as Nomad does with the allocations of one group, which it keeps apart.
    InTurn,
}

/// Whether all pieces fit on the nodes beside what is there, in whichever order they are placed, packed or spread.
///
/// # Errors
///
/// The first piece for which there is no place.
pub fn fits(pieces: &[Piece], sites: &[Site]) -> Result<(), Misfit> {
    for order in ORDERS {
        let mut ordered: Vec<&Piece> = pieces.iter().collect();
        order(&mut ordered);
        for choice in [Choice::Tightest, Choice::Loosest, Choice::InTurn] {
            let mut sites = sites.to_vec();
            for piece in &ordered {
                let taken = place(piece, &mut sites, choice)?;
                if let Choice::InTurn = choice {
                    sites.rotate_left(taken + 1);
                }
            }
        }
    }
    Ok(())
}

/// How many of the pieces find no place on the nodes, the largest placed first.
#[must_use]
pub fn left_over(pieces: &[Piece], mut sites: Vec<Site>) -> usize {
    let mut ordered: Vec<&Piece> = pieces.iter().collect();
    ordered.sort_by_key(|piece| std::cmp::Reverse(size(piece)));
    ordered.into_iter().filter(|piece| place(piece, &mut sites, Choice::Tightest).is_err()).count()
}

/// Places a piece on one of the nodes that will do; which.
fn place(piece: &Piece, sites: &mut [Site], choice: Choice) -> Result<usize, Misfit> {
    let mut lacks: BTreeMap<Lack, usize> = BTreeMap::new();
    let mut best: Option<(usize, u64)> = None;
    for (number, site) in sites.iter().enumerate() {
        if let Some(lack) = site.lacks(piece) {
            *lacks.entry(lack).or_default() += 1;
            continue;
        }
        let left = site.free.less(piece.asks);
        let rest = left.cpu.0.saturating_add(left.memory.0);
        let is_better = |found: u64| match choice {
            Choice::Tightest => rest < found,
            Choice::Loosest => rest > found,
            Choice::InTurn => false,
        };
        if best.is_none_or(|(_, found)| is_better(found)) {
            best = Some((number, rest));
        }
    }
    let (number, _) = best.ok_or_else(|| Misfit { group: piece.group.clone(), lacks })?;
    sites[number].take(piece);
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Constraint;
    use crate::testing::group_key;

    fn site(name: &str, cpu: u64, memory: u64) -> Site {
        Site {
            node: name.into(),
            name: name.to_owned(),
            meta: Arc::default(),
            place: Arc::new(Place { datacenter: "dc1".into(), ..Place::default() }),
            free: Resources::new(cpu, memory, 0),
            taken: Holdings::default(),
            groups: BTreeSet::new(),
            allocations: 0,
        }
    }

    fn piece(job: &str, cpu: u64, memory: u64) -> Piece {
        let (group, asks) = (group_key(job, "g"), Resources::new(cpu, memory, 0));
        Piece { group, kind: JobKind::Service, asks, needs: Arc::default() }
    }

    fn needing(needs: Requirements) -> Piece {
        Piece { needs: Arc::new(needs), ..piece("web", 100, 100) }
    }

    fn with(change: impl FnOnce(&mut Place)) -> Site {
        let mut place = Place { datacenter: "dc1".into(), ..Place::default() };
        change(&mut place);
        Site { place: Arc::new(place), ..site("a", 1000, 1000) }
    }

    fn lack(piece: &Piece, site: &Site) -> Option<Lack> {
        fits(std::slice::from_ref(piece), std::slice::from_ref(site))
            .err()
            .map(|misfit| *misfit.lacks.keys().next().unwrap())
    }

    #[test]
    fn p31_fragments_do_not_add_up() {
        let sites = [site("a", 1400, 8000), site("b", 1400, 8000)];
        assert!(fits(&[piece("small", 1400, 500)], &sites).is_ok());
        let misfit = fits(&[piece("big", 1500, 500)], &sites).unwrap_err();
        assert_eq!(misfit.to_string(), "an allocation of big/g has no place: too little CPU on 2");
        let crowd = [piece("x", 800, 1), piece("y", 800, 1), piece("z", 700, 1)];
        assert!(fits(&crowd, &sites).is_err(), "2300 of 2800 MHz, and no place for the third");
    }

    /// Found by the comparison with the simulated scheduler, which spread the small ones.
    #[test]
    fn p31_what_fits_when_packed_must_fit_when_spread() {
        let sites = [site("a", 2027, 3086), site("b", 3818, 4588)];
        let mut pieces: Vec<Piece> = (0..8).map(|number| piece(&format!("small{number}"), 50, 50)).collect();
        pieces.extend(["big0", "big1"].map(|job| piece(job, 1841, 1552)));
        assert!(fits(&pieces[8..], &sites).is_ok());
        assert!(fits(&pieces, &sites).is_err(), "four small ones on each leave room for one big one");
    }

    #[test]
    fn p31_every_dimension_counts() {
        let amounts = |cpu, memory, disk, cores| Piece {
            asks: Resources { cores, ..Resources::new(cpu, memory, disk) },
            ..piece("web", 0, 0)
        };
        let there = Site { free: Resources { cores: 1, ..Resources::new(10, 10, 10) }, ..site("a", 0, 0) };
        assert_eq!(lack(&amounts(10, 10, 10, 1), &there), None);
        assert_eq!(lack(&amounts(11, 10, 10, 1), &there), Some(Lack::Cpu));
        assert_eq!(lack(&amounts(10, 11, 10, 1), &there), Some(Lack::Memory));
        assert_eq!(lack(&amounts(10, 10, 11, 1), &there), Some(Lack::Disk));
        assert_eq!(lack(&amounts(10, 10, 10, 2), &there), Some(Lack::Cores));
        let silent = Site { free: Resources::new(10, 10, 0), ..site("a", 0, 0) };
        assert_eq!(lack(&amounts(1, 1, 300, 0), &silent), None, "a node that shows no disk says nothing about it");
    }

    #[test]
    fn p31_ports_devices_slots_and_places() {
        let port = needing(Requirements { ports: vec![8080], ..Requirements::default() });
        let taken = Site { taken: Holdings { ports: vec![8080], ..Holdings::default() }, ..site("a", 1000, 1000) };
        assert_eq!(lack(&port, &taken), Some(Lack::Port));
        assert_eq!(lack(&port, &with(|place| place.reserved_ports = vec![8080])), Some(Lack::Port));
        assert_eq!(lack(&port, &site("a", 1000, 1000)), None);
        assert!(fits(&[port.clone(), port.clone()], &[site("a", 1000, 1000)]).is_err(), "a port is there once");

        let gpu = |name: &str, count| {
            needing(Requirements { devices: vec![(name.into(), count)], ..Requirements::default() })
        };
        let has = with(|place| place.devices = BTreeMap::from([("nvidia/gpu/t4".into(), 2)]));
        for name in ["gpu", "nvidia/gpu", "nvidia/gpu/t4"] {
            assert_eq!(lack(&gpu(name, 2), &has), None, "{name}");
            assert_eq!(lack(&gpu(name, 3), &has), Some(Lack::Device), "{name}");
        }
        assert_eq!(lack(&gpu("amd/gpu", 1), &has), Some(Lack::Device));
        assert!(fits(&[gpu("gpu", 1), gpu("gpu", 2)], &[has]).is_err(), "a device is there once");

        let full = Site { allocations: 3, ..with(|place| place.most_allocations = Some(3)) };
        assert_eq!(lack(&piece("web", 1, 1), &full), Some(Lack::Slot));
        let in_dc = |dc: &str| needing(Requirements { datacenters: vec![dc.into()], ..Requirements::default() });
        for (glob, expected) in [("dc1", None), ("*", None), ("d*1", None), ("dc2", Some(Lack::Elsewhere))] {
            assert_eq!(lack(&in_dc(glob), &site("a", 1000, 1000)), expected, "{glob}");
        }
        let in_pool = |pool: &str| needing(Requirements { node_pool: pool.into(), ..Requirements::default() });
        let gpu_pool = with(|place| place.node_pool = "gpu".into());
        for (pool, expected) in [("gpu", None), ("all", None), ("", None), ("default", Some(Lack::Elsewhere))] {
            assert_eq!(lack(&in_pool(pool), &gpu_pool), expected, "{pool}");
        }
    }

    #[test]
    fn p31_constraints_drivers_and_what_is_not_understood() {
        let constrained =
            |constraint| needing(Requirements { constraints: vec![constraint], ..Requirements::default() });
        let arch = |right: &str| Constraint {
            left: "${attr.cpu.arch}".into(),
            operator: "=".into(),
            right: right.into(),
            of_group: false,
        };
        let node = with(|place| {
            place.attributes.insert("cpu.arch".into(), "arm64".into());
            place.attributes.insert("driver.docker".into(), "1".into());
            place.volumes = vec!["data".into()];
        });
        assert_eq!(lack(&constrained(arch("arm64")), &node), None);
        assert_eq!(lack(&constrained(arch("amd64")), &node), Some(Lack::Constraint));
        let drivers = |name: &str| needing(Requirements { drivers: vec![name.into()], ..Requirements::default() });
        assert_eq!(lack(&drivers("docker"), &node), None);
        assert_eq!(lack(&drivers("java"), &node), Some(Lack::Constraint));
        let volume = |name: &str| needing(Requirements { volumes: vec![name.into()], ..Requirements::default() });
        assert_eq!(lack(&volume("data"), &node), None);
        assert_eq!(lack(&volume("other"), &node), Some(Lack::Constraint));
        let odd = needing(Requirements { unknown: vec!["a CSI volume".into()], ..Requirements::default() });
        assert_eq!(lack(&odd, &node), Some(Lack::Constraint));
    }

    #[test]
    fn p31_distinct_hosts_of_a_group_and_of_a_job() {
        let apart = |of_group| {
            let constraint = Constraint { operator: "distinct_hosts".into(), of_group, ..Constraint::default() };
            needing(Requirements { constraints: vec![constraint], ..Requirements::default() })
        };
        let beside = |group: GroupKey| Site { groups: [group].into(), ..site("a", 1000, 1000) };
        assert_eq!(lack(&apart(true), &beside(group_key("web", "g"))), Some(Lack::DistinctHosts));
        assert_eq!(lack(&apart(true), &beside(group_key("web", "other"))), None);
        assert_eq!(lack(&apart(false), &beside(group_key("web", "other"))), Some(Lack::DistinctHosts));
        assert_eq!(lack(&apart(false), &beside(group_key("db", "g"))), None);
        let both = [apart(true), apart(true)];
        assert!(fits(&both, &[site("a", 1000, 1000)]).is_err());
        assert!(fits(&both, &[site("a", 1000, 1000), site("b", 1000, 1000)]).is_ok());
    }

    #[test]
    fn p30_what_waits_and_is_not_held_by_what_comes() {
        let waiting = [piece("a", 600, 10), piece("b", 600, 10), piece("c", 300, 10)];
        assert_eq!(left_over(&waiting, vec![site("new", 1000, 1000)]), 1);
        assert_eq!(left_over(&waiting, vec![]), 3);
        assert_eq!(left_over(&waiting, vec![site("x", 1000, 1000), site("y", 1000, 1000)]), 0);
    }

    #[test]
    fn p31_a_node_emptied_has_only_what_runs_on_every_node() {
        let busy = Site { groups: [group_key("web", "g")].into(), allocations: 4, ..site("a", 10, 10) };
        let empty = busy.emptied(Resources::new(1000, 1000, 0), Resources::new(200, 100, 0));
        assert_eq!((empty.free, empty.allocations), (Resources::new(800, 900, 0), 0));
        assert!(empty.groups.is_empty());
    }
}
