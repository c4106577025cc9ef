//! Alerts, to services that people are called by.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::agent::AgentProcess;
use crate::cluster::{Cluster, said};
use crate::eventually;
use crate::receiver::{Mood, Receiver, Sent};

/// A cluster whose agents tell a receiver.
struct Site {
    cluster: Cluster,
    receiver: Receiver,
    config: String,
}

impl Site {
    /// With these lines in the block `notification`, in which `URL` is the receiver's address.
    fn start(notification: &str) -> Self {
        let (cluster, receiver) = (Cluster::start(), Receiver::start());
        let config = cluster.consul.folder().join("alerts.hcl").to_str().unwrap().to_owned();
        let site = Self { cluster, receiver, config };
        site.write(notification);
        site
    }

    fn write(&self, notification: &str) {
        let text = format!("notification {{\n{}\n}}\n", notification.replace("URL", &self.receiver.address()));
        std::fs::write(&self.config, text).unwrap();
    }

    fn agent(&self) -> AgentProcess {
        self.cluster.agent(&["-config", &self.config])
    }

    /// A job whose group cannot be scaled, and enters failsafe.
    fn fail(&self, job: &str) {
        self.cluster.nomad.register(job, 2, &[], 100.0);
        self.cluster.nomad.fail(job);
        self.cluster.nomad.load(job, 95.0);
    }

    fn alert(&self, job: &str) -> Option<Value> {
        self.cluster.consul.state(&format!("jobs/{job}/front"))?.get("alert").cloned()
    }

    fn await_sent(&self, path: &str, times: usize) -> Vec<Sent> {
        eventually(&format!("{times} sent to {path}"), || {
            let sent = self.receiver.sent(path);
            (sent.len() >= times).then_some(sent)
        })
    }
}

const ALL: &str = r#"cluster_identifier = "production"
    pagerduty_service_key = "R0UTE"
    pagerduty_url = "URL/pd"
    opsgenie_service_key = "G3NIE"
    opsgenie_url = "URL/og"
    slack_webhook_url = "URL/slack/T0KEN"
    webhook_url = "URL/hook"
    webhook_secret = "hunter2""#;

fn field<'a>(sent: &'a [Sent], name: &str) -> Vec<&'a str> {
    sent.iter().map(|sent| sent.body[name].as_str().unwrap_or_default()).collect()
}

pub(crate) fn s9_an_alert_is_seen_though_leaders_are_killed() {
    let site = Site::start(ALL);
    site.receiver.set("/hook", Mood::Hangs);
    let mut first = site.agent();
    first.await_word("INFO leads", 1);
    let mut second = site.agent();
    second.await_word("stands by", 1);
    site.fail("web");
    site.await_sent("/hook", 1);
    eventually("those that answer to be noted", || {
        let told = site.alert("web")?["told"].as_array()?.len();
        (told == 3).then_some(())
    });
    assert_eq!(site.alert("web").unwrap()["stage"], "pending", "somebody does not know yet");
    // Meanwhile others are scaled.
    site.cluster.nomad.register("shop", 1, &[("max", "2")], 900.0);
    eventually("another to be scaled", || (site.cluster.nomad.count("shop") == 2).then_some(()));

    first.kill();
    site.receiver.set("/hook", Mood::Takes);
    let hooks = site.await_sent("/hook", 2);
    let ids: BTreeSet<&str> = field(&hooks, "id").into_iter().collect();
    assert_eq!(ids.len(), 1, "one and the same: {ids:?}");
    let alert = &hooks[1].body;
    let said = ["cluster_identifier", "uid", "resource", "resource_type", "reason", "state_path", "action"];
    assert_eq!(
        said.map(|name| alert[name].as_str().unwrap()),
        [
            "production",
            "REP1",
            "group web/front",
            "job_group",
            "job_group_failsafe_mode",
            "replicator/config/state/jobs/web/front",
            "trigger"
        ]
    );
    assert_eq!(alert["numbers"]["failures"], 1);
    let headers = &hooks[1].headers;
    assert!(headers["x-replicator-signature"].starts_with("v1=") && headers.contains_key("x-replicator-timestamp"));
    eventually("everybody to be told", || (site.alert("web")?["stage"] == "raised").then_some(()));

    site.receiver.set("/slack", Mood::Hangs);
    let lifted = site.cluster.failsafe(&["-disable", "-force", "-job=web", "-group=front"]);
    assert_eq!(lifted.0, 0, "{}", lifted.1);
    // What made it fail is over, so that nothing enters failsafe again.
    site.cluster.nomad.load("web", 50.0);
    site.await_sent("/slack", 2);
    second.kill();
    site.receiver.set("/slack", Mood::Takes);
    let _third = site.agent();
    eventually("the resolve to be noted", || site.alert("web").is_none().then_some(()));

    let pages = site.receiver.sent("/pd");
    assert_eq!(field(&pages, "event_action").iter().filter(|action| **action == "trigger").count(), 1, "{pages:?}");
    let keys: BTreeSet<&str> = field(&pages, "dedup_key").into_iter().collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(field(&pages, "event_action").contains(&"resolve"));
    let genie = site.receiver.sent("/og");
    assert_eq!(genie[0].headers["authorization"], "GenieKey G3NIE");
    assert!(genie.last().unwrap().path.ends_with("/close?identifierType=alias"), "{genie:?}");
    let slack = site.receiver.sent("/slack");
    let lifted = |text: &&str| text.contains("was lifted");
    let texts = field(&slack, "text");
    assert_eq!(texts.iter().filter(|text| lifted(text)).count(), 2, "once in vain: {texts:?}");
    let hooks = site.receiver.sent("/hook");
    let ids: BTreeSet<&str> = field(&hooks, "id").into_iter().collect();
    assert_eq!(ids.len(), 2, "a trigger and a resolve: {ids:?}");
}

pub(crate) fn s9_a_receiver_in_trouble_costs_only_its_own() {
    let site = Site::start(
        "notification_uid = \"OPS\"\nalert_on = \"scaling,failure\"\nslack_webhook_url = \"URL/slack/T0KEN\"\n\
         webhook_url = \"URL/hook\"",
    );
    site.receiver.set("/slack", Mood::Refuses(500));
    let mut agent = site.agent();
    agent.await_word("alerts go to slack, webhook", 1);
    site.fail("web");
    agent.await_word("cannot tell slack of", 1);
    eventually("the webhook to be told of the scaling, the failure and the failsafe", || {
        let sent = site.receiver.sent("/hook");
        let kinds: Vec<&str> = field(&sent, "kind");
        ["scaling", "failure", "failsafe"].iter().all(|kind| kinds.contains(kind)).then_some(())
    });
    let scaling = site.receiver.sent("/hook").into_iter().find(|sent| sent.body["kind"] == "scaling").unwrap();
    assert_eq!((&scaling.body["uid"], &scaling.body["action"]), (&"REP1".into(), &"note".into()));
    assert_eq!((&scaling.body["numbers"]["from"], &scaling.body["numbers"]["to"]), (&2.into(), &3.into()));
    assert!(!agent.log().iter().any(|line| line.contains("T0KEN")), "no secret is logged");
    site.receiver.set("/slack", Mood::Takes);
    agent.await_word("slack takes alerts again", 1);
    eventually("everybody to be told", || (site.alert("web")?["stage"] == "raised").then_some(()));
    // Whoever is named later is told what comes later.
    site.write("opsgenie_service_key = \"G3NIE\"\nopsgenie_url = \"URL/og\"");
    agent.signal("HUP");
    agent.await_word("alerts go to opsgenie", 1);
    assert_eq!(site.cluster.failsafe(&["-disable", "-force", "-job=web", "-group=front"]).0, 0);
    let genie = site.await_sent("/og", 1);
    assert!(genie[0].path.contains("/close"), "{genie:?}");
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
}

pub(crate) fn s9_notify_tries_whether_alerts_arrive() {
    let site = Site::start(ALL);
    let notify = |flags: &[&str]| {
        let mut command = site.cluster.replicator();
        said(command.args(["notify", "-test"]).args(flags).output().unwrap())
    };
    let (code, words) = notify(&[]);
    assert_eq!(code, 1);
    assert!(words.contains("nobody is told of alerts"), "{words}");
    let (code, words) = notify(&["-config", &site.config]);
    assert_eq!(code, 0, "{words}");
    assert_eq!(words.lines().count(), 4, "{words}");
    assert_eq!(site.receiver.sent("/hook").len(), 2);
    site.receiver.set("/slack", Mood::Refuses(404));
    let (code, words) = notify(&["-config", &site.config]);
    assert_eq!(code, 1);
    assert!(words.contains("slack: did not take the test: refused with 404 Not Found: <html>no</html>"), "{words}");
    assert!(words.contains("webhook: took a test") && !words.contains("T0KEN"), "{words}");
    let (code, words) = notify(&["-config", &site.config, "-receiver=opsgenie"]);
    assert_eq!((code, words.lines().count()), (0, 1), "{words}");
}

pub(crate) fn s9_nobody_leads() {
    let mut site = Site::start("alert_on = \"leadership\"\nwebhook_url = \"URL/hook\"");
    let mut agent = site.agent();
    agent.await_word("INFO leads", 1);
    site.cluster.consul.kill();
    let told = site.await_sent("/hook", 1);
    assert_eq!((&told[0].body["kind"], &told[0].body["action"]), (&"leadership".into(), &"trigger".into()));
    site.cluster.consul.launch();
    let told = site.await_sent("/hook", 2);
    assert_eq!((&told[1].body["action"], &told[1].body["key"]), (&"resolve".into(), &told[0].body["key"]));
}
