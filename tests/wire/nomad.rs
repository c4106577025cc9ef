//! What Nomad's lists and pages say.

use std::time::Duration;

use replicator::domain::{
    Allocation, ClientStatus, DeploymentStatus, DesiredStatus, Eligibility, EvaluationStatus, JobKey, JobKind,
    MebiBytes, MegaHertz, NodeStatus, Resources, TaskSpan,
};
use replicator::policy::{GroupPolicy, PoolPolicy, Reading};
use replicator::ports::{DrainOrder, ErrorKind, Nomad, Wait};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::recording::recorded;
use crate::{nomad, nomad_settings, warned};

const NODE: &str = "08b03c90-4f15-337c-8e23-25a653aa66fe";
const EVALUATION: &str = "106f5ead-2710-8302-ec24-83be2db1c588";

async fn with(recordings: &[&str]) -> MockServer {
    let server = MockServer::start().await;
    for name in recordings {
        recorded(name).serve(&server).await;
    }
    server
}

#[tokio::test]
async fn jobs_of_both_servers_are_listed_alike() {
    for (version, web) in [("nomad-1.1.2", 12), ("nomad-0.8.7", 9)] {
        let server = with(&[&format!("{version}/jobs")]).await;
        let listed = nomad(&server).jobs(None).await.unwrap();
        assert!(listed.index > 30, "{version}");
        let web_job = listed.value.iter().find(|job| job.key == JobKey::in_default("web")).unwrap();
        assert_eq!((web_job.kind, web_job.modify_index), (JobKind::Service, web), "{version}");
        assert!(!web_job.stopped && !web_job.is_parent);
        let kinds: Vec<JobKind> = listed.value.iter().map(|job| job.kind).collect();
        assert_eq!(kinds, [JobKind::Batch, JobKind::Service, JobKind::System, JobKind::Service], "{version}");
    }
}

#[tokio::test]
async fn a_fresh_cluster_has_no_jobs_and_index_0() {
    let server = with(&["nomad-1.1.2/jobs-empty"]).await;
    let listed = nomad(&server).jobs(None).await.unwrap();
    assert_eq!((listed.index, listed.value.len()), (0, 0));
}

#[tokio::test]
async fn l7_a_server_that_knows_who_leads_is_worth_asking() {
    for version in ["nomad-0.8.7", "nomad-1.1.2", "nomad-2.0.5"] {
        let server = with(&[&format!("{version}/status-leader")]).await;
        assert_eq!(nomad(&server).is_led().await, Ok(()), "{version}");
    }
    let server = with(&["nomad-1.1.2/noleader-status-leader"]).await;
    assert_eq!(nomad(&server).is_led().await.unwrap_err().kind, ErrorKind::Unreachable);
    for odd in ["\"\"", "null", "<html>", ""] {
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_string(odd)).mount(&server).await;
        assert_eq!(nomad(&server).is_led().await.unwrap_err().kind, ErrorKind::Unreachable, "{odd:?}");
    }
}

#[tokio::test]
async fn s11_a_stale_empty_list_is_no_list() {
    let server = with(&["nomad-1.1.2/noleader-jobs-stale"]).await;
    let error = nomad(&server).jobs(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.message.contains("no leader"), "{error}");
    let server = MockServer::start().await;
    let old = ResponseTemplate::new(200).set_body_string("[]").insert_header("X-Nomad-KnownLeader", "true");
    let old = old.insert_header("X-Nomad-LastContact", "15000").insert_header("X-Nomad-Index", "9");
    Mock::given(method("GET")).respond_with(old).mount(&server).await;
    let error = nomad(&server).nodes(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "a server that lost touch knows nothing: {error}");
}

#[tokio::test]
async fn lists_may_be_stale_and_what_is_acted_on_may_not() {
    let server = with(&["nomad-1.1.2/jobs", "nomad-1.1.2/job", "nomad-1.1.2/node"]).await;
    let client = nomad(&server);
    client.jobs(None).await.unwrap();
    client.job(&JobKey::in_default("web")).await.unwrap();
    client.node(&NODE.into()).await.unwrap();
    let stale: Vec<bool> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .map(|it| it.url.query_pairs().any(|(k, _)| k == "stale"))
        .collect();
    assert_eq!(stale, [true, false, false]);
}

#[tokio::test]
async fn blocking_queries_carry_index_and_a_jittered_wait() {
    let server = with(&["nomad-1.1.2/jobs"]).await;
    let client = nomad(&server);
    for _ in 0..20 {
        client.jobs(Some(Wait { past: 33, at_most: Duration::from_mins(1) })).await.unwrap();
    }
    let mut waits = Vec::new();
    for request in server.received_requests().await.unwrap() {
        let pairs: Vec<_> = request.url.query_pairs().into_owned().collect();
        assert!(pairs.contains(&("index".into(), "33".into())), "{pairs:?}");
        let (_, wait) = pairs.iter().find(|(name, _)| name == "wait").unwrap();
        waits.push(wait.strip_suffix("ms").unwrap().parse::<u64>().unwrap());
    }
    assert!(waits.iter().all(|wait| (56_250..=60_000).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "all alike: {waits:?}");
}

#[tokio::test]
async fn an_index_that_goes_back_is_passed_on() {
    let server = MockServer::start().await;
    let answer = |index: &str| ResponseTemplate::new(200).set_body_string("[{}]").insert_header("X-Nomad-Index", index);
    Mock::given(query_param("index", "90")).respond_with(answer("7")).mount(&server).await;
    let listed = nomad(&server).jobs(Some(Wait { past: 90, at_most: Duration::from_secs(1) })).await.unwrap();
    assert_eq!(listed.index, 7, "the core starts afresh then");
}

#[tokio::test]
async fn j1_a_jobs_groups_carry_their_policies() {
    let server = with(&["nomad-1.1.2/job"]).await;
    let job = nomad(&server).job(&JobKey::in_default("web")).await.unwrap();
    assert_eq!((job.summary.modify_index, job.summary.kind, job.groups.len()), (12, JobKind::Service, 1));
    let group = &job.groups[0];
    assert_eq!((group.name.as_str(), group.count, group.disk), ("g", 3, MebiBytes(10)));
    let task = &group.tasks[0];
    assert_eq!((task.cpu, task.memory, task.span), (MegaHertz(100), MebiBytes(32), TaskSpan::Throughout));
    let Reading::Policy(policy, _) = GroupPolicy::read(&group.meta) else { panic!("no policy") };
    assert_eq!((policy.min, policy.max), (1, 10));
}

#[tokio::test]
async fn ids_with_slashes_percent_signs_and_letters_of_any_alphabet_are_escaped() {
    let server = with(&["nomad-1.1.2/job-odd-id2"]).await;
    let job = nomad(&server).job(&JobKey::in_default("team/app%x")).await.unwrap();
    assert_eq!(job.groups[0].name.as_str(), "g one");
    let server = MockServer::start().await;
    let answer = recorded("nomad-1.1.2/job");
    answer.serve_at(&server, "GET", "/v1/job/w%C3%BCrfel%20%D0%B6%3F%23").await;
    nomad(&server).job(&JobKey::in_default("würfel ж?#")).await.unwrap();
}

#[tokio::test]
async fn namespaces_and_the_region_are_asked_for() {
    let server = with(&["nomad-1.1.2/jobs-namespace-star", "nomad-1.1.2/job"]).await;
    let settings = replicator::adapters::nomad::NomadSettings {
        region: Some("eu".into()),
        namespace: Some("*".into()),
        ..nomad_settings(&server.uri())
    };
    let client = replicator::adapters::nomad::NomadClient::new(settings).unwrap();
    assert_eq!(client.jobs(None).await.unwrap().value.len(), 4);
    client.job(&JobKey { namespace: "prod".into(), id: "web".into() }).await.unwrap();
    let asked: Vec<String> =
        server.received_requests().await.unwrap().iter().map(|it| it.url.query().unwrap().to_owned()).collect();
    assert_eq!(asked, ["region=eu&namespace=*&stale=", "region=eu&namespace=prod"]);
}

#[tokio::test]
async fn p6_a_nodes_capacity_is_read_in_both_shapes() {
    let server = with(&["nomad-1.1.2/node", "nomad-0.8.7/node"]).await;
    let client = nomad(&server);
    let new = client.node(&NODE.into()).await.unwrap();
    assert_eq!(new.capacity, Resources { cores: 2, ..Resources::new(4498, 24105, 74692) });
    assert_eq!((new.address.as_deref(), &new.instance), (Some("127.0.0.1"), &None));
    assert!(new.summary.takes_work());
    let Reading::Policy(policy, _) = PoolPolicy::read(&new.meta) else { panic!("no policy") };
    assert_eq!(policy.target.name.as_str(), "container-node-public-prod");
    let old = client.node(&"51bb67c1-693e-ce18-7bbc-c2d99582f570".into()).await.unwrap();
    assert_eq!(old.capacity, Resources::new(4498, 24105, 66599));
}

#[tokio::test]
async fn p6_what_a_node_reserves_is_not_offered() {
    let modern = Resources { cores: 2, ..Resources::new(3998, 23081, 74592) };
    for (new, expected) in [(true, modern), (false, Resources::new(4398, 24005, 74492))] {
        let mut page = recorded("nomad-1.1.2/node").json();
        page["ReservedResources"] = serde_json::json!({
            "Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 1024}, "Disk": {"DiskMB": 100}
        });
        page["Reserved"] = serde_json::json!({"CPU": 100, "MemoryMB": 100, "DiskMB": 200});
        page["Attributes"]["unique.platform.aws.instance-id"] = "i-0abc".into();
        if !new {
            page.as_object_mut().unwrap().remove("NodeResources");
        }
        let server = MockServer::start().await;
        Mock::given(path(format!("/v1/node/{NODE}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(page))
            .mount(&server)
            .await;
        let node = nomad(&server).node(&NODE.into()).await.unwrap();
        assert_eq!(node.capacity, expected);
        assert_eq!(node.instance.as_ref().unwrap().as_str(), "i-0abc");
    }
}

#[tokio::test]
async fn p1_nodes_that_drain_or_are_drained_take_no_work() {
    let server = with(&["nomad-1.1.2/nodes-draining", "nomad-1.1.2/node-drained"]).await;
    let client = nomad(&server);
    let listed = client.nodes(None).await.unwrap();
    let draining = &listed.value[0];
    assert!(draining.draining && !draining.takes_work());
    let drained = client.node(&NODE.into()).await.unwrap();
    assert_eq!((drained.summary.status, drained.summary.eligibility), (NodeStatus::Ready, Eligibility::Ineligible));
    assert!(
        !drained.summary.draining && !drained.summary.takes_work(),
        "a drain that is complete leaves it ineligible"
    );
}

/// The filter of nodes that may belong to a pool.
const BY_POOL: &str = r#""replicator_worker_pool" in Meta"#;

#[tokio::test]
async fn p1_the_server_chooses_the_nodes_of_pools_where_it_can() {
    let server = MockServer::start().await;
    let chosen = recorded("nomad-2.0.5/nodes-filter-in-quoted");
    Mock::given(path("/v1/nodes"))
        .and(query_param("filter", BY_POOL))
        .respond_with(chosen.response())
        .mount(&server)
        .await;
    let listed = nomad(&server).nodes(None).await.unwrap();
    assert_eq!(listed.value.len(), chosen.json().as_array().unwrap().len());

    let refusing = MockServer::start().await;
    let refusal = recorded("nomad-2.0.5/nodes-filter-malformed");
    recorded("nomad-1.1.2/nodes-draining").serve(&refusing).await;
    Mock::given(path("/v1/nodes"))
        .and(query_param("filter", BY_POOL))
        .respond_with(refusal.response())
        .with_priority(1)
        .mount(&refusing)
        .await;
    let client = nomad(&refusing);
    assert!(!client.nodes(None).await.unwrap().value.is_empty(), "all are listed then");
    client.nodes(None).await.unwrap();
    let filtered = |request: &wiremock::Request| request.url.query_pairs().any(|(name, _)| name == "filter");
    let asked: Vec<bool> = refusing.received_requests().await.unwrap().iter().map(filtered).collect();
    assert_eq!(asked, [true, false, false], "it is not asked to choose again");
}

#[tokio::test]
async fn p5_a_node_whose_client_is_cut_off_is_neither_down_nor_takes_work() {
    let server = MockServer::start().await;
    recorded("nomad-2.0.5/nodes-disconnected").serve(&server).await;
    let listed = nomad(&server).nodes(None).await.unwrap();
    let seen: Vec<_> = listed.value.iter().map(|node| (node.name.as_str(), node.status, node.takes_work())).collect();
    assert_eq!(
        seen,
        [
            ("client2", NodeStatus::Ready, true),
            ("client1", NodeStatus::Disconnected, false),
            ("client3", NodeStatus::Ready, true)
        ]
    );
}

#[tokio::test]
async fn p19_an_instances_node_is_found_by_what_it_says_of_itself() {
    let server = MockServer::start().await;
    let (old, mut page) = (recorded("nomad-1.1.2/nodes-draining"), recorded("nomad-2.0.5/node").json());
    old.serve(&server).await;
    let id = old.json()[0]["ID"].as_str().unwrap().to_owned();
    page["ID"] = id.as_str().into();
    page["Attributes"]["unique.platform.aws.instance-id"] = "i-0abc".into();
    let answer = ResponseTemplate::new(200).set_body_json(page);
    Mock::given(path(format!("/v1/node/{id}"))).respond_with(answer).mount(&server).await;
    let client = nomad(&server);
    let found = client.nodes_on(&"i-0abc".into()).await.unwrap();
    assert_eq!(found.iter().map(|node| node.summary.id.as_str()).collect::<Vec<_>>(), [id]);
    // Old servers list all, whatever they are given.
    assert!(client.nodes_on(&"i-0def".into()).await.unwrap().is_empty());
    let asked = server.received_requests().await.unwrap();
    let filter = asked[0].url.query_pairs().find(|(name, _)| name == "filter").unwrap().1.into_owned();
    assert_eq!(filter, r#"Attributes["unique.platform.aws.instance-id"] == "i-0abc""#);
}

#[tokio::test]
async fn an_entry_that_makes_no_sense_stops_no_other() {
    let server = MockServer::start().await;
    let mut list = recorded("nomad-1.1.2/jobs").json();
    list[0]["JobModifyIndex"] = "many".into();
    list[1]["Type"] = "quantum".into();
    list[2]["ID"] = "".into();
    Mock::given(path("/v1/jobs")).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    let listed = nomad(&server).jobs(None).await.unwrap();
    let ids: Vec<&str> = listed.value.iter().map(|job| job.key.id.as_str()).collect();
    assert_eq!(ids, ["web"]);
}

#[tokio::test]
async fn j2_jobs_of_several_namespaces_are_chosen_among_all() {
    let server = MockServer::start().await;
    let mut list = recorded("nomad-1.1.2/jobs").json();
    let count = list.as_array().unwrap().len();
    list[0]["Namespace"] = "team-a".into();
    list[1]["Namespace"] = "team-b".into();
    let of_all = query_param("namespace", "*");
    let answer = ResponseTemplate::new(200).set_body_json(list);
    Mock::given(path("/v1/jobs")).and(of_all).respond_with(answer).mount(&server).await;
    let listed = async |namespaces: &str| {
        let settings = replicator::adapters::nomad::NomadSettings {
            namespace: Some(namespaces.to_owned()),
            ..nomad_settings(&server.uri())
        };
        let client = replicator::adapters::nomad::NomadClient::new(settings).unwrap();
        let jobs = client.jobs(None).await.unwrap().value;
        jobs.iter().map(|job| job.key.namespace.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed("team-a, team-b").await, ["team-a", "team-b"]);
    assert_eq!(listed("team-b,gone").await, ["team-b"]);
    assert_eq!(listed("team-b,*").await.len(), count);
}

#[tokio::test]
async fn p6_allocations_come_with_what_they_take() {
    let server = with(&["nomad-1.1.2/allocations-resources"]).await;
    let listed = nomad(&server).allocations(None).await.unwrap();
    assert_eq!(listed.value.len(), 6);
    let first: &Allocation = &listed.value[0];
    assert_eq!((first.group.to_string().as_str(), first.kind), ("web/g", JobKind::Service));
    assert_eq!((first.desired, first.client), (DesiredStatus::Run, ClientStatus::Running));
    assert_eq!((first.resources, first.node.as_str()), (Resources::new(100, 32, 10), NODE));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2, "one list, and one to see whether the server knows all namespaces");
    assert!(requests[0].url.query().unwrap().contains("resources=true"));
}

#[tokio::test]
async fn p6_old_servers_are_asked_once_for_each_allocation() {
    let server = with(&["nomad-0.8.7/allocations"]).await;
    let page = recorded("nomad-0.8.7/allocation").response();
    Mock::given(wiremock::matchers::path_regex("^/v1/allocation/")).respond_with(page).mount(&server).await;
    let client = nomad(&server);
    for _ in 0..2 {
        let listed = client.allocations(None).await.unwrap();
        assert_eq!(listed.value.len(), 6);
        assert!(
            listed.value.iter().all(|it| it.resources == Resources::new(100, 32, 10) && it.kind == JobKind::Service)
        );
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3 + 6, "two lists and a first one of all namespaces, and six pages once");
}

#[tokio::test]
async fn s4_a_list_of_allocations_that_cannot_be_read_whole_is_an_error() {
    let server = MockServer::start().await;
    let mut list = recorded("nomad-1.1.2/allocations-resources").json();
    list[2]["NodeID"] = "".into();
    Mock::given(path("/v1/allocations"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list))
        .mount(&server)
        .await;
    let error = nomad(&server).allocations(None).await.unwrap_err();
    assert!(error.message.contains("a76fcc1f"), "one left out would make a node look emptier: {error}");
    let server = with(&["nomad-0.8.7/allocations"]).await;
    Mock::given(wiremock::matchers::path_regex("^/v1/allocation/"))
        .respond_with(ResponseTemplate::new(503))
        .mount(&server)
        .await;
    let error = nomad(&server).allocations(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn s4_an_old_allocation_whose_page_tells_nothing_is_opaque() {
    let mut odd = recorded("nomad-0.8.7/allocation").json();
    odd["Resources"] = "much".into();
    let pages = [ResponseTemplate::new(403), ResponseTemplate::new(200).set_body_json(odd)];
    for page in pages {
        let server = with(&["nomad-0.8.7/allocations"]).await;
        Mock::given(wiremock::matchers::path_regex("^/v1/allocation/")).respond_with(page).mount(&server).await;
        let listed = nomad(&server).allocations(None).await.unwrap();
        assert!(listed.value.len() == 6 && listed.value.iter().all(|it| it.opaque));
    }
}

#[tokio::test]
async fn s4_one_odd_allocation_stops_no_other() {
    let server = MockServer::start().await;
    let mut list = recorded("nomad-1.1.2/allocations-resources").json();
    list[1]["AllocatedResources"]["Tasks"] = "many".into();
    list[2]["AllocatedResources"]["Shared"]["DiskMB"] = (-5).into();
    Mock::given(path("/v1/allocations"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list))
        .mount(&server)
        .await;
    let client = nomad(&server);
    let (warnings, listed) = warned(async {
        client.allocations(None).await.unwrap();
        client.allocations(None).await.unwrap()
    })
    .await;
    let opaque: Vec<bool> = listed.value.iter().map(|it| it.opaque).collect();
    assert_eq!(opaque, [false, true, true, false, false, false]);
    assert_eq!(warnings.matches("cannot be relied on").count(), 2, "each is named once:\n{warnings}");
}

#[tokio::test]
async fn s11_an_empty_list_is_asked_of_the_leader() {
    let server = MockServer::start().await;
    let answer = |index: &str, body: &str| {
        ResponseTemplate::new(200).set_body_string(body).insert_header("X-Nomad-Index", index)
    };
    Mock::given(query_param("stale", "")).respond_with(answer("7", "[]")).with_priority(1).mount(&server).await;
    for what in ["jobs", "nodes", "deployments"] {
        let full = recorded(&format!("nomad-1.1.2/{what}")).body;
        Mock::given(path(format!("/v1/{what}"))).respond_with(answer("9", &full)).mount(&server).await;
    }
    let full = recorded("nomad-1.1.2/allocations-resources").body;
    Mock::given(path("/v1/allocations")).respond_with(answer("9", &full)).mount(&server).await;
    let client = nomad(&server);
    let wait = Some(Wait { past: 3, at_most: Duration::from_secs(1) });
    let (jobs, nodes) = (client.jobs(wait).await.unwrap(), client.nodes(wait).await.unwrap());
    let (deployments, allocations) = (client.deployments(wait).await.unwrap(), client.allocations(wait).await.unwrap());
    let lengths = (jobs.value.len(), nodes.value.len(), deployments.value.len(), allocations.value.len());
    assert_eq!(lengths, (4, 1, 2, 6));
    assert_eq!((jobs.index, allocations.index), (9, 9), "the index is the leader's too");
    let asked = server.received_requests().await.unwrap();
    let of_leader = asked.iter().filter(|it| it.url.query_pairs().all(|(name, _)| name != "stale"));
    assert!(of_leader.into_iter().all(|it| it.url.query_pairs().all(|(name, _)| name != "wait")));
}

#[tokio::test]
async fn a_bad_entry_is_named_once() {
    let mut list = recorded("nomad-1.1.2/jobs").json();
    list[0]["Type"] = "quantum".into();
    let server = MockServer::start().await;
    Mock::given(path("/v1/jobs")).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    let client = nomad(&server);
    let (warnings, ()) = warned(async {
        for _ in 0..3 {
            assert_eq!(client.jobs(None).await.unwrap().value.len(), 3);
        }
    })
    .await;
    assert_eq!(warnings.matches("job type \"quantum\" is not known").count(), 1, "{warnings}");
}

/// The statistics of one task, from a page.
async fn usage(page: serde_json::Value) -> (Option<f64>, Option<u64>) {
    let server = MockServer::start().await;
    Mock::given(path("/v1/client/allocation/a/stats"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&server)
        .await;
    let stats = nomad(&server).allocation_stats(&"a".into()).await.unwrap();
    assert_eq!(stats.tasks.len(), 1);
    (stats.tasks[0].cpu_mhz, stats.tasks[0].memory.resident_bytes())
}

#[tokio::test]
async fn j14_statistics_of_cgroup_v1_v2_and_of_drivers_that_lie() {
    let v1 = recorded("nomad-1.1.2/allocation-stats").json();
    assert_eq!(usage(v1.clone()).await, (Some(268.946_810_508_472_2), Some(33_509_376)));
    let mut v2 = v1.clone();
    v2["Tasks"]["t0"]["ResourceUsage"]["MemoryStats"] = serde_json::json!({
        "RSS": 0, "Cache": 0, "Swap": 0, "Usage": 41_943_040, "Measured": ["Cache", "Swap", "Usage"]
    });
    assert_eq!(usage(v2).await.1, Some(41_943_040));
    let absurd = recorded("nomad-1.1.2/allocation-stats-mock").json();
    assert_eq!(usage(absurd).await, (None, None), "CpuStats null, RSS above i64::MAX");
    let mut silent = v1.clone();
    silent["Tasks"]["t0"]["ResourceUsage"] = serde_json::Value::Null;
    assert_eq!(usage(silent).await, (None, None), "missing is not zero");
    let mut unmeasured = v1;
    unmeasured["Tasks"]["t0"]["ResourceUsage"]["MemoryStats"]["Measured"] = serde_json::json!(["Swap"]);
    assert_eq!(usage(unmeasured).await.1, None, "the client did not measure what it sends");
}

#[tokio::test]
async fn deployments_name_the_specification_that_they_deploy() {
    let server =
        with(&["nomad-1.1.2/deployments", "nomad-1.1.2/job-deployment", "nomad-1.1.2/job-deployment-404"]).await;
    let client = nomad(&server);
    let listed = client.deployments(None).await.unwrap();
    assert_eq!(listed.value.len(), 2);
    let latest = client.latest_deployment(&JobKey::in_default("web")).await.unwrap().unwrap();
    assert_eq!((latest.job_modify_index, latest.create_index, latest.status), (12, 13, DeploymentStatus::Successful));
    assert!(listed.value.contains(&latest));
    let none = client.latest_deployment(&JobKey::in_default("nosuchjob")).await.unwrap();
    assert_eq!(none, None, "a missing job has no deployment, and that is 200");
}

#[tokio::test]
async fn j17_evaluations_with_and_without_a_deployment() {
    let server = with(&["nomad-1.1.2/evaluation", "nomad-1.1.2/job-noupdate-eval", "nomad-1.1.2/evaluation-404"]).await;
    let client = nomad(&server);
    let job = JobKey::in_default("web");
    let with = client.evaluation(&job, &EVALUATION.into()).await.unwrap();
    assert_eq!(with.status, EvaluationStatus::Complete);
    assert_eq!(with.deployment.unwrap().as_str(), "3fde5290-bec3-5275-ca0f-abd917fd8bd0");
    assert_eq!(with.modified.unwrap().as_nanosecond(), 1_795_330_633_164_446_325);
    let without = client.evaluation(&job, &"f4b80e4d-8666-3c06-28d2-dbffad47f131".into()).await.unwrap();
    assert_eq!((without.status, without.deployment), (EvaluationStatus::Complete, None));
    let gone = client.evaluation(&job, &"00000000-0000-0000-0000-000000000000".into()).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let cases = [
        ("acl-jobs-anonymous", ErrorKind::Denied),
        ("acl-bad-token", ErrorKind::Denied),
        ("acl-malformed-token", ErrorKind::Denied),
        ("noleader-jobs", ErrorKind::Unreachable),
        ("jobs-region-unknown", ErrorKind::Unreachable),
    ];
    for (name, kind) in cases {
        let server = with(&[&format!("nomad-1.1.2/{name}")]).await;
        let error = nomad(&server).jobs(None).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
    let server = with(&["nomad-1.1.2/job-404", "nomad-1.1.2/node-unknown", "nomad-1.1.2/node-badid"]).await;
    let client = nomad(&server);
    let none = client.job(&JobKey::in_default("nosuchjob")).await.unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
    for id in ["00000000-0000-0000-0000-000000000000", "zzz"] {
        let none = client.node(&id.into()).await.unwrap_err();
        assert_eq!(none.kind, ErrorKind::NotFound, "a 500 about a bad id means not found: {none}");
    }
    let server = with(&["nomad-1.1.2/allocation-stats-404"]).await;
    let gone = nomad(&server).allocation_stats(&"00000000-0000-0000-0000-000000000000".into()).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
}

/// An order to drain a node, of the operation that it names.
pub(crate) fn order(node: &str) -> DrainOrder {
    DrainOrder {
        node: node.into(),
        operation: "pool workers@2026-01-01T00:00:00Z".into(),
        agent: "vm-1".into(),
        message: "replicator scales pool workers in 3 -> 2".into(),
    }
}

#[tokio::test]
async fn p23_drains_have_no_deadline_and_are_called_off_by_marking_eligible() {
    let server = with(&["nomad-1.1.2/drain-start"]).await;
    let client = nomad(&server);
    client.drain(&order(NODE)).await.unwrap();
    client.cancel_drain(&NODE.into()).await.unwrap();
    let bodies: Vec<serde_json::Value> =
        server.received_requests().await.unwrap().iter().map(|request| request.body_json().unwrap()).collect();
    assert_eq!(bodies[0]["DrainSpec"]["Deadline"], 0);
    assert_eq!(bodies[0]["DrainSpec"]["IgnoreSystemJobs"], false);
    let says = serde_json::json!({
        "message": "replicator scales pool workers in 3 -> 2",
        "replicator_agent": "vm-1",
        "replicator_operation": "pool workers@2026-01-01T00:00:00Z",
    });
    assert_eq!(bodies[0]["Meta"], says, "who, why, and which operation");
    assert_eq!(bodies[1], serde_json::json!({"DrainSpec": null, "MarkEligible": true}));
    let server = with(&["nomad-1.1.2/drain-404"]).await;
    let gone = nomad(&server).drain(&order("00000000-0000-0000-0000-000000000000")).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound, "500 \"node not found\" means what it says: {gone}");
}

/// An allocation of 300 MHz on a node, as a list has it.
fn listed(id: &str, namespace: &str) -> serde_json::Value {
    let resources = serde_json::json!({"Tasks": {"t": {"Cpu": {"CpuShares": 300}, "Memory": {"MemoryMB": 10}}}});
    serde_json::json!({
        "ID": id, "JobID": "web", "Namespace": namespace, "JobType": "service", "TaskGroup": "g", "NodeID": "n",
        "DesiredStatus": "run", "ClientStatus": "running", "AllocatedResources": resources,
    })
}

/// A server that lists these by its default namespace, and those by `*`.
async fn listing(own: &[serde_json::Value], all: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let own = ResponseTemplate::new(200).set_body_json(own).insert_header("X-Nomad-Index", "7");
    let of_all = Mock::given(path("/v1/allocations")).and(query_param("namespace", "*"));
    of_all.respond_with(all.insert_header("X-Nomad-Index", "8")).with_priority(1).mount(&server).await;
    Mock::given(path("/v1/allocations")).respond_with(own).mount(&server).await;
    server
}

#[tokio::test]
async fn p6_allocations_of_all_namespaces_count() {
    let (ours, theirs) = (listed("1", "default"), listed("2", "team"));
    let all = ResponseTemplate::new(200).set_body_json([&ours, &theirs]);
    let server = listing(&[ours], all).await;
    let client = nomad(&server);
    for asked in [2, 3, 4] {
        let found = client.allocations(None).await.unwrap().value;
        let namespaces: Vec<&str> = found.iter().map(|it| it.group.job.namespace.as_str()).collect();
        assert_eq!(namespaces, ["default", "team"]);
        assert_eq!(server.received_requests().await.unwrap().len(), asked, "both are asked for once");
    }
}

#[tokio::test]
async fn p6_a_server_that_takes_the_star_for_a_name_does_not_empty_the_nodes() {
    let ours = listed("1", "default");
    let empty = ResponseTemplate::new(200).set_body_json([0_u8; 0]);
    let denied = ResponseTemplate::new(403).set_body_string("Permission denied");
    for (all, asked) in [(empty, 3), (denied, 4)] {
        let server = listing(std::slice::from_ref(&ours), all).await;
        let client = nomad(&server);
        for _ in 0..2 {
            let found = client.allocations(None).await.unwrap();
            assert_eq!((found.value.len(), found.index), (1, 7));
        }
        assert_eq!(server.received_requests().await.unwrap().len(), asked, "what is denied may be permitted later");
    }
    // Nothing anywhere yet: nothing is known, and the next answer tells.
    let server = listing(&[], ResponseTemplate::new(200).set_body_json([0_u8; 0])).await;
    assert_eq!(nomad(&server).allocations(None).await.unwrap().value.len(), 0);
}

#[tokio::test]
async fn p22_occupants_are_what_may_be_alive_with_what_it_asks_for() {
    let node = "19efcf86-716c-f308-7b35-1f707ea05319";
    let server = with(&["nomad-2.0.5/node-allocations"]).await;
    let found = nomad(&server).occupants(&node.into()).await.unwrap();
    assert_eq!(found.len(), 1);
    let it = &found[0].allocation;
    assert_eq!(
        (it.group.to_string().as_str(), it.kind, it.resources),
        ("web/g", JobKind::Service, Resources::new(200, 128, 300))
    );
    assert!(!it.lingers && !it.opaque && it.holdings.is_none() && it.tasks.len() == 1);
    assert_eq!(found[0].needs.drivers, ["raw_exec"]);
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked[0].url.query(), None, "of the leader");
    let pages = [("nomad-1.1.2", NODE), ("nomad-0.8.7", "51bb67c1-693e-ce18-7bbc-c2d99582f570")];
    for (version, node) in pages {
        let server = with(&[&format!("{version}/node-allocations")]).await;
        let found = nomad(&server).occupants(&node.into()).await.unwrap();
        assert_eq!(found.len(), 3, "{version}");
        for occupant in found {
            let it = &occupant.allocation;
            assert_eq!((it.resources, it.tasks.len(), it.opaque), (Resources::new(100, 32, 10), 1, false), "{version}");
            assert_eq!(occupant.needs.datacenters, ["dc1"], "{version}");
        }
    }
}

#[tokio::test]
async fn cores_of_a_node_a_job_and_an_allocation_are_counted() {
    let server = with(&["nomad-2.0.5/node", "nomad-2.0.5/job-cores", "nomad-2.0.5/allocations-resources"]).await;
    let client = nomad(&server);
    let node = client.node(&"c6147116-50b6-2616-ec74-def5a35b483a".into()).await.unwrap();
    assert_eq!(node.capacity, Resources { cores: 2, ..Resources::new(4000, 4096, 258_019) });
    assert_eq!((node.place.datacenter.as_str(), node.place.node_pool.as_str()), ("dc1", "default"));
    assert_eq!(node.place.attributes["driver.raw_exec"], "1");
    let job = client.job(&JobKey::in_default("cores")).await.unwrap();
    let task = &job.groups[0].tasks[0];
    assert_eq!((task.cpu, task.cores), (MegaHertz(0), 1));
    assert_eq!(client.allocations(None).await.unwrap().value.len(), 2);
    let mut listed = listed("1", "default");
    listed["AllocatedResources"] = recorded("nomad-2.0.5/allocation-cores").json()["AllocatedResources"].clone();
    let server = listing(&[], ResponseTemplate::new(200).set_body_json([listed])).await;
    let allocation = nomad(&server).allocations(None).await.unwrap().value[0].clone();
    assert_eq!(allocation.resources, Resources { cores: 1, ..Resources::new(2599, 128, 300) });
    assert_eq!((allocation.tasks[0].cpu, allocation.tasks[0].memory), (MegaHertz(2599), MebiBytes(128)));
}

#[tokio::test]
async fn a_scaling_block_comes_with_its_group() {
    let server = with(&["nomad-2.0.5/job", "nomad-1.1.2/job"]).await;
    let job = nomad(&server).job(&JobKey::in_default("web")).await.unwrap();
    let scaling = job.groups[0].scaling.unwrap();
    assert_eq!((scaling.min, scaling.max, scaling.enabled), (1, Some(3), true));
    let server = with(&["nomad-1.1.2/job"]).await;
    assert_eq!(nomad(&server).job(&JobKey::in_default("web")).await.unwrap().groups[0].scaling, None);
}

#[tokio::test]
async fn blocked_work_is_listed_with_one_light_call() {
    let server = with(&["nomad-2.0.5/evaluations-blocked-filter"]).await;
    let client = nomad(&server);
    for asked in [1, 2] {
        let found = client.blocked().await.unwrap();
        assert_eq!((found.len(), found[0].count), (1, 6));
        assert_eq!(found[0].lacks, "memory exhausted on 2 nodes");
        assert_eq!(server.received_requests().await.unwrap().len(), asked);
    }
    let asked = server.received_requests().await.unwrap()[0].url.clone();
    let pairs: Vec<_> = asked.query_pairs().into_owned().collect();
    assert!(pairs.contains(&("filter".into(), "Status == \"blocked\"".into())), "{pairs:?}");
    assert!(pairs.contains(&("namespace".into(), "*".into())), "{pairs:?}");
}

#[tokio::test]
async fn blocked_work_of_a_server_that_knows_neither_star_nor_filter_is_found() {
    let mut list = recorded("nomad-2.0.5/evaluations-blocked-filter").json();
    let mut done = list[0].clone();
    done["Status"] = "complete".into();
    let mut older = list[0].clone();
    older["CreateIndex"] = 3.into();
    older["FailedTGAllocs"]["g"]["CoalescedFailures"] = 50.into();
    list.as_array_mut().unwrap().extend([done, older]);
    for star in [ResponseTemplate::new(200).set_body_string("[]"), ResponseTemplate::new(403)] {
        let server = MockServer::start().await;
        let all = Mock::given(path("/v1/evaluations")).and(query_param("namespace", "*"));
        all.respond_with(star).with_priority(1).mount(&server).await;
        let own = ResponseTemplate::new(200).set_body_json(&list);
        Mock::given(path("/v1/evaluations")).respond_with(own).mount(&server).await;
        let found = nomad(&server).blocked().await.unwrap();
        assert_eq!((found.len(), found[0].count), (1, 6), "the newest of a group tells");
    }
}
