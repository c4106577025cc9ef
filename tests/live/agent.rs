//! The real binary, running as an agent, with what it logs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use crate::eventually;

/// A running agent.
pub(crate) struct AgentProcess {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl AgentProcess {
    /// Starts `command`, which is to run an agent.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let into = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        Self { child, log }
    }

    /// Starts an agent by this command that evaluates every second, and has no API unless a flag says so: agents of many tests
    /// share the machine.
    pub(crate) fn quick(mut command: Command, flags: &[&str]) -> Self {
        command.args(["agent", "-job-scaling-interval=1", "-cluster-scaling-interval=1"]).args(flags);
        if !flags.iter().any(|flag| flag.starts_with("-http-port")) {
            command.arg("-http-port=0");
        }
        Self::start(command)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// How many lines hold a word.
    pub(crate) fn says(&self, word: &str) -> usize {
        self.log().iter().filter(|line| line.contains(word)).count()
    }

    /// Waits until it logged a word as often as that.
    pub(crate) fn await_word(&mut self, word: &str, times: usize) {
        eventually(&format!("{word:?} in the log of agent {}", self.id()), || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() || self.says(word) >= times, "ended with {ended:?}: {:#?}", self.log());
            (self.says(word) >= times).then_some(())
        });
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually(&format!("the end of agent {}", self.id()), || self.child.try_wait().unwrap())
    }

    /// Whether it leads, by its own word.
    pub(crate) fn leads(&self) -> bool {
        let log = self.log();
        let last = log
            .iter()
            .rev()
            .find(|line| line.contains("INFO leads") || line.contains("lost leadership") || line.contains("stands by"));
        last.is_some_and(|line| line.contains("INFO leads"))
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("log of agent {}:\n{}", self.id(), self.log().join("\n"));
        }
    }
}
