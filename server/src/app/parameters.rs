//! The parameter catalogue for those who look something up, and as one document for the browser (D-13 … D-17).
//!
//! The catalogue is fixed while the node runs; the database is not asked.

use std::io::Write as _;

use api::parameter::{
    ChoiceView, DeliveryView, EntriesView, ParameterQuery, ParameterType, ParameterView, TextView,
    TreePartView,
};
use api::{FieldError, Page, field};
use bytes::Bytes;
use domain::catalogue::{Area, Catalogue, Choice, Parameter, Section, Text, ValueType};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::error::{AppError, AppResult};
use super::paging::Paging;
use crate::App;

fn text(text: &Text) -> TextView {
    TextView { en: text.en.clone(), de: text.de.clone() }
}

fn choice(choice: &Choice) -> ChoiceView {
    ChoiceView {
        key: choice.key.clone(),
        label: text(&choice.label),
        help: choice.help.as_ref().map(text),
        wire: choice.wire.clone(),
    }
}

fn value_type(value: &ValueType) -> ParameterType {
    match value {
        ValueType::Bool { .. } => ParameterType::Bool,
        ValueType::Integer { min, max } => ParameterType::Integer { min: *min, max: *max },
        ValueType::Enum { choices } => ParameterType::Enum { choices: choices.iter().map(choice).collect() },
        ValueType::Text { format, min_length, max_length } => {
            ParameterType::Text { format: *format, min_length: *min_length, max_length: *max_length }
        }
        ValueType::List { format, max_entries, .. } => {
            ParameterType::List { format: *format, max_entries: *max_entries }
        }
    }
}

fn delivery(parameter: &Parameter) -> Option<DeliveryView> {
    let delivery = parameter.delivery.as_ref()?;
    let (_, index) = parameter.item_of(parameter.entries.map(|(first, _)| first))?;
    Some(DeliveryView {
        item: delivery.item.clone(),
        index,
        certainty: delivery.certainty,
        field: delivery.field.is_some(),
        group: delivery.group.clone(),
    })
}

fn view(area: &Area, section: &Section, parameter: &Parameter) -> ParameterView {
    ParameterView {
        id: parameter.id.clone(),
        area: TreePartView { id: area.id.clone(), title: text(&area.title) },
        section: TreePartView { id: section.id.clone(), title: text(&section.title) },
        label: text(&parameter.label),
        help: text(&parameter.help),
        kinds: parameter.kinds.clone(),
        value: value_type(&parameter.value),
        default: parameter.default.clone(),
        unit: parameter.unit.as_ref().map(text),
        entries: parameter.entries.map(|(first, last)| EntriesView { first, last }),
        secret: parameter.secret,
        read_only: parameter.read_only,
        care: parameter.care,
        restarts: parameter.restarts,
        same_as: parameter.same_as.clone(),
        deliverable: parameter.delivery.is_some(),
        delivery: delivery(parameter),
    }
}

/// The area and section a parameter stands in: their ids begin its own.
fn place<'a>(catalogue: &'a Catalogue, parameter: &Parameter) -> Option<(&'a Area, &'a Section)> {
    let begins = |id: &str| parameter.id.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'));
    let area = catalogue.areas().iter().find(|area| begins(&area.id))?;
    Some((area, area.sections.iter().find(|section| begins(&section.id))?))
}

fn shown(catalogue: &Catalogue, parameter: &Parameter) -> Option<ParameterView> {
    place(catalogue, parameter).map(|(area, section)| view(area, section, parameter))
}

/// Parameters of a filter, in the order of the tree; the best matches first when something is searched.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub fn list(app: &App, query: &ParameterQuery) -> AppResult<Page<ParameterView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let catalogue = app.catalogue.as_ref();
    check_area(catalogue, query.area.as_deref())?;
    let found: Vec<&Parameter> = match &query.search {
        Some(words) => catalogue.search(words),
        None => catalogue.parameters().collect(),
    };
    let found: Vec<&Parameter> = found.into_iter().filter(|parameter| takes(query, parameter)).collect();
    let first = usize::try_from(paging.skip()).unwrap_or(usize::MAX);
    let most = usize::try_from(paging.size).unwrap_or(usize::MAX);
    let on_page = found.iter().skip(first).take(most);
    Ok(Page {
        items: on_page.filter_map(|parameter| shown(catalogue, parameter)).collect(),
        total: found.len() as u64,
        page: Some(paging.page),
        size: paging.size,
        next: None,
    })
}

/// A misspelt area must not look like an empty one.
fn check_area(catalogue: &Catalogue, area: Option<&str>) -> AppResult<()> {
    let known: Vec<&str> = catalogue.areas().iter().map(|area| area.id.as_str()).collect();
    match area {
        Some(area) if !known.contains(&area) => {
            let text = format!("must be one of: {}", known.join(", "));
            Err(AppError::field(FieldError::new("area", field::NOT_A_CHOICE, text).arg("choices", known)))
        }
        _ => Ok(()),
    }
}

fn takes(query: &ParameterQuery, parameter: &Parameter) -> bool {
    let ParameterQuery { page: _, size: _, search: _, area, kind, item, deliverable } = query;
    let own_item = parameter.delivery.as_ref().map(|delivery| delivery.item.as_str());
    area.as_deref().is_none_or(|area| parameter.id.split('.').next() == Some(area))
        && kind.is_none_or(|kind| parameter.is_for(kind))
        && item.as_deref().is_none_or(|item| own_item.is_some_and(|own| own.eq_ignore_ascii_case(item)))
        && deliverable.is_none_or(|deliverable| own_item.is_some() == deliverable)
}

/// One parameter.
///
/// # Errors
/// `not_found`.
pub fn find(app: &App, id: &str) -> AppResult<ParameterView> {
    let catalogue = app.catalogue.as_ref();
    let parameter = catalogue.parameter(id).ok_or_else(AppError::not_found)?;
    shown(catalogue, parameter).ok_or_else(AppError::not_found)
}

/// The whole catalogue as a browser keeps it. It is fixed while the node runs and takes longer to write than to
/// send, so it is made once, when the node starts.
#[derive(Clone, Debug)]
pub struct Document {
    /// JSON: the list of areas, as [`Catalogue`] reads it.
    pub json: Bytes,
    /// The same, compressed with gzip (RFC 1952).
    pub gzip: Bytes,
    /// Digest of the JSON, in hexadecimal: another override file or release gives another one.
    pub digest: String,
}

impl Document {
    /// Writes a catalogue.
    ///
    /// # Errors
    /// `internal`, when it cannot be written as JSON.
    pub fn new(catalogue: &Catalogue) -> AppResult<Self> {
        let json = serde_json::to_vec(catalogue).map_err(AppError::internal)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&json).map_err(AppError::internal)?;
        let gzip = gzip.finish().map_err(AppError::internal)?;
        Ok(Self { digest: hex::encode(Sha256::digest(&json)), json: json.into(), gzip: gzip.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Document, ParameterQuery, place, shown, takes};
    use domain::catalogue::Kind;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    #[test]
    fn both_forms_of_the_document_are_the_catalogue() {
        let catalogue = Catalogue::built_in();
        let document = Document::new(catalogue).unwrap();
        let read: Catalogue = serde_json::from_slice(&document.json).unwrap();
        assert_eq!(read.areas(), catalogue.areas());
        let mut unpacked = Vec::new();
        GzDecoder::new(document.gzip.as_ref()).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == document.json, "gzip holds something else");
        assert!(document.gzip.len() * 4 < document.json.len(), "{}", document.gzip.len());
        assert_eq!(Document::new(catalogue).unwrap().digest, document.digest);
        let other = Document::new(&Catalogue::from_areas(Vec::new())).unwrap();
        assert!(document.digest.len() == 64 && other.digest != document.digest);
    }

    #[test]
    fn every_parameter_has_its_place() {
        let catalogue = Catalogue::built_in();
        for area in catalogue.areas() {
            for section in &area.sections {
                for parameter in &section.parameters {
                    let place = place(catalogue, parameter).map(|(area, section)| (&area.id, &section.id));
                    assert_eq!(place, Some((&area.id, &section.id)), "{}", parameter.id);
                    let view = shown(catalogue, parameter).unwrap();
                    assert_eq!(view.deliverable, view.delivery.is_some(), "{}", parameter.id);
                }
            }
        }
    }

    #[test]
    fn filters_are_joined_by_and() {
        let count = |query: &ParameterQuery| {
            Catalogue::built_in().parameters().filter(|parameter| takes(query, parameter)).count()
        };
        let all = ParameterQuery::default();
        let hfa = ParameterQuery { kind: Some(Kind::HfaClient), ..all.clone() };
        let known = ParameterQuery { deliverable: Some(true), ..hfa.clone() };
        let unknown = ParameterQuery { deliverable: Some(false), ..hfa.clone() };
        assert_eq!(count(&known) + count(&unknown), count(&hfa));
        assert!(count(&hfa) < count(&all) && count(&known) > 0 && count(&unknown) > 0);
        let alert = ParameterQuery { item: Some("ALERT".into()), ..all };
        assert_eq!(count(&alert), 4);
        assert_eq!(count(&ParameterQuery { area: Some("network".into()), ..alert }), 0);
    }
}
