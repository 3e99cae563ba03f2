//! Which files are deployed: those that are ready, searched by name, type and software type, and ticked.

use api::Page;
use api::file::{FileQuery, FileView};
use api::page::MOST_PER_PAGE;
use domain::FileId;
use domain::file::{FileState, FileType};
use leptos::prelude::*;

use crate::browser;
use crate::client;
use crate::components::button::IconButton;
use crate::components::checkbox::PlainCheckbox;
use crate::components::field::TextField;
use crate::components::fresh_id;
use crate::components::select::{Choice, Select};
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::pages::files::words;
use crate::texts::{self, lang};

/// Files shown at once; the search finds the others.
const SHOWN: u64 = 50;
/// Pause in typing after which the search begins, in milliseconds.
const TYPING_MS: u64 = 250;

/// A list of files to tick. What was ticked stays while something else is searched.
#[component]
pub(crate) fn ChooseFiles(
    /// What is ticked.
    chosen: RwSignal<Vec<FileView>>,
    /// Only those for this model, and those that do not say.
    model: Option<String>,
    /// These are not offered: whoever gets what is chosen has them.
    #[prop(optional)]
    without: Vec<FileId>,
) -> impl IntoView {
    let (typed, kind) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let family = RwSignal::new(String::new());
    let search = RwSignal::new(String::new());
    let pending = StoredValue::new(0_u64);
    Effect::new(move |before: Option<()>| {
        let text = typed.with(|text| text.trim().to_owned());
        if before.is_none() {
            return;
        }
        let number = pending.get_value() + 1;
        pending.set_value(number);
        set_timeout(
            move || {
                if pending.try_get_value() == Some(number) {
                    search.set(text);
                }
            },
            std::time::Duration::from_millis(TYPING_MS),
        );
    });
    let of_model = model.clone();
    // Enough for as many as are shown, whichever are left out.
    let size = (SHOWN + without.len() as u64).min(MOST_PER_PAGE);
    let without = StoredValue::new(without);
    let found = load(move || {
        let text = search.get();
        let query = FileQuery {
            size: Some(size),
            search: (!text.is_empty()).then_some(text),
            file_type: kind.with(|word| FileType::parse(word)),
            software_type: family.with(|word| (!word.is_empty()).then(|| word.clone())),
            model: of_model.clone(),
            state: Some(FileState::Ready),
            ..FileQuery::default()
        };
        async move { client::get_with::<Page<FileView>>("/files", &query).await }
    })
    .live(Resource::Files);
    let language = lang();
    let kinds = {
        let mut kinds = words::types();
        kinds.insert(0, Choice::new("", texts::deployments::all_types(language)));
        kinds
    };
    let families = {
        let mut families = words::families();
        families.insert(0, Choice::new("", texts::deployments::all_software_types(language)));
        families
    };
    let list = found.show(4, move |page: Signal<Page<FileView>>| {
        let shown =
            Memo::new(move |_| without.with_value(|without| page.with(|page| offered(page, without))));
        let none = Memo::new(move |_| shown.with(|(files, _)| files.is_empty()));
        let more = move || {
            let more = shown.with(|(_, more)| *more);
            (more > 0).then(|| view! { <p class="muted">{texts::deployments::more_files(lang(), more)}</p> })
        };
        let lines = move || {
            if none.get() {
                return view! { <p class="muted">{texts::deployments::no_file(lang())}</p> }.into_any();
            }
            // A row that stays as it is stays: it may have the focus while the list is read again.
            view! {
                <div
                    class="scroll-x choose-files"
                    tabindex="0"
                    role="region"
                    aria-label=texts::deployments::files(lang())
                >
                    <table class="tbl plain" aria-label=texts::deployments::files(lang())>
                        <thead>
                            <tr>
                                <th scope="col" class="sel">
                                    <span class="vh">{texts::common::selection(lang())}</span>
                                </th>
                                <th scope="col">{texts::files::name(lang())}</th>
                                <th scope="col">{texts::files::kind(lang())}</th>
                                <th scope="col">{texts::files::models(lang())}</th>
                                <th scope="col">{texts::files::software_version(lang())}</th>
                                <th scope="col">{texts::files::storage(lang())}</th>
                                <th scope="col" class="num">{texts::files::size(lang())}</th>
                            </tr>
                        </thead>
                        <tbody>
                            <For
                                each=move || shown.with(|(files, _)| files.clone())
                                key=|file| (file.id, file.revision)
                                let:file
                            >
                                <Line file=file chosen=chosen />
                            </For>
                        </tbody>
                    </table>
                </div>
                {more}
            }
            .into_any()
        };
        view! { {lines} }.into_any()
    });
    view! {
        <section class="stack-v close">
            <h3>{texts::deployments::files(language)}</h3>
            {model.map(|model| view! { <p class="soft">{texts::deployments::that_fit(language, model)}</p> })}
            <div class="two-columns even">
                <TextField
                    label=texts::common::search(language).to_owned()
                    value=typed
                    kind="search"
                    max_length=200
                />
                <Select label=texts::files::kind(language).to_owned() value=kind choices=kinds />
                <Select
                    label=texts::files::software_type(language).to_owned()
                    value=family
                    choices=families
                />
            </div>
            {list}
            <Picked chosen=chosen />
        </section>
    }
}

/// What is ticked, also what the search no longer shows: how much it is, and each to be taken out again.
#[component]
fn Picked(chosen: RwSignal<Vec<FileView>>) -> impl IntoView {
    let head = fresh_id("chosen");
    let labelled = head.clone();
    let head_of_list = StoredValue::new(head.clone());
    let count = move || {
        chosen.with(|files| {
            let bytes = files.iter().map(|file| file.size).sum();
            (!files.is_empty())
                .then(|| texts::deployments::chosen(lang(), format::bytes(bytes), files.len() as u64))
        })
    };
    let chip = move |file: FileView| {
        let id = file.id;
        let about = about(&file);
        view! {
            <li class="tag">
                <span>{file.name.clone()}</span>
                <span class="muted">{about}</span>
                <IconButton
                    class="x"
                    label=texts::common::remove(lang(), file.name)
                    icon="x"
                    on_press=Callback::new(move |()| {
                        chosen.update(|files| files.retain(|file| file.id != id));
                        // The button is gone with its chip.
                        head_of_list.with_value(|head| browser::focus_id(head));
                    })
                />
            </li>
        }
    };
    view! {
        <p id=head class="strong" aria-live="polite" tabindex="-1">{count}</p>
        <ul class="chosen chosen-files" aria-labelledby=labelled>
            {move || chosen.get().into_iter().map(chip).collect_view()}
        </ul>
    }
}

/// Type and software of a file, as far as they are known.
pub(super) fn about(file: &FileView) -> String {
    let known = [words::file_type(file.file_type), words::software(file)];
    let known: Vec<String> = known.into_iter().filter(|word| *word != words::dash()).collect();
    known.join(", ")
}

/// Files of a page that are shown, without some, and how many more there are.
fn offered(page: &Page<FileView>, without: &[FileId]) -> (Vec<FileView>, u64) {
    let mut files: Vec<FileView> =
        page.items.iter().filter(|file| !without.contains(&file.id)).cloned().collect();
    let left_out = (page.items.len() - files.len()) as u64;
    files.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
    let more = page.total.saturating_sub(left_out + files.len() as u64);
    (files, more)
}

#[component]
fn Line(file: FileView, chosen: RwSignal<Vec<FileView>>) -> impl IntoView {
    let id = file.id;
    let name_id = fresh_id("file");
    let checked = Signal::derive(move || chosen.with(|files| files.iter().any(|file| file.id == id)));
    let own = StoredValue::new(file.clone());
    let toggle = move |_| {
        chosen.update(|files| match files.iter().position(|file| file.id == id) {
            Some(at) => drop(files.remove(at)),
            None => files.push(own.get_value()),
        });
    };
    view! {
        <tr>
            <td class="sel">
                <PlainCheckbox
                    label=texts::common::select_row(lang()).to_owned()
                    of=name_id.clone()
                    checked=checked
                    on_press=Callback::new(toggle)
                />
            </td>
            <th scope="row" id=name_id class="breakable">{file.name.clone()}</th>
            <td>{words::file_type(file.file_type)}</td>
            <td>{words::models(&file.models)}</td>
            <td>{words::software(&file)}</td>
            <td>{words::provider(&file.provider.name, &file.provider.kind)}</td>
            <td class="num">{format::bytes(file.size)}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, SHOWN, offered};
    use crate::pages::files::edit::tests::file;
    use domain::FileId;

    #[test]
    fn what_is_there_already_is_not_offered() {
        let shown = i64::try_from(SHOWN).unwrap();
        let items = (1..=shown + 2).map(|id| file(id, "tone.wav")).collect();
        let page = Page { items, total: 80, page: Some(1), size: SHOWN + 2, next: None };
        let (files, more) = offered(&page, &[FileId(1), FileId(2)]);
        assert_eq!((files.len() as u64, files[0].id, more), (SHOWN, FileId(3), 80 - 2 - SHOWN));
        let (files, more) = offered(&Page::whole(vec![file(7, "tone.wav")]), &[FileId(7)]);
        assert_eq!((files.len(), more), (0, 0));
        let (files, more) = offered(&page, &[]);
        assert_eq!((files.len() as u64, more), (SHOWN, 30));
    }
}
