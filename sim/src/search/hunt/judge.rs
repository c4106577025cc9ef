//! What a run of the hunt must not do: panic, go on without time passing, break an invariant, or leave something undone
//! long after all that went wrong was over.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::drive::run::play;
use crate::drive::stage::Stage;
use crate::judge::invariants::Violation;
use crate::judge::record::Line;
use crate::kernel::time::Millis;
use crate::plan::Plan;

/// How long a run goes on after its scenario's end, without load, so that all comes to rest.
const SETTLES_FOR: Millis = Millis::secs(2 * 60 * 60);
/// How long an operation may take while nothing is wrong: longer than all limits of one together.
const HEALS_WITHIN: Millis = Millis::secs(60 * 60);

/// What a run did that it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It panicked: where, and in what words.
    Panic(String),
    /// An invariant broke.
    Broken(Millis, Violation),
    /// Something was left undone.
    Unhealed(Vec<String>),
}

impl Finding {
    /// What kind of thing it is, by which findings are counted.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Panic(_) => "a panic",
            Self::Broken(_, violation) => violation.invariant,
            Self::Unhealed(_) => "in the end all is in order",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(words) => write!(f, "panicked: {words}"),
            Self::Broken(at, violation) => {
                write!(f, "INVARIANT BROKEN at {at}: {}: {}", violation.invariant, violation.evidence)
            }
            Self::Unhealed(problems) => write!(f, "not in order in the end: {}", problems.join("; ")),
        }
    }
}

/// A finding, with what happened before it.
pub struct Found {
    /// What it is.
    pub finding: Finding,
    /// The log up to there.
    pub log: Vec<Line>,
}

/// What came of a run.
pub enum Judged {
    /// All is in order in the end.
    InOrder,
    /// No invariant broke. Whether all heals cannot be told: no agent was left, since none of their nodes was.
    NobodyLeft,
    /// It did what it must not.
    Found(Found),
}

/// Runs a plan to where all must be in order; what is not.
#[must_use]
pub fn judge(plan: &Plan) -> Judged {
    let (mut stage, mut nobody_left) = (None, false);
    let judged = catching(|| {
        let stage = stage.insert(Stage::with_settling(plan, SETTLES_FOR));
        play(stage, |_| {});
        if let Some((at, violation)) = stage.violation() {
            return Some(Finding::Broken(at, violation));
        }
        let problems = stage.unhealed(HEALS_WITHIN);
        nobody_left = problems.is_none();
        problems.filter(|problems| !problems.is_empty()).map(Finding::Unhealed)
    });
    match judged.unwrap_or_else(|words| Some(Finding::Panic(words))) {
        Some(finding) => Judged::Found(Found { finding, log: stage.map(|stage| stage.log()).unwrap_or_default() }),
        None if nobody_left => Judged::NobodyLeft,
        None => Judged::InOrder,
    }
}

thread_local! {
    /// Whether a panic of this thread is a finding, rather than a fault of the hunt.
    static CATCHES: Cell<bool> = const { Cell::new(false) };
    /// Where the last such panic was, and its words.
    static WORDS: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The result of some work, or where and in what words it panicked. Nothing is printed then.
fn catching<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if CATCHES.get() {
                WORDS.set(panic.to_string().replace('\n', " "));
            } else {
                usual(panic);
            }
        }));
    });
    CATCHES.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHES.set(false);
    result.map_err(|_| WORDS.take())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn where_no_agent_is_left_nothing_is_said_of_healing() {
        let judged = |agents: usize| {
            let demo = include_str!("../../../../scenarios/demo.toml");
            let path = std::path::Path::new("demo.toml");
            let mut scenario = Scenario::parse(demo, path, &crate::scenario::Changes::default()).unwrap();
            scenario.plan.agents.count = agents;
            judge(&scenario.plan)
        };
        assert!(matches!(judged(1), Judged::InOrder));
        assert!(matches!(judged(0), Judged::NobodyLeft));
    }

    #[test]
    fn a_panic_is_a_finding_with_its_place_and_words() {
        let number = std::hint::black_box(7_usize);
        let words = catching(|| [1, 2][number]).unwrap_err();
        assert!(words.contains("judge.rs") && words.contains("index out of bounds"), "{words}");
        assert_eq!(catching(|| number), Ok(7));
    }
}
