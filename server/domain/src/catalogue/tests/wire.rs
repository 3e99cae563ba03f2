//! Values on the wire (D-12, D-14, D-15): against the values column of the item table, and for DSCP against the
//! standards.

use super::*;

/// `n=meaning` pairs of a values column, with numbers the table itself calls unsure left out.
fn pairs(values: &str) -> BTreeMap<String, String> {
    let (values, unsure) = match values.rsplit_once(" (") {
        Some((rest, remark)) if remark.ends_with("unsure)") => (rest, numbers(remark)),
        Some((rest, "inferred)")) => (rest, Vec::new()),
        _ => (values, Vec::new()),
    };
    let pair = |part: &str| {
        let (number, meaning) = part.split_once('=')?;
        let number: i64 = number.trim().parse().ok()?;
        (!unsure.contains(&number)).then(|| (number.to_string(), meaning.trim().to_owned()))
    };
    values.split(';').filter_map(pair).collect()
}

/// Wordings of OSEM and of the item table that mean the same: item, choice, meaning.
const WORDINGS: &[(&str, &str, &str)] = &[
    ("codec-packet-size", "10ms", "10 ms"),
    ("codec-packet-size", "20ms", "20 ms"),
    ("date-format", "dd mm yyyy", "DD.MM.YYYY"),
    ("line-rollover-type", "No Ringing", "no ring"),
    ("line-rollover-type", "Alert Ringing", "alert ring"),
    ("line-rollover-type", "Standard Ringing", "standard ring"),
    ("originating-line-preference", "Primary Line", "primary"),
    ("originating-line-preference", "Last Line", "last"),
    ("port1", "Any", "automatic"),
    ("port2", "Any", "automatic"),
    ("server-type", "HiQ8000", "HiQ8000/OpenScape Voice"),
    ("server-type", "OpenScape Voice", "HiQ8000/OpenScape Voice"),
    ("sip-tls-authentication-policy", "No verification", "none"),
    ("terminating-line-preference", "Ringing Line (Primary Line Preference)", "ringing primary"),
    ("terminating-line-preference", "Incoming Call", "incoming"),
    ("terminating-line-preference", "Incoming Call (Primary Line Preference)", "incoming primary"),
    ("time-format", "24 Hour", "24 h"),
    ("time-format", "12 Hour", "12 h"),
    ("XML-app-control-key", "Phone book or directory", "phone book/directory"),
    ("XML-app-control-key", "Menu or applications", "menu/applications"),
];

fn means(item: &str, choice: &str, meaning: &str) -> bool {
    choice.eq_ignore_ascii_case(meaning) || WORDINGS.contains(&(item, choice, meaning))
}

/// DSCP of a code point: class selectors (RFC 2474 §4.2.2), assured (RFC 2597 §6) and expedited forwarding
/// (RFC 3246 §2.7), best effort; or the number itself.
fn dscp(choice: &str) -> Option<i64> {
    match choice {
        "BE" => return Some(0),
        "EF" => return Some(46),
        _ => {}
    }
    if let Some(class) = choice.strip_prefix("CS") {
        return class.parse::<i64>().ok().map(|class| class * 8);
    }
    match choice.strip_prefix("AF").map(str::as_bytes) {
        Some([class, drop]) => Some(i64::from(class - b'0') * 8 + i64::from(drop - b'0') * 2),
        _ => choice.parse().ok(),
    }
}

/// Milliseconds of one unit, for the words of the table and of the data files.
fn milliseconds(unit: &str) -> Option<i64> {
    Some(match unit {
        "ms" | "milliseconds" => 1,
        "s" | "sec" | "seconds" => 1_000,
        "min" | "minutes" => 60_000,
        "hours" => 3_600_000,
        "days" => 86_400_000,
        _ => return None,
    })
}

/// The unit a values column names: `seconds`, `60-600 s`, `minutes, -720..720`.
fn table_unit(row: &ItemDescription) -> Option<i64> {
    if row.kind != "integer" && row.kind != "enum/integer" {
        return None;
    }
    row.values.split([' ', ',']).find_map(milliseconds)
}

/// A choice like `10 min`, `5sec` or `30`: the number, and milliseconds of its unit.
fn quantity(choice: &str) -> Option<(i64, Option<i64>)> {
    let end = choice.find(|c: char| !c.is_ascii_digit()).unwrap_or(choice.len());
    let (number, unit) = choice.split_at(end);
    Some((number.parse().ok()?, milliseconds(unit.trim())))
}

/// What a choice must be on the wire; `None` when no source says so.
fn expected(
    parameter: &Parameter,
    delivery: &Delivery,
    row: &ItemDescription,
    choice: &str,
) -> Option<String> {
    if let Some(field) = &delivery.field {
        // `alert`: the melody has the numbers of the ringer melody, the sequence those given in the row.
        let number: i64 = choice.parse().ok()?;
        let known = match field.position {
            1 => numbers(item::describe("ringer-melody")?.values).last().is_some_and(|last| number <= *last),
            2 => row.values.contains(&format!(" {number}=")),
            _ => false,
        };
        return known.then(|| choice.to_owned());
    }
    if row.name.starts_with("l3qos-") {
        return dscp(choice).map(|number| number.to_string());
    }
    if let Some(unit) = table_unit(row) {
        let (number, own) = quantity(choice)?;
        let own =
            own.or_else(|| parameter.unit.as_ref().and_then(|unit| milliseconds(&unit.en))).unwrap_or(unit);
        return (number * own % unit == 0).then(|| (number * own / unit).to_string());
    }
    let pairs = pairs(row.values);
    let by_meaning =
        pairs.iter().find(|(_, meaning)| means(row.name, choice, meaning)).map(|(number, _)| number.clone());
    // A list of numbers that are what they say: `0;2;3;4;5 (0=no limit)` of tries.
    let tries =
        row.name == "pwd-retries" && numbers(row.values).iter().any(|number| number.to_string() == choice);
    by_meaning.or_else(|| tries.then(|| choice.to_owned()))
}

#[test]
fn every_choice_has_the_wire_value_of_its_source_and_no_other() {
    let (mut written, mut rows) = (0, 0);
    for (parameter, delivery, row) in delivered() {
        let ValueType::Enum { choices } = &parameter.value else { continue };
        rows += 1;
        for choice in choices {
            let expected = expected(parameter, delivery, row, &choice.key);
            assert_eq!(
                choice.wire, expected,
                "{} {:?} on {} ({})",
                parameter.id, choice.key, row.name, row.values
            );
            written += usize::from(choice.wire.is_some());
        }
    }
    assert!(rows > 110 && written > 300, "{rows} rows, {written} wire values");
}

#[test]
fn standards_give_the_code_points() {
    for (name, number) in [("AF11", 10), ("AF23", 22), ("AF31", 26), ("AF43", 38), ("CS3", 24), ("CS7", 56)] {
        assert_eq!(dscp(name), Some(number));
    }
}

#[test]
fn wordings_are_needed() {
    for (item, choice, meaning) in WORDINGS {
        let choices = |parameter: &Parameter| match &parameter.value {
            ValueType::Enum { choices } => choices.iter().any(|own| own.key == *choice),
            _ => false,
        };
        assert!(delivered().iter().any(|(p, _, row)| row.name == *item && choices(p)), "{item}: {choice}");
        let row = item::describe(item).unwrap();
        assert!(pairs(row.values).values().any(|text| text == meaning), "{item}: {meaning}");
    }
}

#[test]
fn yes_and_no_are_those_of_the_table() {
    for (parameter, delivery, row) in delivered() {
        let ValueType::Bool { wire } = &parameter.value else { continue };
        let wire = (wire.0.as_str(), wire.1.as_str());
        let first = row.values.split(';').next().unwrap_or_default();
        match (row.kind, first.trim()) {
            ("boolean", "true") => assert_eq!(wire, ("false", "true"), "{}", parameter.id),
            // `0=server; 1=gateway`: a switch for the second.
            _ => {
                let keys: Vec<String> = pairs(row.values).into_keys().collect();
                assert_eq!(keys, [wire.0, wire.1], "{} on {}", parameter.id, delivery.item);
            }
        }
    }
}

#[test]
fn numbers_stay_in_the_range_and_unit_of_the_table() {
    let mut ranges = 0;
    for (parameter, delivery, row) in delivered() {
        let ValueType::Integer { min, max } = parameter.value else { continue };
        let id = &parameter.id;
        if let Some(unit) = table_unit(row) {
            let own = parameter.unit.as_ref().unwrap_or_else(|| panic!("{id} needs a unit: {}", row.values));
            let own = milliseconds(&own.en).unwrap_or_else(|| panic!("{id}: {}", own.en));
            assert_eq!(own * delivery.divisor, unit * delivery.factor, "{id}: {}", row.values);
        }
        let range = match row.values {
            "minutes, -720..720" => Some((-720, 720)),
            // `alert` = name^melody^sequence^duration; "duration 0=continuous or 1-300 s".
            values if delivery.field.is_some() => values.ends_with("1-300 s").then_some((0, 300)),
            values if !pairs(values).is_empty() => Some((0, i64::try_from(pairs(values).len()).unwrap() - 1)),
            values if values.starts_with(|c: char| c.is_ascii_digit()) => {
                let numbers = numbers(values);
                // `0-24, not 1`; `0;1;2`
                Some((*numbers.first().unwrap(), *numbers.iter().max().unwrap()))
            }
            _ => None,
        };
        if let Some((lowest, highest)) = range {
            ranges += 1;
            assert!(lowest <= min && max <= highest, "{id}: {min} to {max}, table {}", row.values);
        }
    }
    assert!(ranges > 25, "only {ranges} ranges");
}

#[test]
fn texts_are_no_longer_than_the_table_allows() {
    let mut seen = 0;
    for (parameter, _, row) in delivered() {
        let Some(position) = row.values.find("max ") else { continue };
        let ValueType::Text { max_length, .. } = parameter.value else { continue };
        // The longest of several: `max 12 (BLF) or 24 chars`. An address that is only read may be longer.
        let longest = numbers(&row.values[position..]).into_iter().max().unwrap();
        seen += 1;
        assert!(i64::from(max_length) <= longest || parameter.read_only, "{}: {max_length}", parameter.id);
    }
    assert!(seen > 15, "only {seen}");
}

#[test]
fn what_is_written_is_read_again() {
    for parameter in all() {
        let values: Vec<Value> = match &parameter.value {
            ValueType::Bool { .. } => vec![Value::Bool(false), Value::Bool(true)],
            ValueType::Integer { min, max } => vec![Value::Integer(*min), Value::Integer(*max)],
            ValueType::Enum { choices } => {
                choices.iter().map(|choice| Value::Text(choice.key.clone())).collect()
            }
            ValueType::Text { .. } => vec![Value::Text("1".into())],
            ValueType::List { .. } => vec![Value::List(vec!["a".into(), "b".into()])],
        };
        for value in values {
            let Ok(text) = parameter.to_wire(&value) else { continue };
            let read = parameter.from_wire(&text).unwrap_or_else(|| panic!("{}: {text}", parameter.id));
            // Two choices may be one number (OpenScape Voice was HiQ8000): the text decides.
            assert_eq!(parameter.to_wire(&read).as_deref(), Ok(text.as_str()), "{}", parameter.id);
        }
    }
}

/// OSEM §7.9.2, in its order; position = index (D-12).
const TRACE_LEVELS: [&str; 67] = [
    "Admin",
    "Call log",
    "Call view",
    "Phonebook",
    "Help",
    "Application Menu",
    "Certificate Management Service",
    "Communications Service",
    "Component Registrar",
    "CSTA Service",
    "Data Access Service",
    "Digit Analysis Service",
    "Digital Data Service",
    "Directory Service",
    "DLS Client Management Service",
    "Health Service",
    "Instrumentation Service",
    "Journal Service",
    "Media Control Service",
    "Media Processing Service",
    "Mobility Service",
    "OBEX Service",
    "Opera Client Management Service",
    "PotService",
    "Password Management Service",
    "Physical Interface Service",
    "Sidecar Service",
    "Team Service",
    "Tone Generation Service",
    "Transport Service",
    "Voice Engine",
    "Web Server Service",
    "SIP Signalling",
    "SIP Call Control",
    "SIP Messages",
    "Application Framework",
    "Desktop",
    "AGP Phonelet",
    "Service Framework",
    "Service Registry",
    "Bluetooth Service",
    "HFAServiceAgent",
    "VCARD Parser",
    "Voice Mail",
    "Backup Service",
    "Dot1x Service",
    "VoiceRecognitionPhonelet",
    "H.323 Messages",
    "H.235 Security",
    "trace-level-49",
    "Clock Service",
    "LDAP Service",
    "Security Log Service",
    "Media Recording Service",
    "HTTP Service",
    "Video Service",
    "M5T Stack",
    "Ansible Service",
    "UC Service",
    "Exchange Service",
    "Broadsoft Service",
    "WSI Service",
    "ConversationAPI",
    "GPALAudio Core",
    "GPALAudio Framework",
    "trace-level-65",
    "SWYX Service",
];

#[test]
fn trace_levels_stand_on_their_position() {
    for (index, label) in (0..).zip(TRACE_LEVELS) {
        let found: Vec<_> = delivered()
            .into_iter()
            .filter(|(_, delivery, _)| {
                delivery.item == "trace-level" && delivery.index == ItemIndex::Fixed(index)
            })
            .map(|(parameter, ..)| parameter.label.en.as_str())
            .collect();
        assert_eq!(found, [label], "index {index}");
    }
}

#[test]
fn the_fields_of_a_special_ringer_stand_as_in_the_table() {
    let record = item::describe("alert").unwrap().values.split(';').next().unwrap();
    let names: Vec<&str> = record.split('^').collect();
    // The wording of OSEM §7.7.5 for the names of the table.
    let labels = [
        ("name", "Alert info"),
        ("melody", "Ringer Melody"),
        ("sequence", "Ringer Tone"),
        ("duration", "Ringer Tone Duration"),
    ];
    for (parameter, delivery, row) in delivered() {
        assert_eq!(delivery.field.is_some(), row.name == "alert", "{}", parameter.id);
        let Some(field) = &delivery.field else { continue };
        assert_eq!((field.separator, field.fields), ('^', names.len()));
        assert!(labels.contains(&(names[field.position], parameter.label.en.as_str())), "{}", parameter.id);
    }
}
