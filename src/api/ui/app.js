// The agent's page. What the agent says is put in as text, never as markup: names and reasons come from others.
import { chart, short } from "/ui/chart.js";

const POLL_EVERY = 5000, STALE_AFTER = 15000, MOST_CARDS = 60, MOST_ROWS = 200;
const $ = (id) => document.getElementById(id);
const state = { status: null, heard: 0, series: new Map(), happenings: [], lastHappening: 0, stream: null, started: null };

function make(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

async function get(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(10000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// Whether what is shown is from now; a stream that is cut is never passed off as quiet.
function showLive() {
  const pill = $("live");
  const age = Date.now() - state.heard;
  let [kind, words] = ["live", "live"];
  if (state.heard === 0) [kind, words] = ["wait", "connects …"];
  else if (age > STALE_AFTER || state.stream?.readyState !== EventSource.OPEN) {
    const since = new Date(state.heard).toLocaleTimeString();
    [kind, words] = age > STALE_AFTER ? ["cut", `cut off: this is from ${since}`] : ["wait", "connects again …"];
  }
  pill.className = `pill ${kind}`;
  if (pill.textContent !== words) pill.textContent = words;
}

function way(direction) { return direction === "in" ? "in" : "out"; }

function figures(resource) {
  const max = resource.max === null ? "" : ` … ${resource.max}`;
  const parts = [`size ${resource.size ?? "?"}`, resource.min === null ? "" : `bounds ${resource.min}${max}`];
  const seen = resource.observation;
  if (seen?.nodes != null) parts.push(`${seen.nodes} nodes`);
  if (seen?.coming) parts.push(`${seen.coming} on their way`);
  if (seen?.waiting) parts.push(`${seen.waiting} allocations wait`);
  if (seen?.running != null) parts.push(`${seen.running} run`);
  if (resource.cooldown_left) parts.push(`cooldown ${resource.cooldown_left} s`);
  return parts.filter(Boolean).join(", ");
}

function why(resource) {
  const details = make("details", undefined, { "data-why": resource.name });
  details.append(make("summary", "Why, and what would change it"));
  const decision = resource.decision;
  const list = make("ul");
  if (!decision) list.append(make("li", resource.undecided ?? resource.trouble ?? "not evaluated yet"));
  for (const stop of decision?.stops ?? []) list.append(make("li", `held: ${stop.sentence}`, { class: "bad" }));
  for (const finding of decision?.findings ?? []) {
    const margin = finding.margin === null ? "" : `; ${short(Math.abs(finding.margin))}${finding.unit ? " " + finding.unit : ""} ${finding.margin > 0 ? "less" : "more"} and it is at the limit`;
    list.append(make("li", `${finding.holds ? "yes" : "no"}, for scaling ${finding.speaks_for.join(" or ")}: ${finding.sentence}${margin}`));
  }
  if (resource.policy_problem) list.append(make("li", `policy: ${resource.policy_problem}`, { class: "bad" }));
  details.append(list, make("p", `state: ${resource.state_path}`, { class: "numbers" }));
  return details;
}

function pictures(resource) {
  const samples = state.series.get(resource.name);
  const box = make("div");
  if (!samples || samples.length < 2) {
    box.append(make("p", "a picture comes with the next evaluations", { class: "numbers" }));
    return box;
  }
  const at = samples.map((it) => Date.parse(it.at));
  const pick = (value) => samples.map((it, index) => [at[index], value(it)]);
  const sizes = make("figure");
  const last = samples[samples.length - 1];
  const bounded = samples.map((it, index) => [at[index], it.min, it.max ?? it.size]);
  sizes.append(chart({ lines: [{ kind: "size", steps: true, values: pick((it) => it.size) }], band: bounded,
    label: `${resource.name}: size ${last.size}, between ${last.min} and ${last.max ?? "no bound"}` }));
  const caption = make("figcaption");
  caption.append(make("span", "size", { class: "key size" }), " within its bounds (grey)");
  sizes.append(caption);
  box.append(sizes);
  for (const [name, key, kind] of [["CPU", "cpu", "used"], ["memory", "memory", "used-too"]]) {
    if (!samples.some((it) => it[key])) continue;
    const unit = resource.kind === "job_group" ? "% of what it asks for" : key === "cpu" ? "MHz" : "MiB";
    const figure = make("figure");
    const latest = [...samples].reverse().find((it) => it[key])[key];
    figure.append(chart({ height: 90, lines: [
      { kind: "limit", values: pick((it) => it[key]?.limit ?? null) },
      { kind, values: pick((it) => it[key]?.used ?? null) }],
      label: `${resource.name}: ${name} ${short(latest.used)} of ${short(latest.limit)} ${unit}` }));
    const words = make("figcaption");
    const limit = resource.kind === "job_group" ? "threshold for more" : "allowed";
    words.append(make("span", `${name} used, ${unit}`, { class: `key ${kind}` }), make("span", limit, { class: "key limit" }));
    figure.append(words);
    box.append(figure);
  }
  return box;
}

function button(act, resource, words) {
  return make("button", words, { type: "button", "data-act": act, "data-resource": resource, "aria-label": `${words} ${resource}` });
}

function card(resource) {
  const box = make("article", undefined, { class: "card", "data-name": resource.name });
  const title = make("h3", resource.name);
  box.append(title, make("p", resource.summary), make("p", figures(resource), { class: "numbers" }));
  if (resource.enabled === false) box.append(make("p", "not enabled: what would be done is told, and nothing is done", { class: "mark" }));
  if (resource.operation) {
    const it = resource.operation;
    box.append(make("p", `under way: scaling ${way(it.direction)}, ${it.phase} since ${new Date(it.since).toLocaleTimeString()} ${it.about}`, { class: "mark" }));
  }
  if (resource.failsafe) {
    box.classList.add("failsafe");
    const by = resource.failsafe.by_operator ? `by ${resource.failsafe.by ?? "an operator"}` : "by itself";
    box.append(make("p", `in failsafe ${by}${resource.failsafe.reason ? ": " + resource.failsafe.reason : ""}`, { class: "bad" }));
  }
  if (resource.hold) {
    box.classList.add("held");
    const said = [["in", resource.hold.in], ["out", resource.hold.out]].filter(([, until]) => until)
      .map(([direction, until]) => `scaling ${direction} until ${until === "released" ? "it is released" : new Date(until).toLocaleString()}`);
    box.append(make("p", `on hold: ${said.join(", ")}${resource.hold.reason ? ": " + resource.hold.reason : ""}`, { class: "mark" }));
  }
  box.append(pictures(resource), why(resource));
  const buttons = make("p", undefined, { class: "buttons" });
  if (resource.failsafe) buttons.append(button("lift", resource.name, "Lift failsafe …"));
  else buttons.append(button("failsafe", resource.name, "Failsafe …"));
  buttons.append(resource.hold ? button("release", resource.name, "Release") : button("hold", resource.name, "Hold …"));
  box.append(buttons);
  return box;
}

// Puts new content in place of old without moving the focus or shutting what is open.
function put(holder, made) {
  const active = document.activeElement;
  const focused = holder.contains(active) ? [active.dataset?.act, active.dataset?.resource, active.closest("details")?.dataset.why] : null;
  const open = new Set([...holder.querySelectorAll("details[open]")].map((it) => it.dataset.why));
  holder.replaceChildren(...made);
  for (const it of holder.querySelectorAll("details")) it.open = open.has(it.dataset.why);
  if (!focused) return;
  const [act, resource, details] = focused;
  const same = [...holder.querySelectorAll("button, summary")].find((it) =>
    details ? it.parentElement.dataset.why === details : resource !== undefined && it.dataset.resource === resource && it.dataset.act === act)
    ?? [...holder.querySelectorAll("button")].find((it) => it.dataset.resource === resource);
  same?.focus({ preventScroll: true });
}

function shown(resources) {
  const wanted = $("filter").value.toLowerCase();
  const groups = resources.filter((it) => it.kind === "job_group");
  $("finder").hidden = groups.length <= 6;
  const found = groups.filter((it) => it.name.toLowerCase().includes(wanted));
  const urgent = (it) => Number(Boolean(it.failsafe || it.operation || it.policy_problem));
  found.sort((a, b) => urgent(b) - urgent(a) || a.name.localeCompare(b.name, "en", { numeric: true }));
  $("more").hidden = found.length <= MOST_CARDS;
  $("more").textContent = `and ${found.length - MOST_CARDS} more: look for them by name, or ask replicator status`;
  const pools = resources.filter((it) => it.kind === "worker_pool").sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return [pools.slice(0, MOST_CARDS), found.slice(0, MOST_CARDS)];
}

function render() {
  const status = state.status;
  if (!status) return;
  const agent = $("agent");
  const roles = { leads: "leads", stands_by: "stands by", campaigns: "campaigns: nobody leads, as far as it knows" };
  agent.replaceChildren(`${status.agent.name} ${roles[status.agent.role] ?? status.agent.role}`);
  const leader = status.leader;
  if (status.agent.role !== "leads" && leader) {
    agent.append("; ", leader.name, " leads");
    if (/^https?:\/\//.test(leader.address ?? "")) agent.append(": ", make("a", "its page", { href: `${leader.address}/ui` }));
  }
  $("attention").hidden = status.attention.length === 0;
  const list = $("attention").querySelector("ul");
  const sentences = status.attention.slice(0, 20).map((it) => make("li", it));
  if (status.attention.length > 20) sentences.push(make("li", `and ${status.attention.length - 20} more`));
  if (list.textContent !== sentences.map((it) => it.textContent).join("")) list.replaceChildren(...sentences);
  const [pools, groups] = shown(status.resources);
  const none = (what) => [make("p", status.agent.role === "leads" ? `no ${what} is scaled` : "only who leads knows of any", { class: "numbers" })];
  put($("pools"), pools.length ? pools.map(card) : none("worker pool"));
  put($("groups"), groups.length ? groups.map(card) : none("task group"));
  const others = status.agents.map((it) => make("li", `${it.name}${it.leads ? " (leads)" : ""}, version ${it.version}, last heard ${new Date(it.seen).toLocaleTimeString()}`));
  for (const it of status.receivers) {
    const trouble = it.trouble ? `: ${it.trouble}` : "";
    others.push(make("li", `alerts to ${it.name}: ${it.sent} sent, ${it.waiting} wait${trouble}`, it.trouble ? { class: "bad" } : {}));
  }
  put($("others"), others);
}

function renderHistory() {
  const about = $("about").value;
  const names = [...new Set(state.happenings.map((it) => it.resource).filter(Boolean))].sort();
  const known = [...$("about").options].slice(1).map((it) => it.value);
  if (names.join("\n") !== known.join("\n")) {
    const options = names.map((name) => { const it = make("option", name); it.value = name; return it; });
    $("about").replaceChildren($("about").options[0], ...options);
    $("about").value = about;
  }
  const wanted = state.happenings.filter((it) => !about || it.resource === about).slice(-MOST_ROWS).reverse();
  put($("history"), wanted.map((it) => {
    const row = make("li", undefined, { class: /^[a-z_]+$/.test(it.kind) ? it.kind : "" });
    row.append(make("time", new Date(it.at).toLocaleString(), { datetime: it.at }), it.words);
    return row;
  }));
}

async function refresh() {
  const status = await get("/v1/status");
  if (state.started !== null && state.started !== status.agent.started) {
    // Another process: its numbers begin anew.
    [state.happenings, state.lastHappening] = [[], 0];
  }
  state.started = status.agent.started;
  state.status = status;
  const history = await get(`/v1/history?limit=500&after=${state.lastHappening}`);
  state.happenings.push(...history.happenings);
  state.happenings.splice(0, state.happenings.length - 1000);
  state.lastHappening = history.happenings.at(-1)?.id ?? state.lastHappening;
  const [pools, groups] = shown(status.resources);
  await Promise.all([...pools, ...groups].slice(0, 24).map(async (it) => {
    const series = await get(`/v1/series?resource=${encodeURIComponent(it.name)}`).catch(() => null);
    if (series) state.series.set(it.name, series.samples);
  }));
  for (const name of state.series.keys()) if (!status.resources.some((it) => it.name === name)) state.series.delete(name);
  state.heard = Date.now();
  render();
  renderHistory();
  showLive();
}

let busy = false, again = false;
async function soon() {
  if (busy) { again = true; return; }
  busy = true;
  try { await refresh(); } catch { showLive(); }
  busy = false;
  if (again) { again = false; setTimeout(soon, 300); }
}

function follow() {
  const stream = new EventSource("/v1/events");
  state.stream = stream;
  stream.onopen = soon;
  stream.onerror = () => {
    showLive();
    // A browser gives up on an answer that is none, as when there is no place; it does not come back by itself then.
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
  };
  for (const kind of ["leadership", "lock", "aside", "feed", "unreadable", "policy", "began", "phase", "call", "finished", "failsafe", "hold", "lasting", "alert", "would_act"]) {
    stream.addEventListener(kind, soon);
  }
}

const ASKS = {
  failsafe: { title: "Enter failsafe", path: "/v1/failsafe", reason: true, text: (it) => `No agent will scale ${it} any more, until somebody lifts it.`, body: { enable: true } },
  lift: { title: "Lift failsafe", path: "/v1/failsafe", text: (it) => `Agents will scale ${it} again, and its failures are forgotten.`, body: { enable: false } },
  hold: { title: "Hold", path: "/v1/hold", reason: true, span: true, text: (it) => `Nothing new will begin on ${it}; what is under way goes on.`, body: {} },
  release: { title: "Release", path: "/v1/release", text: (it) => `Agents will scale ${it} again as ever.`, body: {} },
};
let asked = null;

function ask(act, resource) {
  const it = ASKS[act];
  asked = { ...it, resource };
  $("ask-title").textContent = `${it.title}: ${resource}`;
  $("ask-text").textContent = it.text(resource);
  $("ask-reason").hidden = !it.reason;
  $("ask-span").hidden = $("ask-direction").hidden = !it.span;
  $("ask-problem").textContent = "";
  $("reason").value = "";
  $("by").value ||= localStorage.getItem("replicator-by") ?? "";
  $("ask").showModal();
  (it.reason ? $("reason") : $("by")).focus();
}

async function doIt() {
  const body = { resource: asked.resource, ...asked.body };
  const words = (id) => $(id).value.trim() || undefined;
  body.by = words("by");
  if (asked.reason) body.reason = words("reason");
  if (asked.span) [body.direction, body.for] = [words("direction"), words("span")];
  if (body.by) localStorage.setItem("replicator-by", body.by);
  const token = $("token").value;
  $("ask-yes").disabled = true;
  try {
    const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(asked.path, { method: "POST", headers, body: JSON.stringify(body) });
    const said = await answer.json();
    if (answer.ok) { $("ask").close(); soon(); }
    else {
      $("ask-token").hidden &&= answer.status !== 401;
      $("ask-problem").textContent = said.error;
      if (answer.status === 401) $("token").focus();
    }
  } catch (error) {
    $("ask-problem").textContent = `the agent does not answer: ${error.message}`;
  }
  $("ask-yes").disabled = false;
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button[data-act]");
  if (pressed) ask(pressed.dataset.act, pressed.dataset.resource);
});
$("ask-yes").addEventListener("click", doIt);
$("ask").querySelector("form").addEventListener("keydown", (event) => {
  // Return in a field does not close the dialog unseen: it does what the strong button says.
  if (event.key === "Enter" && event.target.matches("input")) { event.preventDefault(); doIt(); }
});
$("about").addEventListener("change", renderHistory);
$("filter").addEventListener("input", render);
setInterval(showLive, 1000);
setInterval(soon, POLL_EVERY);
follow();
soon();
