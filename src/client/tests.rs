//! The client against recordings of the original, over connections in memory.

use std::sync::{Arc, Mutex};

use protocol::codec::Payload;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn recording(name: &str) -> Vec<u8> {
    std::fs::read(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("protocol/tests/data")
            .join(name),
    )
    .unwrap()
}

fn reconstruction(configuration: ConfigurationChoice, file: &str) -> Request {
    Request::Reconstruction {
        configuration,
        measurement: Some(Box::new(RawDataFile::open(data(file), "/dataset").unwrap())),
    }
}

fn default_job() -> Request {
    reconstruction(ConfigurationChoice::Named("default.xml".into()), "tiny.h5")
}

/// Keeps the types of messages, words and answers.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
    fn push(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Output for Kept {
    fn message(&mut self, payload: Payload) -> Result<bool, ClientError> {
        self.push(payload.type_name.rsplit("::").next().unwrap_or_default().to_owned());
        Ok(true)
    }
    fn words(&mut self, words: &str) {
        self.push(format!("words: {words}"));
    }
    fn answer(&mut self, text: &str) -> Result<(), ClientError> {
        self.push(format!("answer: {text}"));
        Ok(())
    }
}

/// Runs a job against a server that answers with these bytes; gives what the client sent, the result, and what it kept.
async fn against(request: Request, answer: Vec<u8>) -> (Vec<u8>, Result<Outcome, ClientError>, Vec<String>) {
    let (ours, theirs) = duplex(4096);
    let (reader, writer) = tokio::io::split(ours);
    let kept = Kept::default();
    let job = run(
        reader,
        writer,
        request,
        kept.clone(),
        Settings::default(),
        Arc::default(),
    );
    let server = async move {
        let (mut from, mut to): (tokio::io::ReadHalf<DuplexStream>, _) = tokio::io::split(theirs);
        let mut sent = Vec::new();
        // Reads everything up to the close before it answers, so that all of it can be compared.
        let mut buffer = [0; 4096];
        while !sent.ends_with(&[4, 0]) || sent.len() < 40 {
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => sent.extend_from_slice(&buffer[..count]),
            }
        }
        let _ = to.write_all(&answer).await;
        let _ = to.shutdown().await;
        sent
    };
    let (result, sent) = tokio::join!(job, server);
    (sent, result, kept.all())
}

#[tokio::test]
async fn what_is_sent_is_what_the_original_sends() {
    let (sent, result, _) = against(default_job(), recording("client_default.0.s2c.bin")).await;
    assert!(
        sent == recording("client_default.0.c2s.bin"),
        "{} bytes differ from the recording",
        sent.len()
    );
    assert_eq!(result.unwrap().received.kept, 2);
}

#[tokio::test]
async fn waveforms_and_readouts_go_out_in_the_originals_order() {
    let text = std::fs::read_to_string(data("bucketless.xml")).unwrap();
    let request = reconstruction(ConfigurationChoice::Text(text), "tiny_wav.h5");
    let (sent, result, kept) = against(request, recording("client_waveforms.0.s2c.bin")).await;
    assert!(
        sent == recording("client_waveforms.0.c2s.bin"),
        "{} bytes differ from the recording",
        sent.len()
    );
    let outcome = result.unwrap();
    assert_eq!((outcome.items_sent, outcome.received.kept), (35, kept.len() as u64));
    assert!(kept.contains(&"Waveform".to_owned()) && kept.contains(&"Acquisition".to_owned()));
}

#[tokio::test]
async fn a_question_is_asked_as_the_original_asks_it() {
    let request = Request::Query("gadgetron::info".into());
    let (sent, result, kept) = against(request, recording("client_query.0.s2c.bin")).await;
    assert_eq!(sent, recording("client_query.0.c2s.bin"));
    assert!(result.is_ok() && kept[0].starts_with("answer: "), "{kept:?}");
}

#[tokio::test]
async fn an_error_of_the_server_is_an_error_in_its_words() {
    let (_, result, kept) = against(default_job(), recording("client_error.0.s2c.bin")).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, ClientError::Server(words) if words[0].contains("ERROR")),
        "{error}"
    );
    assert!(kept[0].starts_with("words: "));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_an_error_and_what_was_complete_is_kept() {
    let whole = recording("client_default.0.s2c.bin");
    for (length, images) in [
        (0, 0),
        (600, 0),
        (whole.len() / 2, 1),
        (whole.len() - 3, 1),
        (whole.len() - 2, 2),
    ] {
        let (_, result, kept) = against(default_job(), whole[..length].to_vec()).await;
        let error = result.unwrap_err();
        assert!(matches!(error, ClientError::Cut { .. }), "{length}: {error}");
        assert_eq!(kept.len(), images, "{length} bytes");
    }
}

#[tokio::test]
async fn a_server_that_ends_early_with_words_is_heard() {
    // The server answers and closes without reading: sending fails, and its words still come first.
    let (ours, theirs) = duplex(1024);
    let (reader, writer) = tokio::io::split(ours);
    let kept = Kept::default();
    let job = run(
        reader,
        writer,
        default_job(),
        kept.clone(),
        Settings::default(),
        Arc::default(),
    );
    let server = async move {
        let mut theirs = theirs;
        theirs.write_all(&recording("client_error.0.s2c.bin")).await.unwrap();
    };
    let (result, ()) = tokio::join!(job, server);
    assert!(matches!(result, Err(ClientError::Server(_))), "{result:?}");
}

#[tokio::test]
async fn both_sides_full_is_no_deadlock() {
    // A server that writes megabytes before it reads anything, over a connection that holds 64 bytes.
    let (ours, theirs) = duplex(64);
    let (reader, writer) = tokio::io::split(ours);
    let job = run(
        reader,
        writer,
        default_job(),
        Discard,
        Settings::default(),
        Arc::default(),
    );
    let server = async move {
        let (mut from, mut to) = tokio::io::split(theirs);
        let image = recording("client_default.0.s2c.bin");
        for _ in 0..200 {
            to.write_all(&image[..image.len() - 2]).await.unwrap();
        }
        let mut sent = vec![0; recording("client_default.0.c2s.bin").len()];
        from.read_exact(&mut sent).await.unwrap();
        to.write_all(&[4, 0]).await.unwrap();
    };
    let (result, ()) = tokio::join!(job, server);
    assert_eq!(result.unwrap().received.kept, 400);
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (ours, _theirs) = duplex(1 << 20);
    let (reader, writer) = tokio::io::split(ours);
    let settings = Settings {
        silence: Some(std::time::Duration::from_millis(50)),
        ..Settings::default()
    };
    let request = Request::Query("gadgetron::info".into());
    let result = run(reader, writer, request, Discard, settings, Arc::default()).await;
    assert!(matches!(result, Err(ClientError::Silent(_))), "{result:?}");
}

#[tokio::test]
async fn images_are_stored_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.h5");
    let (ours, mut theirs) = duplex(1 << 20);
    let (reader, writer) = tokio::io::split(ours);
    let output = OutputFiles::new(&path, "default.xml");
    let job = run(
        reader,
        writer,
        default_job(),
        output,
        Settings::default(),
        Arc::default(),
    );
    theirs.write_all(&recording("client_default.0.s2c.bin")).await.unwrap();
    assert_eq!(job.await.unwrap().received.kept, 2);
    let read = |path| {
        crate::files::ImageReader::open(path)
            .unwrap()
            .series("default.xml")
            .unwrap()
    };
    assert_eq!(read(path), read(data("tiny.default.h5")));
}
