//! What can be done with clients, wherever they are shown: entries of the menu, and the questions that are asked before.
//!
//! Reading again happens at once and becomes a job; whatever interrupts or destroys is asked for first. Writing values
//! belongs to the pages of the configuration and of plans.

use api::Code;
use api::client::ClientView;
use api::job::{ActionKind, JobView, NewAction};
use api::plan::PlanView;
use api::targets::{TargetFilter, Targets};
use domain::client::{ClientState, SecureMode};
use domain::{ClientId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::look;
use super::prepare::{PrepareDialog, Preparing};
use crate::address::{Address, History, use_address};
use crate::client::{self, Call, Failure};
use crate::components::button::Button;
use crate::components::checkbox::Checkbox;
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::list::{Chosen, ListQuery};
use crate::components::menu::MenuEntry;
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::pages::configuration::address_of;
use crate::pages::plans::PlanDialog;
use crate::session;
use crate::texts::{self, lang};

mod when;
mod words;

use when::{When, WhenField};
pub(super) use words::differences;

/// What is done with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Read everything again.
    Refresh,
    /// Restart the phones.
    Restart,
    /// Back to factory values.
    Reset,
    /// Delete the clients here.
    Delete,
    /// May get secrets in default mode, at the address it has.
    Approve,
    /// Out of quarantine.
    Release,
}

impl What {
    /// Destroys or interrupts.
    pub(super) fn is_dangerous(self) -> bool {
        matches!(self, Self::Reset | Self::Delete)
    }

    fn kind(self) -> Option<ActionKind> {
        match self {
            Self::Refresh => Some(ActionKind::Refresh),
            Self::Restart => Some(ActionKind::Restart),
            Self::Reset => Some(ActionKind::Reset),
            Self::Delete => Some(ActionKind::Delete),
            Self::Approve | Self::Release => None,
        }
    }
}

/// With whom.
#[derive(Clone, Debug)]
enum Subject {
    One(Box<ClientView>),
    Many(Chosen),
}

impl Subject {
    fn count(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(chosen) => chosen.count(),
        }
    }

    fn targets(&self) -> Option<Targets> {
        match self {
            Self::One(client) => Some(Targets { ids: Some(vec![client.id]), filter: None }),
            Self::Many(chosen) => targets(chosen),
        }
    }
}

/// A question that is open.
#[derive(Clone, Debug)]
struct Asked {
    what: What,
    subject: Subject,
}

/// What can be done with clients. One of it on a page, with [`ActionDialogs`]; copied around freely.
#[derive(Clone, Copy)]
pub(super) struct Actions {
    asked: RwSignal<Option<Asked>>,
    open: RwSignal<bool>,
    when: When,
    keep: RwSignal<bool>,
    preparing: RwSignal<Option<Preparing>>,
    prepare: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
    failed: RwSignal<bool>,
    plan: RwSignal<Option<PlanView>>,
    /// What is different since the question was asked.
    differs: RwSignal<Vec<Difference>>,
    address: Address,
}

impl Actions {
    /// Call it while the page is built.
    pub(super) fn new() -> Self {
        Self {
            asked: RwSignal::new(None),
            open: RwSignal::new(false),
            when: When::new(),
            keep: RwSignal::new(false),
            preparing: RwSignal::new(None),
            prepare: RwSignal::new(false),
            failure: RwSignal::new(None),
            failed: RwSignal::new(false),
            plan: RwSignal::new(None),
            differs: RwSignal::new(Vec::new()),
            address: use_address(),
        }
    }

    /// Whether everything may be read again from this client.
    pub(super) fn may_refresh(client: &ClientView) -> bool {
        session::may(Permission::ChangeClients) && client.state != ClientState::Prepared
    }

    /// Whether an approval would change something: it may get secrets then, or is trusted at its new address.
    pub(super) fn may_approve(client: &ClientView) -> bool {
        let moved = client.trusted_address.is_some() && client.trusted_address != client.peer_address;
        session::may(Permission::ChangeClients)
            && client.state == ClientState::Active
            && client.secure_mode == SecureMode::Default
            && (!client.approved || moved)
    }

    /// Asks before it is done with one client.
    pub(super) fn ask(self, what: What, client: &ClientView) {
        self.open_with(Asked { what, subject: Subject::One(Box::new(client.clone())) });
    }

    /// Asks before it is done with many.
    pub(super) fn ask_many(self, what: What, chosen: Chosen) {
        self.open_with(Asked { what, subject: Subject::Many(chosen) });
    }

    fn open_with(self, asked: Asked) {
        self.when.clear();
        self.keep.set(false);
        self.differs.set(Vec::new());
        self.asked.set(Some(asked));
        self.open.set(true);
    }

    /// Opens the form for a new client.
    pub(super) fn prepare_new(self) {
        self.open_prepare(Preparing::New);
    }

    fn open_prepare(self, preparing: Preparing) {
        self.preparing.set(Some(preparing));
        self.prepare.set(true);
    }

    /// Shows a plan of one client, to be applied.
    pub(super) fn show_plan(self, plan: PlanView) {
        let _ = self.plan.try_set(Some(plan));
    }

    /// Leads to the configuration of what was chosen.
    pub(super) fn configure(self, chosen: &Chosen) {
        self.address.go(&address_of(chosen));
    }

    /// Has everything read again from a client, at once.
    pub(super) fn refresh(self, client: &ClientView) {
        let (id, name) = (client.id, look::name(client));
        spawn_local(async move {
            match Call::post(&format!("/clients/{id}/refresh")).answer::<JobView>().await {
                Ok(job) => {
                    say_job(texts::clients::refresh_started(lang(), name), &job);
                }
                Err(failure) => {
                    let _ = self.failure.try_set(Some(failure));
                    let _ = self.failed.try_set(true);
                }
            }
        });
    }

    /// Entries of the menu of a client. `row`: with those that stand beside the menu elsewhere.
    pub(super) fn menu(self, client: &ClientView, row: bool) -> Vec<MenuEntry> {
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
        if client.state == ClientState::Quarantined {
            entries
                .push(MenuEntry::press(texts::clients::release(language), asking(What::Release)).icon("okc"));
        }
        if Self::may_approve(client) {
            entries.push(
                MenuEntry::press(texts::clients::approve(language), asking(What::Approve)).icon("shieldok"),
            );
        }
        if client.state != ClientState::Prepared {
            let restart = MenuEntry::press(texts::clients::restart(language), asking(What::Restart));
            entries.push(restart.icon("power").line_before());
            let reset = MenuEntry::press(texts::clients::reset(language), asking(What::Reset));
            entries.push(reset.icon("undo").danger());
        }
        let delete =
            MenuEntry::press(texts::clients::delete(language), asking(What::Delete)).icon("trash").danger();
        entries.push(if client.state == ClientState::Prepared { delete.line_before() } else { delete });
        entries
    }

    /// Does what was asked.
    async fn act(self, asked: Asked, consent: Consent) -> Result<(), Failure> {
        match (&asked.subject, asked.what) {
            (Subject::One(client), What::Approve) => {
                let path = format!("/clients/{}/approve", client.id);
                self.as_seen(asked.what, client, || Call::post(&path)).await?;
                self.say_done(asked.what, client);
            }
            (Subject::One(client), What::Release) => {
                let path = format!("/clients/{}/release", client.id);
                self.as_seen(asked.what, client, || Call::post(&path)).await?;
                self.say_done(asked.what, client);
            }
            (Subject::One(client), What::Delete) => {
                let path = format!("/clients/{}", client.id);
                self.as_seen(asked.what, client, || Call::delete(&path)).await?;
                self.say_done(asked.what, client);
                self.leave(client.id);
            }
            (subject, what) => {
                // A filter that cannot be read must not become another one.
                let targets = subject.targets().ok_or_else(|| Failure::not_understood(None))?;
                let action = what.kind().ok_or_else(|| Failure::not_understood(None))?;
                let new = NewAction {
                    action,
                    targets,
                    planned_at: self.when.instant()?,
                    keep_certificates: what == What::Reset && self.keep.get_untracked(),
                    confirm: consent.typed,
                };
                let sent =
                    Call::post("/clients/actions").once(&consent.key).json(&new)?.answer::<JobView>().await;
                let job = sent.inspect_err(|failure| self.when.note(failure))?;
                say_job(words::started(what, subject, new.planned_at), &job);
            }
        }
        Ok(())
    }

    /// Does something with a client as it was seen. When it has changed meanwhile, it is read again; the question is then
    /// about the client of now, and says what is different. What nobody saw in the question needs no other answer.
    async fn as_seen(self, what: What, client: &ClientView, call: impl Fn() -> Call) -> Result<(), Failure> {
        let refused = match call().if_match(client.revision).done().await {
            Err(failure) if failure.code() == Some(Code::PreconditionFailed) => failure,
            other => return other,
        };
        let now: ClientView = client::get(&format!("/clients/{}", client.id)).await?;
        let differs = differences(client, &now);
        if differs.is_empty() {
            return call().if_match(now.revision).done().await;
        }
        let _ = self.asked.try_set(Some(Asked { what, subject: Subject::One(Box::new(now)) }));
        let _ = self.differs.try_set(differs);
        Err(refused)
    }

    fn say_done(self, what: What, client: &ClientView) {
        toast::show(words::done(what, &look::name(client)));
        live::touch(Resource::Clients);
    }

    /// The client is gone: its drawer closes, its page leads back to the list.
    fn leave(self, id: ClientId) {
        if self.address.get_now("open").as_deref() == Some(&id.to_string()) {
            self.address.set(&[("open", None), ("tab", None)], History::Replace);
        } else if self.address.path_now() != "/clients" {
            self.address.replace("/clients");
        }
    }
}

fn say_job(text: String, job: &JobView) {
    toast::show_link(text, texts::clients::show_job(lang()), format!("/jobs/{}", job.id));
    live::touch(Resource::Jobs);
    live::touch(Resource::Clients);
}

/// For whom, as the API says it; `None` when the filter of the list is none that actions take.
fn targets(chosen: &Chosen) -> Option<Targets> {
    match chosen {
        Chosen::Rows(ids) => {
            Some(Targets { ids: Some(ids.iter().copied().map(ClientId).collect()), filter: None })
        }
        Chosen::Matching { query, .. } => Some(Targets { ids: None, filter: Some(filter(query)?) }),
    }
}

fn filter(query: &ListQuery) -> Option<TargetFilter> {
    let mut fields = serde_json::Map::new();
    for (name, value) in query.fields() {
        let value = match (name, value.as_str()) {
            ("in_job" | "drift" | "not_seen" | "secrets_withheld", "true") => true.into(),
            ("in_job" | "drift" | "not_seen" | "secrets_withheld", "false") => false.into(),
            _ => value.into(),
        };
        fields.insert(name.to_owned(), value);
    }
    // Unknown fields are refused: what is not understood never widens the selection.
    serde_json::from_value(fields.into()).ok()
}

/// The dialogs of [`Actions`], once on the page.
#[component]
pub(super) fn ActionDialogs(actions: Actions) -> impl IntoView {
    let asked = actions.asked;
    let said = move |say: fn(&Asked) -> String| {
        Signal::derive(move || asked.with(|asked| asked.as_ref().map(say).unwrap_or_default()))
    };
    let act = Callback::new(move |consent: Consent| -> Acting {
        Box::pin(async move {
            match asked.get_untracked() {
                Some(asked) => actions.act(asked, consent).await,
                None => Ok(()),
            }
        })
    });
    let more = move || {
        let Some(asked) = asked.get_untracked() else { return ().into_any() };
        view! { <More asked=asked actions=actions /> }.into_any()
    };
    // The look of the button is settled when the dialog is built; a client that is read again does not build it again.
    let harmless =
        Memo::new(move |_| asked.with(|asked| asked.as_ref().is_none_or(|asked| !asked.what.is_dangerous())));
    let dialog = move || {
        let harmless = harmless.get();
        view! {
            <ConfirmDialog
                open=actions.open
                title=said(|asked| words::title(asked.what, &asked.subject))
                text=said(|asked| words::effect(asked.what, &asked.subject))
                button=said(|asked| words::button(asked.what, &asked.subject))
                harmless=harmless
                act=act
                more=more
            />
        }
    };
    view! {
        {dialog}
        <PrepareDialog open=actions.prepare preparing=actions.preparing />
        <PlanDialog plan=actions.plan applied=Callback::new(|()| live::touch(Resource::Clients)) />
        <Dialog open=actions.failed title=texts::clients::not_done(lang()).to_owned()>
            <FailureNote failure=actions.failure />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    actions.failed.set(false);
                })>{texts::common::close(lang())}</Button>
            </DialogButtons>
        </Dialog>
    }
}

/// What can be chosen with an action.
#[component]
fn More(asked: Asked, actions: Actions) -> impl IntoView {
    let timed = asked.what.kind().is_some()
        && !matches!((&asked.subject, asked.what), (Subject::One(_), What::Delete));
    let keep = asked.what == What::Reset
        && match &asked.subject {
            Subject::One(client) => client.secure_mode == SecureMode::Secure,
            Subject::Many(_) => true,
        };
    view! {
        <Differences lines=actions.differs />
        {keep
            .then(|| {
                view! {
                    <Checkbox
                        label=texts::clients::keep_certificates(lang()).to_owned()
                        help=Some(texts::clients::keep_certificates_help(lang()).to_owned())
                        checked=actions.keep
                    />
                }
            })}
        {timed.then(|| view! { <WhenField when=actions.when /> })}
    }
}

#[cfg(test)]
mod tests {
    use super::{Actions, targets};
    use crate::components::list::{Chosen, ListQuery};
    use crate::pages::clients::look::tests::client;
    use domain::ClientId;
    use domain::client::ClientState;

    fn matching(filters: Vec<(&'static str, String)>) -> Chosen {
        Chosen::Matching { query: ListQuery { filters, ..ListQuery::default() }, total: 9 }
    }

    #[test]
    fn all_matching_becomes_the_filter_of_the_list() {
        let chosen = matching(vec![("state", "active".to_owned()), ("drift", "true".to_owned())]);
        let filter = targets(&chosen).unwrap().filter.unwrap();
        assert_eq!((filter.state.map(ClientState::as_str), filter.drift), (Some("active"), Some(true)));
        assert_eq!(targets(&Chosen::Rows(vec![7])).unwrap().ids, Some(vec![ClientId(7)]));
    }

    #[test]
    fn a_filter_that_is_not_understood_selects_nobody() {
        assert!(targets(&matching(vec![("drift", "perhaps".to_owned())])).is_none());
        assert!(targets(&matching(vec![("colour", "red".to_owned())])).is_none());
    }

    #[test]
    fn nobody_who_is_not_signed_in_may_do_anything() {
        let client = client();
        assert!(!Actions::may_refresh(&client) && !Actions::may_approve(&client));
    }
}
