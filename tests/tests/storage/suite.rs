//! What every storage provider does, whatever it is.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use tempfile::TempDir;
use workpoint::storage::{Fault, Object, PAGE, Provider, StorageError};

/// What differs between providers.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// Keys may have directories and any letters.
    pub(crate) has_directories: bool,
    /// Objects have tags.
    pub(crate) has_tags: bool,
    /// Objects that are more than a page of a list.
    pub(crate) many: usize,
}

/// Files to be stored.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// Stores some bytes.
    pub(crate) async fn store(
        &self,
        provider: &impl Provider,
        key: &str,
        bytes: &[u8],
    ) -> Result<Object, StorageError> {
        let path = self.0.path().join("file");
        tokio::fs::write(&path, bytes).await.expect("a file");
        provider.write(key, &path, bytes.len() as u64).await
    }
}

/// Bytes that are not the same everywhere.
pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at / 7 + at % 251) % 256).expect("a byte")).collect()
}

/// All of an object.
pub(crate) async fn whole(provider: &impl Provider, key: &str) -> Result<Vec<u8>, StorageError> {
    provider.read(key, None, None).await?.collect(u64::MAX).await
}

/// What went wrong. The operator's text is printed, for a test that fails.
pub(crate) fn fault<T>(result: Result<T, StorageError>) -> Fault {
    match result {
        Ok(_) => panic!("it went well"),
        Err(error) => {
            println!("{error:?}");
            error.fault()
        }
    }
}

/// All of it, on an empty provider. `place` puts an object there that holds its key, faster than we do.
pub(crate) async fn suite(provider: &impl Provider, kind: Kind, place: impl AsyncFn(String)) {
    let files = Files::new();
    empty(provider).await;
    written(provider, &files, kind).await;
    ranges(provider, &files).await;
    if kind.has_tags {
        tags(provider, &files).await;
    }
    names(provider, &files, kind).await;
    large(provider, &files).await;
    pages(provider, kind, place).await;
}

async fn empty(provider: &impl Provider) {
    assert_eq!(provider.check().await.expect("it answers").objects, 0);
    let page = provider.list(None).await.expect("a page");
    assert!(page.objects.is_empty() && page.next.is_none());
    assert_eq!(fault(provider.stat("nothing").await), Fault::NotFound);
    assert_eq!(fault(provider.read("nothing", None, None).await), Fault::NotFound);
    assert_eq!(fault(provider.read("nothing", Some(0..1), None).await), Fault::NotFound);
    provider.delete("nothing").await.expect("gone already");
}

async fn written(provider: &impl Provider, files: &Files, kind: Kind) {
    let bytes = content(1_000);
    let made = files.store(provider, "ring.wav", &bytes).await.expect("stored");
    assert_eq!((made.key.as_str(), made.size), ("ring.wav", 1_000));
    assert_eq!(made.tag.is_some(), kind.has_tags);
    assert!(made.modified.is_some());
    assert_eq!(provider.stat("ring.wav").await.expect("there"), made);
    assert_eq!(provider.check().await.expect("it answers").objects, 1);
    let page = provider.list(None).await.expect("a page");
    let [listed] = page.objects.as_slice() else { panic!("one object: {page:?}") };
    assert_eq!((&listed.key, listed.size, &listed.tag), (&made.key, made.size, &made.tag));
    let reading = provider.read("ring.wav", None, None).await.expect("read");
    assert_eq!((reading.size, reading.length, &reading.tag), (1_000, 1_000, &made.tag));
    assert_eq!(reading.collect(1_000).await.expect("bytes"), bytes);
    // More than is wanted is not read.
    let reading = provider.read("ring.wav", None, None).await.expect("read");
    assert_eq!(fault(reading.collect(999).await), Fault::TooLarge);

    // Written again, it is replaced.
    files.store(provider, "ring.wav", b"other").await.expect("stored");
    assert_eq!(whole(provider, "ring.wav").await.expect("read"), b"other");
    // A file that is not as long as it is said to be changes nothing.
    let path = tempfile::NamedTempFile::new().expect("a file");
    assert_eq!(fault(provider.write("ring.wav", path.path(), 3).await), Fault::LiedAboutLength);
    assert_eq!(whole(provider, "ring.wav").await.expect("read"), b"other");
    // Nothing is something.
    files.store(provider, "empty", b"").await.expect("stored");
    assert_eq!(provider.stat("empty").await.expect("there").size, 0);
    assert_eq!(whole(provider, "empty").await.expect("read"), b"");

    // Deleted twice.
    for key in ["ring.wav", "ring.wav", "empty"] {
        provider.delete(key).await.expect("deleted");
    }
    assert_eq!(fault(provider.stat("ring.wav").await), Fault::NotFound);
    assert!(provider.list(None).await.expect("a page").objects.is_empty());
}

async fn ranges(provider: &impl Provider, files: &Files) {
    let bytes = content(300_000);
    files.store(provider, "image.bin", &bytes).await.expect("stored");
    for range in [0..1, 0..300_000, 299_999..300_000, 12_345..267_890, 0..0, 300_000..300_000, 7..7] {
        let asked = u64::try_from(range.start).expect("small")..u64::try_from(range.end).expect("small");
        let reading = provider.read("image.bin", Some(asked), None).await.expect("read");
        assert_eq!((reading.size, reading.length), (300_000, range.len() as u64), "{range:?}");
        assert!(reading.collect(300_000).await.expect("bytes") == bytes[range.clone()], "{range:?}");
    }
    // The object is shorter than who asks believes.
    for range in [299_999..300_001, 300_000..300_001, 400_000..500_000] {
        let asked = provider.read("image.bin", Some(range.clone()), None).await;
        assert_eq!(fault(asked), Fault::ChangedMeanwhile, "{range:?}");
    }
    provider.delete("image.bin").await.expect("deleted");
}

async fn tags(provider: &impl Provider, files: &Files) {
    let old = files.store(provider, "logo.bmp", &content(2_000)).await.expect("stored").tag.expect("a tag");
    provider.read("logo.bmp", Some(0..9), Some(&old)).await.expect("the same");
    let new = files.store(provider, "logo.bmp", &content(2_001)).await.expect("stored").tag.expect("a tag");
    assert_ne!(old, new);
    assert_eq!(fault(provider.read("logo.bmp", Some(0..9), Some(&old)).await), Fault::ChangedMeanwhile);
    assert_eq!(fault(provider.read("logo.bmp", None, Some(&old)).await), Fault::ChangedMeanwhile);
    provider.read("logo.bmp", None, Some(&new)).await.expect("the same");
    provider.delete("logo.bmp").await.expect("deleted");
}

async fn names(provider: &impl Provider, files: &Files, kind: Kind) {
    for key in
        ["", ".", "..", "../out", "a/../../out", "/etc/passwd", "a//b", "a\\b", "a\nb", &"x".repeat(1_025)]
    {
        assert_eq!(fault(provider.stat(key).await), Fault::NotFound, "{key}");
        assert_eq!(fault(provider.read(key, None, None).await), Fault::NotFound, "{key}");
        assert_eq!(fault(files.store(provider, key, b"out").await), Fault::NotFound, "{key}");
        assert_eq!(fault(provider.delete(key).await), Fault::NotFound, "{key}");
    }
    if !kind.has_directories {
        return;
    }
    let keys =
        ["a b & c+d=e%2f.bin", "deep/er/still/deeper.bin", "deep/ä ö€.wav", "q?a#b.txt", "tilde~'(1)!.bin"];
    for key in keys {
        files.store(provider, key, key.as_bytes()).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(whole(provider, key).await.expect("read"), key.as_bytes(), "{key}");
    }
    let page = provider.list(None).await.expect("a page");
    let listed: BTreeSet<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(listed, BTreeSet::from(keys));
    for key in keys {
        provider.delete(key).await.expect("deleted");
    }
}

async fn pages(provider: &impl Provider, kind: Kind, place: impl AsyncFn(String)) {
    let keys: BTreeSet<String> = (0..kind.many).map(|number| format!("many-{number:05}")).collect();
    for key in &keys {
        place(key.clone()).await;
    }
    let (mut found, mut after, mut asked) = (BTreeSet::new(), None::<String>, 0);
    loop {
        let page = provider.list(after.as_deref()).await.expect("a page");
        asked += 1;
        assert!(page.objects.len() <= PAGE);
        for object in page.objects {
            assert_eq!(object.size, object.key.len() as u64);
            assert!(found.insert(object.key), "an object comes once");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, keys);
    assert!(asked > 1, "there is more than one page");
}

/// An object of many pieces; who no longer wants it lets go of it.
async fn large(provider: &impl Provider, files: &Files) {
    let bytes = content(9 * 1024 * 1024 + 5);
    files.store(provider, "large.img", &bytes).await.expect("stored");
    assert!(whole(provider, "large.img").await.expect("read") == bytes);
    let mut reading = provider.read("large.img", None, None).await.expect("read");
    let first = reading.bytes.next().await.expect("a piece").expect("bytes");
    assert!(!first.is_empty() && bytes.starts_with(&first));
    drop(reading);
    let tail = provider.read("large.img", Some(bytes.len() as u64 - 4_096..bytes.len() as u64), None).await;
    assert!(bytes.ends_with(&tail.expect("read").collect(4_096).await.expect("bytes")));
    provider.delete("large.img").await.expect("deleted");
}

/// An address for others is fetched by somebody who knows nothing else.
pub(crate) async fn direct(provider: &impl Provider, at: jiff::Timestamp) -> String {
    let files = Files::new();
    let bytes = content(5_000);
    files.store(provider, "to others.bin", &bytes).await.expect("stored");
    let address = provider.direct_address("to others.bin", Duration::from_secs(600), at).await;
    let address = address.expect("no error").expect("an address");
    let answer = tests::storage_servers::client().get(&address).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.expect("bytes") == bytes);
    address
}
