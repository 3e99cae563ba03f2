//! Tests of the draft of a filter.

use super::{Draft, Item, Joint, Operator};
use domain::group_filter::{Filter, Subject};

fn filter(json: &str) -> Filter {
    serde_json::from_str(json).unwrap()
}

#[test]
fn every_filter_that_can_be_saved_comes_back() {
    let all = [
        r#"{"all":[{"test":{"field":"e164","range":{"from":"4940100","to":"4940199"}}}]}"#,
        r#"{"any":[{"test":{"field":"address","network":"10.1.0.0/16"}},{"not":{"test":{"field":"model","one_of":["CP600"]}}}]}"#,
        r#"{"not":{"any":[{"test":{"field":"software-type","one_of":["SIP"]}}]}}"#,
        r#"{"not":{"all":[{"test":{"field":"server-address","pattern":"10.*"}}]}}"#,
        r#"{"all":[{"any":[{"test":{"field":"software-version","at_least":"V3 R5.0"}},{"test":{"field":"e164","pattern":"4940*"}}]},{"not":{"all":[{"test":{"field":"client-field","name":"site","is":"Hamburg"}}]}}]}"#,
        r#"{"all":[]}"#,
    ];
    for json in all {
        let wanted = filter(json);
        assert_eq!(Draft::read(Some(&wanted)).unwrap().filter(), Some(wanted), "{json}");
    }
    assert_eq!(Draft::read(None).unwrap().filter(), None);
}

#[test]
fn what_means_the_same_is_written_in_one_way() {
    let same = |json: &str| Draft::read(Some(&filter(json))).unwrap().filter();
    let test = r#"{"test":{"field":"e164","is":"4940"}}"#;
    let plain = Some(filter(&format!(r#"{{"all":[{test}]}}"#)));
    assert_eq!(same(test), plain);
    assert_eq!(same(&format!(r#"{{"not":{{"not":{test}}}}}"#)), plain);
    assert_eq!(same(r#"{"any":[]}"#), None, "nobody");
    assert_eq!(same(r#"{"not":{"any":[]}}"#), Some(Filter::All(Vec::new())), "everybody");
}

#[test]
fn what_is_deeper_than_two_levels_cannot_be_edited() {
    let deep = filter(r#"{"all":[{"any":[{"all":[{"test":{"field":"e164","is":"1"}}]}]}]}"#);
    assert!(Draft::read(Some(&deep)).is_none());
}

#[test]
fn a_fault_finds_its_condition() {
    let json = r#"{"not":{"any":[{"test":{"field":"e164","is":"1"}},{"all":[{"not":{"test":{"field":"address","is":"x"}}}]}]}}"#;
    let draft = Draft::read(Some(&filter(json))).unwrap();
    let at = |pointer| draft.condition_at(pointer).and_then(|id| draft.get(id)).map(|own| own.subject);
    assert_eq!(at("/not/any/0/test/is"), Some(Subject::E164));
    assert_eq!(at("/not/any/1/all/0/not/test/is"), Some(Subject::Address));
    assert_eq!(at("/not/any/1"), None, "a block is no condition");
    assert_eq!(at("/not/any/11/test"), None);
    // The pointers are those that the shared check gives.
    let faults = draft.filter().unwrap().check(&std::collections::BTreeSet::new()).unwrap_err();
    assert!(faults.iter().all(|fault| draft.condition_at(&fault.path).is_some()), "{faults:?}");
}

#[test]
fn a_block_goes_with_its_last_condition() {
    let mut draft = Draft::default();
    let first = draft.add(None);
    let inside = draft.add_block();
    let Item::Block(block) = &draft.items[1] else { panic!("a block") };
    assert_eq!((block.joint, draft.joint), (Joint::Any, Joint::All));
    let second = draft.add(Some(block.id));
    draft.remove(inside);
    assert_eq!(draft.conditions().map(|own| own.id).collect::<Vec<_>>(), [first, second]);
    draft.remove(second);
    draft.remove(first);
    assert_eq!((draft.items.len(), draft.filter()), (0, None));
}

#[test]
fn looking_at_something_else_keeps_what_was_typed() {
    let mut draft = Draft::default();
    let id = draft.add(None);
    draft.change(id, |own| {
        own.text = " +49 (40) 100 ".to_owned();
        own.to = "49 40 199".to_owned();
    });
    let expected = r#"{"all":[{"test":{"field":"e164","range":{"from":"4940100","to":"4940199"}}}]}"#;
    assert_eq!(draft.filter(), Some(filter(expected)));
    draft.change(id, |own| own.look_at(Subject::SoftwareVersion, ""));
    let own = draft.get(id).unwrap();
    assert_eq!((own.operator, own.text.trim()), (Operator::AtLeast, "+49 (40) 100"));
    assert!(own.is_complete());
    draft.change(id, |own| own.look_at(Subject::Model, ""));
    assert!(!draft.is_complete());
}
