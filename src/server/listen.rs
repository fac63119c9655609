//! Opening the port.

use std::{io, net::IpAddr};

use tokio::net::TcpListener;

/// Listens on `port` of `address`, or of every address, IPv4 and IPv6.
pub async fn listen(address: Option<IpAddr>, port: u16) -> io::Result<Vec<TcpListener>> {
    if let Some(address) = address {
        return Ok(vec![TcpListener::bind((address, port)).await?]);
    }
    let six = TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, port)).await;
    let port = six
        .as_ref()
        .ok()
        .and_then(|listener| listener.local_addr().ok())
        .map_or(port, |bound| bound.port());
    let four = TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port)).await;
    match (six, four) {
        (Ok(six), Ok(four)) => Ok(vec![six, four]),
        // On most systems the IPv6 port takes IPv4 connections too, and a second port on it is refused.
        (Ok(six), Err(error)) if error.kind() == io::ErrorKind::AddrInUse => Ok(vec![six]),
        (Ok(_), Err(error)) => Err(error),
        // A system without IPv6.
        (Err(_), Ok(four)) => Ok(vec![four]),
        (Err(error), Err(_)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_means_both_families() {
        let listeners = listen(None, 0).await.unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        let four = tokio::net::TcpStream::connect(("127.0.0.1", port));
        let accepted = async {
            match listeners.len() {
                1 => listeners[0].accept().await,
                _ => tokio::select! { a = listeners[0].accept() => a, b = listeners[1].accept() => b },
            }
        };
        let (connected, accepted) = tokio::join!(four, accepted);
        connected.unwrap();
        accepted.unwrap();
    }
}
