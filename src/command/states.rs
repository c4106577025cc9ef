//! What operators' commands have in common that look into the store, or write to the state of a resource: where it is, which
//! resource, and who says so.

use anyhow::bail;
use jiff::Timestamp;

use super::arguments::{ResourceArguments, StoreArguments};
use super::variable;
use crate::adapters::consul::ConsulClient;
use crate::config;
use crate::state::state_prefix;

impl StoreArguments {
    /// A client of the store, and the root of the keys in it.
    pub(super) fn open(&self) -> anyhow::Result<(ConsulClient, String)> {
        let (settings, root) = config::load_consul(self.consul.clone(), &self.config, variable)?;
        Ok((ConsulClient::new(settings)?, root))
    }
}

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

#[expect(clippy::disallowed_methods, reason = "an operator's command runs outside the core")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_named_as_far_as_the_machine_tells() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(named(some("ann"), some("ops-1")), some("ann@ops-1"));
        assert_eq!(named(None, some("ops-1")), some("ops-1"));
        assert_eq!(named(some("ann"), some("")), some("ann"));
        assert_eq!(named(some(""), None), None);
    }
}
