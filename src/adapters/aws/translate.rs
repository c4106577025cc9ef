//! Groups, instances and activities of AWS in the core's terms.

use aws_sdk_autoscaling::types::{Activity as ScalingActivity, AutoScalingGroup, ScalingActivityStatusCode};
use aws_sdk_ec2::types::{Instance as Ec2Instance, InstanceStateName};
use jiff::Timestamp;

use crate::domain::{Activity, ActivityStatus, Instance, InstanceState, Lifecycle, PoolInstance, PoolSnapshot};

/// A group. Without its three sizes it cannot be judged.
pub(super) fn pool(group: &AutoScalingGroup) -> Result<PoolSnapshot, String> {
    let size = |name: &str, size: Option<i32>| {
        let size = size.ok_or_else(|| format!("the group has no {name}"))?;
        u32::try_from(size).map_err(|_| format!("the group's {name} is {size}"))
    };
    let member = |instance: &aws_sdk_autoscaling::types::Instance| {
        let id = instance.instance_id().filter(|id| !id.is_empty()).ok_or("a member has no ID")?;
        Ok(PoolInstance {
            id: id.into(),
            lifecycle: instance.lifecycle_state().map_or(Lifecycle::Other, |state| lifecycle(state.as_str())),
            protected: instance.protected_from_scale_in().unwrap_or(false),
            zone: instance.availability_zone().filter(|zone| !zone.is_empty()).map(str::to_owned),
        })
    };
    let instances: Result<Vec<_>, &str> = group.instances().iter().map(member).collect();
    let suspended = group.suspended_processes().iter().filter_map(|process| process.process_name());
    Ok(PoolSnapshot {
        min: size("MinSize", group.min_size())?,
        max: size("MaxSize", group.max_size())?,
        desired: size("DesiredCapacity", group.desired_capacity())?,
        instances: instances?,
        suspended: suspended.map(str::to_owned).collect(),
        weighted: false,
        overhaul: None,
    })
}

/// Lifecycle hooks split a state in parts: `Pending:Wait`, `Terminating:Proceed`.
fn lifecycle(state: &str) -> Lifecycle {
    match state.split(':').next().unwrap_or_default() {
        "Pending" => Lifecycle::Pending,
        "InService" => Lifecycle::InService,
        "Terminating" | "Terminated" => Lifecycle::Terminating,
        "Detaching" | "Detached" => Lifecycle::Detaching,
        _ => Lifecycle::Other,
    }
}

/// An instance. Without an ID or a state that we know it cannot be judged.
pub(super) fn instance(instance: &Ec2Instance) -> Result<Instance, String> {
    let id = instance.instance_id().filter(|id| !id.is_empty()).ok_or("an instance has no ID")?;
    let name = instance.state().and_then(|state| state.name());
    let name = name.ok_or_else(|| format!("instance {id} has no state"))?;
    let state = match name {
        InstanceStateName::Pending => InstanceState::Pending,
        InstanceStateName::Running => InstanceState::Running,
        InstanceStateName::Stopping | InstanceStateName::Stopped => InstanceState::Stopped,
        InstanceStateName::ShuttingDown => InstanceState::ShuttingDown,
        InstanceStateName::Terminated => InstanceState::Terminated,
        other => return Err(format!("instance {id} is in a state that is not known: {other}")),
    };
    let of_interfaces = instance.network_interfaces().iter().flat_map(|interface| {
        let private = interface.private_ip_addresses().iter().filter_map(|it| it.private_ip_address());
        let six = interface.ipv6_addresses().iter().filter_map(|it| it.ipv6_address());
        private.chain(six)
    });
    let own = [
        instance.private_ip_address(),
        instance.public_ip_address(),
        instance.ipv6_address(),
        instance.private_dns_name(),
        instance.public_dns_name(),
    ];
    let mut addresses: Vec<String> =
        own.into_iter().flatten().chain(of_interfaces).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(Instance { id: id.into(), state, addresses })
}

/// What a group did or tried. One without ID or start cannot be told apart from others.
pub(super) fn activity(activity: &ScalingActivity) -> Option<Activity> {
    let began = activity.start_time()?;
    let began = Timestamp::new(began.secs(), i32::try_from(began.subsec_nanos()).ok()?).ok()?;
    let words = [activity.status_message(), activity.description(), activity.cause()];
    let message = words.into_iter().flatten().find(|words| !words.is_empty()).unwrap_or_default().to_owned();
    let status = match activity.status_code()? {
        ScalingActivityStatusCode::Successful => ActivityStatus::Successful,
        ScalingActivityStatusCode::Failed if is_about_capacity(&message) => ActivityStatus::NoCapacity,
        ScalingActivityStatusCode::Failed | ScalingActivityStatusCode::Cancelled => ActivityStatus::Failed,
        _ => ActivityStatus::InProgress,
    };
    Some(Activity { id: activity.activity_id()?.into(), began, status, message })
}

/// Whether a failed launch failed because AWS has no such machine to give now. Limits of the account read alike and are
/// none of that: they do not pass by waiting.
fn is_about_capacity(message: &str) -> bool {
    let text = message.to_lowercase();
    let lacks = ["insufficientinstancecapacity", "sufficient capacity", "no spot capacity"];
    let measured = text.contains("sufficient") && text.contains("capacity in the availability zone");
    (measured || lacks.iter().any(|words| text.contains(words))) && !text.contains("limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_with_hooks_are_known_by_their_first_part() {
        for (name, expected) in [
            ("Pending", Lifecycle::Pending),
            ("Pending:Wait", Lifecycle::Pending),
            ("InService", Lifecycle::InService),
            ("Terminating:Proceed", Lifecycle::Terminating),
            ("Detaching", Lifecycle::Detaching),
            ("Standby", Lifecycle::Other),
            ("Warmed:Stopped", Lifecycle::Other),
        ] {
            assert_eq!(lifecycle(name), expected, "{name}");
        }
    }

    #[test]
    fn a_lack_of_machines_is_told_from_limits() {
        let zone = "We currently do not have sufficient m5.large capacity in the Availability Zone you requested \
                    (us-east-1a). Our system will be working on provisioning additional capacity.";
        let spot = "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available \
                    that matches your request.";
        let limit =
            "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket";
        let template = "The launch template does not exist";
        assert!(is_about_capacity(zone) && is_about_capacity(spot));
        assert!(!is_about_capacity(limit) && !is_about_capacity(template));
    }
}
