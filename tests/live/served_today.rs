//! The real binary against a served Nomad 2.0: what only today's Nomad does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::block_on;
use crate::served::Simulator;

fn today(more: &str) -> Simulator {
    Simulator::serve("demo", more, &["--nomad-version=2.0"])
}

fn ask(simulator: &Simulator, method: Method, path: &str, body: &Value) -> Value {
    let url = format!("http://{}{path}", simulator.address("NOMAD_ADDR"));
    block_on(async {
        let answer = reqwest::Client::new().request(method, url).body(body.to_string()).send().await.unwrap();
        serde_json::from_str(&answer.error_for_status().unwrap().text().await.unwrap()).unwrap()
    })
}

/// A newcomer's first cluster: its clients collect nothing, until somebody does what the agent says.
pub(crate) fn s16_clients_that_collect_no_statistics() {
    let simulator = today("[[event]]\nat = \"0s\"\nfor = \"45s\"\nno_statistics = \"workers\"\n");
    let mut agent = simulator.agent(&[]);
    agent.await_word("2 clients collect no statistics (workers-0, workers-1), so nothing that runs there is scaled", 1);
    agent.await_word("telemetry { publish_allocation_metrics = true }", 1);
    assert_eq!(agent.says("begins to scale"), 0, "{:#?}", agent.log());
    agent.await_word("over after", 1);
    agent.await_word("group shop/front: scaling out succeeded", 1);
}

/// What a client is told of its metadata reaches the servers later, and the agent then.
pub(crate) fn p4_metadata_that_changes_at_run_time() {
    let simulator = today("");
    let mut agent = simulator.agent(&[]);
    agent.await_word("leads", 1);
    let nodes = ask(&simulator, Method::GET, "/v1/nodes", &Value::Null);
    let path = format!("/v1/client/metadata?node_id={}", nodes[0]["ID"].as_str().unwrap());
    ask(&simulator, Method::POST, &path, &json!({"Meta": {"replicator_cooldown": "nonsense"}}));
    agent.await_word("replicator_cooldown = \"nonsense\" is not a number of seconds", 1);
    let told = ask(&simulator, Method::POST, &path, &json!({"Meta": {"replicator_cooldown": null}}));
    assert_eq!(told["Static"]["replicator_cooldown"], "3");
    assert_eq!(told["Meta"].get("replicator_cooldown"), None, "its own configuration does not come back by itself");
    agent.await_word("1 of its nodes disagree with workers-0: workers-1", 1);
}

/// Statistics of a client that is cut off are waited for by nobody: the other group goes on, and the node is missed.
pub(crate) fn j12_a_client_that_is_cut_off_holds_up_no_other() {
    let simulator = today(concat!(
        "[[event]]\nat = \"1s\"\nfor = \"100s\"\nsilence_node = { pool = \"workers\", node = 0 }\n",
        "[jobs.other.groups.g]\ncount = 1\ntasks.t = { cpu = 100, memory = 100, idle_cpu = 95, idle_memory = 50 }\n",
        "[jobs.other.groups.g.meta]\nreplicator_enabled = true\nreplicator_min = 1\nreplicator_max = 3\n",
        "replicator_scalein_cpu = 10\nreplicator_scalein_mem = 10\nreplicator_scaleout_cpu = 90\n",
        "replicator_scaleout_mem = 90\nreplicator_notification_uid = \"OTHER\"\nreplicator_cooldown = 1\n",
    ));
    let mut agent = simulator.agent(&[]);
    agent.await_word("group other/g: begins to scale out 1 -> 2", 1);
    let node = |simulator: &Simulator| ask(simulator, Method::GET, "/v1/nodes", &Value::Null)[0]["Status"].clone();
    crate::eventually("the node to be missed", || (node(&simulator) == "down").then_some(()));
    agent.await_word("group shop/front: scaling out succeeded", 1);
}

/// To what is needed in one step, and back to it in one when nothing of late needs more.
pub(crate) fn j28_j31_a_group_goes_to_its_target_at_once() {
    let simulator = today(concat!(
        "[jobs.other.update]\nmin_healthy_time = \"1s\"\n",
        "[jobs.other.groups.g]\ncount = 4\nstart = \"1s\"\ntasks.t = { cpu = 50, memory = 20, idle_memory = 10 }\n",
        "[jobs.other.groups.g.meta]\nreplicator_enabled = true\nreplicator_min = 1\nreplicator_max = 20\n",
        "replicator_strategy = \"target\"\nreplicator_target_cpu = 40\nreplicator_stabilization = 8\n",
        "replicator_forecast = \"trend\"\nreplicator_cooldown = 1\n",
        "[[load]]\ngroup = \"other/g\"\ncpu = [{ constant = 40 }, { step = { at = \"0s\", by = 150, until = \"40s\" } }]\n",
    ));
    let mut agent = simulator.agent(&[]);
    agent.await_word("group other/g: begins to scale out 4 -> 10: CPU of task t 95 % > 40 % (J28)", 1);
    agent.await_word("group other/g: scaling out succeeded; 4 -> 10", 1);
    agent.await_word(
        "group other/g: begins to scale in 10 -> 2: most allocations that the CPU of task t needed lately 2 < 9.5",
        1,
    );
    agent.await_word("group other/g: scaling in succeeded; 10 -> 2", 1);
}
