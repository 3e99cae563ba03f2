//! Uploads: files go to the server in pieces, two files at a time, and go on where they were when the connection comes
//! back. They belong to the console and not to a page: who looks at another page meanwhile loses nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use api::file::{FileView, NewUpload, UploadView};
use api::{Code, Page};
use domain::ProviderId;
use domain::file::FileType;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::checksum::{self, Summed};
use super::refused::{is_given_up, is_passing};
use super::unseen;
use crate::browser;
use crate::client::{self, Call, Failure, idempotency_key};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::session;

/// Largest piece, in bytes; the server takes larger ones.
const LARGEST_PIECE: u64 = 8 * 1_024 * 1_024;
/// Smallest piece, in bytes: each one is an answer to wait for.
const SMALLEST_PIECE: u64 = 1_024 * 1_024;
/// Pieces a file is sent in when neither limit counts, so that its progress is seen.
const PIECES: u64 = 16;
/// Files that are sent at the same time.
const AT_ONCE: usize = 2;
/// Tries without any progress after which an upload waits for somebody.
const MOST_TRIES: u32 = 8;
/// Longest pause before another try, in milliseconds.
const LONGEST_PAUSE_MS: i32 = 10_000;

/// How far an upload is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// The server has some of a file of this name and size already: somebody says whether it is the same one.
    Found(UploadView),
    /// Others come first.
    Waiting,
    /// It is read and its checksum worked out; so many bytes are done.
    Checking(u64),
    /// Pieces are sent.
    Sending,
    /// The connection was lost; it is tried again.
    Reconnecting,
    /// All of it is there; the server looks at it.
    Finishing,
    /// It has become a file.
    Done(Box<FileView>),
    /// It did not; it can be tried again from where it is.
    Failed(Failure),
    /// The browser cannot read it any more.
    Unreadable,
    /// It has become a file whose beginning was that of another one, because nobody said the checksum when it was begun.
    Mixed(Box<FileView>),
}

impl Step {
    /// Whether there is something left to do without anybody's help.
    pub(super) fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::Checking(_) | Self::Sending | Self::Reconnecting | Self::Finishing
        )
    }

    /// Whether it has become a file.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// One upload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upload {
    /// Its number in this console.
    pub(super) number: u64,
    /// Name of the file.
    pub(super) name: String,
    /// Its bytes.
    pub(super) size: u64,
    /// Bytes the server has.
    pub(super) sent: u64,
    /// Where it goes; the built-in storage when nobody said so.
    pub(super) provider: Option<ProviderId>,
    /// What it is for; told from its content when nobody said so.
    pub(super) file_type: Option<FileType>,
    /// How far it is.
    pub(super) step: Step,
}

/// What only this page has of an upload.
struct Source {
    file: web_sys::File,
    /// Name of the upload at the server, once it has begun.
    token: Option<String>,
    /// Its checksum, once it is known. A file that the browser reads again is the same one, or cannot be read.
    sha256: Option<String>,
    key: String,
}

impl Source {
    /// The next try begins anew.
    fn renew(&mut self) {
        self.token = None;
        self.key = idempotency_key();
    }
}

thread_local! {
    static UPLOADS: ArcRwSignal<Vec<Upload>> = ArcRwSignal::new(Vec::new());
    static SOURCES: RefCell<HashMap<u64, Source>> = RefCell::new(HashMap::new());
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    /// What the server has of files that nothing here sends.
    static UNFINISHED: ArcRwSignal<Vec<UploadView>> = ArcRwSignal::new(Vec::new());
}

/// All uploads, in the order they were added; to be watched.
pub(super) fn uploads() -> ArcRwSignal<Vec<Upload>> {
    UPLOADS.with(Clone::clone)
}

/// Uploads of this account that broke off, here before the page was loaded anew or in another browser; to be watched.
pub(super) fn unfinished() -> ArcRwSignal<Vec<UploadView>> {
    UNFINISHED.with(Clone::clone)
}

/// Asks the server for uploads that broke off.
pub(super) fn look() {
    spawn_local(async move {
        // Who cannot be told of them uploads from the beginning.
        let Ok(found) = client::get::<Page<UploadView>>("/uploads").await else { return };
        let own = SOURCES.with_borrow(|sources| {
            sources.values().filter_map(|source| source.token.clone()).collect::<Vec<_>>()
        });
        let asked = uploads().try_with_untracked(|uploads| {
            let found = uploads.iter().filter_map(|upload| match &upload.step {
                Step::Found(found) => Some(found.token.clone()),
                _ => None,
            });
            found.collect::<Vec<_>>()
        });
        let asked = asked.unwrap_or_default();
        let mut rest = found.items;
        rest.retain(|upload| !own.contains(&upload.token) && !asked.contains(&upload.token));
        unfinished().set(rest);
    });
}

/// Gives up an upload that broke off.
pub(super) fn give_up(token: String) {
    spawn_local(async move {
        match Call::delete(&format!("/uploads/{token}")).done().await {
            Err(failure) if failure.code() != Some(Code::NotFound) => toast::failed(&failure),
            _ => not_unfinished(&token),
        }
    });
}

/// It is sent here, or it is gone.
fn not_unfinished(token: &str) {
    let unfinished = unfinished();
    if unfinished.with_untracked(|all| all.iter().any(|upload| upload.token == token)) {
        unfinished.update(|all| all.retain(|upload| upload.token != token));
    }
}

/// The upload that broke off which a file may belong to.
fn broken_off(all: &[UploadView], name: &str, size: u64) -> Option<UploadView> {
    let same = |upload: &&UploadView| upload.name == name && upload.size == size && upload.received > 0;
    all.iter().find(same).cloned()
}

/// Sends a file whose upload broke off: from where it is, or all of it.
pub(super) fn go_on(number: u64, from_there: bool) {
    let found = uploads().with_untracked(|uploads| {
        uploads.iter().find(|upload| upload.number == number).map(|upload| upload.step.clone())
    });
    let Some(Step::Found(found)) = found else { return };
    if from_there {
        change(number, |upload| upload.sent = found.received);
        with_source(number, |source| source.token = Some(found.token));
    } else {
        give_up(found.token);
    }
    set_step(number, Step::Waiting);
    pump();
}

/// Adds a file; it is sent as soon as there is room, unless the server has some of it already. What is on with it there
/// keeps the provider and the type it was begun with.
pub(super) fn add(file: web_sys::File, provider: Option<ProviderId>, file_type: Option<FileType>) {
    session::at_sign_out(forget);
    unseen::guard(is_busy);
    let number = NUMBER.get() + 1;
    NUMBER.set(number);
    let (name, size) = (file.name(), bytes_of(&file));
    let found = unfinished().with_untracked(|all| broken_off(all, &name, size));
    let step = match found {
        Some(found) => {
            not_unfinished(&found.token);
            Step::Found(found)
        }
        None => Step::Waiting,
    };
    let upload = Upload { number, name, size, sent: 0, provider, file_type, step };
    SOURCES.with_borrow_mut(|sources| {
        sources.insert(number, Source { file, token: None, sha256: None, key: idempotency_key() })
    });
    uploads().update(|uploads| uploads.push(upload));
    pump();
}

/// Tries a failed upload again, from where it is.
pub(super) fn again(number: u64) {
    set_step(number, Step::Waiting);
    pump();
}

/// Sends a file that failed somewhere else, or as something else: all of it, as another upload.
pub(super) fn again_as(number: u64, provider: Option<ProviderId>, file_type: Option<FileType>) {
    change(number, |upload| (upload.provider, upload.file_type, upload.sent) = (provider, file_type, 0));
    let begun = SOURCES.with_borrow_mut(|sources| {
        let source = sources.get_mut(&number)?;
        let token = source.token.take();
        source.renew();
        token
    });
    if let Some(token) = begun {
        give_up(token);
    }
    again(number);
}

/// Takes an upload out of the list. What the server has of it is given up, unless it has become a file.
pub(super) fn remove(number: u64) {
    let token = SOURCES.with_borrow_mut(|sources| sources.remove(&number)).and_then(|source| source.token);
    let step = uploads().with_untracked(|uploads| {
        uploads.iter().find(|upload| upload.number == number).map(|upload| upload.step.clone())
    });
    let done = step.as_ref().is_some_and(Step::is_done);
    // Nobody has said yet what becomes of it.
    if let Some(Step::Found(found)) = step {
        unfinished().update(|all| all.insert(0, found));
    }
    uploads().update(|uploads| uploads.retain(|upload| upload.number != number));
    if let Some(token) = token.filter(|_| !done) {
        spawn_local(async move {
            // Forgotten there anyway after a while.
            drop(Call::delete(&format!("/uploads/{token}")).done().await);
        });
    }
    pump();
}

/// Takes those out of the list that have become files. Those that failed can still go on from where they are.
pub(super) fn clear() {
    uploads().update(|uploads| uploads.retain(|upload| !upload.step.is_done()));
}

/// What became of a file is as it is now: it was described, for instance.
pub(super) fn note_file(number: u64, file: FileView) {
    set_step(number, Step::Done(Box::new(file)));
}

/// At the end of the session nothing of it stays.
fn forget() {
    SOURCES.with_borrow_mut(HashMap::clear);
    unfinished().set(Vec::new());
    uploads().set(Vec::new());
}

fn set_step(number: u64, step: Step) {
    change(number, |upload| upload.step = step);
}

/// Notes what an upload has come to, and tells it when nobody looks.
fn end(number: u64, step: Step) {
    set_step(number, step);
    let ended =
        uploads().with_untracked(|uploads| uploads.iter().find(|upload| upload.number == number).cloned());
    if let Some(upload) = ended {
        unseen::tell(&upload);
    }
}

/// Whether something would be lost with the window.
fn is_busy() -> bool {
    uploads().with_untracked(|uploads| uploads.iter().any(|upload| upload.step.is_open()))
}

/// Changes an upload that is still in the list.
fn change(number: u64, change: impl FnOnce(&mut Upload)) {
    let uploads = uploads();
    if uploads.with_untracked(|uploads| uploads.iter().any(|upload| upload.number == number)) {
        uploads.update(|uploads| {
            if let Some(upload) = uploads.iter_mut().find(|upload| upload.number == number) {
                change(upload);
            }
        });
    }
}

/// The next uploads that can begin.
fn next(uploads: &[Upload]) -> Vec<u64> {
    let running =
        uploads.iter().filter(|upload| upload.step.is_open() && upload.step != Step::Waiting).count();
    let waiting = uploads.iter().filter(|upload| upload.step == Step::Waiting);
    waiting.take(AT_ONCE.saturating_sub(running)).map(|upload| upload.number).collect()
}

fn pump() {
    for number in uploads().with_untracked(|uploads| next(uploads)) {
        set_step(number, Step::Checking(0));
        spawn_local(async move {
            match check(number).await {
                Some(Summed::Is(sha256)) => deliver(number, &sha256).await,
                Some(Summed::Unreadable) => end(number, Step::Unreadable),
                // It was taken out of the list.
                Some(Summed::Unwanted) | None => {}
            }
            pump();
        });
    }
}

/// The checksum of a file; nothing when it was taken out of the list.
async fn check(number: u64) -> Option<Summed> {
    let (file, known) = SOURCES.with_borrow(|sources| {
        sources.get(&number).map(|source| (source.file.clone(), source.sha256.clone()))
    })?;
    if let Some(sha256) = known {
        return Some(Summed::Is(sha256));
    }
    let summed = checksum::sum(&file, bytes_of(&file), |done| {
        set_step(number, Step::Checking(done));
        SOURCES.with_borrow(|sources| sources.contains_key(&number))
    });
    let summed = summed.await;
    if let Summed::Is(sha256) = &summed {
        with_source(number, |source| source.sha256 = Some(sha256.clone()));
    }
    Some(summed)
}

/// Sends a file, and notes what has come of it.
async fn deliver(number: u64, sha256: &str) {
    set_step(number, Step::Sending);
    match send(number).await {
        Ok(Some(file)) if is_other(&file, sha256) => {
            // Again means: all of it.
            with_source(number, Source::renew);
            change(number, |upload| upload.sent = 0);
            end(number, Step::Mixed(Box::new(file)));
            live::touch(Resource::Files);
        }
        Ok(Some(file)) => {
            SOURCES.with_borrow_mut(|sources| sources.remove(&number));
            change(number, |upload| upload.sent = upload.size);
            end(number, Step::Done(Box::new(file)));
            live::touch(Resource::Files);
        }
        // It was taken out of the list.
        Ok(None) => {}
        Err(failure) => {
            if is_given_up(&failure) {
                with_source(number, Source::renew);
            }
            end(number, Step::Failed(failure));
        }
    }
}

/// Whether what the server made is not the file that was chosen. It refuses that itself where the checksum was said when
/// the upload was begun, as it always is here.
fn is_other(made: &FileView, sha256: &str) -> bool {
    made.sha256.as_deref().is_some_and(|made| made != sha256)
}

fn bytes_of(file: &web_sys::File) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of bytes")]
    let size = file.size() as u64;
    size
}

/// Bytes of a piece of a file.
fn piece_of(size: u64) -> u64 {
    (size / PIECES).clamp(SMALLEST_PIECE, LARGEST_PIECE)
}

/// Pause before a try, in milliseconds; longer from try to try.
fn pause(tries: u32) -> i32 {
    500_i32.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE_MS)
}

/// Counts a try that failed, and waits before the next one.
///
/// # Errors
/// The failure, when it will not pass.
async fn patience(number: u64, tries: &mut u32, failure: Failure) -> Result<(), Failure> {
    *tries += 1;
    if !is_passing(&failure) || *tries > MOST_TRIES {
        return Err(failure);
    }
    set_step(number, Step::Reconnecting);
    browser::wait(pause(*tries)).await;
    Ok(())
}

/// Sends a file until it is a file of the server; `None` when it was taken out of the list.
async fn send(number: u64) -> Result<Option<FileView>, Failure> {
    let mut tries = 0;
    let Some(mut at) = begin(number, &mut tries).await? else { return Ok(None) };
    loop {
        let Some((file, token)) = source(number) else { return Ok(None) };
        let size = bytes_of(&file);
        if at < size {
            let until = (at + piece_of(size)).min(size);
            #[expect(clippy::cast_precision_loss, reason = "files are far below 2^53 bytes")]
            let piece = file.slice_with_f64_and_f64(at as f64, until as f64);
            let piece = piece.map_err(|_| Failure::not_understood(None))?;
            let path = format!("/uploads/{token}?offset={at}");
            match Call::patch(&path).bytes(piece).answer::<UploadView>().await {
                Ok(upload) => {
                    tries = 0;
                    at = upload.received;
                    change(number, |upload| {
                        upload.sent = at;
                        upload.step = Step::Sending;
                    });
                }
                // Something of it had arrived before.
                Err(failure) if failure.code() == Some(Code::WrongOffset) && tries < MOST_TRIES => {
                    tries += 1;
                    at = received(&token).await?;
                }
                Err(failure) => {
                    patience(number, &mut tries, failure).await?;
                    if let Ok(arrived) = received(&token).await {
                        at = arrived;
                    }
                }
            }
            continue;
        }
        set_step(number, Step::Finishing);
        match Call::post(&format!("/uploads/{token}/finish")).answer::<FileView>().await {
            Ok(file) => return Ok(Some(file)),
            Err(failure) if failure.code() == Some(Code::UploadIncomplete) && tries < MOST_TRIES => {
                tries += 1;
                at = received(&token).await?;
                set_step(number, Step::Sending);
            }
            Err(failure) => patience(number, &mut tries, failure).await?,
        }
    }
}

/// The file and the name of its upload; nothing when it was taken out of the list.
fn source(number: u64) -> Option<(web_sys::File, String)> {
    SOURCES.with_borrow(|sources| {
        let source = sources.get(&number)?;
        Some((source.file.clone(), source.token.clone()?))
    })
}

/// Begins the upload, or finds out how far it is; answers with the bytes that are there.
async fn begin(number: u64, tries: &mut u32) -> Result<Option<u64>, Failure> {
    loop {
        let known = SOURCES.with_borrow(|sources| {
            let source = sources.get(&number)?;
            Some((source.token.clone(), source.key.clone(), source.sha256.clone()))
        });
        let Some((token, key, sha256)) = known else { return Ok(None) };
        if let Some(token) = token {
            match received(&token).await {
                Ok(received) => return Ok(Some(received)),
                // Forgotten meanwhile: from the beginning.
                Err(failure) if failure.code() == Some(Code::NotFound) => {
                    with_source(number, Source::renew);
                }
                Err(failure) => patience(number, tries, failure).await?,
            }
            continue;
        }
        let new = uploads().with_untracked(|uploads| {
            let upload = uploads.iter().find(|upload| upload.number == number)?;
            Some(NewUpload {
                name: upload.name.clone(),
                size: upload.size,
                sha256,
                file_type: upload.file_type,
                provider: upload.provider,
            })
        });
        let Some(new) = new else { return Ok(None) };
        match Call::post("/uploads").once(&key).json(&new)?.answer::<UploadView>().await {
            Ok(upload) => {
                not_unfinished(&upload.token);
                with_source(number, |source| source.token = Some(upload.token.clone()));
                set_step(number, Step::Sending);
                return Ok(Some(upload.received));
            }
            Err(failure) => {
                if failure.is_refused() {
                    with_source(number, |source| source.key = idempotency_key());
                }
                patience(number, tries, failure).await?;
            }
        }
    }
}

fn with_source(number: u64, change: impl FnOnce(&mut Source)) {
    SOURCES.with_borrow_mut(|sources| sources.get_mut(&number).map(change));
}

async fn received(token: &str) -> Result<u64, Failure> {
    Ok(client::get::<UploadView>(&format!("/uploads/{token}")).await?.received)
}

#[cfg(test)]
mod tests {
    use super::{
        Failure, LARGEST_PIECE, SMALLEST_PIECE, Step, Upload, UploadView, broken_off, is_other, next, pause,
        piece_of,
    };
    use crate::pages::files::edit::tests::file;

    fn upload(number: u64, step: Step) -> Upload {
        Upload { number, name: "a".to_owned(), size: 9, sent: 0, provider: None, file_type: None, step }
    }

    #[test]
    fn two_at_a_time_and_in_order() {
        let mut all = vec![upload(1, Step::Waiting), upload(2, Step::Waiting), upload(3, Step::Waiting)];
        assert_eq!(next(&all), [1, 2]);
        all[0].step = Step::Checking(4);
        assert_eq!(next(&all), [2]);
        all[0].step = Step::Sending;
        assert_eq!(next(&all), [2]);
        all[1].step = Step::Reconnecting;
        assert_eq!(next(&all), Vec::<u64>::new());
        all[0].step = Step::Failed(Failure::offline());
        assert_eq!(next(&all), [3]);
        all[0].step = Step::Unreadable;
        assert_eq!(next(&all), [3]);
    }

    #[test]
    fn a_file_with_the_beginning_of_another_one_is_noticed() {
        let mut made = file(1, "a.img");
        // Found by a scan, its content is not known.
        assert!(!is_other(&made, "ab"));
        made.sha256 = Some("ab".to_owned());
        assert!(!is_other(&made, "ab") && is_other(&made, "ac"));
    }

    #[test]
    fn a_file_belongs_to_what_has_its_name_and_its_size() {
        let one = |name: &str, received| UploadView {
            token: format!("{name}{received}"),
            name: name.to_owned(),
            size: 9,
            received,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            file: None,
        };
        // Of the second nothing has arrived: there is nothing to go on with.
        let all = [one("b", 4), one("a", 0), one("a", 3)];
        assert_eq!(broken_off(&all, "a", 9).map(|upload| upload.received), Some(3));
        assert_eq!(broken_off(&all, "a", 8), None);
        assert_eq!(broken_off(&all, "c", 9), None);
    }

    #[test]
    fn pieces_are_bounded_and_small_enough_to_see_progress() {
        assert_eq!(piece_of(0), SMALLEST_PIECE);
        assert_eq!(piece_of(64 * 1_024 * 1_024), 4 * 1_024 * 1_024);
        assert_eq!(piece_of(u64::MAX), LARGEST_PIECE);
        const { assert!(LARGEST_PIECE <= api::file::LARGEST_PIECE) };
    }

    #[test]
    fn pauses_get_longer_up_to_an_end() {
        assert!(pause(0) < pause(3) && pause(40) == 10_000);
    }
}
