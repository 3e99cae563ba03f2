//! Scanning networks for phones (OSEM §4.2) or for storage providers (OSEM §10.2): the warning, what is to be scanned, and
//! the scans there are.

use api::Page;
use api::scan::{ScanQuery, ScanView};
use domain::scan::ScanPurpose;
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

/// Shows what a scan has found so far, or in all: the second part says whether it is over.
pub(crate) type Findings = Callback<(domain::ScanId, Signal<bool>), AnyView>;

/// Scans that are read: all that are not over are among them.
const READ: u64 = 25;

fn scans(purpose: ScanPurpose) -> Loaded<Page<ScanView>> {
    let query = ScanQuery { size: Some(READ), purpose: Some(purpose), ..ScanQuery::default() };
    load(move || {
        let query = query.clone();
        async move { client::get_with::<Page<ScanView>>("/scans", &query).await }
    })
    .live(Resource::Scans)
}

/// The button that opens the dialog, with the number of scans that run, and the dialog.
#[component]
pub(crate) fn Scan(
    /// What is looked for.
    #[prop(default = ScanPurpose::Phones)]
    purpose: ScanPurpose,
    /// What a scan has found, shown below it; of scans whose findings are no clients.
    #[prop(optional)]
    findings: Option<Findings>,
    /// Closes the dialog when it is set to `false`.
    #[prop(default = RwSignal::new(false))]
    open: RwSignal<bool>,
) -> impl IntoView {
    let scans = scans(purpose);
    let running = Memo::new(move |_| {
        scans.data.with(|page| {
            let page = page.as_ref().map(|page| page.items.as_slice()).unwrap_or_default();
            page.iter().filter(|scan| !scan.state.is_over()).count() as u64
        })
    });
    let words = move || match running.get() {
        0 if purpose == ScanPurpose::StorageProviders => texts::storage::scan_network(lang()).to_owned(),
        0 => texts::scans::scan(lang()).to_owned(),
        count => texts::scans::scan_running(lang(), count),
    };
    view! {
        <Button icon="scan" on_press=Callback::new(move |()| open.set(true))>
            {words}
        </Button>
        <ScanDialog purpose=purpose findings=findings open=open scans=scans />
    }
}

#[component]
fn ScanDialog(
    purpose: ScanPurpose,
    findings: Option<Findings>,
    open: RwSignal<bool>,
    scans: Loaded<Page<ScanView>>,
) -> impl IntoView {
    let dirty = RwSignal::new(false);
    let (title, warning) = match purpose {
        ScanPurpose::Phones => (texts::scans::title(lang()), texts::scans::disturbs(lang())),
        ScanPurpose::StorageProviders => {
            (texts::storage::scan_title(lang()), texts::storage::scan_disturbs(lang()))
        }
    };
    view! {
        <Dialog
            open=open
            title=title.to_owned()
            size=DialogSize::Table
            dirty=dirty
            on_close=Callback::new(move |()| dirty.set(false))
        >
            <Note tone=Tone::Warn>
                <p>{warning}</p>
            </Note>
            <Form purpose=purpose open=open dirty=dirty scans=scans />
            {scans
                .show(
                    2,
                    move |page: Signal<Page<ScanView>>| {
                        view! { <Scans page=page findings=findings /> }.into_any()
                    },
                )}
        </Dialog>
    }
}
