//! How a file looks or sounds, as far as browsers can show it: pictures, sounds, short texts.

use api::file::FileView;
use domain::FileId;
use domain::file::{FileFormat, FileState, FileType};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client;
use crate::load::load;
use crate::texts::{self, Language, lang};

/// Largest picture that is shown, in bytes.
const LARGEST_PICTURE: u64 = 8_000_000;
/// Largest text that is shown, in bytes.
const LARGEST_TEXT: u64 = 64 * 1_024;

/// What browsers can do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Picture,
    Sound,
    Text,
}

fn shown(format: FileFormat, size: u64) -> Option<Shown> {
    match format {
        FileFormat::Png | FileFormat::Jpeg | FileFormat::Bmp | FileFormat::Gif | FileFormat::Webp => {
            (size <= LARGEST_PICTURE).then_some(Shown::Picture)
        }
        FileFormat::Wav | FileFormat::Mp3 => Some(Shown::Sound),
        FileFormat::Text => (size <= LARGEST_TEXT).then_some(Shown::Text),
        // Browsers play no MIDI.
        FileFormat::Midi | FileFormat::Firmware | FileFormat::Archive | FileFormat::Other => None,
    }
}

/// Whether the content of a file is given to somebody, who may change files or not.
pub(super) fn may_see(file: &FileView, may: bool) -> bool {
    may || !file.file_type.is_some_and(FileType::is_secret)
}

/// Address of the content of a file.
pub(super) fn content(id: FileId) -> String {
    format!("{}/files/{id}/content", client::BASE)
}

/// A file as it looks or sounds; nothing when browsers cannot show it.
#[component]
pub(super) fn Preview(file: FileView, may: bool) -> impl IntoView {
    if file.state == FileState::Missing || !may_see(&file, may) {
        return ().into_any();
    }
    let address = content(file.id);
    match shown(file.facts.format, file.size) {
        Some(Shown::Picture) => view! { <Picture address=address name=file.name /> }.into_any(),
        Some(Shown::Sound) => view! { <Sound address=address name=file.name /> }.into_any(),
        Some(Shown::Text) => view! { <Text address=address name=file.name /> }.into_any(),
        None => ().into_any(),
    }
}

/// Finds out why the browser cannot show what it fetched by itself, and says so: what the server has against it, or that
/// it is the browser.
fn explain(address: &str, browser: fn(Language) -> &'static str, why: RwSignal<Option<String>>) {
    let address = address.to_owned();
    spawn_local(async move {
        let words = match client::probe(&address).await {
            Err(failure) => failure.text(lang()),
            Ok(()) => browser(lang()).to_owned(),
        };
        let _ = why.try_set(Some(words));
    });
}

/// A picture, and a sentence in its place when it cannot be shown.
#[component]
pub(super) fn Picture(address: String, name: String) -> impl IntoView {
    let (broken, why) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let own = address.clone();
    let fail = move || {
        broken.set(true);
        explain(&own, texts::files::not_shown, why);
    };
    let picture = move || {
        let fail = fail.clone();
        (!broken.get()).then(|| {
            view! {
                <figure class="preview picture">
                    <img src=address.clone() alt=name.clone() loading="lazy" on:error=move |_| fail() />
                </figure>
            }
        })
    };
    view! {
        {picture}
        <p class="muted" role="status">
            {move || why.get()}
        </p>
    }
}

/// A sound, and a sentence below it when it cannot be played. The player stays: the focus is on it.
#[component]
fn Sound(address: String, name: String) -> impl IntoView {
    let why = RwSignal::new(None::<String>);
    let own = address.clone();
    view! {
        <div>
            <audio
                class="preview"
                controls=true
                preload="none"
                aria-label=texts::files::sound(lang(), name)
                src=address
                on:error=move |_| explain(&own, texts::files::not_played, why)
                on:playing=move |_| why.set(None)
            ></audio>
            <p class="muted" role="status">
                {move || why.get()}
            </p>
        </div>
    }
}

#[component]
fn Text(address: String, name: String) -> impl IntoView {
    let text = load(move || {
        let address = address.clone();
        async move { client::file(&address).await }
    });
    text.show(3, move |text: Signal<String>| {
        // Long lines are reached with the keyboard too.
        view! {
            <pre class="preview" tabindex="0" role="region" aria-label=name.clone()>
                {move || text.get()}
            </pre>
        }
        .into_any()
    })
}

#[cfg(test)]
mod tests {
    use super::{LARGEST_TEXT, Shown, shown};
    use domain::file::FileFormat;

    #[test]
    fn large_texts_and_firmware_are_not_fetched() {
        assert_eq!(shown(FileFormat::Text, LARGEST_TEXT), Some(Shown::Text));
        assert_eq!(shown(FileFormat::Text, LARGEST_TEXT + 1), None);
        assert_eq!(shown(FileFormat::Firmware, 1), None);
        assert_eq!(shown(FileFormat::Wav, u64::MAX), Some(Shown::Sound));
    }
}
