//! The real binary against real servers: Consul, and Nomad where there is one. Each test has servers of its own, on
//! loopback ports of its own.
//!
//! Where a server is not to be had its tests are skipped, and the reason is printed. `CONSUL_BIN`, `NOMAD_BIN` and
//! `MOTO_BIN` (its `moto_server`) name the binaries; without them they are looked for on the `PATH`.
//! The simulator is looked for beside our own binary. `STRANGERS_PYTHON` names a Python that has python-nomad and boto3.
//! `REPLICATOR_REQUIRE=consul,moto,simulator,strangers` makes it a failure that one of these is missing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests live in real time")]

mod acl;
mod adapter;
mod agent;
mod alerts;
mod api;
#[cfg(feature = "aws")]
mod aws;
mod between;
mod book;
mod cluster;
mod consul;
mod failsafe;
mod history;
mod leadership;
mod nomad;
mod nomad_acl;
mod outage;
mod page;
mod receiver;
mod reload;
mod served;
mod served_today;
mod side_by_side;
#[path = "../support/site.rs"]
mod site;
mod stand_in;
mod strangers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};

/// How many tests run at once: they wait most of the time.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let servers = Servers::find();
    if let Err(missing) = servers.require(&std::env::var("REPLICATOR_REQUIRE").unwrap_or_default()) {
        eprintln!("error: REPLICATOR_REQUIRE asks for it, and {missing}");
        return ExitCode::FAILURE;
    }
    let mut trials = Vec::new();
    for (needed, tests) in SUITES {
        for (name, test) in *tests {
            trials.push(trial(name, *test, servers.lack(needed)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The servers that are to be had.
struct Servers {
    found: Vec<&'static str>,
}

impl Servers {
    fn find() -> Self {
        let known = [
            ("consul", "CONSUL_BIN", "consul"),
            ("nomad", "NOMAD_BIN", "nomad"),
            ("moto", "MOTO_BIN", "moto_server"),
            ("schemathesis", "SCHEMATHESIS_BIN", "schemathesis"),
            ("promtool", "PROMTOOL_BIN", "promtool"),
            ("chromium", "CHROMIUM_BIN", "chromium"),
            ("playwright", "PLAYWRIGHT_PYTHON", "python-with-playwright"),
        ];
        let found = known.into_iter().filter(|(_, variable, file)| binary(variable, file).is_some());
        let simulator = served::binary().map(|_| "simulator");
        let strangers = strangers::python().map(|_| "strangers");
        Self { found: found.map(|(name, ..)| name).chain(simulator).chain(strangers).collect() }
    }

    /// What is missing of these, and what to do about it.
    fn lack(&self, needed: &[&str]) -> Option<String> {
        let missing = needed.iter().find(|name| !self.found.contains(*name))?;
        if *missing == "strangers" {
            return Some("STRANGERS_PYTHON does not name a Python that has python-nomad and boto3".to_owned());
        }
        if *missing == "playwright" {
            return Some("PLAYWRIGHT_PYTHON does not name a Python that has playwright".to_owned());
        }
        let build = if *missing == "simulator" { "build it (cargo build -p replicator-sim), " } else { "" };
        Some(format!("there is no {missing}: {build}set {}_BIN or put it on the PATH", missing.to_uppercase()))
    }

    fn require(&self, list: &str) -> Result<(), String> {
        let needed: Vec<&str> = list.split(',').filter(|name| !name.is_empty()).collect();
        self.lack(&needed).map_or(Ok(()), Err)
    }
}

/// A test, and what it is called.
type Test = (&'static str, fn());

/// Tests, and the servers that they need.
const SUITES: &[(&[&str], &[Test])] = &[
    (&["consul"], CONSUL_TESTS),
    (&["consul", "nomad"], NOMAD_TESTS),
    (&["consul", "schemathesis"], SCHEMA_TESTS),
    (&["consul", "promtool"], METRICS_TESTS),
    (&["consul", "chromium", "playwright"], PAGE_TESTS),
    (&["simulator", "chromium", "playwright"], SERVED_PAGE_TESTS),
    (&["simulator"], SERVED_TESTS),
    (&["consul", "simulator"], SIDE_BY_SIDE_TESTS),
    (&["simulator", "strangers"], STRANGERS_TESTS),
    #[cfg(feature = "aws")]
    (&["consul", "moto"], AWS_TESTS),
    #[cfg(feature = "aws")]
    (&["simulator"], SERVED_AWS_TESTS),
    #[cfg(feature = "aws")]
    (&["simulator", "chromium", "playwright"], SERVED_AWS_PAGE_TESTS),
];

const SCHEMA_TESTS: &[Test] = &[("the_api_is_what_its_document_says", api::the_api_is_what_its_document_says)];

const PAGE_TESTS: &[Test] = &[("the_page_is_used_in_a_browser", page::the_page_is_used_in_a_browser)];

const SERVED_PAGE_TESTS: &[Test] = &[("the_page_follows_a_served_cluster", page::the_page_follows_a_served_cluster)];

const METRICS_TESTS: &[Test] = &[("metrics_are_what_prometheus_takes", api::metrics_are_what_prometheus_takes)];

const CONSUL_TESTS: &[Test] = &[
    ("api_agents_tell_what_they_do_and_why", api::api_agents_tell_what_they_do_and_why),
    ("api_what_needs_somebody_is_said", api::api_what_needs_somebody_is_said),
    ("api_bad_requests_cost_nothing", api::api_bad_requests_cost_nothing),
    ("api_operators_have_their_word", api::api_operators_have_their_word),
    (
        "api_open_to_a_network_takes_a_token_and_can_be_encrypted",
        api::api_open_to_a_network_takes_a_token_and_can_be_encrypted,
    ),
    ("api_events_are_followed_and_taken_up_again", api::api_events_are_followed_and_taken_up_again),
    ("systemd_is_told_how_it_goes", api::systemd_is_told_how_it_goes),
    ("l1_three_agents_one_leads_and_kill_9_hands_over", leadership::l1_three_agents_one_leads_and_kill_9_hands_over),
    ("c8_a_stopped_agent_hands_over_at_once", leadership::c8_a_stopped_agent_hands_over_at_once),
    (
        "l7_a_leader_that_cannot_reach_nomad_lets_another_lead",
        leadership::l7_a_leader_that_cannot_reach_nomad_lets_another_lead,
    ),
    ("l6_a_session_destroyed_behind_its_back", leadership::l6_a_session_destroyed_behind_its_back),
    ("s18_the_history_is_whole_whoever_is_killed", history::s18_the_history_is_whole_whoever_is_killed),
    ("plan_tells_what_would_be_done_and_does_nothing", history::plan_tells_what_would_be_done_and_does_nothing),
    ("s4_consul_away_for_a_minute", outage::s4_consul_away_for_a_minute),
    ("s2_state_of_the_go_daemon_is_continued", outage::s2_state_of_the_go_daemon_is_continued),
    ("l3_the_lock_delay_keeps_everyone_out", adapter::l3_the_lock_delay_keeps_everyone_out),
    ("s3_of_two_writers_one_wins", adapter::s3_of_two_writers_one_wins),
    ("blocking_queries_wake_up", adapter::blocking_queries_wake_up),
    ("s7_failsafe_is_seen_by_all_agents", failsafe::s7_failsafe_is_seen_by_all_agents),
    ("s3_failsafe_against_a_running_evaluation", failsafe::s3_failsafe_against_a_running_evaluation),
    ("s17_what_is_on_hold_is_not_scaled_that_way", failsafe::s17_what_is_on_hold_is_not_scaled_that_way),
    ("s9_an_alert_is_seen_though_leaders_are_killed", alerts::s9_an_alert_is_seen_though_leaders_are_killed),
    ("s9_a_receiver_in_trouble_costs_only_its_own", alerts::s9_a_receiver_in_trouble_costs_only_its_own),
    ("s9_notify_tries_whether_alerts_arrive", alerts::s9_notify_tries_whether_alerts_arrive),
    ("s9_nobody_leads", alerts::s9_nobody_leads),
    ("c11_failsafe_asks_and_lists", failsafe::c11_failsafe_asks_and_lists),
    ("the_printed_acl_policy_is_enough", acl::the_printed_acl_policy_is_enough),
    ("s4_without_a_token_nothing_is_done_and_it_is_said", acl::s4_without_a_token_nothing_is_done_and_it_is_said),
    ("c7_sighup_changes_what_can_be_changed", reload::c7_sighup_changes_what_can_be_changed),
    ("c7_after_a_reload_only_the_new_servers_count", reload::c7_after_a_reload_only_the_new_servers_count),
    ("c13_quiet_while_nothing_happens", reload::c13_quiet_while_nothing_happens),
    ("c13_json_logs_hold_no_secret", reload::c13_json_logs_hold_no_secret),
    ("the_books_commands_do_what_it_says", book::the_books_commands_do_what_it_says),
];

const NOMAD_TESTS: &[Test] = &[
    ("a_job_that_burns_cpu_is_scaled_out_and_back", nomad::a_job_that_burns_cpu_is_scaled_out_and_back),
    ("the_adapter_reads_and_drains_a_real_node", nomad::the_adapter_reads_and_drains_a_real_node),
    ("nomad_the_books_policy_is_enough_and_nothing_less", nomad_acl::the_books_policy_is_enough_and_nothing_less),
    ("nomad_a_task_needs_no_token_but_its_identity", nomad_acl::a_task_needs_no_token_but_its_identity),
];

const SERVED_TESTS: &[Test] = &[
    ("served_l1_three_agents_and_a_killed_leader", served::l1_three_agents_and_a_killed_leader),
    ("served_s7_c7_failsafe_by_command_and_a_reload", served::s7_c7_failsafe_by_command_and_a_reload),
    ("served_s4_slow_garbled_and_broken_answers", served::s4_slow_garbled_and_broken_answers),
    (
        "served_c6_tls_with_a_private_ca_and_a_client_certificate",
        served::c6_tls_with_a_private_ca_and_a_client_certificate,
    ),
    ("served_s4_s11_nomad_and_consul_down_for_a_while", served::s4_s11_nomad_and_consul_down_for_a_while),
    ("served_today_s16_clients_that_collect_no_statistics", served_today::s16_clients_that_collect_no_statistics),
    ("served_today_j28_a_group_goes_to_its_target_at_once", served_today::j28_j31_a_group_goes_to_its_target_at_once),
    ("served_today_p4_metadata_that_changes_at_run_time", served_today::p4_metadata_that_changes_at_run_time),
    (
        "served_today_j12_a_client_that_is_cut_off_holds_up_no_other",
        served_today::j12_a_client_that_is_cut_off_holds_up_no_other,
    ),
];

const SIDE_BY_SIDE_TESTS: &[Test] =
    &[("served_consul_answers_as_a_real_one", side_by_side::the_served_consul_answers_as_a_real_one)];

const STRANGERS_TESTS: &[Test] = &[
    ("served_nomad_to_python_nomad", strangers::nomad_to_python_nomad),
    ("served_aws_to_boto3", strangers::aws_to_boto3),
];

#[cfg(feature = "aws")]
const SERVED_AWS_PAGE_TESTS: &[Test] =
    &[("served_aws_the_page_follows_groups_and_pools", page::the_page_follows_a_served_cluster)];

#[cfg(feature = "aws")]
const SERVED_AWS_TESTS: &[Test] = &[
    (
        "served_aws_p18_p22_a_pool_is_scaled_out_and_in_though_aws_is_down_for_a_while",
        served::p18_p22_a_pool_is_scaled_out_and_in_though_aws_is_down_for_a_while,
    ),
    ("served_aws_p24_answers_garbled_broken_and_slow", served::p24_aws_answers_garbled_broken_and_slow),
    ("served_aws_p18_p22_two_hours_in_eighty_seconds", served::p18_p22_two_hours_in_eighty_seconds),
];

#[cfg(feature = "aws")]
const AWS_TESTS: &[Test] = &[
    ("aws_the_adapter_scales_a_group", aws::adapter::the_adapter_scales_a_group),
    ("aws_p18_p22_the_daemon_scales_a_pool_out_and_in", aws::pool::p18_p22_the_daemon_scales_a_pool_out_and_in),
    (
        "aws_p18_nodes_that_do_not_know_their_instance_are_found_by_address",
        aws::pool::p18_nodes_that_do_not_know_their_instance_are_found_by_address,
    ),
    ("aws_p21_what_is_protected_is_never_chosen", aws::pool::p21_what_is_protected_is_never_chosen),
    ("aws_p28_a_suspended_process_is_named_and_waited_for", aws::pool::p28_a_suspended_process_is_named_and_waited_for),
    ("aws_a_group_that_is_not_there_is_named", aws::pool::a_group_that_is_not_there_is_named),
    (
        "aws_p28_a_capacity_that_somebody_moves_is_not_fought",
        aws::pool::p28_a_capacity_that_somebody_moves_is_not_fought,
    ),
    (
        "aws_p23_p25_a_drain_that_is_called_off_terminates_nothing",
        aws::pool::p23_p25_a_drain_that_is_called_off_terminates_nothing,
    ),
    (
        "aws_p24_an_unknown_provider_is_named_and_the_pool_left_alone",
        aws::pool::p24_an_unknown_provider_is_named_and_the_pool_left_alone,
    ),
    ("aws_answers_lost_after_the_call_took_effect", aws::faults::answers_lost_after_the_call_took_effect),
    ("aws_throttling_and_servers_in_trouble", aws::faults::throttling_and_servers_in_trouble),
    ("aws_html_in_place_of_xml_and_slow_answers", aws::faults::html_in_place_of_xml_and_slow_answers),
    ("aws_killed_while_the_capacity_is_raised", aws::crash::killed_while_the_capacity_is_raised),
    ("aws_killed_while_an_instance_is_detached", aws::crash::killed_while_an_instance_is_detached),
    ("aws_killed_while_an_instance_is_terminated", aws::crash::killed_while_an_instance_is_terminated),
];

fn trial(name: &'static str, test: fn(), lacks: Option<String>) -> Trial {
    match lacks {
        None => Trial::test(name, move || {
            test();
            Ok(())
        }),
        Some(reason) => {
            println!("skipped: {name}: {reason}");
            Trial::test(name, || Ok(())).with_ignored_flag(true)
        }
    }
}

/// A server's binary, by a variable or on the `PATH`.
fn binary(variable: &str, name: &str) -> Option<PathBuf> {
    if let Ok(named) = std::env::var(variable) {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// How long something may take before a test gives up on it. Generous: it only ends what would hang.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until something holds.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "gave up waiting for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A loopback port that nothing listens on, below those that the system gives to connections, so that it stays free while
/// a server is away.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 12_000 + u16::try_from(std::process::id() % 16_000).unwrap();
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 4_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Runs something asynchronous to its end.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
