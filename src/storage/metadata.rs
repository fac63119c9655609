//! What is known about a blob, and how it is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A stored blob, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its name in the store.
    pub id: Uuid,
    /// Whom it is about; `$null` for nobody.
    pub subject: String,
    /// All other tags: lower-case names with their values. `device`, `session` and `name` have one value.
    pub tags: BTreeMap<String, Vec<String>>,
    /// The type the bytes were stored with.
    pub content_type: Option<String>,
    /// When it was stored, in microseconds since 1970.
    pub created: i64,
    /// When it may go, in microseconds since 1970.
    pub expires: Option<i64>,
    /// Number of bytes.
    pub size: u64,
}

impl Blob {
    /// The type of the bytes, also where none was given.
    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or("application/octet-stream")
    }

    /// Whether it is gone at `now`.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now.as_microsecond())
    }

    /// When it was stored.
    pub fn created(&self) -> Timestamp {
        timestamp(self.created)
    }

    /// When it may go.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires.map(timestamp)
    }

    /// Where its metadata are, below `base` (`http://HOST:PORT`).
    pub(super) fn location(&self, base: &str) -> String {
        let subject: String = self.subject.bytes().map(percent_encoded).collect();
        format!("{base}/v1/blobs/{}-{subject}", self.id)
    }

    /// The metadata as the interface shows them.
    pub(super) fn to_json(&self, base: &str) -> Value {
        let location = self.location(base);
        let mut json = Map::new();
        for (name, values) in &self.tags {
            let value = match values.as_slice() {
                [value] => Value::from(value.as_str()),
                values => Value::from(values),
            };
            json.insert(name.clone(), value);
        }
        json.insert("subject".into(), self.subject.as_str().into());
        if let Some(content_type) = &self.content_type {
            json.insert("contentType".into(), content_type.as_str().into());
        }
        json.insert("lastModified".into(), self.created().to_string().into());
        if let Some(expires) = self.expires() {
            json.insert("expires".into(), expires.to_string().into());
        }
        json.insert("data".into(), format!("{location}/data").into());
        json.insert("location".into(), location.into());
        Value::Object(json)
    }
}

fn timestamp(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

/// A byte of a path segment or of a query's value.
pub(super) fn percent_encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}
