//! AWS's query protocol: Auto Scaling (2011-01-01) and EC2 (2016-11-15), as much as a worker pool needs.

use std::collections::BTreeMap;

use super::Shared;
use super::exchange::{Asked, Reply};
use crate::world::api::{Refused, escaped};

/// The actions of EC2; others are those of Auto Scaling. Their XML differs.
const EC2: [&str; 3] = ["DescribeInstances", "DescribeRegions", "TerminateInstances"];

type Parameters = BTreeMap<String, String>;

/// Answers one request. The region is the one that it is signed for.
pub(super) fn answer(shared: &Shared, asked: &Asked) -> Reply {
    let parameters: Parameters = form_urlencoded::parse(&asked.body).into_owned().collect();
    let action = parameters.get("Action").map_or("", String::as_str);
    let region = region(asked.header("authorization"));
    let Some(region) = region else {
        return refusal(
            action,
            &Refused {
                status: 403,
                code: "MissingAuthenticationToken",
                words: "Request is missing Authentication Token".to_owned(),
            },
        );
    };
    match carry_out(shared, action, region, &parameters) {
        Ok(Some(result)) => success(action, &result),
        Ok(None) => Reply::not_modelled(&format!("the action {action:?} of AWS")),
        Err(refused) => refusal(action, &refused),
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

/// The values of a list: `NAME.1`, `NAME.2` …
fn list(parameters: &Parameters, name: &str) -> Vec<String> {
    (1..).map_while(|number| parameters.get(&format!("{name}.{number}")).cloned()).collect()
}

/// The XML of the result; nothing for an action that is not modelled.
fn carry_out(shared: &Shared, action: &str, region: &str, parameters: &Parameters) -> Result<Option<String>, Refused> {
    let mut world = shared.world();
    let group = parameters.get("AutoScalingGroupName").map_or("", String::as_str);
    let desired = || -> Result<Option<u32>, Refused> {
        let Some(text) = parameters.get("DesiredCapacity") else { return Ok(None) };
        let words = || format!("DesiredCapacity {text:?} is no count");
        text.parse().map(Some).map_err(|_| Refused { status: 400, code: "ValidationError", words: words() })
    };
    Ok(Some(match action {
        "DescribeAutoScalingGroups" => world.groups_xml(&list(parameters, "AutoScalingGroupNames.member"), region),
        "DescribeAutoScalingInstances" => world.members_xml(&list(parameters, "InstanceIds.member")),
        "DescribeScalingActivities" => world.activities_xml(group, region, &list(parameters, "ActivityIds.member"))?,
        "UpdateAutoScalingGroup" | "SetDesiredCapacity" => {
            if parameters.contains_key("MinSize") || parameters.contains_key("MaxSize") {
                return Ok(None);
            }
            if let Some(desired) = desired()? {
                world.set_desired_by_order(group, region, desired)?;
            }
            String::new()
        }
        "DetachInstances" => {
            let decrement = parameters.get("ShouldDecrementDesiredCapacity").is_some_and(|value| value == "true");
            world.detach_by_order(group, region, &list(parameters, "InstanceIds.member"), decrement)?
        }
        "DescribeInstances" => {
            let Some(filters) = filters(parameters) else { return Ok(None) };
            let ids = list(parameters, "InstanceId");
            world.instances_xml(|id, address, state| {
                let passes = |(name, values): &(String, Vec<String>)| {
                    let found = match name.as_str() {
                        "instance-id" => id,
                        "private-ip-address" => address,
                        _ => state,
                    };
                    values.iter().any(|value| value == found)
                };
                (ids.is_empty() || ids.iter().any(|wanted| wanted == id)) && filters.iter().all(passes)
            })
        }
        "TerminateInstances" => world.terminate_by_order(&list(parameters, "InstanceId"))?,
        "DescribeRegions" => format!(
            "<regionInfo><item><regionName>{0}</regionName><regionEndpoint>ec2.{0}.amazonaws.com</regionEndpoint></item>\
             </regionInfo>",
            escaped(region)
        ),
        _ => return Ok(None),
    }))
}

/// The filters; nothing where one is not modelled.
fn filters(parameters: &Parameters) -> Option<Vec<(String, Vec<String>)>> {
    let names = (1..).map_while(|number| Some((number, parameters.get(&format!("Filter.{number}.Name"))?)));
    names
        .map(|(number, name)| {
            let known = ["instance-id", "private-ip-address", "instance-state-name"].contains(&name.as_str());
            known.then(|| (name.clone(), list(parameters, &format!("Filter.{number}.Value"))))
        })
        .collect()
}

fn success(action: &str, result: &str) -> Reply {
    let page = if EC2.contains(&action) {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\">\
             {result}<requestId>request-id</requestId></{action}Response>"
        )
    } else {
        let result =
            if result.is_empty() { String::new() } else { format!("<{action}Result>{result}</{action}Result>") };
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
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Response><Errors><Error><Code>{}</Code><Message>{words}</Message>\
             </Error></Errors><RequestID>request-id</RequestID></Response>",
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
