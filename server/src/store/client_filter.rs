//! Which clients: the filters of their list as a condition (D-36). Knows nothing of orders and pages.

use domain::client::{ClientState, ContactReason, Fault};
use domain::group_filter::Filter;
use jiff::{SignedDuration, Timestamp};
use sea_orm::Value;

use super::client_firmware::{self, ByFirmware, Takes};
use super::group_filter;

/// A client that was seen, but not within this time, is looked for. Hours, because a day is no fixed time.
pub const NOT_SEEN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Clients from which secrets were withheld and that have accepted none since (D-24). What was withheld and is no
/// longer desired needs nobody's attention. Who gets what from templates is worked out and not stored, so this comes
/// near it: the client has a secret of its own or from onboarding, or what was withheld came from templates (their jobs,
/// and those of contacts) and some template still holds a secret, if only one for others.
pub(super) const WITHHELD: &str = "SELECT t.client_id FROM job_target AS t WHERE t.reason = 'withheld' \
    AND t.client_id IS NOT NULL AND t.finished_at IS NOT NULL \
    AND EXISTS (SELECT 1 FROM client AS c WHERE c.id = t.client_id AND c.state <> 'retired') \
    AND (EXISTS (SELECT 1 FROM client_value AS v WHERE v.client_id = t.client_id AND v.sealed = TRUE) \
    OR (EXISTS (SELECT 1 FROM template_value AS s WHERE s.sealed = TRUE) \
    AND EXISTS (SELECT 1 FROM job AS j WHERE j.id = t.job_id AND (j.cause = 'templates' OR j.kind = 'converge')))) \
    AND NOT EXISTS (SELECT 1 FROM secret_write AS w WHERE w.client_id = t.client_id AND w.acknowledged_at >= t.finished_at)";

/// Clients for which a target waits or is under way; the whole condition of the partial index.
const IN_JOB: &str = "SELECT client_id FROM job_target \
    WHERE state IN ('waiting', 'active', 'sent') AND client_id IS NOT NULL";

const DRIFTED: &str = "SELECT client_id FROM drift";

/// Another phone has not taken its place: nobody waits for one that is retired.
pub(super) const IS_THERE: &str = "state <> 'retired'";

/// Last contact as it is indexed.
const LAST_CONTACT: &str = "COALESCE(last_contact_at, 0)";

/// A fault a client reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultFilter {
    /// Whichever.
    Any,
    /// This one.
    One(Fault),
}

/// Which clients a list shows; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientFilter {
    /// Part of the number, of the MAC address in any spelling, or of the software version.
    pub search: Option<String>,
    /// `SIP`, `HFA` or another word; an empty one: those that do not say.
    pub software_type: Option<String>,
    /// Software version, exactly.
    pub software_version: Option<String>,
    /// Short name of the model, or a reported device type no model matches.
    pub model: Option<String>,
    /// State.
    pub state: Option<ClientState>,
    /// How they stand to the software that is here.
    pub firmware: Option<ByFirmware>,
    /// Whether targets of jobs wait for it or are under way.
    pub in_job: Option<bool>,
    /// Whether values were changed at the phone.
    pub drift: Option<bool>,
    /// A fault.
    pub fault: Option<FaultFilter>,
    /// Whether it was seen before and not within [`NOT_SEEN_AFTER`].
    pub not_seen: Option<bool>,
    /// Whether secrets were withheld from it.
    pub secrets_withheld: Option<bool>,
    /// Reason of the last contact.
    pub last_contact_reason: Option<ContactReason>,
    /// Last contact not before this time.
    pub seen_from: Option<Timestamp>,
    /// Last contact before this time.
    pub seen_until: Option<Timestamp>,
    /// Those that all of these take: of groups and templates. Retired clients only when `state` asks for them.
    pub among: Vec<Filter>,
}

impl ClientFilter {
    /// Whether it takes all.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it looks at what changes without anybody saying so: the time, contacts, jobs. Its total is not kept.
    pub(super) fn is_fleeting(&self) -> bool {
        let Self {
            firmware,
            in_job,
            drift,
            not_seen,
            secrets_withheld,
            last_contact_reason,
            seen_from,
            seen_until,
            ..
        } = self;
        firmware.as_ref().is_some_and(|by| by.takes == Takes::Updating)
            || in_job.is_some()
            || drift.is_some()
            || not_seen.is_some()
            || secrets_withheld.is_some()
            || last_contact_reason.is_some()
            || seen_from.is_some()
            || seen_until.is_some()
    }
}

/// A condition with the values of its places.
pub(super) struct Condition {
    parts: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Condition {
    pub(super) fn of(filter: &ClientFilter, at: Timestamp, is_postgres: bool) -> Self {
        let mut condition = Self { parts: Vec::new(), values: Vec::new() };
        if let Some(search) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            condition.search(search);
        }
        let says = filter.software_type.as_ref().is_none_or(|word| !word.is_empty());
        let software_type = if says { "software_type" } else { "TRIM(COALESCE(software_type, ''))" };
        let equal = [
            (software_type, &filter.software_type),
            ("software_version", &filter.software_version),
            ("COALESCE(model, device_type, '')", &filter.model),
        ];
        for (expression, wanted) in equal {
            if let Some(wanted) = wanted {
                let value = condition.value(wanted.clone());
                condition.add(format!("{expression} = {value}"));
            }
        }
        if let Some(state) = filter.state {
            let value = condition.value(state.as_str().to_owned());
            condition.add(format!("state = {value}"));
        }
        if let Some(reason) = filter.last_contact_reason {
            let value = condition.value(reason.as_str().to_owned());
            condition.add(format!("last_contact_reason = {value}"));
        }
        match filter.fault {
            None => {}
            Some(FaultFilter::Any) => condition.add("faults <> ''".to_owned()),
            Some(FaultFilter::One(fault)) => {
                let value = condition.value(format!("%,{},%", fault.as_str()));
                condition.add(format!("(',' || faults || ',') LIKE {value}"));
            }
        }
        for (wanted, clients) in
            [(filter.in_job, IN_JOB), (filter.drift, DRIFTED), (filter.secrets_withheld, WITHHELD)]
        {
            if let Some(wanted) = wanted {
                condition.add(format!("id {} ({clients})", if wanted { "IN" } else { "NOT IN" }));
            }
        }
        if let Some(by) = &filter.firmware {
            let part = client_firmware::condition(by, &mut condition, is_postgres);
            condition.add(part);
        }
        condition.time(filter, at);
        if !filter.among.is_empty() && filter.state != Some(ClientState::Retired) {
            // Members of groups are those that are there, unless the others are asked for.
            condition.add(IS_THERE.to_owned());
        }
        for among in &filter.among {
            let part = group_filter::condition(among, &mut condition, is_postgres);
            condition.add(part);
        }
        condition
    }

    fn search(&mut self, search: &str) {
        let upper = search.to_uppercase();
        let bare: String = upper.chars().filter(|c| !":-.".contains(*c)).collect();
        let number = self.value(contains(search));
        let version = self.value(contains(&upper));
        let mut any = vec![
            format!("e164 LIKE {number} ESCAPE '!'"),
            format!("UPPER(software_version) LIKE {version} ESCAPE '!'"),
            format!("device_id LIKE {version} ESCAPE '!'"),
        ];
        // "1a:e8" and "1AE8" find the same phone.
        if bare != upper && !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let device = self.value(contains(&bare));
            any.push(format!("device_id LIKE {device} ESCAPE '!'"));
        }
        self.add(format!("({})", any.join(" OR ")));
    }

    fn time(&mut self, filter: &ClientFilter, at: Timestamp) {
        let limit = at.saturating_sub(NOT_SEEN_AFTER).unwrap_or(Timestamp::MIN).as_millisecond();
        match filter.not_seen {
            None => {}
            Some(true) => {
                let value = self.value(limit);
                self.add(format!("{LAST_CONTACT} > 0 AND {LAST_CONTACT} < {value} AND {IS_THERE}"));
            }
            Some(false) => {
                let value = self.value(limit);
                self.add(format!("({LAST_CONTACT} = 0 OR {LAST_CONTACT} >= {value} OR NOT {IS_THERE})"));
            }
        }
        if let Some(from) = filter.seen_from {
            // Who was never seen has no last contact, and 0 in the index.
            let value = self.value(from.as_millisecond().max(1));
            self.add(format!("{LAST_CONTACT} >= {value}"));
        }
        if let Some(until) = filter.seen_until {
            let value = self.value(until.as_millisecond());
            self.add(format!("{LAST_CONTACT} > 0 AND {LAST_CONTACT} < {value}"));
        }
    }

    /// One more part, joined by "and".
    pub(super) fn add(&mut self, part: String) {
        self.parts.push(part);
    }

    /// The place of a value.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(super) fn text(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!("WHERE {}", self.parts.join(" AND ")) }
    }
}

/// The pattern of a text somewhere within; `!` is the escape character.
pub(super) fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
