//! The same requests put to a real Consul and to the served one: what they answer is the same, but for identifiers, indexes
//! and names of nodes.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use crate::block_on;
use crate::consul::ConsulServer;
use crate::served::Simulator;

/// One of the two servers, with what it called the things that a request may name.
struct Side {
    url: String,
    client: reqwest::Client,
    /// The sessions in the order in which they were made.
    sessions: Vec<String>,
    /// Indexes by the order in which they came up.
    indexes: BTreeMap<u64, usize>,
}

/// What was answered, without what is each server's own.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    has_index: bool,
    kind: String,
    body: Value,
}

impl Side {
    fn of(url: String) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { url, client: client.build().unwrap(), sessions: Vec::new(), indexes: BTreeMap::new() }
    }

    /// Makes a request. `{S1}` in it is the first session, `{I:KEY}` the modify index of a key.
    fn ask(&mut self, method: &Method, path: &str, body: &str) -> Answer {
        let fill = |text: &str| {
            let mut text = text.to_owned();
            for (number, session) in (1..).zip(&self.sessions) {
                text = text.replace(&format!("{{S{number}}}"), session);
            }
            while let Some((before, rest)) = text.clone().split_once("{I:") {
                let (key, after) = rest.split_once('}').unwrap();
                text = format!("{before}{}{after}", self.modify_index(key));
            }
            text
        };
        let request = self.client.request(method.clone(), format!("{}{}", self.url, fill(path))).body(fill(body));
        let (status, headers, text) = block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
        });
        let kind = headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        let mut body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.trim_end().to_owned()));
        if let Some(made) = body.get("ID").and_then(Value::as_str) {
            self.sessions.push(made.to_owned());
        }
        self.tidy(&mut body);
        Answer { status, has_index: headers.contains_key("x-consul-index"), kind, body }
    }

    fn modify_index(&self, key: &str) -> u64 {
        let page = self.client.get(format!("{}/v1/kv/{key}", self.url)).send();
        let page: Value = block_on(async { serde_json::from_str(&page.await.unwrap().text().await.unwrap()).unwrap() });
        page[0]["ModifyIndex"].as_u64().unwrap()
    }

    /// Replaces what is the server's own by what it stands for.
    fn tidy(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for (number, session) in (1..).zip(&self.sessions) {
                    *text = text.replace(session, &format!("{{S{number}}}"));
                }
                if let Some((before, _)) = text.split_once("current modify index ") {
                    *text = format!("{before}current modify index …");
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.tidy(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "Node" => *value = "node".into(),
                        "CreateIndex" | "ModifyIndex" => {
                            let next = self.indexes.len();
                            let index = value.as_u64().unwrap();
                            *value = (*self.indexes.entry(index).or_insert(next)).into();
                        }
                        _ => self.tidy(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Requests, in their order.
const STEPS: &[(&str, &str, &str)] = &[
    ("GET", "/v1/kv/a/b", ""),
    ("PUT", "/v1/kv/a/b?cas=0", "one"),
    ("PUT", "/v1/kv/a/b?cas=0", "two"),
    ("GET", "/v1/kv/a/b", ""),
    ("PUT", "/v1/kv/a/b?cas={I:a/b}", "three"),
    ("PUT", "/v1/kv/a/b?cas=1", "four"),
    ("PUT", "/v1/kv/a/b", "three"),
    ("GET", "/v1/kv/a/b", ""),
    ("PUT", "/v1/kv/a/b?flags=7", "three"),
    ("PUT", "/v1/kv/a/b", "three"),
    ("GET", "/v1/kv/a/b", ""),
    ("GET", "/v1/kv/a/b?raw", ""),
    ("GET", "/v1/kv/a?raw", ""),
    ("PUT", "/v1/kv/a/c?flags=42", "x"),
    ("PUT", "/v1/kv/a/empty", ""),
    ("PUT", "/v1/kv/a/d%2Fe%20f", "x"),
    ("GET", "/v1/kv/a?recurse", ""),
    ("GET", "/v1/kv/a/?recurse", ""),
    ("GET", "/v1/kv/a?keys", ""),
    ("GET", "/v1/kv/a/?keys&separator=/", ""),
    ("GET", "/v1/kv/nothing?recurse", ""),
    ("GET", "/v1/kv/nothing?keys", ""),
    ("GET", "/v1/kv/a/b?index=abc", ""),
    ("GET", "/v1/kv/a/b?index=1&wait=abc", ""),
    ("GET", "/v1/kv/a/b?index=1&wait=50ms", ""),
    ("POST", "/v1/kv/a/b", "x"),
    ("PUT", "/v1/kv//leading", "x"),
    ("DELETE", "/v1/kv/a/c?cas=1", ""),
    ("DELETE", "/v1/kv/a/c?cas={I:a/c}", ""),
    ("DELETE", "/v1/kv/a/c", ""),
    ("GET", "/v1/kv/a/c", ""),
    ("PUT", "/v1/session/create", r#"{"Name": "one", "TTL": "15s", "LockDelay": "1s"}"#),
    ("PUT", "/v1/session/create", r#"{"Name": "two", "TTL": "15s", "LockDelay": "0s"}"#),
    ("PUT", "/v1/session/create", r#"{"Name": "three", "TTL": "15s", "Behavior": "delete"}"#),
    ("PUT", "/v1/session/create", r#"{"TTL": "1s"}"#),
    ("PUT", "/v1/session/create", r#"{"TTL": "x"}"#),
    ("PUT", "/v1/session/create", r#"{"Behavior": "x", "TTL": "15s"}"#),
    ("PUT", "/v1/session/create", "{"),
    ("GET", "/v1/session/create", ""),
    ("GET", "/v1/session/info/{S1}", ""),
    ("GET", "/v1/session/info/00000000-0000-0000-0000-000000000000", ""),
    ("GET", "/v1/session/info/nonsense", ""),
    ("PUT", "/v1/session/renew/{S1}", ""),
    ("PUT", "/v1/session/renew/00000000-0000-0000-0000-000000000000", ""),
    ("PUT", "/v1/kv/lock?acquire={S1}", "me"),
    ("GET", "/v1/kv/lock", ""),
    ("PUT", "/v1/kv/lock?acquire={S1}", "me"),
    ("GET", "/v1/kv/lock", ""),
    ("PUT", "/v1/kv/lock?acquire={S2}", "you"),
    ("PUT", "/v1/kv/lock?acquire=00000000-0000-0000-0000-000000000000", "x"),
    ("PUT", "/v1/kv/lock?acquire=nonsense", "x"),
    ("PUT", "/v1/kv/lock?release={S2}", "x"),
    ("PUT", "/v1/kv/lock", "plain"),
    ("GET", "/v1/kv/lock", ""),
    ("PUT", "/v1/kv/lock?release={S1}", "free"),
    ("GET", "/v1/kv/lock", ""),
    ("PUT", "/v1/kv/lock?acquire={S1}", "me"),
    ("GET", "/v1/kv/lock", ""),
    ("PUT", "/v1/kv/gone?acquire={S3}", "x"),
    ("PUT", "/v1/session/destroy/{S3}", ""),
    ("GET", "/v1/kv/gone", ""),
    (
        "PUT",
        "/v1/txn",
        r#"[{"KV": {"Verb": "check-session", "Key": "lock", "Session": "{S1}"}},
            {"KV": {"Verb": "cas", "Key": "a/b", "Value": "dHhu", "Index": {I:a/b}}}]"#,
    ),
    ("GET", "/v1/kv/a/b", ""),
    (
        "PUT",
        "/v1/txn",
        r#"[{"KV": {"Verb": "set", "Key": "t", "Value": "YQ=="}},
            {"KV": {"Verb": "check-session", "Key": "lock", "Session": "{S2}"}}]"#,
    ),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "check-index", "Key": "a/b", "Index": 1}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "check-index", "Key": "a/b", "Index": {I:a/b}}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "check-index", "Key": "nobody", "Index": 1}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "cas", "Key": "nobody", "Value": "YQ==", "Index": 1}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "cas", "Key": "somebody", "Value": "YQ==", "Index": 0}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "set", "Key": "t", "Value": "!"}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "cas", "Key": "a/b", "Value": "YQ==", "Index": 1}}]"#),
    ("PUT", "/v1/txn", r#"[{"KV": {"Verb": "check-session", "Key": "nobody", "Session": "{S2}"}}]"#),
    ("PUT", "/v1/txn", "["),
    ("GET", "/v1/kv/t", ""),
    ("PUT", "/v1/session/destroy/{S1}", ""),
    ("PUT", "/v1/kv/lock?acquire={S2}", "too soon"),
    ("GET", "/v1/kv/lock", ""),
    ("PUT", "/v1/session/destroy/{S1}", ""),
    ("DELETE", "/v1/kv/a/?recurse", ""),
    ("GET", "/v1/kv/a?recurse", ""),
    ("GET", "/v1/nope", ""),
    ("PUT", "/v1/kv/", "x"),
    ("GET", "/v1/kv/a?dc=mars", ""),
    ("GET", "/v1/kv/a?stale&consistent", ""),
    ("PUT", "/v1/kv/a?acquire=a&release=b", "x"),
    ("PUT", "/v1/kv/a?cas=abc", "x"),
    ("PUT", "/v1/kv/a?flags=abc", "x"),
    ("DELETE", "/v1/kv/nobody?cas=5", ""),
    ("PUT", "/v1/kv//a/b%20c?flags=1", "x"),
    ("PUT", "/v1/session/destroy/abc", ""),
    ("PUT", "/v1/session/renew/abc", ""),
    ("PUT", "/v1/session/create", r#"{"Name": "numbers", "TTL": "15s", "LockDelay": 7}"#),
    ("GET", "/v1/session/info/{S4}", ""),
    ("PUT", "/v1/session/create", r#"{"Name": "long", "TTL": "15s", "LockDelay": "10h"}"#),
    ("GET", "/v1/session/info/{S5}", ""),
    ("PUT", "/v1/session/create", r#"{"Name": "none", "LockDelay": "1s"}"#),
    ("GET", "/v1/session/info/{S6}", ""),
    ("GET", "/v1/session/info/{S6}?index=1&wait=20ms", ""),
    ("GET", "/v1/session/node/nobody", ""),
];

pub(crate) fn the_served_consul_answers_as_a_real_one() {
    let consul = ConsulServer::start();
    let simulator = Simulator::start("");
    let mut real = Side::of(format!("http://{}", consul.address()));
    let mut served = Side::of(format!("http://{}", simulator.address("CONSUL_HTTP_ADDR")));
    let mut different = Vec::new();
    for (method, path, body) in STEPS {
        let method: Method = method.parse().unwrap();
        let (as_real, as_served) = (real.ask(&method, path, body), served.ask(&method, path, body));
        if as_real != as_served {
            different.push(format!("{method} {path} {body}\n  real   {as_real:?}\n  served {as_served:?}"));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), STEPS.len(), different.join("\n"));
}
