//! What a template is: name, type, rank, and for whom. The same fields make a new one and change one.

use api::Page;
use api::model::DeviceModelView;
use api::template::{
    ChangeTemplate, LONGEST_DESCRIPTION, LONGEST_NAME, NewTemplate, TemplateView, WEAKEST_RANK,
};
use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};
use leptos::prelude::*;

use super::words;
use crate::client::{self, Failure};
use crate::components::combobox::Choices;
use crate::components::field::{NumberField, TextArea, TextField};
use crate::components::select::{Choice, Select};
use crate::load::load;
use crate::texts::{self, lang};

/// The fields, as the API calls them.
pub(super) const FIELDS: [&str; 8] = [
    "/name",
    "/description",
    "/kind",
    "/rank",
    "/models",
    "/software_types",
    "/software_update",
    "/secure_mode",
];

/// What is in the form.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    name: RwSignal<String>,
    description: RwSignal<String>,
    kind: RwSignal<String>,
    rank: RwSignal<String>,
    models: RwSignal<Vec<String>>,
    software: RwSignal<String>,
    update: RwSignal<String>,
    secure_mode: RwSignal<String>,
}

/// What the form stands for.
#[derive(Clone, PartialEq, Eq)]
struct Head {
    name: String,
    description: String,
    kind: TemplateKind,
    rank: Option<u16>,
    models: Vec<String>,
    software_types: Vec<String>,
    software_update: SoftwareUpdate,
    secure_mode: Option<SecureModeWish>,
}

impl Head {
    fn of(template: &TemplateView) -> Self {
        Self {
            name: template.name.clone(),
            description: template.description.clone(),
            kind: template.kind,
            rank: Some(template.rank),
            models: template.models.clone(),
            software_types: template.software_types.clone(),
            software_update: template.software_update,
            secure_mode: template.secure_mode,
        }
    }

    /// Only what differs from the template.
    fn change(self, template: &TemplateView) -> ChangeTemplate {
        let before = Self::of(template);
        ChangeTemplate {
            name: (self.name != before.name).then_some(self.name),
            description: (self.description != before.description).then_some(self.description),
            kind: (self.kind != before.kind).then_some(self.kind),
            rank: self.rank.filter(|_| self.rank != before.rank),
            models: (self.models != before.models).then_some(self.models),
            software_types: (self.software_types != before.software_types).then_some(self.software_types),
            software_update: (self.software_update != before.software_update).then_some(self.software_update),
            secure_mode: (self.secure_mode != before.secure_mode).then_some(self.secure_mode),
            values: Vec::new(),
            confirm: None,
        }
    }
}

impl Entries {
    pub(super) fn empty() -> Self {
        Self {
            name: RwSignal::new(String::new()),
            description: RwSignal::new(String::new()),
            kind: RwSignal::new(TemplateKind::Default.as_str().to_owned()),
            rank: RwSignal::new("1".to_owned()),
            models: RwSignal::new(Vec::new()),
            software: RwSignal::new(String::new()),
            update: RwSignal::new(SoftwareUpdate::Ignored.as_str().to_owned()),
            secure_mode: RwSignal::new(String::new()),
        }
    }

    pub(super) fn of(template: &TemplateView) -> Self {
        let entries = Self::empty();
        entries.set(template);
        entries
    }

    /// Everything as the template has it.
    pub(super) fn set(self, template: &TemplateView) {
        self.name.set(template.name.clone());
        self.description.set(template.description.clone());
        self.kind.set(template.kind.as_str().to_owned());
        self.rank.set(template.rank.to_string());
        self.models.set(template.models.clone());
        self.software.set(software_choice(&template.software_types));
        self.update.set(template.software_update.as_str().to_owned());
        self.secure_mode.set(template.secure_mode.map_or_else(String::new, |wish| wish.as_str().to_owned()));
    }

    /// Somebody else has changed the template: what was not changed here is as it is now, the rest stays as typed.
    pub(super) fn follow(self, before: &TemplateView, now: &TemplateView) {
        let typed = self.head();
        let (before, now) = (Head::of(before), Head::of(now));
        let follow = |field: RwSignal<String>, unchanged: bool, now: String| {
            if unchanged {
                let _ = field.try_set(now);
            }
        };
        follow(self.name, typed.name == before.name, now.name);
        follow(self.description, typed.description == before.description, now.description);
        follow(self.kind, typed.kind == before.kind, now.kind.as_str().to_owned());
        let rank = now.rank.map_or_else(String::new, |rank| rank.to_string());
        follow(self.rank, typed.rank == before.rank, rank);
        if typed.models == before.models {
            let _ = self.models.try_set(now.models);
        }
        follow(
            self.software,
            typed.software_types == before.software_types,
            software_choice(&now.software_types),
        );
        follow(
            self.update,
            typed.software_update == before.software_update,
            now.software_update.as_str().to_owned(),
        );
        let wish = now.secure_mode.map_or_else(String::new, |wish| wish.as_str().to_owned());
        follow(self.secure_mode, typed.secure_mode == before.secure_mode, wish);
    }

    /// What is typed. Watched.
    fn head(self) -> Head {
        let software = self.software.get();
        Head {
            name: self.name.get().trim().to_owned(),
            description: self.description.get().trim().to_owned(),
            kind: TemplateKind::parse(&self.kind.get()).unwrap_or(TemplateKind::Default),
            rank: self.rank.get().trim().parse().ok(),
            models: self.models.get(),
            software_types: if software.is_empty() { Vec::new() } else { vec![software] },
            software_update: SoftwareUpdate::parse(&self.update.get()).unwrap_or(SoftwareUpdate::Ignored),
            secure_mode: SecureModeWish::parse(&self.secure_mode.get()),
        }
    }

    /// A number that is none cannot be sent.
    pub(super) fn is_good(self) -> bool {
        self.rank.with_untracked(|rank| {
            rank.trim().parse::<u16>().is_ok_and(|rank| (1..=WEAKEST_RANK).contains(&rank))
        })
    }

    /// How many fields differ from the template. Watched.
    pub(super) fn changes(self, template: &TemplateView) -> u64 {
        let (now, before) = (self.head(), Head::of(template));
        let differ = [
            now.name != before.name,
            now.description != before.description,
            now.kind != before.kind,
            now.rank != before.rank,
            now.models != before.models,
            now.software_types != before.software_types,
            now.software_update != before.software_update,
            now.secure_mode != before.secure_mode,
        ];
        differ.into_iter().filter(|differ| *differ).count() as u64
    }

    pub(super) fn change(self, template: &TemplateView) -> ChangeTemplate {
        untrack(|| self.head()).change(template)
    }

    pub(super) fn new_template(self) -> NewTemplate {
        let head = untrack(|| self.head());
        NewTemplate {
            name: head.name,
            description: head.description,
            kind: head.kind,
            rank: head.rank.unwrap_or(1),
            models: head.models,
            software_types: head.software_types,
            software_update: head.software_update,
            secure_mode: head.secure_mode,
            values: Vec::new(),
        }
    }
}

/// One of both, or both: none and both are the same.
fn software_choice(types: &[String]) -> String {
    match types {
        [one] => one.clone(),
        _ => String::new(),
    }
}

/// The fields. Of a new one only what decides about it; the rest is changed on its page.
#[component]
pub(super) fn Fields(
    entries: Entries,
    #[prop(into)] failure: Signal<Option<Failure>>,
    #[prop(optional, into)] grouped: Signal<bool>,
    #[prop(optional)] short: bool,
) -> impl IntoView {
    let language = lang();
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let known = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let models = Signal::derive(move || {
        let known = known.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    let kind_help = Signal::derive(move || {
        let onboarding = entries.kind.with(|kind| kind == TemplateKind::Onboarding.as_str());
        let kind = if onboarding { TemplateKind::Onboarding } else { TemplateKind::Default };
        Some(words::applies(kind, grouped.get()).to_owned())
    });
    let rest = (!short).then(|| {
        view! {
            <Select
                label=texts::templates::software_update(language).to_owned()
                value=entries.update
                choices=words::updates()
                help=Some(texts::templates::update_help(language).to_owned())
                error=of_field("/software_update")
            />
            <Select
                label=texts::templates::secure_mode(language).to_owned()
                value=entries.secure_mode
                choices=words::secure_modes()
                help=Some(texts::templates::stored_only(language).to_owned())
                error=of_field("/secure_mode")
            />
        }
    });
    let description = (!short).then(|| {
        view! {
            <TextArea
                label=texts::templates::description(language).to_owned()
                value=entries.description
                rows=4
                help=Some(texts::templates::at_most(language, crate::format::number(LONGEST_DESCRIPTION as u64)))
                error=of_field("/description")
            />
        }
    });
    let name = view! {
        <TextField
            label=texts::templates::name(language).to_owned()
            value=entries.name
            error=of_field("/name")
            max_length=u32::try_from(LONGEST_NAME).unwrap_or(u32::MAX)
        />
        <Select
            label=texts::templates::kind(language).to_owned()
            value=entries.kind
            choices=words::kinds()
            help=kind_help
            error=of_field("/kind")
        />
        <NumberField
            label=texts::templates::rank(language).to_owned()
            value=entries.rank
            limits=(1, i64::from(WEAKEST_RANK))
            help=Some(texts::templates::rank_help(language, WEAKEST_RANK))
            error=of_field("/rank")
        />
    };
    let whom = view! {
        <Choices
            label=texts::templates::models(language).to_owned()
            values=entries.models
            choices=models
            help=Some(texts::templates::models_help(language).to_owned())
            error=of_field("/models")
        />
        <Select
            label=texts::templates::software(language).to_owned()
            value=entries.software
            choices=words::softwares()
            error=of_field("/software_types")
        />
    };
    view! {
        <div class="two-columns">
            <div class="stack-v">{name} {description}</div>
            <div class="stack-v">{whom} {rest}</div>
        </div>
    }
}
