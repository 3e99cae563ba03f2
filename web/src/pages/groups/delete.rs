//! Deleting groups after one question. A deletion that changes what clients get becomes a plan.

use api::Page;
use api::group::GroupView;
use api::template::{DeleteMany, DeletedMany};
use leptos::prelude::*;

use crate::address::with_fields;
use crate::client::{self, Call, Failure};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::list::Chosen;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::pages::plans::required::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::texts::{self, lang};

#[derive(Clone)]
enum Wanted {
    One(Box<GroupView>),
    Many(Chosen),
}

/// The question; opened for one group, or for what was chosen.
#[derive(Clone, Copy)]
pub(super) struct Deleting {
    open: RwSignal<bool>,
    wanted: RwSignal<Option<Wanted>>,
    required: RwSignal<Option<RequiredPlan>>,
}

impl Deleting {
    pub(super) fn new() -> Self {
        Self { open: RwSignal::new(false), wanted: RwSignal::new(None), required: RwSignal::new(None) }
    }

    pub(super) fn one(self, group: GroupView) {
        self.wanted.set(Some(Wanted::One(Box::new(group))));
        self.open.set(true);
    }

    pub(super) fn many(self, chosen: Chosen) {
        self.wanted.set(Some(Wanted::Many(chosen)));
        self.open.set(true);
    }
}

async fn delete(wanted: Wanted, consent: Consent) -> Result<u64, Failure> {
    let ids = match wanted {
        Wanted::One(group) => {
            let path = consent.address(&format!("/groups/{}", group.id));
            Call::delete(&path).if_match(group.revision).done().await?;
            return Ok(1);
        }
        Wanted::Many(Chosen::Rows(keys)) => keys,
        // There are few groups, so that a filter is answered by its ids.
        Wanted::Many(Chosen::Matching { query, .. }) => {
            let mut fields = query.fields();
            fields.push(("size", api::page::MOST_PER_PAGE.to_string()));
            let page = client::get::<Page<GroupView>>(&with_fields("/groups", &fields)).await?;
            page.items.into_iter().map(|group| group.id.0).collect()
        }
    };
    let many = DeleteMany { ids: Some(ids), search: None, confirm: consent.typed };
    let answer: DeletedMany = Call::post("/groups/delete").json(&many)?.answer().await?;
    Ok(answer.deleted)
}

/// The question, and the plan it may need. `gone` is called when something was deleted.
#[component]
pub(super) fn DeleteGroups(deleting: Deleting, gone: Callback<()>) -> impl IntoView {
    let Deleting { open, wanted, required } = deleting;
    let number = move || {
        wanted.with(|wanted| match wanted {
            Some(Wanted::Many(Chosen::Rows(keys))) => keys.len() as u64,
            Some(Wanted::Many(Chosen::Matching { total, .. })) => *total,
            Some(Wanted::One(_)) | None => 1,
        })
    };
    let title = Signal::derive(move || {
        let name = wanted.with(|wanted| match wanted {
            Some(Wanted::One(group)) => Some(group.name.clone()),
            Some(Wanted::Many(_)) | None => None,
        });
        match name {
            Some(name) => texts::groups::delete_question(lang(), name),
            None => texts::groups::delete_many_question(lang(), number()),
        }
    });
    let done = move || {
        live::touch(Resource::Groups);
        live::touch(Resource::Templates);
        live::touch(Resource::Clients);
        gone.try_run(());
    };
    let act = Callback::new(move |consent: Consent| -> Acting {
        let wanted = wanted.get_untracked();
        Box::pin(async move {
            let Some(wanted) = wanted else { return Ok(()) };
            match delete(wanted, consent).await {
                Ok(deleted) => {
                    toast::show(texts::groups::were_deleted(lang(), deleted));
                    done();
                    Ok(())
                }
                Err(failure) => match required_by(&failure) {
                    Some(plan) => {
                        let _ = required.try_set(Some(plan));
                        Ok(())
                    }
                    None => Err(failure),
                },
            }
        })
    });
    view! {
        <ConfirmDialog
            open=open
            title=title
            text=texts::groups::delete_text(lang()).to_owned()
            button=Signal::derive(move || texts::groups::delete_many(lang(), number()))
            act=act
        />
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |_| done())
        />
    }
}
