//! Instances of EC2.

use std::fmt::Write;

use replicator::domain::{InstanceId, InstanceState};

use super::{ACCOUNT, INSTANCE_TYPE, Part, Refused, id, tag};
use crate::world::World;

/// A filter that is modelled, with the values of which an instance must have one.
pub(crate) struct InstanceFilter {
    pub(crate) by: By,
    pub(crate) values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Id,
    Address,
    State,
    /// The group that launched it, by the tag that groups put on what they launch.
    Group,
}

impl InstanceFilter {
    /// Nothing where it is not modelled.
    pub(crate) fn new(name: &str, values: Vec<String>) -> Option<Self> {
        let by = match name {
            "instance-id" => By::Id,
            "private-ip-address" => By::Address,
            "instance-state-name" => By::State,
            "tag:aws:autoscaling:groupName" => By::Group,
            _ => return None,
        };
        Some(Self { by, values })
    }
}

impl World {
    fn passes(&self, number: usize, filter: &InstanceFilter) -> bool {
        let it = &self.cloud.instances[number];
        let found = match filter.by {
            By::Id => it.id.as_str(),
            By::Address => &it.address,
            By::State => state_of(it.state).1,
            By::Group => self.plan.pools[it.pool].name.as_str(),
        };
        filter.values.iter().any(|value| value == found)
    }

    /// The numbers of the instances of a region that are named, if any is, and pass all filters. One that is named and not
    /// there is refused, as by AWS.
    fn wanted_instances(
        &self,
        ids: &[String],
        filters: &[InstanceFilter],
        region: &str,
    ) -> Result<Vec<usize>, Refused> {
        let named = if ids.is_empty() {
            (0..self.cloud.instances.len()).collect()
        } else {
            ids.iter().map(|id| self.instance_or_refuse(id, region)).collect::<Result<Vec<_>, _>>()?
        };
        let here = named.into_iter().filter(|number| self.region_of(*number) == region);
        Ok(here.filter(|number| filters.iter().all(|filter| self.passes(*number, filter))).collect())
    }

    fn instance_or_refuse(&self, id: &str, region: &str) -> Result<usize, Refused> {
        let found = self.cloud.find(&InstanceId::from(id)).filter(|number| self.region_of(*number) == region);
        found.ok_or_else(|| Refused {
            status: 400,
            code: "InvalidInstanceID.NotFound",
            words: format!("The instance ID '{id}' does not exist"),
        })
    }

    /// Instances, as reservations.
    pub(crate) fn instances_xml(
        &self,
        ids: &[String],
        filters: &[InstanceFilter],
        region: &str,
        part: &Part,
    ) -> Result<(String, Option<usize>), Refused> {
        let wanted = self.wanted_instances(ids, filters, region)?;
        Ok(part.of("reservationSet", wanted.into_iter().map(|number| self.reservation_xml(number)).collect()))
    }

    fn reservation_xml(&self, number: usize) -> String {
        let it = &self.cloud.instances[number];
        let (code, state) = state_of(it.state);
        let launched = self.calendar.stamp(it.launched);
        let (region, address) = (self.region_of(number), &it.address);
        let (network, volume) = (id("eni", number), id("vol", number));
        let mut out = "<item>".to_owned();
        tag(&mut out, "reservationId", id("r", number));
        tag(&mut out, "ownerId", ACCOUNT);
        out.push_str("<groupSet/><instancesSet><item>");
        tag(&mut out, "instanceId", &it.id);
        tag(&mut out, "imageId", "ami-03cf127a");
        write!(out, "<instanceState><code>{code}</code><name>{state}</name></instanceState>").ok();
        tag(&mut out, "privateDnsName", format_args!("ip-{}.{region}.compute.internal", address.replace('.', "-")));
        out.push_str("<reason/>");
        tag(&mut out, "amiLaunchIndex", 0);
        out.push_str("<productCodes/>");
        tag(&mut out, "instanceType", INSTANCE_TYPE);
        tag(&mut out, "launchTime", &launched);
        out.push_str("<placement>");
        tag(&mut out, "availabilityZone", self.zone_of(number));
        out.push_str("<groupName/><tenancy>default</tenancy></placement><platform>linux</platform>");
        out.push_str("<monitoring><state>disabled</state></monitoring>");
        tag(&mut out, "subnetId", id("subnet", it.pool));
        tag(&mut out, "vpcId", id("vpc", 0));
        tag(&mut out, "privateIpAddress", address);
        out.push_str("<sourceDestCheck>true</sourceDestCheck><groupSet/><stateReason><code/><message/></stateReason>");
        out.push_str("<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>");
        out.push_str("<rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item>");
        tag(&mut out, "deviceName", "/dev/sda1");
        write!(
            out,
            "<ebs><volumeId>{volume}</volumeId><status>attached</status><attachTime>{launched}</attachTime>\
             <deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>"
        )
        .ok();
        out.push_str("<virtualizationType>hvm</virtualizationType><tagSet>");
        let name = self.plan.pools[it.pool].name.as_str();
        for (key, value) in [("Name", name), ("aws:autoscaling:groupName", name)] {
            out.push_str("<item>");
            tag(&mut out, "key", key);
            tag(&mut out, "value", value);
            out.push_str("</item>");
        }
        out.push_str("</tagSet><hypervisor>xen</hypervisor><networkInterfaceSet><item>");
        tag(&mut out, "networkInterfaceId", &network);
        tag(&mut out, "subnetId", id("subnet", it.pool));
        tag(&mut out, "vpcId", id("vpc", 0));
        write!(
            out,
            "<association/><description>Primary network interface</description><ownerId>{ACCOUNT}</ownerId><status>in-use</status>\
             <macAddress>02:00:{:02x}:{:02x}:{:02x}:{:02x}</macAddress><privateIpAddress>{address}</privateIpAddress>\
             <sourceDestCheck>true</sourceDestCheck><interfaceType>interface</interfaceType>\
             <groupSet><item><groupId>sg-0</groupId><groupName>default</groupName></item></groupSet>\
             <attachment><attachmentId>eni-attach-{number}</attachmentId><deviceIndex>0</deviceIndex>\
             <networkCardIndex>0</networkCardIndex><status>attached</status><attachTime>{launched}</attachTime>\
             <deleteOnTermination>true</deleteOnTermination></attachment><ipv6AddressesSet/>\
             <privateIpAddressesSet><item><privateIpAddress>{address}</privateIpAddress><primary>true</primary></item>\
             </privateIpAddressesSet></item></networkInterfaceSet>",
            number >> 24 & 0xff,
            number >> 16 & 0xff,
            number >> 8 & 0xff,
            number & 0xff,
        )
        .ok();
        out.push_str(
            "<ebsOptimized>false</ebsOptimized><sriovNetSupport>simple</sriovNetSupport><metadataOptions>\
             <state>applied</state><httpTokens>required</httpTokens>\
             <httpPutResponseHopLimit>1</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>\
             <httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags>\
             </metadataOptions></item></instancesSet></item>",
        );
        out
    }

    /// How instances are, as EC2 checks them. Only those that run, unless all are wanted.
    pub(crate) fn instance_status_xml(
        &self,
        ids: &[String],
        filters: &[InstanceFilter],
        region: &str,
        with_all: bool,
        part: &Part,
    ) -> Result<(String, Option<usize>), Refused> {
        let wanted = self.wanted_instances(ids, filters, region)?.into_iter();
        let wanted = wanted.filter(|number| with_all || self.cloud.instances[*number].state == InstanceState::Running);
        let item = |number: usize| {
            let it = &self.cloud.instances[number];
            let (code, state) = state_of(it.state);
            let reachable = |word: &str| {
                format!("<details><item><name>reachability</name><status>{word}</status></item></details>")
            };
            let (status, details) = match it.state {
                InstanceState::Running => ("ok", reachable("passed")),
                InstanceState::Pending => ("initializing", reachable("initializing")),
                _ => ("not-applicable", String::new()),
            };
            let check = format!("<status>{status}</status>{details}");
            let mut out = "<item>".to_owned();
            tag(&mut out, "instanceId", &it.id);
            tag(&mut out, "availabilityZone", self.zone_of(number));
            write!(
                out,
                "<instanceState><code>{code}</code><name>{state}</name></instanceState>\
                 <systemStatus>{check}</systemStatus><instanceStatus>{check}</instanceStatus></item>"
            )
            .ok();
            out
        };
        Ok(part.of("instanceStatusSet", wanted.map(item).collect()))
    }

    /// Terminates instances, all or none of those named.
    pub(crate) fn terminate_by_order(&mut self, ids: &[String], region: &str) -> Result<String, Refused> {
        let numbers = ids.iter().map(|id| self.instance_or_refuse(id, region)).collect::<Result<Vec<_>, _>>()?;
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

fn state_of(state: InstanceState) -> (u8, &'static str) {
    match state {
        InstanceState::Pending => (0, "pending"),
        InstanceState::Running => (16, "running"),
        InstanceState::ShuttingDown => (32, "shutting-down"),
        InstanceState::Terminated => (48, "terminated"),
        InstanceState::Stopped => (80, "stopped"),
    }
}
