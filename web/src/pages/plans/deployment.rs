//! Plans that deploy: which files, how, and what somebody should know before they apply it; and the words of their rows,
//! which are no parameters.

use api::deployment::{DeployedFileView, DeploymentView};
use api::job::ResultView;
use api::plan::{BroughtBack, PlanKind, PlanSummary, PlanTargetView, RowView};
use domain::deployment::FileAction;
use leptos::prelude::*;

use super::sets::ChangeSet;
use crate::address::use_address;
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::components::tile::{Tile, Tiles};
use crate::format;
use crate::pages::files::words;
use crate::texts::{self, lang};

/// Item with the version of the software.
const VERSION: &str = "software-version";
/// Item with the type of the software (SIP, HFA); in plans only where it changes.
const FAMILY: &str = "software-type";
/// Item with the names of files.
const FILE: &str = "file-deployment-name";

/// Whether a plan deploys.
pub fn deploys(kind: PlanKind) -> bool {
    match kind {
        PlanKind::DeployFiles | PlanKind::DeploySoftware => true,
        PlanKind::WriteConfiguration | PlanKind::Converge | PlanKind::ChangeFleet => false,
    }
}

/// Name of a row that stands for something deployed.
pub fn name_of(row: &RowView) -> Option<&'static str> {
    match row.item.as_str() {
        _ if !row.parameters.is_empty() => None,
        VERSION => Some(texts::files::software_version(lang())),
        FAMILY => Some(texts::files::software_type(lang())),
        FILE => Some(texts::deployments::file(lang())),
        _ => None,
    }
}

/// What stands for nothing before or after, in a row that stands for something deployed.
pub fn nothing(row: &RowView, after: bool) -> Option<&'static str> {
    name_of(row)?;
    Some(match (row.item.as_str(), after) {
        (VERSION | FAMILY, _) => texts::deployments::unknown_version(lang()),
        (_, false) => texts::deployments::nothing(lang()),
        (_, true) => texts::deployments::deleted(lang()),
    })
}

/// Name of the file that a result of a job is about; nothing when it is about no file.
pub fn name_of_result(result: &ResultView) -> Option<String> {
    let name = (result.item == FILE).then(|| result.args.get("name")?.as_str())?;
    name.map(str::to_owned)
}

/// What clients of a set get, in a few words: the file when it is one alone, or how many; nothing when the plan does not
/// deploy.
pub fn title_of(set: &ChangeSet) -> Option<String> {
    // Software of another type is one thing with its version.
    let counts = |row: &&RowView| name_of(row).is_some() && row.item != FAMILY;
    let rows: Vec<&RowView> = set.lines.iter().map(|line| &line.row).filter(counts).collect();
    let language = lang();
    Some(match rows.as_slice() {
        [] => return None,
        [one] => match (one.item.as_str(), &one.to, &one.from) {
            (VERSION, Some(to), _) => texts::deployments::set_software(language, to),
            (VERSION, None, _) => texts::files::software_version(language).to_owned(),
            (_, Some(to), _) => to.clone(),
            (_, None, Some(from)) => texts::deployments::set_deleted(language, from),
            (_, None, None) => texts::deployments::set_files(language, 1),
        },
        several => texts::deployments::set_files(language, several.len() as u64),
    })
}

/// What a client gets, in a line; nothing when the plan does not deploy.
pub fn what(target: &PlanTargetView) -> Option<String> {
    let rows: Vec<&RowView> = target.rows.iter().filter(|row| name_of(row).is_some()).collect();
    if rows.is_empty() {
        return None;
    }
    let one = |row: &&RowView| {
        let unknown = || texts::deployments::unknown_version(lang()).to_owned();
        let (from, to) = (row.from.clone(), row.to.clone());
        match (row.item.as_str(), from, to) {
            (VERSION | FAMILY, from, to) => texts::deployments::version_change(
                lang(),
                from.unwrap_or_else(unknown),
                to.unwrap_or_else(unknown),
            ),
            (_, _, Some(to)) => to,
            (_, from, None) => {
                let name = from.unwrap_or_default();
                let back = target.brought_back.iter().find(|back| back.name == name);
                let deleted = match back {
                    Some(back) => texts::deployments::deleted_for_now(lang(), &back.template.name),
                    None => texts::deployments::deleted(lang()).to_owned(),
                };
                format!("{name} ({deleted})")
            }
        }
    };
    Some(rows.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// What is deployed, and how.
#[component]
pub fn DeploymentFacts(
    /// The deployment.
    #[prop(into)]
    deployment: Signal<DeploymentView>,
) -> impl IntoView {
    let line = |file: &DeployedFileView| {
        let name = match file.file {
            Some(id) => {
                view! { <a class="breakable" href=format!("/files?open={id}")>{file.name.clone()}</a> }
                    .into_any()
            }
            None => view! { <span class="breakable">{file.name.clone()}</span> }.into_any(),
        };
        let action = texts::word(lang(), "file-action", file.action.as_str());
        let deletes = file.action == FileAction::Delete;
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td>{words::file_type(Some(file.file_type))}</td>
                <td class:errtext=deletes>{action}</td>
            </tr>
        }
    };
    let facts = move || {
        let language = lang();
        deployment.with(|deployment| {
            let priority = texts::word(language, "priority", deployment.priority.as_str());
            let also = [
                (deployment.again, texts::deployments::opt_again(language)),
                (deployment.allow_downgrade, texts::deployments::opt_downgrade(language)),
                (deployment.allow_family_change, texts::deployments::opt_family(language)),
            ];
            let also: Vec<&str> = also.into_iter().filter(|(on, _)| *on).map(|(_, words)| words).collect();
            let limits = [
                deployment.error_limit.map(|limit| texts::deployments::limits_errors(language, limit)),
                deployment.success_limit.map(|limit| texts::deployments::limits_successes(language, limit)),
            ];
            let limits: Vec<String> = limits.into_iter().flatten().collect();
            let line = |name: &'static str, value: String| view! { <dt>{name}</dt><dd>{value}</dd> };
            view! {
                <dl class="kv">
                    {line(texts::deployments::priority(language), priority)}
                    {(!also.is_empty()).then(|| line(texts::deployments::options(language), also.join(", ")))}
                    {(!limits.is_empty()).then(|| line(texts::deployments::limits(language), limits.join(", ")))}
                </dl>
            }
        })
    };
    view! {
        <div class="stack-v close">
        <div class="scroll-x">
            <table class="tbl plain" aria-label=texts::deployments::what(lang())>
                <thead>
                    <tr>
                        <th scope="col">{texts::deployments::file(lang())}</th>
                        <th scope="col">{texts::files::kind(lang())}</th>
                        <th scope="col">{texts::deployments::action(lang())}</th>
                    </tr>
                </thead>
                <tbody>
                    {move || deployment.with(|deployment| deployment.files.iter().map(line).collect_view())}
                </tbody>
            </table>
        </div>
        {facts}
        </div>
    }
}

/// The figures of a plan that deploys.
#[component]
pub fn DeploymentOutcomes(
    /// The figures.
    summary: Memo<PlanSummary>,
) -> impl IntoView {
    let address = use_address();
    let language = lang();
    let to = move |tab: &'static str| {
        Signal::derive(move || address.href_with(&[("tab", (tab != "changes").then(|| tab.to_owned()))]))
    };
    let figure = move |of: fn(&PlanSummary) -> u64| Signal::derive(move || format::number(summary.with(of)));
    let of_clients = Signal::derive(move || {
        Some(texts::plans::of_clients(lang(), summary.with(|summary| summary.targets)))
    });
    let reasons = Signal::derive(move || {
        let reasons = summary.with(|summary| summary.excluded.len()) as u64;
        (reasons > 0).then(|| texts::plans::reasons(lang(), reasons))
    });
    view! {
        <Tiles>
            <Tile
                label=texts::deployments::clients_get(language).to_owned()
                icon="phone"
                value=figure(|summary| summary.writes)
                context=of_clients
                href=to("clients")
            />
            <Tile
                label=texts::deployments::download_size(language).to_owned()
                icon="dl"
                value=Signal::derive(move || format::bytes(summary.with(|summary| summary.bytes)))
                href=to("changes")
            />
            <Tile
                label=texts::plans::restart(language).to_owned()
                icon="power"
                value=figure(|summary| summary.restarts)
                href=to("restarts")
            />
            <Tile
                label=texts::plans::left_out(language).to_owned()
                icon="struck"
                value=figure(|summary| summary.excluded.values().sum())
                context=reasons
                href=to("left-out")
            />
        </Tiles>
    }
}

/// What somebody should know before a deployment is applied.
#[component]
pub fn DeploymentWarnings(
    /// The figures.
    #[prop(into)]
    summary: Signal<PlanSummary>,
) -> impl IntoView {
    let count = move |tone: Tone, count: u64, words: fn(texts::Language, u64) -> String| {
        (count > 0).then(|| view! { <Note tone=tone><p>{words(lang(), count)}</p></Note> })
    };
    let back = |back: &BroughtBack| {
        let name = back.template.name.clone();
        let words = texts::deployments::brought_back(lang(), back.clients, &name);
        let address = format!("/templates/{}?tab=files", back.template.id);
        view! {
            <Note tone=Tone::Warn>
                <p>
                    {words.clone()} " " {texts::deployments::brought_back_help(lang())} " "
                    <a href=address.clone()>{name.clone()}</a>
                </p>
            </Note>
        }
    };
    move || {
        summary.with(|summary| {
            view! {
                {count(Tone::Bad, summary.family_changes, texts::deployments::family_changes)}
                {count(Tone::Warn, summary.downgrades, texts::deployments::downgrades)}
                {summary.brought_back.iter().map(back).collect_view()}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FAMILY, FILE, VERSION, name_of, nothing, what};
    use api::file::TemplateUse;
    use api::plan::{BroughtBackFile, PlanTargetView, RowView};
    use domain::file::FileType;
    use domain::{ClientId, TemplateId};

    fn row(item: &str, from: Option<&str>, to: Option<&str>) -> RowView {
        RowView {
            item: item.to_owned(),
            index: None,
            parameters: Vec::new(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            secret: false,
            group: None,
            care: false,
            restarts: false,
            unconfirmed: false,
            companion: false,
        }
    }

    fn target(rows: Vec<RowView>) -> PlanTargetView {
        PlanTargetView {
            client_id: ClientId(1),
            device_id: None,
            e164: None,
            model: None,
            rows,
            left_out: Vec::new(),
            withheld: Vec::new(),
            conflicts: Vec::new(),
            brought_back: Vec::new(),
            excluded: None,
        }
    }

    #[test]
    fn a_client_is_told_from_what_to_what() {
        let software = target(vec![row(VERSION, Some("V3 R4.1.0"), Some("V3 R5.0.0"))]);
        assert_eq!(what(&software).as_deref(), Some("V3 R4.1.0 → V3 R5.0.0"));
        let family = row(FAMILY, Some("SIP"), Some("HFA"));
        let other = target(vec![row(VERSION, None, Some("V3 R5.0.0")), family]);
        assert_eq!(what(&other).as_deref(), Some("unknown → V3 R5.0.0, SIP → HFA"));
        let files = target(vec![row(FILE, None, Some("a.wav")), row(FILE, Some("b.png"), None)]);
        assert_eq!(what(&files).as_deref(), Some("a.wav, b.png (deleted)"));
        let template = TemplateUse { id: TemplateId(3), name: "Lobby".to_owned() };
        let back = BroughtBackFile { name: "b.png".to_owned(), file_type: FileType::Logo, template };
        let back = PlanTargetView { brought_back: vec![back], ..files };
        let said = "a.wav, b.png (deleted; comes back by the template “Lobby”)";
        assert_eq!(what(&back).as_deref(), Some(said));
        assert_eq!(what(&target(vec![row("sip-port", None, Some("5060"))])), None);
    }

    #[test]
    fn only_rows_of_deployments_have_these_words() {
        assert_eq!(nothing(&row(FILE, None, Some("a")), false), Some("nothing"));
        assert_eq!(nothing(&row("sip-port", None, None), false), None);
        assert_eq!(name_of(&row(VERSION, None, None)), Some("Software version"));
        assert_eq!(name_of(&row(FAMILY, Some("SIP"), Some("HFA"))), Some("Software type"));
    }
}
