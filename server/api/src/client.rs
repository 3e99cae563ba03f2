//! Clients: phones in the inventory, and what they report (OSEM §4, D-1 … D-6).

use domain::ClientId;
use domain::client::{
    Access, ClientState, ContactReason, Fault, FirmwareState, Mobility, QuarantineReason, SecureMode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClientView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ClientId,
    /// MAC address in lower case with colons, or the identifier of a soft client; `null` while prepared.
    pub device_id: Option<String>,
    /// The device id as the phone writes it.
    pub device_id_text: Option<String>,
    /// Where it is in its life.
    #[schema(schema_with = crate::schema::word::<ClientState>)]
    pub state: ClientState,
    /// Why it is in quarantine (D-4).
    #[schema(schema_with = crate::schema::word_or_null::<QuarantineReason>)]
    pub quarantine_reason: Option<QuarantineReason>,
    /// Number in use.
    pub e164: Option<String>,
    /// Number of the device itself.
    pub basic_e164: Option<String>,
    /// Device type as reported.
    pub device_type: Option<String>,
    /// Short name of the model; `null` when the device type is not a known one.
    pub model: Option<String>,
    /// `SIP`, `HFA` or another word.
    pub software_type: Option<String>,
    /// Firmware version as reported.
    pub software_version: Option<String>,
    /// Part number.
    pub part_number: Option<String>,
    /// Key modules.
    pub key_modules: Option<String>,
    /// Display backlight; `unknown (n)` when the reported number has no known meaning (D-6).
    pub backlight: Option<String>,
    /// Whether the LAN interface is capable of gigabit speed.
    pub gigabit: Option<bool>,
    /// Where contact-me goes, as the phone says.
    pub contact_me_uri: Option<String>,
    /// Address it last came from.
    pub peer_address: Option<String>,
    /// Network it is bound to (D-4).
    pub bound_network: Option<String>,
    /// Address it is trusted at: the first one, or the one that was approved. Secrets go nowhere else.
    pub trusted_address: Option<String>,
    /// Address of the phone's own web pages: the address it last came from (D-6).
    pub wbm_url: Option<String>,
    /// Secure mode.
    #[schema(schema_with = crate::schema::word::<SecureMode>)]
    pub secure_mode: SecureMode,
    /// Mobility.
    #[schema(schema_with = crate::schema::word::<Mobility>)]
    pub mobility: Mobility,
    /// How the server reaches it.
    #[schema(schema_with = crate::schema::word::<Access>)]
    pub access: Access,
    /// Faults it reports.
    #[schema(schema_with = crate::schema::list_of_words::<Fault>)]
    pub faults: Vec<Fault>,
    /// What an administrator should look at.
    pub warnings: Vec<Warning>,
    /// Last contact.
    pub last_contact_at: Option<Timestamp>,
    /// Reason of the last contact.
    #[schema(schema_with = crate::schema::word_or_null::<ContactReason>)]
    pub last_contact_reason: Option<ContactReason>,
    /// When everything was last read from it.
    pub full_read_at: Option<Timestamp>,
    /// Whether everything is read at its next contact.
    pub full_read_wanted: bool,
    /// An administrator prepared or approved it: it may get secrets in default mode (D-24).
    pub approved: bool,
    /// Number of its desired configuration; 0 when nothing was ever desired (D-27).
    pub configuration_revision: i64,
    /// Whether something is desired of it: it has, or had, values of its own, or a template applies to it.
    pub desired: bool,
    /// Targets of jobs that wait for it or are under way with it. Not counted: what is planned for later.
    pub open_targets: u64,
    /// Values that were changed at the phone after they had been as desired (D-23).
    pub drifted: u64,
    /// Secrets were withheld from it, and it has accepted none since (D-24).
    pub secrets_withheld: bool,
    /// It was seen before, and not in the last 7 days.
    pub not_seen: bool,
    /// Groups it is a member of.
    pub groups: Vec<crate::template::NamedGroup>,
    /// Its values of the fields an administrator has added, by their names.
    pub fields: std::collections::BTreeMap<String, String>,
    /// Server the phone is registered with, as it reports it (`reg-addr`).
    pub server_address: Option<String>,
    /// The client it takes the place of (D-29).
    #[schema(value_type = Option<i64>)]
    pub replaces: Option<ClientId>,
    /// Template chosen when it was prepared (D-20).
    #[schema(value_type = Option<i64>)]
    pub onboarding_template: Option<domain::TemplateId>,
    /// First seen, or prepared.
    pub created_at: Timestamp,
    /// Last change; a contact that says nothing new is none.
    pub updated_at: Timestamp,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// Something about a client that an administrator should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// Another client reports the same number (D-3).
    NumberInUse,
}

/// What a client reports, one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemView {
    /// Item name.
    pub name: String,
    /// Instance number; an item without one is not the item with number 0.
    pub index: Option<u16>,
    /// Text; `null` for a secret.
    pub value: Option<String>,
    /// Whether the value is a secret, which is never shown (D-16).
    pub secret: bool,
    /// Status word of the phone, when the value could not be read.
    pub status: Option<String>,
    /// When the phone last said something new of it.
    pub reported_at: Timestamp,
}

/// Which clients a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ClientQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Clients on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `e164` (default), `model`, `device_id`, `software_version`, `last_contact_at`, `state`, `part_number`,
    /// `key_modules`, `peer_address`, `secure_mode`, `mobility` or `access`; `-` before it for descending.
    pub sort: Option<String>,
    /// Cursor: the list's `next`, with the same filter and order.
    pub after: Option<String>,
    /// Part of the number, of the MAC address in any spelling, or of the software version (OSEM §4.3).
    pub search: Option<String>,
    /// `SIP`, `HFA` or another word; `none`: those that do not say.
    pub software_type: Option<String>,
    /// Short name of the model, or a device type that is not a known one.
    pub model: Option<String>,
    /// State.
    #[param(schema_with = crate::schema::word::<ClientState>)]
    pub state: Option<ClientState>,
    /// Firmware version, exactly as it is shown.
    pub software_version: Option<String>,
    /// How it stands to the software that is here: `outdated` (a plan of `POST /firmware/plan` would update it), `due`
    /// (the rule of its templates would), `updating` (it is updated right now), `phones` (all that count for these: neither
    /// prepared nor retired). With very many clients, models and versions are known some seconds later.
    #[param(schema_with = crate::schema::word::<FirmwareState>)]
    pub firmware: Option<FirmwareState>,
    /// Whether targets of jobs wait for it or are under way with it.
    pub in_job: Option<bool>,
    /// Whether values were changed at the phone (D-23).
    pub drift: Option<bool>,
    /// `any`, or the fault it reports.
    #[param(schema_with = crate::schema::fault_filter)]
    pub fault: Option<String>,
    /// Whether it was seen before and not in the last 7 days.
    pub not_seen: Option<bool>,
    /// Whether secrets were withheld from it (D-24).
    pub secrets_withheld: Option<bool>,
    /// Reason of the last contact.
    #[param(schema_with = crate::schema::word::<ContactReason>)]
    pub last_contact_reason: Option<ContactReason>,
    /// Last contact not before this time.
    pub seen_from: Option<Timestamp>,
    /// Last contact before this time.
    pub seen_until: Option<Timestamp>,
    /// Members of this group.
    #[param(value_type = Option<i64>)]
    pub group: Option<domain::GroupId>,
    /// Those this template applies to.
    #[param(value_type = Option<i64>)]
    pub template: Option<domain::TemplateId>,
}

/// Form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// Comma separated (RFC 4180) with a header line. Cells that a spreadsheet would run as a formula begin
    /// with an apostrophe.
    Csv,
    /// One JSON array.
    #[default]
    Json,
}

/// Which clients an export has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ClientExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// As in the list.
    pub sort: Option<String>,
    /// As in the list.
    pub search: Option<String>,
    /// As in the list.
    pub software_type: Option<String>,
    /// As in the list.
    pub model: Option<String>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<ClientState>)]
    pub state: Option<ClientState>,
    /// As in the list.
    pub software_version: Option<String>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<FirmwareState>)]
    pub firmware: Option<FirmwareState>,
    /// As in the list.
    pub in_job: Option<bool>,
    /// As in the list.
    pub drift: Option<bool>,
    /// As in the list.
    #[param(schema_with = crate::schema::fault_filter)]
    pub fault: Option<String>,
    /// As in the list.
    pub not_seen: Option<bool>,
    /// As in the list.
    pub secrets_withheld: Option<bool>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<ContactReason>)]
    pub last_contact_reason: Option<ContactReason>,
    /// As in the list.
    pub seen_from: Option<Timestamp>,
    /// As in the list.
    pub seen_until: Option<Timestamp>,
    /// As in the list.
    #[param(value_type = Option<i64>)]
    pub group: Option<domain::GroupId>,
    /// As in the list.
    #[param(value_type = Option<i64>)]
    pub template: Option<domain::TemplateId>,
}

impl From<ClientExportQuery> for ClientQuery {
    fn from(query: ClientExportQuery) -> Self {
        Self {
            page: None,
            size: None,
            after: None,
            sort: query.sort,
            search: query.search,
            software_type: query.software_type,
            model: query.model,
            state: query.state,
            software_version: query.software_version,
            firmware: query.firmware,
            in_job: query.in_job,
            drift: query.drift,
            fault: query.fault,
            not_seen: query.not_seen,
            secrets_withheld: query.secrets_withheld,
            last_contact_reason: query.last_contact_reason,
            seen_from: query.seen_from,
            seen_until: query.seen_until,
            group: query.group,
            template: query.template,
        }
    }
}

/// Which items of a client are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ItemQuery {
    /// Part of the name, in any case of letters.
    pub name: Option<String>,
}
