//! What is to be scanned: a network by address and mask, or ranges; and the ports. Checked by the rules of the server.

use std::net::IpAddr;

use api::Page;
use api::scan::{Mask, NewScan, ScanView};
use domain::Permission;
use domain::scan::{
    MOST_ADDRESSES, MOST_PORTS, MOST_RANGES, Range, RangeFault, Ranges, STORAGE_PORTS, ScanPurpose,
    USUAL_PORT,
};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::DialogButtons;
use crate::components::field::{TextArea, TextField};
use crate::components::select::{Choice, Select};
use crate::components::states::FailureNote;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::Loaded;
use crate::session;
use crate::texts::{self, lang};

/// What is typed.
#[derive(Clone, Copy)]
struct Typed {
    ranges: RwSignal<bool>,
    address: RwSignal<String>,
    mask: RwSignal<String>,
    lines: RwSignal<String>,
    port: RwSignal<String>,
    ports: RwSignal<String>,
    purpose: ScanPurpose,
}

/// The texts of ranges: one on a line, or with commas between them.
fn lines(typed: &str) -> Vec<String> {
    let parts = typed.split(['\n', ',', ';']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Ports with commas between them; none when one of them is no port, or when they are too many.
fn ports(typed: &str) -> Option<Vec<u16>> {
    let parts = typed.split([',', ';', ' ']).filter(|part| !part.is_empty());
    let ports =
        parts.map(|part| part.parse::<u16>().ok().filter(|port| *port > 0)).collect::<Option<Vec<_>>>()?;
    (1..=MOST_PORTS).contains(&ports.len()).then_some(ports)
}

impl Typed {
    fn new(purpose: ScanPurpose) -> Self {
        Self {
            ranges: RwSignal::new(false),
            address: RwSignal::new(String::new()),
            mask: RwSignal::new("24".to_owned()),
            lines: RwSignal::new(String::new()),
            port: RwSignal::new(USUAL_PORT.to_string()),
            ports: RwSignal::new(STORAGE_PORTS.map(|port| port.to_string()).join(", ")),
            purpose,
        }
    }

    fn is_empty(self) -> bool {
        let typed = if self.ranges.get() { self.lines } else { self.address };
        typed.with(|typed| typed.trim().is_empty())
    }

    /// Whether the ports are understood.
    fn ports_are_good(self) -> bool {
        self.purpose == ScanPurpose::Phones || self.ports.with(|typed| ports(typed).is_some())
    }

    /// How many addresses it has, by the rules of the server.
    fn count(self) -> Result<u64, Fault> {
        if !self.ranges.get() {
            let range = self.address.with(|address| Range::of_mask(address.trim(), &self.mask.get()));
            return range.map(|range| range.count()).map_err(|fault| Fault { at: None, fault });
        }
        let texts = self.lines.with(|typed| lines(typed));
        if texts.len() > MOST_RANGES {
            return Err(Fault { at: None, fault: RangeFault::TooLarge });
        }
        let read =
            |text: &String| text.parse::<Range>().map_err(|fault| Fault { at: Some(text.clone()), fault });
        let ranges = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let all = Ranges::new(ranges).map_err(|fault| Fault { at: None, fault })?;
        Ok(all.count())
    }

    fn as_new(self) -> NewScan {
        let phones = self.purpose == ScanPurpose::Phones;
        let common = NewScan {
            port: self.port.get_untracked().parse().ok().filter(|_| phones),
            purpose: Some(self.purpose).filter(|_| !phones),
            ports: if phones {
                Vec::new()
            } else {
                self.ports.with_untracked(|typed| ports(typed)).unwrap_or_default()
            },
            ..NewScan::default()
        };
        if self.ranges.get_untracked() {
            let ranges = self.lines.with_untracked(|typed| lines(typed));
            return NewScan { ranges, ..common };
        }
        NewScan {
            address: Some(self.address.get_untracked().trim().to_owned()),
            mask: Some(Mask(self.mask.get_untracked())),
            ..common
        }
    }
}

/// What is wrong, and which of the ranges it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    at: Option<String>,
    fault: RangeFault,
}

impl Fault {
    fn text(&self) -> String {
        let mut args = api::Args::new();
        args.insert("max".to_owned(), MOST_ADDRESSES.into());
        let text = texts::worded(lang(), "field", self.fault.code(), &args);
        self.at.as_ref().map_or(text.clone(), |at| format!("{at}: {text}"))
    }
}

/// Masks that can be chosen for an address: of IPv4 from 65,534 addresses down, of IPv6 from 65,536.
fn masks(address: &str) -> Vec<Choice> {
    if matches!(address.trim().parse(), Ok(IpAddr::V6(_))) {
        return (112..=128)
            .rev()
            .map(|length| Choice::new(length.to_string(), format!("/{length}")))
            .collect();
    }
    let mask = |length: u32| {
        let bits = u32::MAX.checked_shl(32 - length).unwrap_or_default();
        Choice::new(length.to_string(), format!("{} (/{length})", std::net::Ipv4Addr::from_bits(bits)))
    };
    (16..=32).rev().map(mask).collect()
}

#[component]
pub(super) fn Form(
    purpose: ScanPurpose,
    open: RwSignal<bool>,
    dirty: RwSignal<bool>,
    scans: Loaded<Page<ScanView>>,
) -> impl IntoView {
    let typed = Typed::new(purpose);
    let failure = RwSignal::new(None::<Failure>);
    let (busy, tried, left) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(false));
    let key = StoredValue::new(idempotency_key());
    Effect::new(move |_| {
        let empty = typed.address.with(String::is_empty) && typed.lines.with(String::is_empty);
        dirty.set(!empty);
    });
    // A mask of the other kind of address is none.
    let choices = Signal::derive(move || typed.address.with(|address| masks(address)));
    Effect::new(move |_| {
        let choices = choices.get();
        if !typed.mask.with_untracked(|mask| choices.iter().any(|choice| choice.value == *mask)) {
            let usual = if choices.iter().any(|choice| choice.value == "24") { "24" } else { "128" };
            typed.mask.set(usual.to_owned());
        }
    });
    // What the server said was about what was typed before.
    Effect::new(move |before: Option<()>| {
        typed.address.track();
        typed.mask.track();
        typed.lines.track();
        typed.port.track();
        typed.ports.track();
        if before.is_some() && failure.with_untracked(Option::is_some) {
            failure.set(None);
        }
    });
    let count = Memo::new(move |_| typed.count());
    let fault = move || {
        if typed.is_empty() {
            return tried.get().then(|| texts::scans::missing(lang()).to_owned());
        }
        (left.get() || tried.get()).then(|| count.get().err().map(|fault| fault.text())).flatten()
    };
    let refused = move |fields: &'static [&'static str]| {
        failure.with(|failure| {
            let failure = failure.as_ref()?;
            fields.iter().find_map(|field| failure.field(lang(), field))
        })
    };
    // The server says which of the ranges it is, by its place.
    let refused_range = move || {
        failure.with(|failure| {
            let problem = failure.as_ref()?.problem.as_ref()?;
            let error = problem.errors.iter().find(|error| error.field.starts_with("/ranges"))?;
            let place = error.field.strip_prefix("/ranges/").and_then(|place| place.parse::<usize>().ok());
            let text = failure.as_ref()?.field(lang(), &error.field)?;
            let range = place.and_then(|place| typed.lines.with(|typed| lines(typed).get(place).cloned()));
            let range = range.filter(|range| !text.contains(range.as_str()));
            Some(range.map_or(text.clone(), |range| format!("{range}: {text}")))
        })
    };
    let network_error = Signal::derive(move || fault().or_else(|| refused(&["/address", "/mask"])));
    let ranges_error = Signal::derive(move || fault().or_else(refused_range));
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| {
            let about = |field: &str| {
                field.starts_with("/ranges") || matches!(field, "/address" | "/mask" | "/port" | "/ports")
            };
            let errors =
                failure.problem.as_ref().map(|problem| problem.errors.as_slice()).unwrap_or_default();
            errors.is_empty() || !errors.iter().all(|error| about(&error.field))
        })
    });
    let addresses = Signal::derive(move || {
        let count = count.get().ok().filter(|_| !typed.is_empty())?;
        Some(texts::scans::addresses(lang(), count))
    });
    let send = move || {
        tried.set(true);
        if busy.get_untracked()
            || untrack(|| typed.is_empty() || count.get().is_err() || !typed.ports_are_good())
        {
            return;
        }
        busy.set(true);
        failure.set(None);
        let new = typed.as_new();
        spawn_local(async move {
            let answer = match Call::post("/scans").once(&key.get_value()).json(&new) {
                Ok(call) => call.answer::<ScanView>().await,
                Err(failure) => Err(failure),
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(scan) => {
                    key.set_value(idempotency_key());
                    tried.set(false);
                    left.set(false);
                    typed.address.set(String::new());
                    typed.lines.set(String::new());
                    toast::show(texts::scans::started(lang(), scan.addresses));
                    live::touch(Resource::Scans);
                    scans.reload();
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    failure.set(Some(problem));
                }
            }
        });
    };
    let choice = move |ranges: bool, words: &'static str| {
        view! {
            <label class="check">
                <input
                    type="radio"
                    class="ck rd"
                    name="scan-what"
                    prop:checked=move || typed.ranges.get() == ranges
                    on:change=move |_| {
                        typed.ranges.set(ranges);
                        failure.set(None);
                        tried.set(false);
                    }
                />
                <span>{words}</span>
            </label>
        }
    };
    let port = match purpose {
        ScanPurpose::Phones => {
            let usual = [USUAL_PORT, 80, 443];
            view! {
                <Select
                    label=texts::scans::port(lang()).to_owned()
                    value=typed.port
                    choices=usual.map(|port| Choice::new(port.to_string(), port.to_string())).to_vec()
                    error=Signal::derive(move || refused(&["/port"]))
                />
            }
            .into_any()
        }
        ScanPurpose::StorageProviders => view! {
            <TextField
                label=texts::storage::ports(lang()).to_owned()
                value=typed.ports
                mono=true
                max_length=80
                error=Signal::derive(move || {
                    let own = (!typed.ports_are_good()).then(|| texts::storage::ports_help(lang(), MOST_PORTS));
                    own.or_else(|| refused(&["/ports"]))
                })
            />
        }
        .into_any(),
    };
    let what = move || {
        if typed.ranges.get() {
            view! {
                <TextArea
                    label=texts::scans::ranges(lang()).to_owned()
                    value=typed.lines
                    rows=3
                    mono=true
                    help=Signal::derive(move || {
                        Some(addresses.get().unwrap_or_else(|| texts::scans::ranges_help(lang()).to_owned()))
                    })
                    error=ranges_error
                />
            }
            .into_any()
        } else {
            view! {
                <TextField
                    label=texts::scans::address(lang()).to_owned()
                    value=typed.address
                    mono=true
                    max_length=45
                    help=addresses
                    error=network_error
                    on_blur=Callback::new(move |()| left.set(true))
                />
                <Select label=texts::scans::mask(lang()).to_owned() value=typed.mask choices=choices />
            }
            .into_any()
        }
    };
    view! {
        <form
            novalidate
            class="scan-form"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <fieldset class="when">
                <legend class="vh">{texts::scans::what(lang())}</legend>
                <div class="row wrap">
                    {choice(false, texts::scans::network(lang()))} {choice(true, texts::scans::ranges(lang()))}
                </div>
            </fieldset>
            <div class="scan-what">
                {what}
                {port}
            </div>
            <FailureNote failure=rest />
            <Where failure=failure />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    dirty.set(false);
                    open.set(false);
                })>{texts::common::close(lang())}</Button>
                <Button kind=ButtonKind::Primary icon="scan" busy=busy>
                    {texts::scans::start(lang())}
                </Button>
            </DialogButtons>
        </form>
    }
}

/// The setting that a refusal is about: where it is, and its name.
fn setting(failure: &Failure) -> Option<(String, String)> {
    let problem = failure.problem.as_ref()?;
    let args = std::iter::once(&problem.args).chain(problem.errors.iter().map(|error| &error.args));
    let id = args.filter_map(|args| args.get("setting")).find_map(|id| id.as_str())?;
    let section = id.strip_prefix("server-settings.").unwrap_or(id).split('.').next().unwrap_or_default();
    Some((format!("/settings/{section}"), texts::word(lang(), "setting", id)))
}

/// The setting that a refusal is about, for those who may look at settings.
#[component]
fn Where(failure: RwSignal<Option<Failure>>) -> impl IntoView {
    let may = session::may(Permission::ReadSettings);
    move || {
        let (href, name) = failure.with(|failure| failure.as_ref().and_then(setting))?;
        Some(if may {
            view! {
                <p>
                    <a href=href target="_blank" rel="noopener">
                        {texts::scans::show_setting(lang(), name)}
                    </a>
                </p>
            }
            .into_any()
        } else {
            view! { <p class="muted">{texts::scans::ask_administrator(lang(), name)}</p> }.into_any()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{lines, masks, ports};

    #[test]
    fn ranges_stand_on_lines_or_between_commas() {
        assert_eq!(
            lines("10.1.2.0/24\n 10.1.3.1-10.1.3.9 , 10.1.4.7;\n\n"),
            ["10.1.2.0/24", "10.1.3.1-10.1.3.9", "10.1.4.7"]
        );
        assert!(lines(" \n,").is_empty());
    }

    #[test]
    fn ports_stand_between_commas() {
        assert_eq!(ports("443, 9000;8443"), Some(vec![443, 9000, 8443]));
        assert_eq!((ports(""), ports("0"), ports("443 https"), ports("70000")), (None, None, None, None));
        assert_eq!(ports("1 2 3 4 5 6 7 8 9"), None);
    }

    #[test]
    fn masks_are_of_the_kind_of_the_address() {
        let four = masks("10.1.2.3");
        assert_eq!(four.len(), 17);
        assert!(four.iter().any(|mask| mask.label == "255.255.255.0 (/24)"));
        assert_eq!(four[0].label, "255.255.255.255 (/32)");
        assert!(masks("2001:db8::1").iter().all(|mask| mask.value.parse::<u32>().unwrap() >= 112));
    }
}
