//! Query strings: the tags of a new blob, and searches over tags.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

/// Values of all tags of one blob together, at most.
const MOST_VALUES: usize = 64;
/// Characters of one value, at most.
const LONGEST_VALUE: usize = 128;
/// Names that mean something else in metadata and headers.
const RESERVED: [&str; 9] = [
    "location",
    "last-modified",
    "lastmodified",
    "content-type",
    "contenttype",
    "expires",
    "data",
    "id",
    "items",
];

/// What is wrong with a query, as the interface says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct QueryError {
    pub(super) code: &'static str,
    pub(super) message: String,
}

fn error<T>(code: &'static str, message: impl Into<String>) -> Result<T, QueryError> {
    let message = message.into();
    Err(QueryError { code, message })
}

/// What a new blob is stored under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Whom it is about; `$null` for nobody.
    pub subject: String,
    /// All other tags, names in lower case.
    pub tags: BTreeMap<String, Vec<String>>,
    /// The type of the bytes.
    pub content_type: Option<String>,
    /// How long it is kept; for ever where nothing is said.
    pub time_to_live: Option<Duration>,
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Whom it is about.
    pub subject: String,
    /// Values that must all be there.
    pub tags: BTreeMap<String, Vec<String>>,
    /// Nothing stored later than this.
    pub at: Option<Timestamp>,
    /// Results on a page: 1 to 100.
    pub limit: usize,
    /// Where the page before ended.
    pub continuation: Option<u64>,
}

type Pairs = Vec<(String, String)>;

/// The pairs by name, names in lower case.
fn grouped(pairs: Pairs) -> BTreeMap<String, Vec<String>> {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in pairs {
        groups.entry(name.to_lowercase()).or_default().push(value);
    }
    groups
}

impl Tags {
    pub(super) fn from_query(pairs: Pairs, content_type: Option<String>) -> Result<Self, QueryError> {
        let mut tags = grouped(pairs);
        let time_to_live = match tags.remove("_ttl").as_deref() {
            None => None,
            Some([text]) => match duration(text) {
                Some(duration) => Some(duration),
                None => {
                    return error(
                        "InvalidTag",
                        format!("_ttl is \"{text}\"; expected a duration such as 2h45m, not negative"),
                    );
                }
            },
            Some(_) => return error("InvalidTag", "_ttl is given more than once"),
        };
        let subject = match tags.remove("subject").as_deref() {
            None => {
                return error(
                    "InvalidTag",
                    "the tag subject is missing; where there is no subject, say $null",
                );
            }
            Some([subject]) if !subject.is_empty() && valid_value(subject) => subject.clone(),
            Some(_) => {
                return error(
                    "InvalidSubject",
                    "the subject must be one value, not empty, of at most 128 characters",
                );
            }
        };
        let mut count = 0;
        for (name, values) in &tags {
            if !valid_name(name) {
                return error(
                    "InvalidTag",
                    format!(
                        "the tag name \"{name}\" is reserved, or not a letter followed by up to 63 letters, digits, - or _"
                    ),
                );
            }
            if matches!(name.as_str(), "device" | "session" | "name") && values.len() != 1 {
                return error("InvalidTag", format!("the tag {name} can have one value"));
            }
            if let Some(value) = values.iter().find(|value| !valid_value(value)) {
                return error(
                    "InvalidTag",
                    format!(
                        "a value of the tag {name} has {} characters, or control characters; 128 are allowed",
                        value.chars().count()
                    ),
                );
            }
            count += values.len();
        }
        if count > MOST_VALUES {
            return error(
                "InvalidTag",
                format!("there are {count} tag values; {MOST_VALUES} are allowed"),
            );
        }
        Ok(Self {
            subject,
            tags,
            content_type,
            time_to_live,
        })
    }
}

fn valid_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    !RESERVED.contains(&name)
        && name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn valid_value(value: &str) -> bool {
    value.chars().count() <= LONGEST_VALUE && !value.chars().any(char::is_control)
}

impl Search {
    /// Everything about `subject`, newest first.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            tags: BTreeMap::new(),
            at: None,
            limit: 100,
            continuation: None,
        }
    }

    pub(super) fn from_query(pairs: Pairs) -> Result<Self, QueryError> {
        let mut tags = grouped(pairs);
        let at = match tags.remove("_at").as_deref() {
            None => None,
            Some([text]) => match text.parse() {
                Ok(time) => Some(time),
                Err(_) => {
                    return error(
                        "InvalidParameter",
                        format!("_at is \"{text}\"; expected a time such as 2026-01-31T12:00:00Z"),
                    );
                }
            },
            Some(_) => return error("InvalidParameter", "_at is given more than once"),
        };
        let continuation = match tags.remove("_ct").as_deref() {
            None => None,
            Some([text]) => match u64::from_str_radix(text, 16) {
                Ok(token) => Some(token),
                Err(_) => return error("InvalidContinuationToken", "_ct is not a token this server gave"),
            },
            Some(_) => return error("InvalidContinuationToken", "_ct is given more than once"),
        };
        let limit = tags.remove("_limit").and_then(|values| values.first()?.parse().ok());
        let Some(subjects) = tags.remove("subject") else {
            return error(
                "InvalidQuery",
                "the parameter subject is missing; where there is no subject, say $null",
            );
        };
        // Several values must all match: a blob has one subject, so others than the first can only exclude it.
        let Some(subject) = subjects.first().cloned() else {
            return error("InvalidQuery", "the parameter subject is missing");
        };
        if subjects.iter().any(|other| *other != subject) {
            tags.insert(String::new(), vec![String::new()]);
        }
        Ok(Self {
            subject,
            tags,
            at,
            limit: limit.filter(|limit| (1..=100).contains(limit)).unwrap_or(100),
            continuation,
        })
    }
}

/// A duration as Go writes it: decimal numbers with units, `1h30m`, `172800s`, `0`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let letters = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        seconds += number
            * match unit {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = tail;
    }
    (!text.is_empty())
        .then(|| Duration::try_from_secs_f64(seconds).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        for (text, value) in [
            ("172800s", 172_800.0),
            ("2h45m", 9900.0),
            ("1.5m", 90.0),
            ("250ms", 0.25),
            ("0", 0.0),
        ] {
            assert_eq!(seconds(text), Some(value), "{text}");
        }
        for text in ["", "-1s", "5", "s", "1x", "1e400h", ".s", "99999999999999999999999h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
