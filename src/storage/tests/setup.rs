use protocol::IsmrmrdHeader;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_one_storage() {
    let folder = scratch();
    let shutdown = CancellationToken::new();
    let choice = StorageChoice::embedded(folder.path().to_owned(), 0);
    let embedded = choice.open(&shutdown).await.unwrap();
    let url = embedded.address.clone().unwrap();
    let patience = Duration::ZERO;
    let remote = StorageChoice::Elsewhere { url, patience }
        .open(&shutdown)
        .await
        .unwrap();
    let header = IsmrmrdHeader::default();
    let found = tokio::task::spawn_blocking(move || {
        embedded.storage.store(&header, "id", "name", b"kept").unwrap();
        remote.storage.latest(&header, "id", "name").unwrap()
    });
    assert_eq!(found.await.unwrap().as_deref(), Some(b"kept".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_cannot_be_had_is_an_error_at_the_start() {
    let shutdown = CancellationToken::new();
    let url = "http://127.0.0.1:1".to_owned();
    let patience = Duration::from_millis(10);
    let error = StorageChoice::Elsewhere { url, patience }
        .open(&shutdown)
        .await
        .unwrap_err();
    assert!(matches!(error, SetupError::Elsewhere(_)), "{error}");
    let folder = scratch();
    let first = StorageChoice::embedded(folder.path().to_owned(), 0)
        .open(&shutdown)
        .await
        .unwrap();
    let error = StorageChoice::embedded(folder.path().to_owned(), 0)
        .open(&shutdown)
        .await
        .unwrap_err();
    assert!(matches!(error, SetupError::Store(StoreError::InUse(_))), "{error}");
    let other = scratch();
    let port = first.server.as_ref().unwrap().address().port();
    let error = StorageChoice::embedded(other.path().to_owned(), port)
        .open(&shutdown)
        .await
        .unwrap_err();
    assert!(matches!(error, SetupError::Port { .. }), "{error}");
    let nothing = StorageChoice::Nothing.open(&shutdown).await.unwrap();
    assert!(nothing.server.is_none() && nothing.address.is_none());
}
