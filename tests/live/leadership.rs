//! One leads, and when it is gone another does.

use std::time::Instant;

use crate::agent::AgentProcess;
use crate::cluster::Cluster;
use crate::eventually;

/// The one of the agents that leads.
fn leader_of(agents: &mut [AgentProcess]) -> usize {
    eventually("one of the agents to lead", || agents.iter().position(AgentProcess::leads))
}

pub(crate) fn l1_three_agents_one_leads_and_kill_9_hands_over() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "4")], 900.0);
    let mut agents: Vec<AgentProcess> = (0..3).map(|_| cluster.agent(&[])).collect();
    let leader = leader_of(&mut agents);
    for agent in &mut agents {
        eventually("everyone to know their place", || (agent.leads() || agent.says("stands by") > 0).then_some(()));
    }
    assert_eq!(agents.iter().filter(|agent| agent.leads()).count(), 1);
    eventually("the leader to scale", || (cluster.nomad.count("web") == 4).then_some(()));
    assert_eq!(agents.iter().map(|agent| agent.says("begins to scale")).filter(|times| *times > 0).count(), 1);

    agents[leader].kill();
    let began = Instant::now();
    agents.remove(leader);
    leader_of(&mut agents);
    println!("kill -9: another led after {:.1} s", began.elapsed().as_secs_f64());
    cluster.nomad.load("web", 10.0);
    eventually("the new leader to scale in", || (cluster.nomad.count("web") == 1).then_some(()));
    let counts: Vec<u64> = cluster.nomad.scaled().iter().map(|scaled| scaled.count).collect();
    assert_eq!(counts, [3, 4, 3, 2, 1], "each step once");
    assert!(cluster.nomad.scaled()[0].message.contains("CPU of task server 90 % > 80 %"));
}

pub(crate) fn c8_a_stopped_agent_hands_over_at_once() {
    for signal in ["TERM", "INT", "QUIT"] {
        let cluster = Cluster::start();
        let mut first = cluster.agent(&[]);
        first.await_word("leads", 1);
        let session = cluster.consul.holder().unwrap();
        let mut second = cluster.agent(&[]);
        second.await_word("stands by", 1);
        let began = Instant::now();
        first.signal(signal);
        assert_eq!(first.ended().code(), Some(0), "{signal}");
        second.await_word("INFO leads", 1);
        println!("SIG{signal}: another led after {:.1} s", began.elapsed().as_secs_f64());
        assert_eq!(cluster.consul.call("GET", &format!("/v1/session/info/{session}"), ""), "[]", "its session is gone");
        assert_eq!((first.says("resigned"), first.says("stopped")), (1, 1));
    }
}

pub(crate) fn l6_a_session_destroyed_behind_its_back() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let mut agents: Vec<AgentProcess> = (0..2).map(|_| cluster.agent(&[])).collect();
    let leader = leader_of(&mut agents);
    eventually("the leader to scale", || (cluster.nomad.count("web") == 3).then_some(()));
    let lost = cluster.consul.holder().unwrap();
    cluster.consul.call("PUT", &format!("/v1/session/destroy/{lost}"), "");
    agents[leader].await_word("lost leadership", 1);
    let holder = eventually("somebody to lead again", || cluster.consul.holder());
    assert_ne!(holder, lost);
    eventually("one to say that it leads", || agents.iter().any(AgentProcess::leads).then_some(()));
    cluster.nomad.load("web", 10.0);
    eventually("scaling to go on", || (cluster.nomad.count("web") == 1).then_some(()));
}

pub(crate) fn l7_a_leader_that_cannot_reach_nomad_lets_another_lead() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let mut cut_off = cluster.agent(&["-nomad=http://127.0.0.1:9"]);
    cut_off.await_word("INFO leads", 1);
    let mut second = cluster.agent(&[]);
    second.await_word("stands by", 1);
    cut_off.await_word("gives up leadership: it could evaluate nothing", 1);
    second.await_word("INFO leads", 1);
    cut_off.await_word("does not stand for the lock", 1);
    cut_off.await_word("stands by", 1);
    eventually("the other to scale", || (cluster.nomad.count("web") == 3).then_some(()));
    assert_eq!((cut_off.says("INFO leads"), second.says("INFO leads")), (1, 1), "leadership does not go round");
}
