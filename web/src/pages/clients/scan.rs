//! Scanning for phones (OSEM §4.2): the warning, what is to be scanned, and the scans there are.

use api::Page;
use api::scan::{ScanQuery, ScanView};
use leptos::prelude::*;

use crate::client;
use crate::components::button::Button;
use crate::components::dialog::{Dialog, DialogSize};
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::live::Resource;
use crate::load::{Loaded, load};
use crate::texts::{self, lang};

use form::Form;
use list::Scans;

mod form;
mod list;

/// Scans that are read: all that are not over are among them.
const READ: u64 = 25;

fn scans() -> Loaded<Page<ScanView>> {
    let query = ScanQuery { size: Some(READ), ..ScanQuery::default() };
    load(move || {
        let query = query.clone();
        async move { client::get_with::<Page<ScanView>>("/scans", &query).await }
    })
    .live(Resource::Scans)
}

/// The button that opens the dialog, with the number of scans that run, and the dialog.
#[component]
pub(super) fn Scan() -> impl IntoView {
    let open = RwSignal::new(false);
    let scans = scans();
    let running = Memo::new(move |_| {
        scans.data.with(|page| {
            let page = page.as_ref().map(|page| page.items.as_slice()).unwrap_or_default();
            page.iter().filter(|scan| !scan.state.is_over()).count() as u64
        })
    });
    let words = move || match running.get() {
        0 => texts::scans::scan(lang()).to_owned(),
        count => texts::scans::scan_running(lang(), count),
    };
    view! {
        <Button icon="scan" on_press=Callback::new(move |()| open.set(true))>
            {words}
        </Button>
        <ScanDialog open=open scans=scans />
    }
}

#[component]
fn ScanDialog(open: RwSignal<bool>, scans: Loaded<Page<ScanView>>) -> impl IntoView {
    let dirty = RwSignal::new(false);
    view! {
        <Dialog
            open=open
            title=texts::scans::title(lang()).to_owned()
            size=DialogSize::Table
            dirty=dirty
            on_close=Callback::new(move |()| dirty.set(false))
        >
            <Note tone=Tone::Warn>
                <p>{texts::word(lang(), "warning", "scan-disturbs")}</p>
            </Note>
            <Form open=open dirty=dirty scans=scans />
            {scans.show(2, |page: Signal<Page<ScanView>>| view! { <Scans page=page /> }.into_any())}
        </Dialog>
    }
}
