//! The one vocabulary of states: icon and word always, a filled ground only where somebody has to act.

use domain::client::ClientState;
use domain::job::{JobState, TargetState};
use leptos::prelude::*;

use super::icon::Icon;
use crate::texts::{self, lang};

/// Colour of a state; never the only sign of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Good.
    Ok,
    /// In progress.
    Run,
    /// Nothing to say.
    Idle,
    /// Waits or is paused.
    Hold,
    /// Look at it.
    Warn,
    /// Failed.
    Bad,
}

impl Tone {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Run => "run",
            Self::Idle => "idle",
            Self::Hold => "hold",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// How a kind of state looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusKind {
    /// Colour.
    pub tone: Tone,
    /// Shape.
    pub icon: &'static str,
    /// Somebody has to act.
    pub fill: bool,
}

impl StatusKind {
    /// How it looks.
    pub const fn new(tone: Tone, icon: &'static str, fill: bool) -> Self {
        Self { tone, icon, fill }
    }

    /// Of a job.
    pub fn of_job(state: JobState) -> Self {
        match state {
            JobState::Created => Self::new(Tone::Idle, "new", false),
            JobState::Active => Self::new(Tone::Run, "run", false),
            JobState::Paused => Self::new(Tone::Hold, "pause", false),
            JobState::Success => Self::new(Tone::Ok, "okc", false),
            JobState::PartialSuccessful => Self::new(Tone::Warn, "partial", true),
            JobState::Timeout => Self::new(Tone::Warn, "hourglass", true),
            JobState::Failed => Self::new(Tone::Bad, "fail", true),
            JobState::Cancelled => Self::new(Tone::Idle, "struck", false),
        }
    }

    /// Of one target of a job.
    pub fn of_target(state: TargetState) -> Self {
        match state {
            TargetState::Waiting => Self::new(Tone::Hold, "hourglass", false),
            TargetState::Scheduled => Self::new(Tone::Idle, "clock", false),
            TargetState::Active | TargetState::Sent => Self::new(Tone::Run, "run", false),
            TargetState::Success => Self::new(Tone::Ok, "okc", false),
            TargetState::Partial => Self::new(Tone::Warn, "partial", true),
            TargetState::Failed => Self::new(Tone::Bad, "fail", true),
            TargetState::Timeout => Self::new(Tone::Warn, "hourglass", true),
            TargetState::Cancelled => Self::new(Tone::Idle, "struck", false),
            TargetState::Skipped => Self::new(Tone::Idle, "check", false),
        }
    }

    /// Of a client.
    pub fn of_client(state: ClientState) -> Self {
        match state {
            ClientState::Prepared => Self::new(Tone::Idle, "new", false),
            ClientState::Active => Self::new(Tone::Idle, "check", false),
            ClientState::Quarantined => Self::new(Tone::Bad, "quar", true),
            ClientState::Retired => Self::new(Tone::Idle, "struck", false),
        }
    }
}

/// A state.
#[component]
pub fn Status(
    /// How it looks.
    #[prop(into)]
    kind: Signal<StatusKind>,
    /// Its word.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! {
        <span class=move || {
            let StatusKind { tone, fill, .. } = kind.get();
            format!("st {}{}", tone.class(), if fill { " fill" } else { "" })
        }>
            <Icon name=Signal::derive(move || kind.get().icon.to_owned()) />
            <span>{move || text.get()}</span>
        </span>
    }
}

/// State of a job in its word.
#[component]
pub fn JobStatus(
    /// The state.
    #[prop(into)]
    state: Signal<JobState>,
    /// Whether it was made for a later time: until it begins it is scheduled.
    #[prop(optional, into)]
    later: Signal<bool>,
) -> impl IntoView {
    let scheduled = move || later.get() && state.get() == JobState::Created;
    view! {
        <Status
            kind=Signal::derive(move || {
                if scheduled() { StatusKind::of_target(TargetState::Scheduled) } else { StatusKind::of_job(state.get()) }
            })
            text=Signal::derive(move || {
                if scheduled() {
                    texts::word(lang(), "target-state", TargetState::Scheduled.as_str())
                } else {
                    texts::word(lang(), "job-state", state.get().as_str())
                }
            })
        />
    }
}

/// State of a target in its word.
#[component]
pub fn TargetStatus(
    /// The state.
    #[prop(into)]
    state: Signal<TargetState>,
) -> impl IntoView {
    view! {
        <Status
            kind=Signal::derive(move || StatusKind::of_target(state.get()))
            text=Signal::derive(move || texts::word(lang(), "target-state", state.get().as_str()))
        />
    }
}
