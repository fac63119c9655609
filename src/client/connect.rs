//! Reaching a server.

use std::time::Duration;

use tokio::net::TcpStream;

/// A server that just starts refuses connections: so long we try again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first pause between two tries; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// No connection.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {address}:{port}: {reason}")]
pub struct ConnectError {
    address: String,
    port: u16,
    reason: String,
}

/// Connects to a server, trying each of its addresses, and again for two seconds when it refuses; `timeout` bounds all
/// of it.
pub async fn connect(address: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let error = |reason: String| ConnectError {
        address: address.to_owned(),
        port,
        reason,
    };
    match tokio::time::timeout(timeout, retry(address, port)).await {
        Ok(Ok(stream)) => {
            // Small messages must not wait for the answer to earlier ones.
            stream.set_nodelay(true).map_err(|reason| error(reason.to_string()))?;
            Ok(stream)
        }
        Ok(Err(reason)) => Err(error(reason.to_string())),
        Err(_) => Err(error(format!("no answer within {timeout:?}"))),
    }
}

async fn retry(address: &str, port: u16) -> std::io::Result<TcpStream> {
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        // Tries every address that the name has.
        match TcpStream::connect((address, port)).await {
            Err(error)
                if error.kind() == std::io::ErrorKind::ConnectionRefused
                    && tokio::time::Instant::now() + pause < end =>
            {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
}
