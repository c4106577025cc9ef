//! Auto Scaling groups: what they are, what is asked of them, what they did.

use std::collections::BTreeMap;

use replicator::domain::{ActivityStatus, InstanceId, Lifecycle, Resource};

use super::{ACCOUNT, INSTANCE_TYPE, Part, Refused, id, tag};
use crate::kernel::time::Millis;
use crate::world::World;
use crate::world::cloud::SimActivity;

impl World {
    /// The groups of these names in a region; all of them where none is named.
    pub(crate) fn groups_xml(&self, names: &[String], region: &str, part: &Part) -> (String, Option<usize>) {
        let wanted = |pool: &usize| {
            let plan = &self.plan.pools[*pool];
            let named = names.is_empty() || names.iter().any(|name| name == plan.name.as_str());
            named && plan.policy.target.region.as_str() == region
        };
        let groups = (0..self.plan.pools.len()).filter(wanted).map(|pool| self.group_xml(pool)).collect();
        part.of("AutoScalingGroups", groups)
    }

    fn group_xml(&self, pool: usize) -> String {
        let (plan, it) = (&self.plan.pools[pool], &self.cloud.groups[pool]);
        let mut out = "<member>".to_owned();
        tag(&mut out, "AutoScalingGroupName", &plan.name);
        let region = &plan.policy.target.region;
        let arn =
            format!("arn:aws:autoscaling:{region}:{ACCOUNT}:autoScalingGroup:0:autoScalingGroupName/{}", plan.name);
        tag(&mut out, "AutoScalingGroupARN", arn);
        out.push_str(&launch_template(pool));
        tag(&mut out, "MinSize", plan.min);
        tag(&mut out, "MaxSize", plan.max);
        tag(&mut out, "DesiredCapacity", it.desired);
        tag(&mut out, "DefaultCooldown", 300);
        out.push_str("<AvailabilityZones>");
        for zone in &plan.zones {
            tag(&mut out, "member", zone);
        }
        out.push_str("</AvailabilityZones><LoadBalancerNames/><TargetGroupARNs/>");
        tag(&mut out, "HealthCheckType", "EC2");
        tag(&mut out, "HealthCheckGracePeriod", 300);
        out.push_str("<Instances>");
        for member in &it.members {
            out.push_str(&self.member_xml(*member, None));
        }
        out.push_str("</Instances>");
        tag(&mut out, "CreatedTime", self.calendar.stamp(Millis(0)));
        out.push_str("<SuspendedProcesses/>");
        tag(&mut out, "VPCZoneIdentifier", id("subnet", pool));
        out.push_str("<EnabledMetrics/><Tags>");
        let own = [("Name", (plan.name.as_str(), true))];
        let written = it.tags.iter().map(|(key, (value, at_launch))| (key.as_str(), (value.as_str(), *at_launch)));
        for (key, (value, at_launch)) in own.into_iter().chain(written).collect::<BTreeMap<_, _>>() {
            out.push_str("<member>");
            tag(&mut out, "ResourceType", "auto-scaling-group");
            tag(&mut out, "ResourceId", &plan.name);
            tag(&mut out, "PropagateAtLaunch", at_launch);
            tag(&mut out, "Value", value);
            tag(&mut out, "Key", key);
            out.push_str("</member>");
        }
        out.push_str("</Tags><TerminationPolicies><member>Default</member></TerminationPolicies>");
        tag(&mut out, "NewInstancesProtectedFromScaleIn", false);
        tag(&mut out, "CapacityRebalance", false);
        let role = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
        tag(&mut out, "ServiceLinkedRoleARN", format_args!("arn:aws:iam::{ACCOUNT}:role/{role}"));
        out.push_str("</member>");
        out
    }

    fn member_xml(&self, instance: usize, group: Option<&str>) -> String {
        let it = &self.cloud.instances[instance];
        let lifecycle = match it.lifecycle {
            Lifecycle::Pending => "Pending",
            Lifecycle::InService => "InService",
            Lifecycle::Terminating => "Terminating",
            Lifecycle::Detaching => "Detaching",
            Lifecycle::Standby => "Standby",
            Lifecycle::Warmed => "Warmed:Stopped",
            Lifecycle::Other => "Terminated",
        };
        let mut out = "<member>".to_owned();
        tag(&mut out, "InstanceId", &it.id);
        tag(&mut out, "InstanceType", INSTANCE_TYPE);
        if let Some(group) = group {
            tag(&mut out, "AutoScalingGroupName", group);
        }
        tag(&mut out, "AvailabilityZone", self.zone_of(instance));
        if self.plan.pools[it.pool].weighted {
            tag(&mut out, "WeightedCapacity", 1);
        }
        tag(&mut out, "LifecycleState", lifecycle);
        tag(&mut out, "HealthStatus", if it.runs() { "Healthy" } else { "Unhealthy" });
        out.push_str(&launch_template(it.pool));
        tag(&mut out, "ProtectedFromScaleIn", it.protected);
        out.push_str("</member>");
        out
    }

    /// The members among these instances.
    pub(crate) fn members_xml(&self, ids: &[String], region: &str, part: &Part) -> (String, Option<usize>) {
        let of_group = |pool: usize| {
            let members = self.cloud.groups[pool].members.iter();
            let wanted = members.filter(|member| {
                ids.is_empty() || ids.iter().any(|id| id == self.cloud.instances[**member].id.as_str())
            });
            wanted.map(move |member| self.member_xml(*member, Some(self.plan.pools[pool].name.as_str())))
        };
        let here =
            (0..self.plan.pools.len()).filter(|pool| self.plan.pools[*pool].policy.target.region.as_str() == region);
        part.of("AutoScalingInstances", here.flat_map(of_group).collect())
    }

    /// The instance refreshes of a group: it never had one.
    pub(crate) fn refreshes_xml(
        &self,
        name: &str,
        region: &str,
        part: &Part,
    ) -> Result<(String, Option<usize>), Refused> {
        self.pool_or_refuse(name, region)?;
        Ok(part.of("InstanceRefreshes", Vec::new()))
    }

    /// Sets the desired capacity, which AWS keeps within the group's bounds.
    pub(crate) fn set_desired_by_order(&mut self, name: &str, region: &str, desired: u32) -> Result<(), Refused> {
        let pool = self.pool_or_refuse(name, region)?;
        let (min, max) = (self.plan.pools[pool].min, self.plan.pools[pool].max);
        let refused = |bound: &str| {
            Refused::invalid(format!("New SetDesiredCapacity value {desired} is {bound} for the AutoScalingGroup."))
        };
        if desired > max {
            return Err(refused(&format!("above max value {max}")));
        }
        if desired < min {
            return Err(refused(&format!("below min value {min}")));
        }
        self.order_on_pool(pool, desired, "by its desired capacity");
        self.set_desired(pool, desired);
        Ok(())
    }

    /// Whether a group is within these bounds, and in these zones; what is not said is as it is.
    pub(crate) fn is_as_said(
        &self,
        name: &str,
        region: &str,
        (min, max): (Option<usize>, Option<usize>),
        zones: &[String],
    ) -> Result<bool, Refused> {
        let plan = &self.plan.pools[self.pool_or_refuse(name, region)?];
        let same = |said: Option<usize>, is: u32| said.is_none_or(|said| u32::try_from(said) == Ok(is));
        let its_zones = zones.iter().all(|zone| plan.zones.contains(zone)) && zones.len() == plan.zones.len();
        Ok(same(min, plan.min) && same(max, plan.max) && (zones.is_empty() || its_zones))
    }

    /// Writes a tag on a group.
    pub(crate) fn tag_by_order(
        &mut self,
        name: &str,
        region: &str,
        tag: (String, String, bool),
    ) -> Result<(), Refused> {
        let pool = self.pool_or_refuse(name, region)?;
        let (key, value, at_launch) = tag;
        self.cloud.groups[pool].tags.insert(key, (value, at_launch));
        Ok(())
    }

    fn order_on_pool(&mut self, pool: usize, to: u32, how: &str) {
        let resource = Resource::Pool(self.plan.pools[pool].name.clone());
        self.record.order(self.now, resource, self.cloud.groups[pool].desired, to, how.to_owned());
    }

    /// Fewer than `MinSize` AWS does not let a group become.
    fn check_min(&self, pool: usize, leaving: usize) -> Result<(), Refused> {
        let (desired, min) = (self.cloud.groups[pool].desired, self.plan.pools[pool].min);
        let leaving = u32::try_from(leaving).unwrap_or(u32::MAX);
        if desired.saturating_sub(leaving) >= min {
            return Ok(());
        }
        let words = format!(
            "Currently, desiredSize equals minSize ({min}). Terminating instance without replacement will violate \
             group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min \
             size."
        );
        Err(Refused::invalid(words))
    }

    /// Detaches members.
    pub(crate) fn detach_by_order(
        &mut self,
        name: &str,
        region: &str,
        ids: &[String],
        decrement: bool,
    ) -> Result<String, Refused> {
        let pool = self.pool_or_refuse(name, region)?;
        let mut members = Vec::new();
        for id in ids {
            let number = self.cloud.find(&InstanceId::from(id.as_str()));
            let found = number.filter(|number| {
                self.cloud.groups[pool].members.contains(number)
                    && self.cloud.instances[*number].lifecycle == Lifecycle::InService
            });
            let stranger = || Refused::invalid(format!("The instance {id} is not part of Auto Scaling group {name}."));
            let member = found.ok_or_else(stranger)?;
            if !members.contains(&member) {
                members.push(member);
            }
        }
        if decrement {
            self.check_min(pool, members.len())?;
        }
        let mut out = String::new();
        for member in members {
            if decrement {
                let how = format!("by detaching {}", self.cloud.instances[member].id);
                self.order_on_pool(pool, self.cloud.groups[pool].desired.saturating_sub(1), &how);
            }
            let desired = self.cloud.groups[pool].desired;
            let id = self.detach_instance(member);
            if !decrement {
                self.set_desired(pool, desired);
            }
            let begun = self.cloud.groups[pool].activities.iter().find(|it| it.activity.id == id);
            out.extend(begun.map(|it| activity_xml("member", it, name)));
        }
        Ok(format!("<Activities>{out}</Activities>"))
    }

    /// Terminates a member.
    pub(crate) fn terminate_member_by_order(
        &mut self,
        id: &str,
        region: &str,
        decrement: bool,
    ) -> Result<String, Refused> {
        let found = self.cloud.find(&InstanceId::from(id)).filter(|number| self.region_of(*number) == region);
        let member = found.filter(|number| {
            let it = &self.cloud.instances[*number];
            let is_there = matches!(it.lifecycle, Lifecycle::Pending | Lifecycle::InService) && it.runs();
            is_there && self.cloud.groups[it.pool].members.contains(number)
        });
        let stranger =
            || Refused::invalid(format!("Instance Id not found - No managed instance found for instance ID {id}"));
        let member = member.ok_or_else(stranger)?;
        let pool = self.cloud.instances[member].pool;
        if decrement {
            self.check_min(pool, 1)?;
            self.order_on_pool(
                pool,
                self.cloud.groups[pool].desired.saturating_sub(1),
                &format!("by terminating {id}"),
            );
        }
        let begun = self.terminate_member(member, decrement);
        let begun = self.cloud.groups[pool].activities.iter().find(|it| it.activity.id == begun);
        Ok(begun.map(|it| activity_xml("Activity", it, self.plan.pools[pool].name.as_str())).unwrap_or_default())
    }

    /// Protects members from scale-in, or not any more.
    pub(crate) fn protect_by_order(
        &mut self,
        name: &str,
        region: &str,
        ids: &[String],
        protected: bool,
    ) -> Result<(), Refused> {
        let pool = self.pool_or_refuse(name, region)?;
        let mut members = Vec::new();
        for id in ids {
            let number = self.cloud.find(&InstanceId::from(id.as_str()));
            let found = number.filter(|number| self.cloud.groups[pool].members.contains(number));
            let stranger = || Refused::invalid(format!("The instance {id} is not part of Auto Scaling group {name}."));
            members.push(found.ok_or_else(stranger)?);
        }
        for member in members {
            self.cloud.instances[member].protected = protected;
        }
        Ok(())
    }

    /// What a group did lately.
    pub(crate) fn activities_xml(
        &self,
        name: &str,
        region: &str,
        ids: &[String],
        part: &Part,
    ) -> Result<(String, Option<usize>), Refused> {
        // Without a name those of all groups are meant.
        let pools = if name.is_empty() {
            (0..self.plan.pools.len())
                .filter(|pool| self.plan.pools[*pool].policy.target.region.as_str() == region)
                .collect()
        } else {
            vec![self.pool_or_refuse(name, region)?]
        };
        let wanted = |it: &&SimActivity| ids.is_empty() || ids.iter().any(|id| id == it.activity.id.as_str());
        let all = pools.into_iter().flat_map(|pool| {
            let name = self.plan.pools[pool].name.as_str();
            self.cloud.groups[pool].activities.iter().filter(wanted).map(move |it| activity_xml("member", it, name))
        });
        Ok(part.of("Activities", all.collect()))
    }
}

fn launch_template(pool: usize) -> String {
    let mut out = "<LaunchTemplate>".to_owned();
    tag(&mut out, "LaunchTemplateId", id("lt", pool));
    tag(&mut out, "LaunchTemplateName", "workers");
    tag(&mut out, "Version", 1);
    out.push_str("</LaunchTemplate>");
    out
}

fn activity_xml(name: &str, it: &SimActivity, group: &str) -> String {
    let activity = &it.activity;
    let status = match activity.status {
        ActivityStatus::InProgress => "InProgress",
        ActivityStatus::Successful => "Successful",
        ActivityStatus::Failed | ActivityStatus::NoCapacity => "Failed",
    };
    let mut out = format!("<{name}>");
    tag(&mut out, "ActivityId", &activity.id);
    tag(&mut out, "AutoScalingGroupName", group);
    tag(&mut out, "Description", &activity.message);
    tag(&mut out, "Cause", format_args!("At {}: {}", activity.began, activity.message));
    tag(&mut out, "StartTime", activity.began);
    // One that is under way has no end.
    if let Some(ended) = it.ended {
        tag(&mut out, "EndTime", ended);
    }
    tag(&mut out, "StatusCode", status);
    if status == "Failed" {
        tag(&mut out, "StatusMessage", &activity.message);
    }
    tag(&mut out, "Progress", if status == "InProgress" { 50 } else { 100 });
    out + "</" + name + ">"
}
