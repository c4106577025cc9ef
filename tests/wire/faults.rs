//! Connections and servers that fail.

use std::time::Duration;

use replicator::adapters::nomad::NomadClient;
use replicator::domain::{AllocationId, JobKey};
use replicator::ports::{Consul, ErrorKind, Nomad, Wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::recording::recorded;
use crate::{consul, endpoint, nomad, nomad_settings};

/// Answers a server's first calls with something else.
async fn first(server: &MockServer, times: u64, answer: ResponseTemplate) {
    Mock::given(method("GET")).respond_with(answer).up_to_n_times(times).with_priority(1).mount(server).await;
}

/// A server of our own that treats every connection so.
async fn server_that<F: Future<Output = ()> + Send>(
    treat: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            treat(stream).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn reads_that_fail_at_once_are_tried_again() {
    for status in [500, 502, 503] {
        let server = MockServer::start().await;
        first(&server, 2, ResponseTemplate::new(status).set_body_string("No cluster leader")).await;
        recorded("nomad-1.1.2/job").serve(&server).await;
        nomad(&server).job(&JobKey::in_default("web")).await.unwrap();
        assert_eq!(server.received_requests().await.unwrap().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn what_is_refused_is_not_asked_for_again() {
    for (status, kind) in [(403, ErrorKind::Denied), (404, ErrorKind::NotFound), (400, ErrorKind::Other)] {
        let server = MockServer::start().await;
        first(&server, 9, ResponseTemplate::new(status).set_body_string("it is not so")).await;
        let error = nomad(&server).job(&JobKey::in_default("web")).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn writes_and_blocking_queries_are_never_tried_again() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    nomad(&server).drain(&crate::nomad::order("n")).await.unwrap_err();
    consul(&server).renew_session(&"s".into()).await.unwrap_err();
    nomad(&server).jobs(Some(Wait { past: 3, at_most: Duration::from_secs(1) })).await.unwrap_err();
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_asks_to_slow_down_is_asked_nothing_until_then() {
    let server = MockServer::start().await;
    first(&server, 1, ResponseTemplate::new(429).insert_header("Retry-After", "4")).await;
    recorded("nomad-1.1.2/job").serve(&server).await;
    recorded("nomad-1.1.2/jobs").serve(&server).await;
    let client = nomad(&server);
    let began = tokio::time::Instant::now();
    let error = client.job(&JobKey::in_default("web")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert!(error.message.contains("retry after 4"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2), "a long pause is not waited out by whoever was refused");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    let wait = Some(Wait { past: 3, at_most: Duration::from_secs(1) });
    let (read, watched) = tokio::join!(async { client.job(&JobKey::in_default("web")).await }, client.jobs(wait));
    read.unwrap();
    watched.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}: neither was sent before", began.elapsed());
}

#[tokio::test]
async fn too_many_connections_are_not_answered_with_more() {
    let server = MockServer::start().await;
    first(&server, 1, recorded("nomad-2.0.5/too-many-connections").response()).await;
    recorded("nomad-1.1.2/job").serve(&server).await;
    let began = tokio::time::Instant::now();
    nomad(&server).job(&JobKey::in_default("web")).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}: tried again too soon", began.elapsed());
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn no_more_than_64_calls_are_under_way_at_once() {
    let server = MockServer::start().await;
    let slow = recorded("nomad-1.1.2/allocation-stats").response().set_delay(Duration::from_millis(300));
    Mock::given(method("GET")).respond_with(slow).mount(&server).await;
    let client = nomad(&server);
    let began = tokio::time::Instant::now();
    let ids: Vec<AllocationId> = (0..100).map(|number| AllocationId::from(number.to_string())).collect();
    let all = futures_util::future::join_all(ids.iter().map(|id| client.allocation_stats(id)));
    let (statistics, node) = tokio::join!(all, async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let sent = tokio::time::Instant::now();
        client.drain(&crate::nomad::order("n")).await.unwrap_err();
        sent.elapsed()
    });
    assert!(statistics.iter().all(Result::is_ok));
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}: 48 at once", began.elapsed());
    assert!(node < Duration::from_millis(250), "{node:?}: what acts does not wait for statistics");
}

#[tokio::test]
async fn garbage_is_unreachable_and_shown_in_short() {
    let server = MockServer::start().await;
    first(&server, 9, ResponseTemplate::new(200).set_body_string("<html><body>Sign in!</body></html>")).await;
    let error = nomad(&server).nodes(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("not the JSON that was expected") && error.message.contains("<html>"), "{error}");
    assert!(error.message.ends_with(&format!("asked {}/v1/nodes", server.uri())), "{error}");
}

#[tokio::test]
async fn a_connection_that_closes_in_mid_body_is_unreachable() {
    let address = server_that(|mut stream| async move {
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"ID\":").await.ok();
    })
    .await;
    let error = NomadClient::new(nomad_settings(&address)).unwrap().jobs(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://me:hunter2@{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings = nomad_settings(&format!("{address}/ui/"));
    settings.endpoint.source = Some("NOMAD_ADDR".into());
    let error = NomadClient::new(settings).unwrap().jobs(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let asked = format!("asked {}/ui/v1/jobs (address from NOMAD_ADDR)", address.replace("me:hunter2@", ""));
    assert!(error.to_string().ends_with(&asked), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for_long() {
    let address = server_that(|stream| async move {
        // Kept open, and never answered.
        std::mem::forget(stream);
    })
    .await;
    let began = tokio::time::Instant::now();
    let error = NomadClient::new(nomad_settings(&address)).unwrap().job(&JobKey::in_default("web")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(began.elapsed() <= Duration::from_secs(11), "{:?}: not tried again after so long", began.elapsed());
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_named() {
    for (location, target) in [
        ("http://me:hunter2@elsewhere.invalid/ui/?token=hunter2", "http://elsewhere.invalid:80/ui/"),
        ("/ui/v1/jobs", "HERE/ui/v1/jobs"),
    ] {
        let server = MockServer::start().await;
        first(&server, 9, ResponseTemplate::new(307).insert_header("Location", location)).await;
        let error = nomad(&server).jobs(None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other, "a token must not go elsewhere: {error}");
        let target = target.replace("HERE", &server.uri());
        let expected = format!(
            "307 Temporary Redirect: redirects to {target}, which is not followed; asked {}/v1/jobs",
            server.uri()
        );
        assert_eq!(error.message, expected);
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_is_no_missing_job() {
    for page in ["404 page not found", "<html>Not Found</html>", ""] {
        let server = MockServer::start().await;
        first(&server, 9, ResponseTemplate::new(404).set_body_string(page)).await;
        let settings = nomad_settings(&format!("{}/ui/", server.uri()));
        let client = NomadClient::new(settings).unwrap();
        let error = client.job(&JobKey::in_default("web")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other, "{error}");
        assert!(error.message.ends_with(&format!("asked {}/ui/v1/job/web", server.uri())), "{error}");
    }
}

#[tokio::test]
async fn a_token_in_a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nomad_token");
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string("[{}]");
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    let mut settings = nomad_settings(&server.uri());
    settings.endpoint.token = Some("in the way".to_owned().into());
    settings.endpoint.token_file = Some(file.clone());
    let client = NomadClient::new(settings).unwrap();
    let error = client.jobs(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.starts_with(&format!("cannot read the token in {}: ", file.display())), "{error}");
    for token in ["first", "second"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let sends = async || {
            client.jobs(None).await.unwrap();
            let asked = server.received_requests().await.unwrap();
            asked.last().unwrap().headers["x-nomad-token"].to_str().unwrap() == token
        };
        // It looks now and then.
        while !sends().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    std::fs::write(&file, " \n").unwrap();
    let error = loop {
        match client.jobs(None).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
        }
    };
    assert!(error.message.ends_with("which is to hold the token, is empty"), "{error}");
}

#[tokio::test]
async fn c9_a_unix_socket_is_as_good_as_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nomad.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1024];
        let length = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nX-Nomad-Index: 4\r\nContent-Length: 4\r\n\r\n[{}]";
        stream.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let settings = nomad_settings(&format!("unix://{}", socket.display()));
    assert_eq!(NomadClient::new(settings).unwrap().jobs(None).await.unwrap().index, 4);
    assert!(served.await.unwrap().starts_with("GET /v1/jobs?"));
}

#[tokio::test]
async fn c7_calls_after_a_reload_go_to_the_new_address() {
    let (before, after) = (MockServer::start().await, MockServer::start().await);
    recorded("nomad-1.1.2/jobs-empty").serve(&before).await;
    recorded("nomad-1.1.2/jobs").serve(&after).await;
    let client = nomad(&before);
    assert_eq!(client.jobs(None).await.unwrap().value.len(), 0);
    client.reconnect(nomad_settings(&after.uri())).unwrap();
    assert_eq!(client.jobs(None).await.unwrap().value.len(), 4);
    let mut bad = nomad_settings(&before.uri());
    bad.endpoint =
        replicator::adapters::http::Endpoint { token: Some("line\nbreak".into()), ..endpoint(&before.uri()) };
    let error = client.reconnect(bad).unwrap_err();
    assert!(!error.to_string().contains("break"), "{error}");
    assert_eq!(client.jobs(None).await.unwrap().value.len(), 4, "a bad one changes nothing");
}
