//! The web page: three files, which are in the binary and ask for nothing from elsewhere.

use std::future::ready;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::Site;

/// What a browser may do with the page: load what the agent itself serves, and nothing else; whatever data says, no script of
/// it runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn pages() -> Router<Site> {
    Router::new()
        .route("/", get(|| ready(Redirect::temporary("/ui"))))
        .route("/ui", get(|| ready(file("text/html; charset=utf-8", include_str!("ui/index.html")))))
        .route("/ui/app.js", get(|| ready(file("text/javascript; charset=utf-8", include_str!("ui/app.js")))))
        .route("/ui/chart.js", get(|| ready(file("text/javascript; charset=utf-8", include_str!("ui/chart.js")))))
        .route("/ui/style.css", get(|| ready(file("text/css; charset=utf-8", include_str!("ui/style.css")))))
        .route("/favicon.ico", get(|| ready(file("image/svg+xml", include_str!("ui/icon.svg")))))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, text).into_response()
}
