//! Asking an agent what it knows, and of one that stands by, the leader that it names.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;

use super::arguments::AskArguments;
use super::variable;
use crate::api::model::{Problem, Role, Status};
use crate::config::{self, Layer, Mode};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An agent that is asked.
pub(super) struct Ask {
    client: reqwest::Client,
    base: Url,
}

impl Ask {
    pub(super) fn new(arguments: &AskArguments) -> anyhow::Result<Self> {
        let base = match &arguments.api {
            Some(url) => url.clone(),
            None => configured(arguments)?,
        };
        let base = Url::parse(&base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.context("the API's address must be like http://127.0.0.1:1313")?;
        // The agent is on this machine, or near: a proxy for the web has no business with it.
        let mut client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
        if let Some(path) = &arguments.ca_file {
            let words = || format!("-ca-file {}", path.display());
            let bundle = std::fs::read(path).with_context(words)?;
            for certificate in reqwest::Certificate::from_pem_bundle(&bundle).with_context(words)? {
                client = client.add_root_certificate(certificate);
            }
        }
        let client = client.build()?;
        Ok(Self { client, base })
    }

    /// The leader's status; that of the agent asked where nobody knows one, or it does not answer. And who answered.
    pub(super) async fn status(&self) -> anyhow::Result<(Status, Ask)> {
        let status: Status = self.get("/v1/status", &[]).await?;
        let here = || Ask { client: self.client.clone(), base: self.base.clone() };
        let address = status.leader.as_ref().and_then(|leader| leader.address.clone());
        let Some(address) = address.filter(|_| status.agent.role != Role::Leads) else { return Ok((status, here())) };
        let Ok(base) = Url::parse(&address) else { return Ok((status, here())) };
        let leader = Ask { client: self.client.clone(), base };
        match leader.get("/v1/status", &[]).await {
            Ok(of_leader) => Ok((of_leader, leader)),
            Err(error) => {
                eprintln!("the leader does not answer, so this is what {} knows: {error:#}", status.agent.name);
                Ok((status, here()))
            }
        }
    }

    /// An answer, or what is wrong in the agent's own words.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<T> {
        let mut url = self.base.join(path)?;
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let asked = url.clone();
        let unanswered = || {
            format!(
                "no agent answers at {}; name one with -api, or look at what stands in Consul: replicator failsafe -list",
                self.base
            )
        };
        let answer = self.client.get(url).send().await.map_err(reqwest::Error::without_url).with_context(unanswered)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(reqwest::Error::without_url).with_context(unanswered)?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).with_context(|| format!("{asked} is answered by no agent of ours"));
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => bail!("{}", problem.error),
            Err(_) => bail!("{asked} answers with {status}: is that an agent of Replicator?"),
        }
    }
}

fn configured(arguments: &AskArguments) -> anyhow::Result<String> {
    let api = config::load(Layer::default(), &arguments.config, Mode::Production, variable)?.api;
    let Some(port) = api.port else { bail!("http_port is 0: that agent has no API") };
    let address = if api.address.is_unspecified() { std::net::Ipv4Addr::LOCALHOST.into() } else { api.address };
    let scheme = if api.access.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{}", std::net::SocketAddr::new(address, port)))
}
