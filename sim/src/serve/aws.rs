//! AWS's query protocol: Auto Scaling (2011-01-01) and EC2 (2016-11-15), as much as a worker pool needs.

use std::collections::BTreeMap;

use super::Shared;
use super::exchange::{Asked, Reply};
use crate::world::World;
use crate::world::api::{InstanceFilter, Part, Refused, escaped};

/// The actions of EC2; others are those of Auto Scaling. Their XML differs.
const EC2: [&str; 4] = ["DescribeInstances", "DescribeInstanceStatus", "DescribeRegions", "TerminateInstances"];
/// How many groups, members or activities are listed at once where nobody says, and at the most.
const USUAL_PART: usize = 50;
const LARGEST_PART: usize = 100;
/// How many instances of EC2 are.
const LARGEST_PART_OF_EC2: usize = 1000;

/// What a change of the desired capacity may say; bounds and zones only as they are. Cooldowns are not honoured: a group's own
/// is not modelled.
const OF_DESIRED_CAPACITY: [&str; 7] =
    ["Action", "Version", "AutoScalingGroupName", "DesiredCapacity", "HonorCooldown", "MinSize", "MaxSize"];
const ZONES: &str = "AvailabilityZones.member";

/// What a request is about.
struct Request<'a> {
    parameters: BTreeMap<String, String>,
    region: &'a str,
}

/// What comes of it.
enum Done {
    /// Nothing is told.
    Nothing,
    /// A result, in XML.
    Result(String),
    /// A part of a list, and where the next part begins.
    Part(String, Option<usize>),
}

impl From<(String, Option<usize>)> for Done {
    fn from((page, more): (String, Option<usize>)) -> Self {
        Self::Part(page, more)
    }
}

/// Answers one request. The region is the one that it is signed for.
pub(super) fn answer(shared: &Shared, asked: &Asked) -> Reply {
    let parameters: BTreeMap<String, String> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let action = parameters.get("Action").cloned().unwrap_or_default();
    let Some(region) = region(asked.header("authorization")) else {
        let words = "Request is missing Authentication Token".to_owned();
        return refusal(&action, &Refused { status: 403, code: "MissingAuthenticationToken", words });
    };
    let request = Request { parameters, region };
    let done = if request.is("DryRun") && EC2.contains(&action.as_str()) {
        let words = "Request would have succeeded, but DryRun flag is set.".to_owned();
        Err(Refused { status: 412, code: "DryRunOperation", words })
    } else {
        request.carry_out(&mut shared.world(), &action)
    };
    match done {
        Ok(Some(done)) => success(&action, &done),
        Ok(None) => {
            let words = format!("this simulated server does not model {action}, or a parameter of it");
            refusal(&action, &Refused { status: 501, code: "NotImplemented", words })
        }
        Err(refused) => refusal(&action, &refused),
    }
}

/// What AWS says when it is down.
pub(super) fn unavailable() -> Reply {
    Reply::xml(503, error_xml("ServiceUnavailable", "The service is unavailable. Please try again shortly."))
}

/// The region in `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn region(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=")?.1.split('/').nth(2)
}

impl Request<'_> {
    fn text(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// The values of a list: `NAME.1`, `NAME.2` …
    fn list(&self, name: &str) -> Vec<String> {
        (1..).map_while(|number| self.parameters.get(&format!("{name}.{number}")).cloned()).collect()
    }

    fn number(&self, name: &str) -> Result<Option<usize>, Refused> {
        let Some(text) = self.parameters.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refused::invalid(format!("{name} {text:?} is no count")))
    }

    /// The part of a list that is wanted. A token is where the part before it ended.
    fn part(&self, most: &str, usual: usize, largest: usize) -> Result<Part, Refused> {
        let most = self.number(most)?.unwrap_or(usual).clamp(1, largest);
        let token = self.text("NextToken");
        let from = if token.is_empty() { Ok(0) } else { token.parse() };
        let from = from.map_err(|_| Refused {
            status: 400,
            code: "InvalidNextToken",
            words: format!("The token '{token}' is invalid."),
        })?;
        Ok(Part { most, from })
    }

    /// The filters; nothing where one is not modelled.
    fn filters(&self) -> Option<Vec<InstanceFilter>> {
        let names = (1..).map_while(|number| Some((number, self.parameters.get(&format!("Filter.{number}.Name"))?)));
        names.map(|(number, name)| InstanceFilter::new(name, self.list(&format!("Filter.{number}.Value")))).collect()
    }

    /// What comes of it; nothing of an action, or a parameter, that is not modelled.
    fn carry_out(&self, world: &mut World, action: &str) -> Result<Option<Done>, Refused> {
        match action {
            "DescribeInstances" | "DescribeInstanceStatus" => self.look_at_instances(world, action),
            "DescribeAutoScalingGroups"
            | "DescribeAutoScalingInstances"
            | "DescribeScalingActivities"
            | "DescribeInstanceRefreshes" => self.look_at_groups(world, action),
            _ => self.change(world, action),
        }
    }

    fn look_at_instances(&self, world: &World, action: &str) -> Result<Option<Done>, Refused> {
        let Some(filters) = self.filters() else { return Ok(None) };
        let ids = self.list("InstanceId");
        let part = self.part("MaxResults", LARGEST_PART_OF_EC2, LARGEST_PART_OF_EC2)?;
        let done = if action == "DescribeInstances" {
            world.instances_xml(&ids, &filters, self.region, &part)?
        } else {
            let with_all = self.is("IncludeAllInstances");
            world.instance_status_xml(&ids, &filters, self.region, with_all, &part)?
        };
        Ok(Some(done.into()))
    }

    fn look_at_groups(&self, world: &World, action: &str) -> Result<Option<Done>, Refused> {
        if self.parameters.keys().any(|name| name.starts_with("Filters.")) {
            return Ok(None);
        }
        let part = self.part("MaxRecords", USUAL_PART, LARGEST_PART)?;
        let (region, group) = (self.region, self.text("AutoScalingGroupName"));
        let done = match action {
            "DescribeAutoScalingGroups" => world.groups_xml(&self.list("AutoScalingGroupNames.member"), region, &part),
            "DescribeAutoScalingInstances" => world.members_xml(&self.list("InstanceIds.member"), region, &part),
            "DescribeInstanceRefreshes" => world.refreshes_xml(group, region, &part)?,
            _ => world.activities_xml(group, region, &self.list("ActivityIds.member"), &part)?,
        };
        Ok(Some(done.into()))
    }

    fn change(&self, world: &mut World, action: &str) -> Result<Option<Done>, Refused> {
        let (region, group) = (self.region, self.text("AutoScalingGroupName"));
        let members = self.list("InstanceIds.member");
        let decrement = self.is("ShouldDecrementDesiredCapacity");
        let result = match action {
            "UpdateAutoScalingGroup" | "SetDesiredCapacity" => {
                let is_known = |name: &String| OF_DESIRED_CAPACITY.contains(&name.as_str()) || name.starts_with(ZONES);
                let bounds = (self.number("MinSize")?, self.number("MaxSize")?);
                if !self.parameters.keys().all(is_known)
                    || !world.is_as_said(group, region, bounds, &self.list(ZONES))?
                {
                    return Ok(None);
                }
                if let Some(desired) = self.number("DesiredCapacity")? {
                    world.set_desired_by_order(group, region, u32::try_from(desired).unwrap_or(u32::MAX))?;
                }
                return Ok(Some(Done::Nothing));
            }
            "CreateOrUpdateTags" => {
                for number in 1.. {
                    let field = |name: &str| self.text(&format!("Tags.member.{number}.{name}")).to_owned();
                    if field("Key").is_empty() {
                        break;
                    }
                    let at_launch = field("PropagateAtLaunch") == "true";
                    world.tag_by_order(&field("ResourceId"), region, (field("Key"), field("Value"), at_launch))?;
                }
                return Ok(Some(Done::Nothing));
            }
            "DetachInstances" => world.detach_by_order(group, region, &members, decrement)?,
            "TerminateInstanceInAutoScalingGroup" => {
                world.terminate_member_by_order(self.text("InstanceId"), region, decrement)?
            }
            "SetInstanceProtection" => {
                world.protect_by_order(group, region, &members, self.is("ProtectedFromScaleIn"))?;
                String::new()
            }
            "TerminateInstances" => world.terminate_by_order(&self.list("InstanceId"), region)?,
            "DescribeRegions" => format!(
                "<regionInfo><item><optInStatus>opt-in-not-required</optInStatus><regionName>{0}</regionName>\
                 <regionEndpoint>ec2.{0}.amazonaws.com</regionEndpoint></item></regionInfo>",
                escaped(region)
            ),
            _ => return Ok(None),
        };
        Ok(Some(Done::Result(result)))
    }
}

fn success(action: &str, done: &Done) -> Reply {
    let is_ec2 = EC2.contains(&action);
    let token = if is_ec2 { "nextToken" } else { "NextToken" };
    let result = match done {
        Done::Nothing => None,
        Done::Result(page) | Done::Part(page, None) => Some(page.clone()),
        Done::Part(page, Some(from)) => Some(format!("{page}<{token}>{from}</{token}>")),
    };
    let page = if is_ec2 {
        let result = result.unwrap_or_default();
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\">\
             <requestId>request-id</requestId>{result}</{action}Response>"
        )
    } else {
        let result = result.map(|result| format!("<{action}Result>{result}</{action}Result>")).unwrap_or_default();
        format!(
            "<{action}Response xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">{result}\
             <ResponseMetadata><RequestId>request-id</RequestId></ResponseMetadata></{action}Response>"
        )
    };
    Reply::xml(200, page)
}

fn refusal(action: &str, refused: &Refused) -> Reply {
    let words = escaped(&refused.words);
    let page = if EC2.contains(&action) {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\"><Errors>\
             <Error><Code>{}</Code><Message>{words}</Message></Error></Errors><RequestID>request-id</RequestID></Response>",
            refused.code
        )
    } else {
        error_xml(refused.code, &words)
    };
    Reply::xml(refused.status, page)
}

fn error_xml(code: &str, words: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{words}</Message></Error><RequestId>request-id</RequestId></ErrorResponse>"
    )
}
