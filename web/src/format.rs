//! Dates, relative times and numbers as the language of the page writes them, by the browser's own `Intl`.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;
use js_sys::{Array, Function, Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::browser;
use crate::texts::{self, Language, lang};

/// Time between two looks at the clock, in milliseconds.
const CLOCK_MS: u64 = 20_000;

thread_local! {
    static NOW: ArcRwSignal<i64> = ArcRwSignal::new(0);
    /// Formatters are dear to make: one per language and kind.
    static FORMATS: RefCell<HashMap<(Language, &'static str), Function>> = RefCell::new(HashMap::new());
}

/// Starts the clock of relative times.
pub(crate) fn start() {
    NOW.with(|now| now.set(browser::now_millis()));
    set_timeout(start, std::time::Duration::from_millis(CLOCK_MS));
}

/// A whole number: `1,284`, `1.284`.
pub fn number(number: u64) -> String {
    lang().number(number)
}

/// `21 Nov 2026, 10:02`, `21.11.2026, 10:02`.
pub fn date_time(at: Timestamp) -> String {
    date("date-time", at)
}

/// `21 Nov 2026`, `21.11.2026`.
pub fn day(at: Timestamp) -> String {
    date("day", at)
}

/// `10:02`.
pub fn time(at: Timestamp) -> String {
    date("time", at)
}

/// `21 Nov, 10:02`, `21. Nov., 10:02`: without the year, for what is days away at most.
pub fn day_time(at: Timestamp) -> String {
    date("day-time", at)
}

/// `98.4 %`.
pub fn percent(share: f64) -> String {
    call("percent", &[JsValue::from_f64(share)])
}

/// Bytes in the largest unit that fits: `812 B`, `31.5 MB`; of powers of ten.
pub fn bytes(bytes: u64) -> String {
    type Unit = fn(Language, &str) -> String;
    let units: [Unit; 5] = [
        |language, text| texts::common::short_bytes(language, text),
        |language, text| texts::common::short_kilobytes(language, text),
        |language, text| texts::common::short_megabytes(language, text),
        |language, text| texts::common::short_gigabytes(language, text),
        |language, text| texts::common::short_terabytes(language, text),
    ];
    let (value, unit) = scaled(bytes);
    let text = match unit {
        0 => number(bytes),
        _ => one_decimal(lang(), value),
    };
    units.get(unit).map_or_else(|| text.clone(), |unit| unit(lang(), &text))
}

/// At most one digit behind the point or comma, below a thousand.
fn one_decimal(language: Language, value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    match language {
        Language::English => text.to_owned(),
        Language::German => text.replace('.', ","),
    }
}

/// A number of bytes in thousands of thousands, and how many times it was divided.
fn scaled(bytes: u64) -> (f64, usize) {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    // What would be rounded up to a thousand is one of the next unit.
    while unit < 4 && value >= 999.95 {
        value /= 1_000.0;
        unit += 1;
    }
    (value, unit)
}

/// `3 min. ago`, `in 2 days`; watched, so that it stays true.
pub fn relative(at: Timestamp) -> String {
    let now =
        NOW.with(ArcRwSignal::get).max(browser::now_millis() - i64::try_from(CLOCK_MS).unwrap_or_default());
    // The clock of the page goes in steps: what happened since the last one is now, not in some seconds.
    let at = at.as_millisecond();
    let now = if (now..=browser::now_millis()).contains(&at) { at } else { now };
    let (value, unit) = distance(at - now);
    #[expect(clippy::cast_precision_loss, reason = "days and seconds are small")]
    let value = JsValue::from_f64(value as f64);
    call("relative", &[value, JsValue::from_str(unit)])
}

/// `1 h 4 min`, `52 s`.
pub fn duration(seconds: u64) -> String {
    type Unit = fn(Language, u64) -> String;
    let (days, hours): (Unit, Unit) = (texts::common::short_days, texts::common::short_hours);
    let (minutes, short): (Unit, Unit) = (texts::common::short_minutes, texts::common::short_seconds);
    let parts = match seconds {
        0..60 => [(seconds, short), (0, short)],
        60..3_600 => [(seconds / 60, minutes), (seconds % 60, short)],
        3_600..86_400 => [(seconds / 3_600, hours), (seconds % 3_600 / 60, minutes)],
        _ => [(seconds / 86_400, days), (seconds % 86_400 / 3_600, hours)],
    };
    let parts = parts.into_iter().enumerate().filter(|(place, (value, _))| *place == 0 || *value > 0);
    parts.map(|(_, (value, unit))| unit(lang(), value)).collect::<Vec<_>>().join(" ")
}

/// The instant a day of the reader begins, or the next one, from `2026-11-21`; for filters.
pub fn start_of_day(day: &str, next: bool) -> Option<String> {
    let date = js_sys::Date::new(&JsValue::from_str(&format!("{day}T00:00:00")));
    if date.get_time().is_nan() {
        return None;
    }
    if next {
        date.set_date(date.get_date() + 1);
    }
    Some(String::from(date.to_iso_string()))
}

/// Distance in the largest unit that fits, negative for the past.
fn distance(millis: i64) -> (i64, &'static str) {
    let seconds = millis / 1_000;
    match seconds.unsigned_abs() {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..5_184_000 => (seconds / 86_400, "day"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    }
}

fn date(kind: &'static str, at: Timestamp) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let millis = at.as_millisecond() as f64;
    call(kind, &[js_sys::Date::new(&JsValue::from_f64(millis)).into()])
}

fn call(kind: &'static str, values: &[JsValue]) -> String {
    let language = lang();
    let format = FORMATS.with_borrow_mut(|formats| {
        if let Some(format) = formats.get(&(language, kind)) {
            return Some(format.clone());
        }
        let format = make(language, kind)?;
        formats.insert((language, kind), format.clone());
        Some(format)
    });
    let arguments: Array = values.iter().collect();
    let text = format.and_then(|format| format.apply(&JsValue::NULL, &arguments).ok());
    text.and_then(|text| text.as_string()).unwrap_or_default()
}

/// The bound `format` of a formatter of `Intl`.
fn make(language: Language, kind: &str) -> Option<Function> {
    let (class, options): (&str, &[(&str, &str)]) = match kind {
        "date-time" => ("DateTimeFormat", &[("dateStyle", "medium"), ("timeStyle", "short")]),
        "day" => ("DateTimeFormat", &[("dateStyle", "medium")]),
        "time" => ("DateTimeFormat", &[("timeStyle", "short")]),
        "day-time" => (
            "DateTimeFormat",
            &[("day", "numeric"), ("month", "short"), ("hour", "2-digit"), ("minute", "2-digit")],
        ),
        "percent" => ("NumberFormat", &[("style", "percent")]),
        _ => ("RelativeTimeFormat", &[("numeric", "auto"), ("style", "short")]),
    };
    // British English writes the day first and the clock with 24 hours, as the documents of the product do.
    let tag = match language {
        Language::English => "en-GB",
        Language::German => "de-DE",
    };
    let settings = Object::new();
    for (name, value) in options {
        Reflect::set(&settings, &JsValue::from_str(name), &JsValue::from_str(value)).ok()?;
    }
    if kind == "percent" {
        Reflect::set(&settings, &JsValue::from_str("maximumFractionDigits"), &JsValue::from_f64(1.0)).ok()?;
    }
    let intl = Reflect::get(&js_sys::global(), &JsValue::from_str("Intl")).ok()?;
    let class: Function = Reflect::get(&intl, &JsValue::from_str(class)).ok()?.dyn_into().ok()?;
    let formatter = Reflect::construct(&class, &Array::of2(&JsValue::from_str(tag), &settings)).ok()?;
    let format: Function = Reflect::get(&formatter, &JsValue::from_str("format")).ok()?.dyn_into().ok()?;
    Some(format.bind0(&formatter))
}

#[cfg(test)]
mod tests {
    use super::{bytes, distance, duration, one_decimal, scaled};
    use crate::texts::Language;

    #[test]
    fn durations_have_two_parts_at_most() {
        assert_eq!(duration(52), "52 s");
        assert_eq!(duration(60), "1 min");
        assert_eq!(duration(3_840), "1 h 4 min");
        assert_eq!(duration(90_061), "1 d 1 h");
    }

    #[test]
    fn bytes_take_the_largest_unit_that_fits() {
        assert_eq!(scaled(0), (0.0, 0));
        assert_eq!(scaled(999), (999.0, 0));
        assert_eq!(scaled(1_000), (1.0, 1));
        assert_eq!((scaled(999_949).1, scaled(999_960).1), (1, 2));
        assert_eq!(scaled(31_457_280).1, 2);
        assert_eq!(scaled(u64::MAX).1, 4);
        assert_eq!((bytes(812).as_str(), bytes(512_000_000).as_str()), ("812 B", "512 MB"));
        assert_eq!(one_decimal(Language::German, 150.24), "150,2");
    }

    #[test]
    fn distances_take_the_largest_unit_that_fits() {
        assert_eq!(distance(-59_000), (-59, "second"));
        assert_eq!(distance(-3_600_000), (-1, "hour"));
        assert_eq!(distance(86_400_000 * 12), (12, "day"));
    }
}
