//! Something of the server on the page: loaded when it is first shown, again when what it depends on changes, kept on
//! the page while it is loaded again.

use std::future::Future;

use leptos::prelude::*;

use crate::client::{Failure, FailureKind};
use crate::components::page_head::PageHead;
use crate::components::states::{ErrorState, FailureNote, Skeleton};
use crate::live::{self, Resource};

/// Something that is loaded. Copied around freely, like a signal.
pub struct Loaded<T: Send + Sync + 'static> {
    /// The last good answer.
    pub data: RwSignal<Option<T>>,
    /// Why the last try failed.
    pub failure: RwSignal<Option<Failure>>,
    /// Whether it is being loaded.
    pub busy: RwSignal<bool>,
    again: RwSignal<u64>,
    /// It changed on the server while it was being loaded.
    late: StoredValue<bool>,
}

impl<T: Send + Sync + 'static> Clone for Loaded<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Loaded<T> {}

/// Loads something. `source` is called again whenever a signal it reads changes, which ends the request before it.
///
/// `let job = load(move || { let id = id.get(); async move { client::get::<JobView>(&format!("/jobs/{id}")).await } });`
pub fn load<T, F>(source: impl Fn() -> F + 'static) -> Loaded<T>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<T, Failure>> + 'static,
{
    let loaded = Loaded {
        data: RwSignal::new(None),
        failure: RwSignal::new(None),
        busy: RwSignal::new(true),
        again: RwSignal::new(0),
        late: StoredValue::new(false),
    };
    Effect::new(move |_| {
        loaded.again.track();
        let answer = source();
        loaded.busy.set(true);
        loaded.late.set_value(false);
        leptos::task::spawn_local_scoped_with_cancellation(async move {
            match answer.await {
                Ok(data) => {
                    loaded.data.set(Some(data));
                    loaded.failure.set(None);
                }
                Err(failure) => loaded.failure.set(Some(failure)),
            }
            loaded.busy.set(false);
            if loaded.late.get_value() {
                loaded.reload();
            }
        });
    });
    loaded
}

impl<T: Clone + Send + Sync + 'static> Loaded<T> {
    /// Loads it again when the resource changes on the server; when it is being loaded, once that is done, so that
    /// what changes all the time comes all the same.
    #[must_use]
    pub fn live(self, resource: Resource) -> Self {
        let tick = live::tick(resource);
        Effect::new(move |before: Option<u64>| {
            let now = tick.get();
            if before.is_some_and(|before| before != now) {
                if self.busy.get_untracked() {
                    self.late.set_value(true);
                } else {
                    self.reload();
                }
            }
            now
        });
        self
    }

    /// Loads it again.
    pub fn reload(&self) {
        self.again.update(|again| *again += 1);
    }

    /// As [`Loaded::show`], for a whole page: its head stands there too before its thing has come, and when it does not.
    /// `view` brings the head of the page with it.
    pub fn show_page(
        self,
        title: impl Into<Signal<String>>,
        rows: usize,
        view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static,
    ) -> AnyView {
        let title = title.into();
        let there = Memo::new(move |_| self.data.with(Option::is_some));
        view! {
            {move || (!there.get()).then(|| view! { <PageHead title=title /> })}
            {self.show(rows, view)}
        }
        .into_any()
    }

    /// Shows it: lines that stand for it until it comes, what went wrong with a way to try again, and then `view`,
    /// built once, with a signal of the newest answer. When it cannot be loaded again later, that is said above it: what
    /// stands there is old, or gone.
    pub fn show(self, rows: usize, view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static) -> AnyView {
        let there = Memo::new(move |_| self.data.with(Option::is_some));
        let failed = Memo::new(move |_| self.failure.with(Option::is_some));
        // That there is no connection is said once, for the whole console.
        let old = Memo::new(move |_| {
            self.failure
                .with(|failure| failure.as_ref().is_some_and(|failure| failure.kind != FailureKind::Offline))
        });
        let retry = Callback::new(move |()| self.reload());
        let body = move || {
            if there.get() {
                // `there` is only true once there is something, and it never goes away again.
                let data = self.data;
                let first = data.get_untracked();
                let newest = Signal::derive(move || data.get().or_else(|| first.clone()));
                match newest.get_untracked() {
                    Some(first) => {
                        let value = Signal::derive(move || newest.get().unwrap_or_else(|| first.clone()));
                        view! {
                            {move || old.get().then(|| view! { <div class="still"><FailureNote failure=self.failure retry=retry /></div> })}
                            {view(value)}
                        }
                        .into_any()
                    }
                    None => ().into_any(),
                }
            } else if failed.get() {
                view! { <ErrorState failure=self.failure retry=retry /> }.into_any()
            } else {
                view! { <Skeleton rows=rows /> }.into_any()
            }
        };
        body.into_any()
    }
}
