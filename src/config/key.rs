//! The keys of configuration files.

use std::path::Path;

use super::entry::{Entry, Value};
use super::error::{ConfigError, Place};
use super::layer::Layer;
use super::value::{self, Level};
use crate::adapters::http::Address;
use crate::adapters::notify::Severity;

/// Every key at the top of a file.
const KEYS: [&str; 29] = [
    "bind_address",
    "cluster_scaling_disable",
    "cluster_scaling_interval",
    "consul",
    "consul_datacenter",
    "consul_key_root",
    "consul_namespace",
    "consul_token",
    "http_port",
    "http_tls_cert",
    "http_tls_key",
    "http_token",
    "job_scaling_disable",
    "job_scaling_interval",
    "limits",
    "log_json",
    "log_level",
    "nomad",
    "nomad_namespace",
    "nomad_region",
    "nomad_tls_server_name",
    "nomad_token",
    "nomad_token_file",
    "notification",
    "opsgenie_api_key",
    "rpc_port",
    "scaling_concurrency",
    "statsd_address",
    "telemetry",
];
const LIMITS_KEYS: [&str; 3] = ["cost_per_hour", "nodes", "removals_per_hour"];
const TELEMETRY_KEYS: [&str; 1] = ["statsd_address"];
const NOTIFICATION_KEYS: [&str; 12] = [
    "alert_on",
    "alert_severity",
    "cluster_identifier",
    "notification_uid",
    "opsgenie_api_key",
    "opsgenie_service_key",
    "opsgenie_url",
    "pagerduty_service_key",
    "pagerduty_url",
    "slack_webhook_url",
    "webhook_secret",
    "webhook_url",
];
/// How alike a key must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.75;

/// What the entries of a file say.
pub(super) fn layer(path: &Path, entries: Vec<Entry>) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    each(path, entries, |entry| assign(&mut layer, path, entry))?;
    Ok(layer)
}

/// Takes entry by entry; none may come twice.
fn each(
    path: &Path,
    entries: Vec<Entry>,
    mut take: impl FnMut(Entry) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries {
        if !seen.insert(entry.key.clone()) {
            return Err(ConfigError::Twice { place: place(path, &entry), key: entry.key });
        }
        take(entry)?;
    }
    Ok(())
}

fn assign(layer: &mut Layer, path: &Path, entry: Entry) -> Result<(), ConfigError> {
    // As in the Go daemon's files, and as in the environment: nothing is nothing.
    if entry.value == Value::Scalar(String::new()) && KEYS.contains(&entry.key.as_str()) {
        return Ok(());
    }
    let given = Given { path, entry: &entry };
    match entry.key.as_str() {
        "consul" => {
            layer.consul.address = Some(given.parse(address)?);
            layer.consul.address_source = Some(given.source());
        }
        "consul_key_root" => layer.consul.key_root = Some(given.parse(value::key_root)?),
        "consul_token" => layer.consul.token = Some(given.secret()?),
        "consul_datacenter" => layer.consul.datacenter = Some(given.text()?),
        "consul_namespace" => layer.consul.namespace = Some(given.text()?),
        "nomad" => {
            layer.nomad.address = Some(given.parse(address)?);
            layer.nomad.address_source = Some(given.source());
        }
        "nomad_token" => layer.nomad.token = Some(given.secret()?),
        "nomad_token_file" => layer.nomad.token_file = Some(given.text()?.into()),
        "nomad_tls_server_name" => layer.nomad.tls_server_name = Some(given.text()?),
        "nomad_region" => layer.nomad.region = Some(given.text()?),
        "nomad_namespace" => layer.nomad.namespace = Some(given.text()?),
        "cluster_scaling_interval" => layer.cluster_scaling_interval = Some(given.parse(value::seconds)?),
        "cluster_scaling_disable" => layer.cluster_scaling_disable = Some(given.parse(value::boolean)?),
        "job_scaling_interval" => layer.job_scaling_interval = Some(given.parse(value::seconds)?),
        "job_scaling_disable" => layer.job_scaling_disable = Some(given.parse(value::boolean)?),
        "scaling_concurrency" => layer.scaling_concurrency = Some(given.parse(value::positive)?),
        "log_level" => layer.log_level = Some(given.parse(str::parse::<Level>)?),
        "log_json" => layer.log_json = Some(given.parse(value::boolean)?),
        "bind_address" => layer.bind_address = Some(given.text()?),
        "http_port" => layer.http_port = Some(given.parse(value::port_or_none)?),
        "http_token" => layer.http.token = Some(given.secret()?),
        "http_tls_cert" => layer.http.tls_cert = Some(given.text()?.into()),
        "http_tls_key" => layer.http.tls_key = Some(given.text()?.into()),
        "rpc_port" => layer.rpc_port = Some(given.parse(value::port)?),
        "limits" => return assign_limits(layer, path, entry),
        "telemetry" => return assign_telemetry(layer, path, entry),
        "notification" => return assign_notification(layer, path, entry),
        // Files have them in a block; a flag's name at the top is a frequent slip that can only mean one thing.
        "statsd_address" | "opsgenie_api_key" => {
            let block = if entry.key == "statsd_address" { "telemetry" } else { "notification" };
            return Err(given.wrong(format!("belongs into a block: {block} {{ … }}")));
        }
        _ => return Err(unknown(path, entry, &KEYS)),
    }
    Ok(())
}

fn assign_limits(layer: &mut Layer, path: &Path, entry: Entry) -> Result<(), ConfigError> {
    let limits = &mut layer.limits;
    each(path, block(path, entry)?, |entry| {
        let given = Given { path, entry: &entry };
        match entry.key.as_str() {
            "nodes" => limits.nodes = Some(given.parse(value::positive)?),
            "removals_per_hour" => limits.removals_per_hour = Some(given.parse(value::count)?),
            "cost_per_hour" => limits.cost_per_hour = Some(given.parse(str::parse)?),
            _ => return Err(unknown(path, entry, &LIMITS_KEYS)),
        }
        Ok(())
    })
}

fn assign_telemetry(layer: &mut Layer, path: &Path, entry: Entry) -> Result<(), ConfigError> {
    each(path, block(path, entry)?, |entry| {
        let given = Given { path, entry: &entry };
        match entry.key.as_str() {
            "statsd_address" => layer.statsd_address = Some(given.parse(value::host_and_port)?),
            _ => return Err(unknown(path, entry, &TELEMETRY_KEYS)),
        }
        Ok(())
    })
}

fn assign_notification(layer: &mut Layer, path: &Path, entry: Entry) -> Result<(), ConfigError> {
    let notification = &mut layer.notification;
    each(path, block(path, entry)?, |entry| {
        // As at the top: nothing is nothing.
        if entry.value == Value::Scalar(String::new()) && NOTIFICATION_KEYS.contains(&entry.key.as_str()) {
            return Ok(());
        }
        let given = Given { path, entry: &entry };
        match entry.key.as_str() {
            "cluster_identifier" => notification.cluster_identifier = Some(given.text()?),
            "notification_uid" => notification.notification_uid = Some(given.text()?),
            "alert_on" => notification.alert_on = Some(given.parse(value::kinds)?),
            "alert_severity" => notification.alert_severity = Some(given.parse(str::parse::<Severity>)?),
            "pagerduty_url" => notification.pagerduty_url = Some(given.parse(value::url)?),
            "opsgenie_url" => notification.opsgenie_url = Some(given.parse(value::url)?),
            "slack_webhook_url" => notification.slack_webhook_url = Some(given.parse(value::secret_url)?),
            "webhook_url" => notification.webhook_url = Some(given.parse(value::secret_url)?),
            "webhook_secret" => notification.webhook_secret = Some(given.secret()?),
            "pagerduty_service_key" => notification.pagerduty_service_key = Some(given.secret()?),
            // The Go daemon's flag and its file key have different names.
            "opsgenie_service_key" | "opsgenie_api_key" => notification.opsgenie_api_key = Some(given.secret()?),
            _ => return Err(unknown(path, entry, &NOTIFICATION_KEYS)),
        }
        Ok(())
    })
}

/// An address, as text: whether one without a scheme is encrypted is only known at the end.
pub(super) fn address(text: &str) -> Result<String, String> {
    Address::parse(text, "http").map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// An entry whose value is wanted.
struct Given<'a> {
    path: &'a Path,
    entry: &'a Entry,
}

impl Given<'_> {
    fn scalar(&self) -> Result<&str, ConfigError> {
        match &self.entry.value {
            Value::Scalar(text) => Ok(text),
            Value::Block(_) => Err(self.wrong("a value is expected, not a block".to_owned())),
            Value::Odd(what) => Err(self.wrong(format!("a value is expected, not {what}"))),
        }
    }

    fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        parse(self.scalar()?).map_err(|problem| self.wrong(problem))
    }

    fn text(&self) -> Result<String, ConfigError> {
        self.scalar().map(ToOwned::to_owned)
    }

    fn secret(&self) -> Result<secrecy::SecretString, ConfigError> {
        self.text().map(Into::into)
    }

    /// Where it stands, in words.
    fn source(&self) -> String {
        format!("{} in {} line {}", self.entry.key, self.path.display(), self.entry.line)
    }

    fn wrong(&self, problem: String) -> ConfigError {
        ConfigError::Value { place: place(self.path, self.entry), key: self.entry.key.clone(), problem }
    }
}

fn block(path: &Path, entry: Entry) -> Result<Vec<Entry>, ConfigError> {
    let place = place(path, &entry);
    match entry.value {
        Value::Block(entries) => Ok(entries),
        Value::Scalar(_) | Value::Odd(_) => {
            let problem = format!("a block is expected: {} {{ … }}", entry.key);
            Err(ConfigError::Value { place, key: entry.key, problem })
        }
    }
}

fn unknown(path: &Path, entry: Entry, keys: &[&str]) -> ConfigError {
    let normal = entry.key.replace('-', "_");
    let alike = keys.iter().map(|key| (strsim::jaro_winkler(key, &normal), key));
    let closest = alike.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness >= ALIKE);
    let suggestion = closest.map(|(_, key)| (*key).to_owned());
    ConfigError::UnknownKey { place: place(path, &entry), key: entry.key, suggestion }
}

fn place(path: &Path, entry: &Entry) -> Place {
    Place::File { path: path.to_owned(), line: entry.line }
}
