//! What a Nomad server means when it refuses. Many of its 500s are about the question, not about the server; the text
//! tells, since its bodies are plain text.

use crate::adapters::http::Refusal;
use crate::ports::ErrorKind;

/// Texts of what does not exist, whatever the status.
const MISSING: [&str; 5] = ["not found", "unknown allocation", "unknown node", "no such", "uuid must be"];
/// Texts of servers that cannot answer now.
const AWAY: [&str; 8] = [
    "no cluster leader",
    "no path to region",
    "no path to node",
    "not ready to serve",
    "rpc error",
    "connection refused",
    "timeout",
    "eof",
];
/// Texts of a thing that changed meanwhile, or is in a state that forbids the call.
const CONFLICTS: [&str; 4] =
    ["conflicting job modify index", "job exists with", "blocked due to active deployment", "job modify index"];
/// Texts of what will be refused again, however often it is asked for: a count that nothing allows.
const FINAL: [&str; 5] = [
    "than scaling policy maximum",
    "than scaling policy minimum",
    "specified for scaling does not exist",
    "count can't be negative",
    "configured job_max_count",
];
/// Texts about who we are.
const DENIALS: [&str; 4] = ["permission denied", "acl token", "acl support disabled", "token expired"];

/// The kind of a refusal.
pub(super) fn kind_of(refusal: Refusal<'_>) -> ErrorKind {
    let text = refusal.body.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match refusal.status {
        401 | 403 => ErrorKind::Denied,
        // Before "not found": an unknown or malformed token is both.
        _ if says(&DENIALS) => ErrorKind::Denied,
        _ if says(&CONFLICTS) => ErrorKind::Conflict,
        _ if says(&FINAL) => ErrorKind::Refused,
        404 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        500.. if says(&AWAY) => ErrorKind::Unreachable,
        500 if says(&MISSING) => ErrorKind::NotFound,
        // A proxy or a server in trouble.
        500.. => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_by_their_text() {
        let cases = [
            (403, "Permission denied", ErrorKind::Denied),
            (403, "ACL token not found", ErrorKind::Denied),
            (500, "acl token lookup failed: index error: UUID must be 36 characters", ErrorKind::Denied),
            (500, "No cluster leader", ErrorKind::Unreachable),
            (500, "No path to region", ErrorKind::Unreachable),
            (404, "No path to node", ErrorKind::NotFound),
            (500, "No path to node", ErrorKind::Unreachable),
            (404, "job not found", ErrorKind::NotFound),
            (500, "node not found", ErrorKind::NotFound),
            (500, "node lookup failed: index error: UUID must be 36 characters", ErrorKind::NotFound),
            (500, "alloc lookup failed: index error: UUID must be 36 characters", ErrorKind::NotFound),
            (404, "Unknown allocation \"0\"", ErrorKind::NotFound),
            (
                500,
                "Enforcing job modify index 69: job exists with conflicting job modify index: 70",
                ErrorKind::Conflict,
            ),
            (400, "job scaling blocked due to active deployment", ErrorKind::Conflict),
            (400, "group count was greater than scaling policy maximum: 9 > 5", ErrorKind::Refused),
            (400, "group count was less than scaling policy minimum: 0 < 1", ErrorKind::Refused),
            (400, "scaling action count can't be negative", ErrorKind::Refused),
            (500, "total count was greater than configured job_max_count: 60000 > 50000", ErrorKind::Refused),
            (400, "task group \"nope\" specified for scaling does not exist in job", ErrorKind::Refused),
            (502, "<html>Bad Gateway</html>", ErrorKind::Unreachable),
            (500, "something else", ErrorKind::Unreachable),
            (405, "Invalid method", ErrorKind::Other),
        ];
        for (status, body, kind) in cases {
            assert_eq!(kind_of(Refusal { status, body }), kind, "{status} {body}");
        }
    }
}
