//! A moment as a field of date and time holds it, `2026-11-21T10:00`, in the time of the reader's clock.

use jiff::Timestamp;
use wasm_bindgen::JsValue;

use crate::browser;

const HOUR_MS: i64 = 3_600_000;

/// The moment that was typed.
pub fn read(typed: &str) -> Option<Timestamp> {
    if typed.is_empty() {
        return None;
    }
    let millis = js_sys::Date::new(&JsValue::from_str(typed)).get_time();
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a date fit; NaN was looked for")]
    let millis = (!millis.is_nan()).then_some(millis as i64)?;
    Timestamp::from_millisecond(millis).ok()
}

/// The next full hour.
pub fn next_hour() -> String {
    let at = (browser::now_millis() / HOUR_MS + 1) * HOUR_MS;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let date = js_sys::Date::new(&JsValue::from_f64(at as f64));
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}",
        date.get_full_year(),
        date.get_month() + 1,
        date.get_date(),
        date.get_hours(),
        date.get_minutes()
    )
}
