//! Properties of wanted files and software: order does not matter, a weaker template never wins, conflicts surface.

use proptest::prelude::*;

use super::super::TemplateKind;
use super::*;

fn template(id: i64, rank: u16, files: &[i64], software_update: SoftwareUpdate) -> Template {
    Template {
        id: TemplateId(id),
        name: format!("t{id}"),
        kind: TemplateKind::Default,
        rank,
        models: BTreeSet::new(),
        software_types: BTreeSet::new(),
        values: BTreeMap::new(),
        files: files.iter().map(|id| FileId(*id)).collect(),
        software_update,
    }
}

fn applied(template: &Template, grouped: bool) -> Applied<'_> {
    let layer = if grouped { Layer::GroupTemplate } else { Layer::DefaultTemplate };
    Applied { template, layer, groups: Vec::new() }
}

fn file(file_type: FileType, name: &str) -> Contender {
    let version = (file_type == FileType::Software).then(|| name.to_owned());
    Contender { name: name.to_owned(), file_type, sha256: None, version, fits: true }
}

fn table(files: &[(i64, Contender)]) -> BTreeMap<FileId, Contender> {
    files.iter().map(|(id, file)| (FileId(*id), file.clone())).collect()
}

fn ids(wanted: &WantedFiles) -> Vec<(i64, i64)> {
    wanted.files.iter().map(|one| (one.file.0, one.template.0)).collect()
}

const IGNORED: SoftwareUpdate = SoftwareUpdate::Ignored;

#[test]
fn files_of_all_templates_are_wanted_and_of_one_name_the_strongest() {
    let files = table(&[
        (1, file(FileType::Ringtone, "a.wav")),
        (2, file(FileType::Ringtone, "A.WAV")),
        (3, file(FileType::Screensaver, "a.wav")),
    ]);
    let (weak, strong) = (template(1, 5, &[1, 3], IGNORED), template(2, 2, &[2], IGNORED));
    let wanted = wanted_files(&[applied(&weak, false), applied(&strong, false)], &files);
    assert_eq!(ids(&wanted), [(2, 2), (3, 1)]);
    // A template of a group is stronger than any that is in none (D-18).
    let wanted = wanted_files(&[applied(&weak, true), applied(&strong, false)], &files);
    assert_eq!(ids(&wanted), [(1, 1), (3, 1)]);
}

#[test]
fn there_is_one_logo_whatever_its_name_and_what_does_not_fit_keeps_none_away() {
    let mut files = table(&[(1, file(FileType::Logo, "one.png")), (2, file(FileType::Logo, "two.png"))]);
    let (weak, strong) = (template(1, 5, &[1], IGNORED), template(2, 2, &[2], IGNORED));
    let all = [applied(&weak, false), applied(&strong, false)];
    assert_eq!(ids(&wanted_files(&all, &files)), [(2, 2)]);
    files.get_mut(&FileId(2)).unwrap().fits = false;
    assert_eq!(ids(&wanted_files(&all, &files)), [(1, 1)]);
}

#[test]
fn what_is_wanted_once_gives_way_to_what_is_wanted_for_good() {
    let files = table(&[
        (1, file(FileType::Ringtone, "a.wav")),
        (2, file(FileType::Ringtone, "A.WAV")),
        (3, file(FileType::Ringtone, "b.wav")),
        (4, file(FileType::Software, "V3 R5.16.0")),
        (5, file(FileType::Software, "V3 R5.12.0")),
    ]);
    let first =
        Template { kind: TemplateKind::Onboarding, ..template(1, 1, &[1, 3, 4], SoftwareUpdate::Always) };
    let once = [applied(&first, true)];
    let one = |rule, file: i64| SoftwareWish::One { template: TemplateId(1), rule, file: Some(FileId(file)) };
    let (wanted, software) = wanted_once(&once, &[], &files);
    assert_eq!((ids(&wanted), software), (vec![(1, 1), (3, 1)], one(SoftwareUpdate::Always, 4)));
    let lasting = template(2, 9, &[2, 5], IGNORED);
    let (wanted, software) = wanted_once(&once, &[applied(&lasting, false)], &files);
    assert_eq!((ids(&wanted), software), (vec![(3, 1)], one(SoftwareUpdate::Always, 4)));
    // Who decides about software decides; who has none that fits keeps no other away.
    for (rule, own, left) in [
        (SoftwareUpdate::Disabled, 2, SoftwareWish::Ignored),
        (SoftwareUpdate::OnlyNewer, 5, SoftwareWish::Ignored),
        (SoftwareUpdate::OnlyNewer, 2, one(SoftwareUpdate::Always, 4)),
    ] {
        let lasting = template(2, 9, &[own], rule);
        assert_eq!(wanted_once(&once, &[applied(&lasting, false)], &files).1, left, "{rule:?} {own}");
    }
}

#[test]
fn equals_that_disagree_want_nothing_and_a_weaker_one_does_not_step_in() {
    let mut files = table(&[
        (1, file(FileType::Logo, "one.png")),
        (2, file(FileType::Logo, "one.png")),
        (3, file(FileType::Logo, "three.png")),
    ]);
    let one = template(1, 2, &[1], IGNORED);
    let two = template(2, 2, &[2], IGNORED);
    let weak = template(3, 3, &[3], IGNORED);
    let all = [applied(&one, false), applied(&two, false), applied(&weak, false)];
    let wanted = wanted_files(&all, &files);
    assert!(wanted.files.is_empty());
    assert_eq!(wanted.conflicts.len(), 1);
    for id in [1, 2] {
        files.get_mut(&FileId(id)).unwrap().sha256 = Some("ab".to_owned());
    }
    assert_eq!(ids(&wanted_files(&all, &files)), [(1, 1)], "the same content is no disagreement");
}

#[test]
fn the_strongest_template_that_says_anything_decides_about_software() {
    let files = table(&[
        (1, file(FileType::Software, "V3 R5.9.0")),
        (2, file(FileType::Software, "V3 R5.16.0")),
        (3, file(FileType::Software, "V4 R1.0.0")),
    ]);
    let silent = template(1, 1, &[3], IGNORED);
    let strong = template(2, 2, &[1, 2], SoftwareUpdate::OnlyNewer);
    let weak = template(3, 3, &[3], SoftwareUpdate::Always);
    let all = [applied(&silent, false), applied(&strong, false), applied(&weak, false)];
    let one =
        SoftwareWish::One { template: TemplateId(2), rule: SoftwareUpdate::OnlyNewer, file: Some(FileId(2)) };
    assert_eq!(software_wish(&all, &files), one, "versions are numbers");
    let disabled = template(4, 1, &[3], SoftwareUpdate::Disabled);
    let all = [applied(&disabled, false), applied(&weak, false)];
    let none = SoftwareWish::One { template: TemplateId(4), rule: SoftwareUpdate::Disabled, file: None };
    assert_eq!(software_wish(&all, &files), none);
    let other = template(5, 2, &[3], SoftwareUpdate::OnlyNewer);
    let all = [applied(&strong, false), applied(&other, false), applied(&weak, false)];
    let templates = BTreeSet::from([TemplateId(2), TemplateId(5)]);
    assert_eq!(software_wish(&all, &files), SoftwareWish::Conflict { templates });
    assert_eq!(software_wish(&[applied(&silent, false)], &files), SoftwareWish::Ignored);
}

#[test]
fn a_template_without_software_that_fits_leaves_it_to_others() {
    let files = table(&[
        (1, file(FileType::Software, "V3 R5.9.0")),
        (2, Contender { fits: false, ..file(FileType::Software, "V4 R1.0.0") }),
    ]);
    let other_model = template(1, 1, &[2], SoftwareUpdate::Always);
    let own_model = template(2, 1, &[1], SoftwareUpdate::OnlyNewer);
    let wish =
        SoftwareWish::One { template: TemplateId(2), rule: SoftwareUpdate::OnlyNewer, file: Some(FileId(1)) };
    assert_eq!(software_wish(&[applied(&other_model, true), applied(&own_model, false)], &files), wish);
    assert_eq!(software_wish(&[applied(&other_model, false), applied(&own_model, false)], &files), wish);
    let none = SoftwareWish::One { template: TemplateId(1), rule: SoftwareUpdate::Always, file: None };
    assert_eq!(software_wish(&[applied(&other_model, false)], &files), none);
}

#[test]
fn a_rule_compares_versions_as_numbers() {
    use SoftwareUpdate::{Always, OnlyNewer};
    use SoftwareVerdict::{Downgrade, NewerRuns, Unknown, UpToDate, Update};
    let cases = [
        (OnlyNewer, Some("V3 R5.9.0"), "V3 R5.16.0", Update),
        (OnlyNewer, Some("V3 R5.16.0"), "V3 R5.9.0", NewerRuns),
        (Always, Some("V3 R5.16.0"), "V3 R5.9.0", Downgrade),
        (Always, Some("1.4.9.0"), "V1 R4.9.0", UpToDate),
        (OnlyNewer, Some("v3 r5.9.0 "), "V3 R5.9.0", UpToDate),
        (OnlyNewer, Some("odd"), "V3 R5.9.0", Unknown),
        (Always, Some("odd"), "V3 R5.9.0", Update),
        (Always, None, "V3 R5.9.0", Unknown),
        (Always, Some(" "), "V3 R5.9.0", Unknown),
    ];
    for (rule, running, wanted, verdict) in cases {
        assert_eq!(software_verdict(rule, running, wanted), verdict, "{rule:?} {running:?} {wanted}");
    }
}

type Given = Vec<(u16, bool, SoftwareUpdate, BTreeSet<i64>)>;

fn some() -> impl Strategy<Value = (Given, Vec<(u8, u8, bool)>)> {
    let rule = prop::sample::select(SoftwareUpdate::ALL.to_vec());
    let files = prop::collection::btree_set(0_i64..8, 0..5);
    let templates = prop::collection::vec((1_u16..4, any::<bool>(), rule, files), 0..7);
    (templates, prop::collection::vec((0_u8..3, 0_u8..3, any::<bool>()), 8))
}

fn drawn(given: &Given, kinds: &[(u8, u8, bool)]) -> (Vec<Template>, BTreeMap<FileId, Contender>) {
    let templates = given
        .iter()
        .zip(0_i64..)
        .map(|((rank, _, rule, files), id)| {
            let files: Vec<i64> = files.iter().copied().collect();
            template(id, *rank, &files, *rule)
        })
        .collect();
    let files = kinds
        .iter()
        .zip(0_i64..)
        .map(|((kind, name, fits), id)| {
            let file_type = match kind {
                0 => FileType::Software,
                1 => FileType::Logo,
                _ => FileType::Ringtone,
            };
            (FileId(id), Contender { fits: *fits, ..file(file_type, &format!("V1 R{name}.0.0")) })
        })
        .collect();
    (templates, files)
}

proptest! {
    #[test]
    fn order_does_not_matter_and_a_weaker_template_never_wins(
        (given, kinds) in some(),
        seed in any::<u64>(),
    ) {
        let (templates, files) = drawn(&given, &kinds);
        let mut all: Vec<Applied<'_>> =
            templates.iter().zip(&given).map(|(template, (_, grouped, ..))| applied(template, *grouped)).collect();
        let (wanted, wish) = (wanted_files(&all, &files), software_wish(&all, &files));
        let mut state = seed | 1;
        for place in (1..all.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(state >> 33).unwrap_or(0) % (place + 1);
            all.swap(place, other);
        }
        prop_assert_eq!(&wanted, &wanted_files(&all, &files));
        prop_assert_eq!(&wish, &software_wish(&all, &files));
        let strength_of = |id: TemplateId| all.iter().find(|one| one.template.id == id).map(strength);
        // Every file that fits is wanted, disagreed about, or has a rival that is as strong at least.
        for one in &all {
            for id in &one.template.files {
                let file = &files[id];
                if !file.fits || file.file_type == FileType::Software {
                    prop_assert!(wanted.files.iter().all(|wanted| wanted.file != *id));
                    continue;
                }
                let rivals = wanted
                    .files
                    .iter()
                    .chain(wanted.conflicts.iter().flat_map(|conflict| &conflict.files))
                    .filter(|rival| Spot::of(&files[&rival.file]) == Spot::of(file));
                let best = rivals.filter_map(|rival| strength_of(rival.template)).min();
                prop_assert!(best.is_some_and(|best| best <= strength(one)));
            }
        }
        // One file for each place.
        let spots: BTreeSet<Spot> = wanted.files.iter().map(|one| Spot::of(&files[&one.file])).collect();
        prop_assert_eq!(spots.len(), wanted.files.len());
        // Nobody stronger than the one that decides forbids software, or has software that fits.
        let speaking = all.iter().filter(|one| one.template.software_update != SoftwareUpdate::Ignored);
        let speaking: Vec<&Applied<'_>> = speaking.collect();
        let decides = |one: &&&Applied<'_>| {
            one.template.software_update == SoftwareUpdate::Disabled
                || one.template.files.iter().any(|id| {
                    files[id].fits && files[id].file_type == FileType::Software
                })
        };
        let deciding = speaking.iter().filter(decides).map(|one| strength(one)).min();
        let strongest = deciding.or_else(|| speaking.iter().map(|one| strength(one)).min());
        match &wish {
            SoftwareWish::Ignored => prop_assert_eq!(strongest, None),
            SoftwareWish::One { template, file, .. } => {
                prop_assert_eq!(strength_of(*template), strongest);
                if let Some(id) = file {
                    prop_assert!(files[id].fits && files[id].file_type == FileType::Software);
                }
            }
            SoftwareWish::Conflict { templates } => {
                prop_assert!(templates.len() > 1);
                prop_assert!(templates.iter().all(|id| strength_of(*id) == strongest));
            }
        }
    }
}
