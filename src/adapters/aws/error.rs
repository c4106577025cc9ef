//! How calls on AWS fail, told apart as far as the core acts on it.

use std::error::Error;

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use crate::adapters::http::with_causes;
use crate::ports::{ErrorKind, PortError, Service};

/// Codes of who we are, and what we may.
const DENIALS: [&str; 13] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "Blocked",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "PendingVerification",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
];
/// Codes of being asked to slow down.
const THROTTLES: [&str; 6] = [
    "EC2ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
];
/// Codes of a thing in a state that forbids the call.
const CONFLICTS: [&str; 5] = [
    "IncorrectInstanceState",
    "IncorrectState",
    "OperationNotPermitted",
    "ResourceContention",
    "ScalingActivityInProgress",
];
/// Codes of servers in trouble.
const AWAY: [&str; 4] = ["InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"];

/// What follows is another blob every time.
const BLOB: &str = "Encoded authorization failure message:";

/// The failure of a call as the core knows it. The message has the code and the server's words, and nothing that is new
/// each time, such as the request's ID: the same trouble is logged once.
pub(super) fn port_error<E>(call: String, error: &SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, message) = match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            let code = refused.err().code().unwrap_or_default();
            let words = refused.err().message().unwrap_or_default();
            (kind_of(status, code, words), sentence(status, code, words))
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            (ErrorKind::Unreachable, format!("{status}: the answer makes no sense: {}", with_causes(error)))
        }
        SdkError::TimeoutError(_) => (ErrorKind::Unreachable, format!("no answer in time: {}", with_causes(error))),
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            // Nothing was sent: most often there are no credentials to sign with.
            (ErrorKind::Denied, with_causes(error))
        }
        SdkError::DispatchFailure(_) => (ErrorKind::Unreachable, with_causes(error)),
        _ => (ErrorKind::Other, with_causes(error)),
    };
    PortError::new(Service::Cloud, call, kind, message)
}

fn sentence(status: u16, code: &str, words: &str) -> String {
    match (code, words) {
        ("", _) => {
            format!("{status}: that is no answer of AWS; is there something else at that address, or in between?")
        }
        (code, "") => code.to_owned(),
        (code, words) => format!("{code}: {}", words.split(BLOB).next().unwrap_or_default().trim_end()),
    }
}

/// The kind of a refusal. Auto Scaling calls most of them `ValidationError`; the text tells.
fn kind_of(status: u16, code: &str, words: &str) -> ErrorKind {
    let says = |what: &str| words.contains(what);
    match code {
        _ if DENIALS.contains(&code) => ErrorKind::Denied,
        _ if THROTTLES.contains(&code) => ErrorKind::RateLimited,
        _ if CONFLICTS.contains(&code) => ErrorKind::Conflict,
        _ if AWAY.contains(&code) => ErrorKind::Unreachable,
        "InvalidInstanceID.NotFound" => ErrorKind::NotFound,
        "ValidationError" if says("not part of Auto Scaling group") || says("not in InService") => ErrorKind::Conflict,
        "ValidationError" if says("name not found") => ErrorKind::NotFound,
        _ if status == 429 => ErrorKind::RateLimited,
        _ if matches!(status, 401 | 403) => ErrorKind::Denied,
        // Whoever answered, it was not AWS.
        "" => ErrorKind::Unreachable,
        _ if status >= 500 => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let cases = [
            (400, "Throttling", "Rate exceeded", ErrorKind::RateLimited),
            (503, "RequestLimitExceeded", "Request limit exceeded.", ErrorKind::RateLimited),
            (403, "UnauthorizedOperation", "You are not authorized to perform this operation.", ErrorKind::Denied),
            (
                403,
                "AccessDenied",
                "User: arn:… is not authorized to perform: autoscaling:DetachInstances",
                ErrorKind::Denied,
            ),
            (401, "AuthFailure", "AWS was not able to validate the provided access credentials", ErrorKind::Denied),
            (403, "SomethingNew", "", ErrorKind::Denied),
            (400, "InvalidInstanceID.NotFound", "The instance ID 'i-0' does not exist", ErrorKind::NotFound),
            (400, "ValidationError", "AutoScalingGroup name not found - null", ErrorKind::NotFound),
            (
                400,
                "ValidationError",
                "The instance i-0 is not part of Auto Scaling group workers.",
                ErrorKind::Conflict,
            ),
            (
                400,
                "ValidationError",
                "New SetDesiredCapacity value 9 is above max value 5 for the AutoScalingGroup.",
                ErrorKind::Other,
            ),
            (409, "ResourceContention", "You already have a pending update to this group", ErrorKind::Conflict),
            (400, "OperationNotPermitted", "The instance may not be terminated.", ErrorKind::Conflict),
            (500, "InternalFailure", "", ErrorKind::Unreachable),
            (502, "", "", ErrorKind::Unreachable),
            (200, "", "", ErrorKind::Unreachable),
            (404, "", "", ErrorKind::Unreachable),
        ];
        for (status, code, words, kind) in cases {
            assert_eq!(kind_of(status, code, words), kind, "{status} {code} {words}");
        }
    }
}
