//! The table of pages: their addresses, and the menu. What a role may not see is not in its menu.

use domain::Permission;
use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Route};
use leptos_router::path;

use crate::address::use_address;
use crate::pages;
use crate::pieces;
use crate::session;
use crate::texts::{self, Language, lang};

/// An entry of the menu, of the palette and of the breadcrumb.
#[derive(Clone, Copy)]
pub struct Place {
    /// Its address; also of everything below it.
    pub path: &'static str,
    /// Its name.
    pub title: fn(Language) -> &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// Heading it stands under.
    pub group: Option<fn(Language) -> &'static str>,
    /// What a role needs to see it.
    pub permission: Permission,
    /// Letter after `g` that leads there.
    pub letter: &'static str,
}

/// The menu, in its order.
const PLACES: [Place; 11] = [
    Place {
        path: "/",
        title: texts::overview::title,
        icon: "home",
        group: None,
        permission: Permission::ReadClients,
        letter: "g o",
    },
    Place {
        path: "/clients",
        title: texts::clients::title,
        icon: "phone",
        group: Some(texts::shell::fleet),
        permission: Permission::ReadClients,
        letter: "g c",
    },
    Place {
        path: "/groups",
        title: texts::groups::title,
        icon: "group",
        group: Some(texts::shell::fleet),
        permission: Permission::ReadClients,
        letter: "g r",
    },
    Place {
        path: "/templates",
        title: texts::templates::title,
        icon: "template",
        group: Some(texts::shell::fleet),
        permission: Permission::ReadClients,
        letter: "g t",
    },
    Place {
        path: "/files",
        title: texts::files::title,
        icon: "file",
        group: Some(texts::shell::fleet),
        permission: Permission::ReadClients,
        letter: "g f",
    },
    Place {
        path: "/firmware",
        title: texts::firmware::title,
        icon: "chip",
        group: Some(texts::shell::fleet),
        permission: Permission::ReadClients,
        letter: "g w",
    },
    Place {
        path: "/jobs",
        title: texts::jobs::title,
        icon: "job",
        group: Some(texts::shell::change),
        permission: Permission::ReadClients,
        letter: "g j",
    },
    Place {
        path: "/audit",
        title: texts::audit::title,
        icon: "audit",
        group: Some(texts::shell::oversight),
        permission: Permission::ReadAudit,
        letter: "g a",
    },
    Place {
        path: "/storage",
        title: texts::storage::title,
        icon: "storage",
        group: Some(texts::shell::system),
        permission: Permission::ReadClients,
        letter: "g p",
    },
    Place {
        path: "/accounts",
        title: texts::accounts::title,
        icon: "users",
        group: Some(texts::shell::system),
        permission: Permission::ReadAccounts,
        letter: "g n",
    },
    Place {
        path: "/settings",
        title: texts::settings::title,
        icon: "gear",
        group: Some(texts::shell::system),
        permission: Permission::ReadSettings,
        letter: "g s",
    },
];

/// The places that the signed-in roles may see.
pub fn places() -> Vec<Place> {
    PLACES.into_iter().filter(|place| session::may(place.permission)).collect()
}

/// The place an address lies in.
pub fn place_of(path: &str) -> Option<Place> {
    PLACES.into_iter().find(|place| match place.path {
        "/" => path == "/",
        own => path == own || path.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')),
    })
}

/// Where somebody begins, and its name: the first place their roles may see, else their own account.
pub fn home() -> (&'static str, &'static str) {
    let first = places().first().map(|place| (place.path, (place.title)(lang())));
    first.unwrap_or_else(|| ("/account", texts::account::title(lang())))
}

/// The overview, for those who may see it; others are led to where they begin.
#[component]
fn Home() -> impl IntoView {
    let address = use_address();
    let (path, _) = home();
    if path == "/" {
        return view! { <pages::overview::OverviewPage /> }.into_any();
    }
    Effect::new(move |_| address.replace(path));
    ().into_any()
}

/// The pages.
#[component]
pub fn Pages() -> impl IntoView {
    view! {
        <FlatRoutes fallback=pages::not_found::NotFound>
            <Route path=path!("/") view=Home />
            <Route path=path!("/clients") view=pieces::ClientsPage />
            <Route path=path!("/clients/:id") view=pieces::ClientPage />
            <Route path=path!("/clients/:id/configuration") view=pieces::ConfigurationPage />
            <Route path=path!("/clients/:id/configuration/:section") view=pieces::ConfigurationPage />
            <Route path=path!("/groups") view=pieces::GroupsPage />
            <Route path=path!("/groups/fields") view=pieces::ClientFieldsPage />
            <Route path=path!("/groups/:id") view=pieces::GroupPage />
            <Route path=path!("/templates") view=pieces::TemplatesPage />
            <Route path=path!("/templates/:id") view=pieces::TemplatePage />
            <Route path=path!("/templates/:id/configuration") view=pieces::TemplateConfigurationPage />
            <Route path=path!("/templates/:id/configuration/:section") view=pieces::TemplateConfigurationPage />
            <Route path=path!("/files") view=pieces::FilesPage />
            <Route path=path!("/firmware") view=pieces::FirmwarePage />
            <Route path=path!("/storage") view=pieces::StoragePage />
            <Route path=path!("/plans/:id") view=pieces::PlanPage />
            <Route path=path!("/jobs") view=pieces::JobsPage />
            <Route path=path!("/jobs/:id") view=pieces::JobPage />
            <Route path=path!("/audit") view=pieces::AuditPage />
            <Route path=path!("/accounts") view=pieces::AccountsPage />
            <Route path=path!("/account") view=pieces::AccountPage />
            <Route path=path!("/account/:section") view=pieces::AccountPage />
            <Route path=path!("/settings") view=pieces::SettingsPage />
            <Route path=path!("/settings/:section") view=pieces::SettingsPage />
        </FlatRoutes>
    }
}

#[cfg(test)]
mod tests {
    use super::place_of;

    #[test]
    fn a_page_lies_in_its_place() {
        let path = |address| place_of(address).map(|place| place.path);
        assert_eq!(path("/"), Some("/"));
        assert_eq!(path("/clients/7/configuration"), Some("/clients"));
        assert_eq!(path("/groups/fields"), Some("/groups"));
        assert_eq!(path("/templates/7/configuration/telephony.sip-settings"), Some("/templates"));
        assert_eq!(path("/accounts"), Some("/accounts"));
        assert_eq!(path("/account/sessions"), None);
    }
}
