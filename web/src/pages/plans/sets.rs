//! The changes of a plan in sets: clients that get the same values are one set, however many they are. Pure.

use std::collections::BTreeMap;

use api::plan::{PlanTargetView, RowView};

/// Clients that get the same values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// How many.
    pub clients: u64,
    /// Their models, in the order of the alphabet.
    pub models: Vec<String>,
    /// What is written.
    pub lines: Vec<SetLine>,
    /// Whether the telephony of these restarts.
    pub restarts: bool,
    /// Whether a value can cut them off.
    pub care: bool,
}

/// One value of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetLine {
    /// What is written, of the first client.
    pub row: RowView,
    /// What the clients have now, and how many of them; the most frequent first.
    pub before: Vec<(Option<String>, u64)>,
    /// To how many of the clients it is not handed out: a secret.
    pub withheld: u64,
}

/// What tells two sets apart: items and what is written to them.
type Signature = Vec<(String, Option<u16>, Option<String>, bool)>;

/// Puts clients that get the same values together; the largest set first.
pub fn sets(targets: &[PlanTargetView]) -> Vec<ChangeSet> {
    let mut found: BTreeMap<Signature, (Vec<&PlanTargetView>, Vec<&RowView>)> = BTreeMap::new();
    for target in targets.iter().filter(|target| target.excluded.is_none() && !target.rows.is_empty()) {
        let mut rows: Vec<&RowView> = target.rows.iter().collect();
        rows.sort_by(|one, other| (&one.item, one.index).cmp(&(&other.item, other.index)));
        let signature = rows.iter().map(|row| (row.item.clone(), row.index, row.to.clone(), row.companion));
        found.entry(signature.collect()).or_insert_with(|| (Vec::new(), rows)).0.push(target);
    }
    let mut sets: Vec<ChangeSet> = found.into_values().map(|(targets, rows)| set(&targets, &rows)).collect();
    sets.sort_by_key(|set| std::cmp::Reverse(set.clients));
    sets
}

/// Whether this row of a client is a secret that would not be handed out to it.
pub fn is_withheld(target: &PlanTargetView, row: &RowView) -> bool {
    target.withheld.iter().any(|secret| (&secret.item, secret.index) == (&row.item, row.index))
}

fn set(targets: &[&PlanTargetView], rows: &[&RowView]) -> ChangeSet {
    let line = |row: &&RowView| {
        let mut before: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for target in targets {
            let same = target.rows.iter().find(|own| (&own.item, own.index) == (&row.item, row.index));
            *before.entry(same.and_then(|own| own.from.clone())).or_default() += 1;
        }
        let mut before: Vec<(Option<String>, u64)> = before.into_iter().collect();
        before.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let withheld = targets.iter().filter(|target| is_withheld(target, row)).count() as u64;
        SetLine { row: (*row).clone(), before, withheld }
    };
    let mut models: Vec<String> = targets.iter().filter_map(|target| target.model.clone()).collect();
    models.sort();
    models.dedup();
    // What is unchanged and only keeps its record whole stands below what changes.
    let (companions, changed): (Vec<&RowView>, Vec<&RowView>) = rows.iter().partition(|row| row.companion);
    ChangeSet {
        clients: targets.len() as u64,
        models,
        lines: changed.iter().chain(&companions).map(line).collect(),
        restarts: rows.iter().any(|row| row.restarts),
        care: rows.iter().any(|row| row.care),
    }
}

#[cfg(test)]
mod tests {
    use super::sets;
    use api::plan::{PlanTargetView, RowView, WithheldView};
    use domain::ClientId;

    fn row(item: &str, from: Option<&str>, to: &str, restarts: bool) -> RowView {
        RowView {
            item: item.to_owned(),
            index: None,
            parameters: Vec::new(),
            from: from.map(str::to_owned),
            to: Some(to.to_owned()),
            secret: false,
            group: None,
            care: false,
            restarts,
            unconfirmed: false,
            companion: false,
        }
    }

    fn target(id: i64, model: &str, rows: Vec<RowView>) -> PlanTargetView {
        PlanTargetView {
            client_id: ClientId(id),
            device_id: None,
            e164: None,
            model: Some(model.to_owned()),
            rows,
            left_out: Vec::new(),
            withheld: Vec::new(),
            conflicts: Vec::new(),
            brought_back: Vec::new(),
            excluded: None,
        }
    }

    #[test]
    fn the_same_values_are_one_set_whatever_was_there_before() {
        let targets = [
            target(1, "CP600", vec![row("a", Some("UDP"), "TLS", false), row("b", None, "1", false)]),
            target(2, "CP400", vec![row("b", None, "1", false), row("a", Some("TCP"), "TLS", false)]),
            target(3, "CP600", vec![row("a", Some("UDP"), "TLS", false), row("b", None, "1", false)]),
            target(4, "OS40", vec![row("a", Some("UDP"), "TLS", true)]),
            target(5, "OS40", vec![]),
        ];
        let sets = sets(&targets);
        assert_eq!(
            sets.iter().map(|set| (set.clients, set.lines.len(), set.restarts)).collect::<Vec<_>>(),
            [(3, 2, false), (1, 1, true)]
        );
        assert_eq!(sets[0].models, ["CP400", "CP600"]);
        let before: Vec<_> =
            sets[0].lines[0].before.iter().map(|(text, count)| (text.as_deref(), *count)).collect();
        assert_eq!(before, [(Some("UDP"), 2), (Some("TCP"), 1)]);
    }

    #[test]
    fn a_line_says_how_many_clients_do_not_get_the_secret() {
        let mut targets = [
            target(1, "CP600", vec![row("pwd", None, "1", false), row("b", None, "1", false)]),
            target(2, "CP600", vec![row("pwd", None, "1", false), row("b", None, "1", false)]),
        ];
        let reason = api::configuration::Reason::new("not-approved");
        targets[1].withheld = vec![WithheldView { item: "pwd".to_owned(), index: None, reason }];
        let sets = sets(&targets);
        let withheld: Vec<_> =
            sets[0].lines.iter().map(|line| (line.row.item.as_str(), line.withheld)).collect();
        assert_eq!(withheld, [("b", 0), ("pwd", 1)]);
    }

    #[test]
    fn another_value_is_another_set() {
        let targets = [
            target(1, "CP600", vec![row("a", None, "1", false)]),
            target(2, "CP600", vec![row("a", None, "2", false)]),
        ];
        assert_eq!(sets(&targets).len(), 2);
    }
}
