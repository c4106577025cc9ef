//! AWS: recordings of moto, answers in AWS's own shapes where moto has none, and answers that make no sense.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use replicator::adapters::aws::AwsCloud;
use replicator::domain::{ActivityStatus, InstanceId, InstanceState, Lifecycle, PoolTarget};
use replicator::ports::{Cloud, ErrorKind};
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::recording::recorded;

/// The action that looks for instance refreshes.
const REFRESHES: &str = "Action=DescribeInstanceRefreshes&";
const SECRET: &str = "a-secret-that-no-message-may-hold";

fn cloud(server: &MockServer) -> AwsCloud {
    cloud_at(&server.uri())
}

fn cloud_at(endpoint: &str) -> AwsCloud {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build();
    AwsCloud::with_config(&config)
}

fn target(name: &str) -> PoolTarget {
    PoolTarget { provider: "aws".into(), region: "eu-west-1".into(), name: name.into() }
}

fn workers() -> PoolTarget {
    target("container-node-public-prod")
}

async fn answers(server: &MockServer, action: &str, answer: ResponseTemplate) {
    let action = format!("Action={action}&");
    Mock::given(method("POST")).and(body_string_contains(action)).respond_with(answer).mount(server).await;
}

/// A server that answers one action as was recorded.
async fn playing(action: &str, name: &str) -> MockServer {
    let server = MockServer::start().await;
    answers(&server, action, recorded(&format!("moto-5.2.5/{name}")).response()).await;
    server
}

fn xml(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.as_bytes().to_vec(), "text/xml")
}

/// What was asked: the bodies of all requests, those after instance refreshes left out.
async fn asked(server: &MockServer) -> Vec<String> {
    bodies(server).await.into_iter().filter(|body| !body.contains(REFRESHES)).collect()
}

async fn bodies(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.into_iter().map(|request| String::from_utf8(request.body).unwrap()).collect()
}

#[tokio::test]
async fn a_group_is_read_whole() {
    let server = playing("DescribeAutoScalingGroups", "describe-asg").await;
    let group = cloud(&server).look(&workers()).await.unwrap();
    assert_eq!((group.min, group.max, group.desired), (1, 5, 3));
    assert_eq!(group.instances.len(), 3);
    let first = group.member(&"i-ab1e1afdf9dc49e67".into()).unwrap();
    assert_eq!((first.lifecycle, first.protected), (Lifecycle::InService, false));
    assert!(group.suspended.is_empty());
    let request = &server.received_requests().await.unwrap()[0];
    let signed = request.headers["authorization"].to_str().unwrap();
    assert!(signed.contains("/eu-west-1/autoscaling/aws4_request"), "the region is the pool's: {signed}");
}

#[tokio::test]
async fn a_group_that_is_not_there_is_not_found() {
    let server = playing("DescribeAutoScalingGroups", "describe-asg-unknown").await;
    let error = cloud(&server).look(&workers()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let expected = "cloud: describe Auto Scaling group container-node-public-prod (aws eu-west-1): not found: \
                    there is no Auto Scaling group of this name in this region, for this account";
    assert_eq!(error.to_string(), expected);
    // Another group than the one that was asked for is none.
    let server = playing("DescribeAutoScalingGroups", "describe-asg").await;
    assert_eq!(cloud(&server).look(&target("other")).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn p21_p28_protection_lifecycle_hooks_and_suspended_processes_are_seen() {
    let server = MockServer::start().await;
    let body = r#"<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
      <DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
        <AutoScalingGroupName>workers</AutoScalingGroupName><MinSize>2</MinSize><MaxSize>9</MaxSize>
        <DesiredCapacity>4</DesiredCapacity><DefaultCooldown>300</DefaultCooldown>
        <Instances>
          <member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>
          <member><InstanceId>i-2</InstanceId><LifecycleState>Terminating:Wait</LifecycleState><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>
          <member><InstanceId>i-3</InstanceId><LifecycleState>Standby</LifecycleState><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>
          <member><InstanceId>i-4</InstanceId><LifecycleState>Pending:Proceed</LifecycleState><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>
        </Instances>
        <SuspendedProcesses><member><ProcessName>Launch</ProcessName><SuspensionReason>User suspended at 2026-01-05T09:00:00Z</SuspensionReason></member></SuspendedProcesses>
      </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"#;
    answers(&server, "DescribeAutoScalingGroups", xml(200, body)).await;
    let group = cloud(&server).look(&target("workers")).await.unwrap();
    let members: Vec<_> = group.instances.iter().map(|it| (it.id.as_str(), it.lifecycle, it.protected)).collect();
    let expected = [
        ("i-1", Lifecycle::InService, true),
        ("i-2", Lifecycle::Terminating, false),
        ("i-3", Lifecycle::Standby, false),
        ("i-4", Lifecycle::Pending, false),
    ];
    assert_eq!(members, expected);
    assert_eq!(group.suspended, ["Launch"]);
}

#[tokio::test]
async fn weights_zones_and_warm_members_are_seen() {
    let server = MockServer::start().await;
    let body = r#"<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
      <DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
        <AutoScalingGroupName>workers</AutoScalingGroupName><MinSize>2</MinSize><MaxSize>9</MaxSize>
        <DesiredCapacity>4</DesiredCapacity><DesiredCapacityType>units</DesiredCapacityType>
        <MixedInstancesPolicy><LaunchTemplate><Overrides>
          <member><InstanceType>m5.large</InstanceType><WeightedCapacity>1</WeightedCapacity></member>
          <member><InstanceType>m5.xlarge</InstanceType><WeightedCapacity>2</WeightedCapacity></member>
        </Overrides></LaunchTemplate></MixedInstancesPolicy>
        <Instances>
          <member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState><AvailabilityZone>us-east-1b</AvailabilityZone></member>
          <member><InstanceId>i-2</InstanceId><LifecycleState>Warmed:Stopped</LifecycleState></member>
        </Instances>
      </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"#;
    answers(&server, "DescribeAutoScalingGroups", xml(200, body)).await;
    let group = cloud(&server).look(&target("workers")).await.unwrap();
    assert!(group.weighted);
    let members: Vec<_> = group.instances.iter().map(|it| (it.lifecycle, it.zone.as_deref())).collect();
    assert_eq!(members, [(Lifecycle::InService, Some("us-east-1b")), (Lifecycle::Warmed, None)]);
    assert_eq!(group.serving().count(), 1, "what is warm is no node");
}

#[tokio::test]
async fn a_group_whose_sizes_make_no_sense_is_named() {
    let server = MockServer::start().await;
    let body = r#"<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
      <DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
        <AutoScalingGroupName>workers</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>9</MaxSize>
        <DesiredCapacity>0</DesiredCapacity>
        <Instances><member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState></member></Instances>
      </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"#;
    answers(&server, "DescribeAutoScalingGroups", xml(200, body)).await;
    let error = cloud(&server).look(&target("workers")).await.unwrap_err();
    let expected = "cloud: describe Auto Scaling group workers (aws eu-west-1): error: the group says that it wants 0 \
                    members, and lists 1 in service";
    assert_eq!(error.to_string(), expected);
}

/// An answer with one instance refresh.
fn refreshing(status: &str) -> ResponseTemplate {
    let body = format!(
        r#"<DescribeInstanceRefreshesResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
        <DescribeInstanceRefreshesResult><InstanceRefreshes><member>
        <InstanceRefreshId>08b91cf7</InstanceRefreshId><AutoScalingGroupName>container-node-public-prod</AutoScalingGroupName>
        <Status>{status}</Status><PercentageComplete>40</PercentageComplete><InstancesToUpdate>2</InstancesToUpdate>
        </member></InstanceRefreshes></DescribeInstanceRefreshesResult></DescribeInstanceRefreshesResponse>"#
    );
    xml(200, &body)
}

/// How often instance refreshes were asked for.
async fn asked_for_refreshes(server: &MockServer) -> usize {
    bodies(server).await.iter().filter(|body| body.contains(REFRESHES)).count()
}

#[tokio::test]
async fn an_instance_refresh_is_told_and_asked_for_once_a_minute() {
    for (status, word) in
        [("InProgress", Some("instance refresh 08b91cf7 is InProgress, 40 % done")), ("Successful", None)]
    {
        let server = playing("DescribeAutoScalingGroups", "describe-asg").await;
        answers(&server, "DescribeInstanceRefreshes", refreshing(status)).await;
        let cloud = cloud(&server);
        for _ in 0..3 {
            assert_eq!(cloud.look(&workers()).await.unwrap().overhaul.as_deref(), word);
        }
        assert_eq!(asked_for_refreshes(&server).await, 1, "{status}");
    }
}

#[tokio::test]
async fn instance_refreshes_that_may_not_be_looked_for_are_asked_for_once() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: … is not authorized to \
                  perform: autoscaling:DescribeInstanceRefreshes</Message></Error></ErrorResponse>";
    let server = playing("DescribeAutoScalingGroups", "describe-asg").await;
    answers(&server, "DescribeInstanceRefreshes", xml(403, denied)).await;
    let cloud = cloud(&server);
    let elsewhere = PoolTarget { region: "eu-west-2".into(), ..workers() };
    for target in [workers(), elsewhere, workers()] {
        assert_eq!(cloud.look(&target).await.unwrap().overhaul, None);
    }
    assert_eq!(asked_for_refreshes(&server).await, 1, "one refusal is enough for all groups");
}

#[tokio::test]
async fn instance_refreshes_that_are_not_answered_for_are_none() {
    for failure in [
        xml(500, ""),
        xml(200, "<html>"),
        xml(400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
    ] {
        let server = playing("DescribeAutoScalingGroups", "describe-asg").await;
        answers(&server, "DescribeInstanceRefreshes", failure).await;
        let cloud = cloud(&server);
        for _ in 0..2 {
            assert_eq!(cloud.look(&workers()).await.unwrap().overhaul, None);
        }
        assert_eq!(asked_for_refreshes(&server).await, 1, "neither tried again at once, nor at the next look");
    }
}

#[tokio::test]
async fn instances_have_their_state_and_all_their_addresses() {
    let server = playing("DescribeInstances", "describe-instances-by-ip").await;
    let found = cloud(&server).instances(&workers(), &["i-ab1e1afdf9dc49e67".into()]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].state), ("i-ab1e1afdf9dc49e67", InstanceState::Running));
    assert_eq!(found[0].addresses, ["10.20.1.4", "ip-10-20-1-4.ec2.internal"]);
    assert!(asked(&server).await[0].contains("Filter.1.Name=instance-id&Filter.1.Value.1=i-ab1e1afdf9dc49e67"));
    let server = playing("DescribeInstances", "describe-instances-by-ip-none").await;
    assert_eq!(cloud(&server).instances(&workers(), &["i-0".into()]).await.unwrap(), []);
    assert_eq!(cloud(&server).instances(&workers(), &[]).await.unwrap(), [], "nobody is asked about nothing");
    assert_eq!(asked(&server).await.len(), 1);
}

#[tokio::test]
async fn p18_many_instances_are_asked_about_in_parts_and_pages_are_followed() {
    let page = |id: &str, token: &str| {
        let token = if token.is_empty() { String::new() } else { format!("<nextToken>{token}</nextToken>") };
        let body = format!(
            r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><reservationSet><item><instancesSet>
            <item><instanceId>{id}</instanceId><instanceState><code>48</code><name>terminated</name></instanceState></item>
            </instancesSet></item></reservationSet>{token}</DescribeInstancesResponse>"#
        );
        xml(200, &body)
    };
    let server = MockServer::start().await;
    let next = body_string_contains("NextToken=more");
    Mock::given(next).respond_with(page("i-second", "")).with_priority(1).mount(&server).await;
    answers(&server, "DescribeInstances", page("i-first", "more")).await;
    let many: Vec<InstanceId> = (0..201).map(|number| format!("i-{number}").into()).collect();
    let found = cloud(&server).instances(&workers(), &many).await.unwrap();
    let ids: Vec<&str> = found.iter().map(|instance| instance.id.as_str()).collect();
    assert_eq!(ids, ["i-first", "i-second", "i-first", "i-second"], "two parts of two pages");
    let asked = asked(&server).await;
    assert!(asked[0].contains("Filter.1.Value.200=i-199") && !asked[0].contains("Filter.1.Value.201"), "{}", asked[0]);
    assert!(asked[2].contains("Filter.1.Value.1=i-200"), "{}", asked[2]);
}

#[tokio::test]
async fn p22_detaching_lowers_the_desired_capacity_and_names_its_activity() {
    let server = playing("DetachInstances", "detach-decrement").await;
    let activity = cloud(&server).take_out(&workers(), &"i-ab1e1afdf9dc49e67".into()).await.unwrap();
    assert_eq!(activity, Some("ae31d8b4-163d-47ed-bc96-2b2e7b03bbe9".into()));
    assert!(asked(&server).await[0].contains("ShouldDecrementDesiredCapacity=true"));
    let server = playing("DetachInstances", "detach-again").await;
    assert_eq!(cloud(&server).take_out(&workers(), &"i-ab1e1afdf9dc49e67".into()).await.unwrap(), None);
}

#[tokio::test]
async fn p18_only_the_desired_capacity_is_touched() {
    let server = playing("UpdateAutoScalingGroup", "update-asg-5").await;
    cloud(&server).grow(&workers(), 5).await.unwrap();
    let asked = asked(&server).await;
    let expected = "Action=UpdateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=container-node-public-prod\
                    &DesiredCapacity=5";
    assert_eq!(asked, [expected]);
    let server = playing("UpdateAutoScalingGroup", "update-asg-unknown").await;
    let error = cloud(&server).grow(&workers(), 5).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(error.message, "ValidationError: AutoScalingGroup name not found - null");
}

#[tokio::test]
async fn terminating_what_is_long_gone_is_no_error() {
    let server = playing("TerminateInstances", "terminate-instances").await;
    cloud(&server).end(&workers(), &"i-ab1e1afdf9dc49e67".into()).await.unwrap();
    let server = playing("TerminateInstances", "terminate-instances-unknown").await;
    cloud(&server).end(&workers(), &"i-00000000000000000".into()).await.unwrap();
}

#[tokio::test]
async fn p29_activities_tell_what_the_group_tried() {
    let server = playing("DescribeScalingActivities", "describe-scaling-activities").await;
    assert_eq!(cloud(&server).activities(&workers()).await.unwrap(), []);
    let server = MockServer::start().await;
    let body = r#"<DescribeScalingActivitiesResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
      <DescribeScalingActivitiesResult><Activities>
        <member><ActivityId>a-3</ActivityId><AutoScalingGroupName>workers</AutoScalingGroupName><Cause>At 2026-01-05T09:10:00Z …</Cause>
          <StartTime>2026-01-05T09:10:00.123Z</StartTime><StatusCode>Failed</StatusCode><Progress>100</Progress>
          <Description>Launching a new EC2 instance.  Status Reason: We currently do not have sufficient m5.large capacity</Description>
          <StatusMessage>We currently do not have sufficient m5.large capacity in the Availability Zone you requested (us-east-1a). Launching EC2 instance failed.</StatusMessage></member>
        <member><ActivityId>a-2</ActivityId><AutoScalingGroupName>workers</AutoScalingGroupName><Cause>c</Cause>
          <StartTime>2026-01-05T09:09:00Z</StartTime><StatusCode>WaitingForInstanceWarmup</StatusCode></member>
        <member><ActivityId>a-1</ActivityId><AutoScalingGroupName>workers</AutoScalingGroupName><Cause>c</Cause>
          <StartTime>2026-01-05T09:08:00Z</StartTime><StatusCode>Cancelled</StatusCode><StatusMessage>The security group does not exist</StatusMessage></member>
      </Activities></DescribeScalingActivitiesResult></DescribeScalingActivitiesResponse>"#;
    answers(&server, "DescribeScalingActivities", xml(200, body)).await;
    let activities = cloud(&server).activities(&target("workers")).await.unwrap();
    let found: Vec<_> = activities.iter().map(|it| (it.id.as_str(), it.status, it.began.to_string())).collect();
    let expected = [
        ("a-3", ActivityStatus::NoCapacity, "2026-01-05T09:10:00.123Z".to_owned()),
        ("a-2", ActivityStatus::InProgress, "2026-01-05T09:09:00Z".to_owned()),
        ("a-1", ActivityStatus::Failed, "2026-01-05T09:08:00Z".to_owned()),
    ];
    assert_eq!(found, expected);
    assert!(activities[0].message.starts_with("We currently do not have sufficient m5.large capacity"));
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_are_not() {
    let throttled = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>\
                     </Error><RequestId>r</RequestId></ErrorResponse>";
    let html = recorded("moto-5.2.5/set-desired-unknown-group").response();
    for (failure, kind) in [(xml(400, throttled), ErrorKind::RateLimited), (html, ErrorKind::Unreachable)] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(failure).up_to_n_times(2).with_priority(1).mount(&server).await;
        answers(&server, "DescribeAutoScalingGroups", recorded("moto-5.2.5/describe-asg").response()).await;
        // Adaptive pauses are kept for each region, by all clients of a process.
        let elsewhere = PoolTarget { region: "us-west-1".into(), ..workers() };
        cloud(&server).look(&elsewhere).await.unwrap();
        assert_eq!(asked(&server).await.len(), 3, "{kind}");
    }
    let throttled_ec2 = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message>\
                         </Error></Errors><RequestID>r</RequestID></Response>";
    for (failure, ec2, kind) in [
        (xml(400, throttled), xml(503, throttled_ec2), ErrorKind::RateLimited),
        (xml(503, ""), xml(500, "<html>"), ErrorKind::Unreachable),
    ] {
        let server = MockServer::start().await;
        answers(&server, "TerminateInstances", ec2).await;
        Mock::given(method("POST")).respond_with(failure).mount(&server).await;
        let cloud = cloud(&server);
        let workers = PoolTarget { region: "us-west-2".into(), ..workers() };
        let instance = "i-1".into();
        assert_eq!(cloud.grow(&workers, 4).await.unwrap_err().kind, kind);
        assert_eq!(cloud.take_out(&workers, &instance).await.unwrap_err().kind, kind);
        assert_eq!(cloud.end(&workers, &instance).await.unwrap_err().kind, kind);
        assert_eq!(asked(&server).await.len(), 3, "each was asked for once: {kind}");
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_no_answers() {
    let html = "<html><body>Sign in to continue</body></html>";
    for body in [html, "{}", "<DescribeAutoScalingGroupsResponse><Describe", ""] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(xml(200, body)).mount(&server).await;
        let error = cloud(&server).look(&workers()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{body:?}: {error}");
        let error = cloud(&server).instances(&workers(), &["i-1".into()]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{body:?}: {error}");
        let error = cloud(&server).activities(&workers()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{body:?}: {error}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_missing_and_no_secret() {
    let denied = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform \
                  this operation. Encoded authorization failure message: a1b2c3</Message></Error></Errors><RequestID>abc\
                  </RequestID></Response>";
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(xml(403, denied)).mount(&server).await;
    let error = cloud(&server).end(&target("workers"), &"i-1".into()).await.unwrap_err();
    let expected = "cloud: terminate i-1 of workers (aws eu-west-1): permission denied: UnauthorizedOperation: You are \
                    not authorized to perform this operation.";
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains(SECRET));
}

#[tokio::test]
async fn without_credentials_it_is_said_so() {
    let config =
        SdkConfig::builder().behavior_version(BehaviorVersion::latest()).endpoint_url("http://127.0.0.1:9").build();
    let error = AwsCloud::with_config(&config).look(&workers()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(error.message.to_lowercase().contains("credentials"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_away_or_slow_is_unreachable() {
    let server = MockServer::start().await;
    answers(&server, "TerminateInstances", ResponseTemplate::new(200).set_delay(Duration::from_mins(5))).await;
    let error = cloud(&server).end(&workers(), &"i-1".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.message.starts_with("no answer in time"), "{error}");
    let error = cloud_at("http://127.0.0.1:9").grow(&workers(), 3).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}
