//! The list a discovery command prints.

use std::collections::HashSet;

use crate::{Address, address::AddressError, address::without_credentials};

/// What a list says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Every address once, in order.
    pub addresses: Vec<Address>,
    /// The entries that are no address, and why; credentials are hidden.
    pub skipped: Vec<(String, AddressError)>,
}

impl Listed {
    /// Warns of the entries that are no address, but for those that `told` names already.
    pub fn warn_of_skipped(&self, told: &HashSet<String>) {
        for (entry, error) in &self.skipped {
            if !told.contains(entry) {
                tracing::warn!("the discovery command lists \"{entry}\", which is no address: {error}; it is skipped");
            }
        }
    }
}

/// Why a text is no list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Nothing was printed.
    #[error("it printed nothing")]
    Nothing,
    /// Not a list.
    #[error("it begins \"{0}\"")]
    NoList(String),
    /// A list of something else.
    #[error("none of its {count} entries is an address; the first is \"{first}\": {error}")]
    NoAddresses {
        /// Number of entries.
        count: usize,
        /// The first of them.
        first: String,
        /// Why it is no address.
        error: AddressError,
    },
}

/// How much of a text or entry is shown, in characters.
const SHOWN: usize = 60;

/// Reads a JSON list of addresses, `["a:9002", "b:9002"]`, or one whose quotes a shell took away, `[a:9002, b:9002]`.
///
/// An empty list is a list. A list of which no entry is an address is none.
pub fn parse_list(text: &[u8]) -> Result<Listed, ListError> {
    let text = String::from_utf8_lossy(text);
    let text = text.trim();
    if text.is_empty() {
        return Err(ListError::Nothing);
    }
    let entries: Vec<String> = match serde_json::from_str::<Vec<serde_json::Value>>(text) {
        Ok(values) => values
            .into_iter()
            .map(|value| match value {
                serde_json::Value::String(entry) => entry,
                other => other.to_string(),
            })
            .collect(),
        Err(_) => unquoted(text).ok_or_else(|| ListError::NoList(shown(text)))?,
    };
    let mut listed = Listed::default();
    for entry in &entries {
        match entry.parse() {
            Ok(address) => listed.addresses.push(address),
            Err(error) => listed.skipped.push((shown(entry), error)),
        }
    }
    match listed.skipped.first() {
        Some((first, error)) if listed.addresses.is_empty() => Err(ListError::NoAddresses {
            count: entries.len(),
            first: first.clone(),
            error: *error,
        }),
        _ => {
            listed.addresses = each_once(listed.addresses);
            Ok(listed)
        }
    }
}

/// The entries between the outermost brackets. No address holds a comma.
fn unquoted(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?.trim();
    // A comma after the last entry is forgiven.
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let bare = |entry: &str| entry.trim().trim_matches(['"', '\'']).to_owned();
    Some(inner.split(',').map(bare).collect())
}

/// Keeps the first of equal addresses.
pub(super) fn each_once(mut addresses: Vec<Address>) -> Vec<Address> {
    let mut seen = HashSet::new();
    addresses.retain(|address| seen.insert(address.clone()));
    addresses
}

fn shown(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let mut shown: String = without_credentials(first).chars().take(SHOWN).collect();
    if shown.len() < text.len() && !shown.contains("***") {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses(text: &str) -> Vec<String> {
        let listed = parse_list(text.as_bytes()).unwrap();
        listed.addresses.iter().map(Address::to_string).collect()
    }

    #[test]
    fn both_lists_are_read() {
        let expected = ["localhost:9050", "localhost:9051"];
        assert_eq!(addresses("[\"localhost:9050\", \"localhost:9051\"]\n"), expected);
        assert_eq!(addresses("[localhost:9050, localhost:9051]\n"), expected);
        assert_eq!(
            addresses("[[::1]:9002, [192.0.2.7]:9002]"),
            ["[::1]:9002", "192.0.2.7:9002"]
        );
        assert_eq!(addresses("[\"a:1\",\n  \"b:2\"\n]"), ["a:1", "b:2"]);
        assert_eq!(addresses("[\"a:1\", \"b:2\",]"), ["a:1", "b:2"]);
        assert_eq!(addresses("[]"), [""; 0]);
        assert_eq!(addresses("[ ]"), [""; 0]);
    }

    #[test]
    fn an_address_listed_twice_counts_once() {
        assert_eq!(
            addresses(r#"["b:1", "a:1", "B:1", "[192.0.2.7]:1", "192.0.2.7:1"]"#),
            ["b:1", "a:1", "192.0.2.7:1"]
        );
    }

    #[test]
    fn an_entry_that_is_no_address_is_skipped() {
        let listed = parse_list(br#"["a:1", 7, "http://me:secret@b:2"]"#).unwrap();
        assert_eq!(listed.addresses, ["a:1".parse().unwrap()]);
        assert_eq!(
            listed.skipped,
            [
                ("7".into(), AddressError::NoPort),
                ("http://***@b:2".into(), AddressError::Url)
            ]
        );
    }

    #[test]
    fn what_is_no_list_says_how_it_begins() {
        assert_eq!(parse_list(b" \n"), Err(ListError::Nothing));
        assert_eq!(
            parse_list(b"<html>\n<body>404</body>"),
            Err(ListError::NoList("<html>...".into()))
        );
        assert!(matches!(parse_list(br#"["a:1", "b:"#), Err(ListError::NoList(_))));
        assert!(matches!(
            parse_list(br#"{"workers": ["a:1"]}"#),
            Err(ListError::NoList(_))
        ));
        assert!(matches!(
            parse_list(b"[1, 2]"),
            Err(ListError::NoAddresses { count: 2, .. })
        ));
        assert!(matches!(
            parse_list(br#"["a:1" "b:2"]"#),
            Err(ListError::NoAddresses { .. })
        ));
        let shown = parse_list(b"[http://me:secret@b:2]").unwrap_err().to_string();
        assert!(!shown.contains("secret"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse_list(&bytes);
        }
    }
}
