//! The body of the fuzz target for what comes from outside here: see `docs/fuzzing.md`.

use crate::discovery::parse_list;

/// What a discovery command prints: the addresses found are listed once each, and printed as a list they are found
/// again; what is shown of the rest stays short and on one line.
pub fn discovery(bytes: &[u8]) {
    let listed = match parse_list(bytes) {
        Ok(listed) => listed,
        Err(error) => {
            let words = error.to_string();
            assert!(words.chars().count() < 300 && !words.contains('\n'), "{words}");
            return;
        }
    };
    for (entry, _) in &listed.skipped {
        assert!(entry.chars().count() <= 80 && !entry.contains('\n'), "{entry}");
    }
    let printed: Vec<String> = listed.addresses.iter().map(ToString::to_string).collect();
    for printed in [
        format!("[{}]", printed.join(", ")),
        serde_json::Value::from(printed.clone()).to_string(),
    ] {
        match parse_list(printed.as_bytes()) {
            Ok(again) => {
                assert_eq!(again.addresses, listed.addresses, "{printed}");
                assert!(again.skipped.is_empty(), "{printed}");
            }
            Err(error) => panic!("{printed}: {error}"),
        }
    }
}
