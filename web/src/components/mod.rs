//! What pages are made of: small components on ARIA patterns, one file each, with a style sheet of the same name in
//! `web/style/components/`. They know no page, no address of the API and no text of their own beyond `common`.

use std::sync::atomic::{AtomicUsize, Ordering};

pub mod button;
pub mod chart;
pub mod checkbox;
pub mod combobox;
pub mod confirm;
pub mod dialog;
pub mod diff;
pub mod drawer;
pub mod field;
pub mod icon;
pub mod leaving;
pub mod list;
pub mod menu;
pub mod meter;
pub mod moment;
pub mod page_head;
pub mod progress;
pub mod select;
pub mod states;
pub mod status;
pub mod step_up;
pub mod switch;
pub mod tabs;
pub mod tile;
pub mod time;
pub mod timeline;
pub mod toast;

/// An id for an element, not used before: labels and descriptions name their field by it.
pub fn fresh_id(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
