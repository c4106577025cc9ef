//! What a zero, an absence, a null or an impossible value does, field by field: each is fed through the adapter, and what
//! becomes of it is a value of the domain or a problem by name. The book's chapter "What is believed" names these tests.

mod ailing;
mod allocation;
mod change;
mod job;
mod node;
mod scaled;
mod statistics;
mod waiting;

use replicator::ports::PortError;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A field, what is sent in it (nothing: it is left out), and what becomes of it.
type Case<'a> = (&'a str, Option<Value>, &'a str);

/// A server that answers every call with this page.
async fn answering(page: &Value) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(page).insert_header("X-Nomad-Index", "9");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Sends each case's value in a page that is otherwise as usual. An error only has to begin as expected.
async fn check(page: &Value, cases: &[Case<'_>], say: impl AsyncFn(Value) -> String) {
    for (field, sent, expected) in cases {
        let mut odd = page.clone();
        put(&mut odd, field, sent.clone());
        let said = say(odd).await;
        let fits = if expected.starts_with("error") { said.starts_with(expected) } else { said == *expected };
        assert!(fits, "{field} of {sent:?}: {said:?} instead of {expected:?}");
    }
}

/// Puts a value where a pointer points, or takes away what is there. Objects on the way are made.
fn put(page: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut at = page;
    for part in parent.split('/').skip(1) {
        if let Ok(index) = part.parse::<usize>() {
            at = &mut at[index];
            continue;
        }
        if at[part].is_null() {
            at[part] = serde_json::json!({});
        }
        at = &mut at[part];
    }
    match value {
        Some(value) => at[name] = value,
        None => drop(at.as_object_mut().unwrap().remove(name)),
    }
}

/// What came of it, as `tell` tells it.
fn said<T>(result: Result<T, PortError>, tell: impl Fn(T) -> String) -> String {
    result.map_or_else(|error| format!("error: {}", error.message), tell)
}
