//! Repeats the decisions of a recording and the moves of its operations, and tells where this version decides or moves
//! otherwise.

use std::io::{self, BufRead};

use jiff::Timestamp;
use replicator::decide::Decision;
use replicator::domain::Resource;
use replicator::operation::Situation;
use replicator::recording::{Decided, FORMAT, Header};
use serde::Deserialize;
use serde_json::Value;

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("cannot read the recording: {0}")]
    Unreadable(#[from] io::Error),
    /// It does not begin as one.
    #[error("line 1 is no header of a recording: {0}; a recording is made by `replicator agent -record=PATH`")]
    NoHeader(serde_json::Error),
    /// It tells what a served cluster was asked, and not what an agent decided.
    #[error(
        "this tells what a served cluster was asked, and has no decisions; those are recorded by the agent: \
         `replicator agent -record=PATH`"
    )]
    OfServed,
    /// It is of another format.
    #[error("the recording is of format {found}, by Replicator {version}; this one reads up to format {FORMAT}")]
    OtherFormat {
        /// Its format.
        found: u32,
        /// Who wrote it.
        version: String,
    },
    /// A line makes no sense.
    #[error("line {line} makes no sense: {problem}")]
    BadLine {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        problem: serde_json::Error,
    },
    /// It has no decisions.
    #[error("the recording has no decision and no move")]
    Empty,
}

/// Something that came out otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The line, from 1.
    pub line: usize,
    /// When it was, by the agent's wall clock.
    pub at: Timestamp,
    /// What differs.
    pub what: Differs,
}

/// What differs.
#[derive(Debug, Clone, PartialEq)]
pub enum Differs {
    /// A decision.
    Decision {
        /// As it was recorded.
        recorded: Box<Decision>,
        /// As it comes out now.
        now: Box<Decision>,
    },
    /// A move of an operation, as it is written.
    Move {
        /// What is scaled, with the phase that the operation was in.
        subject: String,
        /// As it was recorded.
        recorded: Value,
        /// As it comes out now.
        now: Value,
    },
}

/// A recorded move, as far as it can be read by a version with other moves.
#[derive(Deserialize)]
struct Moved {
    at: Timestamp,
    resource: Resource,
    situation: Situation,
    next: Value,
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Who recorded.
    pub header: Header,
    /// How many decisions were repeated.
    pub decisions: usize,
    /// How many moves were.
    pub moves: usize,
    /// Whether the last line was cut off, as by a crash.
    pub cut_off: bool,
    /// Those that came out otherwise, in order.
    pub differences: Vec<Difference>,
}

/// Repeats every decision, and every move of an operation.
///
/// # Errors
///
/// When the recording cannot be read, is none, or a line of it makes no sense. A last line without its end is none.
pub fn replay(recording: impl BufRead) -> Result<Replay, ReplayError> {
    let mut lines = Lines { input: recording, number: 0 };
    let first = lines.next_line()?.map(|(_, text, _)| text).unwrap_or_default();
    let header: Header = serde_json::from_str(&first).map_err(|problem| {
        let is_served = serde_json::from_str::<Value>(&first).is_ok_and(|line| line.get("served").is_some());
        if is_served { ReplayError::OfServed } else { ReplayError::NoHeader(problem) }
    })?;
    // One of the first format has no moves, and is read all the same.
    if !(1..=FORMAT).contains(&header.format) {
        return Err(ReplayError::OtherFormat { found: header.format, version: header.version });
    }
    let mut replay = Replay { header, decisions: 0, moves: 0, cut_off: false, differences: Vec::new() };
    while let Some((line, text, whole)) = lines.next_line()? {
        let value: Value = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if !whole => {
                replay.cut_off = true;
                break;
            }
            Err(problem) => return Err(ReplayError::BadLine { line, problem }),
        };
        let repeated = if value.get("case").is_some() {
            replay.decisions += 1;
            decide_again(&text, &value)
        } else if value.get("situation").is_some() {
            replay.moves += 1;
            move_again(value)
        } else {
            continue;
        };
        let difference = repeated.map_err(|problem| ReplayError::BadLine { line, problem })?;
        replay.differences.extend(difference.map(|(at, what)| Difference { line, at, what }));
    }
    if replay.decisions + replay.moves == 0 { Err(ReplayError::Empty) } else { Ok(replay) }
}

/// Compared as they are written: bit for bit, numbers included.
fn decide_again(text: &str, written: &Value) -> Result<Option<(Timestamp, Differs)>, serde_json::Error> {
    let recorded: Decided = serde_json::from_str(text)?;
    let now = recorded.case.decide();
    if written.get("decision") == Some(&serde_json::to_value(&now)?) {
        return Ok(None);
    }
    let what = Differs::Decision { recorded: Box::new(recorded.decision), now: Box::new(now) };
    Ok(Some((recorded.at, what)))
}

fn move_again(written: Value) -> Result<Option<(Timestamp, Differs)>, serde_json::Error> {
    let Moved { at, resource, situation, next: recorded } = serde_json::from_value(written)?;
    let now = serde_json::to_value(situation.next())?;
    let subject = format!("{resource}, {}", situation.phase_name());
    Ok((now != recorded).then_some((at, Differs::Move { subject, recorded, now })))
}

struct Lines<R> {
    input: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// The next line that is not blank: its number, its text, and whether it has its end.
    fn next_line(&mut self) -> io::Result<Option<(usize, String, bool)>> {
        loop {
            let mut text = String::new();
            if self.input.read_line(&mut text)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !text.trim().is_empty() {
                return Ok(Some((self.number, text.trim_end().to_owned(), text.ends_with('\n'))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use replicator::decide::{
        Case, GroupBounds, GroupObservation, NodeLoad, PoolObservation, Standing, TaskAverage, TaskObservation,
    };
    use std::time::Duration;

    use replicator::domain::{GroupKey, JobKey, Percent, PoolTarget, Resources};
    use replicator::operation::{GroupPhase, GroupScale, GroupSight, Rollout};
    use replicator::policy::{GroupPolicy, PoolPolicy, Reading};

    use super::*;

    fn decided(cpu: f64) -> Decided {
        let average = |percent| TaskAverage { percent: Some(Percent(percent)), ..TaskAverage::default() };
        let task = TaskObservation { task: "t".into(), cpu: average(cpu), memory: average(0.1 + 0.2) };
        let written = "enabled=true min=1 max=9 scalein_cpu=30 scalein_mem=30 scaleout_cpu=80 scaleout_mem=80";
        let keys = written.split(' ').map(|it| it.split_once('=').unwrap());
        let meta = keys.map(|(key, value)| (format!("replicator_{key}"), value.to_owned())).collect();
        let Reading::Policy(policy, _) = GroupPolicy::read(&meta) else { panic!("no policy: {meta:?}") };
        let case = Case::Group {
            key: GroupKey { job: JobKey::in_default("web"), group: "g".into() },
            observation: GroupObservation { count: 2, running: 2, tasks: vec![task], ..GroupObservation::default() },
            policy,
            standing: Standing::default(),
        };
        let decision = case.decide();
        Decided { at: jiff::Timestamp::UNIX_EPOCH, case, decision }
    }

    fn recording(lines: &[String]) -> String {
        let header = Header { format: FORMAT, version: "v".into(), revision: "r".into(), agent: "a".into() };
        let header = serde_json::to_string(&header).unwrap();
        [&[header], lines].concat().join("\n") + "\n"
    }

    fn line(decided: &Decided) -> String {
        serde_json::to_string(decided).unwrap()
    }

    #[test]
    fn decisions_are_repeated_bit_for_bit() {
        // Numbers that have no short form.
        let lines: Vec<String> = [81.3, 100.0 / 3.0, f64::MIN_POSITIVE, 1e300].map(|cpu| line(&decided(cpu))).into();
        let replayed = replay(recording(&lines).as_bytes()).unwrap();
        assert_eq!((replayed.decisions, replayed.differences), (4, vec![]));
    }

    #[test]
    fn a_share_of_nothing_is_repeated_too() {
        // One node, and that one may fail: nothing is allowed without it.
        let node = NodeLoad {
            node: "n".into(),
            capacity: Resources::new(1000, 1000, 0),
            used: Resources::new(10, 10, 0),
            system: Resources::default(),
        };
        let bounds = GroupBounds {
            min: 0,
            max: 9,
            group_min: 0,
            desired: 2,
            members: 2,
            launch_suspended: None,
            weighted: false,
            overhaul: None,
        };
        let nodes = [node.clone(), NodeLoad { node: "m".into(), ..node }].into();
        let target = PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() };
        let case = Case::Pool {
            observation: PoolObservation {
                nodes,
                reserve: Resources::default(),
                bounds,
                coming: 0,
                waiting: 0,
                odd: vec![],
            },
            others: vec![],
            policy: PoolPolicy {
                target,
                enabled: true,
                notification_uid: "U".to_owned(),
                min: None,
                max: None,
                cooldown: std::time::Duration::from_secs(60),
                fault_tolerance: 1,
                retry_threshold: 3,
                scaling_threshold: 1,
                price: None,
            },
            standing: Standing::default(),
        };
        let decision = case.decide();
        assert!(decision.findings.iter().any(|finding| !finding.measured.is_finite()), "{decision:?}");
        let lines = [line(&Decided { at: jiff::Timestamp::UNIX_EPOCH, case, decision })];
        let replayed = replay(recording(&lines).as_bytes()).unwrap();
        assert_eq!((replayed.decisions, replayed.differences), (1, vec![]));
    }

    #[test]
    fn a_decision_that_comes_out_otherwise_is_found() {
        let mut other = decided(81.3);
        other.decision = decided(50.0).decision;
        let event = r#"{"at":"1970-01-01T00:00:00Z","event":{"leadership":"won"}}"#.to_owned();
        let lines = [line(&decided(50.0)), event, line(&other)];
        let replayed = replay(recording(&lines).as_bytes()).unwrap();
        assert_eq!(replayed.decisions, 2);
        let [Difference { line: 4, what: Differs::Decision { now, .. }, .. }] = &replayed.differences[..] else {
            panic!("{:?}", replayed.differences)
        };
        assert_eq!(**now, decided(81.3).decision);
    }

    #[test]
    fn moves_are_repeated_too() {
        let work = GroupScale {
            from: 2,
            to: 3,
            retry_threshold: 1,
            decided_on: Some(7),
            message: "why".into(),
            phase: GroupPhase::Scaling,
        };
        let resource = Resource::Group(GroupKey { job: JobKey::in_default("web"), group: "g".into() });
        let moved = |job: Option<(u32, u64)>| {
            let sight = GroupSight {
                job,
                deploying: false,
                rollout: Rollout::Evaluating,
                hang: None,
                lacks_room: false,
                ailing: None,
                withdrawn: false,
                in_phase: Duration::from_millis(1500),
            };
            let situation = Situation::GroupScale { work: work.clone(), sight };
            let next = situation.next();
            serde_json::to_string(&replicator::recording::Moved {
                at: jiff::Timestamp::UNIX_EPOCH,
                resource: &resource,
                situation: &situation,
                next: &next,
            })
            .unwrap()
        };
        let lines = [line(&decided(50.0)), moved(Some((2, 7))), moved(None)];
        let replayed = replay(recording(&lines).as_bytes()).unwrap();
        assert_eq!((replayed.decisions, replayed.moves, replayed.differences), (1, 2, vec![]));
        let other = recording(&lines).replace("job_gone", "job_changed");
        let replayed = replay(other.as_bytes()).unwrap();
        let [Difference { line: 4, what: Differs::Move { subject, recorded, now }, .. }] = &replayed.differences[..]
        else {
            panic!("{:?}", replayed.differences)
        };
        assert_eq!(subject, "group web/g, scaling");
        let ended = |why: &str| serde_json::json!({"finish": {"abandoned": why}});
        assert_eq!((recorded, now), (&ended("job_changed"), &ended("job_gone")));
    }

    #[test]
    fn what_is_no_recording_is_named() {
        assert!(matches!(replay(&b""[..]), Err(ReplayError::NoHeader(_))));
        assert!(matches!(replay(&b"{}\n"[..]), Err(ReplayError::NoHeader(_))));
        assert!(matches!(replay(&b"{\"served\":\"A day\",\"seed\":1}\n"[..]), Err(ReplayError::OfServed)));
        assert!(matches!(replay(recording(&[]).as_bytes()), Err(ReplayError::Empty)));
        let other = recording(&[]).replace("\"format\":3", "\"format\":7");
        assert!(matches!(replay(other.as_bytes()), Err(ReplayError::OtherFormat { found: 7, .. })));
        let bad = recording(&[line(&decided(50.0)), "{".to_owned(), line(&decided(50.0))]);
        assert!(matches!(replay(bad.as_bytes()), Err(ReplayError::BadLine { line: 3, .. })));
        let whole = recording(&[line(&decided(50.0)), line(&decided(81.3))]);
        let cut = replay(&whole.as_bytes()[..whole.len() - 9]).unwrap();
        assert!(cut.cut_off && cut.decisions == 1 && cut.differences.is_empty());
    }
}
