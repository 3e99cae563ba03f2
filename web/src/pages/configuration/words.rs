//! Values, faults and places of the catalogue in words of the reader's language.

use api::configuration::{ParameterStateView, Reason};
use api::template::NamedTemplate;
use domain::catalogue::rules::CrossFault;
use domain::catalogue::{Catalogue, Parameter, Text, TextFormat, Value, ValueFault, ValueType};
use domain::configuration::Layer;
use domain::expand::TemplateValueFault;

use crate::texts::{self, Language, lang};

/// A text of the catalogue.
pub fn text(text: &Text) -> &str {
    match lang() {
        Language::English => &text.en,
        Language::German => &text.de,
    }
}

/// A value as it is shown: the label of a choice, yes and no in words.
pub fn value(parameter: &Parameter, shown: &Value) -> String {
    match (shown, &parameter.value) {
        (Value::Bool(true), _) => texts::common::yes(lang()).to_owned(),
        (Value::Bool(false), _) => texts::common::no(lang()).to_owned(),
        (Value::Text(key), ValueType::Enum { choices }) => {
            let choice = choices.iter().find(|choice| choice.key == *key);
            choice.map_or_else(|| key.clone(), |choice| text(&choice.label).to_owned())
        }
        (Value::Text(words), _) if words.is_empty() => texts::common::empty_text(lang()).to_owned(),
        (Value::Text(words), _) => words.clone(),
        (Value::Integer(number), _) => match &parameter.unit {
            Some(unit) => format!("{number} {}", text(unit)),
            None => number.to_string(),
        },
        (Value::List(entries), _) if entries.is_empty() => texts::common::empty_text(lang()).to_owned(),
        (Value::List(entries), _) => entries.join(", "),
    }
}

/// What the phone reports, in words; its own text when this parameter cannot be that.
pub fn reported(parameter: &Parameter, state: &ParameterStateView) -> Option<String> {
    let known = state.reported.as_ref().map(|reported| value(parameter, reported));
    known.or_else(|| state.reported_text.clone())
}

/// A layer that values come from.
pub fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Client => texts::configuration::this_client(lang()),
        Layer::GroupTemplate => texts::configuration::layer_group_template(lang()),
        Layer::DefaultTemplate => texts::configuration::layer_default_template(lang()),
        Layer::Onboarding => texts::configuration::layer_onboarding(lang()),
        Layer::System => texts::configuration::by_server(lang()),
    }
}

/// Where a desired value comes from: the template by its name, else the layer.
pub fn origin(layer: Layer, template: Option<&NamedTemplate>) -> String {
    match (layer, template) {
        (Layer::GroupTemplate | Layer::DefaultTemplate, Some(template)) => {
            texts::configuration::from_template(lang(), &template.name)
        }
        (Layer::Onboarding, Some(template)) => texts::configuration::from_onboarding(lang(), &template.name),
        (other, _) => self::layer(other).to_owned(),
    }
}

/// What is wrong with a value of a template.
pub fn template_fault(fault: &TemplateValueFault) -> String {
    match fault {
        TemplateValueFault::Value(fault) => self::fault(fault),
        TemplateValueFault::Syntax(_) => texts::configuration::variable_syntax(lang()).to_owned(),
        TemplateValueFault::Unknown(name) => {
            texts::configuration::variable_unknown(lang(), format!("{{{name}}}"))
        }
        TemplateValueFault::Loops(name) => {
            texts::configuration::variable_loops(lang(), format!("{{{name}}}"))
        }
    }
}

/// Why something is as it is.
pub fn reason(reason: &Reason) -> String {
    let args = reason.args.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    texts::reason(lang(), &reason.code, &args)
}

/// What is wrong with a value.
pub fn fault(fault: &ValueFault) -> String {
    let language = lang();
    if let ValueFault::Format(format) = fault {
        return form(*format).to_owned();
    }
    let args = fault.args().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    texts::worded(language, "field", fault.code(), &args)
}

fn form(format: TextFormat) -> &'static str {
    use texts::configuration as words;
    let language = lang();
    match format {
        TextFormat::Any => words::form_any(language),
        TextFormat::Digits => words::form_digits(language),
        TextFormat::PhoneNumber => words::form_phone_number(language),
        TextFormat::Ip => words::form_ip(language),
        TextFormat::Host => words::form_host(language),
        TextFormat::Url => words::form_url(language),
        TextFormat::Email => words::form_email(language),
        TextFormat::TimeZone => words::form_time_zone(language),
        TextFormat::Language => words::form_language(language),
        TextFormat::Country => words::form_country(language),
        TextFormat::DateTime => words::form_date_time(language),
        TextFormat::Certificate => words::form_certificate(language),
    }
}

/// What contradicts, in words.
pub fn contradiction(catalogue: &Catalogue, fault: &CrossFault) -> String {
    let find = |name: &str| {
        let found = fault.args.iter().find(|(arg, _)| *arg == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    by_code(catalogue, fault.code, find).unwrap_or_else(|| fault.text.clone())
}

/// What contradicts, by the code and the arguments of the server or of the shared rules.
pub fn by_code<'a>(catalogue: &Catalogue, code: &str, arg: impl Fn(&str) -> &'a str) -> Option<String> {
    use texts::configuration as words;
    let language = lang();
    let label = |id: &str| {
        let plain = id.split('[').next().unwrap_or(id);
        catalogue
            .parameter(plain)
            .map_or_else(|| id.to_owned(), |parameter| text(&parameter.label).to_owned())
    };
    let labels = |ids: &str| ids.split(", ").map(|id| words::quoted(language, label(id))).collect::<Vec<_>>();
    let or = format!(" {} ", words::or(language));
    Some(match code {
        "needs_value" => {
            let others = arg("others");
            let first = others.split(", ").next().and_then(|id| catalogue.parameter(id));
            let shown = |word: &str| match (word, first) {
                ("true", _) => texts::common::yes(language).to_owned(),
                ("false", _) => texts::common::no(language).to_owned(),
                (word, Some(parameter)) => value(parameter, &Value::from(word)),
                (word, None) => word.to_owned(),
            };
            let values: Vec<String> = arg("values").split(", ").map(shown).collect();
            words::needs_value(language, labels(others).join(&or), values.join(&or))
        }
        "needs_one_of" => words::needs_one_of(language, labels(arg("others")).join(&or)),
        "larger_than" => words::larger_than(language, label(arg("high")), label(arg("low"))),
        "other_value_for_same_item" => words::same_item(language, label(arg("other"))),
        "password_too_short" => words::password_too_short(language, arg("min")),
        "password_too_few" => {
            let kind = match arg("what") {
                "capital-letters" => words::capital_letters(language),
                "small-letters" => words::small_letters(language),
                "digits" => words::digits(language),
                _ => words::special_characters(language),
            };
            words::password_too_few(language, kind, arg("min"))
        }
        "password_sequence" => words::password_sequence(language, arg("max")),
        _ => return None,
    })
}

/// Limits of a value, shown below its field.
pub fn limits(parameter: &Parameter) -> Option<String> {
    use texts::configuration as words;
    let language = lang();
    match &parameter.value {
        ValueType::Integer { min, max } if *min == i64::MIN || *max == i64::MAX => None,
        ValueType::Integer { min, max } => Some(texts::common::range(language, min, max)),
        ValueType::Text { min_length, max_length, .. } if *min_length > 1 => {
            Some(words::characters(language, max_length, min_length))
        }
        ValueType::Text { max_length, .. } if *max_length <= 64 => {
            Some(words::most_characters(language, max_length))
        }
        ValueType::List { max_entries, .. } => Some(words::in_order(language, max_entries)),
        ValueType::Text { .. } | ValueType::Bool { .. } | ValueType::Enum { .. } => None,
    }
}
