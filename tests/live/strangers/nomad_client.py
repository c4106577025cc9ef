"""python-nomad against a served Nomad 2.0: what its users do, by its own methods. Says what it saw, a line each."""

import sys
import time

import nomad

host, port = sys.argv[1].rsplit(":", 1)
client = nomad.Nomad(host=host, port=int(port), timeout=30)


def until(what, look):
    """Looks until something is so: the served cluster moves on by itself."""
    for _ in range(600):
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"gave up waiting for {what}")


print("leader", client.status.leader.get_leader())
print("version", client.agent.get_agent()["config"]["Version"]["Version"])

nodes = client.nodes.get_nodes()
members = client.nodes.get_nodes(filter_='"replicator_worker_pool" in Meta')
nobody = client.nodes.get_nodes(filter_='Meta["replicator_worker_pool"] == "nobody"')
print("nodes", len(nodes), "members", len(members), "nobody", len(nobody))
node = client.node.get_node(nodes[0]["ID"])
print("node pool", node["NodePool"], "in Meta", "replicator_worker_pool" in node["Meta"])
print("iterated", sum(1 for _ in client.nodes), "by name", nodes[0]["Name"] in client.nodes)

jobs = client.jobs.get_jobs(namespace="*")
print("jobs", [(job["ID"], job["Status"]) for job in jobs])
job = client.job.get_job("shop")
group = job["TaskGroups"][0]["Name"]
allocations = client.job.get_allocations("shop")
print("allocations", len(allocations), {allocation["ClientStatus"] for allocation in allocations})
statistics = client.client.allocation.read_allocation_stats(allocations[0]["ID"])
print("measured", statistics["ResourceUsage"]["MemoryStats"]["Measured"])

count = job["TaskGroups"][0]["Count"]
# It has no method for this one.
order = {"Count": count + 1, "Target": {"Group": group}, "Message": "a stranger", "JobModifyIndex": job["JobModifyIndex"]}
scaled = client.job.request("shop", "scale", method="post", json=order).json()
print("scaled", bool(scaled["EvalID"]))
until("the count", lambda: client.job.get_job("shop")["TaskGroups"][0]["Count"] == count + 1)
until("the deployment", lambda: client.job.get_deployment("shop")["Status"] == "successful")

drained = client.node.drain_node_with_spec(nodes[0]["ID"], {"Deadline": 5_000_000_000, "IgnoreSystemJobs": True})
print("drained", drained["NodeModifyIndex"] > 0)
until("the drain", lambda: not client.node.get_node(nodes[0]["ID"])["Drain"])
client.node.eligible_node(nodes[0]["ID"], eligible=True)
print("eligible", client.node.get_node(nodes[0]["ID"])["SchedulingEligibility"])

stream, stop, events = client.event.stream.get_stream(index=1, topic={"Node": "*", "Job": "*"}, namespace="*")
stream.daemon = True
stream.start()
kinds = set()
for _ in range(200):
    event = events.get(timeout=30)
    kinds.update(event["Type"] for event in event.get("Events", []))
    if "NodeDrain" in kinds:
        break
stop.set()
print("events", "NodeDrain" in kinds)

try:
    client.job.get_job("nobody")
except nomad.api.exceptions.URLNotFoundNomadException as error:
    print("not found", error.nomad_resp.text)
try:
    client.nodes.get_nodes(filter_="Nope == x")
except nomad.api.exceptions.BaseNomadException as error:
    print("refused", error.nomad_resp.status_code)
