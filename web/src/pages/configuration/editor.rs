//! What the parts of the editor share: the catalogue, what is known of the client or the template, the changes, and what
//! is wrong with them. Values are checked here by the crate the server checks them with; the server checks them again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use api::client::ClientView;
use api::client_field::ClientFieldView;
use api::configuration::ParameterStateView;
use api::template::TemplateView;
use domain::catalogue::{Area, Catalogue, Kind, Parameter, ParameterKey, Section, Value};
use domain::configuration::kind_of;
use domain::expand::check_value;
use leptos::prelude::*;

pub use super::checks::differs;
use super::checks::{changes, faults, is_known, is_own};
use super::edits::{self, Edit, Edits};
use super::target::Target;
use super::words;
use crate::client::Failure;
use crate::texts::{self, lang};

/// What is known of a client: its parameters that are desired or reported. Of a template: those it has a value for.
pub type States = HashMap<ParameterKey, ParameterStateView>;

/// Which values a section shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    All,
    /// Those that are changed here.
    Changed,
    /// Those the phone does not have as desired.
    Differ,
    /// Those that are desired for this client alone, or that the template has.
    SetHere,
}

impl Filter {
    /// Every one, in the order shown.
    pub const ALL: [Self; 4] = [Self::All, Self::Changed, Self::Differ, Self::SetHere];

    /// Its word in the address.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Changed => "changed",
            Self::Differ => "differ",
            Self::SetHere => "set",
        }
    }
}

/// What the editor works for.
#[derive(Clone, Copy)]
pub struct Subject {
    /// The one client, when it is one.
    pub client: Signal<Option<ClientView>>,
    /// The template, when it is one.
    pub template: Signal<Option<TemplateView>>,
    /// Fields of clients, for a template.
    pub fields: Signal<Option<Vec<ClientFieldView>>>,
}

/// What the parts of the editor share. Copied around freely, like a signal.
#[derive(Clone, Copy)]
pub struct Editor {
    /// Everything that can be set.
    pub catalogue: StoredValue<Arc<Catalogue>>,
    /// For whom.
    pub target: StoredValue<Target>,
    /// The one client, when it is one.
    pub client: Signal<Option<ClientView>>,
    /// The template, when it is one.
    pub template: Signal<Option<TemplateView>>,
    /// Fields of clients, which are variables of templates. Nothing while they are not known.
    pub fields: Signal<Option<Vec<ClientFieldView>>>,
    /// Kinds of phones it is for.
    pub kinds: StoredValue<Vec<Kind>>,
    /// What is known of the one client.
    pub states: RwSignal<States>,
    /// The changes.
    pub edits: RwSignal<Edits>,
    /// What is wrong with the changes.
    pub faults: Memo<BTreeMap<ParameterKey, String>>,
    /// What the server found wrong when it was last asked.
    pub refused: RwSignal<BTreeMap<ParameterKey, String>>,
    /// The value that is looked at.
    pub selected: RwSignal<Option<ParameterKey>>,
    /// Which values are shown.
    pub show: Memo<Filter>,
    /// Whether the roles may change anything.
    pub may: bool,
}

impl Editor {
    /// A new editor.
    pub fn new(
        catalogue: Arc<Catalogue>,
        target: Target,
        subject: Subject,
        states: RwSignal<States>,
        edits: RwSignal<Edits>,
        show: Memo<Filter>,
        may: bool,
    ) -> Self {
        let Subject { client, template, fields } = subject;
        let kinds = match (target.one(), template.get_untracked()) {
            (Some(_), _) => {
                vec![kind_of(client.get_untracked().and_then(|client| client.software_type).as_deref())]
            }
            (None, Some(template)) if !template.software_types.is_empty() => {
                template.software_types.iter().map(|software| kind_of(Some(software))).collect()
            }
            (None, _) => vec![Kind::SipClient, Kind::HfaClient],
        };
        let (catalogue, kinds) = (StoredValue::new(catalogue), StoredValue::new(kinds));
        let of_template = target.template().is_some();
        let faults = Memo::new(move |_| {
            let known = |name: &str| is_known(fields, name);
            let variables = of_template.then_some(&known as &dyn Fn(&str) -> bool);
            let check = |edits: &Edits| {
                states.with(|states| {
                    kinds.with_value(|kinds| {
                        catalogue.with_value(|all| faults(all, kinds, states, edits, variables))
                    })
                })
            };
            edits.with(check)
        });
        Self {
            catalogue,
            target: StoredValue::new(target),
            client,
            template,
            fields,
            kinds,
            states,
            edits,
            faults,
            refused: RwSignal::new(BTreeMap::new()),
            selected: RwSignal::new(None),
            show,
            may,
        }
    }

    /// Whether it is for a template, whose values may hold variables.
    pub fn is_template(&self) -> bool {
        self.target.with_value(|target| target.template().is_some())
    }

    /// What is wrong with a value alone.
    pub fn check(&self, parameter: &Parameter, index: Option<u16>, value: &Value) -> Option<String> {
        if self.is_template() {
            let fields = self.fields;
            let known = |name: &str| is_known(fields, name);
            check_value(parameter, index, value, &known).err().map(|fault| words::template_fault(&fault))
        } else {
            parameter.check(index, value).err().map(|fault| words::fault(&fault))
        }
    }

    /// What is said where nothing is set.
    pub fn nothing(&self) -> &'static str {
        if self.is_template() {
            texts::configuration::not_in_template(lang())
        } else if self.is_one() {
            texts::configuration::not_known(lang())
        } else {
            texts::configuration::leave_as_it_is(lang())
        }
    }

    /// Whether the value is this client's own, or this template's: it can be taken away here.
    pub fn is_own(&self, state: &ParameterStateView) -> bool {
        is_own(state)
    }

    /// Whether it is for one client, of which something is known.
    pub fn is_one(&self) -> bool {
        self.target.with_value(|target| target.one().is_some())
    }

    /// Whether clients of this kind have the parameter, or the one client gets it from a template.
    ///
    /// For many clients at once what only tells something about one of them is left out.
    pub fn offers(&self, parameter: &Parameter) -> bool {
        if parameter.read_only && !self.is_one() {
            return false;
        }
        if self.is_template() {
            // What is there for templates alone, or for mobile users, is there for every software.
            let phones = [Kind::SipClient, Kind::HfaClient];
            let everywhere = !phones.iter().any(|kind| parameter.is_for(*kind));
            let fits = self.kinds.with_value(|kinds| kinds.iter().any(|kind| parameter.is_for(*kind)));
            return parameter.is_for(Kind::Template) && (everywhere || fits);
        }
        self.is_settable(parameter) || self.is_given(parameter)
    }

    /// Whether a value can be set here, and not only shown: what OSEM offers for templates alone no client has of its
    /// own.
    pub fn is_settable(&self, parameter: &Parameter) -> bool {
        self.is_template() || self.kinds.with_value(|kinds| kinds.iter().any(|kind| parameter.is_for(*kind)))
    }

    /// Whether a template says something of it for the one client.
    fn is_given(&self, parameter: &Parameter) -> bool {
        let wished = |state: &ParameterStateView| state.desired_set || state.reason.is_some();
        self.is_one()
            && self.states.with_untracked(|states| {
                states.iter().any(|(key, state)| key.parameter == parameter.id && wished(state))
            })
    }

    /// Areas and sections with their parameters, without what clients of this kind do not have.
    pub fn sections(&self) -> Vec<(Area, Vec<Section>)> {
        let of = |area: &Area| {
            let sections = area.sections.iter().filter_map(|section| {
                let own: Vec<Parameter> =
                    section.parameters.iter().filter(|own| self.offers(own)).cloned().collect();
                let (id, title) = (section.id.clone(), section.title.clone());
                (!own.is_empty()).then_some(Section { id, title, parameters: own })
            });
            let bare = Area { id: area.id.clone(), title: area.title.clone(), sections: Vec::new() };
            (bare, sections.collect::<Vec<_>>())
        };
        let all = self.catalogue.with_value(|all| all.areas().iter().map(of).collect::<Vec<_>>());
        all.into_iter().filter(|(_, sections)| !sections.is_empty()).collect()
    }

    /// A parameter of the catalogue.
    pub fn parameter(&self, id: &str) -> Option<Parameter> {
        self.catalogue.with_value(|all| all.parameter(id).cloned())
    }

    /// What is known of a value. Watched.
    pub fn state(&self, key: &ParameterKey) -> Option<ParameterStateView> {
        self.states.with(|states| states.get(key).cloned())
    }

    /// The change of a value. Watched.
    pub fn edit(&self, key: &ParameterKey) -> Option<Edit> {
        self.edits.with(|edits| edits.get(key).cloned())
    }

    /// The value without its change: desired, else reported. Watched.
    pub fn before(&self, key: &ParameterKey) -> Option<Value> {
        self.states.with(|states| {
            let state = states.get(key)?;
            if state.desired_set { state.desired.clone() } else { state.reported.clone() }
        })
    }

    /// The value as its field shows it: changed, desired or reported. Watched.
    pub fn shown(&self, key: &ParameterKey) -> Option<Value> {
        match self.edit(key) {
            Some(Edit::Set(value)) => Some(value),
            Some(Edit::Typed(text)) => Some(Value::Text(text)),
            Some(Edit::Remove) => {
                self.states.with(|states| states.get(key).and_then(|state| state.reported.clone()))
            }
            None => self.before(key),
        }
    }

    /// What is wrong with a value. Watched.
    pub fn fault(&self, key: &ParameterKey) -> Option<String> {
        let own = self.faults.with(|faults| faults.get(key).cloned());
        own.or_else(|| self.refused.with(|refused| refused.get(key).cloned()))
    }

    /// Sets the change of a value; one that changes nothing is none.
    pub fn set(&self, key: &ParameterKey, edit: Option<Edit>) {
        let before = self.states.with_untracked(|states| states.get(key).cloned());
        let edit = edit.filter(|edit| changes(before.as_ref(), edit));
        self.edits.update(|edits| edits.set(key.clone(), edit));
        self.refused.update(|refused| {
            refused.remove(key);
        });
    }

    /// Sets a value also when the phone has it already: then it is desired from now on.
    pub fn pin(&self, key: &ParameterKey, value: Value) {
        self.edits.update(|edits| edits.set(key.clone(), Some(Edit::Set(value))));
    }

    /// What was typed into the field of a value.
    pub fn type_in(&self, parameter: &Parameter, key: &ParameterKey, typed: &str) {
        let state = self.states.with_untracked(|states| states.get(key).cloned());
        let desired = state.as_ref().is_some_and(|state| state.desired_set);
        let own = state.as_ref().is_some_and(is_own);
        let known = desired || state.as_ref().is_some_and(|state| state.reported.is_some());
        let nothing = typed.trim().is_empty();
        let edit = match edits::read(parameter, typed, self.is_template()) {
            // What comes from a template comes back.
            None => own.then_some(Edit::Remove),
            // Nothing known and nothing typed is no change; for a text of the client it clears the text.
            Some(_) if nothing && !known && self.is_one() => None,
            // A template without a text says nothing of it.
            Some(Edit::Set(Value::Text(_) | Value::List(_))) if nothing && !self.is_one() => {
                own.then_some(Edit::Remove)
            }
            edit => edit,
        };
        self.set(key, edit);
    }

    /// Takes the last step back.
    pub fn undo(&self) -> bool {
        let taken = self.edits.try_update(Edits::undo).flatten();
        if let Some(key) = &taken {
            self.selected.set(Some(key.clone()));
        }
        taken.is_some()
    }

    /// Whether a value passes the filter. Watched.
    pub fn passes(&self, key: &ParameterKey, show: Filter) -> bool {
        match show {
            Filter::All => true,
            Filter::Changed => self.edits.with(|edits| edits.get(key).is_some()),
            Filter::Differ => self.states.with(|states| states.get(key).is_some_and(differs)),
            Filter::SetHere => self.states.with(|states| states.get(key).is_some_and(is_own)),
        }
    }

    /// How many values whose id begins with `prefix` are changed, and how many differ. Watched.
    pub fn marks(&self, prefix: &str) -> (usize, usize) {
        let below =
            |key: &ParameterKey| key.parameter.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        let changed = self.edits.with(|edits| edits.iter().filter(|(key, _)| below(key)).count());
        let differ = self.states.with(|states| {
            let found = states.iter().filter(|(key, state)| below(key) && differs(state));
            found.count()
        });
        (changed, differ)
    }

    /// Entries of these parameters that are changed, or of which something passes the test. Watched.
    pub fn used(&self, ids: &BTreeSet<String>, test: fn(&ParameterStateView) -> bool) -> BTreeSet<u16> {
        let mut used = BTreeSet::new();
        self.edits.with(|edits| {
            let own = edits.iter().filter(|(key, _)| ids.contains(&key.parameter));
            used.extend(own.filter_map(|(key, _)| key.index));
        });
        self.states.with(|states| {
            let own = states.iter().filter(|(key, state)| ids.contains(&key.parameter) && test(state));
            used.extend(own.filter_map(|(key, _)| key.index));
        });
        used
    }

    /// How many values of these parameters pass the filter. Watched.
    pub fn count(&self, ids: &BTreeSet<String>, show: Filter) -> usize {
        let own = |key: &ParameterKey| ids.contains(&key.parameter);
        let known = |test: fn(&ParameterStateView) -> bool| {
            let found =
                |states: &States| states.iter().filter(|(key, state)| own(key) && test(state)).count();
            self.states.with(found)
        };
        match show {
            Filter::All => ids.len(),
            Filter::Changed => self.edits.with(|edits| edits.iter().filter(|(key, _)| own(key)).count()),
            Filter::Differ => known(differs),
            Filter::SetHere => known(is_own),
        }
    }

    /// Puts what the server refused of what was sent at its values; gives whether all of it belongs to one. What was
    /// changed since is not what was refused.
    pub fn refuse(&self, failure: &Failure, sent: &[(ParameterKey, Edit)]) -> bool {
        let Some(problem) = &failure.problem else { return false };
        let mut found = BTreeMap::new();
        for error in &problem.errors {
            // A plan calls them changes, a template values.
            let rest = error.field.strip_prefix("/changes/").or_else(|| error.field.strip_prefix("/values/"));
            let place = rest.and_then(|rest| rest.split('/').next());
            let change =
                place.and_then(|place| place.parse::<usize>().ok()).and_then(|place| sent.get(place));
            let Some((key, was)) = change else { return false };
            if self.edits.with_untracked(|edits| edits.get(key) != Some(was)) {
                continue;
            }
            let arg = |name: &str| error.args.get(name).and_then(|value| value.as_str()).unwrap_or_default();
            let own = self.catalogue.with_value(|all| words::by_code(all, &error.code, arg));
            let text = own
                .or_else(|| failure.field(lang(), &error.field))
                .unwrap_or_else(|| texts::word(lang(), "field", &error.code));
            found.insert(key.clone(), text);
        }
        let any = !found.is_empty();
        self.refused.set(found);
        any
    }
}
