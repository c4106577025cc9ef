//! An AWS API server on loopback: moto.

use std::process::{Child, Command, Stdio};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_ec2::types::{InstanceStateName, InstanceType, RequestLaunchTemplateData};

use crate::{block_on, eventually, free_port};

pub(super) const REGION: &str = "us-east-1";
/// The one group of a test.
pub(super) const GROUP: &str = "workers";

/// A running server.
pub(super) struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    pub(super) fn start() -> Self {
        let port = free_port();
        let binary = crate::binary("MOTO_BIN", "moto_server").unwrap();
        let mut command = Command::new(binary);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Self { child, port };
        eventually("moto to answer", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        moto
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Creates the group, whose instances are there at once.
    pub(super) fn create_group(&self, min: i32, max: i32, desired: i32) -> Group {
        let group = Group::at(&self.address());
        block_on(group.create(min, max, desired));
        group
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A configuration for a server on loopback.
pub(super) fn config(address: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .endpoint_url(address)
        .build()
}

/// The group, as its owner sees it.
#[derive(Clone)]
pub(super) struct Group {
    scaling: aws_sdk_autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
}

/// An instance that runs or ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) runs: bool,
}

impl Group {
    fn at(address: &str) -> Self {
        let config = config(address);
        Self { scaling: aws_sdk_autoscaling::Client::new(&config), ec2: aws_sdk_ec2::Client::new(&config) }
    }

    async fn create(&self, min: i32, max: i32, desired: i32) {
        let vpc = self.ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.unwrap();
        let vpc = vpc.vpc().unwrap().vpc_id().unwrap().to_owned();
        let subnet = self.ec2.create_subnet().vpc_id(vpc).cidr_block("10.20.1.0/24").send().await.unwrap();
        let subnet = subnet.subnet().unwrap().subnet_id().unwrap().to_owned();
        let machine =
            RequestLaunchTemplateData::builder().image_id("ami-03cf127a").instance_type(InstanceType::M5Large).build();
        let template = self.ec2.create_launch_template().launch_template_name("worker").launch_template_data(machine);
        template.send().await.unwrap();
        let template = LaunchTemplateSpecification::builder().launch_template_name("worker").version("$Latest").build();
        let group = self.scaling.create_auto_scaling_group().auto_scaling_group_name(GROUP).launch_template(template);
        let group = group.min_size(min).max_size(max).desired_capacity(desired).vpc_zone_identifier(subnet);
        group.send().await.unwrap();
    }

    /// The group's desired capacity and members.
    pub(super) async fn members(&self) -> Option<(i32, Vec<String>)> {
        let answer = self.scaling.describe_auto_scaling_groups().auto_scaling_group_names(GROUP).send().await.unwrap();
        let group = answer.auto_scaling_groups().first()?;
        let ids = group.instances().iter().map(|member| member.instance_id().unwrap().to_owned()).collect();
        Some((group.desired_capacity().unwrap(), ids))
    }

    /// All instances that ever were.
    pub(super) async fn machines(&self) -> Vec<Machine> {
        let answer = self.ec2.describe_instances().send().await.unwrap();
        let all = answer.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
        all.map(|instance| Machine {
            id: instance.instance_id().unwrap().to_owned(),
            address: instance.private_ip_address().unwrap_or_default().to_owned(),
            runs: instance.state().unwrap().name() == Some(&InstanceStateName::Running),
        })
        .collect()
    }

    pub(super) async fn set_desired(&self, desired: i32) {
        self.scaling
            .set_desired_capacity()
            .auto_scaling_group_name(GROUP)
            .desired_capacity(desired)
            .send()
            .await
            .unwrap();
    }

    pub(super) async fn protect(&self, instances: &[String], protected: bool) {
        let request = self.scaling.set_instance_protection().auto_scaling_group_name(GROUP);
        request.set_instance_ids(Some(instances.to_vec())).protected_from_scale_in(protected).send().await.unwrap();
    }

    pub(super) async fn suspend(&self, process: &str) {
        self.scaling
            .suspend_processes()
            .auto_scaling_group_name(GROUP)
            .scaling_processes(process)
            .send()
            .await
            .unwrap();
    }

    pub(super) async fn resume(&self, process: &str) {
        self.scaling.resume_processes().auto_scaling_group_name(GROUP).scaling_processes(process).send().await.unwrap();
    }
}
