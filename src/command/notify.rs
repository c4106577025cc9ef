//! `replicator notify`: whether alerts arrive.

use std::process::ExitCode;

use anyhow::bail;

use super::arguments::NotifyArguments;
use super::variable;
use crate::adapters::clock::TokioClock;
use crate::adapters::notify::{Action, NotifySettings, Post, Receiver};
use crate::config::{self, Layer, Mode};
use crate::outlet::alerts::Composer;
use crate::ports::Clock;

pub(super) fn run(arguments: NotifyArguments) -> anyhow::Result<ExitCode> {
    let flags = Layer { notification: arguments.notification, ..Layer::default() };
    let config = config::load(flags, &arguments.config, Mode::Production, variable)?;
    let mut settings = config.notify;
    if let Some(name) = &arguments.receiver {
        settings.receivers.retain(|receiver| receiver.name() == name);
    }
    if settings.receivers.is_empty() {
        match arguments.receiver {
            Some(name) => bail!("nothing is configured for {name}: see `replicator agent -help`, \"Alerts\""),
            None => bail!(
                "nobody is told of alerts: set one of pagerduty_service_key, opsgenie_service_key, slack_webhook_url and \
                 webhook_url in the block notification of a configuration file, and name that file with -config"
            ),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(send(&settings, &config.cluster_identifier))
}

async fn send(settings: &NotifySettings, cluster: &str) -> anyhow::Result<ExitCode> {
    let (post, clock) = (Post::new()?, TokioClock::start());
    let composer = Composer {
        agent: super::agent_name(),
        cluster: cluster.to_owned(),
        uid: settings.uid.clone(),
        severity: settings.severity,
    };
    let now = clock.wall();
    let mut code = ExitCode::SUCCESS;
    for receiver in &settings.receivers {
        match try_out(&post, &clock, &composer, receiver, now).await {
            Ok(()) => println!("{}: took a test and that it is over", receiver.name()),
            Err(problem) => {
                println!("{}: {problem}", receiver.name());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

async fn try_out(
    post: &Post,
    clock: &TokioClock,
    composer: &Composer,
    receiver: &Receiver,
    now: jiff::Timestamp,
) -> Result<(), String> {
    for (action, what) in [(Action::Trigger, "the test"), (Action::Resolve, "that the test is over")] {
        let message = composer.test(now, action);
        let sent = post.send(receiver, &message, clock.wall()).await;
        sent.map_err(|error| format!("did not take {what}: {error}"))?;
    }
    Ok(())
}
