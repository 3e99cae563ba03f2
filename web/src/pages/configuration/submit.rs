//! The way of the changes to the server: those for clients become a plan, those of a template are saved, or become a plan
//! when they change what is desired of a client (D-27). Nothing typed is lost on the way.

use api::Code;
use api::plan::{NewChange, NewPlan, PlanKind, PlanView};
use api::template::{ChangeTemplate, TemplateView};
use domain::TemplateId;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::draft::{self, Sent};
use super::editor::Editor;
use super::target::Target;
use crate::address::Address;
use crate::client::{Call, Failure, idempotency_key};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::pages::plans::required::{RequiredPlan, required_by};
use crate::texts::{self, lang};

/// What is under way with the changes. Copied around freely, like a signal.
#[derive(Clone, Copy)]
pub(super) struct Submit {
    editor: Editor,
    address: Address,
    /// The plan of one client that is shown.
    pub(super) plan: RwSignal<Option<PlanView>>,
    /// The plan that saving a template needs.
    pub(super) required: RwSignal<Option<RequiredPlan>>,
    /// Why it did not go.
    pub(super) failure: RwSignal<Option<Failure>>,
    /// Whether the server is being asked.
    pub(super) busy: RwSignal<bool>,
    /// What the plan that is shown was made of, when that were changes.
    sent: StoredValue<Sent>,
}

impl Submit {
    pub(super) fn new(editor: Editor, address: Address) -> Self {
        Self {
            editor,
            address,
            plan: RwSignal::new(None),
            required: RwSignal::new(None),
            failure: RwSignal::new(None),
            busy: RwSignal::new(false),
            sent: StoredValue::new(Sent::new()),
        }
    }

    /// Submits all changes, which are good.
    pub(super) fn changes(self, changes: Vec<NewChange>) {
        let sent = self.editor.edits.with_untracked(|edits| {
            edits.iter().map(|(key, edit)| (key.clone(), edit.clone())).collect::<Sent>()
        });
        match self.editor.target.with_value(Target::template) {
            Some(id) => self.save(id, changes, sent),
            None => self.ask(PlanKind::WriteConfiguration, changes, sent),
        }
    }

    /// Makes a plan for the clients.
    pub(super) fn ask(self, kind: PlanKind, changes: Vec<NewChange>, sent: Sent) {
        let Self { editor, address, plan, failure, busy, .. } = self;
        let Some(targets) = editor.target.with_value(Target::targets) else { return };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let request = NewPlan { kind, targets, changes, send_secrets_again: false, deployment: None };
        let key = idempotency_key();
        spawn_local(async move {
            let answer = match Call::post("/plans").once(&key).json(&request) {
                Ok(call) => call.answer::<PlanView>().await,
                Err(failure) => Err(failure),
            };
            // Who has left the editor meanwhile is not led anywhere; all below may read what the editor owns.
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(made) if editor.is_one() => {
                    self.sent.set_value(sent);
                    let _ = plan.try_set(Some(made));
                }
                Ok(made) => {
                    self.note_planned(made.id, sent);
                    address.go(&format!("/plans/{}", made.id));
                }
                Err(problem) => self.refused(problem, &sent),
            }
        });
    }

    /// Saves the values of a template.
    fn save(self, id: TemplateId, values: Vec<NewChange>, sent: Sent) {
        let Self { editor, required, failure, busy, .. } = self;
        let Some(revision) = editor.template.with_untracked(|template| Some(template.as_ref()?.revision))
        else {
            return;
        };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let count = values.len() as u64;
        let change = ChangeTemplate { values, ..ChangeTemplate::default() };
        spawn_local(async move {
            let call = Call::patch(&format!("/templates/{id}")).if_match(revision).json(&change);
            let answer = match call {
                Ok(call) => call.answer::<TemplateView>().await,
                Err(failure) => Err(failure),
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(_) => {
                    self.sent.set_value(sent);
                    self.saved();
                    toast::show(texts::configuration::template_saved(lang(), count));
                }
                Err(problem) => match required_by(&problem) {
                    Some(plan) => {
                        self.note_planned(plan.plan, sent.clone());
                        self.sent.set_value(sent);
                        let _ = required.try_set(Some(plan));
                    }
                    None => {
                        // What somebody else saved meanwhile stands beside what was typed here.
                        if problem.code() == Some(Code::PreconditionFailed) {
                            live::touch(Resource::Templates);
                        }
                        self.refused(problem, &sent);
                    }
                },
            }
        });
    }

    /// What was sent is saved or planned: it is no change any more.
    pub(super) fn saved(self) {
        let Some(sent) = self.sent.try_get_value().filter(|sent| !sent.is_empty()) else { return };
        let _ = self.editor.edits.try_update(|edits| *edits = std::mem::take(edits).without_sent(&sent));
        self.sent.try_set_value(Sent::new());
        if self.editor.is_template() {
            live::touch(Resource::Templates);
            live::touch(Resource::Clients);
        }
    }

    fn refused(self, problem: Failure, sent: &Sent) {
        if !self.editor.refuse(&problem, sent) {
            let _ = self.failure.try_set(Some(problem));
        }
    }

    /// The plan may be applied on its own page: the changes are no draft then.
    fn note_planned(self, plan: domain::PlanId, sent: Sent) {
        self.editor.catalogue.with_value(|all| {
            self.editor.target.with_value(|target| draft::planned(all, plan, target, sent));
        });
    }
}
