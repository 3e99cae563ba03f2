//! The tab "Files" of a template: files and software that its clients get on their own, beside the rule that decides about
//! software (OSEM §6.3). Where many clients get something by a change, their number is typed.

use api::file::{FileView, SetTemplateFiles, TemplateFiles};
use api::template::TemplateView;
use domain::FileId;
use leptos::prelude::*;

use super::words;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, IconButton};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::states::EmptyState;
use crate::components::toast;
use crate::format;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::files::deploy::ChooseFiles;
use crate::pages::files::words as of_files;
use crate::texts::{self, lang};

#[component]
pub(super) fn Files(template: Signal<TemplateView>, may: bool) -> impl IntoView {
    let id = template.with_untracked(|template| template.id);
    let path = StoredValue::new(format!("/templates/{id}/files"));
    let files = load(move || async move { client::get::<TemplateFiles>(&path.get_value()).await })
        .live(Resource::Templates)
        .live(Resource::Files);
    let (adding, removing) = (RwSignal::new(false), RwSignal::new(false));
    let chosen = RwSignal::new(Vec::<FileView>::new());
    let removed = RwSignal::new(None::<FileView>);
    let now = move || files.data.get_untracked();
    // Of what is ticked, what the template does not have: somebody else may have added some of it meanwhile.
    let fresh = Memo::new(move |_| {
        let has = files.data.with(|now| now.as_ref().map(ids_of)).unwrap_or_default();
        chosen.with(|chosen| fresh(chosen.iter().map(|file| file.id), &has))
    });
    let blocked = Signal::derive(move || {
        fresh.with(Vec::is_empty).then(|| texts::deployments::choose_files(lang()).to_owned())
    });
    let add = Callback::new(move |consent: Consent| -> Acting {
        let (now, more) = (now(), fresh.get_untracked());
        Box::pin(async move {
            let Some(now) = now else { return Ok(()) };
            let mut ids = ids_of(&now);
            ids.extend(more);
            save(&path.get_value(), now.revision, ids, consent).await
        })
    });
    let remove = Callback::new(move |consent: Consent| -> Acting {
        let (now, gone) = (now(), removed.get_untracked());
        Box::pin(async move {
            let (Some(now), Some(gone)) = (now, gone) else { return Ok(()) };
            let ids = now.files.iter().map(|file| file.id).filter(|id| *id != gone.id).collect();
            save(&path.get_value(), now.revision, ids, consent).await
        })
    });
    let done = Callback::new(move |()| {
        files.reload();
        live::touch(Resource::Templates);
        live::touch(Resource::Files);
        toast::show(texts::deployments::attached(lang()));
    });
    let question = Signal::derive(move || {
        let name = removed.with(|file| file.as_ref().map(|file| file.name.clone())).unwrap_or_default();
        texts::deployments::detach_question(lang(), name)
    });
    let count = Signal::derive(move || {
        texts::deployments::attach_button(lang(), fresh.with(|files| files.len() as u64))
    });
    let line = move |file: FileView| {
        let own = StoredValue::new(file.clone());
        let button = may.then(|| {
            view! {
                <IconButton
                    label=texts::deployments::detach(lang(), &file.name)
                    icon="x"
                    on_press=Callback::new(move |()| {
                        removed.set(Some(own.get_value()));
                        removing.set(true);
                    })
                />
            }
        });
        view! {
            <tr>
                <th scope="row" class="breakable">
                    <a href=format!("/files?open={}", file.id)>{file.name.clone()}</a>
                </th>
                <td>{of_files::file_type(file.file_type)}</td>
                <td>{of_files::models(&file.models)}</td>
                <td>{of_files::software(&file)}</td>
                <td class="num">{format::bytes(file.size)}</td>
                <td>{button}</td>
            </tr>
        }
    };
    let list = files.show(3, move |files: Signal<TemplateFiles>| {
        let table = move || {
            let files = files.with(|files| files.files.clone());
            if files.is_empty() {
                return view! {
                    <EmptyState text=texts::deployments::template_none(lang()).to_owned() icon="file" />
                }
                .into_any();
            }
            view! {
                <div class="scroll-x">
                    <table class="tbl" aria-label=texts::deployments::template_files(lang())>
                        <thead>
                            <tr>
                                <th scope="col">{texts::files::name(lang())}</th>
                                <th scope="col">{texts::files::kind(lang())}</th>
                                <th scope="col">{texts::files::models(lang())}</th>
                                <th scope="col">{texts::files::software_version(lang())}</th>
                                <th scope="col" class="num">{texts::files::size(lang())}</th>
                                <th scope="col" class="w-edit">
                                    <span class="vh">{texts::common::row_menu(lang())}</span>
                                </th>
                            </tr>
                        </thead>
                        <tbody>{files.into_iter().map(line).collect::<Vec<_>>()}</tbody>
                    </table>
                </div>
            }
            .into_any()
        };
        view! { {table} }.into_any()
    });
    let choose = move || {
        let has = now().as_ref().map(ids_of).unwrap_or_default();
        view! { <ChooseFiles chosen=chosen model=None without=has /> }
    };
    let rule = move || template.with(|template| words::update(template.software_update));
    view! {
        <p class="lead-text">{texts::deployments::template_help(lang())}</p>
        <p class="soft">
            {move || texts::deployments::rule_of_template(lang(), rule())}
            " "
            {may.then(|| view! { <a href=format!("/templates/{id}")>{texts::templates::edit(lang())}</a> })}
        </p>
        {may
            .then(|| {
                view! {
                    <div class="row">
                        <Button
                            icon="plus"
                            on_press=Callback::new(move |()| {
                                chosen.set(Vec::new());
                                adding.set(true);
                            })
                        >
                            {texts::deployments::attach(lang())}
                        </Button>
                    </div>
                }
            })}
        {list}
        <ConfirmDialog
            open=adding
            title=texts::deployments::attach_title(lang()).to_owned()
            text=texts::deployments::template_help(lang()).to_owned()
            button=count
            harmless=true
            wide=true
            blocked=blocked
            counted=words::gain
            dirty=Signal::derive(move || chosen.with(|files| !files.is_empty()))
            act=add
            done=done
            more=choose
        />
        <ConfirmDialog
            open=removing
            title=question
            text=texts::deployments::detach_text(lang()).to_owned()
            button=texts::deployments::detach_button(lang()).to_owned()
            counted=words::gain
            act=remove
            done=done
        />
    }
}

fn ids_of(files: &TemplateFiles) -> Vec<FileId> {
    files.files.iter().map(|file| file.id).collect()
}

/// Ids of what is chosen without what is there already.
fn fresh(chosen: impl Iterator<Item = FileId>, has: &[FileId]) -> Vec<FileId> {
    chosen.filter(|id| !has.contains(id)).collect()
}

async fn save(path: &str, revision: i64, files: Vec<FileId>, consent: Consent) -> Result<(), Failure> {
    let wanted = SetTemplateFiles { files, confirm: consent.typed };
    Call::put(path).if_match(revision).json(&wanted)?.answer::<TemplateFiles>().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::fresh;
    use domain::FileId;

    #[test]
    fn only_what_the_template_does_not_have_is_added() {
        let chosen = || [FileId(1), FileId(2)].into_iter();
        assert_eq!(fresh(chosen(), &[FileId(2), FileId(9)]), [FileId(1)]);
        assert_eq!(fresh(chosen(), &[FileId(1), FileId(2)]), []);
        assert_eq!(fresh(chosen().take(0), &[]), []);
    }
}
