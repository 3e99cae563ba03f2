//! Properties of layers: the order of insertion does not matter, a weaker layer never wins, conflicts surface.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    Applied, Group, Layers, Outcome, SoftwareUpdate, Template, TemplateKind, Wish, outcomes, winners,
};
use crate::catalogue::{ParameterKey, Value};
use crate::configuration::Layer;
use crate::group_filter::{Facts, Filter, NumberTest, Test};
use crate::{GroupId, TemplateId};

fn key(number: u8) -> ParameterKey {
    ParameterKey::plain(format!("p{number}"))
}

fn template(id: i64, rank: u16, values: &[(u8, i64)]) -> Template {
    Template {
        id: TemplateId(id),
        name: format!("t{id}"),
        kind: TemplateKind::Default,
        rank,
        models: BTreeSet::new(),
        software_types: BTreeSet::new(),
        values: values
            .iter()
            .map(|(number, value)| (key(*number), Wish::Plain(Value::Integer(*value))))
            .collect(),
        files: BTreeSet::new(),
        software_update: SoftwareUpdate::Ignored,
    }
}

fn number(digits: &str) -> Filter {
    Filter::Test(Test::E164(NumberTest::Is(digits.to_owned())))
}

fn layers(templates: Vec<Template>, groups: Vec<(i64, Option<Filter>, Vec<i64>)>) -> Layers {
    Layers::new(
        templates.into_iter().map(|template| (template.id, template)).collect(),
        groups
            .into_iter()
            .map(|(id, filter, templates)| {
                let templates = templates.into_iter().map(TemplateId).collect();
                (GroupId(id), Group { id: GroupId(id), name: format!("g{id}"), filter, templates })
            })
            .collect(),
    )
}

fn facts(e164: &str) -> Facts<'_> {
    Facts { e164: Some(e164), model: Some("CP600"), software_type: Some("SIP"), ..Facts::default() }
}

#[test]
fn a_template_of_a_group_is_for_its_members_only() {
    let layers =
        layers(vec![template(1, 1, &[]), template(2, 1, &[])], vec![(7, Some(number("49")), vec![1])]);
    let of = |e164| {
        let facts = facts(e164);
        layers.applying(&facts).iter().map(|one| (one.template.id.0, one.layer)).collect::<Vec<_>>()
    };
    assert_eq!(of("49"), [(1, Layer::GroupTemplate), (2, Layer::DefaultTemplate)]);
    assert_eq!(of("50"), [(2, Layer::DefaultTemplate)]);
}

#[test]
fn a_group_without_a_filter_has_no_members_and_its_templates_apply_to_nobody() {
    let layers = layers(vec![template(1, 1, &[])], vec![(7, None, vec![1])]);
    assert!(layers.applying(&facts("49")).is_empty());
}

#[test]
fn models_software_and_kind_restrict() {
    let mut one = template(1, 1, &[]);
    one.models = BTreeSet::from(["CP400".to_owned()]);
    let mut two = template(2, 1, &[]);
    two.software_types = BTreeSet::from(["SIP".to_owned()]);
    let mut three = template(3, 1, &[]);
    three.kind = TemplateKind::Onboarding;
    let layers = layers(vec![one, two, three], vec![]);
    let ids = |applied: Vec<Applied<'_>>| applied.iter().map(|one| one.template.id.0).collect::<Vec<_>>();
    assert_eq!(ids(layers.applying(&facts("49"))), [2]);
    assert_eq!(ids(layers.onboarding(&facts("49"))), [3]);
    assert!(ids(layers.applying(&Facts::default())).is_empty(), "what is unknown is not restricted to");
}

#[test]
fn the_layer_counts_before_the_rank() {
    let layers = layers(
        vec![template(1, 9, &[(0, 1)]), template(2, 1, &[(0, 2)])],
        vec![(7, Some(number("49")), vec![1])],
    );
    let facts = facts("49");
    let applied = layers.applying(&facts);
    match outcomes(&applied).get(&key(0)) {
        Some(Outcome::One(candidate)) => assert_eq!(candidate.template, TemplateId(1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_ranks_must_agree_and_a_weaker_one_does_not_step_in() {
    let of = |templates: Vec<Template>| {
        let layers = layers(templates, vec![]);
        let facts = facts("49");
        winners(&layers.applying(&facts))
    };
    let agree = of(vec![template(1, 2, &[(0, 5)]), template(2, 2, &[(0, 5)])]);
    assert!(
        matches!(agree.get(&key(0)), Some(super::Winner::Value { template: TemplateId(1), .. })),
        "{agree:?}"
    );
    let conflict = of(vec![template(1, 2, &[(0, 5)]), template(2, 2, &[(0, 6)]), template(3, 3, &[(0, 7)])]);
    match conflict.get(&key(0)) {
        Some(super::Winner::Conflict { rank: 2, templates, .. }) => {
            assert_eq!(*templates, BTreeSet::from([TemplateId(1), TemplateId(2)]));
        }
        other => panic!("{other:?}"),
    }
}

fn some_templates() -> impl Strategy<Value = Vec<(u16, bool, BTreeMap<u8, i64>)>> {
    let values = prop::collection::btree_map(0_u8..4, 0_i64..3, 0..4);
    prop::collection::vec((1_u16..4, any::<bool>(), values), 0..8)
}

proptest! {
    #[test]
    fn the_outcome_is_the_strongest_whatever_the_order(given in some_templates(), seed in any::<u64>()) {
        let templates: Vec<Template> = given
            .iter()
            .enumerate()
            .map(|(place, (rank, _, values))| {
                let values: Vec<(u8, i64)> = values.iter().map(|(key, value)| (*key, *value)).collect();
                template(i64::try_from(place).unwrap_or(0), *rank, &values)
            })
            .collect();
        let mut applied: Vec<Applied<'_>> = templates
            .iter()
            .zip(&given)
            .map(|(template, (_, grouped, _))| {
                let layer = if *grouped { Layer::GroupTemplate } else { Layer::DefaultTemplate };
                Applied { template, layer, groups: Vec::new() }
            })
            .collect();
        let first = outcomes(&applied);
        // Any other order.
        let mut state = seed | 1;
        for place in (1..applied.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(state >> 33).unwrap_or(0) % (place + 1);
            applied.swap(place, other);
        }
        prop_assert_eq!(&first, &outcomes(&applied));
        // By the definition, written down a second time.
        for number in 0..4_u8 {
            let mut all: Vec<(Layer, u16, i64, i64)> = applied
                .iter()
                .filter_map(|one| match one.template.values.get(&key(number)) {
                    Some(Wish::Plain(Value::Integer(value))) => {
                        Some((one.layer, one.template.rank, *value, one.template.id.0))
                    }
                    _ => None,
                })
                .collect();
            all.sort_unstable();
            let strongest = all.first().map(|(layer, rank, ..)| (*layer, *rank));
            let top: Vec<_> = all.iter().filter(|(layer, rank, ..)| Some((*layer, *rank)) == strongest).collect();
            let values: BTreeSet<i64> = top.iter().map(|(_, _, value, _)| *value).collect();
            match first.get(&key(number)) {
                None => prop_assert!(top.is_empty()),
                Some(Outcome::One(one)) => {
                    prop_assert_eq!(values.len(), 1);
                    prop_assert_eq!(Some(one.template.0), top.iter().map(|(.., id)| *id).min());
                }
                Some(Outcome::Conflict { templates, .. }) => {
                    prop_assert!(values.len() > 1);
                    prop_assert_eq!(templates.len(), top.len());
                }
            }
        }
    }
}
