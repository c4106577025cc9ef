//! What the core does when things go wrong, each in a small scenario of its own. Every run also checks all invariants.

use replicator::domain::Resource;
use replicator::operation::{Abandonment, Outcome as Ending};

use replicator_sim::drive::crash::{self, Campaign};
use replicator_sim::drive::stage::Side;
use replicator_sim::judge::Outcome;
use replicator_sim::scenario::{Changes, Scenario};

use super::{first, simulate, small_scenario};

const STEADY: &str = "{ constant = 2100 }";
/// Busy from the tenth minute on.
const STEP: &str = r#"{ constant = 2100 }, { step = { at = "10m", by = 3200 } }"#;

fn event(at: &str, what: &str) -> String {
    format!("[[event]]\nat = \"{at}\"\n{what}\n")
}

#[test]
fn l1_l3_another_agent_leads_within_ttl_and_lock_delay() {
    let outcome = simulate(&small_scenario(STEADY, &event("5m", "kill_agent = \"leader\"")));
    let leads: Vec<u64> =
        outcome.record.lines.iter().filter(|line| line.text == "leads").map(|line| line.at.0 / 1000).collect();
    assert_eq!(leads.len(), 2);
    assert!((300..300 + 30 + 5 + 2).contains(&leads[1]), "Consul may double the TTL of 15 s: {leads:?}");
}

#[test]
fn l5_a_stopped_agent_hands_over_in_seconds() {
    let outcome = simulate(&small_scenario(STEADY, &event("5m", "stop_agent = \"leader\"")));
    let resigned = first(&outcome, "resigned").unwrap();
    let leads = outcome.record.lines.iter().rfind(|line| line.text == "leads").unwrap().at.0 / 1000;
    assert!((300..=302).contains(&resigned) && (300..=305).contains(&leads), "{resigned} {leads}");
}

#[test]
fn l6_a_leader_whose_session_is_destroyed_steps_down_at_once() {
    let outcome = simulate(&small_scenario(STEADY, &event("5m", "destroy_session = \"leader\"")));
    assert_eq!(first(&outcome, "lost leadership"), Some(300));
}

#[test]
fn l2_l4_a_leader_that_cannot_renew_stops_before_its_session_ends() {
    // Load rises right then, so that there would be much to do.
    let outcome = simulate(&small_scenario(STEP, &event("10m 5s", "for = \"1m\"\nconsul_outage = true")));
    let lost = first(&outcome, "was not renewed in time").unwrap();
    let expires = first(&outcome, "expires").unwrap();
    assert!(lost < expires && (605..=616).contains(&lost), "{lost} {expires}");
    let leads_again = outcome.record.lines.iter().rfind(|line| line.text == "leads").unwrap().at.0 / 1000;
    let calls = outcome.record.lines.iter().filter(|line| line.text.contains("set count to"));
    let calls: Vec<u64> = calls.map(|line| line.at.0 / 1000).collect();
    assert!(calls.iter().any(|at| *at < lost) && calls.iter().any(|at| *at > leads_again), "{calls:?}");
    assert!(calls.iter().all(|at| *at <= lost || *at >= leads_again), "nobody acted in between: {calls:?}");
}

#[test]
fn s4_nothing_is_scaled_while_consul_is_away() {
    let outage = event("9m", "for = \"10m\"\nconsul_outage = true");
    let outcome = simulate(&small_scenario(STEP, &outage));
    let acts: Vec<u64> = outcome.record.actions.iter().map(|action| action.at.0 / 60_000).collect();
    assert!(acts.iter().all(|minute| !(9..19).contains(minute)), "{acts:?}");
    assert!(acts.iter().any(|minute| (19..22).contains(minute)), "and it goes on afterwards: {acts:?}");
}

#[test]
fn s11_nothing_is_scaled_while_nomad_is_away() {
    let outcome = simulate(&small_scenario(STEP, &event("9m", "for = \"10m\"\nnomad_outage = true")));
    let acts: Vec<u64> = outcome.record.actions.iter().map(|action| action.at.0 / 60_000).collect();
    assert!(acts.iter().all(|minute| !(9..19).contains(minute)), "{acts:?}");
    assert!(first(&outcome, "cannot watch jobs").is_some() && first(&outcome, "stands for the lock again").is_some());
}

#[test]
fn l7_while_nomad_is_away_leadership_does_not_go_round_and_is_taken_when_it_is_back() {
    let outcome = simulate(&small_scenario(STEP, &event("9m", "for = \"30m\"\nnomad_outage = true")));
    let at = |word: &str| -> Vec<u64> {
        outcome.record.lines.iter().filter(|line| line.text.starts_with(word)).map(|line| line.at.0 / 1000).collect()
    };
    let (given_up, led) = (at("gives up leadership"), at("leads"));
    assert_eq!(given_up.len(), 2, "each of the two once: {given_up:?}");
    // A question that waits is answered first; then a minute without, and up to half of one until it is looked.
    assert!((600..=720).contains(&given_up[0]) && given_up[1] <= given_up[0] + 95, "{given_up:?}");
    let (outage, back) = (540, 540 + 1800);
    let during = led.iter().filter(|at| (outage..back).contains(*at)).count();
    assert_eq!(during, 1, "the other one tried: {led:?}");
    assert!(led.iter().any(|at| (back..back + 5).contains(at)), "somebody leads within seconds: {led:?}");
    let acts: Vec<u64> = outcome.record.actions.iter().map(|action| action.at.0 / 1000).collect();
    assert!(acts.iter().any(|at| (back..back + 60).contains(at)), "and goes on: {acts:?}");
}

/// Begun steps of pools, as the second and what they were.
fn steps_of_pools(outcome: &Outcome) -> Vec<(u64, String)> {
    let lines =
        outcome.record.lines.iter().filter(|line| line.text.starts_with("pool ") && line.text.contains("begins"));
    lines.map(|line| (line.at.0 / 1000, line.text.clone())).collect()
}

#[test]
fn p37_all_pools_together_stay_within_their_limit() {
    let most = |limits: &str| {
        let outcome = simulate(&small_scenario(STEP, &format!("[agents.limits]\n{limits}\n")));
        outcome.measures["pool.workers.desired_max"]
    };
    assert_eq!((most(""), most("nodes = 3")), (4.0, 3.0));
    let with_price = small_scenario(STEP, "[agents.limits]\ncost_per_hour = 0.35\n")
        .replace("replicator_region = \"r\"", "replicator_region = \"r\"\nreplicator_price = 0.1");
    let outcome = simulate(&with_price);
    assert_eq!(outcome.measures["pool.workers.desired_max"], 3.0);
    assert!(first(&outcome, "would cost 0.4 an hour, 0.35 is allowed (P37)").is_some());
}

#[test]
fn p37_removals_of_the_last_hour_are_remembered_whoever_leads() {
    // Idle from the twelfth minute on, so that node after node could leave.
    let idle = r#"{ constant = 100 }, { step = { at = "5m", by = 3200, until = "20m" } }"#;
    let ins = |limits: &str| {
        let outcome = simulate(&small_scenario(
            idle,
            &format!("{}[agents.limits]\n{limits}\n", event("40m", "kill_agent = \"leader\"")),
        ));
        steps_of_pools(&outcome)
            .into_iter()
            .filter(|(_, step)| step.contains("scale in"))
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let (free, limited) = (ins(""), ins("removals_per_hour = 1"));
    assert!(free.len() > 1, "{free:?}");
    assert_eq!(limited, free[..1], "and the next leader knows of it");
    assert!(ins("removals_per_hour = 0").is_empty(), "none at all");
}

#[test]
fn p27_groups_are_scaled_while_pools_cannot_be() {
    let outcome = simulate(&small_scenario(STEP, &event("9m", "for = \"10m\"\ncloud_outage = true")));
    let during = |action: &&replicator_sim::judge::record::Action| (10..19).contains(&(action.at.0 / 60_000));
    let resources: Vec<&Resource> =
        outcome.record.actions.iter().filter(during).map(|action| &action.resource).collect();
    assert!(!resources.is_empty() && resources.iter().all(|it| matches!(it, Resource::Group(_))), "{resources:?}");
}

#[test]
fn s7_s8_an_operators_failsafe_stops_and_lifting_it_lets_go_on() {
    // The state exists once the group was scaled.
    let events = event("11m", "failsafe = { group = \"web/front\", set = \"on\" }")
        + &event("30m", "failsafe = { group = \"web/front\", set = \"off\" }");
    let outcome = simulate(&small_scenario(STEP, &events));
    let group = |action: &&replicator_sim::judge::record::Action| matches!(action.resource, Resource::Group(_));
    let begun: Vec<u64> = outcome.record.actions.iter().filter(group).map(|action| action.at.0 / 60_000).collect();
    assert!(begun.iter().all(|minute| *minute <= 11 || *minute >= 30), "{begun:?}");
    assert!(begun.iter().any(|minute| *minute >= 30), "{begun:?}");
    assert_eq!(outcome.record.alerts, 0, "an operator's own failsafe tells nobody (S9)");
    assert_eq!(outcome.measures["group.web/front.failsafe_time"], 19.0 * 60.0);
}

#[test]
fn j12_missing_statistics_never_scale_in() {
    let idle = r#"{ constant = 100 }, { step = { at = "20m", by = 0 } }"#;
    let quiet = idle.replace("2100", "500");
    let outage = event("0s", "for = \"30m\"\nstatistics_outage = \"web/front\"");
    let outcome = simulate(&small_scenario(&quiet, &outage));
    let begun: Vec<u64> = outcome.record.actions.iter().map(|action| action.at.0 / 60_000).collect();
    assert!(!begun.is_empty() && begun.iter().all(|minute| *minute >= 30), "only once they are back: {begun:?}");
}

#[test]
fn s6_a_leader_killed_at_any_call_of_an_operation_changes_nothing_in_the_end() {
    let mut tried = 0;
    for name in ["drain", "never-join", "spike", "zone-loss"] {
        let path = super::shipped().join(format!("{name}.toml"));
        let scenario = Scenario::load(&path, &Changes::default()).unwrap();
        let campaign = Campaign::prepare(&scenario.plan, 12).unwrap();
        for call in &campaign.points {
            for side in [Side::Before, Side::After] {
                let crash = campaign.crash(*call, side);
                assert_eq!(crash.ending, crash::Ending::Same, "{name}: {crash:?}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 4 * 12 * 2, "each of them has operations");
}

#[test]
fn a_crash_that_nobody_makes_good_is_seen() {
    // The failsafe comes while the new leader looks for its place: what was begun stands still for ever.
    let text = small_scenario(STEP, "");
    let parse = |text: &str| Scenario::parse(text, std::path::Path::new("test.toml"), &Changes::default()).unwrap();
    let campaign = Campaign::prepare(&parse(&text).plan, 1000).unwrap();
    let frozen = Campaign::prepare(
        &parse(&(text + &event("11m", "failsafe = { pool = \"workers\", set = \"on\" }"))).plan,
        1000,
    )
    .unwrap();
    assert_ne!(frozen.undisturbed, campaign.undisturbed, "what is left undone shows in what a run ends in");
}

#[test]
fn s12_an_operator_can_enter_failsafe_before_anything_was_done() {
    let events = event("1m", "failsafe = { group = \"web/front\", set = \"on\" }")
        + &event("1m", "failsafe = { pool = \"workers\", set = \"on\" }");
    let outcome = simulate(&small_scenario(STEP, &events));
    assert_eq!(first(&outcome, "operator: no state"), None);
    assert!(outcome.record.actions.is_empty(), "{:?}", outcome.record.actions);
}

#[test]
fn j16_j18_s9_a_failed_deployment_is_a_failure_and_at_the_threshold_failsafe_with_one_alert() {
    // There is room, and what is placed does not start before its deployment's time is over.
    let text = small_scenario(STEP, "").replace("count = 6\n", "count = 6\nstart = \"10m\"\n");
    let outcome = simulate(&text);
    assert_eq!(outcome.record.alerts, 1);
    assert!(first(&outcome, "the deployment failed").is_some());
    assert!(first(&outcome, "job_group_failsafe_mode").is_some());
    assert!(first(&outcome, "group web/front: failsafe entered by the agent itself").is_some());
    let of_group = |action: &&replicator_sim::judge::record::Action| matches!(action.resource, Resource::Group(_));
    let last = outcome.record.actions.iter().rfind(of_group).unwrap();
    assert!(last.at.0 / 60_000 < 30, "nothing is tried again in failsafe: {last:?}");
}

#[test]
fn j25_want_of_room_leads_no_group_into_failsafe() {
    // No room for more than the pool's three nodes hold: what is placed too many never runs.
    let text = small_scenario(STEP, "").replace("max = 6\n", "max = 3\n").replace("cpu = 700", "cpu = 1300");
    let outcome = simulate(&text.replace("by = 3200", "by = 9000"));
    assert_eq!(outcome.record.alerts, 0);
    assert!(first(&outcome, "there is no room yet").is_some());
    assert!(first(&outcome, "pool workers: held out at 3: at the maximum of 3").is_some(), "and the pool says why");
}

#[test]
fn j15_a_count_that_somebody_else_sets_stays_their_word() {
    let outcome = simulate(&small_scenario(STEADY, &event("20m", "set_count = { group = \"web/front\", count = 9 }")));
    assert_eq!(outcome.measures["group.web/front.count_max"], 9.0);
    assert_eq!(outcome.measures["group.web/front.failed"], 0.0);
}

#[test]
fn j21_no_more_calls_at_once_than_allowed() {
    let mut text =
        small_scenario(STEP, "").replace("call_takes = \"20ms\"", "call_takes = \"1s\"\nscaling_concurrency = 1");
    let web = text[text.find("[jobs.web.update]").unwrap()..text.find("[[load]]").unwrap()].to_owned();
    for job in ["b", "c"] {
        let twin = web.replace("jobs.web", &format!("jobs.{job}"));
        text = text.replacen("[[load]]", &format!("{twin}[[load]]"), 1);
    }
    let loads = ["b", "c"].map(|job| format!("[[load]]\ngroup = \"{job}/front\"\ncpu = [{STEP}]\n"));
    let outcome = simulate(&(text + &loads.concat()));
    let calls = outcome.record.lines.iter().filter(|line| line.text.contains("set count to"));
    let calls: Vec<u64> = calls.map(|line| line.at.0).collect();
    assert!(calls.windows(2).all(|pair| pair[1] - pair[0] >= 1000), "one call at a time: {calls:?}");
    let begun = |job: &str| outcome.measures[&format!("group.{job}/front.actions_out")];
    assert!(["web", "b", "c"].iter().all(|job| begun(job) > 0.0), "and each gets its turn");
}

#[test]
fn p21_protected_instances_are_never_taken() {
    let idle = small_scenario("{ constant = 800 }", &event("0s", "protect = \"workers\""));
    let outcome = simulate(&idle.replace(
        "replicator_enabled = true\nreplicator_region",
        "replicator_node_fault_tolerance = 0\nreplicator_enabled = true\nreplicator_region",
    ));
    assert!(first(&outcome, "no node may be taken (P21)").is_some());
    assert_eq!(outcome.measures["pool.workers.actions_in"], 0.0);
}

#[test]
fn p21_the_node_of_the_leader_stays() {
    let mut text = small_scenario("{ constant = 800 }", "");
    text = text.replace("count = 2\ncall", "count = 1\nruns_in = \"replicator/agent\"\ncall");
    text = text.replace(
        "replicator_enabled = true\nreplicator_region",
        "replicator_node_fault_tolerance = 0\nreplicator_enabled = true\nreplicator_region",
    );
    text = text.replacen("[[load]]", "[jobs.replicator.groups.agent]\ncount = 1\n[jobs.replicator.groups.agent.tasks.agent]\ncpu = 100\nmemory = 64\n\n[[load]]", 1);
    let outcome = simulate(&text);
    assert!(outcome.measures["pool.workers.actions_in"] >= 1.0);
    assert_eq!(outcome.measures["run.leaders"], 1.0, "it never drained itself");
}

#[test]
fn p28_a_desired_capacity_that_somebody_moves_is_not_fought() {
    let text = small_scenario(STEP, &event("5m", "for = \"20m\"\nno_capacity = \"workers\""));
    let of_pool = |outcome: &Outcome| {
        let mut of_pool = outcome.record.actions.iter().filter(|action| matches!(action.resource, Resource::Pool(_)));
        of_pool.next().unwrap().clone()
    };
    let begun = of_pool(&simulate(&text)).at.0 / 1000;
    let moved = event(&format!("{}s", begun + 30), "set_desired = { pool = \"workers\", desired = 3 }");
    let (_, ending) = of_pool(&simulate(&(text + &moved))).ended.unwrap();
    assert_eq!(ending, Ending::Abandoned(Abandonment::Overruled { wanted: 4, found: 3 }));
}

#[test]
fn p20_no_capacity_backs_off_says_so_and_ends_in_failsafe() {
    let outcome = simulate(&small_scenario(STEP, &event("5m", "for = \"50m\"\nno_capacity = \"workers\"")));
    assert!(first(&outcome, "sufficient capacity").is_some(), "the provider's words are passed on");
    assert_eq!(outcome.record.alerts, 1);
    assert_eq!(outcome.record.pools[0].last().unwrap().desired, 3, "and the capacity is put back");
}

#[test]
fn p22_s6_a_leader_lost_at_any_second_of_a_scale_in_leaves_nothing_behind() {
    let idle = small_scenario("{ constant = 800 }", "").replace(
        "replicator_enabled = true\nreplicator_region",
        "replicator_node_fault_tolerance = 0\nreplicator_enabled = true\nreplicator_region",
    );
    let begun = simulate(&idle).record.actions.iter().find(|it| matches!(it.resource, Resource::Pool(_))).unwrap().at;
    for second in 0..60 {
        let at = format!("{}s", begun.0 / 1000 + second);
        let outcome = simulate(&(idle.clone() + &event(&at, "kill_agent = \"leader\"")));
        let last = outcome.record.pools[0].last().unwrap();
        assert_eq!((last.desired, last.ready, last.instances), (2, 2, 2), "killed {second} s in");
    }
}

#[test]
fn p18_s6_a_leader_lost_at_any_second_of_a_scale_out_launches_nothing_twice() {
    let text = small_scenario(STEP, "");
    let quiet = simulate(&text);
    let begun = quiet.record.actions.iter().find(|it| matches!(it.resource, Resource::Pool(_))).unwrap().at;
    let expected = quiet.record.pools[0].last().unwrap().desired;
    for second in 0..90 {
        let at = format!("{}s", begun.0 / 1000 + second);
        let outcome = simulate(&(text.clone() + &event(&at, "kill_agent = \"leader\"")));
        let last = outcome.record.pools[0].last().unwrap();
        assert_eq!((last.desired, last.ready, last.instances), (expected, expected, expected), "killed {second} s in");
    }
}

#[test]
fn s10_a_wall_clock_that_jumps_neither_stops_scaling_nor_skips_a_cooldown() {
    for jump in ["ahead = \"3h\"", "back = \"3h\""] {
        let jumps = event("11m", &format!("clock_jump = {{ agent = \"leader\", {jump} }}"));
        let outcome = simulate(&small_scenario(STEP, &jumps));
        let late = outcome.record.actions.iter().filter(|action| action.at.0 / 60_000 >= 11).count();
        assert!(late >= 1, "{jump}: it goes on");
    }
}
