//! An address that leads nowhere, with a way back.

use leptos::prelude::*;

use crate::components::button::LinkButton;
use crate::components::page_head::PageHead;
use crate::components::states::EmptyState;
use crate::routes;
use crate::texts::{self, lang};

/// There is no such page.
#[component]
pub fn NotFound() -> impl IntoView {
    let (home, name) = routes::home();
    view! {
        <PageHead title=texts::common::page_not_found(lang()).to_owned() />
        <EmptyState text=texts::common::page_not_found_text(lang()).to_owned() icon="search">
            <LinkButton href=home.to_owned()>{texts::shell::key_go(lang(), name)}</LinkButton>
        </EmptyState>
    }
}
