//! Texts: everything that is shown exists in both languages, and the German one is German.

use super::*;

/// Texts that are the same in both languages: names of products, protocols and places, and words German has too.
const SAME: &[&str] = &[
    "Audio",
    "Bluetooth",
    "Broadsoft",
    "Chile (Santiago)",
    "Codecs",
    "ConversationAPI",
    "Debug",
    "Desktop",
    "Display",
    "E/A Cockpit",
    "Eddystone",
    "Genesys",
    "Google Voice",
    "HFAServiceAgent",
    "Headset",
    "HiQ8000",
    "IPv4",
    "IPv4 / IPv6",
    "IPv6",
    "IPv6 / IPv4",
    "Israel (Jerusalem)",
    "Microsoft Exchange",
    "Normal",
    "OpenScape Business UC",
    "OpenScape UC",
    "OpenScape Voice",
    "PEAPv0/EAP-MSCHAPv2",
    "PotService",
    "RingCentral",
    "Routing",
    "VoiceRecognitionPhonelet",
    "WPA/WPA2 Enterprise",
    "WPA/WPA2 Personal",
    "WPA2-Enterprise",
    "WPA2-Personal",
    "WPA2/WPA3-Personal",
    "WPA3-Personal",
    "iBeacon",
    "802.1x",
    "5 GHz",
];

fn check(place: &str, text: &Text) {
    for one in [&text.en, &text.de] {
        assert!(!one.trim().is_empty() && one.trim() == one, "{place}: {text:?}");
        assert!(!one.chars().any(char::is_control), "{place}: {text:?}");
    }
    // Numbers and abbreviations have no language.
    let word = text.en.chars().any(char::is_lowercase);
    if word && !SAME.contains(&text.en.as_str()) {
        assert_ne!(text.en, text.de, "{place} has no German text");
    }
}

/// Every text of the catalogue with the place it stands at.
fn every_text() -> Vec<(String, &'static Text)> {
    let mut texts = Vec::new();
    for area in Catalogue::built_in().areas() {
        texts.push((area.id.clone(), &area.title));
        for section in &area.sections {
            texts.push((section.id.clone(), &section.title));
            for parameter in &section.parameters {
                texts.extend(texts_of(parameter));
            }
        }
    }
    texts
}

fn texts_of(parameter: &'static Parameter) -> Vec<(String, &'static Text)> {
    let id = &parameter.id;
    let mut texts = vec![(format!("{id} label"), &parameter.label), (format!("{id} help"), &parameter.help)];
    texts.extend(parameter.unit.as_ref().map(|unit| (format!("{id} unit"), unit)));
    if let ValueType::Enum { choices } = &parameter.value {
        for choice in choices {
            texts.push((format!("{id} choice {}", choice.key), &choice.label));
            texts.extend(choice.help.as_ref().map(|help| (format!("{id} help of {}", choice.key), help)));
        }
    }
    texts
}

#[test]
fn every_text_is_there_in_both_languages() {
    let texts = every_text();
    assert!(texts.len() > 2_000, "only {} texts", texts.len());
    for (place, text) in texts {
        check(&place, text);
    }
}

#[test]
fn the_list_of_equal_texts_holds_nothing_else() {
    let texts = every_text();
    for same in SAME {
        assert!(texts.iter().any(|(_, text)| text.en == *same && text.de == *same), "{same} is not needed");
    }
}

#[test]
fn labels_of_a_section_differ() {
    for section in Catalogue::built_in().areas().iter().flat_map(|area| &area.sections) {
        for text in [|text: &'static Text| &text.en, |text: &'static Text| &text.de] {
            let labels: BTreeSet<&String> =
                section.parameters.iter().map(|parameter| text(&parameter.label)).collect();
            assert_eq!(
                labels.len(),
                section.parameters.len(),
                "two parameters of {} have one name",
                section.id
            );
        }
    }
}

#[test]
fn parameters_are_found_by_words_of_both_languages() {
    let catalogue = Catalogue::built_in();
    let first = |text: &str| catalogue.search(text).first().map(|parameter| parameter.id.as_str());
    assert_eq!(first("sntp backup"), Some("general.date-time.sntp-backup-server-address"));
    assert_eq!(first("SNTP-Backup"), first("sntp-backup"));
    assert!(catalogue.search("gateway").len() > 1 && catalogue.search("no-such-word").is_empty());
    let by_item = catalogue.search("trace-level");
    assert!(by_item.len() >= 67);
    let umlaut = catalogue.search("tür");
    assert!(!umlaut.is_empty() && umlaut.len() == catalogue.search("TUER").len());
}
