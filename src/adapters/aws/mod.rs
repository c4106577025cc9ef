//! Worker pools on AWS: Auto Scaling groups and EC2 instances, as the core's port wants them.
//!
//! - `error`: how calls fail, told apart.
//! - `translate`: groups, instances and activities, translated.
//!
//! Reads are tried again by the SDK, with its adaptive pauses. What changes something is asked for once: it may have
//! taken effect though no answer came, and a second detachment would cost an innocent instance its place where the
//! server does not look at who is a member. The core looks at what came of it and asks again.

mod error;
mod translate;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::types::Filter;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::domain::{
    Activity, ActivityId, Instance, InstanceId, PoolName, PoolSnapshot, PoolTarget, ProviderName, RegionName,
};
use crate::ports::{Cloud, ErrorKind, Offer, PortError, Service};

/// The name by which pools ask for AWS.
pub const PROVIDER: &str = "aws";

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one attempt at a call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a read is attempted.
const ATTEMPTS: u32 = 3;
/// The longest pause between two attempts. Left alone, a client that was throttled waits 10 seconds before each.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How many instances are asked about at once; a filter takes 200 values.
const INSTANCES_AT_ONCE: usize = 200;
/// How many of a group's latest activities are read.
const ACTIVITIES: i32 = 50;
/// How many of a group's latest instance refreshes are read. Only one at a time is under way.
const REFRESHES: i32 = 5;
/// For how long it is known whether an instance refresh is under way.
const OVERHAUL_KNOWN_FOR: Duration = Duration::from_mins(1);

/// AWS, as whoever the default credential chain finds: environment, profile, web identity, container, instance role.
///
/// Endpoints are AWS's own, or what `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_AUTO_SCALING` and `AWS_ENDPOINT_URL_EC2` or the
/// profile say.
#[derive(Default)]
pub struct AwsCloud {
    /// What all regions share: who we are, and how patient.
    shared: OnceCell<SdkConfig>,
    clients: RefCell<BTreeMap<RegionName, Clients>>,
    overhauls: Overhauls,
}

/// What is known of instance refreshes. To look for them is a permission of its own, that nothing else needs.
#[derive(Default)]
struct Overhauls {
    /// It was refused once, and is not asked for again.
    refused: Cell<bool>,
    known: RefCell<BTreeMap<(RegionName, PoolName), Overhaul>>,
}

/// The instance refresh of a group, where one is under way.
struct Overhaul {
    asked: Instant,
    word: Option<String>,
}

/// The clients of one region.
#[derive(Clone)]
struct Clients {
    scaling: aws_sdk_autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
}

impl AwsCloud {
    /// Nothing is read and nobody asked before the first call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this configuration in place of the default one; the region is still the pool's.
    #[must_use]
    pub fn with_config(config: &SdkConfig) -> Self {
        let shared = OnceCell::from(patient(config));
        Self { shared, ..Self::default() }
    }

    async fn clients(&self, region: &RegionName) -> Clients {
        if let Some(known) = self.clients.borrow().get(region) {
            return known.clone();
        }
        let own = Region::new(region.as_str().to_owned());
        // With a region given, the chain does not ask the instance for one.
        let load = async || patient(&aws_config::defaults(BehaviorVersion::latest()).region(own.clone()).load().await);
        let config = self.shared.get_or_init(load).await.to_builder().region(own.clone()).build();
        let clients =
            Clients { scaling: aws_sdk_autoscaling::Client::new(&config), ec2: aws_sdk_ec2::Client::new(&config) };
        self.clients.borrow_mut().entry(region.clone()).or_insert(clients).clone()
    }
}

/// The same configuration, with our patience.
fn patient(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut builder = config.to_builder();
    builder.set_app_name(AppName::new(concat!("replicator-", env!("CARGO_PKG_VERSION"))).ok());
    let retries = RetryConfig::adaptive().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_PAUSE);
    builder.retry_config(retries).timeout_config(timeouts).build()
}

/// Makes a call once and at once, whatever comes back. The adaptive strategy would let it wait for its turn after
/// throttling, and it could leave long after whoever makes it has lost the right to (L4).
macro_rules! once {
    ($service:ident, $call:expr) => {
        $call
            .customize()
            .config_override(
                $service::config::Builder::new().retry_config(RetryConfig::standard().with_max_attempts(1)),
            )
            .send()
            .await
    };
}

impl AwsCloud {
    /// The instance refresh under way, where one is and may be looked for. It is asked for at most once a minute a group,
    /// and what fails is none: a group is scaled by who may not look as well.
    async fn overhaul(&self, clients: &Clients, target: &PoolTarget) -> Option<String> {
        let group = (target.region.clone(), target.name.clone());
        if self.overhauls.refused.get() {
            return None;
        }
        if let Some(known) = self.overhauls.known.borrow().get(&group)
            && known.asked.elapsed() < OVERHAUL_KNOWN_FOR
        {
            return known.word.clone();
        }
        let asked = Instant::now();
        let request = clients.scaling.describe_instance_refreshes().auto_scaling_group_name(target.name.as_str());
        let word = match once!(aws_sdk_autoscaling, request.max_records(REFRESHES)) {
            Ok(answer) => translate::overhaul(answer.instance_refreshes()),
            Err(error) => {
                self.overhaul_unknown(&error::port_error(format!("describe instance refreshes of {target}"), &error));
                None
            }
        };
        self.overhauls.known.borrow_mut().insert(group, Overhaul { asked, word: word.clone() });
        word
    }

    fn overhaul_unknown(&self, error: &PortError) {
        if error.kind == ErrorKind::Denied {
            self.overhauls.refused.set(true);
            tracing::info!(
                "instance refreshes are not looked for, and a pool is scaled beside one: to have it held meanwhile, permit \
                 autoscaling:DescribeInstanceRefreshes ({error})"
            );
        } else {
            tracing::debug!("whether an instance refresh is under way is not known: {error}");
        }
    }
}

impl Cloud for AwsCloud {
    fn offers(&self, provider: &ProviderName) -> Offer {
        if provider.as_str() == PROVIDER { Offer::Yes } else { Offer::Unknown }
    }

    async fn look(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        let call = || format!("describe Auto Scaling group {target}");
        let clients = self.clients(&target.region).await;
        let request = clients.scaling.describe_auto_scaling_groups().auto_scaling_group_names(target.name.as_str());
        let mut pages = request.into_paginator().items().send();
        while let Some(group) = pages.next().await {
            let group = group.map_err(|error| error::port_error(call(), &error))?;
            if group.auto_scaling_group_name() == Some(target.name.as_str()) {
                let bad = |problem| PortError::new(Service::Cloud, call(), ErrorKind::Other, problem);
                let group = translate::pool(&group).map_err(bad)?;
                return Ok(Arc::new(PoolSnapshot { overhaul: self.overhaul(&clients, target).await, ..group }));
            }
        }
        let message = "there is no Auto Scaling group of this name in this region, for this account";
        Err(PortError::new(Service::Cloud, call(), ErrorKind::NotFound, message))
    }

    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        let call = || format!("set desired capacity of {target} to {to}");
        let wanted = i32::try_from(to)
            .map_err(|error| PortError::new(Service::Cloud, call(), ErrorKind::Other, error.to_string()))?;
        let clients = self.clients(&target.region).await;
        let request = clients.scaling.update_auto_scaling_group();
        let request = request.auto_scaling_group_name(target.name.as_str()).desired_capacity(wanted);
        once!(aws_sdk_autoscaling, request).map_err(|error| error::port_error(call(), &error))?;
        Ok(())
    }

    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.grow(target, to).await
    }

    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        let clients = self.clients(&target.region).await;
        let mut found = Vec::new();
        for some in ids.chunks(INSTANCES_AT_ONCE) {
            // A filter leaves out what is not known any more, where asking by ID would refuse the whole question.
            let ids = some.iter().map(|id| id.as_str().to_owned()).collect();
            let filter = Filter::builder().name("instance-id").set_values(Some(ids)).build();
            let mut pages = clients.ec2.describe_instances().filters(filter).into_paginator().items().send();
            while let Some(reservation) = pages.next().await {
                let reservation = reservation.map_err(|error| {
                    error::port_error(format!("describe {} instances of {target}", some.len()), &error)
                })?;
                for instance in reservation.instances() {
                    // One that were left out would pass for gone.
                    found.push(translate::instance(instance).map_err(|problem| {
                        let call = format!("describe {} instances of {target}", some.len());
                        PortError::new(Service::Cloud, call, ErrorKind::Other, problem)
                    })?);
                }
            }
        }
        Ok(found)
    }

    async fn take_out(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        let clients = self.clients(&target.region).await;
        let request = clients.scaling.detach_instances().auto_scaling_group_name(target.name.as_str());
        let request = request.instance_ids(instance.as_str()).should_decrement_desired_capacity(true);
        let answer = once!(aws_sdk_autoscaling, request)
            .map_err(|error| error::port_error(format!("detach {instance} from {target}"), &error))?;
        Ok(answer.activities().first().and_then(|activity| activity.activity_id()).map(ActivityId::from))
    }

    async fn let_go(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        // A detached instance lives on; ending it is another call.
        self.take_out(target, instance).await
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        let clients = self.clients(&target.region).await;
        let request = clients.scaling.describe_scaling_activities().auto_scaling_group_name(target.name.as_str());
        let answer = request
            .max_records(ACTIVITIES)
            .send()
            .await
            .map_err(|error| error::port_error(format!("describe activities of {target}"), &error))?;
        Ok(answer.activities().iter().filter_map(translate::activity).collect())
    }

    async fn end(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        let clients = self.clients(&target.region).await;
        let request = clients.ec2.terminate_instances().instance_ids(instance.as_str());
        match once!(aws_sdk_ec2, request) {
            Ok(_) => Ok(()),
            Err(error) => match error::port_error(format!("terminate {instance} of {target}"), &error) {
                // Gone for so long that nobody knows it any more.
                error if error.kind == ErrorKind::NotFound => Ok(()),
                error => Err(error),
            },
        }
    }
}
