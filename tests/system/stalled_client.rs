//! A client that reads nothing: the server stops taking its data instead of keeping them.

use std::sync::Arc;

use gadgetron::server::{Services, handle};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::peer::{Answer, CLIENT_WAVEFORMS, boundaries, exchange_bytes};

/// What may lie between the client and the place where nothing moves any more: two sockets' worth of bytes (the
/// in-memory connection), what one read takes in, the channels, what is read
/// ahead to see whether the client is there, and what was encoded and not yet written.
#[tokio::test(start_paused = true)]
async fn what_is_taken_from_it_is_bounded() {
    const SOCKET: usize = 64 * 1024;
    let mut services = Services::default();
    services.limits.channel = engine::Capacity {
        messages: 4,
        bytes: 1 << 20,
    };
    services.limits.look_ahead_bytes = 2 << 20;
    let services = Arc::new(services);
    let (mut client, server) = duplex(SOCKET);
    let serving = tokio::spawn(handle(server, "stalled".into(), services));

    // Readouts come back as they are: the recorded client's configuration and header, then its first readout for ever.
    let boundaries = boundaries(CLIENT_WAVEFORMS);
    let preamble = &CLIENT_WAVEFORMS[..boundaries[2]];
    let readout = &CLIENT_WAVEFORMS[boundaries[2]..boundaries[3]];
    client.write_all(preamble).await.unwrap();
    let mut taken = 0;
    // Time is paused: it moves on only when nothing else can, so a time-out here means that everything stands still.
    while let Ok(written) = tokio::time::timeout(std::time::Duration::from_secs(5), client.write_all(readout)).await {
        written.unwrap();
        taken += readout.len();
        assert!(taken < 16 << 20, "16 MiB were taken from a client that reads nothing");
    }
    assert!(taken > SOCKET, "something was taken");
    drop(client);
    serving.await.unwrap();
}

/// What was read ahead is worked on in its turn, also where CLOSE is missing.
#[tokio::test(start_paused = true)]
async fn what_was_read_ahead_comes_back_in_order() {
    let mut services = Services::default();
    services.limits.channel = engine::Capacity::messages(2);
    let services = Arc::new(services);
    let boundaries = boundaries(CLIENT_WAVEFORMS);
    let end = boundaries[boundaries.len() - 2];
    let readouts = &CLIENT_WAVEFORMS[boundaries[2]..end];
    let close = &CLIENT_WAVEFORMS[end..];
    let whole = exchange_bytes(&services, [CLIENT_WAVEFORMS]).await;
    for complete in [true, false] {
        let (mut client, server) = duplex(1024);
        let serving = tokio::spawn(handle(server, "late".into(), services.clone()));
        client.write_all(&CLIENT_WAVEFORMS[..boundaries[2]]).await.unwrap();
        client.write_all(readouts).await.unwrap();
        if complete {
            client.write_all(close).await.unwrap();
        }
        client.shutdown().await.unwrap();
        // The server stands still, and has read everything: the writes above are through.
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        serving.await.unwrap();
        assert!(
            bytes.starts_with(&whole[..whole.len() - close.len()]),
            "complete: {complete}"
        );
        let answer = Answer::decode(&bytes);
        assert!(answer.closed);
        let told = answer.texts.iter().any(|text| text.contains("without CLOSE"));
        assert_eq!(told, !complete, "{:?}", answer.texts);
    }
}
