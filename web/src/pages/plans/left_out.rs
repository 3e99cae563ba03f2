//! What a plan does not do, and why: clients that get nothing now, values that are not written, secrets that would not
//! be handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::configuration::Reason;
use api::plan::{PlanSummary, PlanTargetView};
use domain::catalogue::Catalogue;
use leptos::prelude::*;

use super::changes::name_of;
use crate::components::icon::Icon;
use crate::components::tile::Card;
use crate::pages::configuration::words;
use crate::texts::{self, lang};

/// Values and secrets of clients that are left out.
pub struct LeftOutValues {
    /// Everything that can be set.
    pub catalogue: Arc<Catalogue>,
    /// The clients.
    pub targets: Vec<PlanTargetView>,
}

impl LeftOutValues {
    /// A list: value, reason, and how many clients it concerns when there are several.
    pub fn view(&self) -> Option<impl IntoView + use<>> {
        let language = lang();
        let mut found: BTreeMap<(String, Reason), u64> = BTreeMap::new();
        for target in &self.targets {
            for value in &target.left_out {
                let id = &value.parameter.parameter;
                let parameter = self.catalogue.parameter(id);
                let label = parameter
                    .map_or_else(|| id.clone(), |parameter| words::text(&parameter.label).to_owned());
                let label = match value.parameter.index {
                    Some(index) => format!("{label} · {index}"),
                    None => label,
                };
                *found.entry((label, value.reason.clone())).or_default() += 1;
            }
            for secret in &target.withheld {
                let row =
                    target.rows.iter().find(|row| (&row.item, row.index) == (&secret.item, secret.index));
                let label = row.map(|row| name_of(&self.catalogue, row));
                let label = label.unwrap_or_else(|| texts::plans::secret(language, &secret.item));
                *found.entry((label, secret.reason.clone())).or_default() += 1;
            }
        }
        let several = self.targets.len() > 1;
        let line = |((label, reason), count): ((String, Reason), u64)| {
            let times = several.then(|| texts::plans::clients(language, count));
            view! {
                <li>
                    <Icon name="struck" />
                    <p>
                        {label}
                        <span>{words::reason(&reason)}</span>
                    </p>
                    <b class="strong">{times}</b>
                </li>
            }
        };
        (!found.is_empty()).then(|| {
            let lines: Vec<_> = found.into_iter().map(line).collect();
            view! {
                <section class="card">
                    <header>
                        <h2>{texts::plans::values_left_out(language)}</h2>
                    </header>
                    <ul class="reasons">{lines}</ul>
                </section>
            }
        })
    }
}

/// Reasons with how many there are of each.
#[component]
pub fn Reasons(
    /// Their title.
    title: &'static str,
    /// Reason and number.
    reasons: BTreeMap<String, u64>,
    /// Words for a number.
    counted: fn(texts::Language, u64) -> String,
) -> impl IntoView {
    let line = move |(code, count): (String, u64)| {
        let icon = match code.as_str() {
            "quarantined" => "quar",
            "already-so" => "check",
            "not-reported" | "offline" => "clock",
            _ => "struck",
        };
        view! {
            <li>
                <Icon name=icon.to_owned() />
                <p>{words::reason(&Reason::new(code))}</p>
                <b class="strong">{counted(lang(), count)}</b>
            </li>
        }
    };
    (!reasons.is_empty()).then(|| {
        let lines: Vec<_> = reasons.into_iter().map(line).collect();
        view! {
            <Card title=title.to_owned() class="flush">
                <ul class="reasons">{lines}</ul>
            </Card>
        }
    })
}

/// Everything that is left out, by its reasons.
#[component]
pub fn LeftOut(
    /// The figures.
    summary: PlanSummary,
) -> impl IntoView {
    let language = lang();
    view! {
        <Reasons
            title=texts::plans::clients_left_out(language)
            reasons=summary.excluded
            counted=texts::plans::clients
        />
        <Reasons
            title=texts::plans::values_left_out(language)
            reasons=summary.left_out
            counted=texts::plans::values
        />
        <Reasons
            title=texts::plans::secrets_withheld(language)
            reasons=summary.withheld
            counted=texts::plans::secrets
        />
    }
}
