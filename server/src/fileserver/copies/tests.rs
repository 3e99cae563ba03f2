//! Copies with a provider that does what the test wants.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::file::{FileFacts, FileFormat, FileState, ProviderKind};
use domain::{FileId, ProviderId};
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::super::blocks::Blocks;
use super::super::contents::{Contents, Handle};
use super::super::error::ContentsError;
use super::super::fetch::{Incoming, Origin};
use super::{Asker, Copies, Locks, PAUSE, Wanted};
use crate::storage::{Fault, StorageError};
use crate::store::files::File;

const SIZE: usize = 300_000;

fn content(seed: u8) -> Vec<u8> {
    (0..SIZE).map(|at| (at % 251) as u8 ^ seed).collect()
}

fn file(key: &str, sha256: Option<String>) -> File {
    File {
        id: FileId(1),
        name: "a.img".to_owned(),
        file_type: None,
        provider: ProviderId(2),
        provider_name: String::new(),
        provider_kind: ProviderKind::S3,
        provider_place: "https://files.example/ bucket".to_owned(),
        object_key: key.to_owned(),
        size: SIZE as u64,
        sha256,
        object_tag: Some("tag".to_owned()),
        facts: FileFacts::plain(FileFormat::Other),
        models: Vec::new(),
        software_type: None,
        software_version: None,
        state: FileState::Ready,
        origin: "scan".to_owned(),
        note: String::new(),
        created_at: Timestamp::UNIX_EPOCH,
        created_by: String::new(),
        updated_at: Timestamp::UNIX_EPOCH,
        content_changed_at: Timestamp::UNIX_EPOCH,
        revision: 1,
    }
}

fn wanted(key: &str) -> Wanted {
    Wanted::of(&file(key, None))
}

/// What the provider does at one request.
#[derive(Clone)]
enum Act {
    /// Everything from where it was asked for.
    Give,
    /// So many bytes of it, then an error.
    Break(usize, Fault),
    /// A refusal before the first byte.
    Refuse(Fault),
    /// Says that the object has another size.
    Lie(u64),
    /// More than was asked for.
    TooMuch,
    /// Nothing for a long time.
    Silence,
    /// A part, and the rest when it is let go on.
    Hold,
    /// So many bytes every ten seconds.
    Drip(usize),
}

#[derive(Clone, Default)]
struct Fake(Arc<Inner>);

#[derive(Default)]
struct Inner {
    content: Vec<u8>,
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<(u64, Option<String>)>>,
    over: Mutex<Vec<Result<String, &'static str>>>,
    running: AtomicUsize,
    most_running: AtomicUsize,
    go_on: Notify,
    /// Bytes that are free on the disk besides those of copies there are; without it there is enough.
    room: Mutex<Option<(PathBuf, u64)>>,
    /// Whoever is told of the end never has written it down.
    told_in_vain: AtomicBool,
}

impl Fake {
    fn new(content: Vec<u8>, acts: &[Act]) -> Self {
        let acts = Mutex::new(acts.iter().cloned().collect());
        Self(Arc::new(Inner { content, acts, ..Inner::default() }))
    }

    fn asked(&self) -> Vec<u64> {
        self.0.asked.lock().unwrap().iter().map(|(from, _)| *from).collect()
    }

    fn over(&self) -> Vec<Result<String, &'static str>> {
        self.0.over.lock().unwrap().clone()
    }
}

impl Origin for Fake {
    async fn read(&self, from: u64, tag: Option<&str>) -> Result<Incoming, ContentsError> {
        self.0.asked.lock().unwrap().push((from, tag.map(str::to_owned)));
        let act = self.0.acts.lock().unwrap().pop_front().unwrap_or(Act::Give);
        let running = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_running.fetch_max(running, Ordering::SeqCst);
        let mut bytes = self.0.content[from as usize..].to_vec();
        let mut size = self.0.content.len() as u64;
        let mut failure = None;
        let (mut piece, mut held, mut pause) = (10_000, false, Duration::ZERO);
        match act {
            Act::Give => {}
            Act::Break(after, fault) => {
                bytes.truncate(after);
                failure = Some(Err(StorageError::from(fault)));
            }
            Act::Refuse(fault) => return Err(StorageError::from(fault).into()),
            Act::Lie(other) => size = other,
            Act::TooMuch => bytes.extend_from_slice(b"and more"),
            Act::Silence => std::future::pending::<()>().await,
            Act::Hold => held = true,
            Act::Drip(bytes) => (piece, pause) = (bytes, Duration::from_secs(10)),
        }
        let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let fake = self.clone();
        let bytes =
            stream::iter(pieces.into_iter().chain(failure)).enumerate().then(move |(number, piece)| {
                let fake = fake.clone();
                async move {
                    tokio::task::yield_now().await;
                    if !pause.is_zero() {
                        tokio::time::advance(pause).await;
                    }
                    if held && number == 15 {
                        fake.0.go_on.notified().await;
                    }
                    piece
                }
            });
        Ok(Incoming { size, tag: tag.map(str::to_owned), bytes: bytes.boxed() })
    }

    async fn room(&self) -> Result<u64, ContentsError> {
        let room = self.0.room.lock().unwrap().clone();
        let Some((directory, disk)) = room else { return Ok(u64::MAX) };
        let copies = std::fs::read_dir(directory).unwrap();
        let taken: u64 = copies.map(|copy| copy.unwrap().metadata().unwrap().len()).sum();
        Ok(disk.saturating_sub(taken))
    }

    async fn over(&self, outcome: Result<&str, &ContentsError>) {
        if self.0.told_in_vain.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        // Of one for which there was no room it was not asked.
        let less = |running: usize| running.checked_sub(1);
        let _ = self.0.running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        self.0.over.lock().unwrap().push(outcome.map(str::to_owned).map_err(ContentsError::code));
    }
}

async fn copies(directory: &Path) -> Arc<Copies> {
    Arc::new(Copies::open(directory, "node").await.unwrap())
}

async fn read(handle: Arc<Handle>) -> Result<Vec<u8>, ContentsError> {
    let contents = Contents::new(handle, &Arc::new(Blocks::default()));
    let mut all = Vec::new();
    loop {
        let piece = contents.read_at(all.len() as u64, 50_000).await?;
        if piece.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&piece);
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const MUCH: u64 = 100_000_000;

#[tokio::test]
async fn a_thousand_readers_ask_the_provider_once() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fake = Fake::new(content(1), &[]);
    let readers: Vec<_> = (0..1_000)
        .map(|_| {
            let (copies, fake) = (Arc::clone(&copies), fake.clone());
            tokio::spawn(async move { read(copies.get(&wanted("a"), fake, Asker::Phone, MUCH).await?).await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap(), content(1));
    }
    assert_eq!(fake.asked(), [0]);
    let sha256 = hex::encode(Sha256::digest(content(1)));
    assert_eq!(fake.over(), [Ok(sha256.clone())]);
    assert_eq!(names(directory.path()), [format!("{}-{sha256}.copy", wanted("a").name())]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_breaks_off_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let acts = [Act::Break(120_000, Fault::LiedAboutLength), Act::Refuse(Fault::Unreachable)];
    let fake = Fake::new(content(2), &acts);
    let handle = copies.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(2));
    assert_eq!(fake.asked(), [0, 120_000, 120_000]);
    let tags = fake.0.asked.lock().unwrap().iter().map(|(_, tag)| tag.clone()).collect::<Vec<_>>();
    assert_eq!(tags, vec![Some("tag".to_owned()); 3], "the same content is asked for");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_good_leaves_nothing_behind_and_nobody_with_a_whole_body() {
    let cut = |fault| Act::Break(120_000, fault);
    let changed = vec![Act::Break(120_000, Fault::TimedOut), Act::Refuse(Fault::ChangedMeanwhile)];
    let cases: [(Vec<Act>, &str); 7] = [
        (vec![Act::Break(10_000, Fault::TimedOut); 4], "timed-out"),
        (vec![cut(Fault::BadAnswer)], "bad-answer"),
        (changed, "changed"),
        (vec![Act::Lie(7)], "changed"),
        (vec![Act::TooMuch], "changed"),
        (vec![Act::Refuse(Fault::NotFound)], "not-found"),
        (vec![Act::Refuse(Fault::Unreachable); 4], "unreachable"),
    ];
    for (acts, code) in cases {
        let directory = tempfile::tempdir().unwrap();
        let copies = copies(directory.path()).await;
        let fake = Fake::new(content(3), &acts);
        let result = match copies.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await {
            Ok(handle) => read(handle).await,
            Err(error) => Err(error),
        };
        assert_eq!(result.map(|bytes| bytes.len()).map_err(|error| error.code()), Err(code));
        assert_eq!(fake.over(), [Err(code)], "{code}");
        assert!(names(directory.path()).is_empty(), "{code}: {:?}", names(directory.path()));
        let asked = fake.asked().len();
        assert!(copies.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.is_err());
        assert_eq!(fake.asked().len(), asked, "the provider is left alone for a moment");
        tokio::time::advance(PAUSE).await;
        let handle = copies.get(&wanted("a"), fake, Asker::Phone, MUCH).await.unwrap();
        assert_eq!(read(handle).await.unwrap(), content(3), "and tried again later");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_by_hand_does_not_wait_and_lets_phones_ask_again() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fake = Fake::new(content(13), &[Act::Refuse(Fault::Forbidden), Act::Refuse(Fault::Forbidden)]);
    let get = async |asker| copies.get(&wanted("a"), fake.clone(), asker, MUCH).await;
    assert!(get(Asker::Phone).await.is_err());
    assert!(get(Asker::Phone).await.is_err());
    assert_eq!(fake.asked().len(), 1, "the provider is left alone for a moment");
    assert!(get(Asker::Person).await.is_err());
    assert_eq!(fake.asked().len(), 2, "but not by people");
    assert!(get(Asker::Phone).await.is_err());
    assert_eq!(fake.asked().len(), 2);
    copies.ask_again();
    assert_eq!(read(get(Asker::Phone).await.unwrap()).await.unwrap(), content(13));
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn other_content_than_the_hash_says_is_never_complete() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let right = hex::encode(Sha256::digest(content(4)));
    let wanted = Wanted::of(&file("a", Some(right.clone())));
    let fake = Fake::new(content(5), &[]);
    let result = match copies.get(&wanted, fake.clone(), Asker::Phone, MUCH).await {
        Ok(handle) => read(handle).await,
        Err(error) => Err(error),
    };
    assert!(matches!(result, Err(ContentsError::WrongContent)));
    assert!(names(directory.path()).is_empty());

    tokio::time::advance(PAUSE).await;
    let fake = Fake::new(content(4), &[]);
    let handle = copies.get(&wanted, fake, Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(4));
    // Later the file is described anew with another hash under the same tag.
    let other = Wanted::of(&file("a", Some(hex::encode(Sha256::digest(content(5))))));
    let fake = Fake::new(content(5), &[]);
    let handle = copies.get(&other, fake.clone(), Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(5));
    assert_eq!((fake.asked().len(), names(directory.path()).len()), (1, 1), "the old copy is gone");
}

#[tokio::test]
async fn copies_are_found_again_after_a_restart_and_leftovers_removed() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::new(content(6), &[]);
    let handle =
        copies(directory.path()).await.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(6));
    tokio::fs::write(directory.path().join("x-node.1.part"), b"half").await.unwrap();
    tokio::fs::write(directory.path().join("README"), b"somebody's").await.unwrap();
    let again = copies(directory.path()).await;
    assert_eq!(names(directory.path()).len(), 2, "the copy and what is not ours");
    let handle = again.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(6));
    assert_eq!(fake.asked(), [0]);
    // A copy that somebody removed or cut is fetched again.
    let copy = names(directory.path()).into_iter().find(|name| name.ends_with(".copy")).unwrap();
    tokio::fs::write(directory.path().join(copy), b"short").await.unwrap();
    let handle =
        copies(directory.path()).await.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(6));
    assert_eq!(fake.asked(), [0, 0]);
}

#[tokio::test]
async fn a_node_that_starts_leaves_alone_what_another_one_is_fetching() {
    let directory = tempfile::tempdir().unwrap();
    let first = copies(directory.path()).await;
    let fake = Fake::new(content(9), &[Act::Hold]);
    let handle = first.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.unwrap();
    tokio::fs::write(directory.path().join("x-gone.1.part"), b"half").await.unwrap();
    let second = Arc::new(Copies::open(directory.path(), "other").await.unwrap());
    let left = names(directory.path());
    assert!(
        left.len() == 1 && left[0].contains("-node."),
        "the leftover went, the copy under way did not: {left:?}"
    );
    fake.0.go_on.notify_one();
    assert_eq!(read(handle).await.unwrap(), content(9));
    assert!(names(directory.path())[0].ends_with(".copy"));
    drop(second);
}

/// A directory in which nothing can be locked, as on some network file systems.
const NONE: Locks =
    Locks { lock: |_| Err(no_locks()), try_lock: |_| Err(std::fs::TryLockError::Error(no_locks())) };

fn no_locks() -> std::io::Error {
    std::io::ErrorKind::Unsupported.into()
}

#[tokio::test]
async fn leftovers_that_cannot_be_locked_stop_nobody_and_stay() {
    let directory = tempfile::tempdir().unwrap();
    let open = async || Arc::new(Copies::open_with(directory.path(), "node", NONE).await.unwrap());
    let get = async |copies: &Arc<Copies>, key: &str, fake: &Fake| {
        copies.get(&wanted(key), fake.clone(), Asker::Phone, MUCH).await.unwrap()
    };
    let kept = Fake::new(content(16), &[]);
    assert_eq!(read(get(&open().await, "a", &kept).await).await.unwrap(), content(16));
    // Somebody else is in the middle of it, or was.
    let leftover = format!("{}-other.1.part", wanted("b").name());
    tokio::fs::write(directory.path().join(&leftover), b"half").await.unwrap();

    let again = open().await;
    assert_eq!(read(get(&again, "a", &kept).await).await.unwrap(), content(16));
    assert_eq!(kept.asked(), [0], "the copy was found");
    // The file of the leftover is fetched from its beginning, and a node that starts meanwhile leaves it alone.
    let fake = Fake::new(content(17), &[Act::Hold]);
    let handle = get(&again, "b", &fake).await;
    let third = open().await;
    fake.0.go_on.notify_one();
    assert_eq!(read(handle).await.unwrap(), content(17));
    assert_eq!(read(get(&third, "a", &kept).await).await.unwrap(), content(16));
    assert_eq!(tokio::fs::read(directory.path().join(&leftover)).await.unwrap(), b"half");
    let left = names(directory.path());
    assert_eq!(left.iter().filter(|name| name.ends_with(".copy")).count(), 2, "{left:?}");
    assert_eq!(left.iter().filter(|name| name.ends_with(".part")).count(), 1, "{left:?}");
    // Where it can be locked, it goes.
    copies(directory.path()).await;
    assert!(!names(directory.path()).contains(&leftover));
}

#[tokio::test]
async fn what_is_no_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (sha256, key) = (hex::encode([7; 32]), wanted("a").name().to_owned());
    for name in ["x-node.1.part", &format!("{key}-{sha256}.copy")] {
        tokio::fs::create_dir(directory.path().join(name)).await.unwrap();
        tokio::fs::write(directory.path().join(name).join("inside"), b"somebody's").await.unwrap();
    }
    std::os::unix::net::UnixListener::bind(directory.path().join("y-node.1.part")).unwrap();
    std::os::unix::fs::symlink("z-node.1.part", directory.path().join("z-node.1.part")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(directory.path().join("f-node.1.part")).status();
    assert!(fifo.unwrap().success());
    let before = names(directory.path());
    let opened = tokio::time::timeout(Duration::from_secs(10), copies(directory.path())).await;
    let copies = opened.expect("nobody waits for a writer of a pipe");
    assert_eq!(names(directory.path()), before);
    let fake = Fake::new(content(18), &[]);
    let handle = copies.get(&wanted("a"), fake, Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.unwrap(), content(18));
}

#[tokio::test]
async fn many_that_start_the_same_file_at_once_all_get_it_when_others_must_go_first() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fake = Fake::new(content(10), &[]);
    for key in ["a", "b", "c"] {
        read(copies.get(&wanted(key), fake.clone(), Asker::Phone, MUCH).await.unwrap()).await.unwrap();
    }
    // Making room takes a moment, in which the others come.
    let new = wanted("new");
    let all = (0..50).map(|_| copies.get(&new, fake.clone(), Asker::Phone, SIZE as u64));
    for handle in futures_util::future::join_all(all).await {
        assert_eq!(read(handle.unwrap()).await.unwrap(), content(10));
    }
    assert_eq!(names(directory.path()).len(), 1, "{:?}", names(directory.path()));
}

#[test]
fn a_provider_that_was_moved_has_other_copies() {
    let here = file("a", None);
    let there = File { provider_place: "https://elsewhere.example/ bucket".to_owned(), ..here.clone() };
    assert_ne!(Wanted::of(&here).name(), Wanted::of(&there).name());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_drips_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fake = Fake::new(content(11), &[Act::Drip(1_000), Act::Refuse(Fault::NotFound)]);
    let handle = copies.get(&wanted("a"), fake.clone(), Asker::Phone, MUCH).await.unwrap();
    assert_eq!(read(handle).await.map_err(|error| error.code()), Err("not-found"));
    let asked = fake.asked();
    assert!(asked.len() == 2 && asked[1] < 4_000, "asked for the rest after half a minute: {asked:?}");
    // Slow is not dripping.
    let fake = Fake::new(content(12), &[Act::Drip(10_000)]);
    let handle = copies.get(&wanted("b"), fake.clone(), Asker::Phone, MUCH).await;
    let all = match handle {
        Ok(handle) => read(handle).await,
        Err(_) => read(copies.get(&wanted("b"), fake.clone(), Asker::Phone, MUCH).await.unwrap()).await,
    };
    assert_eq!((all.unwrap(), fake.asked()), (content(12), vec![0]));
}

#[tokio::test]
async fn copies_that_nobody_reads_make_room_the_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let room = 2 * SIZE as u64 + 10;
    let fake = Fake::new(content(7), &[]);
    let get = async |key: &str| {
        let handle = copies.get(&wanted(key), fake.clone(), Asker::Phone, room).await.unwrap();
        read(Arc::clone(&handle)).await.unwrap();
        handle
    };
    drop(get("a").await);
    let held = get("b").await;
    drop(get("a").await);
    assert_eq!(fake.asked().len(), 2);
    drop(get("c").await);
    assert_eq!(names(directory.path()).len(), 2, "b is read, a had to go");
    drop(get("a").await);
    assert_eq!(fake.asked().len(), 4, "a is fetched again, c had to go");
    copies.trim(0).await;
    assert_eq!(names(directory.path()).len(), 1, "what is read stays");
    assert_eq!(read(Arc::clone(&held)).await.unwrap(), content(7));
    drop(held);
    copies.trim(0).await;
    assert!(names(directory.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn few_files_are_fetched_at_the_same_time_and_nobody_waits_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fakes: Vec<_> = (0..2).map(|_| Fake::new(content(8), &vec![Act::Silence; 100])).collect();
    let all: Vec<_> = (0..40)
        .map(|number| {
            // Most of them of the first provider, and those come first.
            let provider = number / 20;
            let wanted = Wanted::of(&File {
                provider: ProviderId(2 + provider as i64),
                ..file(&number.to_string(), None)
            });
            let (copies, fake) = (Arc::clone(&copies), fakes[provider].clone());
            tokio::spawn(async move { copies.get(&wanted, fake, Asker::Phone, MUCH).await.map(|_| ()) })
        })
        .collect();
    for one in all {
        assert!(matches!(one.await.unwrap(), Err(ContentsError::Busy)));
    }
    let most: Vec<_> = fakes.iter().map(|fake| fake.0.most_running.load(Ordering::SeqCst)).collect();
    assert_eq!(most, [4, 4], "each provider has half of the turns");
}

#[tokio::test(start_paused = true)]
async fn copies_leave_the_reserve_of_the_disk_and_the_idle_ones_make_room_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fake = Fake::new(content(14), &[Act::Give, Act::Give, Act::Hold]);
    // Room for two copies and a half.
    let disk = 5 * SIZE as u64 / 2;
    *fake.0.room.lock().unwrap() = Some((directory.path().to_owned(), disk));
    let get = async |key: &str| copies.get(&wanted(key), fake.clone(), Asker::Phone, MUCH).await;
    read(get("a").await.unwrap()).await.unwrap();
    let second = get("b").await.unwrap();
    read(Arc::clone(&second)).await.unwrap();
    // The first one goes: nobody reads it. What has begun counts with all of its bytes.
    let third = get("c").await.unwrap();
    let name = |key: &str| wanted(key).name().to_owned();
    let left = names(directory.path());
    assert!(left.len() == 2 && !left.iter().any(|left| left.contains(&name("a"))), "{left:?}");
    assert_eq!(get("d").await.map(|_| ()).map_err(|error| error.code()), Err("full"));
    assert_eq!(fake.asked(), [0, 0, 0], "the provider was not asked for the last one");
    fake.0.go_on.notify_one();
    assert_eq!(read(third).await.unwrap(), content(14));
    assert_eq!(read(second).await.unwrap(), content(14));
    // Nobody reads them any more.
    tokio::time::advance(PAUSE).await;
    assert_eq!(read(get("d").await.unwrap()).await.unwrap(), content(14));
}

#[tokio::test]
async fn phones_have_the_last_byte_before_what_was_learnt_is_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let copies = copies(directory.path()).await;
    let fake = Fake::new(content(15), &[]);
    fake.0.told_in_vain.store(true, Ordering::SeqCst);
    let handle = copies.get(&wanted("a"), fake, Asker::Phone, MUCH).await.unwrap();
    let whole = tokio::time::timeout(Duration::from_secs(10), read(handle)).await;
    assert_eq!(whole.expect("all of it").unwrap(), content(15));
}
