//! `replicator init`: example policies (C12).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::arguments::InitArguments;

const JOB_SCALING: (&str, &str) = ("job_scaling.hcl", include_str!("examples/job_scaling.hcl"));
const CLUSTER_SCALING: (&str, &str) = ("cluster_scaling.hcl", include_str!("examples/cluster_scaling.hcl"));

#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments the same way")]
pub(super) fn run(arguments: InitArguments) -> anyhow::Result<ExitCode> {
    let neither = !arguments.job_scaling && !arguments.cluster_scaling;
    let wanted =
        [(arguments.job_scaling || neither, JOB_SCALING), (arguments.cluster_scaling || neither, CLUSTER_SCALING)];
    let wanted: Vec<_> = wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, file)| file).collect();
    if let Some((name, _)) = wanted.iter().find(|(name, _)| Path::new(name).exists()) {
        bail!(
            "{name} exists already and is not overwritten; nothing was written. Move it away, or go to another folder"
        );
    }
    for (name, text) in wanted {
        write_new(name, text).with_context(|| format!("cannot write {name}"))?;
        println!("Example scaling configuration written to {name}");
    }
    Ok(ExitCode::SUCCESS)
}

fn write_new(name: &str, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(name)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Meta;
    use crate::policy::{GroupPolicy, PoolPolicy, Reading};

    /// The keys and values of the meta block, as Nomad would hand them over.
    fn meta(text: &str) -> Meta {
        let body = hcl_edit::parser::parse_body(text).unwrap();
        let block = body.get_blocks("meta").next().unwrap();
        let entries = block.body.attributes().map(|attribute| {
            let value = attribute.value.to_string();
            (attribute.key.to_string(), value.trim().trim_matches('"').to_owned())
        });
        entries.collect()
    }

    #[test]
    fn c12_the_examples_are_policies_that_are_read() {
        let Reading::Policy(policy, warnings) = GroupPolicy::read(&meta(JOB_SCALING.1)) else { panic!("no policy") };
        assert_eq!((warnings.len(), policy.enabled), (0, true));
        let Reading::Policy(policy, warnings) = PoolPolicy::read(&meta(CLUSTER_SCALING.1)) else { panic!("no policy") };
        assert_eq!((warnings.len(), policy.enabled), (0, true));
    }
}
