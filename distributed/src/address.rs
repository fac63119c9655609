//! Where a worker listens.

use std::{fmt, net::IpAddr, str::FromStr};

/// The place a worker listens at: a host and a port.
///
/// Read from `host:port`, where the host is a name, an IPv4 address or an IPv6 address in brackets. IPv4 addresses in
/// brackets, and as IPv6 addresses that stand for them, are understood too: relays in the field list them so. Two
/// spellings of one address are equal.
///
/// ```
/// use distributed::Address;
/// let address: Address = "[192.0.2.7]:9002".parse().unwrap();
/// assert_eq!(address.to_string(), "192.0.2.7:9002");
/// assert_eq!("[::1]:9002".parse::<Address>().unwrap().host(), "::1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `:port` at the end.
    #[error("it has no port: \"host:port\" is expected")]
    NoPort,
    /// A URL.
    #[error("it is a URL: \"host:port\" is expected, with nothing before or after")]
    Url,
    /// The port is no number from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// The host is empty, too long or has characters that no host has.
    #[error("its host is neither a name nor an IP address")]
    Host,
    /// What stands in brackets is no IP address.
    #[error("what stands in brackets is no IP address")]
    Brackets,
    /// An IPv6 address without brackets: where it ends and the port begins is a guess.
    #[error("an IPv6 address needs brackets: \"[::1]:9002\"")]
    NeedsBrackets,
}

/// The longest name the domain name system has.
const LONGEST_NAME: usize = 253;

impl Address {
    /// The host: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains("//") {
            return Err(AddressError::Url);
        }
        let (host, port) = text.trim().rsplit_once(':').ok_or(AddressError::NoPort)?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = if digits { port.parse().ok() } else { None };
        let host = match host.strip_prefix('[') {
            Some(inner) => {
                let inner = inner.strip_suffix(']').ok_or(AddressError::Brackets)?;
                // Relays that listen on both families list IPv4 workers as ::ffff:a.b.c.d.
                let ip = inner.parse::<IpAddr>().map_err(|_| AddressError::Brackets)?;
                ip.to_canonical().to_string()
            }
            None if host.contains(':') => return Err(AddressError::NeedsBrackets),
            None => name(host).ok_or(AddressError::Host)?,
        };
        let port = port.filter(|port| *port > 0).ok_or(AddressError::Port)?;
        Ok(Self { host, port })
    }
}

/// The one spelling of a host that is a name or an IPv4 address.
fn name(host: &str) -> Option<String> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    let fits = !host.is_empty() && host.len() <= LONGEST_NAME && !host.starts_with('-');
    // Underscores are no host names by the book, and common in containers' networks.
    let plain = host
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    (fits && plain).then(|| host.to_lowercase())
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// Hides what stands between `//` and the last `@` of every word: the credentials of a URL never reach a log.
pub(crate) fn without_credentials(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let hidden = word.rsplit_once('@').map(|(before, host)| match before.find("//") {
            Some(start) => format!("{}//***@{host}", &before[..start]),
            None if before.contains(':') => format!("***@{host}"),
            None => word.to_owned(),
        });
        words.push(hidden.unwrap_or_else(|| word.to_owned()));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_both_families_are_read() {
        for (text, host, port) in [
            ("localhost:9002", "localhost", 9002),
            (" node-7.cluster.example:1 ", "node-7.cluster.example", 1),
            ("Worker_3:9002", "worker_3", 9002),
            ("192.0.2.7:65535", "192.0.2.7", 65535),
            ("[192.0.2.7]:9002", "192.0.2.7", 9002),
            ("[::ffff:192.0.2.7]:9002", "192.0.2.7", 9002),
            ("[::1]:9002", "::1", 9002),
            ("[2001:DB8:0::7]:9002", "2001:db8::7", 9002),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, error) in [
            ("", AddressError::NoPort),
            ("localhost", AddressError::NoPort),
            ("localhost:", AddressError::Port),
            ("localhost:0", AddressError::Port),
            ("localhost:65536", AddressError::Port),
            ("localhost:+80", AddressError::Port),
            (":9002", AddressError::Host),
            ("a b:9002", AddressError::Host),
            ("-oProxyCommand=x:9002", AddressError::Host),
            ("user@host:9002", AddressError::Host),
            ("http://host:9002", AddressError::Url),
            ("::1:9002", AddressError::NeedsBrackets),
            ("[::1:9002", AddressError::Brackets),
            ("[name]:9002", AddressError::Brackets),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }

    #[test]
    fn credentials_are_hidden() {
        for (text, hidden) in [
            ("http://user:secret@host:9002", "http://***@host:9002"),
            (
                "curl: (7) https://u:p@ss@host failed",
                "curl: (7) https://***@host failed",
            ),
            ("user:secret@host:9002", "***@host:9002"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(without_credentials(text), hidden);
        }
    }

    proptest! {
        #[test]
        fn an_address_is_read_back_from_what_it_prints(ip: IpAddr, port in 1..=u16::MAX) {
            let address: Address = format!("[{ip}]:{port}").parse().unwrap();
            prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Address>();
            let _ = without_credentials(&text);
        }
    }
}
