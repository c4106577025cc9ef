//! Groups, instances and activities of AWS in the core's terms.

use aws_sdk_autoscaling::types::{
    Activity as ScalingActivity, AutoScalingGroup, Instance as Member, InstanceRefresh, InstanceRefreshStatus,
    LaunchTemplate, ScalingActivityStatusCode,
};
use aws_sdk_ec2::types::{Instance as Ec2Instance, InstanceStateName};
use jiff::Timestamp;

use crate::domain::{Activity, ActivityStatus, Instance, InstanceState, Lifecycle, PoolInstance, PoolSnapshot};

/// A group. Without sizes and members that make sense it cannot be judged, and nothing of it is made up.
pub(super) fn pool(group: &AutoScalingGroup) -> Result<PoolSnapshot, String> {
    let min = size("MinSize", group.min_size())?;
    let max = size("MaxSize", group.max_size())?;
    let desired = size("DesiredCapacity", group.desired_capacity())?;
    let instances = group.instances().iter().map(member).collect::<Result<Vec<_>, _>>()?;
    let suspended = group.suspended_processes().iter().filter_map(|process| process.process_name());
    let pool = PoolSnapshot {
        min,
        max,
        desired,
        suspended: suspended.map(str::to_owned).collect(),
        weighted: is_weighted(group),
        overhaul: None,
        instances,
    };
    pool.check().map(|()| pool)
}

fn size(name: &str, size: Option<i32>) -> Result<u32, String> {
    let size = size.ok_or_else(|| format!("the group has no {name}"))?;
    u32::try_from(size).map_err(|_| format!("the group's {name} is {size}"))
}

fn member(instance: &Member) -> Result<PoolInstance, String> {
    let id = instance.instance_id().filter(|id| !id.is_empty()).ok_or("a member of the group has no ID")?;
    Ok(PoolInstance {
        id: id.into(),
        lifecycle: instance.lifecycle_state().map_or(Lifecycle::Other, |state| lifecycle(state.as_str())),
        protected: instance.protected_from_scale_in().unwrap_or(false),
        zone: instance.availability_zone().filter(|zone| !zone.is_empty()).map(Into::into),
    })
}

/// Whether the group's sizes count something else than instances: by weights, of members that are there or that may be
/// launched, or in a unit of their own (`vcpu`, `memory-mib`).
fn is_weighted(group: &AutoScalingGroup) -> bool {
    let template = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    let overrides = template.map(LaunchTemplate::overrides).unwrap_or_default();
    let of_overrides = overrides.iter().filter_map(|it| it.weighted_capacity());
    let of_members = group.instances().iter().filter_map(|it| it.weighted_capacity());
    let counts_units = matches!(group.desired_capacity_type(), None | Some("" | "units"));
    !counts_units || of_overrides.chain(of_members).any(|weight| weight.trim() != "1")
}

/// Lifecycle hooks split a state in parts: `Pending:Wait`, `Terminating:Proceed`. Those of a warm pool begin with its name:
/// `Warmed:Pending:Wait`.
fn lifecycle(state: &str) -> Lifecycle {
    match state.split(':').next().unwrap_or_default() {
        "Pending" => Lifecycle::Pending,
        "InService" => Lifecycle::InService,
        "Terminating" | "Terminated" => Lifecycle::Terminating,
        "Detaching" | "Detached" => Lifecycle::Detaching,
        "Standby" | "EnteringStandby" => Lifecycle::Standby,
        "Warmed" => Lifecycle::Warmed,
        _ => Lifecycle::Other,
    }
}

/// What an instance refresh is at, while it is under way.
pub(super) fn overhaul(refreshes: &[InstanceRefresh]) -> Option<String> {
    use InstanceRefreshStatus::{Baking, Cancelling, InProgress, Pending, RollbackInProgress};
    let goes_on = |status: &InstanceRefreshStatus| {
        matches!(status, Pending | InProgress | RollbackInProgress | Baking | Cancelling)
    };
    let refresh = refreshes.iter().find(|refresh| refresh.status().is_some_and(goes_on))?;
    let id = refresh.instance_refresh_id().unwrap_or("without an ID");
    let status = refresh.status().map_or("under way", InstanceRefreshStatus::as_str);
    let done = refresh.percentage_complete().filter(|percent| (0..=100).contains(percent));
    let done = done.map(|percent| format!(", {percent} % done")).unwrap_or_default();
    Some(format!("instance refresh {id} is {status}{done}"))
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
    let lacks = ["insufficientinstancecapacity", "unfulfillablecapacity", "insufficient capacity", "no spot capacity"];
    // "We currently do not have sufficient m5.large capacity in …"
    let measured = text.contains("not have sufficient") && text.contains("capacity");
    (measured || lacks.iter().any(|words| text.contains(words))) && !is_about_a_limit(&text)
}

fn is_about_a_limit(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let names_one = |word: &str| matches!(word, "limit" | "limits" | "quota" | "quotas") || word.ends_with("exceeded");
    words.into_iter().any(names_one)
}

#[cfg(test)]
mod tests {
    use aws_sdk_autoscaling::types::builders::AutoScalingGroupBuilder;
    use aws_sdk_autoscaling::types::{LaunchTemplateOverrides, LifecycleState, MixedInstancesPolicy, SuspendedProcess};
    use aws_sdk_ec2::primitives::DateTime;
    use aws_sdk_ec2::types::InstanceState as Ec2State;

    use super::*;

    fn a_group() -> AutoScalingGroupBuilder {
        AutoScalingGroup::builder().min_size(1).max_size(9).desired_capacity(3)
    }

    fn a_member(id: &str, state: &str) -> Member {
        Member::builder().instance_id(id).lifecycle_state(LifecycleState::from(state)).build()
    }

    fn problem(group: AutoScalingGroupBuilder) -> String {
        pool(&group.build()).unwrap_err()
    }

    #[test]
    fn sizes_that_make_no_sense_are_named() {
        let cases = [
            (a_group().set_min_size(None), "the group has no MinSize"),
            (a_group().set_max_size(None), "the group has no MaxSize"),
            (a_group().set_desired_capacity(None), "the group has no DesiredCapacity"),
            (a_group().min_size(-1), "the group's MinSize is -1"),
            (a_group().max_size(i32::MIN), "the group's MaxSize is -2147483648"),
            (a_group().desired_capacity(-3), "the group's DesiredCapacity is -3"),
            (a_group().min_size(10), "the group's MinSize is 10 and its MaxSize 9: no size is within"),
        ];
        for (group, expected) in cases {
            assert_eq!(problem(group), expected);
        }
        let empty = pool(&a_group().min_size(0).desired_capacity(0).build()).unwrap();
        assert_eq!((empty.min, empty.desired, empty.instances.len()), (0, 0, 0), "a group of none is one");
    }

    #[test]
    fn a_desired_capacity_of_0_with_members_in_service_is_named() {
        let none = || a_group().min_size(0).desired_capacity(0);
        let full = (0..90).fold(none(), |group, number| group.instances(a_member(&format!("i-{number}"), "InService")));
        assert_eq!(problem(full), "the group says that it wants 0 members, and lists 90 in service");
        for state in ["Terminating:Wait", "Standby", "Warmed:Stopped", "Pending"] {
            let leaving = none().instances(a_member("i-1", state)).build();
            assert_eq!(pool(&leaving).map(|group| group.desired), Ok(0), "{state}");
        }
    }

    #[test]
    fn members_that_cannot_be_told_apart_are_named() {
        let nameless = a_group().instances(Member::builder().build());
        assert_eq!(problem(nameless), "a member of the group has no ID");
        assert_eq!(problem(a_group().instances(a_member("", "InService"))), "a member of the group has no ID");
        let twice = a_group().instances(a_member("i-1", "InService")).instances(a_member("i-1", "Pending"));
        assert_eq!(problem(twice), "the group lists i-1 twice");
    }

    #[test]
    fn what_a_member_leaves_out_is_not_made_up() {
        let bare = Member::builder().instance_id("i-1").build();
        let zoned = Member::builder().instance_id("i-2").availability_zone("us-east-1b").protected_from_scale_in(true);
        let unzoned = Member::builder().instance_id("i-3").availability_zone("");
        let group =
            pool(&a_group().instances(bare).instances(zoned.build()).instances(unzoned.build()).build()).unwrap();
        let found: Vec<_> = group.instances.iter().map(|it| (it.lifecycle, it.protected, it.zone.as_deref())).collect();
        let other = Lifecycle::Other;
        assert_eq!(found, [(other, false, None), (other, true, Some("us-east-1b")), (other, false, None)]);
    }

    #[test]
    fn p28_suspended_processes_are_told_by_name() {
        let of = |name: &str| SuspendedProcess::builder().process_name(name).build();
        let nameless = SuspendedProcess::builder().build();
        let group = a_group().suspended_processes(of("AZRebalance")).suspended_processes(nameless);
        let group = pool(&group.suspended_processes(of("Launch")).build()).unwrap();
        assert_eq!((group.suspended.len(), group.launch_suspended()), (2, Some("Launch")));
        assert_eq!(pool(&a_group().build()).unwrap().launch_suspended(), None);
    }

    #[test]
    fn weights_and_units_of_capacity_are_seen() {
        let overridden = |weight: Option<&str>| {
            let first = LaunchTemplateOverrides::builder().instance_type("m5.large").weighted_capacity("1");
            let second = LaunchTemplateOverrides::builder().set_weighted_capacity(weight.map(str::to_owned));
            let template = LaunchTemplate::builder().overrides(first.build()).overrides(second.build());
            a_group().mixed_instances_policy(MixedInstancesPolicy::builder().launch_template(template.build()).build())
        };
        let weighing = |weight: &str| {
            let member = Member::builder().instance_id("i-1").weighted_capacity(weight);
            a_group().instances(member.build())
        };
        let cases = [
            (a_group(), false),
            (a_group().mixed_instances_policy(MixedInstancesPolicy::builder().build()), false),
            (overridden(None), false),
            (overridden(Some("1")), false),
            (overridden(Some("2")), true),
            (overridden(Some("0")), true),
            (overridden(Some("")), true),
            (weighing("1"), false),
            (weighing("4"), true),
            (weighing("many"), true),
            (a_group().desired_capacity_type("units"), false),
            (a_group().desired_capacity_type(""), false),
            (a_group().desired_capacity_type("vcpu"), true),
            (a_group().desired_capacity_type("memory-mib"), true),
        ];
        for (group, expected) in cases {
            let group = group.build();
            assert_eq!(pool(&group).unwrap().weighted, expected, "{group:?}");
        }
    }

    #[test]
    fn states_with_hooks_are_known_by_their_first_part() {
        for (name, expected) in [
            ("Pending", Lifecycle::Pending),
            ("Pending:Wait", Lifecycle::Pending),
            ("InService", Lifecycle::InService),
            ("Terminating", Lifecycle::Terminating),
            ("Terminating:Wait", Lifecycle::Terminating),
            ("Terminating:Proceed", Lifecycle::Terminating),
            ("Terminating:Retained", Lifecycle::Terminating),
            ("Terminated", Lifecycle::Terminating),
            ("Detaching", Lifecycle::Detaching),
            ("Detached", Lifecycle::Detaching),
            ("Standby", Lifecycle::Standby),
            ("EnteringStandby", Lifecycle::Standby),
            ("Warmed:Pending", Lifecycle::Warmed),
            ("Warmed:Pending:Wait", Lifecycle::Warmed),
            ("Warmed:Terminating:Proceed", Lifecycle::Warmed),
            ("Warmed:Stopped", Lifecycle::Warmed),
            ("Warmed:Hibernated", Lifecycle::Warmed),
            ("Warmed:Running", Lifecycle::Warmed),
            ("Quarantined", Lifecycle::Other),
            ("ReplacingRootVolume:Wait", Lifecycle::Other),
            ("SomethingNew", Lifecycle::Other),
            ("", Lifecycle::Other),
        ] {
            assert_eq!(lifecycle(name), expected, "{name}");
        }
    }

    #[test]
    fn instance_refreshes_under_way_are_told() {
        use InstanceRefreshStatus as Status;
        let refresh = |status: InstanceRefreshStatus, percent: Option<i32>| {
            let refresh = InstanceRefresh::builder().instance_refresh_id("08b9").status(status);
            refresh.set_percentage_complete(percent).build()
        };
        let cases = [
            (Status::Pending, None, Some("instance refresh 08b9 is Pending")),
            (Status::InProgress, Some(40), Some("instance refresh 08b9 is InProgress, 40 % done")),
            (Status::RollbackInProgress, Some(0), Some("instance refresh 08b9 is RollbackInProgress, 0 % done")),
            (Status::Baking, Some(100), Some("instance refresh 08b9 is Baking, 100 % done")),
            (Status::Cancelling, Some(-1), Some("instance refresh 08b9 is Cancelling")),
            (Status::Cancelled, Some(40), None),
            (Status::Failed, Some(40), None),
            (Status::Successful, Some(100), None),
            (Status::RollbackFailed, None, None),
            (Status::RollbackSuccessful, None, None),
            (Status::from("SomethingNew"), None, None),
        ];
        for (status, percent, expected) in cases {
            let ended = refresh(Status::Successful, None);
            assert_eq!(overhaul(&[ended, refresh(status.clone(), percent)]).as_deref(), expected, "{status}");
        }
        assert_eq!(overhaul(&[]), None);
        assert_eq!(overhaul(&[InstanceRefresh::builder().build()]), None);
    }

    #[test]
    fn instance_refreshes_without_an_id_are_told() {
        let nameless = InstanceRefresh::builder().status(InstanceRefreshStatus::Pending).build();
        assert_eq!(overhaul(&[nameless]).as_deref(), Some("instance refresh without an ID is Pending"));
    }

    #[test]
    fn instances_that_cannot_be_judged_are_named() {
        let of = |name: &str| Ec2State::builder().name(InstanceStateName::from(name)).build();
        let nameless = Ec2Instance::builder().state(of("running")).build();
        assert_eq!(instance(&nameless).unwrap_err(), "an instance has no ID");
        let stateless = Ec2Instance::builder().instance_id("i-1").build();
        assert_eq!(instance(&stateless).unwrap_err(), "instance i-1 has no state");
        let odd = Ec2Instance::builder().instance_id("i-1").state(of("dreaming")).build();
        assert_eq!(instance(&odd).unwrap_err(), "instance i-1 is in a state that is not known: dreaming");
        let bare = Ec2Instance::builder().instance_id("i-1").private_ip_address("").state(of("running")).build();
        assert_eq!(instance(&bare).map(|it| it.addresses), Ok(vec![]), "no address is none, not an empty one");
    }

    #[test]
    fn activities_that_cannot_be_told_apart_are_left_out() {
        let whole = || {
            let activity = ScalingActivity::builder().activity_id("a-1").start_time(DateTime::from_secs(0));
            activity.status_code(ScalingActivityStatusCode::Failed)
        };
        assert_eq!(
            activity(&whole().build()).map(|it| (it.status, it.message)),
            Some((ActivityStatus::Failed, String::new()))
        );
        for lacking in [whole().set_activity_id(None), whole().set_start_time(None), whole().set_status_code(None)] {
            assert_eq!(activity(&lacking.build()), None);
        }
        let far = whole().start_time(DateTime::from_secs(i64::MAX)).build();
        assert_eq!(activity(&far), None, "a time that there is not");
        let new = whole().status_code(ScalingActivityStatusCode::from("SomethingNew")).build();
        assert_eq!(
            activity(&new).map(|it| it.status),
            Some(ActivityStatus::InProgress),
            "it has not ended, as far as is known"
        );
    }

    #[test]
    fn p29_a_lack_of_machines_is_told_from_limits() {
        let lacking = [
            "We currently do not have sufficient m5.large capacity in the Availability Zone you requested (us-east-1a). Our \
             system will be working on provisioning additional capacity.",
            "We currently do not have sufficient m5.large capacity in zones with support for 'gp2' volumes. Our system will be \
             working on provisioning additional capacity.",
            "We currently do not have sufficient p4d.24xlarge capacity in zones with support for 'efa' interfaces.",
            "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available that matches \
             your request. Launching EC2 instance failed.",
            "There is no Spot capacity available that matches your request.",
            "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient capacity \
             in the Availability Zone you requested (us-east-1a).",
            "Could not launch On-Demand Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request \
             configuration. Please adjust your request and try again.",
            "Insufficient capacity.",
        ];
        let others = [
            "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the \
             specified instance type belongs to.",
            "Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded.",
            "Max spot instance count exceeded",
            "InstanceLimitExceeded: Your quota allows for 0 more running instance(s). You requested at least 1",
            "VcpuLimitExceeded - We do not have sufficient capacity for you: the limit of your account is reached",
            "Your Spot request price of 0.01 is lower than the minimum required Spot request fulfillment price of 0.04.",
            "The launch template does not exist",
            "You do not have sufficient permissions to launch this instance",
            "",
        ];
        for message in lacking {
            assert!(is_about_capacity(message), "{message}");
        }
        for message in others {
            assert!(!is_about_capacity(message), "{message}");
        }
    }
}
