//! Values of parameters to their texts on the wire and back (D-14).

use super::{Delivery, ItemIndex, Kind, Parameter, Value, ValueType};

/// Why a value has no text on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeliverable {
    /// No item is known for the parameter (D-13).
    #[error("no item is known for it")]
    NoItem,
    /// No text on the wire is known for this choice (D-14).
    #[error("no value on the wire is known for this choice")]
    NoWireValue,
    /// The value does not fit the type of the parameter.
    #[error("the value does not fit the parameter")]
    Type,
}

impl NotDeliverable {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoItem => "no-item",
            Self::NoWireValue => "no-wire-value",
            Self::Type => "wrong-type",
        }
    }
}

impl Parameter {
    /// Whether it is offered for this kind.
    pub fn is_for(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Item name and index of an entry (`None`: not a repeated parameter); `None` when no item is known, or the
    /// entry has none.
    pub fn item_of(&self, entry: Option<u16>) -> Option<(&str, Option<u16>)> {
        let delivery = self.delivery.as_ref()?;
        let index = match (delivery.index, entry) {
            (ItemIndex::None, _) => None,
            (ItemIndex::Fixed(index), _) => Some(index),
            (ItemIndex::Entry(offset), Some(entry)) => Some(u16::try_from(i32::from(entry) + offset).ok()?),
            (ItemIndex::Entry(_), None) => return None,
        };
        Some((&delivery.item, index))
    }

    /// The text of a value on the wire; of a field of a record, the text of the field.
    ///
    /// # Errors
    /// When there is none.
    pub fn to_wire(&self, value: &Value) -> Result<String, NotDeliverable> {
        let delivery = self.delivery.as_ref().ok_or(NotDeliverable::NoItem)?;
        match (&self.value, value) {
            (ValueType::Bool { wire: (no, yes) }, Value::Bool(value)) => {
                Ok(if *value { yes.clone() } else { no.clone() })
            }
            (ValueType::Integer { .. }, Value::Integer(number)) => {
                to_unit(delivery, *number).map(|number| number.to_string())
            }
            (ValueType::Enum { choices }, Value::Text(key)) => {
                let choice = choices.iter().find(|choice| choice.key == *key).ok_or(NotDeliverable::Type)?;
                choice.wire.clone().ok_or(NotDeliverable::NoWireValue)
            }
            (ValueType::Text { .. }, Value::Text(text)) => Ok(text.clone()),
            (ValueType::List { separator, .. }, Value::List(entries)) => Ok(entries.join(separator)),
            _ => Err(NotDeliverable::Type),
        }
    }

    /// The value of a text a phone reports; `None` when the text is none of this type. `NULL` is how guides
    /// write the empty text (`wpi.md` §3.5).
    pub fn from_wire(&self, text: &str) -> Option<Value> {
        let text = if text == "NULL" { "" } else { text };
        match &self.value {
            ValueType::Bool { wire: (no, yes) } => {
                let word = text.trim().to_ascii_lowercase();
                if word == *yes || matches!(word.as_str(), "true" | "1") {
                    Some(Value::Bool(true))
                } else if word == *no || matches!(word.as_str(), "false" | "0") {
                    Some(Value::Bool(false))
                } else {
                    None
                }
            }
            ValueType::Integer { .. } => {
                let number: i64 = text.trim().parse().ok()?;
                self.delivery
                    .as_ref()
                    .map_or(Some(number), |delivery| from_unit(delivery, number))
                    .map(Value::Integer)
            }
            ValueType::Enum { choices } => {
                let choice = choices.iter().find(|choice| choice.wire.as_deref() == Some(text.trim()))?;
                Some(Value::Text(choice.key.clone()))
            }
            ValueType::Text { .. } => Some(Value::Text(text.to_owned())),
            ValueType::List { separator, .. } if text.is_empty() || separator.is_empty() => {
                Some(Value::List(Vec::new()))
            }
            ValueType::List { separator, .. } => {
                Some(Value::List(text.split(separator.as_str()).map(|part| part.trim().to_owned()).collect()))
            }
        }
    }
}

fn to_unit(delivery: &Delivery, number: i64) -> Result<i64, NotDeliverable> {
    let scaled = number.checked_mul(delivery.factor).ok_or(NotDeliverable::Type)?;
    if scaled % delivery.divisor == 0 {
        Ok(scaled / delivery.divisor)
    } else {
        Err(NotDeliverable::NoWireValue)
    }
}

fn from_unit(delivery: &Delivery, number: i64) -> Option<i64> {
    let scaled = number.checked_mul(delivery.divisor)?;
    (scaled % delivery.factor == 0).then(|| scaled / delivery.factor)
}
