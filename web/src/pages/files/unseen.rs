//! Uploads that end while nobody looks at them: one that failed, or of which something must be said, is told in a toast.
//! And while bytes go out, the browser asks before the window is closed.

use std::cell::{Cell, RefCell};

use domain::file::FileState;
use leptos::prelude::on_cleanup;

use super::uploading::{Step, Upload};
use crate::address::with_fields;
use crate::browser;
use crate::components::toast;
use crate::texts::{self, Language, lang};

/// What was told since somebody looked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unseen {
    failed: u64,
    asks: u64,
}

/// What a toast says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// Uploads failed.
    Failed(String),
    /// Files have arrived that nobody can have yet.
    Asks(String),
}

impl Unseen {
    /// What is told of an upload that has come to something; nothing when all is well.
    fn tell(&mut self, language: Language, name: &str, step: &Step) -> Option<Told> {
        match step {
            Step::Failed(_) | Step::Unreadable | Step::Mixed(_) => {
                self.failed += 1;
                Some(Told::Failed(texts::files::failed_unseen(language, self.failed, name)))
            }
            Step::Done(file) if file.state == FileState::Incomplete => {
                self.asks += 1;
                Some(Told::Asks(texts::files::asks_unseen(language, self.asks, name)))
            }
            _ => None,
        }
    }
}

thread_local! {
    /// Lists of uploads that are open.
    static LISTS: Cell<u32> = const { Cell::new(0) };
    static UNSEEN: RefCell<Unseen> = RefCell::new(Unseen::default());
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// While the component that calls it is shown, somebody looks.
pub(super) fn watch() {
    LISTS.set(LISTS.get() + 1);
    UNSEEN.set(Unseen::default());
    on_cleanup(|| LISTS.set(LISTS.get().saturating_sub(1)));
}

/// Tells what an upload has come to, unless somebody looks at it anyway.
pub(super) fn tell(upload: &Upload) {
    if LISTS.get() > 0 {
        return;
    }
    match UNSEEN.with_borrow_mut(|unseen| unseen.tell(lang(), &upload.name, &upload.step)) {
        Some(Told::Failed(text)) => toast::refused(text),
        Some(Told::Asks(text)) => {
            let href = with_fields("/files", &[("state", FileState::Incomplete.as_str().to_owned())]);
            toast::failed_link(text, texts::files::see_files(lang()), href);
        }
        None => {}
    }
}

/// From now on the browser asks before the window is closed, while `busy` says that bytes go out.
pub(super) fn guard(busy: fn() -> bool) {
    if !GUARDED.replace(true) {
        browser::ask_before_unload(busy);
    }
}

#[cfg(test)]
mod tests {
    use super::{Told, Unseen};
    use crate::client::Failure;
    use crate::pages::files::edit::tests::file;
    use crate::pages::files::uploading::Step;
    use crate::texts::Language::English;
    use domain::file::FileState;

    #[test]
    fn what_ends_badly_is_told_and_counted() {
        let mut unseen = Unseen::default();
        let failed = Step::Failed(Failure::offline());
        let Some(Told::Failed(first)) = unseen.tell(English, "a.wav", &failed) else { panic!("told") };
        assert!(first.contains("a.wav") && !first.contains('2'), "{first}");
        let Some(Told::Failed(second)) = unseen.tell(English, "b.wav", &failed) else { panic!("told") };
        assert!(second.contains("b.wav") && second.contains('2'), "{second}");
        let mut image = file(1, "image.img");
        image.state = FileState::Incomplete;
        let asks = unseen.tell(English, "image.img", &Step::Done(Box::new(image)));
        assert!(matches!(asks, Some(Told::Asks(text)) if text.contains("image.img")));
        assert_eq!(unseen, Unseen { failed: 2, asks: 1 });
    }

    #[test]
    fn nothing_is_told_of_what_is_well_or_goes_on() {
        let mut unseen = Unseen::default();
        let mut ready = file(1, "tone.wav");
        ready.state = FileState::Ready;
        for step in [Step::Waiting, Step::Sending, Step::Reconnecting, Step::Done(Box::new(ready))] {
            assert_eq!(unseen.tell(English, "tone.wav", &step), None);
        }
        assert_eq!(unseen, Unseen::default());
    }
}
