//! Filters that would loop: on a value that a template of the same group writes (D-21).

use std::collections::BTreeSet;

use api::FieldError;
use domain::TemplateId;
use domain::catalogue::Catalogue;
use domain::group_filter::{Filter, Subject};

use super::Snapshot;
use super::change::{FleetChange, new_id};
use crate::app::error::{AppError, AppResult};

impl FleetChange {
    /// A filter on a value that a template of the same group writes would loop (D-21).
    pub(super) fn check_loops(&self, catalogue: &Catalogue, after: &Snapshot) -> AppResult<()> {
        let changed: BTreeSet<TemplateId> = self.touched_templates(after);
        for group in after.layers.groups.values() {
            let own = self
                .groups
                .iter()
                .any(|change| change.after.as_ref().is_some_and(|head| head.name == group.name));
            let touched = own || group.templates.iter().any(|template| changed.contains(template));
            let Some(filter) = group.filter.as_ref().filter(|_| touched) else { continue };
            let items = looked_at(filter);
            for template in group.templates.iter().filter_map(|id| after.layers.templates.get(id)) {
                let writes = template.values.keys().find(|key| {
                    catalogue
                        .parameter(&key.parameter)
                        .and_then(|parameter| parameter.delivery.as_ref())
                        .is_some_and(|delivery| items.contains(&delivery.item.as_str()))
                });
                if let Some(key) = writes {
                    let field = if own { "/filter" } else { "/values" };
                    let text = "looks at a value that a template of the same group writes";
                    let fault = FieldError::new(field, "filter_loops", text)
                        .arg("group", group.name.as_str())
                        .arg("template", template.name.as_str())
                        .arg("parameter", key.to_string());
                    return Err(AppError::field(fault));
                }
            }
        }
        Ok(())
    }

    fn touched_templates(&self, after: &Snapshot) -> BTreeSet<TemplateId> {
        let places = self.templates.iter().enumerate();
        places
            .filter(|(_, change)| change.after.is_some())
            .map(|(place, change)| change.id.unwrap_or(TemplateId(new_id(place))))
            .filter(|id| after.layers.templates.contains_key(id))
            .collect()
    }
}

/// Items whose value a filter looks at, as far as they can be written (D-21).
fn looked_at(filter: &Filter) -> BTreeSet<&'static str> {
    filter
        .subjects()
        .into_iter()
        .flat_map(|subject| -> &[&'static str] {
            match subject {
                Subject::E164 => &["e164", "basic-e164"],
                Subject::ServerAddress => &["reg-addr"],
                Subject::Address => &["ipaddress"],
                Subject::Model | Subject::SoftwareType | Subject::SoftwareVersion | Subject::ClientField => {
                    &[]
                }
            }
        })
        .copied()
        .collect()
}
