//! Auto Scaling groups and instances, in the XML of AWS's query protocol, without the envelope around it.

use std::fmt::Write;

use replicator::domain::{Activity, ActivityStatus, InstanceId, InstanceState, Lifecycle, Resource};

use super::stamp;
use crate::world::World;

/// Why AWS refuses: a code and words.
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) words: String,
}

fn validation(words: String) -> Refused {
    Refused { status: 400, code: "ValidationError", words }
}

/// Text in XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn tag(out: &mut String, name: &str, text: impl std::fmt::Display) {
    // Writing into a string cannot fail.
    write!(out, "<{name}>{}</{name}>", escaped(&text.to_string())).ok();
}

impl World {
    fn pool_number(&self, name: &str, region: &str) -> Option<usize> {
        let here = |pool: &crate::scenario::PoolPlan| {
            pool.name.as_str() == name && pool.policy.target.region.as_str() == region
        };
        self.plan.pools.iter().position(here)
    }

    fn pool_or_refuse(&self, name: &str, region: &str) -> Result<usize, Refused> {
        self.pool_number(name, region).ok_or_else(|| validation("AutoScalingGroup name not found - null".to_owned()))
    }

    /// The groups of these names in a region; all of them where none is named.
    pub(crate) fn groups_xml(&self, names: &[String], region: &str) -> String {
        let wanted = |pool: &usize| {
            let plan = &self.plan.pools[*pool];
            let named = names.is_empty() || names.iter().any(|name| name == plan.name.as_str());
            named && plan.policy.target.region.as_str() == region
        };
        let mut out = String::new();
        for pool in (0..self.plan.pools.len()).filter(wanted) {
            self.group_xml(pool, &mut out);
        }
        format!("<AutoScalingGroups>{out}</AutoScalingGroups>")
    }

    fn group_xml(&self, pool: usize, out: &mut String) {
        let (plan, it) = (&self.plan.pools[pool], &self.cloud.groups[pool]);
        out.push_str("<member>");
        tag(out, "AutoScalingGroupName", &plan.name);
        tag(
            out,
            "AutoScalingGroupARN",
            format_args!(
                "arn:aws:autoscaling:{}:123456789012:autoScalingGroup:0:autoScalingGroupName/{}",
                plan.policy.target.region, plan.name
            ),
        );
        tag(out, "MinSize", plan.min);
        tag(out, "MaxSize", plan.max);
        tag(out, "DesiredCapacity", it.desired);
        tag(out, "DefaultCooldown", 300);
        out.push_str("<AvailabilityZones>");
        for zone in &plan.zones {
            tag(out, "member", zone);
        }
        out.push_str("</AvailabilityZones><LoadBalancerNames/><TargetGroupARNs/>");
        tag(out, "HealthCheckType", "EC2");
        tag(out, "HealthCheckGracePeriod", 300);
        out.push_str("<Instances>");
        for member in &it.members {
            self.member_xml(*member, None, out);
        }
        out.push_str("</Instances>");
        tag(out, "CreatedTime", stamp(crate::time::Millis(0)));
        out.push_str("<SuspendedProcesses/><EnabledMetrics/><Tags/>");
        out.push_str("<TerminationPolicies><member>Default</member></TerminationPolicies>");
        tag(out, "NewInstancesProtectedFromScaleIn", false);
        tag(out, "CapacityRebalance", false);
        out.push_str("</member>");
    }

    fn member_xml(&self, instance: usize, group: Option<&str>, out: &mut String) {
        let it = &self.cloud.instances[instance];
        let lifecycle = match it.lifecycle {
            Lifecycle::Pending => "Pending",
            Lifecycle::InService => "InService",
            Lifecycle::Terminating => "Terminating",
            Lifecycle::Detaching => "Detaching",
            Lifecycle::Other => "Terminated",
        };
        out.push_str("<member>");
        tag(out, "InstanceId", &it.id);
        tag(out, "InstanceType", "m5.large");
        if let Some(group) = group {
            tag(out, "AutoScalingGroupName", group);
        }
        tag(out, "AvailabilityZone", self.plan.pools[it.pool].zones.get(it.zone).map_or("", String::as_str));
        tag(out, "LifecycleState", lifecycle);
        tag(out, "HealthStatus", if it.runs() { "Healthy" } else { "Unhealthy" });
        tag(out, "ProtectedFromScaleIn", it.protected);
        out.push_str("</member>");
    }

    /// The members among these instances.
    pub(crate) fn members_xml(&self, ids: &[String]) -> String {
        let mut out = String::new();
        for (pool, group) in self.cloud.groups.iter().enumerate() {
            for member in &group.members {
                if ids.is_empty() || ids.iter().any(|id| id == self.cloud.instances[*member].id.as_str()) {
                    self.member_xml(*member, Some(self.plan.pools[pool].name.as_str()), &mut out);
                }
            }
        }
        format!("<AutoScalingInstances>{out}</AutoScalingInstances>")
    }

    /// Sets the desired capacity, which AWS keeps within the group's bounds.
    pub(crate) fn set_desired_by_order(&mut self, name: &str, region: &str, desired: u32) -> Result<(), Refused> {
        let pool = self.pool_or_refuse(name, region)?;
        let (min, max) = (self.plan.pools[pool].min, self.plan.pools[pool].max);
        if desired > max {
            let words =
                format!("New SetDesiredCapacity value {desired} is above max value {max} for the AutoScalingGroup.");
            return Err(validation(words));
        }
        if desired < min {
            let words =
                format!("New SetDesiredCapacity value {desired} is below min value {min} for the AutoScalingGroup.");
            return Err(validation(words));
        }
        self.order_on_pool(pool, desired, "by its desired capacity");
        self.set_desired(pool, desired);
        Ok(())
    }

    fn order_on_pool(&mut self, pool: usize, to: u32, how: &str) {
        let resource = Resource::Pool(self.plan.pools[pool].name.clone());
        self.record.order(self.now, resource, self.cloud.groups[pool].desired, to, how.to_owned());
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
            let stranger = || validation(format!("The instance {id} is not part of Auto Scaling group {name}."));
            let member = found.ok_or_else(stranger)?;
            if !members.contains(&member) {
                members.push(member);
            }
        }
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let (desired, min) = (self.cloud.groups[pool].desired, self.plan.pools[pool].min);
        if decrement && desired.saturating_sub(count) < min {
            let words =
                format!("Terminating instance without replacement will violate group's min size constraint ({min}).");
            return Err(validation(words));
        }
        let mut out = String::new();
        for member in members {
            if decrement {
                let name = self.cloud.instances[member].id.clone();
                self.order_on_pool(
                    pool,
                    self.cloud.groups[pool].desired.saturating_sub(1),
                    &format!("by detaching {name}"),
                );
            }
            let id = self.detach_instance(member);
            if !decrement {
                let desired = self.cloud.groups[pool].desired + 1;
                self.set_desired(pool, desired);
            }
            let activity = self.cloud.groups[pool].activities.iter().find(|activity| activity.id == id).cloned();
            if let Some(activity) = activity {
                activity_xml(&activity, name, &mut out);
            }
        }
        Ok(format!("<Activities>{out}</Activities>"))
    }

    /// What a group did lately.
    pub(crate) fn activities_xml(&self, name: &str, region: &str, ids: &[String]) -> Result<String, Refused> {
        let pool = self.pool_or_refuse(name, region)?;
        let mut out = String::new();
        let wanted = |activity: &&Activity| ids.is_empty() || ids.iter().any(|id| id == activity.id.as_str());
        for activity in self.cloud.groups[pool].activities.iter().filter(wanted) {
            activity_xml(activity, name, &mut out);
        }
        Ok(format!("<Activities>{out}</Activities>"))
    }

    /// Instances that pass a filter by ID, address and state, as reservations.
    pub(crate) fn instances_xml(&self, wanted: impl Fn(&str, &str, &str) -> bool) -> String {
        let mut out = String::new();
        for (number, it) in self.cloud.instances.iter().enumerate() {
            let (code, state) = state_of(it.state);
            if !wanted(it.id.as_str(), &it.address, state) {
                continue;
            }
            let region = &self.plan.pools[it.pool].policy.target.region;
            write!(out, "<item><reservationId>r-{number:017x}</reservationId>").ok();
            out.push_str("<ownerId>123456789012</ownerId><groupSet/><instancesSet><item>");
            tag(&mut out, "instanceId", &it.id);
            tag(&mut out, "imageId", "ami-03cf127a");
            write!(out, "<instanceState><code>{code}</code><name>{state}</name></instanceState>").ok();
            tag(
                &mut out,
                "privateDnsName",
                format_args!("ip-{}.{region}.compute.internal", it.address.replace('.', "-")),
            );
            tag(&mut out, "instanceType", "m5.large");
            tag(&mut out, "launchTime", stamp(crate::time::Millis(0)));
            out.push_str("<placement>");
            tag(&mut out, "availabilityZone", self.plan.pools[it.pool].zones.get(it.zone).map_or("", String::as_str));
            out.push_str("</placement>");
            tag(&mut out, "privateIpAddress", &it.address);
            out.push_str("</item></instancesSet></item>");
        }
        format!("<reservationSet>{out}</reservationSet>")
    }

    /// Terminates instances, all or none of those named.
    pub(crate) fn terminate_by_order(&mut self, ids: &[String]) -> Result<String, Refused> {
        let mut numbers = Vec::new();
        for id in ids {
            let missing = || Refused {
                status: 400,
                code: "InvalidInstanceID.NotFound",
                words: format!("The instance ID '{id}' does not exist"),
            };
            numbers.push(self.cloud.find(&InstanceId::from(id.as_str())).ok_or_else(missing)?);
        }
        let mut out = String::new();
        for number in numbers {
            let (before_code, before) = state_of(self.cloud.instances[number].state);
            self.kill_instance(number);
            let (code, state) = state_of(self.cloud.instances[number].state);
            out.push_str("<item>");
            tag(&mut out, "instanceId", &self.cloud.instances[number].id);
            write!(out, "<currentState><code>{code}</code><name>{state}</name></currentState>").ok();
            write!(out, "<previousState><code>{before_code}</code><name>{before}</name></previousState></item>").ok();
        }
        Ok(format!("<instancesSet>{out}</instancesSet>"))
    }
}

fn activity_xml(activity: &Activity, group: &str, out: &mut String) {
    let status = match activity.status {
        ActivityStatus::InProgress => "InProgress",
        ActivityStatus::Successful => "Successful",
        ActivityStatus::Failed | ActivityStatus::NoCapacity => "Failed",
    };
    out.push_str("<member>");
    tag(out, "ActivityId", &activity.id);
    tag(out, "AutoScalingGroupName", group);
    tag(out, "Description", &activity.message);
    tag(out, "Cause", format_args!("At {}: {}", activity.began, activity.message));
    tag(out, "StartTime", activity.began);
    tag(out, "StatusCode", status);
    if status == "Failed" {
        tag(out, "StatusMessage", &activity.message);
    }
    tag(out, "Progress", if status == "InProgress" { 50 } else { 100 });
    out.push_str("</member>");
}

fn state_of(state: InstanceState) -> (u8, &'static str) {
    match state {
        InstanceState::Pending => (0, "pending"),
        InstanceState::Running => (16, "running"),
        InstanceState::ShuttingDown => (32, "shutting-down"),
        InstanceState::Terminated => (48, "terminated"),
        InstanceState::Stopped => (80, "stopped"),
    }
}
