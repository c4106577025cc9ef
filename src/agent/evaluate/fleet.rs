//! All pools together, as they are about to be, for the limits that an operator sets (P37).

use crate::agent::tell::{Concern, Matter, Observer};
use crate::agent::term::Term;
use crate::agent::watch::ManagedPool;
use crate::decide::{Direction, Fleet, Step};
use crate::domain::{PoolName, Price, Resource};
use crate::policy::PoolPolicy;
use crate::ports::{Clock, Ports};
use crate::state::COUNTED_FOR;

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// All pools together, with the steps that other evaluations are about to begin; nothing where there is no limit.
    pub(super) fn fleet(&self, policy: &PoolPolicy) -> Option<Fleet> {
        let limits = self.config.borrow().limits;
        if !limits.is_any() {
            return None;
        }
        let sizes: Vec<(u32, Price)> = {
            let pools = self.views.borrow_mut().pools();
            pools
                .iter()
                .map(|(name, pool)| (self.size_to_be(name, pool), pool.policy.price.unwrap_or_default()))
                .collect()
        };
        let now = self.ports.clock().wall();
        let about_to: u32 = {
            let stepping = self.stepping.borrow();
            stepping.values().filter(|step| step.direction() == Direction::In).count().try_into().unwrap_or(u32::MAX)
        };
        let since = now.checked_sub(COUNTED_FOR).unwrap_or(jiff::Timestamp::MIN);
        Some(Fleet {
            limits,
            nodes: sizes.iter().fold(0, |sum, (size, _)| sum.saturating_add(*size)),
            removals: self.store.removals_since(since).saturating_add(about_to),
            cost: sizes.iter().map(|(size, price)| *price * *size).sum(),
            price: policy.price.unwrap_or_default(),
        })
    }

    /// How many nodes a pool is about to want: what its group says, or what a step under way makes of it. A group that was not
    /// seen yet has what its nodes tell.
    fn size_to_be(&self, name: &PoolName, managed: &ManagedPool) -> u32 {
        let desired = self.believed.borrow().get(name).map(|group| group.desired);
        let size = desired.unwrap_or_else(|| managed.nodes.len().try_into().unwrap_or(u32::MAX));
        let stepping = self.stepping.borrow().get(name).copied();
        let path = self.path_of(&Resource::Pool(name.clone()));
        let stored = self.store.read(&path).ok().flatten();
        let under_way = stored.and_then(|stored| stored.state.operation.as_ref().and_then(|operation| operation.step));
        [stepping, under_way].into_iter().flatten().map(|step: Step| step.to).fold(size, u32::max)
    }

    /// A pool that counts nothing towards a limit of cost, for want of a price.
    pub(super) fn priceless(&self, policy: &PoolPolicy) -> Option<Concern> {
        let limit = self.config.borrow().limits.cost_per_hour.filter(|_| policy.price.is_none())?;
        let words = format!(
            "limits {{ cost_per_hour = {limit} }} does not count this pool: its policy has no replicator_price (P37)"
        );
        Some(Concern { matter: Matter::Priceless, words })
    }
}
