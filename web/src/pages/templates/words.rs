//! What a template is, in words of the reader's language.

use api::template::{NamedGroup, TemplateContent};
use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};
use leptos::prelude::*;

use crate::components::confirm::AskedNumber;
use crate::components::icon::Icon;
use crate::components::select::Choice;
use crate::texts::{self, lang};

/// Most names that stand in a cell; the rest is counted.
const NAMED: usize = 3;

/// What a template is for.
pub(crate) fn kind(kind: TemplateKind) -> String {
    texts::word(lang(), "template-kind", kind.as_str())
}

/// Whether it updates software.
pub(crate) fn update(update: SoftwareUpdate) -> String {
    texts::word(lang(), "software-update", update.as_str())
}

/// The secure mode it wishes for.
pub(crate) fn secure_mode(wish: Option<SecureModeWish>) -> String {
    match wish {
        Some(wish) => texts::word(lang(), "secure-mode-wish", wish.as_str()),
        None => texts::templates::no_wish(lang()).to_owned(),
    }
}

/// So many clients get something on their own.
pub(super) fn gain(count: u64) -> String {
    texts::deployments::gets(lang(), count)
}

/// How many clients get something on their own, and where the number is typed; nothing until the server asks.
pub(crate) fn gains(asked: AskedNumber) -> impl IntoView {
    asked.field(Some(gain))
}

/// Models it is for; none is all.
pub(crate) fn models(models: &[String]) -> String {
    if models.is_empty() { texts::templates::all_models(lang()).to_owned() } else { models.join(", ") }
}

/// Software it is for; none is all.
pub(crate) fn software(types: &[String]) -> String {
    if types.is_empty() { texts::templates::all_software(lang()).to_owned() } else { types.join(", ") }
}

/// Groups it is attached to, each a link.
pub(crate) fn groups(groups: &[NamedGroup]) -> AnyView {
    if groups.is_empty() {
        return view! { <span class="muted">"–"</span> }.into_any();
    }
    let links = groups.iter().take(NAMED).map(|group| {
        view! { <a class="tag" href=format!("/groups/{}", group.id)>{group.name.clone()}</a> }
    });
    let more = groups.len().saturating_sub(NAMED);
    view! {
        <span class="tags">
            {links.collect::<Vec<_>>()}
            {(more > 0).then(|| view! { <span class="muted">{texts::templates::more(lang(), more as u64)}</span> })}
        </span>
    }
    .into_any()
}

/// What it holds, in numbers (OSEM §6.2): values, secrets, secure mode.
pub(crate) fn content_short(content: &TemplateContent) -> AnyView {
    self::content(&TemplateContent { variables: 0, ..*content })
}

/// What it holds, in numbers, with how many values differ from client to client.
pub(crate) fn content(content: &TemplateContent) -> AnyView {
    let language = lang();
    let mut words = vec![texts::templates::values(language, content.settings)];
    if content.secrets > 0 {
        words.push(texts::templates::secrets(language, content.secrets));
    }
    if content.variables > 0 {
        words.push(texts::templates::variables(language, content.variables));
    }
    if content.files > 0 {
        words.push(texts::templates::files(language, content.files));
    }
    let secure = content.secure_mode.then(|| {
        view! {
            <span class="feat-mark" title=texts::templates::wishes_secure_mode(language)>
                <Icon name="shield" />
                <span class="vh">{texts::templates::wishes_secure_mode(language)}</span>
            </span>
        }
    });
    view! { <span class="row">{words.join(", ")} {secure}</span> }.into_any()
}

/// For whom it is: an onboarding template touches new phones only, a default one its groups, else everybody.
pub(crate) fn applies(kind: TemplateKind, grouped: bool) -> &'static str {
    match (kind, grouped) {
        (TemplateKind::Onboarding, false) => texts::templates::onboarding_help(lang()),
        (TemplateKind::Onboarding, true) => texts::templates::onboarding_groups_help(lang()),
        (TemplateKind::Default, false) => texts::templates::default_help(lang()),
        (TemplateKind::Default, true) => texts::templates::default_groups_help(lang()),
    }
}

/// Choices of the type.
pub(crate) fn kinds() -> Vec<Choice> {
    TemplateKind::ALL.iter().map(|word| Choice::new(word.as_str(), kind(*word))).collect()
}

/// Choices of the software update.
pub(crate) fn updates() -> Vec<Choice> {
    SoftwareUpdate::ALL.iter().map(|word| Choice::new(word.as_str(), update(*word))).collect()
}

/// Choices of the secure mode; the first one is no wish.
pub(crate) fn secure_modes() -> Vec<Choice> {
    let wishes = SecureModeWish::ALL.iter().map(|wish| Choice::new(wish.as_str(), secure_mode(Some(*wish))));
    std::iter::once(Choice::new("", secure_mode(None))).chain(wishes).collect()
}

/// Choices of the software a template is for.
pub(crate) fn softwares() -> Vec<Choice> {
    let only = |word: &'static str| Choice::new(word, texts::templates::only_software(lang(), word));
    vec![Choice::new("", texts::templates::all_software(lang())), only("SIP"), only("HFA")]
}

#[cfg(test)]
mod tests {
    use crate::texts::{Language, find};
    use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};

    #[test]
    fn every_word_of_templates_has_a_text() {
        let mut missing = Vec::new();
        let mut look = |table: &str, word: &str| {
            if find(Language::German, table, word).is_none() {
                missing.push(format!("{table}.{word}"));
            }
        };
        TemplateKind::ALL.iter().for_each(|word| look("template-kind", word.as_str()));
        SoftwareUpdate::ALL.iter().for_each(|word| look("software-update", word.as_str()));
        SecureModeWish::ALL.iter().for_each(|word| look("secure-mode-wish", word.as_str()));
        domain::group_filter::Subject::ALL.iter().for_each(|word| look("subject", word.as_str()));
        domain::starter::starters().iter().for_each(|starter| look("starter", starter.id));
        domain::expand::BUILT_IN.iter().for_each(|word| look("variable", word));
        assert_eq!(missing, Vec::<String>::new());
    }
}
