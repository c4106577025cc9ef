//! The served APIs: their pages held against recordings of real servers, and what they do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use replicator_sim::scenario::{Changes, Scenario};
use replicator_sim::serve::{Addresses, Options, Server};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::shipped;

/// A served scenario, until it is dropped.
struct Served {
    addresses: Addresses,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn index(&self, of: &str) -> u64 {
        self.headers[format!("x-{of}-index")].to_str().unwrap().parse().unwrap()
    }
}

impl Served {
    fn start(options: Options) -> Self {
        Self::of("demo", options)
    }

    fn of(name: &str, options: Options) -> Self {
        let (told, addresses) = mpsc::channel();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let path = shipped().join(format!("{name}.toml"));
        let server = std::thread::spawn(move || {
            let scenario = Scenario::load(&path, &Changes::default()).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(&scenario, options).await.unwrap();
                told.send(server.addresses()).unwrap();
                let over = async {
                    ended.await.ok();
                };
                server.serve(over, |_| ()).await;
            });
        });
        Self {
            addresses: addresses.recv().unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            end: Some(end),
            server: Some(server),
        }
    }

    fn ask(
        &self,
        at: SocketAddr,
        method: Method,
        path: &str,
        body: impl Into<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method, format!("http://{at}{path}")).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Answer { status, headers, body: answer.text().await.unwrap() }
        })
    }

    fn nomad(&self, path: &str) -> Answer {
        self.ask(self.addresses.nomad, Method::GET, path, "", &[])
    }

    fn nomad_post(&self, path: &str, body: &Value) -> Answer {
        self.ask(self.addresses.nomad, Method::POST, path, body.to_string(), &[])
    }

    fn consul(&self, path: &str) -> Answer {
        self.ask(self.addresses.consul, Method::GET, path, "", &[])
    }

    fn consul_put(&self, path: &str, body: &str) -> Answer {
        self.ask(self.addresses.consul, Method::PUT, path, body, &[])
    }

    fn aws(&self, form: &str) -> Answer {
        let signed = "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/autoscaling/aws4_request, SignedHeaders=host";
        self.ask(self.addresses.aws, Method::POST, "/", form, &[("authorization", signed)])
    }

    /// Asks until the answer is as wanted.
    fn eventually(&self, what: &str, look: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !look(self) {
            assert!(began.elapsed() < Duration::from_mins(1), "gave up waiting for: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn session(&self) -> String {
        let made = self.consul_put("/v1/session/create", r#"{"Name": "test", "TTL": "15s", "LockDelay": "1s"}"#);
        made.json()["ID"].as_str().unwrap().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end.take().unwrap().send(()).ok();
        self.server.take().unwrap().join().ok();
    }
}

/// Whether a page has everything that the recording has, of the same types. What was `null` there may be anything here, and
/// an empty list anything of a list.
fn holds(found: &Value, recorded: &Value, at: &str, missing: &mut Vec<String>) {
    match (recorded, found) {
        // What nobody set may be null in either.
        (Value::Null, _) | (Value::Object(_) | Value::Array(_), Value::Null) => {}
        (Value::Object(recorded), Value::Object(found)) if recorded.contains_key("*") => {
            for (key, value) in found {
                holds(value, &recorded["*"], &format!("{at}.{key}"), missing);
            }
        }
        (Value::Object(recorded), Value::Object(found)) => {
            for (key, recorded) in recorded {
                match found.get(key) {
                    Some(value) => holds(value, recorded, &format!("{at}.{key}"), missing),
                    None => missing.push(format!("{at}.{key} is missing")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(found)) => {
            if let (Some(recorded), Some(value)) = (recorded.first(), found.first()) {
                holds(value, recorded, &format!("{at}[0]"), missing);
            }
        }
        (Value::String(kind), found) => {
            let is = match found {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                // Times that have not come are null.
                Value::Null => kind,
                Value::Array(_) | Value::Object(_) => "a list or an object",
            };
            if is != kind {
                missing.push(format!("{at} is {is}, and was {kind}"));
            }
        }
        (recorded, found) => missing.push(format!("{at} is {found}, and was like {recorded}")),
    }
}

#[test]
fn every_page_has_the_fields_of_the_recorded_one() {
    let served = Served::start(Options::default());
    served.eventually("allocations that run", |served| {
        served.nomad("/v1/allocations").json().as_array().unwrap().iter().all(|it| it["ClientStatus"] == "running")
    });
    served.eventually("a scaling and its deployment", |served| {
        let scaled =
            served.nomad_post("/v1/job/shop/scale", &json!({"Count": 3, "Target": {"Group": "front"}, "Message": "m"}));
        scaled.status == 200
    });
    let session = served.session();
    served.consul_put("/v1/kv/replicator/config/test", "x");
    served.consul_put(&format!("/v1/kv/replicator/config/lock?acquire={session}"), "x");
    served.eventually("a deployment", |served| !served.nomad("/v1/job/shop/deployment").json().is_null());
    let first = |path: &str| served.nomad(path).json()[0]["ID"].as_str().unwrap().to_owned();
    let names: BTreeMap<&str, String> = [
        ("{job}", "shop".to_owned()),
        ("{node}", first("/v1/nodes")),
        ("{allocation}", first("/v1/allocations")),
        ("{deployment}", first("/v1/deployments")),
        ("{evaluation}", first("/v1/job/shop/evaluations")),
        ("{key}", "replicator/config/test".to_owned()),
        ("{locked}", "replicator/config/lock".to_owned()),
        ("{session}", session),
    ]
    .into();
    let shapes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recorded/shapes.json");
    let shapes: Value = serde_json::from_str(&std::fs::read_to_string(shapes).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut held = 0;
    for server in ["nomad", "consul"] {
        for (path, page) in shapes[server].as_object().unwrap() {
            let filled = names.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
            let answer = if server == "nomad" { served.nomad(&filled) } else { served.consul(&filled) };
            assert_eq!(answer.status, 200, "{filled}: {}", answer.body);
            assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/json"));
            holds(&answer.json(), &page["shape"], path, &mut wrong);
            held += 1;
        }
    }
    assert!(held >= 29, "{held} pages");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn j15_scaling_makes_a_deployment_and_is_refused_meanwhile() {
    let served = Served::start(Options::default());
    let order = |count: i64| json!({"Count": count, "Target": {"Group": "front"}, "Message": "why"});
    let accepted = served.nomad_post("/v1/job/shop/scale", &order(3));
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    let evaluation = accepted.json()["EvalID"].as_str().unwrap().to_owned();
    served.eventually("the deployment", |served| {
        served.nomad(&format!("/v1/evaluation/{evaluation}")).json()["DeploymentID"].is_string()
    });
    let deployment = served.nomad("/v1/job/shop/deployment").json();
    assert_eq!(deployment["Status"], "running");
    assert_eq!(deployment["JobSpecModifyIndex"], accepted.json()["JobModifyIndex"]);
    let refused = served.nomad_post("/v1/job/shop/scale", &order(4));
    assert_eq!((refused.status, refused.body.as_str()), (400, "job scaling blocked due to active deployment"));
    served.eventually("its end", |served| served.nomad("/v1/job/shop/deployment").json()["Status"] == "successful");
    let scale = served.nomad("/v1/job/shop/scale").json();
    let group = &scale["TaskGroups"]["front"];
    assert_eq!((&group["Desired"], &group["Running"]), (&json!(3), &json!(3)));
    assert_eq!((&group["Events"][0]["Error"], &group["Events"][1]["Message"]), (&json!(true), &json!("why")));
    for (body, status, words) in [
        (order(-1), 400, "scaling action count can't be negative"),
        (json!({"Count": 3}), 400, "missing task group name for scaling action"),
        (
            json!({"Count": 3, "Target": {"Group": "no"}}),
            400,
            "task group \"no\" specified for scaling does not exist in job",
        ),
    ] {
        let answer = served.nomad_post("/v1/job/shop/scale", &body);
        assert_eq!((answer.status, answer.body.as_str()), (status, words));
    }
}

#[test]
fn j17_a_job_without_update_has_an_evaluation_and_no_deployment() {
    let served = Served::of("spike", Options::default());
    let accepted = served.nomad_post("/v1/job/search/scale", &json!({"Count": 5, "Target": {"Group": "index"}}));
    let evaluation = accepted.json()["EvalID"].as_str().unwrap().to_owned();
    let page = |served: &Served| served.nomad(&format!("/v1/evaluation/{evaluation}")).json();
    served.eventually("its end", |served| page(served)["Status"] == "complete");
    assert_eq!(page(&served).get("DeploymentID"), None);
    assert!(served.nomad("/v1/job/search/deployment").json().is_null());
}

#[test]
fn blocking_queries_wait_for_a_change_and_no_longer() {
    let served = Served::start(Options::default());
    let first = served.nomad("/v1/jobs");
    let index = first.index("nomad");
    let began = Instant::now();
    let same = served.nomad(&format!("/v1/jobs?index={index}&wait=300ms"));
    assert!(began.elapsed() >= Duration::from_millis(250) && same.index("nomad") == index, "{:?}", began.elapsed());
    served.nomad_post("/v1/job/shop/scale", &json!({"Count": 3, "Target": {"Group": "front"}}));
    let changed = served.nomad(&format!("/v1/jobs?index={index}&wait=1m"));
    assert!(changed.index("nomad") > index, "it came back because of the change");
    assert_eq!(served.nomad("/v1/jobs?index=abc").body, "Invalid index");
    assert_eq!(served.nomad("/v1/jobs?index=1&wait=abc").body, "Invalid wait time");
    let key = served.consul("/v1/kv/nobody");
    assert_eq!((key.status, key.body.as_str()), (404, ""));
    let waited = served.consul(&format!("/v1/kv/nobody?index={}&wait=200ms", key.index("consul")));
    assert_eq!(waited.status, 404);
}

#[test]
fn a_drain_moves_what_runs_and_ends() {
    let served = Served::start(Options::default());
    let node = served.nomad("/v1/nodes").json()[0]["ID"].as_str().unwrap().to_owned();
    let spec = json!({"DrainSpec": {"Deadline": 0, "IgnoreSystemJobs": false}, "MarkEligible": false});
    assert_eq!(served.nomad_post(&format!("/v1/node/{node}/drain"), &spec).status, 200);
    let page = |served: &Served| served.nomad(&format!("/v1/node/{node}")).json();
    served.eventually("the end of the drain", |served| page(served)["Drain"] == false);
    assert_eq!(
        (&page(&served)["SchedulingEligibility"], &page(&served)["Status"]),
        (&json!("ineligible"), &json!("ready"))
    );
    assert!(served.nomad(&format!("/v1/node/{node}/allocations")).json().as_array().unwrap().is_empty());
    let off = json!({"DrainSpec": null, "MarkEligible": true});
    served.nomad_post(&format!("/v1/node/{node}/drain"), &off);
    assert_eq!(page(&served)["SchedulingEligibility"], "eligible");
    let bad = served.nomad_post("/v1/node/00000000-0000-0000-0000-000000000000/drain", &spec);
    assert_eq!((bad.status, bad.body.as_str()), (500, "node not found"));
}

#[test]
fn l3_locks_compare_and_set_and_transactions_are_consuls() {
    let served = Served::start(Options::default());
    let put = |path: &str, body: &str| served.consul_put(path, body).body;
    assert_eq!(put("/v1/kv/a/b?cas=0", "one"), "true");
    assert_eq!(put("/v1/kv/a/b?cas=0", "two"), "false");
    let index = served.consul("/v1/kv/a/b").json()[0]["ModifyIndex"].as_u64().unwrap();
    assert_eq!(put(&format!("/v1/kv/a/b?cas={index}"), "two"), "true");
    assert_eq!(served.consul("/v1/kv/a/b?raw").body, "two");
    let (first, second) = (served.session(), served.session());
    assert_eq!(put(&format!("/v1/kv/lock?acquire={first}"), ""), "true");
    assert_eq!(put(&format!("/v1/kv/lock?acquire={second}"), ""), "false");
    let unknown = served.consul_put("/v1/kv/lock?acquire=00000000-0000-0000-0000-000000000000", "");
    assert_eq!((unknown.status, unknown.body.starts_with("invalid session")), (500, true));
    let guarded = |session: &str, index: u64| {
        json!([
            {"KV": {"Verb": "check-session", "Key": "lock", "Session": session}},
            {"KV": {"Verb": "cas", "Key": "a/b", "Value": "dGhyZWU=", "Index": index}},
        ])
        .to_string()
    };
    let index = served.consul("/v1/kv/a/b").json()[0]["ModifyIndex"].as_u64().unwrap();
    assert_eq!(served.consul_put("/v1/txn", &guarded(&second, index)).json()["Errors"][0]["OpIndex"], 0);
    assert_eq!(served.consul_put("/v1/txn", &guarded(&first, 1)).json()["Errors"][0]["OpIndex"], 1);
    let done = served.consul_put("/v1/txn", &guarded(&first, index));
    assert!(done.status == 200 && done.json()["Results"][0]["KV"]["ModifyIndex"].as_u64().unwrap() > index);
    // The lock is free at once, and to be had only after its delay.
    served.consul_put(&format!("/v1/session/destroy/{first}"), "");
    assert_eq!(put(&format!("/v1/kv/lock?acquire={second}"), ""), "false");
    served.eventually("the lock delay to end", |served| {
        served.consul_put(&format!("/v1/kv/lock?acquire={second}"), "").body == "true"
    });
    assert_eq!(served.consul_put(&format!("/v1/session/renew/{first}"), "").status, 404);
    assert_eq!(served.consul_put("/v1/session/create", r#"{"TTL": "5s"}"#).status, 500, "ten seconds are the least");
}

#[test]
fn p18_p22_aws_keeps_its_bounds_and_its_members() {
    let served = Served::start(Options::default());
    let describe =
        |served: &Served| served.aws("Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=workers").body;
    assert!(describe(&served).contains("<DesiredCapacity>2</DesiredCapacity>"), "{}", describe(&served));
    let above = served.aws("Action=UpdateAutoScalingGroup&AutoScalingGroupName=workers&DesiredCapacity=9");
    assert!(above.status == 400 && above.body.contains("is above max value 6"), "{}", above.body);
    let unknown = served.aws("Action=UpdateAutoScalingGroup&AutoScalingGroupName=nobody&DesiredCapacity=1");
    assert!(unknown.status == 400 && unknown.body.contains("AutoScalingGroup name not found"), "{}", unknown.body);
    assert_eq!(served.aws("Action=UpdateAutoScalingGroup&AutoScalingGroupName=workers&DesiredCapacity=3").status, 200);
    served.eventually("a third member", |served| describe(served).matches("<LifecycleState>InService").count() == 3);
    let stranger = served.aws("Action=DetachInstances&AutoScalingGroupName=workers&InstanceIds.member.1=i-00000000000000000x&ShouldDecrementDesiredCapacity=true");
    assert!(stranger.status == 400 && stranger.body.contains("is not part of Auto Scaling group"), "{}", stranger.body);
    let named = served.aws("Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=running").body;
    let id = named.split("<instanceId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let detached = served.aws(&format!("Action=DetachInstances&AutoScalingGroupName=workers&InstanceIds.member.1={id}&ShouldDecrementDesiredCapacity=true"));
    assert!(detached.body.contains("<StatusCode>InProgress</StatusCode>"), "{}", detached.body);
    served.eventually("the activity's end", |served| {
        served
            .aws("Action=DescribeScalingActivities&AutoScalingGroupName=workers")
            .body
            .contains("<StatusCode>Successful")
    });
    assert!(served.aws(&format!("Action=TerminateInstances&InstanceId.1={id}")).body.contains("shutting-down"));
    let gone = served.aws("Action=TerminateInstances&InstanceId.1=i-0");
    assert!(gone.status == 400 && gone.body.contains("InvalidInstanceID.NotFound"));
}

#[test]
fn what_is_not_modelled_and_who_may_not_ask_is_told() {
    let options = Options { nomad_token: Some("n".into()), consul_token: Some("c".into()), ..Options::default() };
    let served = Served::start(options);
    assert_eq!((served.nomad("/v1/jobs").status, served.nomad("/v1/jobs").body.as_str()), (403, "Permission denied"));
    assert_eq!(served.consul("/v1/kv/a").status, 403);
    let nomad = |path: &str| served.ask(served.addresses.nomad, Method::GET, path, "", &[("x-nomad-token", "n")]);
    assert_eq!(nomad("/v1/jobs").status, 200);
    let volumes = nomad("/v1/volumes");
    assert_eq!((volumes.status, volumes.body.as_str()), (501, "this simulated server does not model GET /v1/volumes"));
    assert_eq!(nomad("/v1/job/nobody").body, "job not found");
    assert_eq!(nomad("/v1/node/zzz").body, "node lookup failed: index error: UUID must be 36 characters");
    let consul = served.ask(served.addresses.consul, Method::GET, "/v1/kv/a", "", &[("x-consul-token", "c")]);
    assert_eq!(consul.status, 404);
    assert_eq!(served.aws("Action=CreateAutoScalingGroup&AutoScalingGroupName=x").status, 501);
    let unsigned = served.ask(served.addresses.aws, Method::POST, "/", "Action=DescribeRegions", &[]);
    assert_eq!(unsigned.status, 403);
}
