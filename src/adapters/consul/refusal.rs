//! What a Consul server means when it refuses.

use crate::adapters::http::Refusal;
use crate::ports::ErrorKind;

/// The kind of a refusal.
pub(super) fn kind_of(refusal: Refusal<'_>) -> ErrorKind {
    let text = refusal.body.to_lowercase();
    match refusal.status {
        401 | 403 => ErrorKind::Denied,
        _ if text.contains("permission denied") || text.contains("acl not found") => ErrorKind::Denied,
        // The request itself, such as a key of letters that are not printed.
        400 => ErrorKind::Refused,
        404 => ErrorKind::NotFound,
        // A session that is gone cannot take a lock.
        500 if text.contains("invalid session") => ErrorKind::NotFound,
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
            (403, "ACL not found", ErrorKind::Denied),
            (404, "Session id '0' not found", ErrorKind::NotFound),
            (500, "invalid session \"00000000-0000-0000-0000-000000000000\"", ErrorKind::NotFound),
            (500, "No cluster leader", ErrorKind::Unreachable),
            (500, "rpc error making call: Permission denied", ErrorKind::Denied),
            (503, "", ErrorKind::Unreachable),
            (413, "Value exceeds 524288 byte limit", ErrorKind::Other),
            (400, "Missing key name", ErrorKind::Refused),
        ];
        for (status, body, kind) in cases {
            assert_eq!(kind_of(Refusal { status, body }), kind, "{status} {body}");
        }
    }
}
