//! No operation begins inside a cooldown, counted from the last act that was really made on the resource.

use std::collections::BTreeMap;

use replicator::decide::Direction;
use replicator::domain::Resource;

use super::{Act, Invariant};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;
use crate::plan::Plan;

pub(super) struct NothingInCooldown {
    /// Of each resource, before a step in and before a step out.
    cooldowns: BTreeMap<String, (Millis, Millis)>,
    last_act: BTreeMap<String, Millis>,
}

impl NothingInCooldown {
    pub(super) fn new(plan: &Plan) -> Self {
        let groups = plan.groups.iter().filter_map(|group| {
            let policy = group.policy.as_ref()?;
            let before = |direction| Millis::from(policy.cooldown_before(direction));
            let both = (before(Direction::In), before(Direction::Out));
            Some((state_key(&Resource::Group(group.key.clone())), both))
        });
        let pools = plan.pools.iter().map(|pool| {
            let cooldown = Millis::from(pool.policy.cooldown);
            (state_key(&Resource::Pool(pool.name.clone())), (cooldown, cooldown))
        });
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
        let begins = after.operation.as_ref().filter(|_| before.is_none_or(|before| before.operation.is_none()));
        let path = &after.state_path;
        let (Some(last), Some(cooldowns), Some(begins)) = (self.last_act.get(path), self.cooldowns.get(path), begins)
        else {
            return Ok(());
        };
        let cooldown = if begins.work.direction() == Direction::In { cooldowns.0 } else { cooldowns.1 };
        if now - *last < cooldown {
            return Err(format!(
                "an operation on {path} begins {} after an act; the cooldown is {cooldown}",
                now - *last
            ));
        }
        Ok(())
    }
}
