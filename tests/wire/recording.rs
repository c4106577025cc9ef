//! Recorded exchanges: the request's line, the answer's head, a blank line, the answer's body.

use std::path::Path;

use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An exchange with a real server.
pub(crate) struct Recording {
    method: String,
    /// The path, without the query.
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// The recording of that name, such as `nomad-1.1.2/jobs`.
pub(crate) fn recorded(name: &str) -> Recording {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(format!("{name}.http"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    Recording {
        method: method.to_owned(),
        path: target.split('?').next().unwrap().to_owned(),
        status,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.trim_end().to_owned(),
    }
}

impl Recording {
    /// The recorded answer.
    pub(crate) fn response(&self) -> ResponseTemplate {
        let mut response = ResponseTemplate::new(self.status).set_body_string(&self.body);
        for (name, value) in &self.headers {
            response = response.insert_header(name.as_str(), value.as_str());
        }
        response
    }

    /// Answers as recorded to the request that was recorded.
    pub(crate) async fn serve(&self, server: &MockServer) {
        self.serve_at(server, &self.method, &self.path).await;
    }

    /// Answers as recorded to another request.
    pub(crate) async fn serve_at(&self, server: &MockServer, verb: &str, at: &str) {
        Mock::given(method(verb)).and(path(at)).respond_with(self.response()).mount(server).await;
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
