//! What allocations take, where a list does not tell: servers before 0.11 list no resources and no job type. Each
//! allocation's own page is read once; neither ever changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use super::wire::{AllocationPage, AllocationStub, kind_of_listed};
use super::{Consistency, NomadClient, Session};
use crate::domain::{Allocation, AllocationId, ClientStatus, GroupKey, JobKey, JobKind, Namespace, Resources};
use crate::ports::{ErrorKind, PortError};

/// How many pages are read at once.
const READS_AT_ONCE: usize = 16;

/// What is known of allocations whose lists do not tell.
pub(super) type Known = BTreeMap<AllocationId, (Resources, JobKind)>;

/// Why a list of allocations is of no use. One that misses an allocation, or what it takes, would make a node look
/// emptier than it is.
pub(super) enum Problem {
    /// A page could not be read.
    Port(PortError),
    /// An entry makes no sense.
    Bad(String),
}

impl NomadClient {
    pub(super) async fn with_resources(
        &self,
        session: &Session,
        stubs: Vec<AllocationStub>,
    ) -> Result<Vec<Arc<Allocation>>, Problem> {
        let silent = |stub: &&AllocationStub| told(stub).is_none();
        let wanted: BTreeSet<AllocationId> =
            stubs.iter().filter(silent).map(|stub| AllocationId::from(stub.id.as_str())).collect();
        if !wanted.is_empty() {
            self.learn(session, &wanted).await.map_err(Problem::Port)?;
        }
        let known = self.legacy.borrow();
        let default = session.default_namespace();
        stubs.into_iter().map(|stub| translate(stub, &known, &default).map(Arc::new).map_err(Problem::Bad)).collect()
    }

    /// Reads the pages that were not read before, and forgets those that are not wanted any more.
    async fn learn(&self, session: &Session, wanted: &BTreeSet<AllocationId>) -> Result<(), PortError> {
        self.legacy.borrow_mut().retain(|id, _| wanted.contains(id));
        let new: Vec<AllocationId> = {
            let known = self.legacy.borrow();
            wanted.iter().filter(|id| !known.contains_key(*id)).cloned().collect()
        };
        let mut reads = stream::iter(new).map(async |id| (read_page(session, &id).await, id)).buffered(READS_AT_ONCE);
        while let Some((read, id)) = reads.next().await {
            match read {
                Ok(parts) => drop(self.legacy.borrow_mut().insert(id, parts)),
                // Gone between list and read: what it took is free.
                Err(error) if error.kind == ErrorKind::NotFound => {
                    self.legacy.borrow_mut().insert(id, (Resources::default(), JobKind::Service));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

async fn read_page(session: &Session, id: &AllocationId) -> Result<(Resources, JobKind), PortError> {
    let path = ["v1", "allocation", id.as_str()];
    let call = format!("read allocation {id}");
    let answer = session.get(&path, call, None, Consistency::Stale).send().await?;
    answer.json::<AllocationPage>()?.into_parts().map_err(|problem| answer.error(ErrorKind::Other, problem))
}

/// What the list itself tells. What has ended takes nothing.
fn told(stub: &AllocationStub) -> Option<(Resources, JobKind)> {
    if matches!(stub.client(), ClientStatus::Complete | ClientStatus::Failed | ClientStatus::Lost) {
        return Some((Resources::default(), JobKind::Service));
    }
    let kind = kind_of_listed(stub.job_type.as_deref())?;
    Some((stub.allocated_resources.as_ref()?.total(), kind))
}

fn translate(stub: AllocationStub, known: &Known, default: &Namespace) -> Result<Allocation, String> {
    if stub.id.is_empty() || stub.node_id.is_empty() {
        return Err(format!("allocation {:?} on node {:?}: one of the two has no ID", stub.id, stub.node_id));
    }
    let id = AllocationId::from(stub.id.as_str());
    let parts = told(&stub).or_else(|| known.get(&id).copied());
    let (resources, kind) = parts.ok_or_else(|| format!("what allocation {id} takes is not known"))?;
    let (desired, client) = (stub.desired(), stub.client());
    let namespace = stub.namespace.filter(|name| !name.is_empty()).map_or_else(|| default.clone(), Namespace::from);
    let job = JobKey { namespace, id: stub.job_id.into() };
    let group = GroupKey { job, group: stub.task_group.into() };
    Ok(Allocation {
        id,
        group,
        kind,
        node: stub.node_id.into(),
        desired,
        client,
        resources,
        tasks: Arc::default(),
        holdings: None,
        lingers: false,
        opaque: false,
    })
}
