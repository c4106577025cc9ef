//! What happens in a scenario that is made up.

use super::draft::{Draft, Feature, TROUBLE};

/// The most events.
const MOST: u64 = 9;

pub(super) fn write(draft: &mut Draft) {
    let writers: Vec<fn(&mut Draft) -> String> = [
        (Feature::Outages, outage as fn(&mut Draft) -> String),
        (Feature::DyingNodes, dying_nodes),
        (Feature::DyingAgents, dying_agent),
        (Feature::Clocks, clock),
        (Feature::CloudTrouble, cloud_trouble),
        (Feature::NodeTrouble, node_trouble),
        (Feature::People, people),
    ]
    .into_iter()
    .filter(|(feature, _)| draft.has(*feature))
    .map(|(_, writer)| writer)
    .collect();
    for _ in 0..draft.dice.within(0..MOST) {
        let Some(writer) = draft.dice.pick(&writers).copied() else { return };
        let at = draft.dice.within(0..TROUBLE * 60 - 10);
        let lasts = draft.one_of(60, &[10, 400, 2000]).min(TROUBLE * 60 - at);
        let what = writer(draft);
        draft.line(format_args!("[[event]]\nat = \"{at}s\"\nfor = \"{lasts}s\"\n{what}\n"));
    }
}

fn pool(draft: &mut Draft) -> usize {
    usize::try_from(draft.dice.within(0..draft.pools.len() as u64)).unwrap_or(0)
}

fn group(draft: &mut Draft) -> (String, u64) {
    let number = usize::try_from(draft.dice.within(0..draft.groups.len() as u64)).unwrap_or(0);
    let group = &draft.groups[number];
    (group.name.clone(), group.count)
}

fn outage(draft: &mut Draft) -> String {
    match draft.dice.within(0..5) {
        0 => "consul_outage = true".to_owned(),
        1 => "cloud_outage = true".to_owned(),
        2 => format!("statistics_outage = \"{}\"", group(draft).0),
        3 => {
            let pool = pool(draft);
            format!("no_statistics = \"{}\"", draft.pools[pool].name)
        }
        _ => "nomad_outage = true".to_owned(),
    }
}

fn dying_nodes(draft: &mut Draft) -> String {
    let of = pool(draft);
    let (name, zones) = (draft.pools[of].name, draft.pools[of].zones.clone());
    if draft.dice.chance(0.3) {
        let zone = draft.dice.pick(&zones).copied().unwrap_or("a");
        return format!("kill_zone = {{ pool = \"{name}\", zone = \"{zone}\" }}");
    }
    format!("kill_node = {{ pool = \"{name}\", count = {} }}", draft.dice.within(1..4))
}

fn agent(draft: &mut Draft) -> String {
    if draft.dice.chance(0.6) { "leader".to_owned() } else { format!("agent-{}", draft.dice.within(0..draft.agents)) }
}

fn dying_agent(draft: &mut Draft) -> String {
    let what = draft.one_of("kill_agent", &["stop_agent", "destroy_session"]);
    format!("{what} = \"{}\"", agent(draft))
}

fn clock(draft: &mut Draft) -> String {
    let way = draft.one_of("ahead", &["back"]);
    let seconds = draft.one_of(30, &[5, 600, 7200]);
    // The leader may be another by the time the clock is set back.
    let agent = draft.dice.within(0..draft.agents);
    format!("clock_jump = {{ agent = \"agent-{agent}\", {way} = \"{seconds}s\" }}")
}

fn cloud_trouble(draft: &mut Draft) -> String {
    let of = pool(draft);
    let name = draft.pools[of].name;
    match draft.dice.within(0..5) {
        0 => format!("no_capacity = \"{name}\""),
        1 => format!("never_join = \"{name}\""),
        2 => format!("protect = \"{name}\""),
        3 => format!("standby = {{ pool = \"{name}\" }}"),
        _ => format!("detach_instance = {{ pool = \"{name}\" }}"),
    }
}

fn node_trouble(draft: &mut Draft) -> String {
    let of = pool(draft);
    let (name, nodes) = (draft.pools[of].name, draft.pools[of].nodes);
    let node = draft.dice.within(0..nodes);
    match draft.dice.within(0..6) {
        0 => {
            let eligible = draft.dice.chance(0.3);
            format!("set_eligibility = {{ pool = \"{name}\", node = {node}, eligible = {eligible} }}")
        }
        1 => format!("drain_node = {{ pool = \"{name}\", node = {node} }}"),
        4 => format!("silence_node = {{ pool = \"{name}\", node = {node} }}"),
        2 => format!("cancel_drain = {{ pool = \"{name}\" }}"),
        3 => {
            let cpu = draft.one_of(0, &[500, 100_000]);
            format!("odd_node = {{ pool = \"{name}\", node = {node}, cpu = {cpu} }}")
        }
        _ => {
            let (key, value) = draft.one_of(("rack", "r2"), &[("rack", "r1"), ("replicator_max", "12")]);
            format!("set_meta = {{ pool = \"{name}\", node = {node}, key = \"{key}\", value = \"{value}\" }}")
        }
    }
}

fn people(draft: &mut Draft) -> String {
    let of = pool(draft);
    let (name, max) = (draft.pools[of].name, draft.pools[of].max);
    let set = draft.one_of("on", &["off"]);
    match draft.dice.within(0..4) {
        0 => format!("failsafe = {{ pool = \"{name}\", set = \"{set}\" }}"),
        1 => format!("failsafe = {{ group = \"{}\", set = \"{set}\" }}", group(draft).0),
        2 => {
            let (group, count) = group(draft);
            format!("set_count = {{ group = \"{group}\", count = {} }}", draft.dice.within(0..count * 2 + 2))
        }
        _ => format!("set_desired = {{ pool = \"{name}\", desired = {} }}", draft.dice.within(0..max + 1)),
    }
}
