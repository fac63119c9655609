//! What the MRD storage server promises, asked of the server that runs here.

use crate::{
    http::{get, post, post_chunked},
    process::{Server, scratch},
};

#[test]
fn the_storage_of_a_server_answers_as_the_mrd_storage_server() {
    let folder = scratch();
    let server = Server::storing_in(folder.path());
    let storage = server.storage();
    assert!(storage.ip().is_loopback());
    assert_eq!(get(storage, "/healthcheck").status, 200);

    let tags = "subject=s%201&device=d&session=e&name=n&Measurement=m_1&measurement=m_2";
    let created = post_chunked(
        storage,
        &format!("/v1/blobs/data?{tags}&_ttl=2h45m"),
        &[b"first ", b"part"],
    );
    assert_eq!(created.status, 201);
    let metadata = created.json();
    for (name, value) in [("subject", "s 1"), ("device", "d"), ("session", "e"), ("name", "n")] {
        assert_eq!(metadata[name], value);
    }
    assert_eq!(metadata["measurement"], serde_json::json!(["m_1", "m_2"]));
    let [modified, expires] = ["lastModified", "expires"].map(|name| {
        let time = metadata[name].as_str().expect("a time");
        time.parse::<jiff::Timestamp>().expect("as RFC 3339 says it")
    });
    assert_eq!(expires.as_second() - modified.as_second(), 9900);

    let location = metadata["location"].as_str().expect("a place");
    let path = location
        .strip_prefix(&format!("http://{storage}"))
        .expect("on this server");
    assert!(path.starts_with("/v1/blobs/"));
    assert_eq!(metadata["data"], format!("{location}/data"));
    assert_eq!(get(storage, path).json(), metadata);
    let data = get(storage, &format!("{path}/data"));
    assert_eq!((data.status, data.body.as_slice()), (200, b"first part".as_slice()));
    assert_eq!(data.header("Mrd-Tag-Subject"), Some("s 1"));
    assert_eq!(data.header("Location"), Some(location));
    assert!(data.header("Last-Modified").is_some() && data.header("Expires").is_some());

    assert_eq!(post(storage, &format!("/v1/blobs/data?{tags}"), b"second").status, 201);
    let latest = get(storage, &format!("/v1/blobs/data/latest?{tags}"));
    assert_eq!(latest.body, b"second");
    let found = get(storage, "/v1/blobs?subject=s+1&NAME=n&_limit=1").json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    let next = found["nextLink"].as_str().expect("more");
    let next = next.strip_prefix(&format!("http://{storage}")).unwrap_or(next);
    let last = get(storage, next).json();
    assert_eq!(last["items"][0], metadata);
    assert!(last["nextLink"].is_null());

    for (path, error) in [
        ("/v1/blobs/data/latest?subject=s&name=n", (404, "EmptyResults")),
        ("/v1/blobs?name=n", (400, "InvalidQuery")),
        ("/v1/blobs?subject=s&_at=noon", (400, "InvalidParameter")),
        ("/v1/blobs?subject=s&_ct=x!", (400, "InvalidContinuationToken")),
    ] {
        assert_eq!(get(storage, path).error(), (error.0, error.1.to_owned()), "{path}");
    }
    for (path, code) in [
        ("/v1/blobs/data?subject=", "InvalidSubject"),
        ("/v1/blobs/data?subject=s&_ttl=-3s", "InvalidTag"),
        ("/v1/blobs/data?subject=s&expires=x", "InvalidTag"),
    ] {
        assert_eq!(post(storage, path, b"x").error(), (400, code.to_owned()), "{path}");
    }
}

/// A blob appears when its bytes are complete, also when the process dies.
#[test]
fn a_blob_whose_bytes_do_not_end_is_never_seen() {
    use std::io::Write;
    let folder = scratch();
    let server = Server::storing_in(folder.path());
    let storage = server.storage();
    let mut stream = std::net::TcpStream::connect(storage).unwrap();
    let head = format!("POST /v1/blobs/data?subject=s HTTP/1.1\r\nHost: {storage}\r\nContent-Length: 1000\r\n\r\nhalf");
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(get(storage, "/v1/blobs/data/latest?subject=s").status, 404);
    server.kill();
    let server = Server::storing_in(folder.path());
    assert_eq!(get(server.storage(), "/v1/blobs/data/latest?subject=s").status, 404);
    let left = std::fs::read_dir(crate::process::blobs(folder.path())).unwrap().count();
    assert_eq!(left, 0);
}
