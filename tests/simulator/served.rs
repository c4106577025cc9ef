//! What the served APIs do. Their pages are held against recordings in `contract`.

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
pub(crate) struct Served {
    pub(crate) addresses: Addresses,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // What is packed is no text.
        let body = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        Self { status, headers, body }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn index(&self, of: &str) -> u64 {
        self.headers[format!("x-{of}-index")].to_str().unwrap().parse().unwrap()
    }
}

impl Served {
    pub(crate) fn start(options: Options) -> Self {
        Self::of("demo", options)
    }

    fn of(name: &str, options: Options) -> Self {
        let path = shipped().join(format!("{name}.toml"));
        Self::of_text(&std::fs::read_to_string(path).unwrap(), options)
    }

    pub(crate) fn of_text(scenario: &str, options: Options) -> Self {
        let (told, addresses) = mpsc::channel();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let scenario = scenario.to_owned();
        let server = std::thread::spawn(move || {
            let scenario = Scenario::parse(&scenario, Path::new("test.toml"), &Changes::default()).unwrap();
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
            client: reqwest::Client::builder()
                .no_proxy()
                .no_gzip()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            end: Some(end),
            server: Some(server),
        }
    }

    pub(crate) fn ask(
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
        self.runtime.block_on(async { Answer::of(request.send().await.unwrap()).await })
    }

    /// Answers to several requests that are made at once.
    pub(crate) fn ask_all(&self, at: SocketAddr, requests: &[(Method, &str)]) -> Vec<Answer> {
        let asked = requests.iter().map(|(method, path)| async move {
            let request = self.client.request(method.clone(), format!("http://{at}{path}"));
            Answer::of(request.send().await.unwrap()).await
        });
        self.runtime.block_on(futures_util::future::join_all(asked))
    }

    pub(crate) fn nomad(&self, path: &str) -> Answer {
        self.ask(self.addresses.nomad, Method::GET, path, "", &[])
    }

    pub(crate) fn nomad_post(&self, path: &str, body: &Value) -> Answer {
        self.ask(self.addresses.nomad, Method::POST, path, body.to_string(), &[])
    }

    pub(crate) fn consul(&self, path: &str) -> Answer {
        self.ask(self.addresses.consul, Method::GET, path, "", &[])
    }

    pub(crate) fn consul_put(&self, path: &str, body: &str) -> Answer {
        self.ask(self.addresses.consul, Method::PUT, path, body, &[])
    }

    pub(crate) fn aws(&self, form: &str) -> Answer {
        let signed = "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/autoscaling/aws4_request, SignedHeaders=host";
        self.ask(self.addresses.aws, Method::POST, "/", form, &[("authorization", signed)])
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn eventually(&self, what: &str, look: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !look(self) {
            assert!(began.elapsed() < Duration::from_mins(1), "gave up waiting for: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn session(&self) -> String {
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

#[test]
fn j15_scaling_makes_a_deployment_which_ends_when_all_are_healthy() {
    let served = Served::start(Options::default());
    let order = json!({"Count": 3, "Target": {"Group": "front"}, "Message": "why"});
    let accepted = served.nomad_post("/v1/job/shop/scale", &order);
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    let evaluation = accepted.json()["EvalID"].as_str().unwrap().to_owned();
    let page = served.nomad(&format!("/v1/evaluation/{evaluation}"));
    let waited = served.nomad(&format!("/v1/evaluation/{evaluation}?index={}&wait=1m", page.index("nomad")));
    assert_eq!(waited.json()["Status"], "complete", "whoever waits for an evaluation hears of its end");
    let deployment = served.nomad("/v1/job/shop/deployment").json();
    assert_eq!((&deployment["Status"], &deployment["ID"]), (&json!("running"), &waited.json()["DeploymentID"]));
    assert_eq!(deployment["JobSpecModifyIndex"], accepted.json()["JobModifyIndex"]);
    served.eventually("its end", |served| served.nomad("/v1/job/shop/deployment").json()["Status"] == "successful");
    let scale = served.nomad("/v1/job/shop/scale").json();
    let group = &scale["TaskGroups"]["front"];
    assert_eq!((&group["Desired"], &group["Running"], &group["Healthy"]), (&json!(3), &json!(3), &json!(3)));
    assert_eq!(group["Events"][0]["Message"], "why");
    let deployments = served.nomad("/v1/job/shop/deployments").json();
    let versions: Vec<&Value> = deployments.as_array().unwrap().iter().map(|it| &it["JobVersion"]).collect();
    assert_eq!(versions, [&json!(1), &json!(0)], "each keeps the version that it is of");
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
    let left = served.nomad(&format!("/v1/node/{node}/allocations")).json();
    let left = left.as_array().unwrap();
    assert!(!left.is_empty(), "what has ended stays listed");
    for allocation in left {
        assert_eq!((&allocation["ClientStatus"], &allocation["DesiredStatus"]), (&json!("complete"), &json!("stop")));
        assert_eq!(allocation["DesiredDescription"], "alloc is being migrated");
    }
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
    let activity = detached.body.split("<ActivityId>").nth(1).unwrap().split('<').next().unwrap();
    let activity =
        format!("Action=DescribeScalingActivities&AutoScalingGroupName=workers&ActivityIds.member.1={activity}");
    assert!(served.aws(&activity).body.contains("<StatusCode>InProgress"));
    served.eventually("the activity's end", |served| {
        let page = served.aws(&activity).body;
        page.contains("<StatusCode>Successful") && page.contains("<EndTime>")
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
    let made = served.aws("Action=CreateAutoScalingGroup&AutoScalingGroupName=x");
    assert!(made.status == 501 && made.body.contains("<Code>NotImplemented</Code>"), "{}", made.body);
    let zones = "Action=UpdateAutoScalingGroup&AutoScalingGroupName=workers&AvailabilityZones.member.1=c";
    assert_eq!(served.aws(zones).status, 501, "what would change nothing is not said to be done");
    let same = "Action=UpdateAutoScalingGroup&AutoScalingGroupName=workers&DesiredCapacity=3&MinSize=1&MaxSize=9";
    assert_eq!(served.aws(same).status, 501, "bounds that are not its own");
    let tags = "Action=CreateOrUpdateTags&Tags.member.1.ResourceId=workers&Tags.member.1.Key=by&Tags.member.1.Value=me";
    assert_eq!(served.aws(tags).status, 200);
    let told = served.aws("Action=DescribeAutoScalingGroups").body;
    assert!(told.contains("<Value>me</Value><Key>by</Key>"), "{told}");
    let unsigned = served.ask(served.addresses.aws, Method::POST, "/", "Action=DescribeRegions", &[]);
    assert_eq!(unsigned.status, 403);
}

/// Lines of the event stream, as they come.
pub(crate) struct Lines<'s> {
    served: &'s Served,
    response: reqwest::Response,
    buffer: String,
}

impl<'s> Lines<'s> {
    pub(crate) fn open(served: &'s Served, query: &str) -> Self {
        let url = format!("http://{}/v1/event/stream{query}", served.addresses.nomad);
        let response = served.runtime.block_on(async { served.client.get(url).send().await.unwrap() });
        assert_eq!(response.status(), 200);
        Self { served, response, buffer: String::new() }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.response.headers().clone()
    }

    pub(crate) fn next(&mut self) -> Value {
        loop {
            if let Some((line, rest)) = self.buffer.split_once('\n') {
                let line = serde_json::from_str(line).unwrap();
                self.buffer = rest.to_owned();
                return line;
            }
            let chunk = async { tokio::time::timeout(Duration::from_mins(1), self.response.chunk()).await };
            let chunk = self.served.runtime.block_on(chunk).expect("something within a minute").unwrap().unwrap();
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: its topic, type and key.
    pub(crate) fn event(&mut self) -> (String, String, Value) {
        let line = self.next();
        let event = &line["Events"][0];
        assert_eq!(event["Index"], line["Index"]);
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        (text("Topic"), text("Type"), event.clone())
    }
}

#[test]
fn the_event_stream_tells_what_happens() {
    let served = Served::start(Options::default());
    let scale = |count: u32| {
        let body = json!({"Count": count, "Target": {"Group": "front"}});
        assert_eq!(served.nomad_post("/v1/job/shop/scale", &body).status, 200);
    };
    let mut all = Lines::open(&served, "");
    assert_eq!(all.next(), json!({}), "a heartbeat comes at once");
    let mut jobs = Lines::open(&served, "?topic=Job:shop&topic=Deployment");
    let mut nobody = Lines::open(&served, "?topic=Job:nobody&topic=Nonsense");
    assert_eq!((jobs.next(), nobody.next()), (json!({}), json!({})));
    scale(3);
    let (topic, kind, event) = all.event();
    assert_eq!((topic.as_str(), kind.as_str()), ("Job", "JobRegistered"));
    assert_eq!((&event["Key"], &event["Namespace"]), (&json!("shop"), &json!("default")));
    assert_eq!(event["Payload"]["Job"], served.nomad("/v1/job/shop").json());
    let (topic, kind, event) = all.event();
    assert_eq!((topic.as_str(), kind.as_str()), ("Evaluation", "EvaluationUpdated"));
    assert_eq!(event["FilterKeys"][0], "shop");
    // The deployment and what it places follow, and then what their clients tell.
    let mut seen = Vec::new();
    while !seen.contains(&("Deployment".to_owned(), "successful".to_owned())) {
        let (topic, kind, event) = all.event();
        let status = event["Payload"]["Deployment"]["Status"].as_str().map(str::to_owned);
        seen.push((topic, status.unwrap_or(kind)));
    }
    for (topic, what) in [("Deployment", "running"), ("Allocation", "PlanResult"), ("Allocation", "AllocationUpdated")]
    {
        assert!(seen.contains(&(topic.to_owned(), what.to_owned())), "{topic} {what}: {seen:?}");
    }
    let told: Vec<String> = (0..3).map(|_| jobs.event().0).collect();
    assert_eq!(told, ["Job", "Deployment", "Deployment"], "only what is wanted");
    let index = event["Index"].as_u64().unwrap();
    let mut late = Lines::open(&served, &format!("?index={index}"));
    assert_eq!(late.next(), json!({}));
    assert_eq!(late.event().2["Index"], index, "from an index on, what has been");
    let last = served.nomad("/v1/allocations").index("nomad");
    let mut future = Lines::open(&served, "?topic=*&index=99999999");
    assert_eq!(future.next(), json!({}));
    assert!(future.event().2["Index"].as_u64().unwrap() >= last, "from one that is not there yet, the last");
    assert_eq!(served.nomad("/v1/event/stream?topic=Job:a:b").status, 400);
    let bad = served.nomad("/v1/event/stream?index=abc");
    let words = "Unable to parse index: strconv.Atoi: parsing \"abc\": invalid syntax";
    assert_eq!((bad.status, bad.body.as_str()), (400, words));
}

#[test]
fn what_is_asked_and_answered_can_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("served.jsonl");
    let options = || Options { record: Some(path.clone()), consul_token: Some("secret".into()), ..Options::default() };
    {
        let served = Served::start(options());
        served.nomad("/v1/jobs?prefix=sh");
        served.nomad_post("/v1/job/shop/scale", &json!({"Count": 3, "Target": {"Group": "front"}, "Message": "why"}));
        served.consul("/v1/kv/replicator/config?token=secret");
        served.aws("Action=DescribeAutoScalingGroups");
        served.eventually("an allocation more", |served| {
            served.nomad("/v1/job/shop/allocations").json().as_array().unwrap().len() == 3
        });
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("secret"), "no token is written down");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["served"], &lines[0]["seed"]), (&json!("A spike in three minutes, for watching"), &json!(3)));
    let find = |service: &str, status: u16| {
        lines.iter().find(|line| line["service"] == service && line["status"] == status).unwrap_or(&Value::Null)
    };
    assert_eq!(
        (&find("Nomad", 200)["path"], &find("Nomad", 200)["query"]["prefix"]),
        (&json!("/v1/jobs"), &json!("sh"))
    );
    assert_eq!(find("Consul", 404)["query"]["token"], "…");
    assert_eq!(find("cloud", 200)["body"], "Action=DescribeAutoScalingGroups");
    let scaled = lines.iter().find(|line| line["path"] == "/v1/job/shop/scale").unwrap();
    assert!(
        scaled["body"].as_str().unwrap().contains("\"why\"") && scaled["answer"].as_str().unwrap().contains("EvalID")
    );
    let happened = |what: &str| lines.iter().any(|line| line["world"].as_str().is_some_and(|text| text.contains(what)));
    assert!(happened("group shop/front shall have 3") && happened("allocation shop/front[2] is placed"), "{text}");
    // Nothing is written over.
    let scenario = Scenario::load(&shipped().join("demo.toml"), &Changes::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(Server::bind(&scenario, options())).err().unwrap().to_string();
    assert!(error.contains("it must be a new file"), "{error}");
}
