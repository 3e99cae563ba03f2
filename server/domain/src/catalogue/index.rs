//! The catalogue as one thing: looking parameters up by id, by item, by text.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Area, Kind, Parameter, Section};

/// Where a parameter stands: area, section, place.
type Place = (usize, usize, usize);

/// All parameters, in the tree of OSEM §7. In JSON it is the list of its areas.
#[derive(Clone, Debug)]
pub struct Catalogue {
    areas: Vec<Area>,
    by_id: HashMap<String, Place>,
    by_item: HashMap<String, Vec<Place>>,
    groups: BTreeMap<String, Vec<String>>,
    /// Parameters for templates and no kind of client, with the kinds of clients their values are for.
    by_template: HashMap<String, Vec<Kind>>,
}

/// Kinds of phones; the others (user, template) are applied to phones of one of these.
const CLIENTS: [Kind; 2] = [Kind::SipClient, Kind::HfaClient];

/// The parameters of a section that are for templates and no kind of client, with the kinds they reach.
fn by_template(section: &Section) -> Vec<(String, Vec<Kind>)> {
    let offered = |kind: &Kind| section.parameters.iter().any(|parameter| parameter.is_for(*kind));
    let mut kinds: Vec<Kind> = CLIENTS.into_iter().filter(offered).collect();
    if kinds.is_empty() {
        kinds = CLIENTS.to_vec();
    }
    let alone = |parameter: &&Parameter| {
        parameter.is_for(Kind::Template) && !CLIENTS.iter().any(|kind| parameter.is_for(*kind))
    };
    section.parameters.iter().filter(alone).map(|parameter| (parameter.id.clone(), kinds.clone())).collect()
}

impl Serialize for Catalogue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.areas.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Catalogue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from_areas)
    }
}

impl Catalogue {
    /// A catalogue of these areas.
    pub fn from_areas(areas: Vec<Area>) -> Self {
        let mut by_id = HashMap::new();
        let mut by_item: HashMap<String, Vec<Place>> = HashMap::new();
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (a, area) in areas.iter().enumerate() {
            for (s, section) in area.sections.iter().enumerate() {
                for (p, parameter) in section.parameters.iter().enumerate() {
                    by_id.insert(parameter.id.clone(), (a, s, p));
                    let Some(delivery) = &parameter.delivery else { continue };
                    by_item.entry(delivery.item.clone()).or_default().push((a, s, p));
                    if let Some(group) = &delivery.group {
                        let items = groups.entry(group.clone()).or_default();
                        if !items.contains(&delivery.item) {
                            items.push(delivery.item.clone());
                        }
                    }
                }
            }
        }
        let by_template = areas.iter().flat_map(|area| &area.sections).flat_map(by_template).collect();
        Self { areas, by_id, by_item, groups, by_template }
    }

    /// The catalogue as shipped, without an override file.
    #[cfg(feature = "yaml")]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| {
            // The files are part of the program; a test reads them.
            Catalogue::load(None).unwrap_or_else(|_| Catalogue::from_areas(Vec::new()))
        });
        &BUILT_IN
    }

    /// The tree.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Every parameter, in the order of the tree.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.areas.iter().flat_map(|area| &area.sections).flat_map(|section| &section.parameters)
    }

    /// The parameter with an id.
    pub fn parameter(&self, id: &str) -> Option<&Parameter> {
        self.at(*self.by_id.get(id)?)
    }

    fn at(&self, (area, section, parameter): Place) -> Option<&Parameter> {
        self.areas.get(area)?.sections.get(section)?.parameters.get(parameter)
    }

    /// Whether a value of a parameter counts for clients of a kind: it is offered for them, or for templates and for no
    /// kind of client. OSEM §7 lists some settings for templates alone (trace levels, date and time format), which
    /// are nothing but settings of the clients of the template. Such a parameter keeps to the kinds its section is
    /// offered for (OSEM §7.4.3: SIP clients only). One for mobile users alone reaches no client.
    pub fn reaches(&self, parameter: &Parameter, kind: Kind) -> bool {
        parameter.is_for(kind)
            || self.by_template.get(&parameter.id).is_some_and(|kinds| kinds.contains(&kind))
    }

    /// The parameters that stand on an item for this kind of client, with the number of their entry.
    pub fn by_item(&self, kind: Kind, item: &str, index: Option<u16>) -> Vec<(&Parameter, Option<u16>)> {
        let places = self.by_item.get(item).map(Vec::as_slice).unwrap_or_default();
        let parameters = places.iter().filter_map(|place| self.at(*place));
        parameters
            .filter(|parameter| parameter.is_for(kind))
            .filter_map(|parameter| parameter.entry_of(index).map(|entry| (parameter, entry)))
            .collect()
    }

    /// Names of the items of a logical record.
    pub fn group(&self, name: &str) -> &[String] {
        self.groups.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Parameters in which every word of the text occurs: in the name first, then in the rest; in both
    /// languages, without regard to case and umlauts.
    pub fn search(&self, text: &str) -> Vec<&Parameter> {
        let words: Vec<String> = text.split_whitespace().take(16).map(fold).collect();
        let mut found: Vec<(usize, &Parameter)> = self
            .parameters()
            .filter_map(|parameter| {
                words
                    .iter()
                    .map(|word| rank(parameter, word))
                    .sum::<Option<usize>>()
                    .map(|rank| (rank, parameter))
            })
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, parameter)| parameter).collect()
    }
}

impl Parameter {
    /// The entry an item index belongs to; outer `None` when the index is none of this parameter's.
    fn entry_of(&self, index: Option<u16>) -> Option<Option<u16>> {
        let delivery = self.delivery.as_ref()?;
        match (delivery.index, index) {
            (super::ItemIndex::None, None) => Some(None),
            (super::ItemIndex::Fixed(own), Some(index)) if own == index => Some(None),
            (super::ItemIndex::Entry(offset), Some(index)) => {
                let entry = u16::try_from(i32::from(index) - offset).ok()?;
                let (first, last) = self.entries?;
                (first..=last).contains(&entry).then_some(Some(entry))
            }
            _ => None,
        }
    }
}

/// 0 for a word at the beginning of the name, then the name, id and item, and last help and choices.
fn rank(parameter: &Parameter, word: &str) -> Option<usize> {
    let label = [&parameter.label.en, &parameter.label.de].map(|text| fold(text));
    if label.iter().any(|label| label.starts_with(word)) {
        return Some(0);
    }
    if label.iter().any(|label| label.contains(word)) {
        return Some(1);
    }
    let item = parameter.delivery.as_ref().map(|delivery| delivery.item.as_str()).unwrap_or_default();
    if parameter.id.contains(word) || fold(item).contains(word) {
        return Some(2);
    }
    let choices = match &parameter.value {
        super::ValueType::Enum { choices } => choices.as_slice(),
        _ => &[],
    };
    let in_choices = choices
        .iter()
        .any(|choice| fold(&choice.label.en).contains(word) || fold(&choice.label.de).contains(word));
    let in_help = [&parameter.help.en, &parameter.help.de].iter().any(|text| fold(text).contains(word));
    (in_choices || in_help).then_some(3)
}

/// Lower case, umlauts as two letters.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        match character {
            'ä' => folded.push_str("ae"),
            'ö' => folded.push_str("oe"),
            'ü' => folded.push_str("ue"),
            'ß' => folded.push_str("ss"),
            other => folded.push(other),
        }
    }
    folded
}
