//! What happens in a scenario that is made up.

use super::making::{Feature, Making, TROUBLE, seconds};
use crate::plan::Toggle;
use crate::plan::draft::{
    ClockJump, Event, Failsafe, KillNode, KillZone, NodeMeta, OddNode, OfPool, OneNode, SetCount, SetDesired,
    SetEligibility, Yes,
};

/// The most events.
const MOST: u64 = 9;

/// Says what happens in an event.
type Writer = fn(&mut Making, &mut Event);

pub(super) fn make(making: &mut Making) {
    let writers: Vec<Writer> = [
        (Feature::Outages, outage as Writer),
        (Feature::DyingNodes, dying_nodes),
        (Feature::DyingAgents, dying_agent),
        (Feature::Clocks, clock),
        (Feature::CloudTrouble, cloud_trouble),
        (Feature::NodeTrouble, node_trouble),
        (Feature::People, people),
    ]
    .into_iter()
    .filter(|(feature, _)| making.has(*feature))
    .map(|(_, writer)| writer)
    .collect();
    for _ in 0..making.dice.within(0..MOST) {
        let Some(writer) = making.dice.pick(&writers).copied() else { return };
        let at = making.dice.within(0..TROUBLE * 60 - 10);
        let lasts = making.one_of(60, &[10, 400, 2000]).min(TROUBLE * 60 - at);
        let mut event = Event { at: seconds(at), lasting: Some(seconds(lasts)), ..Event::default() };
        writer(making, &mut event);
        making.draft.event.push(event);
    }
}

/// The number of one of the pools.
fn number(making: &mut Making) -> usize {
    usize::try_from(making.dice.within(0..making.pools.len() as u64)).unwrap_or(0)
}

/// The name of one of the pools.
fn pool(making: &mut Making) -> String {
    let number = number(making);
    making.pools[number].name.to_owned()
}

/// The name of one of the groups, and its count.
fn group(making: &mut Making) -> (String, u64) {
    let number = usize::try_from(making.dice.within(0..making.groups.len() as u64)).unwrap_or(0);
    let group = &making.groups[number];
    (group.name.clone(), group.count)
}

fn outage(making: &mut Making, event: &mut Event) {
    match making.dice.within(0..5) {
        0 => event.consul_outage = Some(Yes),
        1 => event.cloud_outage = Some(Yes),
        2 => event.statistics_outage = Some(group(making).0),
        3 => event.no_statistics = Some(pool(making)),
        _ => event.nomad_outage = Some(Yes),
    }
}

fn dying_nodes(making: &mut Making, event: &mut Event) {
    let of = number(making);
    let (pool, zones) = (making.pools[of].name.to_owned(), making.pools[of].zones.clone());
    if making.dice.chance(0.3) {
        let zone = making.dice.pick(&zones).copied().unwrap_or("a").to_owned();
        event.kill_zone = Some(KillZone { pool, zone });
    } else {
        event.kill_node = Some(KillNode { pool, count: Some(making.number(1..4)) });
    }
}

fn agent(making: &mut Making) -> String {
    if making.dice.chance(0.6) {
        "leader".to_owned()
    } else {
        format!("agent-{}", making.dice.within(0..making.agents))
    }
}

fn dying_agent(making: &mut Making, event: &mut Event) {
    let what = making.one_of(0, &[1, 2]);
    let agent = Some(agent(making));
    match what {
        0 => event.kill_agent = agent,
        1 => event.stop_agent = agent,
        _ => event.destroy_session = agent,
    }
}

fn clock(making: &mut Making, event: &mut Event) {
    let is_ahead = making.one_of(true, &[false]);
    let by = Some(seconds(making.one_of(30, &[5, 600, 7200])));
    // The leader may be another by the time the clock is set back.
    let agent = format!("agent-{}", making.dice.within(0..making.agents));
    let (ahead, back) = if is_ahead { (by, None) } else { (None, by) };
    event.clock_jump = Some(ClockJump { agent, ahead, back });
}

fn cloud_trouble(making: &mut Making, event: &mut Event) {
    let pool = pool(making);
    match making.dice.within(0..5) {
        0 => event.no_capacity = Some(pool),
        1 => event.never_join = Some(pool),
        2 => event.protect = Some(pool),
        3 => event.standby = Some(OfPool { pool }),
        _ => event.detach_instance = Some(OfPool { pool }),
    }
}

fn node_trouble(making: &mut Making, event: &mut Event) {
    let of = number(making);
    let (pool, nodes) = (making.pools[of].name.to_owned(), making.pools[of].nodes);
    let node = making.number(0..nodes);
    match making.dice.within(0..6) {
        0 => event.set_eligibility = Some(SetEligibility { pool, node, eligible: making.dice.chance(0.3) }),
        1 => event.drain_node = Some(OneNode { pool, node }),
        4 => event.silence_node = Some(OneNode { pool, node }),
        2 => event.cancel_drain = Some(OfPool { pool }),
        3 => event.odd_node = Some(OddNode { pool, node, cpu: making.one_of(0, &[500, 100_000]) }),
        _ => {
            let (key, value) = making.one_of(("rack", "r2"), &[("rack", "r1"), ("replicator_max", "12")]);
            event.set_meta = Some(NodeMeta { pool, node, key: key.to_owned(), value: value.into() });
        }
    }
}

fn people(making: &mut Making, event: &mut Event) {
    let of = number(making);
    let (pool, max) = (making.pools[of].name.to_owned(), making.pools[of].max);
    let set = making.one_of(Toggle::On, &[Toggle::Off]);
    match making.dice.within(0..4) {
        0 => event.failsafe = Some(Failsafe { pool: Some(pool), group: None, set }),
        1 => event.failsafe = Some(Failsafe { pool: None, group: Some(group(making).0), set }),
        2 => {
            let (group, count) = group(making);
            event.set_count = Some(SetCount { group, count: making.number(0..count * 2 + 2) });
        }
        _ => event.set_desired = Some(SetDesired { pool, desired: making.number(0..max + 1) }),
    }
}
