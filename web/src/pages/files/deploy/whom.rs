//! For whom files are deployed, when nobody chose clients before: all of them, or those of a group or a model. The plan
//! leaves out whom a file does not fit.

use api::Page;
use api::group::GroupView;
use api::model::DeviceModelView;
use api::page::MOST_PER_PAGE;
use api::targets::{TargetFilter, Targets};
use domain::GroupId;
use leptos::prelude::*;

use crate::client;
use crate::components::combobox::Combobox;
use crate::components::select::Choice;
use crate::components::states::FailureNote;
use crate::load::load;
use crate::pages::files::words::{self, Known};
use crate::texts::{self, lang};

/// What is chosen.
#[derive(Clone, Copy)]
pub(super) struct Whom {
    group: RwSignal<String>,
    model: RwSignal<String>,
    /// What stands in the field is no group.
    no_group: RwSignal<bool>,
    /// What stands in the field is no type.
    no_model: RwSignal<bool>,
    groups: Known<GroupView>,
    models: Known<DeviceModelView>,
}

impl Whom {
    /// Nothing is chosen yet; what can be is read from the server.
    pub(super) fn new() -> Self {
        let groups = load(|| {
            let path = format!("/groups?size={MOST_PER_PAGE}");
            async move { client::get::<Page<GroupView>>(&path).await }
        });
        Self {
            group: RwSignal::new(String::new()),
            model: RwSignal::new(String::new()),
            no_group: RwSignal::new(false),
            no_model: RwSignal::new(false),
            groups: Known::new(groups, |group| Choice::new(group.id.to_string(), group.name)),
            models: words::known_models(),
        }
    }

    /// Why nobody can go on: who looks for a group in a list that was not read, or has typed half a name, would take
    /// everybody.
    pub(super) fn blocked(self) -> Option<String> {
        let failure = self.groups.failure().get().or_else(|| self.models.failure().get());
        if let Some(failure) = failure {
            return Some(failure.text(lang()));
        }
        let there =
            self.groups.list.data.with(Option::is_some) && self.models.list.data.with(Option::is_some);
        if !there {
            return Some(texts::common::loading(lang()).to_owned());
        }
        self.is_unclear().then(|| texts::deployments::whom_unclear(lang()).to_owned())
    }

    fn is_unclear(self) -> bool {
        self.no_group.get() || self.no_model.get()
    }

    /// Whether anything is chosen or typed; to be watched.
    pub(super) fn is_touched(self) -> bool {
        let filled = [self.group, self.model].iter().any(|value| value.with(|value| !value.is_empty()));
        self.is_unclear() || filled
    }

    pub(super) fn targets(self) -> Targets {
        filter(&self.group.get_untracked(), &self.model.get_untracked())
    }
}

fn filter(group: &str, model: &str) -> Targets {
    let filter = TargetFilter {
        group: group.parse().ok().map(GroupId),
        model: (!model.is_empty()).then(|| model.to_owned()),
        ..TargetFilter::default()
    };
    Targets { ids: None, filter: Some(filter) }
}

#[component]
pub(super) fn WhomFields(whom: Whom) -> impl IntoView {
    let (groups, models) = (whom.groups.choices(), whom.models.choices());
    let groups = Signal::derive(move || {
        let all = Choice::new("", texts::deployments::all_groups(lang()));
        std::iter::once(all).chain(groups.get()).collect::<Vec<_>>()
    });
    let models = Signal::derive(move || {
        let all = Choice::new("", texts::deployments::all_models(lang()));
        std::iter::once(all).chain(models.get()).collect::<Vec<_>>()
    });
    view! {
        <section class="stack-v close">
            <h3>{texts::deployments::for_whom(lang())}</h3>
            <FailureNote failure=whom.groups.failure() retry=whom.groups.reload() />
            <FailureNote failure=whom.models.failure() retry=whom.models.reload() />
            <div class="two-columns even">
                <Combobox
                    label=texts::deployments::group(lang()).to_owned()
                    value=whom.group
                    choices=groups
                    unclear=whom.no_group
                />
                <Combobox
                    label=texts::deployments::model(lang()).to_owned()
                    value=whom.model
                    choices=models
                    unclear=whom.no_model
                />
            </div>
            <p class="hint">{texts::deployments::fitting_only(lang())}</p>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::filter;
    use api::targets::TargetFilter;
    use domain::GroupId;

    #[test]
    fn nothing_chosen_is_everybody() {
        assert_eq!(filter("", "").filter, Some(TargetFilter::default()));
        let some = filter("7", "CP600").filter.unwrap();
        assert_eq!((some.group, some.model.as_deref()), (Some(GroupId(7)), Some("CP600")));
    }
}
