//! What operators' commands have in common that write to the state of a resource: which one, who says so, and why. They write
//! compare-and-set, so that they neither undo what an agent writes meanwhile nor are undone by it.

use anyhow::bail;
use jiff::Timestamp;

use super::arguments::ResourceArguments;
use super::variable;
use crate::state::{ResourceState, ResourceType, state_prefix};

/// How often a write that lost a race is made again.
pub(super) const ATTEMPTS: usize = 20;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

impl ResourceArguments {
    /// The key of its state.
    pub(super) fn path(&self, root: &str) -> anyhow::Result<String> {
        match (&self.state_path, &self.pool, &self.job, &self.group) {
            (Some(path), ..) => {
                let path = path.trim_matches('/');
                if path.is_empty() {
                    bail!(
                        "-state-path is empty; expected <root>/state/nodes/<pool> or <root>/state/jobs/<job>/<group>"
                    );
                }
                Ok(path.to_owned())
            }
            (None, Some(pool), ..) => Ok(format!("{}nodes/{pool}", state_prefix(root))),
            (None, None, Some(job), Some(group)) => Ok(format!("{}jobs/{job}/{group}", state_prefix(root))),
            _ => bail!("which resource? Give -state-path, -pool, or -job and -group"),
        }
    }
}

/// Reads a reason.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("a reason has words".to_owned()),
        length if length > LONGEST_REASON => Err(format!("{length} characters are too many; at most {LONGEST_REASON}")),
        _ if text.contains(char::is_control) => Err("a reason is one line, without control characters".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Who types, as far as the machine tells: `user@host`.
pub(super) fn operator() -> Option<String> {
    named(variable("USER"), gethostname::gethostname().into_string().ok())
}

fn named(user: Option<String>, host: Option<String>) -> Option<String> {
    let known = |name: Option<String>| name.filter(|name| !name.is_empty());
    match (known(user), known(host)) {
        (Some(user), Some(host)) => Some(format!("{user}@{host}")),
        (user, host) => user.or(host),
    }
}

/// Reads a state. Every field of one may be absent; a JSON object that does not say what it is about is something else,
/// such as a pool's policy.
pub(super) fn read_state(value: &[u8]) -> anyhow::Result<ResourceState> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(value)?;
    for key in ["resource_name", "resource_type"] {
        if !object.contains_key(key) {
            bail!("it has no {key}");
        }
    }
    Ok(ResourceState::from_json(value)?)
}

#[expect(clippy::disallowed_methods, reason = "an operator's command runs outside the core")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

pub(super) fn type_name(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::WorkerPool => "worker_pool",
        ResourceType::JobGroup => "job_group",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line_with_words() {
        assert_eq!(reason(" new disks "), Ok("new disks".to_owned()));
        assert_eq!(reason(&"ü".repeat(LONGEST_REASON)).map(|text| text.chars().count()), Ok(LONGEST_REASON));
        for wrong in ["", "  ", "a\nb", "a\u{1b}[31m", &"x".repeat(LONGEST_REASON + 1)] {
            assert!(reason(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn operators_are_named_as_far_as_the_machine_tells() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(named(some("ann"), some("ops-1")), some("ann@ops-1"));
        assert_eq!(named(None, some("ops-1")), some("ops-1"));
        assert_eq!(named(some("ann"), some("")), some("ann"));
        assert_eq!(named(some(""), None), None);
    }
}
