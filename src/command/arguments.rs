//! What can be typed. The doc comments are the help.

#![allow(clippy::doc_markdown, reason = "these comments are help texts, which show no backticks")]
#![allow(rustdoc::invalid_html_tags, reason = "what stands in angle brackets is to be filled in")]

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::adapters::notify::Receiver;
use crate::config::{ConsulLayer, Layer, NotificationLayer};

/// An autoscaler for HashiCorp Nomad: it scales the groups of jobs by their CPU and memory, and worker pools by what is
/// allocated on them.
///
/// Policies live in the meta of task groups and of Nomad clients; `replicator init` writes examples. Flags may have one
/// dash or two. Flags win over configuration files, files over environment variables, those over defaults.
#[derive(Debug, Parser)]
#[command(name = "replicator", version = super::version::SHORT, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Agent(Box<AgentArguments>),
    Failsafe(Box<FailsafeArguments>),
    Hold(Box<HoldArguments>),
    Release(Box<ReleaseArguments>),
    Pause(Box<PauseArguments>),
    Resume(Box<ResumeArguments>),
    Status(Box<StatusArguments>),
    Explain(Box<ExplainArguments>),
    Watch(Box<WatchArguments>),
    Plan(Box<PlanArguments>),
    Events(Box<EventsArguments>),
    Validate(Box<ValidateArguments>),
    Notify(Box<NotifyArguments>),
    Init(InitArguments),
    /// Prints the version, the revision and the date of the build, and the target
    Version,
    Completions(CompletionsArguments),
    Man(ManArguments),
}

/// Runs an agent until it is told to stop
///
/// Any number of agents may run; the one that holds a lock in Consul acts, the others stand by. SIGHUP reads the
/// configuration again, without losing leadership or an operation under way. SIGINT, SIGTERM and SIGQUIT stop: the lock is
/// given up, so that another agent leads within seconds.
///
/// Environment: NOMAD_ADDR, NOMAD_UNIX_ADDR, NOMAD_TOKEN, NOMAD_TOKEN_FILE, NOMAD_REGION, NOMAD_NAMESPACE, NOMAD_CACERT, NOMAD_CAPATH, NOMAD_CLIENT_CERT,
/// NOMAD_CLIENT_KEY, NOMAD_TLS_SERVER_NAME, NOMAD_SKIP_VERIFY; CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN,
/// CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_SSL, CONSUL_HTTP_SSL_VERIFY, CONSUL_CACERT, CONSUL_CAPATH, CONSUL_CLIENT_CERT,
/// CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME, CONSUL_NAMESPACE; NOMAD_ALLOC_ID, so that the agent never drains the node
/// that it runs on itself; NO_COLOR.
#[derive(Debug, Args)]
pub(super) struct AgentArguments {
    /// A configuration file, or a folder of them
    ///
    /// HCL or JSON. Of a folder, the files that end in .hcl and .json are read in lexicographic order; later ones win. May
    /// be given more than once.
    #[arg(long, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,

    /// Settings for local work: the log level is DEBUG where nothing else is said
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
          value_name = "BOOL", hide_default_value = true, value_parser = crate::config::boolean)]
    pub(super) dev: bool,

    /// Record what the agent observes and decides into a new file, as JSON lines, for `replicator-sim replay`
    #[arg(long, value_name = "PATH")]
    pub(super) record: Option<PathBuf>,

    #[command(flatten)]
    pub(super) settings: Layer,
}

/// How a command finds the store that agents keep what they know in.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// A configuration file, or a folder of them; only what it says of Consul matters here
    #[arg(long, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) consul: ConsulLayer,
}

/// The resource that an operator means.
#[derive(Debug, Args)]
pub(super) struct ResourceArguments {
    /// The resource, by the key of its state in Consul
    ///
    /// <root>/state/nodes/<pool> or <root>/state/jobs/<job>/<group>.
    #[arg(long, value_name = "KEY", help_heading = "Which resource")]
    pub(super) state_path: Option<String>,

    /// The resource, by the name of the worker pool
    #[arg(long, value_name = "NAME", help_heading = "Which resource")]
    pub(super) pool: Option<String>,

    /// The resource, by the ID of the job; <job>@<namespace> outside the default namespace
    #[arg(long, value_name = "ID", requires = "group", help_heading = "Which resource")]
    pub(super) job: Option<String>,

    /// The task group of the job
    #[arg(long, value_name = "NAME", requires = "job", help_heading = "Which resource")]
    pub(super) group: Option<String>,
}

/// Shows failsafe, enters it or lifts it
///
/// A resource in failsafe is scaled by no agent. Agents enter failsafe themselves when scaling failed too often; only
/// this command lifts it.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that is there or not")]
#[command(group = ArgGroup::new("what").required(true).args(["enable", "disable", "list"]))]
#[command(group = ArgGroup::new("which").args(["state_path", "pool", "job", "list"]))]
pub(super) struct FailsafeArguments {
    /// Enter failsafe: no agent scales the resource any more
    #[arg(long, requires = "which")]
    pub(super) enable: bool,

    /// Lift failsafe, and forget the failures
    #[arg(long, requires = "which")]
    pub(super) disable: bool,

    /// List every resource with its failsafe, failures and operation
    #[arg(long)]
    pub(super) list: bool,

    #[command(flatten)]
    pub(super) resource: ResourceArguments,

    /// Why, for whoever looks at it later: shown by -list, with who it was
    ///
    /// One line, of at most 500 characters. It is kept in the state beside USER and the name of the machine, until failsafe
    /// is lifted.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["disable", "list"], value_parser = crate::operator::reason)]
    pub(super) reason: Option<String>,

    /// Do not ask
    #[arg(long)]
    pub(super) force: bool,

    #[command(flatten)]
    pub(super) store: StoreArguments,
}

/// Which agent is asked.
#[derive(Debug, Args)]
pub(super) struct AskArguments {
    /// The agent's HTTP API [default: what bind_address and http_port say, or http://127.0.0.1:1313]
    ///
    /// Any agent will do: one that stands by names the leader, and that one is asked.
    #[arg(long, value_name = "URL")]
    pub(super) api: Option<String>,

    /// The agent's configuration file, or a folder of them; only what it says of the HTTP API matters here
    #[arg(long, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,

    /// Certificates, in PEM, of who may vouch for the API's; beside those that this machine trusts
    #[arg(long, value_name = "PATH")]
    pub(super) ca_file: Option<PathBuf>,
}

/// Shows what is going on, at a glance
///
/// Asks an agent. Exit code 2 where something needs a person: a failsafe, a policy that is wrong, a server out of reach, a
/// receiver that takes no alerts. Where no agent answers, `replicator failsafe -list` shows what stands in Consul.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Print what the agent answered, as JSON
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) ask: AskArguments,
}

/// Explains why something is scaled, or why not
///
/// All that the last decision rests on, for both directions: each comparison with its number, its limit, and by how much
/// the number would have to change; and all that stops a step.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["pool", "job"]))]
pub(super) struct ExplainArguments {
    /// The worker pool
    #[arg(long, value_name = "NAME", help_heading = "Which resource")]
    pub(super) pool: Option<String>,

    /// The ID of the job; <job>@<namespace> outside the default namespace
    #[arg(long, value_name = "ID", requires = "group", help_heading = "Which resource")]
    pub(super) job: Option<String>,

    /// The task group of the job
    #[arg(long, value_name = "NAME", requires = "job", help_heading = "Which resource")]
    pub(super) group: Option<String>,

    /// Print what the agent answered, as JSON
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) ask: AskArguments,
}

/// Shows what is going on, live in the terminal
///
/// As status, asked anew each second, with what happened below. Arrows choose a resource, Enter explains it, q leaves.
#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    #[command(flatten)]
    pub(super) ask: AskArguments,
}

/// Shows what would be done now, and does nothing
///
/// Decides about every pool and group on the live cluster, once, as the agent that leads would: with the same configuration,
/// policies and states. Nothing is changed anywhere, nothing is written, and no leadership is needed; what an agent that leads
/// is doing meanwhile is not disturbed. Takes some seconds. Exit code 1 where something could not be seen.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// Print all that was decided, as JSON
    #[arg(long)]
    pub(super) json: bool,

    /// The agent's configuration file, or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) settings: Layer,
}

/// Shows what changed something: scaling step by step, failsafe, holds, leadership
///
/// From the history in Consul, which every agent that leads has written to, so that no agent need run. It holds the latest 512 KiB.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["pool", "job"]))]
pub(super) struct EventsArguments {
    /// Only of this worker pool
    #[arg(long, value_name = "NAME", help_heading = "Which resource")]
    pub(super) pool: Option<String>,

    /// Only of a group of this job; <job>@<namespace> outside the default namespace
    #[arg(long, value_name = "ID", requires = "group", help_heading = "Which resource")]
    pub(super) job: Option<String>,

    /// The task group of the job
    #[arg(long, value_name = "NAME", requires = "job", help_heading = "Which resource")]
    pub(super) group: Option<String>,

    /// Only what happened within this span, such as 30m, 2h or 1d
    #[arg(long, value_name = "SPAN", value_parser = crate::operator::span)]
    pub(super) since: Option<jiff::SignedDuration>,

    /// At most so many, the latest
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(super) last: u32,

    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) store: StoreArguments,
}

/// Tells what is wrong with a configuration, a job file, a client's configuration, or a policy
///
/// What a file is, its content tells: a job (HCL, or the JSON of `nomad job run -output`), the configuration of a Nomad
/// client, a block of meta as `replicator init` writes it, the policy of a pool as Consul is to hold it, or the configuration
/// of an agent. Each problem has its place. Exit code 1 where something is wrong; what is only dubious is told.
#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    /// Files, or folders of an agent's configuration
    #[arg(value_name = "PATH")]
    pub(super) files: Vec<PathBuf>,

    /// All that is live: asks the agent that leads what it found wrong
    #[arg(long)]
    pub(super) live: bool,

    #[command(flatten)]
    pub(super) ask: AskArguments,
}

/// Tries whether alerts arrive
///
/// Sends a test, and then that it is over, to every receiver that the configuration names, once each, and says what became
/// of it. Exit code 1 where one was not taken.
#[derive(Debug, Args)]
pub(super) struct NotifyArguments {
    /// Send a test
    #[arg(long, required = true)]
    pub(super) test: bool,

    /// Only to this one: pagerduty, opsgenie, slack or webhook
    #[arg(long, value_name = "NAME", value_parser = Receiver::NAMES)]
    pub(super) receiver: Option<String>,

    /// A configuration file, or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) notification: NotificationLayer,
}

/// Which resource, or everything.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("held").required(true).args(["everything", "state_path", "pool", "job"]))]
pub(super) struct HeldArguments {
    /// All pools and all groups, those that come later included
    #[arg(long, help_heading = "Which resource")]
    pub(super) everything: bool,

    #[command(flatten)]
    pub(super) resource: ResourceArguments,

    #[command(flatten)]
    pub(super) store: StoreArguments,
}

/// Holds scaling for a while: of one resource or of everything, in one direction or in both
///
/// What is under way goes on to its end; nothing new begins in that direction. Unlike failsafe it ends by itself where -for is
/// given, says nothing about failures, and raises no alert. A second hold of the same resource takes the place of the first.
#[derive(Debug, Args)]
pub(super) struct HoldArguments {
    /// Hold scaling in only
    #[arg(long = "in", conflicts_with = "scaling_out")]
    pub(super) scaling_in: bool,

    /// Hold scaling out only
    #[arg(long = "out")]
    pub(super) scaling_out: bool,

    /// For how long, such as 30m, 2h or 1d [default: until it is released]
    #[arg(long = "for", value_name = "SPAN", value_parser = crate::operator::span)]
    pub(super) span: Option<jiff::SignedDuration>,

    /// Why, for whoever looks at it later, with who it was; one line, of at most 500 characters
    #[arg(long, value_name = "TEXT", value_parser = crate::operator::reason)]
    pub(super) reason: Option<String>,

    #[command(flatten)]
    pub(super) held: HeldArguments,
}

/// Releases what is on hold
#[derive(Debug, Args)]
pub(super) struct ReleaseArguments {
    #[command(flatten)]
    pub(super) held: HeldArguments,
}

/// Holds everything at once: hold -everything, in fewer words
///
/// What is under way goes on to its end; nothing new begins, of any pool or group, until replicator resume, or for as long as -for
/// says.
#[derive(Debug, Args)]
pub(super) struct PauseArguments {
    /// For how long, such as 30m, 2h or 1d [default: until replicator resume]
    #[arg(long = "for", value_name = "SPAN", value_parser = crate::operator::span)]
    pub(super) span: Option<jiff::SignedDuration>,

    /// Why, for whoever looks at it later, with who it was; one line, of at most 500 characters
    #[arg(long, value_name = "TEXT", value_parser = crate::operator::reason)]
    pub(super) reason: Option<String>,

    #[command(flatten)]
    pub(super) store: StoreArguments,
}

/// Lets go on what replicator pause holds: release -everything, in fewer words
#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
}

/// Writes example policies into the current folder
///
/// job_scaling.hcl is a meta block for a task group, cluster_scaling.hcl one for the client block of a Nomad agent. A file
/// that exists is never overwritten.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// Only write job_scaling.hcl
    #[arg(long)]
    pub(super) job_scaling: bool,

    /// Only write cluster_scaling.hcl
    #[arg(long)]
    pub(super) cluster_scaling: bool,
}

/// Prints completions for a shell
///
/// For bash: replicator completions bash >/etc/bash_completion.d/replicator
#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

/// Writes the man pages into a folder
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The folder; it is made where it does not exist
    #[arg(value_name = "FOLDER")]
    pub(super) folder: PathBuf,
}
