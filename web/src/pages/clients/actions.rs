//! What can be done with clients, wherever they are shown: entries of the menu, and the questions that are asked before.
//!
//! Reading again happens at once and becomes a job; whatever interrupts or destroys is asked for first. Writing values
//! belongs to the pages of the configuration and of plans.

use api::Code;
use api::client::ClientView;
use api::job::{ActionKind, JobView, NewAction};
use api::plan::{NewPlan, PlanKind, PlanView};
use api::targets::Targets;
use domain::client::{ClientState, SecureMode};
use domain::{ClientId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::look;
use super::prepare::Preparing;
use crate::address::{Address, History, use_address};
use crate::client::{self, Call, Failure, idempotency_key};
use crate::components::confirm::Consent;
use crate::components::list::Chosen;
use crate::components::states::Difference;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::pages::configuration::address_of;
use crate::pages::files::deploy::Deploying;
use crate::session;
use crate::texts::{self, lang};

mod dialogs;
mod menu;
mod targets;
mod when;
mod words;

pub(super) use dialogs::ActionDialogs;
use targets::targets;
use when::When;
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
    /// The client that a form is about.
    about: RwSignal<Option<ClientView>>,
    copy: RwSignal<bool>,
    generate: RwSignal<bool>,
    fields: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
    failed: RwSignal<bool>,
    plan: RwSignal<Option<PlanView>>,
    /// For whom files are being chosen.
    deploying: RwSignal<Option<Deploying>>,
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
            about: RwSignal::new(None),
            copy: RwSignal::new(false),
            generate: RwSignal::new(false),
            fields: RwSignal::new(false),
            failure: RwSignal::new(None),
            failed: RwSignal::new(false),
            plan: RwSignal::new(None),
            deploying: RwSignal::new(None),
            differs: RwSignal::new(Vec::new()),
            address: use_address(),
        }
    }

    /// Whether everything may be read again from this client.
    pub(super) fn may_refresh(client: &ClientView) -> bool {
        session::may(Permission::ChangeClients)
            && !matches!(client.state, ClientState::Prepared | ClientState::Retired)
    }

    /// Whether it makes sense to copy this client: there is a phone whose place another one can take.
    fn may_copy(client: &ClientView) -> bool {
        !matches!(client.state, ClientState::Prepared | ClientState::Retired)
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

    fn open_copy(self, client: &ClientView) {
        self.about.set(Some(client.clone()));
        self.copy.set(true);
    }

    fn open_generate(self, client: &ClientView) {
        self.about.set(Some(client.clone()));
        self.generate.set(true);
    }

    /// Opens the form for the fields of a client.
    pub(super) fn edit_fields(self, client: &ClientView) {
        self.about.set(Some(client.clone()));
        self.fields.set(true);
    }

    /// Shows a plan of one client, to be applied.
    pub(super) fn show_plan(self, plan: PlanView) {
        let _ = self.plan.try_set(Some(plan));
    }

    /// Asks which files one client gets.
    pub(super) fn deploy(self, client: &ClientView) {
        let targets = Targets { ids: Some(vec![client.id]), filter: None };
        self.deploying.set(Some(Deploying::clients(targets, 1, client.model.clone())));
    }

    /// Asks which files the chosen clients get.
    pub(super) fn deploy_many(self, chosen: &Chosen) {
        match targets(chosen) {
            Some(targets) => self.deploying.set(Some(Deploying::clients(targets, chosen.count(), None))),
            // A filter that cannot be read must not become another one.
            None => {
                self.failure.set(Some(Failure::not_understood(None)));
                self.failed.set(true);
            }
        }
    }

    /// Leads to the configuration of what was chosen.
    pub(super) fn configure(self, chosen: &Chosen) {
        self.address.go(&address_of(chosen));
    }

    /// Makes a plan that puts back what differs at the chosen clients, and leads to it.
    pub(super) fn put_back(self, chosen: &Chosen) {
        let targets = targets(chosen);
        spawn_local(async move {
            // A filter that cannot be read must not become another one.
            let made = match targets {
                Some(targets) => converge(targets).await,
                None => Err(Failure::not_understood(None)),
            };
            match made {
                Ok(plan) => self.address.go(&format!("/plans/{}", plan.id)),
                Err(failure) => {
                    let _ = self.failure.try_set(Some(failure));
                    let _ = self.failed.try_set(true);
                }
            }
        });
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

/// A plan that puts back what differs from the desired values.
///
/// # Errors
/// As [`Call::answer`].
pub(super) async fn converge(targets: Targets) -> Result<PlanView, Failure> {
    let new = NewPlan {
        kind: PlanKind::Converge,
        targets,
        changes: Vec::new(),
        send_secrets_again: false,
        deployment: None,
    };
    Call::post("/plans").once(&idempotency_key()).json(&new)?.answer().await
}

fn say_job(text: String, job: &JobView) {
    toast::show_link(text, texts::clients::show_job(lang()), format!("/jobs/{}", job.id));
    live::touch(Resource::Jobs);
    live::touch(Resource::Clients);
}

#[cfg(test)]
mod tests {
    use super::Actions;
    use crate::pages::clients::look::tests::client;

    #[test]
    fn nobody_who_is_not_signed_in_may_do_anything() {
        let client = client();
        assert!(!Actions::may_refresh(&client) && !Actions::may_approve(&client));
    }
}
