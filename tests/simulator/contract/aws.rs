//! AWS, as moto 5.2.5 answered for it, where it answers as AWS does. Its XML is compared field by field; what AWS refuses and
//! moto does not is tested by itself.

use replicator_sim::serve::Options;

use super::Contract;
use crate::served::{Answer, Served};

/// Recordings of what is not served, and why.
const UNSERVED: &[(&str, &str)] = &[
    ("create-asg", "groups are those of the scenario"),
    ("create-asg-lc", "groups are those of the scenario"),
    ("create-launch-configuration", "groups are those of the scenario"),
    ("create-launch-template", "groups are those of the scenario"),
    ("create-subnet", "groups are those of the scenario"),
    ("create-vpc", "groups are those of the scenario"),
    ("suspend", "suspended processes are not modelled"),
    ("detach-again", "AWS refuses it, moto does not"),
    ("detach-below-min", "AWS refuses it, moto does not"),
    ("detach-unknown-instance", "AWS refuses it, moto does not"),
    ("set-desired-over-max", "AWS refuses it, moto does not"),
    ("set-desired-under-min", "AWS refuses it, moto does not"),
    ("set-desired-unknown-group", "moto breaks on it"),
    ("terminate-in-asg-unknown", "moto breaks on it"),
    ("update-asg-over-max", "AWS refuses it, moto does not"),
];

struct Story {
    contract: Contract,
    served: Served,
}

impl Story {
    fn ask(&mut self, recording: &str, form: &str) -> Answer {
        let answer = self.served.aws(form);
        self.contract.hold(recording, &answer);
        answer
    }

    /// The same for an activity that is under way: moto says when that ended, AWS does not.
    fn ask_without_end(&mut self, recording: &str, form: &str) {
        let answer = self.served.aws(form);
        self.contract.hold_but(recording, &answer, ".EndTime is missing");
    }

    fn of_group(&mut self, recording: &str, action: &str, more: &str) -> Answer {
        self.ask(recording, &format!("Action={action}&AutoScalingGroupName=workers{more}"))
    }

    /// The IDs of the members.
    fn members(&self) -> Vec<String> {
        let page = self.served.aws("Action=DescribeAutoScalingInstances").body;
        page.split("<InstanceId>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    }

    fn await_members(&self, count: usize) {
        self.served.eventually("members in service", |served| {
            let page = served.aws("Action=DescribeAutoScalingInstances").body;
            page.matches("<LifecycleState>InService").count() == count && page.matches("<InstanceId>").count() == count
        });
    }
}

#[test]
fn the_served_aws_answers_as_the_recorded_one() {
    let mut story = Story { contract: Contract::of("moto-5.2.5"), served: Served::start(Options::default()) };
    let members = story.members();
    assert_eq!(members.len(), 2);
    story.ask("describe-asg", "Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=workers");
    story.ask("describe-asg-unknown", "Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=nope");
    let one = format!("Action=DescribeAutoScalingInstances&InstanceIds.member.1={}", members[0]);
    assert_eq!(story.ask("describe-asg-instances", &one).body.matches("<InstanceId>").count(), 1);
    let by =
        |name: &str, value: &str| format!("Action=DescribeInstances&Filter.1.Name={name}&Filter.1.Value.1={value}");
    let found = story.ask("describe-instances-by-asg-tag", &by("tag%3Aaws%3Aautoscaling%3AgroupName", "workers")).body;
    let address = found.split("<privateIpAddress>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let found = story.ask("describe-instances-by-ip", &by("private-ip-address", &address)).body;
    assert_eq!(found.matches("<instanceId>").count(), 1);
    story.ask("describe-instances-by-ip-none", &by("private-ip-address", "9.9.9.9"));
    story.ask("describe-instances-dryrun", "Action=DescribeInstances&DryRun=true");
    let status = format!("Action=DescribeInstanceStatus&InstanceId.1={}&IncludeAllInstances=true", members[0]);
    story.ask("describe-instance-status", &status);
    story.ask("describe-regions", "Action=DescribeRegions");
    story.of_group("describe-scaling-activities", "DescribeScalingActivities", "");
    story.ask("describe-scaling-activities-by-id", "Action=DescribeScalingActivities&ActivityIds.member.1=nope");

    story.of_group("set-desired-4", "SetDesiredCapacity", "&DesiredCapacity=4&HonorCooldown=false");
    story.await_members(4);
    story.ask("describe-asg-4", "Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=workers");
    story.of_group("update-asg-5", "UpdateAutoScalingGroup", "&DesiredCapacity=5");
    story.await_members(5);
    story.of_group("set-desired-honor-cooldown", "SetDesiredCapacity", "&DesiredCapacity=6&HonorCooldown=true");
    story.await_members(6);
    story.ask("update-asg-unknown", "Action=UpdateAutoScalingGroup&AutoScalingGroupName=nope&DesiredCapacity=1");

    let members = story.members();
    let protect = format!("&InstanceIds.member.1={}&ProtectedFromScaleIn=true", members[5]);
    story.of_group("set-protection", "SetInstanceProtection", &protect);
    let detach = |id: &str, decrement: bool| {
        let which = format!("&InstanceIds.member.1={id}&ShouldDecrementDesiredCapacity={decrement}");
        format!("Action=DetachInstances&AutoScalingGroupName=workers{which}")
    };
    story.ask_without_end("detach-decrement", &detach(&members[0], true));
    story.await_members(5);
    story.ask_without_end("detach-no-decrement", &detach(&members[1], false));
    story.served.eventually("another in its place", |served| {
        served.aws("Action=DescribeAutoScalingInstances").body.matches("<LifecycleState>InService").count() == 5
    });
    let terminate = |id: &str, decrement: bool| {
        format!("Action=TerminateInstanceInAutoScalingGroup&InstanceId={id}&ShouldDecrementDesiredCapacity={decrement}")
    };
    story.ask_without_end("terminate-in-asg-decrement", &terminate(&members[2], true));
    story.await_members(4);
    story.ask_without_end("terminate-in-asg-no-decrement", &terminate(&members[3], false));
    story.await_members(4);
    story.of_group("update-desired-1", "UpdateAutoScalingGroup", "&DesiredCapacity=2");
    story.await_members(2);
    let left = story.members();
    assert!(left.contains(&members[5]), "the group itself spares what is protected: {left:?}");

    let end = |id: &str| format!("Action=TerminateInstances&InstanceId.1={id}");
    story.ask("terminate-instances-dryrun", &format!("{}&DryRun=true", end(&members[0])));
    story.ask("terminate-instances", &end(&members[0]));
    story.ask("terminate-instances-again", &end(&members[0]));
    story.ask("terminate-instances-unknown", &end("i-0123456789abcdef0"));
    story.ask("terminate-instances-malformed", &end("bogus"));
    let status = format!("Action=DescribeInstanceStatus&InstanceId.1={}&IncludeAllInstances=true", members[0]);
    story.ask("describe-instance-status-terminated", &status);
    let groups = "Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=workers";
    story.ask("describe-asg-after-ec2-terminate", groups);
    story.contract.end(UNSERVED);
}

#[test]
fn a_group_never_had_an_instance_refresh() {
    let served = Served::start(Options::default());
    let none = served.aws("Action=DescribeInstanceRefreshes&AutoScalingGroupName=workers&MaxRecords=5");
    assert!(none.status == 200 && none.body.contains("<InstanceRefreshes></InstanceRefreshes>"), "{}", none.body);
    let unknown = served.aws("Action=DescribeInstanceRefreshes&AutoScalingGroupName=nope");
    assert!(unknown.status == 400 && unknown.body.contains("name not found"), "{}", unknown.body);
}

#[test]
fn lists_come_in_parts() {
    let served = Served::start(Options::default());
    let ids = |page: &str, tag: &str| -> Vec<String> {
        page.split(&format!("<{tag}>")).skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    for (action, most, tag, token) in [
        ("DescribeAutoScalingInstances", "MaxRecords", "InstanceId", "NextToken"),
        ("DescribeInstances", "MaxResults", "instanceId", "nextToken"),
    ] {
        let first = served.aws(&format!("Action={action}&{most}=1")).body;
        let [next] = &ids(&first, token)[..] else { panic!("{first}") };
        let second = served.aws(&format!("Action={action}&{most}=1&NextToken={next}")).body;
        assert_eq!(ids(&second, token), Vec::<String>::new(), "there is no third");
        let whole = served.aws(&format!("Action={action}")).body;
        assert_eq!([ids(&first, tag), ids(&second, tag)].concat(), ids(&whole, tag));
    }
    let bad = served.aws("Action=DescribeAutoScalingGroups&NextToken=x");
    assert!(bad.status == 400 && bad.body.contains("InvalidNextToken"), "{}", bad.body);
}
