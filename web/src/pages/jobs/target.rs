//! One target of a job in the drawer: state and reason in words, times, what is written and what became of it.

use api::job::{ResultView, TargetDetails};
use api::plan::RowView;
use domain::JobId;
use domain::catalogue::Catalogue;
use leptos::prelude::*;
use std::sync::Arc;

use super::deployment::TargetProgress;
use super::details::name;
use super::words;
use crate::client;
use crate::components::button::{ButtonSize, LinkButton};
use crate::components::diff::{DiffLine, DiffTable};
use crate::components::drawer::DrawerHead;
use crate::components::status::TargetStatus;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::pages::configuration::catalogue::catalogue;
use crate::pages::plans::changes::{name_of, value_of};
use crate::pages::plans::deployment;
use crate::texts::{self, lang};

#[component]
pub(super) fn TargetDrawer(job: JobId, target: i64) -> impl IntoView {
    let path = format!("/jobs/{job}/targets/{target}");
    let details = load(move || {
        let path = path.clone();
        async move { client::get::<TargetDetails>(&path).await }
    })
    .live(Resource::Jobs);
    // Names of parameters and words of choices; without them item names and raw text are shown.
    let names = load(catalogue);
    details.show(6, move |details| view! { <Content details=details names=names.data /> }.into_any())
}

#[component]
fn Content(details: Signal<TargetDetails>, names: RwSignal<Option<Arc<Catalogue>>>) -> impl IntoView {
    let first = details.get_untracked().target;
    let deploys = first.deployment.is_some();
    let subtitle =
        [first.model.clone(), first.device_id.clone()].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let reason = move || {
        details.with(|details| words::reason(&details.target).map(|reason| view! { <p>{reason}</p> }))
    };
    let lines = Signal::derive(move || {
        names.with(|names| {
            details.with(|details| lines(&details.rows, &details.target.results, names.as_deref()))
        })
    });
    let before_head =
        if first.state.is_terminal() { texts::common::before(lang()) } else { texts::common::now(lang()) };
    let any = Memo::new(move |_| lines.with(|lines| !lines.is_empty()));
    let others = Memo::new(move |_| details.with(|details| others(&details.rows, &details.target.results)));
    view! {
        <DrawerHead title=name(&first) subtitle=Some(subtitle)>
            {first
                .client_id
                .map(|client| {
                    view! {
                        <LinkButton href=format!("/clients/{client}") size=ButtonSize::Small icon="phone">
                            {texts::jobs::show_client(lang())}
                        </LinkButton>
                    }
                })}
        </DrawerHead>
        <div class="body">
            <div class="stack-v close">
                <TargetStatus state=Signal::derive(move || details.with(|details| details.target.state)) />
                {reason}
            </div>
            {deploys
                .then(|| {
                    view! {
                        <TargetProgress target=Signal::derive(move || {
                            details.with(|details| details.target.clone())
                        }) />
                    }
                })}
            {move || details.with(times)}
            {move || {
                let (values, head) = match deploys {
                    true => (texts::deployments::what(lang()), texts::deployments::what(lang())),
                    false => (texts::jobs::values(lang()), texts::common::parameter(lang())),
                };
                any.get()
                    .then(|| {
                        view! {
                            <h3>{values}</h3>
                            <DiffTable
                                label=values.to_owned()
                                lines=lines
                                remark=texts::jobs::result(lang()).to_owned()
                                before_head=before_head
                                name_head=head
                            />
                        }
                    })
            }}
            {move || {
                let others = others.get();
                (!others.is_empty())
                    .then(|| {
                        view! {
                            <h3>{texts::jobs::refused(lang())}</h3>
                            <dl class="kv">
                                {others
                                    .into_iter()
                                    .map(|(item, said, file)| {
                                        let class = if file { "breakable" } else { "mono" };
                                        view! { <dt class=class>{item}</dt> <dd>{said}</dd> }
                                    })
                                    .collect_view()}
                            </dl>
                        }
                    })
            }}
        </div>
    }
}

fn times(details: &TargetDetails) -> AnyView {
    let target = &details.target;
    let open = !target.state.is_terminal();
    let language = lang();
    let rows = [
        (texts::jobs::attempts(language), Some(format::number(u64::from(target.attempts)))),
        (texts::jobs::not_before(language), open.then(|| format::date_time(target.due_at))),
        (texts::jobs::given_up(language), open.then(|| format::date_time(target.expires_at))),
        (texts::jobs::started(language), target.started_at.map(format::date_time)),
        (texts::jobs::sent(language), target.sent_at.map(format::date_time)),
        (texts::jobs::finished(language), target.finished_at.map(format::date_time)),
    ];
    let shown = rows
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| view! { <dt>{name}</dt> <dd>{value}</dd> }));
    view! { <dl class="kv">{shown.collect_view()}</dl> }.into_any()
}

/// Item name with its index, as phones write it.
fn item(name: &str, index: Option<u16>) -> String {
    index.map_or_else(|| name.to_owned(), |index| format!("{name}[{index}]"))
}

fn said(result: &ResultView) -> String {
    texts::reason(lang(), &result.code, &words::args(&result.args))
}

/// What is written, each with what became of it. Unchanged companions of a record are left out.
fn lines(rows: &[RowView], results: &[ResultView], names: Option<&Catalogue>) -> Vec<DiffLine> {
    let line = |row: &RowView| {
        let result = results.iter().find(|result| result.item == row.item && result.index == row.index);
        let own = item(&row.item, row.index);
        let deployed = deployment::name_of(row);
        let label = match (deployed, names) {
            (Some(name), _) => name.to_owned(),
            (None, Some(names)) => name_of(names, row),
            (None, None) => own.clone(),
        };
        let nothing = |after| deployment::nothing(row, after);
        let in_words = |text: &String| names.map_or_else(|| text.clone(), |names| value_of(names, row, text));
        DiffLine {
            // Items say more only where something is written that has a value.
            item: (deployed.is_none() && label != own).then_some(own),
            label,
            old: row.from.as_ref().map(in_words),
            new: row.to.as_ref().map(in_words),
            nothing: nothing(false).zip(nothing(true)).map(<[_; 2]>::from),
            secret: row.secret,
            remark: result.map(said),
        }
    };
    rows.iter().filter(|row| !row.companion).map(line).collect()
}

/// Results of items that are not in the rows, and whether they are called by the name of a file.
fn others(rows: &[RowView], results: &[ResultView]) -> Vec<(String, String, bool)> {
    let shown = |result: &&ResultView| {
        rows.iter().any(|row| !row.companion && row.item == result.item && row.index == result.index)
    };
    let rest = results.iter().filter(|result| !shown(result));
    let named = |result: &ResultView| match deployment::name_of_result(result) {
        Some(file) => (file, said(result), true),
        None => (item(&result.item, result.index), said(result), false),
    };
    rest.map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::{ResultView, RowView, lines, others};

    fn row(item: &str, index: Option<u16>, companion: bool) -> RowView {
        RowView {
            item: item.to_owned(),
            index,
            parameters: Vec::new(),
            from: Some("0".to_owned()),
            to: Some("1".to_owned()),
            secret: false,
            group: None,
            care: false,
            restarts: false,
            unconfirmed: false,
            companion,
        }
    }

    #[test]
    fn a_result_stands_at_its_own_entry() {
        let result = |item: &str, index| ResultView {
            item: item.to_owned(),
            index,
            code: "read-only".to_owned(),
            args: serde_json::Value::Null,
        };
        let rows = [
            row("key-label", Some(1), false),
            row("key-label", Some(2), false),
            row("key-type", Some(2), true),
        ];
        let results = [result("key-label", Some(2)), result("sip-port", None)];
        let lines = lines(&rows, &results, None);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].remark, None);
        assert_eq!(lines[1].remark.as_deref(), Some("The phone only lets it be read."));
        let rest = others(&rows, &results);
        assert_eq!(rest, [("sip-port".to_owned(), "The phone only lets it be read.".to_owned(), false)]);
    }

    #[test]
    fn files_are_called_by_their_names_and_a_deletion_says_so() {
        let deleted = RowView {
            from: Some("b.png".to_owned()),
            to: None,
            ..row("file-deployment-name", Some(1), false)
        };
        let result = ResultView {
            item: "file-deployment-name".to_owned(),
            index: Some(2),
            code: "withheld".to_owned(),
            args: serde_json::json!({"name": "a.wav", "reason": "not-approved"}),
        };
        let lines = lines(std::slice::from_ref(&deleted), &[], None);
        assert_eq!((lines[0].label.as_str(), &lines[0].item), ("File", &None));
        assert_eq!(lines[0].nothing, Some(["nothing", "deleted"]));
        let said = "A secret was withheld. The client was not approved by an administrator.";
        assert_eq!(others(&[deleted], &[result]), [("a.wav".to_owned(), said.to_owned(), true)]);
    }
}
