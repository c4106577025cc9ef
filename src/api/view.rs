//! From the board to the model. Decisions carry every number; here they are only put into words and fields.

use jiff::Timestamp;

use super::Site;
use super::model::{
    self, Agent, Amount, Decision, Direction, Failsafe, Finding, Happening, Held, History, Hold, Kind, Lasting,
    Observation, Operation, Receiver, Resource, Role, Status, Stop, Task, Verdict, View,
};
use crate::agent::{Feed, Leadership, Matter};
use crate::decide::{self, Case, Until};
use crate::domain;
use crate::outlet::alerts::Standing;
use crate::outlet::board::{self, Board, Pinned, Sheet};
use crate::outlet::series::Sample;
use crate::state::ResourceState;

/// All of it.
pub(super) fn status(site: &Site, now: Timestamp) -> Status {
    let pinned = site.board.standing();
    let resources: Vec<Resource> = pinned.resources.iter().map(|(key, sheet)| resource(&pinned, key, sheet)).collect();
    let receivers = site.receivers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let receivers: Vec<Receiver> = receivers.iter().map(receiver).collect();
    let (agents, leader) = site.peers.known(now);
    let troubles = troubles(&pinned);
    let attention = attention(&pinned, &resources, &receivers, &troubles);
    Status {
        at: now.to_string(),
        agent: Agent {
            name: site.agent.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: site.started.to_string(),
            role: role(&pinned),
        },
        leader,
        agents,
        attention,
        troubles,
        views: pinned.views.iter().map(|(feed, at)| view(*feed, *at)).collect(),
        resources,
        receivers,
    }
}

/// All resources that are known on a board, and what is wrong with servers and views.
#[must_use]
pub fn known(board: &Board) -> (Vec<Resource>, Vec<String>) {
    let pinned = board.standing();
    let resources = pinned.resources.iter().map(|(key, sheet)| resource(&pinned, key, sheet)).collect();
    (resources, troubles(&pinned))
}

/// One resource by its printed name.
pub(super) fn find(site: &Site, name: &str) -> Option<Resource> {
    site.board.look(|pinned| {
        let (key, sheet) = named(pinned, name)?;
        Some(resource(pinned, key, sheet))
    })
}

fn named<'a>(pinned: &'a Pinned, name: &str) -> Option<(&'a domain::Resource, &'a Sheet)> {
    pinned.resources.iter().find(|(key, _)| key.to_string() == name)
}

/// What happened after the one with that number, at most so many.
pub(super) fn history(site: &Site, after: u64, limit: usize) -> History {
    site.board.look(|pinned| {
        let newer: Vec<&board::Happening> = pinned.history.iter().filter(|it| it.id > after).collect();
        // Of too many, the latest.
        let skip = if after == 0 { newer.len().saturating_sub(limit) } else { 0 };
        let happenings = newer.into_iter().skip(skip).take(limit).map(happening).collect();
        History { happenings, last: pinned.happened }
    })
}

/// How one resource went lately; nothing where it is not known.
pub(super) fn series(site: &Site, name: &str) -> Option<model::Series> {
    let samples = site.board.look(|pinned| {
        let (key, _) = named(pinned, name)?;
        Some(pinned.series.of(key))
    })?;
    let held = |load: Option<(f64, f64)>| load.map(|(used, limit)| Held { used, limit });
    let sample = |it: Sample| model::Sample {
        at: it.at.to_string(),
        size: it.size,
        min: it.bounds.0,
        max: Some(it.bounds.1).filter(|max| *max < u32::MAX),
        cpu: held(it.cpu),
        memory: held(it.memory),
    };
    Some(model::Series { resource: name.to_owned(), samples: samples.into_iter().map(sample).collect() })
}

/// The first that happened after the one with that number.
pub(super) fn next_happening(site: &Site, after: u64) -> Option<Happening> {
    site.board.look(|pinned| pinned.history.iter().find(|it| it.id > after).map(happening))
}

/// What keeps the agent from being ready.
pub(super) fn not_ready(site: &Site, now: Timestamp) -> Vec<String> {
    let overdue = site.board.overdue(site.interval, now);
    site.board.look(|pinned| {
        let mut problems = troubles(pinned);
        if pinned.leadership.is_none() && problems.is_empty() {
            problems.push("it is not known yet who leads".to_owned());
        }
        problems.extend(overdue.into_values());
        problems
    })
}

fn view(feed: Feed, answered: Timestamp) -> View {
    View { name: feed.to_string(), answered: answered.to_string() }
}

fn role(pinned: &Pinned) -> Role {
    match pinned.leadership {
        Some((_, Leadership::Won)) => Role::Leads,
        Some((_, Leadership::Follows)) => Role::StandsBy,
        Some((_, Leadership::Lost(_) | Leadership::Vacant | Leadership::Resigned)) | None => Role::Campaigns,
    }
}

fn troubles(pinned: &Pinned) -> Vec<String> {
    let lock = pinned.lock.iter().map(|trouble| format!("cannot reach the lock: {trouble}"));
    let aside = pinned.aside.iter().map(|trouble| format!("does not stand for the lock: {trouble}"));
    let feeds = pinned.feeds.iter().map(|(feed, trouble)| format!("cannot watch {feed}: {trouble}"));
    let unreadable = pinned.unreadable.iter().map(|(what, error)| format!("cannot read {what}: {error}"));
    lock.chain(aside).chain(feeds).chain(unreadable).collect()
}

fn attention(pinned: &Pinned, resources: &[Resource], receivers: &[Receiver], troubles: &[String]) -> Vec<String> {
    let failsafes = resources.iter().filter_map(|it| {
        let failsafe = it.failsafe.as_ref()?;
        let why = failsafe.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let by = if failsafe.by_operator { "by an operator" } else { "by itself" };
        Some(format!("{} is in failsafe, {by}{why}", it.name))
    });
    let policies = resources.iter().filter_map(|it| {
        let problem = it.policy_problem.as_ref()?;
        Some(format!("{}: policy: {problem}", it.name))
    });
    let stuck = resources.iter().filter_map(|it| {
        let trouble = it.trouble.as_ref()?;
        Some(format!("{} cannot be evaluated: {trouble}", it.name))
    });
    let lasting = pinned.lasting.iter().filter(|((_, matter), _)| *matter != Matter::Failsafe);
    let lasting = lasting.map(|((resource, _), (_, words))| match resource {
        Some(resource) => format!("{resource}: {words}"),
        None => words.clone(),
    });
    let receivers = receivers.iter().filter_map(|it| {
        let trouble = it.trouble.as_ref()?;
        Some(format!("{} does not take alerts, and {} wait: {trouble}", it.name, it.waiting))
    });
    failsafes.chain(troubles.iter().cloned()).chain(policies).chain(stuck).chain(lasting).chain(receivers).collect()
}

fn resource(pinned: &Pinned, key: &domain::Resource, sheet: &Sheet) -> Resource {
    let (pool, group) = match key {
        domain::Resource::Pool(pool) => (Some(pool.to_string()), None),
        domain::Resource::Group(group) => (None, Some(group)),
    };
    let case = sheet.case.as_ref().map(|(_, case)| &**case);
    let (min, max) = case.map_or((None, None), bounds);
    let state = sheet.state.as_deref();
    let operation = state.and_then(|state| state.operation.as_ref()).map(operation);
    let lasting = pinned.lasting.iter().filter(|((about, _), _)| about.as_ref() == Some(key));
    Resource {
        name: key.to_string(),
        kind: if pool.is_some() { Kind::WorkerPool } else { Kind::JobGroup },
        pool,
        job: group.map(|group| group.job.id.to_string()),
        group: group.map(|group| group.group.to_string()),
        namespace: group.map(|group| group.job.namespace.to_string()),
        summary: summary(sheet),
        size: case.map(size),
        min,
        max,
        enabled: case.map(is_enabled),
        policy: case.and_then(policy),
        policy_problem: sheet.policy_problem.clone(),
        observation: sheet.case.as_ref().map(|(at, case)| observation(*at, case)),
        decision: sheet.decision.as_ref().map(|(at, it)| decision(*at, it)),
        undecided: sheet.undecided.as_ref().map(|(_, why)| why.clone()),
        trouble: sheet.trouble.as_ref().map(|(_, problem)| problem.clone()),
        lasting: lasting.map(|((_, matter), (since, words))| self::lasting(*matter, *since, words)).collect(),
        cooldown_left: case.and_then(Case::cooldown_left).map_or(0, |left| left.as_secs()),
        failsafe: state.filter(|state| state.failsafe_mode).map(failsafe),
        hold: case.and_then(|case| hold(case, state)),
        failures: state.map_or(0, |state| state.failure_count),
        last_scaled: state.and_then(|state| state.last_scaling_event).map(|at| at.to_string()),
        operation,
        state_path: sheet.path.clone(),
        looked: sheet.looked.map(|at| at.to_string()),
    }
}

/// How it stands, in a sentence; what matters most comes first.
fn summary(sheet: &Sheet) -> String {
    let state = sheet.state.as_deref();
    if state.is_some_and(|state| state.failsafe_mode) {
        return "in failsafe: nobody scales it".to_owned();
    }
    if let Some(problem) = &sheet.policy_problem
        && sheet.decision.is_none()
    {
        return format!("not scaled: {problem}");
    }
    if let Some(operation) = state.and_then(|state| state.operation.as_ref()) {
        let step = operation.step.map_or_else(String::new, |step| format!(" {} -> {}", step.from, step.to));
        return format!("scaling {}{step}: {}", operation.work.direction(), operation.work.phase_name());
    }
    if let Some((_, trouble)) = &sheet.trouble {
        return format!("cannot be evaluated: {trouble}");
    }
    if let Some((_, why)) = &sheet.undecided {
        return why.clone();
    }
    match &sheet.decision {
        None => "not evaluated yet".to_owned(),
        Some((_, decision)) => {
            let sentence = decision.to_string();
            let about = format!("{}: ", decision.resource);
            sentence.strip_prefix(&about).unwrap_or(&sentence).to_owned()
        }
    }
}

fn size(case: &Case) -> u32 {
    match case {
        Case::Group { observation, .. } => observation.count,
        Case::Pool { observation, .. } => observation.bounds.desired,
    }
}

fn bounds(case: &Case) -> (Option<u32>, Option<u32>) {
    match case {
        Case::Group { policy, .. } => (Some(policy.min), Some(policy.max)),
        Case::Pool { observation, .. } => (Some(observation.bounds.min), Some(observation.bounds.max)),
    }
}

fn is_enabled(case: &Case) -> bool {
    match case {
        Case::Group { policy, .. } => policy.enabled,
        Case::Pool { policy, .. } => policy.enabled,
    }
}

fn policy(case: &Case) -> Option<serde_json::Value> {
    let mut value = match case {
        Case::Group { policy, .. } => serde_json::to_value(policy),
        Case::Pool { policy, .. } => serde_json::to_value(policy),
    }
    .ok()?;
    // A span as serde writes it is of no use to anybody who reads it.
    if let Some(seconds) = value.pointer("/cooldown/secs").cloned() {
        value["cooldown"] = seconds;
    }
    Some(value)
}

fn observation(at: Timestamp, case: &Case) -> Observation {
    let amount = |resources: domain::Resources| Amount { cpu: resources.cpu.0, memory: resources.memory.0 };
    let nothing = Observation {
        at: at.to_string(),
        nodes: None,
        coming: None,
        waiting: None,
        capacity: None,
        used: None,
        reserve: None,
        running: None,
        deploying: None,
        tasks: vec![],
    };
    match case {
        Case::Group { observation, .. } => Observation {
            running: Some(observation.running as u64),
            deploying: Some(observation.deploying),
            tasks: observation.tasks.iter().map(task).collect(),
            ..nothing
        },
        Case::Pool { observation, .. } => Observation {
            nodes: Some(observation.nodes.len() as u64),
            coming: Some(observation.coming),
            waiting: Some(observation.waiting),
            capacity: Some(amount(observation.capacity())),
            used: Some(amount(observation.used())),
            reserve: Some(amount(observation.reserve)),
            ..nothing
        },
    }
}

fn task(task: &decide::TaskObservation) -> Task {
    Task {
        name: task.task.to_string(),
        cpu: task.cpu.percent.map(|percent| percent.0),
        memory: task.memory.percent.map(|percent| percent.0),
    }
}

fn direction(direction: decide::Direction) -> Direction {
    match direction {
        decide::Direction::In => Direction::In,
        decide::Direction::Out => Direction::Out,
    }
}

fn decision(at: Timestamp, it: &decide::Decision) -> Decision {
    let step = it.verdict.step();
    let stops = match &it.verdict {
        decide::Verdict::Hold(_, stops) => stops.as_slice(),
        _ => &[],
    };
    Decision {
        at: at.to_string(),
        verdict: match it.verdict {
            decide::Verdict::Undecided => Verdict::Undecided,
            decide::Verdict::Stay => Verdict::Stay,
            decide::Verdict::Hold(..) => Verdict::Hold,
            decide::Verdict::Act(_) => Verdict::Act,
            decide::Verdict::WouldAct(_) => Verdict::WouldAct,
        },
        direction: step.map(|step| direction(step.direction())),
        from: step.map(|step| step.from),
        to: step.map(|step| step.to),
        sentence: it.to_string(),
        stops: stops
            .iter()
            .map(|stop| Stop { rule: stop.rule(&it.resource).to_owned(), sentence: stop.to_string() })
            .collect(),
        findings: it.findings.iter().map(finding).collect(),
        scalein_requests: it.scalein_requests,
        scaleout_requests: it.scaleout_requests,
    }
}

fn finding(it: &decide::Finding) -> Finding {
    let finite = |number: f64| number.is_finite().then_some(number);
    let both = [decide::Direction::Out, decide::Direction::In];
    Finding {
        rule: format!("{:?}", it.rule),
        speaks_for: both.into_iter().filter(|way| it.rule.speaks_for(*way)).map(direction).collect(),
        quantity: it.quantity.to_string(),
        unit: it.quantity.unit().trim().to_owned(),
        measured: finite(it.measured),
        relation: match it.relation {
            decide::Relation::Above => "above",
            decide::Relation::Below => "below",
            decide::Relation::AtLeast => "at_least",
        }
        .to_owned(),
        limit: finite(it.limit),
        margin: finite(it.margin()),
        holds: it.holds,
        sentence: it.to_string(),
    }
}

fn lasting(matter: Matter, since: Timestamp, words: &str) -> Lasting {
    let matter = serde_json::to_value(matter).ok().and_then(|name| name.as_str().map(str::to_owned));
    Lasting { matter: matter.unwrap_or_default(), since: since.to_string(), words: words.to_owned() }
}

fn failsafe(state: &ResourceState) -> Failsafe {
    let alert = state.alert.as_ref().filter(|_| !state.failsafe_admin);
    let why = alert.map(|alert| alert.why.clone()).filter(|why| !why.is_empty());
    Failsafe {
        by_operator: state.failsafe_admin,
        by: state.failsafe_by().map(str::to_owned),
        reason: state.failsafe_reason().map(str::to_owned).or(why),
        since: alert.and_then(|alert| alert.since).map(|at| at.to_string()),
        told: alert.map(|alert| alert.told.clone()).unwrap_or_default(),
    }
}

fn hold(case: &Case, state: Option<&ResourceState>) -> Option<Hold> {
    let (Case::Group { standing, .. } | Case::Pool { standing, .. }) = case;
    let until = |until: Option<Until>| {
        until.map(|until| match until {
            Until::Time(time) => time.to_string(),
            Until::Released => "released".to_owned(),
        })
    };
    let own = state.and_then(|state| state.hold.as_ref());
    let hold = Hold {
        scaling_in: until(standing.held_in),
        scaling_out: until(standing.held_out),
        by: own.and_then(|own| own.by.clone()),
        reason: own.and_then(|own| own.reason.clone()),
    };
    (hold.scaling_in.is_some() || hold.scaling_out.is_some()).then_some(hold)
}

fn operation(it: &crate::operation::Operation) -> Operation {
    Operation {
        direction: direction(it.work.direction()),
        from: it.step.map(|step| step.from),
        to: it.step.map(|step| step.to),
        phase: it.work.phase_name().to_owned(),
        about: it.work.about(),
        started: it.started.to_string(),
        since: it.since.to_string(),
        agent: it.agent.to_string(),
    }
}

fn receiver(it: &Standing) -> Receiver {
    Receiver {
        name: it.receiver.to_owned(),
        waiting: it.waiting as u64,
        sent: it.sent,
        failed: it.failed,
        lost: it.lost,
        last_sent: it.last_sent.map(|at| at.to_string()),
        trouble: it.trouble.clone(),
    }
}

fn happening(it: &board::Happening) -> Happening {
    Happening {
        id: it.id,
        at: it.at.to_string(),
        resource: it.resource.clone(),
        kind: it.kind.to_string(),
        words: it.words.clone(),
    }
}
