//! The commands of the book's chapters, run as a reader would run them.
//!
//! A block of `console` holds commands after `$ ` and what they say; `…` stands for any text of a line, a line of only `…`
//! for any lines. A command exits with 0, or with what `[exit N]` says. A block of `hcl` or `json` that names a file is
//! written to it. A command that runs an agent gets a SIGTERM once it leads or stands by.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cluster::Cluster;

/// The chapters that have commands to run.
const CHAPTERS: [&str; 7] =
    ["alerts", "command-line", "failsafe", "job-scaling", "permissions", "running", "upgrading"];

const STATES: [(&str, &str); 2] = [
    (
        "replicator/config/state/jobs/web/front",
        r#"{"failsafe_admin":false,"failsafe_mode":false,"failure_count":0,"last_notification_event":"0001-01-01T00:00:00Z","last_scaling_event":"2026-11-22T07:08:46Z","last_updated":"2026-11-22T07:08:49Z","resource_name":"front","resource_type":"job_group","scalein_requests":0,"scaleout_requests":0,"state_path":"replicator/config/state/jobs/web/front"}"#,
    ),
    (
        "replicator/config/state/nodes/workers",
        r#"{"failsafe_admin":false,"failsafe_mode":true,"failure_count":3,"last_notification_event":"2026-11-22T07:08:49Z","last_scaling_event":"2026-11-22T07:08:46Z","last_updated":"2026-11-22T07:08:49Z","resource_name":"workers","resource_type":"worker_pool","scalein_requests":0,"scaleout_requests":0,"state_path":"replicator/config/state/nodes/workers"}"#,
    ),
];

pub(crate) fn the_books_commands_do_what_it_says() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[], 500.0);
    let mut run = 0;
    for chapter in CHAPTERS {
        for (key, value) in STATES {
            cluster.consul.put(key, value);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("book/src/{chapter}.md"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for block in blocks(&text) {
            if let Some(name) = block.file() {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, &block.text).unwrap();
            }
            for (command, expected) in block.commands() {
                let said = execute(&cluster, folder.path(), command);
                assert!(
                    agrees(&expected, &said.lines().collect::<Vec<_>>()),
                    "{chapter}: $ {command}\nexpected:\n{}\n\nsaid:\n{said}",
                    expected.join("\n")
                );
                run += 1;
            }
        }
    }
    println!("{run} commands of {} chapters", CHAPTERS.len());
    assert!(run > 10, "the chapters show how it is used");
}

/// A fenced block.
struct Block {
    info: String,
    text: String,
}

fn blocks(chapter: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in chapter.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some(Block { info: info.trim().to_owned(), text: String::new() }),
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}

impl Block {
    /// The file that the block is written to.
    fn file(&self) -> Option<&str> {
        if let Some(name) = self.info.strip_prefix("json,file=") {
            return Some(name);
        }
        let first = self.text.lines().next().filter(|_| self.info == "hcl")?;
        first
            .strip_prefix("# ")
            .filter(|name| name.strip_suffix(".hcl").is_some() && !name.contains([' ', '…']) && !name.starts_with('/'))
    }

    /// The commands with what they are expected to say.
    fn commands(&self) -> Vec<(&str, Vec<&str>)> {
        if self.info != "console" {
            return Vec::new();
        }
        let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command, Vec::new())),
                (None, Some((_, expected))) => expected.push(line),
                (None, None) => panic!("a console block begins with a command, not with {line:?}"),
            }
        }
        for (_, expected) in &mut commands {
            while expected.last().is_some_and(|line| line.is_empty()) {
                expected.pop();
            }
        }
        commands
    }
}

/// Runs a command; what it said, with its exit code as a last line where that is not 0.
fn execute(cluster: &Cluster, folder: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_replicator")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    // An agent is given time to say what it has to say, and is then told to stop.
    let script = if command.starts_with("replicator agent") {
        format!(
            "{command} >agent.out 2>&1 & agent=$!
             for try in $(seq 300); do
                 grep -qE 'INFO leads|stands by' agent.out && break
                 kill -0 $agent 2>/dev/null || break
                 sleep 0.1
             done
             kill -TERM $agent 2>/dev/null; wait $agent; code=$?; cat agent.out; rm agent.out; exit $code"
        )
    } else {
        format!("{{ {command}\n}} 2>&1")
    };
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("CONSUL_HTTP_ADDR", cluster.consul.address())
        .env("NOMAD_ADDR", cluster.nomad.address())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut said = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        said = format!("{}\n[exit {}]", said.trim_end(), output.status.code().unwrap());
    }
    said.trim_end().to_owned()
}

/// Whether lines are as expected, where `…` stands for anything.
fn agrees(expected: &[&str], said: &[&str]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((&"…", rest)) => (0..=said.len()).any(|skipped| agrees(rest, &said[skipped..])),
        Some((first, rest)) => {
            said.split_first().is_some_and(|(line, more)| line_agrees(first, line) && agrees(rest, more))
        }
    }
}

fn line_agrees(expected: &str, said: &str) -> bool {
    let (expected, said) = (expected.trim_end(), said.trim_end());
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = said.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}
