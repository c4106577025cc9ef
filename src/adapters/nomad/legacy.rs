//! What allocations take, where a list does not tell: servers before 0.11 list no resources and no job type. Each
//! allocation's own page is read once; neither ever changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use super::resources::Taken;
use super::wire::{AllocationPage, AllocationStub, Told};
use super::{Consistency, NomadClient, Session};
use crate::adapters::http::Answer;
use crate::domain::{Allocation, AllocationId, JobKind};
use crate::ports::{ErrorKind, PortError};

/// How many pages are read at once.
const READS_AT_ONCE: usize = 16;

/// What is known of allocations whose lists do not tell; or why it is not.
pub(super) type Known = BTreeMap<AllocationId, Told>;

impl NomadClient {
    /// The allocations of a list. One of which cannot be told what it takes is opaque, and stops no other.
    pub(super) async fn with_resources(
        &self,
        session: &Session,
        answer: &Answer,
        stubs: Vec<AllocationStub>,
    ) -> Result<Vec<Arc<Allocation>>, PortError> {
        let silent = |stub: &&AllocationStub| stub.told().is_none();
        let ids = stubs.iter().filter(silent).filter_map(|stub| stub.id.as_deref());
        let wanted: BTreeSet<AllocationId> = ids.filter(|id| !id.is_empty()).map(AllocationId::from).collect();
        if !wanted.is_empty() {
            self.learn(session, &wanted).await?;
        }
        let default = session.default_namespace();
        let known = self.legacy.borrow();
        let mut list = Vec::with_capacity(stubs.len());
        for stub in stubs {
            if stub.is_nothing() {
                self.named.left_out(answer.call(), "an allocation without an ID or a node that has ended");
                continue;
            }
            let told = stub.told().or_else(|| known.get(&AllocationId::from(stub.id.as_deref()?)).cloned());
            let told = told.unwrap_or_else(|| Err("what it takes is not known".to_owned()));
            let (allocation, problem) =
                stub.into_domain(told, &default).map_err(|problem| answer.error(ErrorKind::Other, problem))?;
            if let Some(problem) = problem {
                self.named.doubtful(answer.call(), &problem);
            }
            list.push(Arc::new(allocation));
        }
        Ok(list)
    }

    /// Reads the pages that were not read before, and forgets those that are not wanted any more. What is not permitted
    /// is asked for once in each listing, since it may be permitted later.
    async fn learn(&self, session: &Session, wanted: &BTreeSet<AllocationId>) -> Result<(), PortError> {
        self.legacy.borrow_mut().retain(|id, _| wanted.contains(id));
        let new: Vec<AllocationId> = {
            let known = self.legacy.borrow();
            wanted.iter().filter(|id| !known.contains_key(*id)).cloned().collect()
        };
        let mut reads = stream::iter(new).map(async |id| (read_page(session, &id).await, id)).buffered(READS_AT_ONCE);
        while let Some((read, id)) = reads.next().await {
            let told = match read {
                Ok(told) => told,
                // Gone between list and read: what it took is free.
                Err(error) if error.kind == ErrorKind::NotFound => Ok((Taken::default(), JobKind::Service)),
                Err(error) if error.kind == ErrorKind::Denied => {
                    self.named.doubtful("list allocations", &format!("what allocations take: {}", error.message));
                    return Ok(());
                }
                Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::RateLimited) => {
                    return Err(error);
                }
                Err(error) => Err(error.message),
            };
            self.legacy.borrow_mut().insert(id, told);
        }
        Ok(())
    }
}

async fn read_page(session: &Session, id: &AllocationId) -> Result<Told, PortError> {
    let path = ["v1", "allocation", id.as_str()];
    let call = format!("read allocation {id}");
    let answer = session.get(&path, call, None, Consistency::Stale).send().await?;
    let page = serde_json::from_value::<AllocationPage>(answer.json()?);
    Ok(page.map_err(|error| error.to_string()).and_then(|page| page.told()))
}
