//! The interface of the MRD storage server over HTTP.

use std::{io::SeekFrom, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::StreamExt;
use serde_json::json;
use tokio::{io::AsyncSeekExt, sync::Semaphore, task::spawn_blocking, time::timeout};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::{Blob, BlobStore, Search, StoreError, Tags, metadata::percent_encoded, query::QueryError};

/// What all requests share.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) store: Arc<BlobStore>,
    /// A place for everyone who may store at the same time.
    pub(super) uploads: Arc<Semaphore>,
    /// How long a client may send nothing.
    pub(super) idle: Duration,
}

type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(super) fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/blobs/data", post(create))
        .route("/v1/blobs/data/latest", get(latest))
        .route("/v1/blobs", get(search))
        .route("/v1/blobs/{key}", get(metadata))
        .route("/v1/blobs/{key}/data", get(data))
        .route("/healthcheck", get(health))
        .with_state(api)
}

/// An answer that says what went wrong.
struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "NotFound",
            message: "There is no such blob.".to_owned(),
        }
    }

    fn bad_request(code: &'static str, message: impl ToString) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message: message.to_string(),
        }
    }

    fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!("storage: {error}");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalError",
            message: "The store failed; its log says why.".to_owned(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        (self.status, Json(body)).into_response()
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::bad_request(error.code, error)
    }
}

impl From<QueryRejection> for ApiError {
    fn from(error: QueryRejection) -> Self {
        Self::bad_request("InvalidQuery", error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (status, code) = match error {
            StoreError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge"),
            StoreError::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "StoreFull"),
            other => return Self::internal(&other),
        };
        Self {
            status,
            code,
            message: error.to_string(),
        }
    }
}

type ApiResult = Result<Response, ApiError>;

/// Runs work that waits for the disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    store: &Arc<BlobStore>,
    work: impl FnOnce(&BlobStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = store.clone();
    match spawn_blocking(move || work(&store)).await {
        Ok(result) => Ok(result?),
        Err(panic) => Err(ApiError::internal(&panic)),
    }
}

/// The address the client used, as the beginning of links.
fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

async fn create(State(api): State<Api>, parameters: Parameters, request: Request) -> ApiResult {
    let Query(pairs) = parameters?;
    let base = base(request.headers());
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let tags = Tags::from_query(pairs, content_type)?;
    // The semaphore is never closed.
    let _place = api
        .uploads
        .acquire()
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let mut upload = blocking(&api.store, BlobStore::begin).await?;
    let mut body = request.into_body().into_data_stream();
    loop {
        let chunk = match timeout(api.idle, body.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(error))) => return Err(ApiError::bad_request("IncompleteBody", error)),
            Ok(None) => break,
            Err(_) => {
                return Err(ApiError {
                    status: StatusCode::REQUEST_TIMEOUT,
                    code: "Timeout",
                    message: format!("Nothing came for {} seconds.", api.idle.as_secs_f32()),
                });
            }
        };
        upload = blocking(&api.store, move |_| upload.write(&chunk).map(|()| upload)).await?;
    }
    let blob = blocking(&api.store, move |store| store.complete(upload, tags)).await?;
    Ok((StatusCode::CREATED, Json(blob.to_json(&base))).into_response())
}

async fn search(State(api): State<Api>, parameters: Parameters, uri: Uri, headers: HeaderMap) -> ApiResult {
    let Query(pairs) = parameters?;
    let search = Search::from_query(pairs.clone())?;
    let page = blocking(&api.store, move |store| store.search(&search)).await?;
    let base = base(&headers);
    let items: Vec<_> = page.blobs.iter().map(|blob| blob.to_json(&base)).collect();
    let mut answer = json!({"items": items});
    if let Some(continuation) = page.continuation {
        let encode = |text: &str| text.bytes().map(percent_encoded).collect::<String>();
        let mut link = format!("{base}{}?_ct={continuation:x}", uri.path());
        for (name, value) in pairs.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("_ct")) {
            link += &format!("&{}={}", encode(name), encode(value));
        }
        answer["nextLink"] = link.into();
    }
    Ok(Json(answer).into_response())
}

async fn latest(State(api): State<Api>, parameters: Parameters, headers: HeaderMap) -> ApiResult {
    let Query(pairs) = parameters?;
    let search = Search {
        limit: 1,
        continuation: None,
        ..Search::from_query(pairs)?
    };
    let page = blocking(&api.store, move |store| store.search(&search)).await?;
    match page.blobs.into_iter().next() {
        Some(blob) => bytes(&api, blob, &headers).await,
        None => Err(ApiError {
            status: StatusCode::NOT_FOUND,
            code: "EmptyResults",
            message: "The search returned no results.".to_owned(),
        }),
    }
}

async fn metadata(State(api): State<Api>, Path(key): Path<String>, headers: HeaderMap) -> ApiResult {
    let blob = find(&api, &key).await?;
    Ok(Json(blob.to_json(&base(&headers))).into_response())
}

async fn data(State(api): State<Api>, Path(key): Path<String>, headers: HeaderMap) -> ApiResult {
    let blob = find(&api, &key).await?;
    bytes(&api, blob, &headers).await
}

/// The blob of the key `ID-SUBJECT`.
async fn find(api: &Api, key: &str) -> Result<Blob, ApiError> {
    let id = key.get(..36).and_then(|id| Uuid::try_parse(id).ok());
    let subject = key.get(36..).and_then(|rest| rest.strip_prefix('-'));
    let (Some(id), Some(subject)) = (id, subject.map(str::to_owned)) else {
        return Err(ApiError::not_found());
    };
    let found = blocking(&api.store, move |store| store.get(id, &subject)).await?;
    found.ok_or_else(ApiError::not_found)
}

/// The bytes of a blob, its metadata as headers.
async fn bytes(api: &Api, blob: Blob, headers: &HeaderMap) -> ApiResult {
    let answer_headers = blob_headers(&blob, &base(headers));
    let opened = blocking(&api.store, move |store| store.data(&blob)).await?;
    let mut file = tokio::fs::File::from_std(opened.ok_or_else(ApiError::not_found)?);
    let size = file
        .seek(SeekFrom::End(0))
        .await
        .map_err(|error| ApiError::internal(&error))?;
    file.rewind().await.map_err(|error| ApiError::internal(&error))?;
    let mut response = Body::from_stream(ReaderStream::new(file)).into_response();
    *response.headers_mut() = answer_headers;
    response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    Ok(response)
}

fn blob_headers(blob: &Blob, base: &str) -> HeaderMap {
    let http_date = |time| {
        jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&time)
            .ok()
    };
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &str| {
        // Tags have no control characters, so every value is one a header can have.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(name, value);
        }
    };
    add(header::CONTENT_TYPE, blob.content_type());
    add(header::LOCATION, &blob.location(base));
    if let Some(created) = http_date(blob.created()) {
        add(header::LAST_MODIFIED, &created);
    }
    if let Some(expires) = blob.expires().and_then(http_date) {
        add(header::EXPIRES, &expires);
    }
    let subject = ("subject", &blob.subject);
    let tags = blob
        .tags
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value)));
    for (name, value) in tags.chain([subject]) {
        if let Ok(name) = HeaderName::from_bytes(format!("mrd-tag-{name}").as_bytes()) {
            add(name, value);
        }
    }
    headers
}

async fn health(State(api): State<Api>) -> ApiResult {
    blocking(&api.store, BlobStore::check).await?;
    Ok(StatusCode::OK.into_response())
}
