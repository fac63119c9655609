use std::net::Ipv4Addr;

use tokio::task::JoinHandle;

use super::*;

struct Served {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Served {
    async fn new(options: RelayOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, options, shutdown.clone()));
        Self {
            address,
            shutdown,
            task,
        }
    }

    async fn post(&self, action: &str, body: impl Into<String>) -> u16 {
        let url = format!("http://{}/cloudbus/{action}", self.address);
        let body = body.into();
        let call = move || {
            agent()
                .post(url)
                .content_type("application/json")
                .send(body)
                .unwrap()
                .status()
                .as_u16()
        };
        tokio::task::spawn_blocking(call).await.unwrap()
    }

    async fn workers(&self) -> String {
        let url = format!("http://{}/cloudbus/workers", self.address);
        let call = move || agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
        tokio::task::spawn_blocking(call).await.unwrap()
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_add_and_remove_themselves() {
    let served = Served::new(RelayOptions::default()).await;
    assert_eq!(served.workers().await, "[]");
    for body in [
        r#"{"port": "9003"}"#,
        r#"{"port": 9002, "more": 1}"#,
        r#"{"port": "9003"}"#,
    ] {
        assert_eq!(served.post("add_worker", body).await, 200);
    }
    assert_eq!(served.workers().await, r#"["[127.0.0.1]:9002","[127.0.0.1]:9003"]"#);
    assert_eq!(served.post("remove_worker", r#"{"port": "9002"}"#).await, 200);
    assert_eq!(served.workers().await, r#"["[127.0.0.1]:9003"]"#);
    served.shutdown.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_large_requests_are_refused() {
    let served = Served::new(RelayOptions {
        workers: 1,
        ..RelayOptions::default()
    })
    .await;
    for body in [
        "",
        "{}",
        "[]",
        r#"{"port": "x"}"#,
        r#"{"port": 0}"#,
        r#"{"port": 65536}"#,
        r#"{"port": null}"#,
    ] {
        assert_eq!(served.post("add_worker", body).await, 400, "{body}");
    }
    assert_eq!(served.post("add_worker", " ".repeat(4097)).await, 413);
    assert_eq!(served.post("add_worker", r#"{"port": 1}"#).await, 200);
    assert_eq!(served.post("add_worker", r#"{"port": 2}"#).await, 503);
    assert_eq!(served.post("add_worker", r#"{"port": 1}"#).await, 200);
    assert_eq!(served.workers().await, r#"["[127.0.0.1]:1"]"#);
}

#[test]
fn who_is_not_heard_of_is_forgotten() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let worker = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut workers = Workers::new(Duration::from_secs(300), 2);
    assert!(workers.add(worker(1), start));
    assert!(workers.add(worker(2), after(200)));
    assert!(!workers.add(worker(3), after(299)));
    assert_eq!(workers.list(after(299)), [worker(1), worker(2)]);
    assert_eq!(workers.list(after(300)), [worker(2)]);
    assert!(workers.add(worker(2), after(400)));
    assert!(workers.add(worker(3), after(499)));
    assert_eq!(workers.list(after(699)), [worker(2), worker(3)]);
}

#[test]
fn an_ipv4_worker_of_a_listener_on_both_families_is_an_ipv4_address() {
    let from = "[::ffff:192.0.2.7]:50000".parse().unwrap();
    assert_eq!(
        worker(from, br#"{"port": "9002"}"#),
        Ok("192.0.2.7:9002".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_worker_is_listed_until_it_stops() {
    let served = Served::new(RelayOptions::default()).await;
    let shutdown = CancellationToken::new();
    let options = AnnounceOptions {
        every: Duration::from_millis(5),
        ..AnnounceOptions::default()
    };
    let relay = served.address.to_string();
    let stop = shutdown.clone();
    let announcing = tokio::spawn(async move { announce(&relay, 9002, options, stop).await });
    while served.workers().await != r#"["[127.0.0.1]:9002"]"# {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    announcing.await.unwrap();
    assert_eq!(served.workers().await, "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_not_there_is_no_reason_to_stop() {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let options = AnnounceOptions {
        every: Duration::from_millis(1),
        ..AnnounceOptions::default()
    };
    let announcing = tokio::spawn(async move { announce("127.0.0.1:1", 9002, options, stop).await });
    tokio::task::yield_now().await;
    assert!(!announcing.is_finished());
    shutdown.cancel();
    announcing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_last_announcement_failed_takes_itself_off_all_the_same() {
    let (asked, mut questions) = tokio::sync::mpsc::channel(1 << 10);
    let announcements = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let relay = axum::Router::new().fallback(move |uri: axum::http::Uri| {
        let count = announcements.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        asked.try_send(uri.path().to_owned()).unwrap();
        std::future::ready(match count {
            0 => axum::http::StatusCode::OK,
            _ => axum::http::StatusCode::INTERNAL_SERVER_ERROR,
        })
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move { axum::serve(listener, relay).await });
    let shutdown = CancellationToken::new();
    let options = AnnounceOptions {
        every: Duration::from_millis(1),
        ..AnnounceOptions::default()
    };
    let announcing = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { announce(&address, 9002, options, shutdown).await }
    });
    for _ in 0..3 {
        assert_eq!(questions.recv().await.unwrap(), "/cloudbus/add_worker");
    }
    shutdown.cancel();
    announcing.await.unwrap();
    let mut last = String::new();
    while let Ok(question) = questions.try_recv() {
        last = question;
    }
    assert_eq!(last, "/cloudbus/remove_worker");
    serving.abort();
}
