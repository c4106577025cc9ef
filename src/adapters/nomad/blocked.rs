//! Work that could not be placed: one list of evaluations, of which servers since 1.3 send only those that are blocked.

use std::collections::BTreeMap;

use super::namespaces::ALL;
use super::wire::{self, BlockedEvaluation};
use super::{Consistency, NomadClient, Session};
use crate::adapters::http::Answer;
use crate::domain::{BlockedWork, GroupKey, Namespace};
use crate::ports::{ErrorKind, PortError};

impl NomadClient {
    /// What waits, each group once: the newest evaluation tells.
    pub(super) async fn blocked_work(&self) -> Result<Vec<BlockedWork>, PortError> {
        let session = self.session();
        let answer = session.evaluations_of_all().await?;
        let default = session.default_namespace();
        let read = wire::each(&answer, &self.named, |evaluation: BlockedEvaluation| evaluation.into_work(&default))?;
        let mut newest: BTreeMap<GroupKey, (u64, BlockedWork)> = BTreeMap::new();
        for (made, work) in read.into_iter().flatten() {
            if newest.get(&work.group).is_none_or(|(known, _)| *known <= made) {
                newest.insert(work.group.clone(), (made, work));
            }
        }
        Ok(newest.into_values().map(|(_, work)| work).collect())
    }
}

impl Session {
    /// The evaluations of all namespaces, or of our own where the server does not know `*`, or does not permit it.
    async fn evaluations_of_all(&self) -> Result<Answer, PortError> {
        if self.namespace.as_deref() == Some(ALL) {
            return self.blocked_evaluations(None).await;
        }
        match self.blocked_evaluations(Some(&Namespace::from(ALL))).await {
            Ok(of_all) if self.evaluates_all.get() => Ok(of_all),
            Ok(of_all) if !of_all.is_empty_list() => {
                self.evaluates_all.set(true);
                Ok(of_all)
            }
            Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::RateLimited) => Err(error),
            // Nothing waits, or nothing is in a namespace of that name; or it is not permitted.
            Ok(_) | Err(_) => self.blocked_evaluations(None).await,
        }
    }

    async fn blocked_evaluations(&self, namespace: Option<&Namespace>) -> Result<Answer, PortError> {
        let call = "list blocked evaluations".to_owned();
        let request = self.get(&["v1", "evaluations"], call, namespace, Consistency::Stale);
        request.query("filter", r#"Status == "blocked""#).last().send().await
    }
}
