//! The sign that the chain of records is intact. The newest piece is checked when the page opens, all of it on request.

use api::audit::{AuditCheck, AuditCheckQuery};
use domain::AuditId;
use leptos::prelude::*;

use crate::client::{self, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::components::status::{Status, StatusKind, Tone};
use crate::format;
use crate::texts::{self, lang};

/// What is known of the chain.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    checked: u64,
    broken: Option<AuditId>,
    next: Option<AuditId>,
    /// At least one piece was checked.
    any: bool,
}

impl Known {
    fn add(&mut self, piece: &AuditCheck) {
        self.checked += piece.checked;
        self.next = piece.next;
        self.any = true;
        if !piece.intact {
            self.broken = self.broken.or(piece.broken);
        }
    }
}

async fn piece(before: Option<AuditId>) -> Result<AuditCheck, Failure> {
    client::get_with("/audit/check", &AuditCheckQuery { before }).await
}

/// The sign, and the button that checks the rest.
#[component]
pub(super) fn ChainSign() -> impl IntoView {
    let known = RwSignal::new(Known::default());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    // Ends with the page: a long check is of no use to anybody then.
    let run = move |all: bool| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        leptos::task::spawn_local(async move {
            loop {
                let Some(before) = known.try_get_untracked() else { return };
                match piece(before.next).await {
                    Ok(piece) => {
                        if known.try_update(|known| known.add(&piece)).is_none() {
                            return;
                        }
                        if !all || piece.next.is_none() || !piece.intact {
                            break;
                        }
                    }
                    Err(problem) => {
                        let _ = failure.try_set(Some(problem));
                        break;
                    }
                }
            }
            let _ = busy.try_set(false);
        });
    };
    Effect::new(move |_| run(false));
    let kind = Signal::derive(move || match known.get() {
        _ if failure.with(Option::is_some) => StatusKind::new(Tone::Warn, "tri", true),
        Known { broken: Some(_), .. } => StatusKind::new(Tone::Bad, "fail", true),
        Known { any: false, .. } => StatusKind::new(Tone::Run, "run", false),
        Known { .. } => StatusKind::new(Tone::Ok, "okc", false),
    });
    let text = Signal::derive(move || {
        if let Some(failure) = failure.get() {
            return failure.text(lang());
        }
        match known.get() {
            Known { broken: Some(id), .. } => texts::audit::broken(lang(), id),
            Known { any: false, .. } => texts::audit::checking(lang()).to_owned(),
            Known { next: None, checked, .. } => texts::audit::intact(lang(), format::number(checked)),
            Known { checked, .. } => texts::audit::intact_newest(lang(), format::number(checked)),
        }
    });
    let more = move || known.with(|known| known.next.is_some() && known.broken.is_none() && known.any);
    view! {
        <span aria-live="polite" class="chain">
            <Status kind=kind text=text />
        </span>
        {move || {
            more()
                .then(|| {
                    view! {
                        <Button
                            size=ButtonSize::Small
                            busy=busy
                            icon="shieldok"
                            on_press=Callback::new(move |()| run(true))
                        >
                            {texts::audit::check_all(lang())}
                        </Button>
                    }
                })
        }}
    }
}

#[cfg(test)]
mod tests {
    use super::Known;
    use api::audit::AuditCheck;
    use domain::AuditId;

    #[test]
    fn a_broken_record_is_never_forgotten() {
        let mut known = Known::default();
        let piece = |intact, broken, next| AuditCheck { checked: 10, intact, broken, next };
        known.add(&piece(false, Some(AuditId(25)), Some(AuditId(20))));
        known.add(&piece(true, None, None));
        assert_eq!((known.checked, known.broken, known.next), (20, Some(AuditId(25)), None));
    }
}
