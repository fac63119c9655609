use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::*;
use crate::http::HttpLimits;

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_created_and_read_by_every_route() {
    let served = Served::with_defaults().await;
    let path = "/v1/blobs/data?subject=a%2Fb&Device=d&session=s&name=n&Custom=1&custom=2&_ttl=1h";
    let created = served.http("POST", path, b"content").await;
    assert_eq!(created.status, 201);
    let metadata = created.json();
    let base = served.server.url();
    let location = metadata["location"].as_str().unwrap();
    let (id, subject) = location
        .strip_prefix(&format!("{base}/v1/blobs/"))
        .unwrap()
        .split_at(36);
    assert!(uuid::Uuid::try_parse(id).is_ok());
    assert_eq!(subject, "-a%2Fb");
    assert_eq!(
        metadata,
        json!({
            "subject": "a/b", "device": "d", "session": "s", "name": "n", "custom": ["1", "2"], "contentType": "text/plain",
            "lastModified": "2027-01-15T08:00:00Z", "expires": "2027-01-15T09:00:00Z",
            "location": location, "data": format!("{location}/data"),
        })
    );
    assert_eq!(served.http("GET", location, b"").await.json(), metadata);
    for path in [&format!("{location}/data"), "/v1/blobs/data/latest?subject=a/b&name=n"] {
        let read = served.http("GET", path, b"").await;
        assert_eq!((read.status, read.bytes.as_slice()), (200, b"content".as_slice()));
        assert_eq!(read.header("content-type"), ["text/plain"]);
        assert_eq!(read.header("content-length"), ["7"]);
        assert_eq!(read.header("last-modified"), ["Fri, 15 Jan 2027 08:00:00 GMT"]);
        assert_eq!(read.header("expires"), ["Fri, 15 Jan 2027 09:00:00 GMT"]);
        assert_eq!(read.header("location"), [location]);
        assert_eq!(read.header("mrd-tag-subject"), ["a/b"]);
        assert_eq!(read.header("mrd-tag-custom"), ["1", "2"]);
    }
    assert_eq!(served.http("GET", "/healthcheck", b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_come_newest_first_in_pages() {
    let served = Served::with_defaults().await;
    for content in [b"0", b"1", b"2", b"3", b"4"] {
        served
            .http("POST", "/v1/blobs/data?subject=$null&name=a%20b", content)
            .await;
        served.clock.advance(Duration::from_secs(1));
    }
    served
        .http("POST", "/v1/blobs/data?subject=other&name=a%20b", b"x")
        .await;
    let mut next = Some("/v1/blobs?subject=$null&NAME=a+b&_limit=2".to_owned());
    let (mut sizes, mut contents) = (Vec::new(), Vec::new());
    while let Some(path) = next {
        let page = served.http("GET", &path, b"").await.json();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        for item in items {
            contents.extend(served.http("GET", item["data"].as_str().unwrap(), b"").await.bytes);
        }
        next = page["nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!((sizes, contents.as_slice()), (vec![2, 2, 1], b"43210".as_slice()));
    let at = served
        .http(
            "GET",
            "/v1/blobs/data/latest?subject=$null&_at=2027-01-15T09:00:02%2B01:00",
            b"",
        )
        .await;
    assert_eq!(at.bytes, b"2");
    for limit in ["0", "101", "x", "-1"] {
        let page = served
            .http("GET", &format!("/v1/blobs?subject=$null&_limit={limit}"), b"")
            .await
            .json();
        assert_eq!(page["items"].as_array().unwrap().len(), 5, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_values_asked_for_must_be_there() {
    let served = Served::with_defaults().await;
    served
        .http("POST", "/v1/blobs/data?subject=s&name=N&c=1&c=2", b"")
        .await;
    let cases = [
        ("subject=s", 1),
        ("subject=s&c=1", 1),
        ("subject=s&C=2&c=1", 1),
        ("subject=s&c=1&c=3", 0),
        ("subject=s&name=n", 0),
        ("subject=s&name=N&name=M", 0),
        ("subject=S", 0),
        ("subject=s&subject=t", 0),
        ("subject=s&other=1", 0),
        ("subject=s&subject=s", 1),
    ];
    for (query, count) in cases {
        let found = served.http("GET", &format!("/v1/blobs?{query}"), b"").await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_why() {
    let served = Served::with_defaults().await;
    let long = "x".repeat(129);
    let cases = [
        ("POST", "data?name=n".to_owned(), 400, "InvalidTag"),
        ("POST", "data?subject=".to_owned(), 400, "InvalidSubject"),
        ("POST", "data?subject=a&subject=b".to_owned(), 400, "InvalidSubject"),
        ("POST", "data?subject=a&device=1&device=2".to_owned(), 400, "InvalidTag"),
        ("POST", "data?subject=a&location=x".to_owned(), 400, "InvalidTag"),
        ("POST", "data?subject=a&1x=x".to_owned(), 400, "InvalidTag"),
        ("POST", "data?subject=a&_x=x".to_owned(), 400, "InvalidTag"),
        ("POST", "data?subject=a&_ttl=-1s".to_owned(), 400, "InvalidTag"),
        ("POST", "data?subject=a&x=%00".to_owned(), 400, "InvalidTag"),
        ("POST", format!("data?subject=a&x={long}"), 400, "InvalidTag"),
        ("POST", format!("data?subject=a&{long}=x"), 400, "InvalidTag"),
        (
            "POST",
            format!("data?subject=a{}", "&x=1".repeat(65)),
            400,
            "InvalidTag",
        ),
        ("GET", String::new(), 400, "InvalidQuery"),
        ("GET", "data/latest?name=n".to_owned(), 400, "InvalidQuery"),
        ("GET", "data/latest?subject=a".to_owned(), 404, "EmptyResults"),
        ("GET", "?subject=a&_at=yesterday".to_owned(), 400, "InvalidParameter"),
        ("GET", "?subject=a&_ct=!".to_owned(), 400, "InvalidContinuationToken"),
        ("GET", "nonsense".to_owned(), 404, "NotFound"),
        ("GET", format!("{}-a", uuid::Uuid::nil()), 404, "NotFound"),
        ("GET", "../../metadata.redb/data".to_owned(), 404, "NotFound"),
        ("GET", "..%2F..%2Fmetadata.redb/data".to_owned(), 404, "NotFound"),
    ];
    for (method, rest, status, code) in cases {
        let separator = if rest.starts_with('?') || rest.is_empty() {
            ""
        } else {
            "/"
        };
        let answer = served.http(method, &format!("/v1/blobs{separator}{rest}"), b"x").await;
        if rest.starts_with("../") {
            // The client has resolved the dots: there is no such route.
            assert_eq!(answer.status, 404, "{rest}");
        } else {
            assert_eq!(answer.error(), (status, code.to_owned()), "{method} {rest}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_told_and_leave_nothing_behind() {
    let limits = StoreLimits {
        blob_bytes: 4,
        total_bytes: 6,
        blobs: 2,
    };
    let served = Served::new(limits, StorageServerOptions::default()).await;
    let post = |body| served.http("POST", "/v1/blobs/data?subject=s", body);
    assert_eq!(post(b"12345").await.error(), (413, "TooLarge".to_owned()));
    assert_eq!(post(b"1234").await.status, 201);
    assert_eq!(post(b"123").await.error(), (507, "StoreFull".to_owned()));
    assert_eq!(post(b"12").await.status, 201);
    assert_eq!(post(b"").await.error(), (507, "StoreFull".to_owned()));
    let files = std::fs::read_dir(served.folder.path().join("blobs")).unwrap().count();
    assert_eq!(files, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_cut_off_or_stalls_leaves_nothing() {
    let options = StorageServerOptions {
        idle: Duration::from_millis(50),
        ..StorageServerOptions::default()
    };
    let served = Served::new(StoreLimits::default(), options).await;
    for cut in [true, false] {
        let mut stream = TcpStream::connect(served.server.address()).await.unwrap();
        let request = "POST /v1/blobs/data?subject=s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n0123456789";
        stream.write_all(request.as_bytes()).await.unwrap();
        if cut {
            stream.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        // The server answers or closes the connection.
        let _ = stream.read_to_end(&mut answer).await;
        if !cut {
            assert!(
                answer.starts_with(b"HTTP/1.1 408 "),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
    let found = served.http("GET", "/v1/blobs?subject=s", b"").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_past_the_bound_wait_until_idle_ones_are_closed() {
    let http = HttpLimits {
        connections: 2,
        idle: std::time::Duration::from_secs(1),
    };
    let options = StorageServerOptions {
        http,
        ..StorageServerOptions::default()
    };
    let served = Served::new(StoreLimits::default(), options).await;
    let started = Instant::now();
    let address = served.server.address();
    let idle = [
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    ];
    assert_eq!(served.http("GET", "/healthcheck", b"").await.status, 200);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_listens_no_more() {
    let served = Served::with_defaults().await;
    assert!(served.server.address().ip().is_loopback());
    let address = served.server.address();
    served.server.stop().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
