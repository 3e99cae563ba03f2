//! Files and software that templates want on a client (OSEM §6.3): the union of all templates that apply, of which the
//! strongest wins where only one can be there (D-19).
//!
//! Templates of equal strength that disagree want nothing, and a weaker one does not step in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Applied, SoftwareUpdate, Template};
use crate::configuration::Layer;
use crate::file::FileType;
use crate::software::SoftwareVersion;
use crate::{FileId, TemplateId};

/// A file, as far as it matters who wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Its name.
    pub name: String,
    /// Its type.
    pub file_type: FileType,
    /// SHA-256 of its content, where it is known: the same content is no disagreement.
    pub sha256: Option<String>,
    /// Version of software.
    pub version: Option<String>,
    /// Whether the client can have it. What it cannot have keeps nothing else away.
    pub fits: bool,
}

/// What stands in one place of a phone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    /// Of these there is one on a phone, whatever its name (`wpi.md` §4.6.2).
    Only(FileType),
    /// Type and name, in lower case: the phone stores it under this name.
    Named(FileType, String),
}

impl Spot {
    fn of(file: &Contender) -> Self {
        match file.file_type {
            kind @ (FileType::Logo | FileType::LdapTemplate) => Self::Only(kind),
            kind => Self::Named(kind, file.name.to_lowercase()),
        }
    }
}

/// A file that is wanted on a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedFile {
    /// The file.
    pub file: FileId,
    /// The template that wants it; of those that agree, the one with the smallest id.
    pub template: TemplateId,
}

/// Files for one place of a phone on which templates of equal strength disagree: none is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConflict {
    /// The files, each with the template that wants it.
    pub files: Vec<WantedFile>,
}

/// Files that are wanted on a client, without software.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedFiles {
    /// By their place on the phone.
    pub files: Vec<WantedFile>,
    /// Places on which templates disagree.
    pub conflicts: Vec<FileConflict>,
}

/// Strongest first in both: the order of [`Layer`], and ranks from 1.
fn strength(applied: &Applied<'_>) -> (Layer, u16) {
    (applied.layer, applied.template.rank)
}

/// The files that templates want, without software. The order of `applied` does not matter; files of which nothing is
/// known are left out.
pub fn wanted_files(applied: &[Applied<'_>], files: &BTreeMap<FileId, Contender>) -> WantedFiles {
    let mut strongest: BTreeMap<Spot, ((Layer, u16), Vec<WantedFile>)> = BTreeMap::new();
    for one in applied {
        for id in &one.template.files {
            let Some(file) = files.get(id) else { continue };
            if !file.fits || file.file_type == FileType::Software {
                continue;
            }
            let wanted = WantedFile { file: *id, template: one.template.id };
            let own = strength(one);
            let place = strongest.entry(Spot::of(file)).or_insert_with(|| (own, Vec::new()));
            if own < place.0 {
                *place = (own, vec![wanted]);
            } else if own == place.0 {
                place.1.push(wanted);
            }
        }
    }
    let mut out = WantedFiles::default();
    for (_, mut wanted) in strongest.into_values() {
        // By file and template, so that it does not matter in which order they came.
        wanted.sort_unstable();
        let Some(first) = wanted.first().copied() else { continue };
        if wanted.iter().all(|other| is_same(first.file, other.file, files)) {
            let template = wanted.iter().filter(|one| one.file == first.file).map(|one| one.template).min();
            out.files.push(WantedFile { file: first.file, template: template.unwrap_or(first.template) });
        } else {
            out.conflicts.push(FileConflict { files: wanted });
        }
    }
    out
}

/// What templates want of a client that comes for the first time (D-20), without what is the matter of those that apply
/// to it for good: these are stronger (D-18). What cannot be there at the same time as a file of theirs is left out, and
/// so is software when they decide about it.
pub fn wanted_once(
    once: &[Applied<'_>],
    lasting: &[Applied<'_>],
    files: &BTreeMap<FileId, Contender>,
) -> (WantedFiles, SoftwareWish) {
    let theirs = lasting.iter().flat_map(|one| &one.template.files);
    let taken: BTreeSet<Spot> =
        theirs.filter_map(|id| files.get(id)).filter(|file| file.fits).map(Spot::of).collect();
    let is_free =
        |wanted: &WantedFile| files.get(&wanted.file).is_some_and(|file| !taken.contains(&Spot::of(file)));
    let mut wanted = wanted_files(once, files);
    wanted.files.retain(is_free);
    wanted.conflicts.retain(|conflict| conflict.files.iter().all(is_free));
    let software = match software_wish(lasting, files) {
        SoftwareWish::Ignored => software_wish(once, files),
        SoftwareWish::One { rule, file: None, .. } if rule != SoftwareUpdate::Disabled => {
            software_wish(once, files)
        }
        SoftwareWish::One { .. } | SoftwareWish::Conflict { .. } => SoftwareWish::Ignored,
    };
    (wanted, software)
}

/// Whether two files are the same content under the same name.
fn is_same(a: FileId, b: FileId, files: &BTreeMap<FileId, Contender>) -> bool {
    if a == b {
        return true;
    }
    match (files.get(&a), files.get(&b)) {
        (Some(a), Some(b)) => {
            a.sha256.is_some() && a.sha256 == b.sha256 && a.name.to_lowercase() == b.name.to_lowercase()
        }
        _ => false,
    }
}

/// What templates say of the software of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoftwareWish {
    /// No template says anything.
    Ignored,
    /// The strongest template that says something.
    One {
        /// The template; of those that agree, the one with the smallest id.
        template: TemplateId,
        /// Its rule; never `ignored`.
        rule: SoftwareUpdate,
        /// The newest of its files that fit; none when the rule is `disabled`, or when no template has one that fits.
        file: Option<FileId>,
    },
    /// Templates of equal strength disagree about rule or version: the software stays as it is (D-19).
    Conflict {
        /// The templates.
        templates: BTreeSet<TemplateId>,
    },
}

/// A template whose rule is not `ignored`, with what it wants.
struct Speaker {
    strength: (Layer, u16),
    template: TemplateId,
    rule: SoftwareUpdate,
    file: Option<FileId>,
}

impl Speaker {
    /// It forbids, or has software that fits. One that has none keeps nobody from bringing other software: a template
    /// for all models may have the software of some of them.
    fn decides(&self) -> bool {
        self.rule == SoftwareUpdate::Disabled || self.file.is_some()
    }
}

/// The wish of the strongest template that decides about software. The order of `applied` does not matter.
pub fn software_wish(applied: &[Applied<'_>], files: &BTreeMap<FileId, Contender>) -> SoftwareWish {
    let mut speakers: Vec<Speaker> = applied
        .iter()
        .filter(|one| one.template.software_update != SoftwareUpdate::Ignored)
        .map(|one| {
            let rule = one.template.software_update;
            let file = newest(one.template, files).filter(|_| rule != SoftwareUpdate::Disabled);
            Speaker { strength: strength(one), template: one.template.id, rule, file }
        })
        .collect();
    if speakers.iter().any(Speaker::decides) {
        speakers.retain(Speaker::decides);
    }
    speakers.sort_by_key(|speaker| (speaker.strength, speaker.template));
    let Some(first) = speakers.first() else { return SoftwareWish::Ignored };
    let version = |speaker: &Speaker| speaker.file.and_then(|id| files.get(&id)).map(version_of);
    let equals: Vec<&Speaker> =
        speakers.iter().filter(|speaker| speaker.strength == first.strength).collect();
    let agrees = |other: &&&Speaker| other.rule == first.rule && version(other) == version(first);
    if first.decides() && equals.iter().filter(agrees).count() < equals.len() {
        return SoftwareWish::Conflict { templates: equals.iter().map(|speaker| speaker.template).collect() };
    }
    SoftwareWish::One { template: first.template, rule: first.rule, file: first.file }
}

/// Readable versions by their numbers, others by their text and below all readable ones.
fn version_of(file: &Contender) -> (Option<SoftwareVersion>, Option<String>) {
    let text = file.version.as_deref().map(|text| text.trim().to_ascii_uppercase());
    match text.as_deref().and_then(SoftwareVersion::parse) {
        Some(version) => (Some(version), None),
        None => (None, text),
    }
}

/// The newest software of a template that fits; of the same version the file with the smallest id.
fn newest(template: &Template, files: &BTreeMap<FileId, Contender>) -> Option<FileId> {
    template
        .files
        .iter()
        .filter_map(|id| Some((id, files.get(id)?)))
        .filter(|(_, file)| file.fits && file.file_type == FileType::Software)
        .max_by_key(|(id, file)| (version_of(file), std::cmp::Reverse(**id)))
        .map(|(id, _)| *id)
}

/// What a rule makes of running software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftwareVerdict {
    /// It runs it.
    UpToDate,
    /// It gets newer software.
    Update,
    /// It gets older software: the rule is `always`.
    Downgrade,
    /// It runs newer software, and the rule takes newer only.
    NewerRuns,
    /// It is not known what it runs, or which of two texts is newer.
    Unknown,
}

/// What a rule makes of a client that runs `running` when `wanted` is here.
pub fn software_verdict(rule: SoftwareUpdate, running: Option<&str>, wanted: &str) -> SoftwareVerdict {
    let Some(running) = running.map(str::trim).filter(|text| !text.is_empty()) else {
        return SoftwareVerdict::Unknown;
    };
    if running.eq_ignore_ascii_case(wanted.trim()) {
        return SoftwareVerdict::UpToDate;
    }
    let always = rule == SoftwareUpdate::Always;
    match (SoftwareVersion::parse(running), SoftwareVersion::parse(wanted)) {
        (Some(running), Some(wanted)) if running == wanted => SoftwareVerdict::UpToDate,
        (Some(running), Some(wanted)) if running < wanted => SoftwareVerdict::Update,
        (Some(_), Some(_)) if always => SoftwareVerdict::Downgrade,
        (Some(_), Some(_)) => SoftwareVerdict::NewerRuns,
        // Other than wanted it is for certain.
        _ if always => SoftwareVerdict::Update,
        _ => SoftwareVerdict::Unknown,
    }
}

#[cfg(test)]
mod tests;
