//! Models with their versions: a bar in segments for each model and family, newest version first, with numbers that lead to
//! their clients.

use api::file::{FirmwareFile, FirmwareModel, FirmwareVersion};
use api::targets::NO_SOFTWARE_TYPE;
use domain::client::FirmwareState;
use leptos::prelude::*;

use super::plan::Planning;
use crate::address::with_fields;
use crate::components::button::{Button, ButtonSize};
use crate::components::progress::{Legend, Progress, Segment};
use crate::pages::configuration::words::reason;
use crate::texts::{self, lang};

/// Versions that have a segment of their own; the rest is one.
const SEGMENTS: usize = 6;

/// The models, one below the other.
#[component]
pub(super) fn Models(models: Memo<Vec<FirmwareModel>>, planning: Planning, may: bool) -> impl IntoView {
    let one = move |model: FirmwareModel| view! { <One model=model planning=planning may=may /> };
    view! {
        <div class="firmware-models">
            {move || models.get().into_iter().map(one).collect_view()}
        </div>
    }
}

/// Address of the clients of a model and family with a version. None where the list has no filter for exactly them: of a
/// version or a model that is not known.
pub(super) fn clients(model: &FirmwareModel, version: Option<&str>) -> Option<String> {
    let version = version?;
    if model.model.is_empty() {
        return None;
    }
    let fields = [
        ("model", model.model.clone()),
        ("software_type", family(model.software_type.clone())),
        ("software_version", version.to_owned()),
        // Retired ones are not counted.
        ("firmware", FirmwareState::Phones.as_str().to_owned()),
    ];
    Some(with_fields("/clients", &fields))
}

/// Address of the clients of a model and family that a plan would update.
fn outdated(model: &FirmwareModel) -> String {
    let fields = [
        ("model", model.model.clone()),
        ("software_type", family(model.software_type.clone())),
        ("firmware", FirmwareState::Outdated.as_str().to_owned()),
    ];
    with_fields("/clients", &fields)
}

/// The name of a model; what stands for it when its phones have not said what they are.
pub(super) fn name(model: &FirmwareModel) -> String {
    if model.model.trim().is_empty() {
        return texts::firmware::unknown_model(lang()).to_owned();
    }
    model.model.clone()
}

/// Files for a model beside the newest one.
fn others(model: &FirmwareModel) -> Vec<FirmwareFile> {
    let newest = model.newest.as_ref().map(|file| file.file);
    model.files.iter().filter(|file| Some(file.file) != newest).cloned().collect()
}

/// The button that plans the update of a model's outdated clients; none when there are none.
pub(super) fn plan_button(model: &FirmwareModel, planning: Planning, may: bool) -> Option<AnyView> {
    let outdated = model.outdated;
    let of = (model.model.clone(), model.software_type.clone());
    (may && outdated > 0).then(|| {
        view! {
            <Button
                size=ButtonSize::Small
                icon="deploy"
                on_press=Callback::new(move |()| planning.ask(Some(of.clone()), outdated))
            >
                {texts::firmware::plan(lang(), outdated)}
            </Button>
        }
        .into_any()
    })
}

/// A family as filters name it.
pub(super) fn family(family: Option<String>) -> String {
    family.unwrap_or_else(|| NO_SOFTWARE_TYPE.to_owned())
}

/// A version in words.
pub(super) fn version(version: &FirmwareVersion) -> String {
    version.version.clone().unwrap_or_else(|| texts::firmware::unknown_version(lang()).to_owned())
}

/// Colour and pattern of a version: what is up to date, what is older, what is not known or cannot be judged because there
/// is no file. Neighbours differ.
fn class(version: &FirmwareVersion, judged: bool, place: usize) -> &'static str {
    match (&version.version, version.outdated, place % 2) {
        (None, ..) => "rest",
        (Some(_), false, 0) if !judged => "run",
        (Some(_), false, _) if !judged => "rest",
        (Some(_), false, 0) => "ok",
        (Some(_), false, _) => "run",
        (Some(_), true, 0) => "warn",
        (Some(_), true, _) => "late",
    }
}

/// The segments of a model: the newest versions, and the rest as one.
fn segments(model: &FirmwareModel) -> Vec<Segment> {
    let own = model.versions.iter().take(SEGMENTS).enumerate().map(|(place, one)| Segment {
        class: class(one, model.newest.is_some(), place),
        label: version(one),
        count: one.clients,
        href: clients(model, one.version.as_deref()),
    });
    let rest: u64 = model.versions.iter().skip(SEGMENTS).map(|one| one.clients).sum();
    let rest = (rest > 0).then(|| Segment {
        class: "hold",
        label: texts::firmware::other_versions(lang()).to_owned(),
        count: rest,
        // Filters name one version.
        href: None,
    });
    own.chain(rest).collect()
}

#[component]
fn One(model: FirmwareModel, planning: Planning, may: bool) -> impl IntoView {
    let language = lang();
    let title = [Some(name(&model)), model.software_type.clone()].into_iter().flatten();
    let title = title.collect::<Vec<_>>().join(" · ");
    let total: u64 = model.versions.iter().map(|version| version.clients).sum();
    let segments = Signal::stored(segments(&model));
    let newest = match &model.newest {
        Some(file) => view! {
            <p class="small">
                {texts::firmware::newest(language)}
                " "
                <a href=format!("/files?open={}", file.file)>{file.version.clone()}</a>
                " "
                <span class="muted breakable">{file.name.clone()}</span>
                {file.reason.as_ref().map(|why| view! { <span class="two muted">{reason(why)}</span> })}
            </p>
        }
        .into_any(),
        None => view! { <p class="small muted">{texts::firmware::no_file(language)}</p> }.into_any(),
    };
    let plan = plan_button(&model, planning, may);
    let older = (model.outdated > 0).then(|| {
        view! {
            <p class="small">
                <a href=outdated(&model)>{texts::firmware::outdated_of(language, model.outdated)}</a>
            </p>
        }
    });
    let others = others(&model);
    let more = (!others.is_empty()).then(|| {
        let words = |file: &FirmwareFile| if file.version.is_empty() { file.name.clone() } else { file.version.clone() };
        let one = |file: FirmwareFile| {
            view! { <li><a class="breakable" href=format!("/files?open={}", file.file)>{words(&file)}</a></li> }
        };
        let count = texts::firmware::other_files(language, others.len() as u64);
        view! {
            <details class="small">
                <summary>{count}</summary>
                <ul class="plain-list">{others.into_iter().map(one).collect_view()}</ul>
            </details>
        }
    });
    view! {
        <section class="card">
            <header>
                <h2>{title}</h2>
                <span class="muted">{texts::firmware::count(language, total)}</span>
            </header>
            <div class="body stack-v close">
                <Progress segments=segments large=true />
                <Legend segments=segments />
                <div class="row wrap">
                    <div class="grow">{newest} {older} {more}</div>
                    {plan}
                </div>
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::{SEGMENTS, clients, name, others, outdated, segments};
    use api::file::{FirmwareFile, FirmwareModel, FirmwareVersion};
    use domain::FileId;

    fn model(versions: usize) -> FirmwareModel {
        let one = |place: usize| FirmwareVersion {
            version: Some(format!("V3 R{place}")),
            clients: 2,
            outdated: place > 0,
        };
        FirmwareModel {
            model: "CP600".to_owned(),
            software_type: Some("SIP".to_owned()),
            versions: (0..versions).map(one).collect(),
            newest: None,
            files: Vec::new(),
            outdated: 0,
        }
    }

    #[test]
    fn all_clients_are_in_a_segment_however_many_versions_there_are() {
        let parts = segments(&model(9));
        assert_eq!(parts.len(), SEGMENTS + 1);
        assert_eq!(parts.iter().map(|part| part.count).sum::<u64>(), 18);
        assert!(parts.windows(2).all(|pair| pair[0].class != pair[1].class));
    }

    #[test]
    fn without_a_file_nothing_is_called_up_to_date() {
        let parts = segments(&model(1));
        assert_eq!(parts[0].class, "run");
    }

    #[test]
    fn a_version_leads_to_its_clients() {
        let mut one = model(1);
        assert_eq!(
            clients(&one, Some("V3 R5.16.0")).as_deref(),
            Some("/clients?model=CP600&software_type=SIP&software_version=V3+R5.16.0&firmware=phones")
        );
        one.software_type = None;
        assert_eq!(
            clients(&one, Some("V3 R5.16.0")).as_deref(),
            Some("/clients?model=CP600&software_type=none&software_version=V3+R5.16.0&firmware=phones")
        );
    }

    #[test]
    fn what_no_filter_takes_exactly_leads_nowhere() {
        let mut one = model(9);
        one.versions[0].version = None;
        assert_eq!(clients(&one, None), None);
        let parts = segments(&one);
        assert_eq!((&parts[0].href, &parts[SEGMENTS].href), (&None, &None));
        assert!(parts[1].href.is_some());
        one.model = String::new();
        assert!(segments(&one).iter().all(|part| part.href.is_none()));
    }

    #[test]
    fn what_is_outdated_leads_to_its_clients() {
        let one = model(2);
        assert_eq!(outdated(&one), "/clients?model=CP600&software_type=SIP&firmware=outdated");
    }

    #[test]
    fn a_model_that_is_not_known_has_a_name() {
        let mut one = model(1);
        assert_eq!(name(&one), "CP600");
        one.model = " ".to_owned();
        assert_eq!(name(&one), "Unknown type");
    }

    #[test]
    fn files_beside_the_newest_are_shown() {
        let file = |id: i64| FirmwareFile {
            file: FileId(id),
            name: String::new(),
            version: String::new(),
            reason: None,
        };
        let mut one = model(1);
        one.files = vec![file(3), file(2)];
        assert_eq!(others(&one).len(), 2, "none of them has a version that can be compared");
        one.newest = Some(file(3));
        assert_eq!(others(&one), [file(2)]);
    }
}
