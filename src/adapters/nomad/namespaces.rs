//! Allocations of all namespaces: a node carries those of all, whichever one the agent scales (P6).
//!
//! Servers list them by the namespace `*` since 0.11. Older ones take that for the name of a namespace without
//! allocations, which would make every node look empty. So the server is asked for both until the answers tell.

use std::collections::BTreeSet;

use super::{Answer, Consistency, NomadClient, Session};
use crate::domain::Namespace;
use crate::ports::{ErrorKind, PortError, Wait};

/// Every namespace.
pub(super) const ALL: &str = "*";

/// The namespaces of a list with commas; nothing where it is one, or all. The servers know one or all, so all are asked for,
/// as far as the token may see them.
pub(super) fn several(list: &str) -> Option<BTreeSet<Namespace>> {
    let names: BTreeSet<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    (list.contains(',') && !names.contains(ALL)).then(|| names.into_iter().map(Namespace::from).collect())
}

impl NomadClient {
    /// The list, and the index from which a later blocking query goes on.
    pub(super) async fn list_allocations(
        &self,
        session: &Session,
        wait: Option<Wait>,
    ) -> Result<(u64, Answer), PortError> {
        let (namespace, index, answer) = self.list_of_namespaces(session, wait).await?;
        if !answer.is_empty_list() {
            return Ok((index, answer));
        }
        // An empty list is only believed of the leader.
        let answer = session.allocations(namespace.as_ref(), None, Consistency::Leader).await?;
        Ok((answer.index(), answer))
    }

    /// The list, of which namespaces it is, and the index.
    async fn list_of_namespaces(
        &self,
        session: &Session,
        wait: Option<Wait>,
    ) -> Result<(Option<Namespace>, u64, Answer), PortError> {
        let all = Namespace::from(ALL);
        let says_all = session.namespace.as_deref() == Some(ALL);
        let namespace = (says_all || session.lists_all.get() == Some(true)).then_some(&all);
        let answer = session.allocations(namespace, wait, Consistency::Stale).await?;
        let index = answer.index();
        if says_all || session.lists_all.get().is_some() {
            return Ok((namespace.cloned(), index, answer));
        }
        let of_all = match session.allocations(Some(&all), None, Consistency::Stale).await {
            Ok(of_all) => of_all,
            // Whoever may see one namespace only goes on with that.
            Err(error) if error.kind == ErrorKind::Denied => return Ok((None, index, answer)),
            Err(error) => return Err(error),
        };
        session.lists_all.set(holds(&of_all, &answer));
        Ok(if session.lists_all.get() == Some(true) { (Some(all), index, of_all) } else { (None, index, answer) })
    }
}

impl Session {
    async fn allocations(
        &self,
        namespace: Option<&Namespace>,
        wait: Option<Wait>,
        consistency: Consistency,
    ) -> Result<Answer, PortError> {
        let call = "list allocations".to_owned();
        let request = self.get(&["v1", "allocations"], call, namespace, consistency);
        // Old servers ignore both and answer more, or less: the legacy module makes up for the latter.
        request.query("resources", "true").query("task_states", "false").wait(wait).send().await
    }
}

/// Whether the list of all is what it says. Anything in it shows that; nothing in it shows the contrary only if our own
/// namespace has something, and the answer is not older than that of our own: any server may have answered. Unknown
/// otherwise.
fn holds(of_all: &Answer, own: &Answer) -> Option<bool> {
    match (of_all.is_empty_list(), own.is_empty_list()) {
        (false, _) => Some(true),
        (true, false) if of_all.index() >= own.index() => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_namespaces_have_commas_between_them() {
        let names = |list| several(list).map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names("web, batch,web,"), Some(vec!["batch".to_owned(), "web".to_owned()]));
        assert_eq!((names("web"), names("*"), names("web,*")), (None, None, None));
    }
}
