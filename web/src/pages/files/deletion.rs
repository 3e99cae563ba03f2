//! Deleting things of a list that templates or jobs may need: the question before it, and afterwards what stayed with who
//! needs it. The same for files and for storage providers.

use std::future::Future;
use std::pin::Pin;

use api::file::FileUse;
use api::page::MOST_PER_PAGE;
use leptos::prelude::*;

use super::words;
use crate::client::Failure;
use crate::components::button::{Button, ButtonKind};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::list::Chosen;
use crate::components::states::FailureNote;
use crate::components::step_up::is_asked;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// What is to be deleted.
#[derive(Clone)]
enum Wanted {
    One { id: i64, name: String },
    Many(Chosen),
}

/// Something that was not deleted, because it is needed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stayed {
    /// Its name.
    pub(crate) name: String,
    /// Who needs it.
    pub(crate) used_by: FileUse,
}

/// What a deletion came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Deleted {
    /// How many are gone.
    pub(crate) deleted: u64,
    /// What stayed.
    pub(crate) stayed: Vec<Stayed>,
}

/// A deletion that is on its way.
pub(crate) type Deleting = Pin<Box<dyn Future<Output = Result<Deleted, Failure>>>>;

/// What is deleted, and how it is called.
#[derive(Clone, Copy)]
pub(crate) struct Things {
    /// The list in the API.
    pub(crate) path: &'static str,
    /// What changes.
    pub(crate) resources: &'static [Resource],
    /// Deletes at most [`MOST_PER_PAGE`] by their ids.
    pub(crate) delete: fn(Vec<i64>) -> Deleting,
    /// "Delete it?", with its name.
    pub(crate) question: fn(String) -> String,
    /// "Delete 3 of them?"
    pub(crate) many_question: fn(u64) -> String,
    /// What it does, and what it does not.
    pub(crate) text: fn() -> &'static str,
    /// Words of the button.
    pub(crate) button: fn(u64) -> String,
    /// That so many are gone.
    pub(crate) were_deleted: fn(u64) -> String,
    /// Head of what stayed.
    pub(crate) stayed_title: fn() -> &'static str,
    /// That so many stayed, and why.
    pub(crate) stayed: fn(u64) -> String,
    /// Head of the column of names.
    pub(crate) name: fn() -> &'static str,
}

/// The dialogs of a deletion.
#[derive(Clone, Copy)]
pub(crate) struct Deletion {
    asking: RwSignal<bool>,
    wanted: RwSignal<Option<Wanted>>,
    stayed: RwSignal<Vec<Stayed>>,
    /// Why the rest could not be deleted.
    failed: RwSignal<Option<Failure>>,
    showing: RwSignal<bool>,
}

impl Deletion {
    /// Nothing is to be deleted yet.
    pub(crate) fn new() -> Self {
        Self {
            asking: RwSignal::new(false),
            wanted: RwSignal::new(None),
            stayed: RwSignal::new(Vec::new()),
            failed: RwSignal::new(None),
            showing: RwSignal::new(false),
        }
    }

    /// Asks before one is deleted.
    pub(crate) fn ask_one(self, id: i64, name: String) {
        self.ask(Wanted::One { id, name });
    }

    /// Asks before what was chosen in the list is deleted.
    pub(crate) fn ask_many(self, chosen: Chosen) {
        self.ask(Wanted::Many(chosen));
    }

    fn ask(self, wanted: Wanted) {
        self.wanted.set(Some(wanted));
        self.asking.set(true);
    }
}

/// The question, and what stayed. `gone` is called when something was deleted.
#[component]
pub(crate) fn DeletionDialogs(deletion: Deletion, things: Things, gone: Callback<()>) -> impl IntoView {
    let Deletion { asking, wanted, stayed, failed, showing } = deletion;
    let many = Signal::derive(move || {
        wanted.with(|wanted| match wanted {
            Some(Wanted::Many(chosen)) => chosen.count(),
            Some(Wanted::One { .. }) | None => 1,
        })
    });
    let title = Signal::derive(move || {
        wanted.with(|wanted| match wanted {
            Some(Wanted::One { name, .. }) => (things.question)(name.clone()),
            Some(Wanted::Many(_)) | None => (things.many_question)(many.get()),
        })
    });
    let button = Signal::derive(move || (things.button)(many.get()));
    let act = Callback::new(move |_: Consent| -> Acting {
        let wanted = wanted.get_untracked();
        Box::pin(async move {
            let Some(wanted) = wanted else { return Ok(()) };
            let ids = match wanted {
                Wanted::One { id, .. } => vec![id],
                Wanted::Many(chosen) => chosen.ids(things.path).await?,
            };
            let (done, failure) = in_parts(&ids, things.delete).await;
            for resource in things.resources {
                live::touch(*resource);
            }
            if done.deleted > 0 {
                toast::show((things.were_deleted)(done.deleted));
                gone.try_run(());
            }
            // Where the rest failed, what stayed is shown with it; who has to confirm who they are is asked first.
            match failure {
                Some(failure) if done.stayed.is_empty() || is_asked(Some(&failure)) => return Err(failure),
                rest => drop(failed.try_set(rest)),
            }
            if !done.stayed.is_empty() {
                let _ = stayed.try_set(done.stayed);
                let _ = showing.try_set(true);
            }
            Ok(())
        })
    });
    view! {
        <ConfirmDialog
            open=asking
            title=title
            text=(things.text)().to_owned()
            button=button
            act=act
        />
        <Dialog open=showing title=(things.stayed_title)().to_owned() size=DialogSize::Table>
            <FailureNote failure=failed />
            {move || stayed.with(|stayed| list(things, stayed))}
            <DialogButtons>
                <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| showing.set(false))>
                    {texts::common::close(lang())}
                </Button>
            </DialogButtons>
        </Dialog>
    }
}

/// Deletes as many at once as one call takes. What came of the calls before one that failed is told too: it is done.
async fn in_parts(ids: &[i64], delete: fn(Vec<i64>) -> Deleting) -> (Deleted, Option<Failure>) {
    let mut all = Deleted::default();
    for part in ids.chunks(usize::try_from(MOST_PER_PAGE).unwrap_or(1)) {
        match delete(part.to_vec()).await {
            Ok(answer) => {
                all.deleted += answer.deleted;
                all.stayed.extend(answer.stayed);
            }
            Err(failure) => return (all, Some(failure)),
        }
    }
    (all, None)
}

/// What is needed, with who needs it.
fn list(things: Things, stayed: &[Stayed]) -> AnyView {
    let line = |one: &Stayed| {
        view! {
            <tr>
                <th scope="row">{one.name.clone()}</th>
                <td>{words::users(&one.used_by)}</td>
            </tr>
        }
    };
    view! {
        <p>{(things.stayed)(stayed.len() as u64)}</p>
        <div class="scroll-x">
            <table class="tbl plain">
                <thead>
                    <tr>
                        <th scope="col">{(things.name)()}</th>
                        <th scope="col">{texts::files::used(lang())}</th>
                    </tr>
                </thead>
                <tbody>{stayed.iter().map(line).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{Deleted, Deleting, Failure, FileUse, Stayed, in_parts};
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// What a future gives that waits for nobody.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("nothing is waited for"),
        }
    }

    fn stayed(id: i64) -> Stayed {
        Stayed { name: id.to_string(), used_by: FileUse::default() }
    }

    /// The server refuses more than 500, deletes even ids, and loses the connection at 1,200.
    fn delete(ids: Vec<i64>) -> Deleting {
        assert!(ids.len() <= 500);
        let lost = ids.contains(&1_200);
        let (odd, even): (Vec<i64>, Vec<i64>) = ids.into_iter().partition(|id| id % 2 == 1);
        let (deleted, odd) = (even.len() as u64, odd.into_iter().map(stayed).collect());
        Box::pin(
            async move { if lost { Err(Failure::offline()) } else { Ok(Deleted { deleted, stayed: odd }) } },
        )
    }

    #[test]
    fn many_are_deleted_in_parts_that_one_call_takes() {
        let ids: Vec<i64> = (0..1_100).collect();
        let (done, failure) = at_once(in_parts(&ids, delete));
        assert_eq!((done.deleted, done.stayed.len()), (550, 550));
        assert!(failure.is_none());
    }

    #[test]
    fn what_was_deleted_before_a_failure_is_told() {
        let ids: Vec<i64> = (0..1_300).collect();
        let (done, failure) = at_once(in_parts(&ids, delete));
        assert_eq!((done.deleted, done.stayed.len(), failure.is_some()), (500, 500, true));
    }
}
