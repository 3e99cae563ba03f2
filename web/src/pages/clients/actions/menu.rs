//! What can be done with one client, as entries of its menu.

use api::client::ClientView;
use domain::Permission;
use domain::client::ClientState;

use super::{Actions, What};
use crate::components::menu::MenuEntry;
use crate::components::toast;
use crate::pages::clients::prepare::Preparing;
use crate::session;
use crate::texts::{self, lang};

impl Actions {
    /// Entries of the menu of a client. `row`: with those that stand beside the menu elsewhere.
    pub(in crate::pages::clients) fn menu(self, client: &ClientView, row: bool) -> Vec<MenuEntry> {
        let language = lang();
        let may = session::may(Permission::ChangeClients);
        let asking = |what: What| {
            let client = client.clone();
            move || self.ask(what, &client)
        };
        let mut entries = Vec::new();
        if row {
            let label = if may {
                texts::clients::configure(language)
            } else {
                texts::clients::configuration(language)
            };
            entries.push(
                MenuEntry::link(label, format!("/clients/{}/configuration", client.id))
                    .icon("gear")
                    .keys("e"),
            );
            if Self::may_refresh(client) {
                let client = client.clone();
                let refresh =
                    MenuEntry::press(texts::clients::refresh(language), move || self.refresh(&client));
                entries.push(refresh.icon("refresh"));
            }
            if let Some(address) = &client.wbm_url {
                entries.push(
                    MenuEntry::outside(texts::clients::open_wbm(language), address.clone()).icon("ext"),
                );
            }
        }
        let copied = client.device_id.clone().map(|id| {
            MenuEntry::press(texts::clients::copy_device_id(language), move || {
                crate::browser::copy(&id, || toast::show(texts::clients::copied(lang())));
            })
            .icon("copy")
        });
        entries.extend(copied);
        if !may {
            return entries;
        }
        if client.state == ClientState::Prepared {
            let change = client.clone();
            let entry = MenuEntry::press(texts::clients::change(language), move || {
                self.open_prepare(Preparing::Change(Box::new(change.clone())));
            });
            entries.push(entry.icon("pencil").line_before());
        }
        let like = client.clone();
        let entry = MenuEntry::press(texts::clients::new_like_this(language), move || {
            self.open_prepare(Preparing::Like(Box::new(like.clone())));
        });
        let entry = entry.icon("plus");
        entries.push(if client.state == ClientState::Prepared { entry } else { entry.line_before() });
        if Self::may_copy(client) {
            let copied = client.clone();
            let copy = MenuEntry::press(texts::copies::copy(language), move || self.open_copy(&copied));
            entries.push(copy.icon("copy"));
        }
        if session::may(Permission::ChangeTemplates) {
            let of = client.clone();
            let generate =
                MenuEntry::press(texts::copies::generate_entry(language), move || self.open_generate(&of));
            entries.push(generate.icon("file"));
        }
        let own = client.clone();
        let fields = MenuEntry::press(texts::clients::edit_fields(language), move || self.edit_fields(&own));
        entries.push(fields.icon("pencil"));
        if client.state == ClientState::Quarantined {
            entries
                .push(MenuEntry::press(texts::clients::release(language), asking(What::Release)).icon("okc"));
        }
        if Self::may_approve(client) {
            entries.push(
                MenuEntry::press(texts::clients::approve(language), asking(What::Approve)).icon("shieldok"),
            );
        }
        let is_there = !matches!(client.state, ClientState::Prepared | ClientState::Retired);
        if is_there {
            let own = client.clone();
            let deploy = MenuEntry::press(texts::deployments::deploy(language), move || self.deploy(&own));
            entries.push(deploy.icon("deploy").line_before());
            let restart = MenuEntry::press(texts::clients::restart(language), asking(What::Restart));
            entries.push(restart.icon("power"));
            let reset = MenuEntry::press(texts::clients::reset(language), asking(What::Reset));
            entries.push(reset.icon("undo").danger());
        }
        let delete =
            MenuEntry::press(texts::clients::delete(language), asking(What::Delete)).icon("trash").danger();
        entries.push(if is_there { delete } else { delete.line_before() });
        entries
    }
}
