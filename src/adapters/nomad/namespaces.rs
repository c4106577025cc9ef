//! Allocations of all namespaces: a node carries those of all, whichever one the agent scales (P6).
//!
//! Servers list them by the namespace `*` since 0.11. Older ones take that for the name of a namespace without
//! allocations, which would make every node look empty. So the server is asked for both until the answers tell: what the
//! agent's own namespace has must be in the list of all.

use std::collections::BTreeSet;

use super::wire::AllocationStub;
use super::{Answer, Consistency, NomadClient, Session};
use crate::domain::Namespace;
use crate::ports::{ErrorKind, PortError, Wait};

/// Every namespace.
const ALL: &str = "*";

impl NomadClient {
    /// The list, and the index from which a later blocking query goes on.
    pub(super) async fn list_allocations(
        &self,
        session: &Session,
        wait: Option<Wait>,
    ) -> Result<(u64, Answer), PortError> {
        let all = Namespace::from(ALL);
        let says_all = session.namespace.as_deref() == Some(ALL);
        let namespace = (says_all || self.lists_all.get() == Some(true)).then_some(&all);
        let answer = session.allocations(namespace, wait).await?;
        let index = answer.index();
        if says_all || self.lists_all.get().is_some() {
            return Ok((index, answer));
        }
        let of_all = match session.allocations(Some(&all), None).await {
            Ok(of_all) => of_all,
            // Whoever may see one namespace only goes on with that.
            Err(error) if error.kind == ErrorKind::Denied => {
                self.lists_all.set(Some(false));
                return Ok((index, answer));
            }
            Err(error) => return Err(error),
        };
        self.lists_all.set(holds(&of_all, &answer)?);
        Ok((index, if self.lists_all.get() == Some(true) { of_all } else { answer }))
    }
}

impl Session {
    async fn allocations(&self, namespace: Option<&Namespace>, wait: Option<Wait>) -> Result<Answer, PortError> {
        let call = "list allocations".to_owned();
        let request = self.get(&["v1", "allocations"], call, namespace, Consistency::Stale);
        // Old servers ignore both and answer more, or less: the legacy module makes up for the latter.
        request.query("resources", "true").query("task_states", "false").wait(wait).send().await
    }
}

/// Whether the list of all holds what our own namespace has; one in common will do, since either may have changed
/// between the two. Unknown while both are empty.
fn holds(of_all: &Answer, own: &Answer) -> Result<Option<bool>, PortError> {
    let ids = |answer: &Answer| -> Result<BTreeSet<String>, PortError> {
        Ok(answer.json::<Vec<AllocationStub>>()?.into_iter().map(|stub| stub.id).collect())
    };
    let (of_all, own) = (ids(of_all)?, ids(own)?);
    Ok(match (of_all.is_empty(), own.is_empty()) {
        (true, true) => None,
        (false, true) => Some(true),
        _ => Some(!of_all.is_disjoint(&own)),
    })
}
