//! Reading files that are there, and files that still grow.

use std::io::Write as _;
use std::sync::Arc;

use tokio::sync::watch;

use super::{BLOCK, Blocks, Contents, ContentsError, Growth, Handle, OpenFiles, built_in};

fn sample(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at % 253) as u8).collect()
}

async fn all(contents: &Contents, most: u64) -> Result<Vec<u8>, ContentsError> {
    let mut read = Vec::new();
    loop {
        let piece = contents.read_at(read.len() as u64, most).await?;
        if piece.is_empty() {
            return Ok(read);
        }
        read.extend_from_slice(&piece);
    }
}

#[tokio::test]
async fn a_file_reads_the_same_in_pieces_of_any_size() {
    let content = sample(3 * BLOCK + 777);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let handle = Arc::new(Handle::whole(file, content.len() as u64));
    let contents = Contents::new(handle, &Arc::default());
    for most in [1_000, 16 * 1024, BLOCK / 2 + 1, BLOCK, 10 * BLOCK] {
        assert_eq!(all(&contents, most).await.unwrap(), content, "{most}");
    }
    assert!(contents.read_at(content.len() as u64 + 5, 10).await.unwrap().is_empty());
}

struct Growing {
    file: std::fs::File,
    grow: watch::Sender<Growth>,
    contents: Contents,
}

fn growing(size: u64) -> Growing {
    let file = tempfile::tempfile().unwrap();
    let (grow, growth) = watch::channel(Growth::default());
    let handle = Arc::new(Handle::growing(file.try_clone().unwrap(), size, growth));
    Growing { file, grow, contents: Contents::new(handle, &Arc::default()) }
}

impl Growing {
    fn write(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
        self.grow.send_modify(|growth| growth.written += bytes.len() as u64);
    }

    fn end(&self, over: Result<(), ContentsError>) {
        self.grow.send_modify(|growth| growth.over = Some(over));
    }
}

#[tokio::test]
async fn a_growing_file_is_read_as_it_comes_and_its_last_byte_when_all_is_right() {
    let content = sample(2 * BLOCK + 10);
    let mut growing = growing(content.len() as u64);
    let reading = tokio::spawn({
        let contents = growing.contents.clone();
        async move { all(&contents, BLOCK).await }
    });
    for piece in content.chunks(30_000) {
        growing.write(piece);
        tokio::task::yield_now().await;
    }
    let almost = growing.contents.read_at(content.len() as u64 - 2, 5).await.unwrap();
    assert_eq!(almost, content[content.len() - 2..content.len() - 1]);
    let mut last = Box::pin(growing.contents.read_at(content.len() as u64 - 1, 5));
    assert!(futures_util::poll!(last.as_mut()).is_pending());
    growing.end(Ok(()));
    assert_eq!(last.await.unwrap().len(), 1);
    assert_eq!(reading.await.unwrap().unwrap(), content);
}

#[tokio::test]
async fn a_growing_file_that_fails_ends_every_reader_with_an_error() {
    let mut growing = growing(1_000);
    growing.write(&sample(1_000));
    let reading = tokio::spawn({
        let contents = growing.contents.clone();
        async move { all(&contents, 100).await }
    });
    growing.end(Err(ContentsError::WrongContent));
    assert!(matches!(reading.await.unwrap(), Err(ContentsError::WrongContent)));
    assert!(growing.contents.read_at(0, 10).await.is_err(), "also who comes later");
}

#[tokio::test]
async fn a_fetch_that_vanishes_ends_every_reader() {
    let Growing { grow, contents, .. } = growing(1_000);
    drop(grow);
    assert!(matches!(contents.read_at(0, 10).await, Err(ContentsError::GivenUp)));
}

#[tokio::test]
async fn an_object_of_the_built_in_provider_is_a_plain_file_of_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let open = OpenFiles::default();
    tokio::fs::write(directory.path().join("aa"), b"12345").await.unwrap();
    std::os::unix::fs::symlink(directory.path().join("aa"), directory.path().join("bb")).unwrap();
    let root = directory.path();
    let first = built_in(&open, root, "aa", 5).await.unwrap();
    let second = built_in(&open, root, "aa", 5).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second), "one open file for all");
    let contents = Contents::new(first, &Arc::new(Blocks::default()));
    assert_eq!(contents.read_at(1, 3).await.unwrap(), "234");
    assert!(matches!(built_in(&open, root, "cc", 5).await, Err(ContentsError::Gone)));
    assert!(built_in(&open, root, "bb", 5).await.is_err(), "a link is no object");
    assert!(built_in(&open, root, "../aa", 5).await.is_err());
    drop((second, contents));
    open.sweep();
    assert!(matches!(built_in(&open, root, "aa", 6).await, Err(ContentsError::WrongContent)));
}
