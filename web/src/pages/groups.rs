//! Groups: who belongs to one by a filter, and which templates its members get (OSEM §8).

mod builder;
mod condition;
mod delete;
mod draft;
mod entries;
mod list;
mod page;
mod preview;
mod sentence;
mod templates;

pub use list::GroupsPage;
pub use page::GroupPage;

/// A filter as records keep it, in a sentence; nothing when the text is none, or was cut.
pub(crate) fn in_words(filter: &str) -> Option<String> {
    let filter = serde_json::from_str(filter).ok()?;
    let draft = draft::Draft::read(Some(&filter))?;
    Some(sentence::sentence(crate::texts::lang(), &draft, &sentence::Labels::new()))
}
