//! Who uses a template: the groups it is attached to, and the clients it applies to.

use api::Page;
use api::group::GroupView;
use api::template::TemplateView;
use leptos::prelude::*;

use super::deeds::Clients;
use super::words;
use crate::client;
use crate::components::button::LinkButton;
use crate::components::states::EmptyState;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::texts::{self, lang};

#[component]
pub(super) fn UsedBy(template: Signal<TemplateView>) -> impl IntoView {
    let id = template.with_untracked(|template| template.id);
    let groups = load(move || async move {
        client::get::<Page<GroupView>>(&format!("/groups?template={id}&size=500")).await
    })
    .live(Resource::Groups);
    let list = groups.show(3, |groups: Signal<Page<GroupView>>| {
        let list = move || {
            let groups = groups.get().items;
            if groups.is_empty() {
                return view! {
                    <EmptyState text=texts::templates::no_groups(lang()).to_owned() icon="group">
                        <LinkButton href="/groups".to_owned()>{texts::templates::show_groups(lang())}</LinkButton>
                    </EmptyState>
                }
                .into_any();
            }
            let line = |group: GroupView| {
                let id = group.id;
                view! {
                    <tr>
                        <th scope="row"><a class="id" href=format!("/groups/{id}")>{group.name}</a></th>
                        <td class="wrap">{group.description}</td>
                        <td class="num">
                            <a href=format!("/clients?group={id}")>{format::number(group.members)}</a>
                        </td>
                    </tr>
                }
            };
            view! {
                <table class="tbl stack">
                    <thead>
                        <tr>
                            <th scope="col">{texts::templates::group(lang())}</th>
                            <th scope="col">{texts::templates::description(lang())}</th>
                            <th scope="col" class="num">{texts::templates::members(lang())}</th>
                        </tr>
                    </thead>
                    <tbody>{groups.into_iter().map(line).collect::<Vec<_>>()}</tbody>
                </table>
            }
            .into_any()
        };
        view! { {list} }.into_any()
    });
    view! {
        <p class="soft">{move || template.with(|template| words::applies(template.kind, !template.groups.is_empty()))}</p>
        <Clients id=id />
        {move || prepared(template.with(|template| template.prepared_clients))}
        {list}
    }
}

/// How many clients were prepared with a template: they need it once more after a reset.
pub(super) fn prepared(clients: u64) -> impl IntoView {
    (clients > 0).then(|| view! { <p class="soft">{texts::templates::prepared_with(lang(), clients)}</p> })
}
