//! No operation begins inside a cooldown, counted from the last act that was really made on the resource.

use std::collections::BTreeMap;

use replicator::domain::Resource;

use super::{Act, Invariant};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;
use crate::plan::Plan;

pub(super) struct NothingInCooldown {
    cooldowns: BTreeMap<String, Millis>,
    last_act: BTreeMap<String, Millis>,
}

impl NothingInCooldown {
    pub(super) fn new(plan: &Plan) -> Self {
        let groups = plan.groups.iter().filter_map(|group| {
            let policy = group.policy.as_ref()?;
            Some((state_key(&Resource::Group(group.key.clone())), policy.cooldown.into()))
        });
        let pools =
            plan.pools.iter().map(|pool| (state_key(&Resource::Pool(pool.name.clone())), pool.policy.cooldown.into()));
        Self { cooldowns: groups.chain(pools).collect(), last_act: BTreeMap::new() }
    }
}

impl Invariant for NothingInCooldown {
    fn name(&self) -> &'static str {
        "nothing begins inside a cooldown"
    }

    fn check(&mut self, now: Millis, act: &Act<'_>) -> Result<(), String> {
        if let Some(resource) = act.acted_on() {
            self.last_act.insert(state_key(&resource), now);
        }
        let Act::WriteState { before, after, .. } = act else { return Ok(()) };
        let begins = after.operation.is_some() && before.is_none_or(|before| before.operation.is_none());
        let path = &after.state_path;
        let (Some(last), Some(cooldown)) = (self.last_act.get(path), self.cooldowns.get(path)) else { return Ok(()) };
        if begins && now - *last < *cooldown {
            return Err(format!(
                "an operation on {path} begins {} after an act; the cooldown is {cooldown}",
                now - *last
            ));
        }
        Ok(())
    }
}
