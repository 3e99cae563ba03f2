//! Whether a value may be set: type, range, form. The browser asks the same code while typing.

use std::net::IpAddr;

use super::{Parameter, TextFormat, Value, ValueType};

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// It can only be read.
    #[error("is reported by the phone and cannot be set")]
    ReadOnly,
    /// The parameter is a repeated one; an entry must be named, or none.
    #[error("needs an entry from {first} to {last}")]
    Entry {
        /// First entry.
        first: u16,
        /// Last entry.
        last: u16,
    },
    /// The parameter is not a repeated one.
    #[error("is not a repeated parameter")]
    NoEntries,
    /// Another JSON type is needed.
    #[error("must be {0}")]
    Type(&'static str),
    /// Outside the range.
    #[error("must be from {min} to {max}")]
    Range {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Not one of the choices.
    #[error("must be one of the choices")]
    Choice,
    /// Too short or too long.
    #[error("must have {min} to {max} characters")]
    Length {
        /// Fewest characters.
        min: u16,
        /// Most characters.
        max: u16,
    },
    /// Too many entries of a list.
    #[error("must have at most {max} entries")]
    TooMany {
        /// Most entries.
        max: u16,
    },
    /// Not of the form asked for.
    #[error("must be {}", form(*.0))]
    Format(TextFormat),
    /// A character that cannot be sent, or separates fields.
    #[error("must not contain {0:?}")]
    Character(char),
}

impl ValueFault {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Entry { .. } => "no_such_entry",
            Self::NoEntries => "no_entries",
            Self::Type(_) => "wrong_type",
            Self::Range { .. } => "out_of_range",
            Self::Choice => "not_a_choice",
            Self::Length { .. } => "wrong_length",
            Self::TooMany { .. } => "too_many",
            Self::Format(_) => "wrong_form",
            Self::Character(_) => "character_not_allowed",
        }
    }

    /// Numbers and words for wording it in another language.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Entry { first, last } => vec![("first", first.to_string()), ("last", last.to_string())],
            Self::Range { min, max } => vec![("min", min.to_string()), ("max", max.to_string())],
            Self::Length { min, max } => vec![("min", min.to_string()), ("max", max.to_string())],
            Self::TooMany { max } => vec![("max", max.to_string())],
            Self::Format(format) => vec![("form", form(*format).to_owned())],
            Self::Character(character) => vec![("character", character.to_string())],
            Self::Type(kind) => vec![("type", (*kind).to_owned())],
            Self::ReadOnly | Self::NoEntries | Self::Choice => Vec::new(),
        }
    }
}

fn form(format: TextFormat) -> &'static str {
    match format {
        TextFormat::Any => "a text",
        TextFormat::Digits => "digits",
        TextFormat::PhoneNumber => "a number to dial",
        TextFormat::Ip => "an IP address",
        TextFormat::Host => "an IP address or a host name",
        TextFormat::Url => "an address with a scheme, for instance https://",
        TextFormat::Email => "an e-mail address",
        TextFormat::TimeZone => "a time zone",
        TextFormat::Language => "a language code",
        TextFormat::Country => "a country code of two letters",
        TextFormat::DateTime => "a date with time",
        TextFormat::Certificate => "a certificate in PEM or base64",
    }
}

impl Parameter {
    /// Whether a value may be set for an entry.
    ///
    /// # Errors
    /// What is wrong with it, worded for the field.
    pub fn check(&self, entry: Option<u16>, value: &Value) -> Result<(), ValueFault> {
        if self.read_only {
            return Err(ValueFault::ReadOnly);
        }
        match (self.entries, entry) {
            (None, None) => {}
            (None, Some(_)) => return Err(ValueFault::NoEntries),
            (Some((first, last)), entry) => {
                if entry.is_none_or(|entry| !(first..=last).contains(&entry)) {
                    return Err(ValueFault::Entry { first, last });
                }
            }
        }
        match (&self.value, value) {
            (ValueType::Bool { .. }, Value::Bool(_)) => Ok(()),
            (ValueType::Bool { .. }, _) => Err(ValueFault::Type("true or false")),
            (ValueType::Integer { min, max }, Value::Integer(number)) => {
                if (min..=max).contains(&number) {
                    Ok(())
                } else {
                    Err(ValueFault::Range { min: *min, max: *max })
                }
            }
            (ValueType::Integer { .. }, _) => Err(ValueFault::Type("a whole number")),
            (ValueType::Enum { choices }, Value::Text(key)) => {
                if choices.iter().any(|choice| choice.key == *key) { Ok(()) } else { Err(ValueFault::Choice) }
            }
            (ValueType::Text { format, min_length, max_length }, Value::Text(text)) => {
                let length = text.chars().count();
                // Nothing at all is always a value: it clears the setting.
                if length > usize::from(*max_length) || (length > 0 && length < usize::from(*min_length)) {
                    return Err(ValueFault::Length { min: *min_length, max: *max_length });
                }
                self.check_text(*format, text)
            }
            (ValueType::Enum { .. } | ValueType::Text { .. }, _) => Err(ValueFault::Type("a text")),
            (ValueType::List { format, max_entries, separator, .. }, Value::List(entries)) => {
                if entries.len() > usize::from(*max_entries) {
                    return Err(ValueFault::TooMany { max: *max_entries });
                }
                for text in entries {
                    if text.chars().count() > 255 {
                        return Err(ValueFault::Length { min: 0, max: 255 });
                    }
                    if let Some(character) =
                        separator.chars().next().filter(|_| text.contains(separator.as_str()))
                    {
                        return Err(ValueFault::Character(character));
                    }
                    self.check_text(*format, text)?;
                }
                Ok(())
            }
            (ValueType::List { .. }, _) => Err(ValueFault::Type("a list of texts")),
        }
    }

    fn check_text(&self, format: TextFormat, text: &str) -> Result<(), ValueFault> {
        let lines = format == TextFormat::Certificate;
        if let Some(control) = text.chars().find(|c| c.is_control() && !(lines && matches!(c, '\r' | '\n'))) {
            return Err(ValueFault::Character(control));
        }
        let field = self.delivery.as_ref().and_then(|delivery| delivery.field.as_ref());
        if let Some(separator) =
            field.map(|field| field.separator).filter(|separator| text.contains(*separator))
        {
            return Err(ValueFault::Character(separator));
        }
        if text.is_empty() || has_form(format, text) { Ok(()) } else { Err(ValueFault::Format(format)) }
    }
}

fn has_form(format: TextFormat, text: &str) -> bool {
    let all = |allowed: &dyn Fn(char) -> bool| text.chars().all(allowed);
    match format {
        TextFormat::Any => true,
        TextFormat::Digits => all(&|c| c.is_ascii_digit()),
        TextFormat::PhoneNumber => all(&|c| c.is_ascii_digit() || "+*#()-/. ,pP".contains(c)),
        TextFormat::Ip => text.parse::<IpAddr>().is_ok(),
        TextFormat::Host => is_host(text),
        TextFormat::Url => is_url(text),
        TextFormat::Email => text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !local.contains(char::is_whitespace) && is_host(host)
        }),
        TextFormat::TimeZone => all(&|c| c.is_ascii_alphanumeric() || "/_+-".contains(c)),
        TextFormat::Language => text.len() >= 2 && all(&|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
        TextFormat::Country => text.len() == 2 && all(&|c| c.is_ascii_alphabetic()),
        TextFormat::DateTime => all(&|c| c.is_ascii_digit() || "-:.TZ+ /".contains(c)),
        TextFormat::Certificate => {
            let pem = text.trim_start().starts_with("-----BEGIN ");
            pem || all(&|c| c.is_ascii_alphanumeric() || "+/=\r\n".contains(c))
        }
    }
}

/// An IP address, or labels of letters, digits, hyphens and underscores (RFC 1123; underscores occur).
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label))
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let scheme_good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    scheme_good && !rest.is_empty() && !rest.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::{TextFormat as F, has_form};

    #[test]
    fn forms_of_texts() {
        for (format, good, bad) in [
            (F::Host, "sip1.example.net", "sip 1"),
            (F::Host, "2001:db8::1", "-a.example"),
            (F::Ip, "10.1.2.3", "10.1.2"),
            (F::Url, "ldap://directory.example:389/", "example.net"),
            (F::Digits, "0123", "12a"),
            (F::PhoneNumber, "+49 89 7007-0", "abc"),
            (F::Country, "DE", "DEU"),
            (F::Email, "it@example.net", "example.net"),
            (F::Certificate, "MIIKPAIBAzCC\nCfg=", "<xml>"),
        ] {
            assert!(has_form(format, good), "{good}");
            assert!(!has_form(format, bad), "{bad}");
        }
    }
}
