//! What gadgets see: named bytes of measurements, in this process's store or in a storage server elsewhere.

use std::{collections::BTreeSet, io::Read, sync::Arc, time::Duration};

use engine::BoxError;
use gadgets::context::Storage;
use protocol::IsmrmrdHeader;

use super::{BlobStore, Search, Tags, measurement};

/// A list of blobs takes at most so many bytes.
const LIST_BYTES: u64 = 1 << 20;

/// The store of this process.
#[derive(Clone, Debug)]
pub struct LocalStorage(pub Arc<BlobStore>);

impl Storage for LocalStorage {
    fn store(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str, bytes: &[u8]) -> Result<(), BoxError> {
        if nowhere(measurement_id, name) {
            return Ok(());
        }
        self.0.store(measurement::tags(header, measurement_id, name), bytes)?;
        Ok(())
    }

    fn latest(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str) -> Result<Option<Vec<u8>>, BoxError> {
        for search in measurement::searches(header, measurement_id, name) {
            let page = self.0.search(&search)?;
            let Some(blob) = page.blobs.first() else { continue };
            if let Some(mut file) = self.0.data(blob)? {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn measurements(&self, header: &IsmrmrdHeader, name: &str) -> Result<Vec<String>, BoxError> {
        let page = self.0.search(&measurement::all(header, name))?;
        Ok(sorted(
            page.blobs
                .into_iter()
                .filter_map(|mut blob| blob.tags.remove("measurement")),
        ))
    }
}

/// Each once, sorted.
fn sorted(measurements: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let names: BTreeSet<String> = measurements.flatten().collect();
    names.into_iter().collect()
}

/// Without an ID nothing could ever be found again.
fn nowhere(measurement_id: &str, name: &str) -> bool {
    if measurement_id.is_empty() {
        tracing::warn!("the header has no measurement ID: \"{name}\" is not stored");
    }
    measurement_id.is_empty()
}

/// What went wrong with a storage server.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is not there, or does not speak HTTP.
    #[error("the storage server {url} does not answer: {source}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// It says no.
    #[error("the storage server {url} answered {status}: {text}")]
    Refused {
        /// Its address.
        url: String,
        /// Status of the answer.
        status: u16,
        /// What it says.
        text: String,
    },
}

/// A storage server elsewhere. Connections are made directly, whatever proxy the environment names.
#[derive(Clone, Debug)]
pub struct RemoteStorage {
    url: String,
    agent: ureq::Agent,
    limit: u64,
}

impl RemoteStorage {
    /// The storage server at `url` (`http://HOST:PORT`). A call fails after `timeout`.
    pub fn new(url: &str, timeout: Duration) -> Self {
        let configuration = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            agent: configuration.into(),
            limit: super::StoreLimits::default().blob_bytes,
        }
    }

    /// Takes blobs of at most `limit` bytes.
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Whether the server is there and well.
    pub fn check(&self) -> Result<(), ClientError> {
        let answer = self.agent.get(format!("{}/healthcheck", self.url)).call();
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        match answer.status().as_u16() {
            200 => Ok(()),
            _ => Err(self.refused(&mut answer)),
        }
    }

    fn unreachable(&self, source: ureq::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.url.clone(),
            source: Box::new(source),
        }
    }

    fn refused(&self, answer: &mut ureq::http::Response<ureq::Body>) -> ClientError {
        let text = answer.body_mut().with_config().limit(10_000).read_to_string();
        ClientError::Refused {
            url: self.url.clone(),
            status: answer.status().as_u16(),
            text: text.unwrap_or_default(),
        }
    }

    fn post(&self, tags: &Tags, bytes: &[u8]) -> Result<(), ClientError> {
        let mut request = self
            .agent
            .post(format!("{}/v1/blobs/data", self.url))
            .query("subject", &tags.subject);
        for (name, value) in pairs(&tags.tags) {
            request = request.query(name, value);
        }
        if let Some(time) = tags.time_to_live {
            request = request.query("_ttl", format!("{}s", time.as_secs()));
        }
        let answer = request.content_type("application/octet-stream").send(bytes);
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        match answer.status().as_u16() {
            201 => Ok(()),
            _ => Err(self.refused(&mut answer)),
        }
    }

    fn get(&self, search: &Search) -> Result<Option<Vec<u8>>, ClientError> {
        let mut request = self
            .agent
            .get(format!("{}/v1/blobs/data/latest", self.url))
            .query("subject", &search.subject);
        for (name, value) in pairs(&search.tags) {
            request = request.query(name, value);
        }
        let mut answer = request.call().map_err(|error| self.unreachable(error))?;
        match answer.status().as_u16() {
            200 => {
                let bytes = answer.body_mut().with_config().limit(self.limit).read_to_vec();
                bytes.map(Some).map_err(|error| self.unreachable(error))
            }
            404 => Ok(None),
            _ => Err(self.refused(&mut answer)),
        }
    }

    /// The first page of what is found.
    fn list(&self, search: &Search) -> Result<Vec<serde_json::Value>, ClientError> {
        let mut request = self
            .agent
            .get(format!("{}/v1/blobs", self.url))
            .query("subject", &search.subject)
            .query("_limit", search.limit.to_string());
        for (name, value) in pairs(&search.tags) {
            request = request.query(name, value);
        }
        let mut answer = request.call().map_err(|error| self.unreachable(error))?;
        if answer.status().as_u16() != 200 {
            return Err(self.refused(&mut answer));
        }
        let text = answer.body_mut().with_config().limit(LIST_BYTES).read_to_string();
        let text = text.map_err(|error| self.unreachable(error))?;
        let mut answer: serde_json::Value = serde_json::from_str(&text).map_err(|error| ClientError::Refused {
            url: self.url.clone(),
            status: 200,
            text: format!("no list of blobs: {error}"),
        })?;
        match answer["items"].take() {
            serde_json::Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }
}

/// The values of a tag in an answer: one, or a list.
fn values(value: &serde_json::Value) -> Vec<String> {
    let one = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    match value.as_array() {
        Some(list) => list.iter().filter_map(one).collect(),
        None => one(value).into_iter().collect(),
    }
}

fn pairs(tags: &std::collections::BTreeMap<String, Vec<String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter()
        .flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
}

impl Storage for RemoteStorage {
    fn store(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str, bytes: &[u8]) -> Result<(), BoxError> {
        if nowhere(measurement_id, name) {
            return Ok(());
        }
        Ok(self.post(&measurement::tags(header, measurement_id, name), bytes)?)
    }

    fn latest(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str) -> Result<Option<Vec<u8>>, BoxError> {
        for search in measurement::searches(header, measurement_id, name) {
            if let Some(bytes) = self.get(&search)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn measurements(&self, header: &IsmrmrdHeader, name: &str) -> Result<Vec<String>, BoxError> {
        let items = self.list(&measurement::all(header, name))?;
        Ok(sorted(items.iter().map(|item| values(&item["measurement"]))))
    }
}
