//! The one codec of record items: several fields in one text, for instance `alert` =
//! name^melody^sequence^duration (D-15).

use super::RecordField;

/// A field holds the separator of its record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field of the record holds its separator {separator:?}")]
pub struct SeparatorInField {
    /// The separator.
    pub separator: char,
}

/// The fields of a record; missing ones are empty, surplus ones are kept.
pub fn split(field: &RecordField, text: &str) -> Vec<String> {
    let mut fields: Vec<String> = text.split(field.separator).map(str::to_owned).collect();
    if fields.len() < field.fields {
        fields.resize(field.fields, String::new());
    }
    fields
}

/// The text of a record.
///
/// # Errors
/// When a field holds the separator: the phone would read other fields.
pub fn join(field: &RecordField, fields: &[String]) -> Result<String, SeparatorInField> {
    if fields.iter().any(|text| text.contains(field.separator)) {
        return Err(SeparatorInField { separator: field.separator });
    }
    Ok(fields.join(&field.separator.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{RecordField, join, split};

    #[test]
    fn what_is_joined_is_split_again() {
        let field = RecordField { separator: '^', fields: 4, position: 1 };
        let fields = split(&field, "Door^3");
        assert_eq!(fields, ["Door", "3", "", ""]);
        assert_eq!(join(&field, &fields).unwrap(), "Door^3^^");
        assert_eq!(split(&field, &join(&field, &fields).unwrap()), fields);
        assert!(join(&field, &["a^b".to_owned()]).is_err());
        assert_eq!(split(&field, "a^b^c^d^e").len(), 5);
    }
}
