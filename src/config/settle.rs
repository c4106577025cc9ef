//! Layers, settled into one configuration.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::environment::{consul_from_environment, from_environment};
use super::error::{ConfigError, Place};
use super::file::from_path;
use super::layer::{ConsulLayer, HttpLayer, Layer, NomadLayer, NotificationLayer, TlsLayer};
use super::value::{Level, secret_url};
use crate::adapters::consul::ConsulSettings;
use crate::adapters::http::{Address, Endpoint, Tls, Verify};
use crate::adapters::nomad::NomadSettings;
use crate::adapters::notify::{NotifySettings, OpsGenie, PagerDuty, Receiver, Slack, Webhook};
use crate::agent::{AgentConfig, Switch};
use crate::api::{Access, ApiSettings, TlsFiles};
use crate::decide::Limits;
use crate::domain::{AgentName, AllocationId};

/// What the defaults are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A cluster.
    Production,
    /// Local work: everything is logged (`-dev`).
    Development,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// A setting that this version takes and does nothing about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The setting.
    pub key: &'static str,
    /// What that means.
    pub meaning: &'static str,
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach Consul.
    pub consul: ConsulSettings,
    /// How to reach Nomad.
    pub nomad: NomadSettings,
    /// The root of every key in Consul.
    pub root: String,
    /// How often groups are evaluated.
    pub job_interval: Duration,
    /// Whether groups are scaled.
    pub job_scaling: Switch,
    /// How often pools are evaluated.
    pub cluster_interval: Duration,
    /// Whether pools are scaled.
    pub cluster_scaling: Switch,
    /// The most operations under way at once.
    pub concurrency: usize,
    /// How much is logged.
    pub log_level: Level,
    /// How logs look.
    pub log_format: LogFormat,
    /// The name of the cluster in alerts.
    pub cluster_identifier: String,
    /// Who is told of alerts, and of what.
    pub notify: NotifySettings,
    /// What is allowed of all pools together.
    pub limits: Limits,
    /// Where the HTTP API listens.
    pub api: ApiSettings,
    /// Where counts are sent by statsd.
    pub statsd: Option<String>,
    /// What was set and does nothing.
    pub unused: Vec<Unused>,
}

/// Reads the files and the environment and settles them with the flags.
///
/// # Errors
///
/// When any of it makes no sense; the error says where.
pub fn load(
    flags: Layer,
    paths: &[PathBuf],
    mode: Mode,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut layer = from_environment(variable)?;
    for path in paths {
        layer = from_path(path)?.over(layer);
    }
    settle(flags.over(layer), mode)
}

/// As [`load`], but only what is about Consul: the settings and the root of the keys.
///
/// # Errors
///
/// As [`load`]; what the environment says of Nomad does not matter.
pub fn load_consul(
    flags: ConsulLayer,
    paths: &[PathBuf],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(ConsulSettings, String), ConfigError> {
    let mut layer = Layer { consul: consul_from_environment(variable)?, ..Layer::default() };
    for path in paths {
        layer = from_path(path)?.over(layer);
    }
    let layer = Layer { consul: flags, ..Layer::default() }.over(layer).consul;
    let root = root(&layer);
    Ok((consul(layer)?, root))
}

fn root(layer: &ConsulLayer) -> String {
    layer.key_root.clone().unwrap_or_else(|| "replicator/config".to_owned())
}

fn settle(layer: Layer, mode: Mode) -> Result<Config, ConfigError> {
    let unused = unused(&layer);
    let switch = |disable: Option<bool>| if disable == Some(true) { Switch::Off } else { Switch::On };
    let seconds = |seconds: Option<u32>| Duration::from_secs(u64::from(seconds.unwrap_or(10)));
    let level = if mode == Mode::Development { Level::Debug } else { Level::Info };
    Ok(Config {
        root: root(&layer.consul),
        job_interval: seconds(layer.job_scaling_interval),
        job_scaling: switch(layer.job_scaling_disable),
        cluster_interval: seconds(layer.cluster_scaling_interval),
        cluster_scaling: switch(layer.cluster_scaling_disable),
        limits: layer.limits,
        concurrency: usize::try_from(layer.scaling_concurrency.unwrap_or(10)).unwrap_or(usize::MAX),
        log_level: layer.log_level.unwrap_or(level),
        log_format: if layer.log_json == Some(true) { LogFormat::Json } else { LogFormat::Human },
        cluster_identifier: layer.notification.cluster_identifier.clone().unwrap_or_default(),
        notify: notify(layer.notification)?,
        statsd: layer.statsd_address,
        api: api(layer.bind_address.as_deref(), layer.http_port, layer.http)?,
        consul: consul(layer.consul)?,
        nomad: nomad(layer.nomad)?,
        unused,
    })
}

fn consul(layer: ConsulLayer) -> Result<ConsulSettings, ConfigError> {
    let given = layer.address.as_deref().unwrap_or("localhost:8500");
    // As the consul tool: where encryption is asked for, there is no way back to plain HTTP.
    let address = match given.strip_prefix("http://").or_else(|| (!given.contains("://")).then_some(given)) {
        Some(plain) if layer.encrypted == Some(true) => address("consul", plain, "https")?,
        _ => address("consul", given, "http")?,
    };
    let source = Some(source("--consul", layer.address.is_some(), layer.address_source));
    let endpoint = Endpoint { address, source, tls: tls(layer.tls), token: layer.token, token_file: None };
    Ok(ConsulSettings { endpoint, datacenter: layer.datacenter, namespace: layer.namespace })
}

fn nomad(layer: NomadLayer) -> Result<NomadSettings, ConfigError> {
    let source = source("--nomad", layer.address.is_some(), layer.address_source);
    let address = address("nomad", layer.address.as_deref().unwrap_or("http://localhost:4646"), "http")?;
    let tls = Tls { server_name: layer.tls_server_name, ..tls(layer.tls) };
    let (token, token_file) = (layer.token, layer.token_file);
    let endpoint = Endpoint { address, source: Some(source), tls, token, token_file };
    Ok(NomadSettings { endpoint, region: layer.region, namespace: layer.namespace })
}

/// Where an address came from, in words.
fn source(flag: &str, is_set: bool, stands: Option<String>) -> String {
    match (is_set, stands) {
        (true, Some(place)) => place,
        (true, None) => format!("the flag {flag}"),
        (false, _) => "the default".to_owned(),
    }
}

fn address(key: &str, text: &str, scheme: &str) -> Result<Address, ConfigError> {
    Address::parse(text, scheme).map_err(|error| ConfigError::Value {
        place: Place::Settled,
        key: key.to_owned(),
        problem: error.to_string(),
    })
}

fn tls(layer: TlsLayer) -> Tls {
    Tls {
        ca_file: layer.ca_file,
        ca_path: layer.ca_path,
        client_cert: layer.client_cert,
        client_key: layer.client_key,
        server_name: layer.server_name,
        verify: if layer.skip_verify == Some(true) { Verify::Skip } else { Verify::Yes },
    }
}

fn notify(layer: NotificationLayer) -> Result<NotifySettings, ConfigError> {
    let of_nobody = |key: &str, whose: &str| ConfigError::Value {
        place: Place::Settled,
        key: key.to_owned(),
        problem: format!("it is of no use without {whose}"),
    };
    for (set, key, owner, whose) in [
        (
            layer.pagerduty_url.is_some(),
            "pagerduty_url",
            layer.pagerduty_service_key.is_some(),
            "pagerduty_service_key",
        ),
        (layer.opsgenie_url.is_some(), "opsgenie_url", layer.opsgenie_api_key.is_some(), "opsgenie_service_key"),
        (layer.webhook_secret.is_some(), "webhook_secret", layer.webhook_url.is_some(), "webhook_url"),
    ] {
        if set && !owner {
            return Err(of_nobody(key, whose));
        }
    }
    // Not where flags are read: what is complained of there is shown.
    for (key, url) in [("slack_webhook_url", &layer.slack_webhook_url), ("webhook_url", &layer.webhook_url)] {
        if let Some(Err(problem)) = url.as_ref().map(|url| secret_url(url.expose_secret())) {
            return Err(ConfigError::Value { place: Place::Settled, key: key.to_owned(), problem });
        }
    }
    let pagerduty_url = layer.pagerduty_url.unwrap_or_else(|| "https://events.pagerduty.com".to_owned());
    let opsgenie_url = layer.opsgenie_url.unwrap_or_else(|| "https://api.opsgenie.com".to_owned());
    let receivers = [
        layer
            .pagerduty_service_key
            .map(|routing_key| PagerDuty { routing_key, url: pagerduty_url })
            .map(Receiver::PagerDuty),
        layer.opsgenie_api_key.map(|api_key| OpsGenie { api_key, url: opsgenie_url }).map(Receiver::OpsGenie),
        layer.slack_webhook_url.map(|url| Slack { url }).map(Receiver::Slack),
        layer.webhook_url.map(|url| Webhook { url, secret: layer.webhook_secret }).map(Receiver::Webhook),
    ];
    Ok(NotifySettings {
        receivers: receivers.into_iter().flatten().collect(),
        kinds: layer.alert_on.unwrap_or_default().0,
        uid: layer.notification_uid.unwrap_or_default(),
        severity: layer.alert_severity.unwrap_or_default(),
    })
}

/// Where the API listens where nobody says otherwise: as the Go daemon's.
const DEFAULT_PORT: u16 = 1313;

fn api(address: Option<&str>, port: Option<u16>, http: HttpLayer) -> Result<ApiSettings, ConfigError> {
    let given = address.unwrap_or("127.0.0.1");
    let address = if given == "localhost" { Ok(std::net::Ipv4Addr::LOCALHOST.into()) } else { given.parse() };
    let address = address.map_err(|_| ConfigError::Value {
        place: Place::Settled,
        key: "bind_address".to_owned(),
        problem: format!("{given:?} is no IP address; 127.0.0.1 is this machine only, 0.0.0.0 all that it has"),
    })?;
    let lacks = |key: &str, other: &str| ConfigError::Value {
        place: Place::Settled,
        key: key.to_owned(),
        problem: format!("it is of no use without {other}"),
    };
    let tls = match (http.tls_cert, http.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => return Err(lacks("http_tls_cert", "http_tls_key")),
        (None, Some(_)) => return Err(lacks("http_tls_key", "http_tls_cert")),
    };
    let access = Access { token: http.token, tls };
    Ok(ApiSettings { address, port: Some(port.unwrap_or(DEFAULT_PORT)).filter(|port| *port > 0), access })
}

fn unused(layer: &Layer) -> Vec<Unused> {
    let set = [(layer.rpc_port.is_some(), "rpc_port", "there is no such thing any more")];
    set.into_iter().filter(|(is_set, ..)| *is_set).map(|(_, key, meaning)| Unused { key, meaning }).collect()
}

impl Config {
    /// What the agent of this process is to be like.
    #[must_use]
    pub fn agent(&self, name: &AgentName, own_allocation: Option<&AllocationId>) -> AgentConfig {
        AgentConfig {
            name: name.clone(),
            root: self.root.clone(),
            job_interval: self.job_interval,
            job_scaling: self.job_scaling,
            cluster_interval: self.cluster_interval,
            cluster_scaling: self.cluster_scaling,
            concurrency: self.concurrency,
            own_allocation: own_allocation.cloned(),
            cluster_identifier: self.cluster_identifier.clone(),
            limits: self.limits,
        }
    }
}
