//! Reads JSON bodies and query strings into types, and says which field is wrong and how.
//!
//! serde's own readers answer with a sentence; a client needs the field and a code. This reader walks over
//! the parsed value with an error type that keeps both.

use std::collections::HashSet;
use std::fmt;

use api::{FieldError, field};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// Most parameters of a query string.
const MOST_PARAMETERS: usize = 64;
/// Longest parameter, in characters: the database searches for it in every row.
const LONGEST_PARAMETER: usize = 200;
/// The one parameter that nobody types; `app::cursor` bounds it.
const CURSOR: &str = "after";

/// Reads a body.
///
/// # Errors
/// The first field that cannot be accepted.
pub(super) fn json<T: DeserializeOwned>(value: &Value) -> Result<T, FieldError> {
    T::deserialize(JsonReader(value)).map_err(|fault| fault.0)
}

/// Reads a query string. An empty parameter is an absent one.
///
/// # Errors
/// The first parameter that cannot be accepted.
pub(super) fn query<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(text.as_bytes()).into_owned().take(MOST_PARAMETERS + 1).collect();
    if pairs.len() > MOST_PARAMETERS {
        return Err(FieldError::new("", field::INVALID, "has too many parameters"));
    }
    let mut seen = HashSet::new();
    for (name, value) in &pairs {
        if name != CURSOR && value.chars().count() > LONGEST_PARAMETER {
            let text = format!("has more than {LONGEST_PARAMETER} characters");
            return Err(FieldError::new(name, field::TOO_LONG, text).arg("max", LONGEST_PARAMETER));
        }
        if !seen.insert(name) {
            return Err(FieldError::new(name, field::GIVEN_TWICE, "stands there more than once"));
        }
    }
    let entries = pairs.iter().map(|(name, value)| (name.as_str(), TextReader(value)));
    T::deserialize(QueryReader(Entries::new(entries))).map_err(|Fault(mut error)| {
        // A parameter is named as it is written, not by a pointer.
        error.field = error.field.trim_start_matches('/').to_owned();
        error
    })
}

/// A field that cannot be accepted; `field` grows from the inside out.
#[derive(Debug)]
struct Fault(FieldError);

impl Fault {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self(FieldError::new("", code, message))
    }

    fn inside(mut self, name: &str) -> Self {
        self.0.field = format!("/{}{}", name.replace('~', "~0").replace('/', "~1"), self.0.field);
        self
    }

    fn wrong_type(expected: impl fmt::Display) -> Self {
        let fault = Self::new(field::WRONG_TYPE, format!("must be {expected}"));
        Self(fault.0.arg("expected", expected.to_string()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(field::INVALID, message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(field::INVALID, format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let fault = Self::new(field::NOT_A_CHOICE, format!("must be one of: {}", expected.join(", ")));
        Self(fault.0.arg("choices", expected.to_vec()))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::new(field::UNKNOWN_FIELD, "is not known here").inside(name)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(field::MISSING, "is needed").inside(name)
    }
}

/// No text of a user needs it, and PostgreSQL does not take it.
fn without_nul(text: &str) -> Result<&str, Fault> {
    if text.contains('\0') {
        return Err(Fault::new(field::CONTROL_CHARACTER, "has a NUL character"));
    }
    Ok(text)
}

struct JsonReader<'de>(&'de Value);

impl<'de> Deserializer<'de> for JsonReader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => Err(Fault::wrong_type("a number")),
            },
            Value::String(text) => visitor.visit_borrowed_str(without_nul(text)?),
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            Value::Object(map) => visitor
                .visit_map(Entries::new(map.iter().map(|(name, value)| (name.as_str(), JsonReader(value))))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Only objects: a list of values in the order of the fields is nobody's intention.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.0.is_object() { self.deserialize_any(visitor) } else { Err(Fault::wrong_type("an object")) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(StrDeserializer::new(word)),
            _ => Err(Fault::wrong_type("a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(JsonReader(value)).map(Some).map_err(|fault| fault.inside(&index.to_string()))
    }
}

/// Names with their values, of an object or a query string.
struct Entries<'de, I, R> {
    entries: I,
    next: Option<(&'de str, R)>,
}

impl<'de, R, I: Iterator<Item = (&'de str, R)>> Entries<'de, I, R> {
    fn new(entries: I) -> Self {
        Self { entries, next: None }
    }
}

impl<'de, R, I> de::MapAccess<'de> for Entries<'de, I, R>
where
    R: Deserializer<'de, Error = Fault>,
    I: Iterator<Item = (&'de str, R)>,
{
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.next = self.entries.next();
        match &self.next {
            Some((name, _)) => seed.deserialize(StrDeserializer::new(without_nul(name)?)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, value)) = self.next.take() else { return Err(Fault::wrong_type("a value")) };
        seed.deserialize(value).map_err(|fault| fault.inside(name))
    }
}

struct QueryReader<M>(M);

impl<'de, M: de::MapAccess<'de, Error = Fault>> Deserializer<'de> for QueryReader<M> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct TextReader<'de>(&'de str);

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty,)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number: $type = self.0.parse().map_err(|_| Fault::wrong_type("a whole number"))?;
            visitor.$visit(number)
        }
    )+};
}

impl<'de> Deserializer<'de> for TextReader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(without_nul(self.0)?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Fault::wrong_type("true or false")),
        }
    }

    whole_numbers! {
        deserialize_i64 visit_i64 i64,
        deserialize_u64 visit_u64 u64,
        deserialize_u32 visit_u32 u32,
        deserialize_u16 visit_u16 u16,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(StrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::{json, query};
    use api::FieldError;
    use api::account::{ChangeAccount, NewAccount};
    use api::audit::AuditQuery;
    use api::client::ClientQuery;
    use api::setting::ChangeSetting;
    use domain::client::ClientState;
    use domain::setting::SettingValue;
    use serde_json::{Value, json as value};

    fn fault<T: serde::de::DeserializeOwned>(value: &Value) -> (String, String) {
        match json::<T>(value) {
            Ok(_) => panic!("accepted"),
            Err(FieldError { field, code, .. }) => (field, code),
        }
    }

    fn named(field: &str, code: &str) -> (String, String) {
        (field.to_owned(), code.to_owned())
    }

    fn account(field: &str, with: Value) -> Value {
        let mut account = value!({"user_name": "anna", "password": "x", "roles": ["viewer"]});
        account[field] = with;
        account
    }

    #[test]
    fn every_fault_names_its_field_and_kind() {
        assert!(json::<NewAccount>(&account("email", value!("a@b"))).is_ok());
        assert_eq!(
            fault::<NewAccount>(&account("user_nam", value!("x"))),
            named("/user_nam", "unknown_field")
        );
        assert_eq!(fault::<NewAccount>(&account("a/b~c", value!("x"))), named("/a~1b~0c", "unknown_field"));
        assert_eq!(fault::<NewAccount>(&account("user_name", value!(7))), named("/user_name", "wrong_type"));
        assert_eq!(
            fault::<NewAccount>(&account("user_name", value!("a\u{0}"))),
            named("/user_name", "control_character")
        );
        assert_eq!(fault::<NewAccount>(&account("roles", value!("viewer"))), named("/roles", "wrong_type"));
        assert_eq!(
            fault::<NewAccount>(&account("roles", value!(["viewer", "owner"]))),
            named("/roles/1", "not_a_choice")
        );
        assert_eq!(fault::<NewAccount>(&account("roles", value!([7]))), named("/roles/0", "wrong_type"));
        assert_eq!(fault::<NewAccount>(&value!({"user_name": "a"})), named("/password", "missing"));
        for wrong in [value!([]), value!("x"), value!(null), value!(["a", "b", []])] {
            assert_eq!(fault::<NewAccount>(&wrong), named("", "wrong_type"));
        }
    }

    #[test]
    fn absent_stays_null_clears_where_it_may() {
        let change: ChangeAccount = json(&value!({})).unwrap();
        assert!(change.email.is_none() && change.roles.is_none());
        let change: ChangeAccount = json(&value!({"email": null})).unwrap();
        assert_eq!(change.email, Some(None));
        let change: ChangeAccount = json(&value!({"email": "a@b", "disabled": true})).unwrap();
        assert_eq!((change.email, change.disabled), (Some(Some("a@b".to_owned())), Some(true)));
        assert_eq!(fault::<ChangeAccount>(&value!({"roles": null})), named("/roles", "wrong_type"));
    }

    #[test]
    fn a_setting_takes_the_three_types() {
        let value =
            |value: Value| json::<ChangeSetting>(&value!({ "value": value })).map(|change| change.value);
        assert_eq!(value(value!(true)).unwrap(), SettingValue::Bool(true));
        assert_eq!(value(value!(-7)).unwrap(), SettingValue::Integer(-7));
        assert_eq!(value(value!("x")).unwrap(), SettingValue::Text("x".to_owned()));
        for wrong in [value!(1.5), value!(null), value!([1]), value!(u64::MAX)] {
            assert_eq!(value(wrong).unwrap_err().field, "/value");
        }
    }

    #[test]
    fn query_strings_are_read_into_types() {
        let read: ClientQuery = query("page=2&search=1a%3Ae8&state=active&model=").unwrap();
        assert_eq!((read.page, read.search.as_deref(), read.model), (Some(2), Some("1a:e8"), None));
        assert_eq!(read.state, Some(ClientState::Active));
        let read: AuditQuery = query("before=9&from=2026-03-01T08:00:00Z").unwrap();
        assert_eq!(read.before, Some(domain::AuditId(9)));
        assert!(read.from.is_some());
    }

    #[test]
    fn query_faults_name_the_parameter() {
        let fault = |text: &str| {
            let FieldError { field, code, .. } = query::<ClientQuery>(text).unwrap_err();
            (field, code)
        };
        assert_eq!(fault("pag=2"), named("pag", "unknown_field"));
        assert_eq!(fault("page=two"), named("page", "wrong_type"));
        assert_eq!(fault("page=-1"), named("page", "wrong_type"));
        assert_eq!(fault("state=gone"), named("state", "not_a_choice"));
        assert_eq!(fault("search=a&search=b"), named("search", "given_twice"));
        assert_eq!(fault("search=%00"), named("search", "control_character"));
        assert_eq!(fault(&"a=1&".repeat(65)), named("", "invalid"));
        assert_eq!(query::<AuditQuery>("from=yesterday").unwrap_err().field, "from");
    }
}
