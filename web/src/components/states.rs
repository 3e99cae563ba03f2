//! States of a region: nothing there, loading, failed, not allowed, and notes.

use leptos::prelude::*;

use super::button::{Button, ButtonSize};
use super::icon::Icon;
use super::status::Tone;
use crate::client::{Failure, FailureKind};
use crate::texts::{self, lang};
use api::Code;

/// Lines that stand for what is being loaded, as high as real rows; visible after a moment only.
#[component]
pub fn Skeleton(
    /// How many.
    #[prop(default = 5)]
    rows: usize,
) -> impl IntoView {
    let row = |at: usize| {
        let class = match at % 3 {
            0 => "w1",
            1 => "w2",
            _ => "w3",
        };
        view! {
            <div class=class>
                <i></i>
                <i></i>
                <i></i>
            </div>
        }
    };
    view! {
        <div class="skel" role="status" aria-label=texts::common::loading(lang())>
            {(0..rows).map(row).collect_view()}
        </div>
    }
}

/// Nothing there: a sentence, and what to do about it.
#[component]
pub fn EmptyState(
    /// The sentence.
    #[prop(into)]
    text: Signal<String>,
    /// What would help; a sentence.
    #[prop(optional, into)]
    hint: Signal<Option<String>>,
    /// Icon above it.
    #[prop(default = "info")]
    icon: &'static str,
    /// One action.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="pic">
                <Icon name=icon.to_owned() />
            </span>
            <p class="strong">{move || text.get()}</p>
            {move || hint.get().map(|hint| view! { <p class="soft">{hint}</p> })}
            {children.map(|children| children())}
        </div>
    }
}

/// What went wrong, what to do, and what finds it in the log.
#[component]
pub fn ErrorState(
    /// The failure; nothing is shown without one.
    #[prop(into)]
    failure: Signal<Option<Failure>>,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    let shown = move |failure: Failure| {
        let not_allowed = failure.code() == Some(Code::Forbidden);
        let icon = match failure.kind {
            FailureKind::Offline => "cloudoff",
            _ if not_allowed => "shieldoff",
            FailureKind::Refused | FailureKind::NotUnderstood(_) => "fail",
        };
        let again = retry.filter(|_| !not_allowed);
        let code = failure.code().map(|code| code.as_str().to_owned());
        let trace = failure.request_id().map(str::to_owned);
        let small = [code, trace].into_iter().flatten().collect::<Vec<_>>().join(" · ");
        view! {
            <div class="empty" role="alert">
                <span class="pic bad">
                    <Icon name=icon.to_owned() />
                </span>
                <p class="strong">{failure.text(lang())}</p>
                {again
                    .map(|retry| {
                        view! {
                            <Button on_press=retry icon="refresh">
                                {texts::common::try_again(lang())}
                            </Button>
                        }
                    })}
                {(!small.is_empty()).then(|| view! { <p class="muted mono small">{small}</p> })}
            </div>
        }
    };
    move || failure.get().map(shown)
}

/// A failure in a line: above a form, in a dialog.
#[component]
pub fn FailureNote(
    /// The failure; nothing is shown without one.
    #[prop(into)]
    failure: Signal<Option<Failure>>,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    view! {
        <div role="alert">
            {move || {
                failure
                    .get()
                    .map(|failure| {
                        view! {
                            <div class="note bad">
                                <Icon name="fail" />
                                <p class="grow">{failure.text(lang())}</p>
                                {retry
                                    .map(|retry| {
                                        view! {
                                            <Button size=ButtonSize::Small on_press=retry>
                                                {texts::common::try_again(lang())}
                                            </Button>
                                        }
                                    })}
                            </div>
                        }
                    })
            }}
        </div>
    }
}

/// A remark that stays: icon, sentence, perhaps an action.
#[component]
pub fn Note(
    /// Its colour.
    #[prop(default = Tone::Run)]
    tone: Tone,
    /// The sentence, and actions.
    children: Children,
) -> impl IntoView {
    let icon = match tone {
        Tone::Ok => "okc",
        Tone::Run | Tone::Idle => "info",
        Tone::Hold => "hourglass",
        Tone::Warn => "tri",
        Tone::Bad => "fail",
    };
    view! {
        <div class=format!("note {}", tone.class())>
            <Icon name=icon.to_owned() />
            <div class="grow">{children()}</div>
        </div>
    }
}

/// Something that is different since it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What: "Address".
    pub name: String,
    /// As it was seen.
    pub before: String,
    /// As it is.
    pub now: String,
}

/// What is different since something was looked at, below the failure that says so. Nothing without any.
#[component]
pub fn Differences(
    /// What is different.
    #[prop(into)]
    lines: Signal<Vec<Difference>>,
) -> impl IntoView {
    let line = |line: Difference| {
        view! {
            <li>
                <span class="strong">{line.name} ": "</span>
                <s>{line.before}</s>
                " → "
                <b>{line.now}</b>
            </li>
        }
    };
    move || {
        let lines = lines.get();
        (!lines.is_empty()).then(|| {
            view! {
                <Note tone=Tone::Warn>
                    <p>{texts::common::different_now(lang())}</p>
                    <ul>{lines.into_iter().map(line).collect_view()}</ul>
                </Note>
            }
        })
    }
}
