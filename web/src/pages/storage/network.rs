//! Scanning a network for storage providers: the dialog of scans, and what they have found, each one step from being added
//! (OSEM §10.2).

use std::net::{IpAddr, SocketAddr};

use api::Page;
use api::page::{DEEPEST_ROW, MOST_PER_PAGE};
use api::scan::{FindingQuery, FindingView};
use domain::ScanId;
use domain::file::ProviderKind;
use domain::scan::{FindingKind, ScanPurpose};
use leptos::html;
use leptos::prelude::*;

use super::deeds::Deeds;
use crate::browser;
use crate::client::{self, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::live::Resource;
use crate::load::load;
use crate::pages::clients::scan::Scan;
use crate::texts::{self, lang};

/// Findings of one scan that are shown at first.
const SHOWN: u64 = 50;

/// The button with its dialog.
#[component]
pub(super) fn NetworkScan(deeds: Deeds) -> impl IntoView {
    let open = RwSignal::new(false);
    let add = Callback::new(move |finding: FindingView| {
        // One dialog at a time: the form takes the place of this one.
        open.set(false);
        deeds.add_found(kind_of(finding.kind), finding.url);
    });
    let findings = Callback::new(move |(scan, over): (ScanId, Signal<bool>)| {
        view! { <Findings scan=scan over=over add=add /> }.into_any()
    });
    view! { <Scan purpose=ScanPurpose::StorageProviders findings=findings open=open /> }
}

/// The kind of provider that is added for a finding.
fn kind_of(finding: FindingKind) -> ProviderKind {
    match finding {
        FindingKind::S3 => ProviderKind::S3,
        FindingKind::Webdav | FindingKind::IndexPage | FindingKind::Https => ProviderKind::Https,
    }
}

/// Where something was found: `10.1.2.3:443`, `[2001:db8::1]:443`.
fn place(finding: &FindingView) -> String {
    let FindingView { address, port, .. } = finding;
    let ip = address.parse::<IpAddr>();
    ip.map_or_else(|_| format!("{address}:{port}"), |ip| SocketAddr::new(ip, *port).to_string())
}

/// The first findings of a scan, at least `most` of them when there are so many.
async fn first(scan: ScanId, most: u64) -> Result<Page<FindingView>, Failure> {
    let size = most.min(MOST_PER_PAGE);
    let path = format!("/scans/{scan}/findings");
    let read = async |number: u64| {
        let query = FindingQuery { page: Some(number), size: Some(size) };
        client::get_with::<Page<FindingView>>(&path, &query).await
    };
    let mut all = read(1).await?;
    for number in 2..=most.div_ceil(size) {
        if all.items.len() as u64 >= all.total {
            break;
        }
        all.items.extend(read(number).await?.items);
    }
    Ok(all)
}

/// What one scan has found.
#[component]
fn Findings(scan: ScanId, over: Signal<bool>, add: Callback<FindingView>) -> impl IntoView {
    let most = RwSignal::new(SHOWN);
    let found = load(move || first(scan, most.get())).live(Resource::Scans);
    found.show(2, move |page: Signal<Page<FindingView>>| {
        view! { <Table page=page over=over most=most busy=found.busy add=add /> }.into_any()
    })
}

#[component]
fn Table(
    page: Signal<Page<FindingView>>,
    /// Whether nothing more can come.
    over: Signal<bool>,
    /// How many are wanted.
    most: RwSignal<u64>,
    busy: RwSignal<bool>,
    add: Callback<FindingView>,
) -> impl IntoView {
    let region = NodeRef::<html::Div>::new();
    let rest = Memo::new(move |_| page.with(|page| page.total.saturating_sub(page.items.len() as u64)));
    let growing = Signal::derive(move || {
        busy.get() && page.with(|page| (page.items.len() as u64) < most.get().min(page.total))
    });
    let more = move || {
        let wanted = most.get_untracked().saturating_mul(2).min(DEEPEST_ROW);
        // With the last ones the button goes, which has the focus.
        if let Some(region) =
            region.get_untracked().filter(|_| page.with_untracked(|page| page.total <= wanted))
        {
            browser::focus(&region);
        }
        most.set(wanted);
    };
    let line = move |finding: FindingView| {
        let known = finding.known_provider.clone();
        let detail = finding.detail.clone();
        let own = StoredValue::new(finding.clone());
        let deed = match known {
            Some(provider) => {
                view! { <span class="muted">{texts::storage::is_known(lang(), provider.name)}</span> }.into_any()
            }
            None => view! {
                <Button size=ButtonSize::Small icon="plus" on_press=Callback::new(move |()| add.run(own.get_value()))>
                    {texts::storage::add_this(lang())}
                </Button>
            }
            .into_any(),
        };
        view! {
            <tr>
                <th scope="row" class="mono">{place(&finding)}</th>
                <td>{texts::word(lang(), "finding-kind", finding.kind.as_str())}</td>
                <td>
                    <span class="clip cell-wide" title=detail.clone()>
                        {detail.clone()}
                    </span>
                </td>
                <td>{deed}</td>
            </tr>
        }
    };
    let none = Memo::new(move |_| page.with(|page| page.items.is_empty()));
    let rows = move || page.with(|page| page.items.iter().cloned().map(line).collect::<Vec<_>>());
    let show_more = move || {
        (most.get() < DEEPEST_ROW).then(|| {
            view! {
                <Button size=ButtonSize::Small busy=growing on_press=Callback::new(move |()| more())>
                    {texts::storage::show_more(lang())}
                </Button>
            }
        })
    };
    let others = move || {
        let rest = rest.get();
        (rest > 0).then(|| {
            view! {
                <p class="row wrap">
                    <span class="muted">{texts::storage::more_findings(lang(), rest)}</span>
                    {show_more}
                </p>
            }
        })
    };
    move || {
        if none.get() {
            let words = move || match over.get() {
                true => texts::storage::nothing_found(lang()),
                false => texts::storage::nothing_yet(lang()),
            };
            return view! { <p class="muted">{words}</p> }.into_any();
        }
        view! {
            <div
                class="scroll-x"
                node_ref=region
                tabindex="0"
                role="region"
                aria-label=texts::storage::findings(lang())
            >
                <table class="tbl plain" aria-label=texts::storage::findings(lang())>
                    <thead>
                        <tr>
                            <th scope="col">{texts::storage::address(lang())}</th>
                            <th scope="col">{texts::storage::kind(lang())}</th>
                            <th scope="col">{texts::storage::says(lang())}</th>
                            <th scope="col">
                                <span class="vh">{texts::common::row_menu(lang())}</span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {others}
        }
        .into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::{kind_of, place};
    use api::scan::FindingView;
    use domain::file::ProviderKind;
    use domain::scan::FindingKind;

    #[test]
    fn what_speaks_s3_is_added_as_s3() {
        assert_eq!(kind_of(FindingKind::S3), ProviderKind::S3);
        assert_eq!(kind_of(FindingKind::Webdav), ProviderKind::Https);
    }

    #[test]
    fn addresses_of_both_kinds_are_told_from_their_ports() {
        let at = |address: &str| {
            place(&FindingView {
                address: address.to_owned(),
                port: 443,
                kind: FindingKind::Https,
                url: String::new(),
                detail: String::new(),
                found_at: jiff::Timestamp::UNIX_EPOCH,
                known_provider: None,
            })
        };
        assert_eq!(
            (at("10.1.2.3").as_str(), at("2001:db8::1").as_str()),
            ("10.1.2.3:443", "[2001:db8::1]:443")
        );
    }
}
