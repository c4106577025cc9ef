"""boto3 against a served AWS: what its users do with an Auto Scaling group. Says what it saw, a line each."""

import sys
import time

import boto3
import botocore.exceptions

options = dict(endpoint_url=f"http://{sys.argv[1]}", region_name=sys.argv[2], aws_access_key_id="test",
               aws_secret_access_key="test")
groups, machines = boto3.client("autoscaling", **options), boto3.client("ec2", **options)


def group():
    return groups.describe_auto_scaling_groups(AutoScalingGroupNames=["workers"])["AutoScalingGroups"][0]


def until(what, look):
    """Looks until something is so: the served cluster moves on by itself."""
    for _ in range(900):
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"gave up waiting for {what}")


first = group()
print("group", first["MinSize"], first["MaxSize"], first["DesiredCapacity"], len(first["Instances"]))
pages = groups.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 1})
print("pages", sum(len(page["AutoScalingGroups"]) for page in pages))
print("refreshes", groups.describe_instance_refreshes(AutoScalingGroupName="workers")["InstanceRefreshes"])
groups.create_or_update_tags(Tags=[{
    "ResourceId": "workers", "ResourceType": "auto-scaling-group", "Key": "by", "Value": "a stranger",
    "PropagateAtLaunch": False}])
print("tags", {tag["Key"]: tag["Value"] for tag in group()["Tags"]}["by"])

wanted = first["DesiredCapacity"] + 1
groups.update_auto_scaling_group(
    AutoScalingGroupName="workers", DesiredCapacity=wanted, AvailabilityZones=first["AvailabilityZones"])


def in_service():
    return sum(member["LifecycleState"] == "InService" for member in group()["Instances"])


until("a new instance", lambda: in_service() == wanted)
print("in service", in_service())
ids = [member["InstanceId"] for member in group()["Instances"]]
reservations = machines.describe_instances(InstanceIds=ids)["Reservations"]
states = {machine["State"]["Name"] for reservation in reservations for machine in reservation["Instances"]}
print("machines", len(ids), states)
print("activities", groups.describe_scaling_activities(AutoScalingGroupName="workers")["Activities"][0]["StatusCode"])
ended = groups.terminate_instance_in_auto_scaling_group(InstanceId=ids[-1], ShouldDecrementDesiredCapacity=True)
print("ended", ended["Activity"]["StatusCode"])
until("the end", lambda: group()["DesiredCapacity"] == wanted - 1 and len(group()["Instances"]) == wanted - 1)
try:
    groups.set_desired_capacity(AutoScalingGroupName="workers", DesiredCapacity=99)
except botocore.exceptions.ClientError as error:
    print("refused", error.response["Error"]["Code"])
