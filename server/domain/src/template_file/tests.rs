//! Tests of the file: what is written is read again, and every fault has its line.

use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;

const LEAST: &str = "format = \"workpoint-template\"\nversion = 1\nname = \"N\"\ntype = \"default\"\n";

fn template() -> TemplateFile {
    TemplateFile {
        name: "Hamburg".into(),
        description: "Two lines,\nand \"quotes\"".into(),
        kind: TemplateKind::Default,
        rank: 20,
        clients: vec!["CP600".into()],
        software: vec!["SIP".into()],
        software_update: SoftwareUpdate::OnlyNewer,
        secure_mode: Some(SecureModeWish::IndividualPin),
        parameters: [
            (ParameterKey::plain("zzz.not.there"), Value::Integer(-1)),
            (ParameterKey::plain("telephony.sip-settings.server-address"), "sip.example".into()),
            (ParameterKey::plain("telephony.sip-settings.registration-timer"), Value::Integer(3_600)),
            (ParameterKey::plain("general.mobility.mobility-enabled"), Value::Bool(true)),
            (ParameterKey::entry("audio.codec-settings.slot-codec", 10), "G.722".into()),
            (ParameterKey::entry("audio.codec-settings.slot-codec", 2), "G.711".into()),
            (
                ParameterKey::plain("audio.codec-settings.codecs"),
                Value::List(vec!["a\"b".into(), "c".into()]),
            ),
        ]
        .into(),
        secrets: [ParameterKey::plain("telephony.sip-settings.sip-credentials-password")].into(),
        files: vec![
            NamedFile { name: "logo \"80\".png".into(), sha256: Some("ab".repeat(32)) },
            NamedFile { name: "marimba.mp3".into(), sha256: None },
        ],
    }
}

#[test]
fn a_file_is_readable_and_in_the_order_of_the_catalogue() {
    let text = write(&template(), Catalogue::built_in());
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(['"', '#'])).collect();
    assert_eq!(
        lines,
        [
            "# Secrets of the template; their values are not in the file. Set them after importing it.",
            "# General: Mobility",
            "\"general.mobility.mobility-enabled\" = true # Mobility enabled",
            "# Telephony: SIP Settings",
            "\"telephony.sip-settings.registration-timer\" = 3600 # Registration timer (seconds)",
            "\"telephony.sip-settings.server-address\" = \"sip.example\" # Server address",
            "# Audio: Codec settings",
            "\"audio.codec-settings.codecs\" = [\"a\\\"b\", \"c\"] # Codecs",
            "\"audio.codec-settings.slot-codec[2]\" = \"G.711\" # Codec of the slot",
            "\"audio.codec-settings.slot-codec[10]\" = \"G.722\" # Codec of the slot",
            "# Not in the catalogue",
            "\"zzz.not.there\" = -1",
            "# Files for phones; upload them before importing this where they are not.",
        ]
    );
    assert_eq!(read(&text), Ok(template()));
}

#[test]
fn what_is_left_out_has_its_usual_value() {
    let read = read(LEAST).unwrap();
    let usual = TemplateFile {
        name: "N".into(),
        description: String::new(),
        kind: TemplateKind::Default,
        rank: 1,
        clients: Vec::new(),
        software: Vec::new(),
        software_update: SoftwareUpdate::Ignored,
        secure_mode: None,
        parameters: BTreeMap::new(),
        secrets: BTreeSet::new(),
        files: Vec::new(),
    };
    assert_eq!(read, usual);
}

#[test]
fn every_fault_has_its_code_and_line() {
    let of = |more: &str| {
        let fault = read(&format!("{LEAST}{more}")).unwrap_err();
        (fault.code(), fault.line())
    };
    for (more, fault) in [
        ("rank = 0", ("template_file_wrong", Some(5))),
        ("rank = 1000", ("template_file_wrong", Some(5))),
        ("\nrank = \"1\"", ("template_file_wrong", Some(6))),
        ("colour = 1", ("template_file_unknown", Some(5))),
        ("clients = \"CP600\"", ("template_file_wrong", Some(5))),
        ("clients = [\n\"CP600\",\n1]", ("template_file_wrong", Some(7))),
        ("clients = [\"\"]", ("template_file_wrong", Some(5))),
        ("software-update = \"sometimes\"", ("template_file_wrong", Some(5))),
        ("secure-mode = true", ("template_file_wrong", Some(5))),
        ("description = 5", ("template_file_wrong", Some(5))),
        ("secrets = [\"A b\"]", ("template_file_wrong", Some(5))),
        ("name = \"twice\"", ("template_file_form", Some(5))),
        ("[parameters]\n\"a\" = 1\n\"b\" = 1.5", ("template_file_wrong", Some(7))),
        ("[parameters]\na.b = 1", ("template_file_wrong", Some(6))),
        ("[parameters]\n\"a[01]\" = 1", ("template_file_wrong", Some(6))),
        ("[parameters]\n\"a[70000]\" = 1", ("template_file_wrong", Some(6))),
        ("[parameters]\n\"a\" = [1]", ("template_file_wrong", Some(6))),
        ("[parameters]\n\"a\" = 99999999999999999999", ("template_file_wrong", Some(6))),
        ("[parameters]\n\n\"a\" = ", ("template_file_form", Some(7))),
        ("parameters = 1", ("template_file_wrong", Some(5))),
        ("files = [\"a.png\"]", ("template_file_wrong", Some(5))),
        ("[[files]]\nname = \"a.png\"\nsize = 1", ("template_file_unknown", Some(7))),
        ("[[files]]\nsha256 = \"00\"", ("template_file_missing", None)),
        ("[[files]]\nname = \"a.png\"\nsha256 = \"00\"", ("template_file_wrong", Some(7))),
        ("[[files]]\nname = \"\"", ("template_file_wrong", Some(6))),
    ] {
        assert_eq!(of(more), fault, "{more}");
    }
    for (text, code) in [
        ("", "template_file_other_format"),
        ("format = \"other\"", "template_file_other_format"),
        ("format = \"workpoint-template\"", "template_file_missing"),
        ("format = \"workpoint-template\"\nversion = 2", "template_file_other_version"),
        ("format = \"workpoint-template\"\nversion = 1", "template_file_missing"),
        ("format = \"workpoint-template\"\nversion = 1\nname = \" \"", "template_file_wrong"),
        ("format = \"workpoint-template\"\nversion = 1\nname = \"N\"", "template_file_missing"),
    ] {
        assert_eq!(read(text).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn reading_is_bounded() {
    let padded = |bytes: usize| format!("{LEAST}#{}", "x".repeat(bytes - LEAST.len() - 1));
    assert!(read(&padded(MOST_FILE_BYTES)).is_ok());
    assert_eq!(read(&padded(MOST_FILE_BYTES + 1)), Err(FileFault::TooLarge));
    let many = |count: usize| {
        let rows: Vec<String> = (0..count).map(|number| format!("\"p{number}\" = 1")).collect();
        read(&format!("{LEAST}[parameters]\n{}", rows.join("\n")))
    };
    assert_eq!(many(MOST_PARAMETERS).unwrap().parameters.len(), MOST_PARAMETERS);
    assert_eq!(many(MOST_PARAMETERS + 1).unwrap_err().code(), "template_file_too_many");
    let clients = vec!["\"m\""; MOST_CLIENTS + 1].join(",");
    assert_eq!(read(&format!("{LEAST}clients = [{clients}]")).unwrap_err().code(), "template_file_too_many");
    let files = "[[files]]\nname = \"n\"\n".repeat(MOST_FILES + 1);
    assert_eq!(read(&format!("{LEAST}{files}")).unwrap_err().code(), "template_file_too_many");
    let deep = format!("{LEAST}rank = {}", "[".repeat(500_000));
    assert_eq!(read(&deep).unwrap_err().code(), "template_file_form");
}

fn key() -> impl Strategy<Value = ParameterKey> {
    let ids = prop_oneof![Just("audio.codec-settings.slot-rank".to_owned()), "[a-z][a-z0-9.-]{0,12}"];
    (ids, proptest::option::of(any::<u16>())).prop_map(|(parameter, index)| ParameterKey { parameter, index })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<String>().prop_map(Value::Text),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(Value::List),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        name in "[^\\p{C}\\s]{1,20}",
        description in "(?s).{0,60}",
        rank in 1..=LAST_RANK,
        kind in proptest::sample::select(TemplateKind::ALL),
        update in proptest::sample::select(SoftwareUpdate::ALL),
        wish in proptest::option::of(proptest::sample::select(SecureModeWish::ALL)),
        clients in proptest::collection::vec("[A-Za-z0-9]{1,8}", 0..3),
        parameters in proptest::collection::btree_map(key(), value(), 0..8),
        secrets in proptest::collection::btree_set(key(), 0..4),
        files in proptest::collection::vec(("[^\\p{C}\\s]{1,30}", proptest::option::of("[0-9a-f]{64}")), 0..3),
    ) {
        let files = files.into_iter().map(|(name, sha256)| NamedFile { name, sha256 }).collect();
        let file = TemplateFile {
            name,
            description,
            kind,
            rank,
            software: clients.clone(),
            clients,
            software_update: update,
            secure_mode: wish,
            parameters,
            secrets,
            files,
        };
        let text = write(&file, Catalogue::built_in());
        prop_assert_eq!(read(&text), Ok(file), "{}", text);
    }

    #[test]
    fn no_text_makes_reading_panic(text in any::<String>(), more in "[a-z\"\\[\\]=0-9.\n ]{0,80}") {
        let _ = read(&text);
        let _ = read(&format!("{LEAST}{more}"));
    }
}
