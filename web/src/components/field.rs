//! Fields: label above, help or the fault below, unit inside. What was typed is never cleared.

use leptos::html::Input;
use leptos::prelude::*;

use super::button::IconButton;
use super::fresh_id;
use super::icon::Icon;
use crate::texts::{self, lang};

/// Label, help and fault around any control. The control takes `id`, and `described` as `aria-describedby`.
#[component]
pub fn FieldFrame(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// Id of the control.
    #[prop(into)]
    id: String,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong; stands in the place of the help.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// May stay empty, and says so.
    #[prop(optional)]
    optional: bool,
    /// The control.
    children: Children,
) -> impl IntoView {
    let below = describing(&id);
    let shown = move || match error.get() {
        Some(error) => view! {
            <span class="errtext">
                <Icon name="fail" />
                <span>{error}</span>
            </span>
        }
        .into_any(),
        None => match help.get() {
            Some(help) => view! { <span class="hint">{help}</span> }.into_any(),
            None => ().into_any(),
        },
    };
    view! {
        <div class="field">
            <label for=id>
                {move || label.get()}
                {optional.then(|| view! { <span class="opt">{texts::common::optional(lang())}</span> })}
            </label>
            {children()}
            <div id=below class="below" aria-live="polite">
                {shown}
            </div>
        </div>
    }
}

/// Id of what describes the control with this id.
pub fn describing(id: &str) -> String {
    format!("{id}-below")
}

/// A line of text.
#[component]
pub fn TextField(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The text.
    value: RwSignal<String>,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// Kind of the input: `text`, `email`, `url`, `search`, `date`, `datetime-local`.
    #[prop(default = "text")]
    kind: &'static str,
    /// Unit shown inside, on the right.
    #[prop(optional, into)]
    unit: Option<String>,
    /// What the browser may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Keyboard of telephones: `text`, `numeric`, `tel`.
    #[prop(default = "text")]
    inputmode: &'static str,
    /// Most characters.
    #[prop(default = 4096)]
    max_length: u32,
    /// Cannot be changed.
    #[prop(optional, into)]
    readonly: Signal<bool>,
    /// May stay empty, and says so.
    #[prop(optional)]
    optional: bool,
    /// Identifiers, addresses, item names.
    #[prop(optional)]
    mono: bool,
    /// 40 px high.
    #[prop(optional)]
    large: bool,
    /// The input itself, to give it the focus.
    #[prop(optional)]
    node: NodeRef<Input>,
    /// When it is left.
    #[prop(optional, into)]
    on_blur: Option<Callback<()>>,
) -> impl IntoView {
    let id = fresh_id("field");
    let below = describing(&id);
    let control = id.clone();
    view! {
        <FieldFrame label=label id=id help=help error=error optional=optional>
            <div
                class="in"
                class:lg=large
                class:err=move || error.get().is_some()
                class:ro=move || readonly.get()
            >
                <input
                    id=control
                    node_ref=node
                    type=kind
                    class:mono=mono
                    autocomplete=autocomplete
                    inputmode=inputmode
                    maxlength=max_length
                    spellcheck="false"
                    readonly=move || readonly.get()
                    aria-invalid=move || error.get().is_some().then_some("true")
                    aria-describedby=below
                    bind:value=value
                    on:blur=move |_| {
                        if let Some(on_blur) = on_blur {
                            on_blur.run(());
                        }
                    }
                />
                {unit.filter(|unit| !unit.is_empty()).map(|unit| view! { <span class="unit">{unit}</span> })}
                {move || readonly.get().then(|| view! { <Icon name="lock" /> })}
            </div>
        </FieldFrame>
    }
}

/// A whole number, as text: what was typed stays, also when it is none. Its check belongs to the page.
#[component]
pub fn NumberField(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The number as typed.
    value: RwSignal<String>,
    /// Smallest and largest number, shown below.
    #[prop(optional)]
    limits: Option<(i64, i64)>,
    /// Unit shown inside, on the right.
    #[prop(optional, into)]
    unit: Option<String>,
    /// A sentence that helps; instead of the limits.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong; without one the limits are checked here.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// Cannot be changed.
    #[prop(optional, into)]
    readonly: Signal<bool>,
) -> impl IntoView {
    let range = limits.map(|(least, most)| texts::common::range(lang(), least, most));
    let shown_help = Signal::derive(move || help.get().or_else(|| range.clone()));
    let left = RwSignal::new(false);
    let own = Signal::derive(move || {
        error.get().or_else(|| left.get().then(|| fault(&value.get(), limits)).flatten())
    });
    view! {
        <TextField
            label=label
            value=value
            help=shown_help
            error=own
            unit=unit.unwrap_or_default()
            inputmode="numeric"
            max_length=20
            readonly=readonly
            on_blur=Callback::new(move |()| left.set(true))
        />
    }
}

/// What is wrong with a typed number; nothing typed is not wrong.
fn fault(typed: &str, limits: Option<(i64, i64)>) -> Option<String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    let (least, most) = limits.unwrap_or((i64::MIN, i64::MAX));
    match typed.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => None,
        _ if limits.is_some() => Some(texts::common::enter_number_in(lang(), least, most)),
        _ => Some(texts::common::enter_number(lang()).to_owned()),
    }
}

/// A secret that is typed in: hidden, with a button that shows it.
#[component]
pub fn SecretField(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The secret as typed.
    value: RwSignal<String>,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// What the browser may fill in: `current-password`, `new-password`.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// May stay empty, and says so.
    #[prop(optional)]
    optional: bool,
    /// Shows it; several fields can share one switch.
    #[prop(optional)]
    shown: Option<RwSignal<bool>>,
    /// 40 px high.
    #[prop(optional)]
    large: bool,
    /// The input itself, to give it the focus.
    #[prop(optional)]
    node: NodeRef<Input>,
    /// When it is left.
    #[prop(optional, into)]
    on_blur: Option<Callback<()>>,
) -> impl IntoView {
    let id = fresh_id("secret");
    let below = describing(&id);
    let control = id.clone();
    let shared = shown.is_some();
    let shown = shown.unwrap_or_else(|| RwSignal::new(false));
    let name = move || {
        if shown.get() { texts::common::hide_secret(lang()) } else { texts::common::show_secret(lang()) }
            .to_owned()
    };
    view! {
        <FieldFrame label=label id=id help=help error=error optional=optional>
            <div class="in" class:lg=large class:err=move || error.get().is_some()>
                <input
                    id=control
                    node_ref=node
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    maxlength="1024"
                    aria-invalid=move || error.get().is_some().then_some("true")
                    aria-describedby=below
                    bind:value=value
                    on:blur=move |_| {
                        if let Some(on_blur) = on_blur {
                            on_blur.run(());
                        }
                    }
                />
                {(!shared)
                    .then(|| {
                        view! {
                            <IconButton
                                class="reveal"
                                label=Signal::derive(name)
                                icon=Signal::derive(move || {
                                    if shown.get() { "eyeoff" } else { "eye" }.to_owned()
                                })
                                pressed=Signal::from(shown)
                                on_press=Callback::new(move |()| shown.update(|shown| *shown = !*shown))
                            />
                        }
                    })}
            </div>
        </FieldFrame>
    }
}

/// Several lines of text.
#[component]
pub fn TextArea(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The text.
    value: RwSignal<String>,
    /// Lines shown.
    #[prop(default = 4)]
    rows: u32,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// Identifiers, addresses, item names.
    #[prop(optional)]
    mono: bool,
) -> impl IntoView {
    let id = fresh_id("text");
    let below = describing(&id);
    let control = id.clone();
    view! {
        <FieldFrame label=label id=id help=help error=error>
            <textarea
                id=control
                class="in area"
                class:err=move || error.get().is_some()
                class:mono=mono
                rows=rows
                spellcheck="false"
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=below
                bind:value=value
            ></textarea>
        </FieldFrame>
    }
}
