//! Clients: one row a phone, or the entry prepared for one (OSEM §4, D-1 … D-6).

use domain::client::{Access, ClientState, ContactReason, FaultSet, Mobility, QuarantineReason, SecureMode};
use domain::contact::{DeviceReport, Known};
use domain::{ClientId, DeviceId, TemplateId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::calls::Call;
use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A client with everything OSEM §4 shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// MAC address, or the identifier of a soft client; absent for a prepared client.
    pub device_id: Option<DeviceId>,
    /// The device id as the phone wrote it.
    pub device_id_text: Option<String>,
    /// Where it is in its life.
    pub state: ClientState,
    /// Why it is in quarantine.
    pub quarantine_reason: Option<QuarantineReason>,
    /// Number in use.
    pub e164: Option<String>,
    /// Number of the device itself.
    pub basic_e164: Option<String>,
    /// `device-type` as reported.
    pub device_type: Option<String>,
    /// Short name of the model, when it is a known one.
    pub model: Option<String>,
    /// `SIP`, `HFA` or another word.
    pub software_type: Option<String>,
    /// Firmware version as reported.
    pub software_version: Option<String>,
    /// Part number.
    pub part_number: Option<String>,
    /// Key modules in words.
    pub key_modules: Option<String>,
    /// Most items it takes in one message; `None` when it names no limit.
    pub most_items: Option<u32>,
    /// Backlight as reported.
    pub backlight: Option<String>,
    /// Whether the LAN interface is capable of gigabit speed.
    pub gigabit: Option<bool>,
    /// Where contact-me goes, as the phone says.
    pub contact_me_uri: Option<String>,
    /// Address it last came from.
    pub peer_address: Option<String>,
    /// Network it is bound to.
    pub bound_network: Option<String>,
    /// Address it is trusted at: the first one, or the one an administrator approved (D-24).
    pub trusted_address: Option<String>,
    /// Secure mode.
    pub secure_mode: SecureMode,
    /// Mobility.
    pub mobility: Mobility,
    /// How the server reaches it.
    pub access: Access,
    /// Faults it reports.
    pub faults: FaultSet,
    /// Last contact.
    pub last_contact_at: Option<Timestamp>,
    /// Reason of the last contact.
    pub last_contact_reason: Option<ContactReason>,
    /// Last full read.
    pub full_read_at: Option<Timestamp>,
    /// A full read is wanted at the next contact.
    pub full_read_wanted: bool,
    /// An administrator prepared or approved it (D-24).
    pub approved: bool,
    /// Number of its desired configuration; 0 when nothing was ever desired (D-27).
    pub configuration_revision: i64,
    /// Server it is registered with, as it reports it (D-21).
    pub server_address: Option<String>,
    /// When onboarding values were copied to it (D-20).
    pub onboarded_at: Option<Timestamp>,
    /// Template chosen when it was prepared.
    pub onboarding_template: Option<TemplateId>,
    /// The client it takes the place of (D-29).
    pub replaces: Option<ClientId>,
    /// First seen or prepared.
    pub created_at: Timestamp,
    /// Last change that counts as one (not: a contact that said nothing new).
    pub updated_at: Timestamp,
    /// Number of such changes; the ETag.
    pub revision: i64,
}

pub(super) const COLUMNS: &str = "id, device_id, device_id_text, state, quarantine_reason, e164, basic_e164, \
    device_type, model, software_type, software_version, part_number, key_modules, most_items, backlight, gigabit, \
    contact_me_uri, peer_address, bound_network, trusted_address, secure_mode, mobility, access, faults, last_contact_at, \
    last_contact_reason, full_read_at, full_read_wanted, approved, configuration_revision, server_address, onboarded_at, \
    onboarding_template, replaces, created_at, updated_at, revision";

#[derive(FromQueryResult)]
pub(super) struct Row {
    id: i64,
    device_id: Option<String>,
    device_id_text: Option<String>,
    state: String,
    quarantine_reason: Option<String>,
    e164: Option<String>,
    basic_e164: Option<String>,
    device_type: Option<String>,
    model: Option<String>,
    software_type: Option<String>,
    software_version: Option<String>,
    part_number: Option<String>,
    key_modules: Option<String>,
    most_items: Option<i64>,
    backlight: Option<String>,
    gigabit: Option<bool>,
    contact_me_uri: Option<String>,
    peer_address: Option<String>,
    bound_network: Option<String>,
    trusted_address: Option<String>,
    secure_mode: String,
    mobility: String,
    access: String,
    faults: String,
    last_contact_at: Option<i64>,
    last_contact_reason: Option<String>,
    full_read_at: Option<i64>,
    full_read_wanted: bool,
    approved: bool,
    configuration_revision: i64,
    server_address: Option<String>,
    onboarded_at: Option<i64>,
    onboarding_template: Option<i64>,
    replaces: Option<i64>,
    created_at: i64,
    updated_at: i64,
    revision: i64,
}

impl Row {
    pub(super) fn into_client(self) -> StoreResult<Client> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a client", what };
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| corrupt("client time"));
        Ok(Client {
            id: ClientId(self.id),
            device_id: self
                .device_id
                .map(|text| text.parse())
                .transpose()
                .map_err(|_| corrupt("client.device_id"))?,
            device_id_text: self.device_id_text,
            state: ClientState::parse(&self.state).ok_or(corrupt("client.state"))?,
            quarantine_reason: self.quarantine_reason.as_deref().and_then(QuarantineReason::parse),
            e164: self.e164,
            basic_e164: self.basic_e164,
            device_type: self.device_type,
            model: self.model,
            software_type: self.software_type,
            software_version: self.software_version,
            part_number: self.part_number,
            key_modules: self.key_modules,
            most_items: self.most_items.and_then(|most| u32::try_from(most).ok()),
            backlight: self.backlight,
            gigabit: self.gigabit,
            contact_me_uri: self.contact_me_uri,
            peer_address: self.peer_address,
            bound_network: self.bound_network,
            trusted_address: self.trusted_address,
            secure_mode: SecureMode::parse(&self.secure_mode).ok_or(corrupt("client.secure_mode"))?,
            mobility: Mobility::parse(&self.mobility).ok_or(corrupt("client.mobility"))?,
            access: Access::parse(&self.access).ok_or(corrupt("client.access"))?,
            faults: FaultSet::from_words(&self.faults),
            last_contact_at: self.last_contact_at.map(time).transpose()?,
            last_contact_reason: self.last_contact_reason.as_deref().and_then(ContactReason::parse),
            full_read_at: self.full_read_at.map(time).transpose()?,
            full_read_wanted: self.full_read_wanted,
            approved: self.approved,
            configuration_revision: self.configuration_revision,
            server_address: self.server_address,
            onboarded_at: self.onboarded_at.map(time).transpose()?,
            onboarding_template: self.onboarding_template.map(TemplateId),
            replaces: self.replaces.map(ClientId),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            revision: self.revision,
        })
    }
}

/// A client by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: ClientId) -> StoreResult<Option<Client>> {
    one(on, "id = $1", id.0.into()).await
}

/// A client that is about to be deleted. What a contact or a call locks is locked here too and in the same
/// order, before anything is changed: otherwise the two could wait for each other.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn for_deletion(tx: &Tx, id: ClientId) -> StoreResult<Option<Client>> {
    if tx.is_postgres() {
        for sql in [
            "SELECT 1 FROM client WHERE id = $1 FOR UPDATE",
            "SELECT 1 FROM client_call WHERE client_id = $1 FOR UPDATE",
        ] {
            let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
            tx.inner.query_one_raw(statement).await.attempt("lock a client")?;
        }
    }
    by_id(tx, id).await
}

/// A client by its device id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_device_id(on: &impl Source, device: &DeviceId) -> StoreResult<Option<Client>> {
    one(on, "device_id = $1", device.as_str().into()).await
}

async fn one(on: &impl Source, condition: &str, value: Value) -> StoreResult<Option<Client>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM client WHERE {condition}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [value]);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read a client")?;
    row.map(Row::into_client).transpose()
}

/// What a contact needs to know of a client, read in the transaction that records the contact.
#[derive(Clone, Debug)]
pub struct ForContact {
    /// Its id.
    pub id: ClientId,
    /// Its state.
    pub state: ClientState,
    /// What the decisions of the domain compare with.
    pub known: Known,
    /// Number in use.
    pub e164: Option<String>,
    /// Faults reported before.
    pub faults: FaultSet,
    /// Software type.
    pub software_type: Option<String>,
    /// Firmware version.
    pub software_version: Option<String>,
    /// Mobility.
    pub mobility: Mobility,
    /// Digest of the items of the last opening message.
    pub basic_digest: Option<Vec<u8>>,
    /// Digest of the last full read, when nothing changed since.
    pub items_digest: Option<Vec<u8>>,
    /// When and where it was called, if it ever was wanted.
    pub call: Option<Call>,
    /// The contact before.
    pub last_contact_at: Option<Timestamp>,
    /// Its address then.
    pub peer_address: Option<String>,
    /// Number of the device itself.
    pub basic_e164: Option<String>,
    /// Server it is registered with.
    pub server_address: Option<String>,
    /// Most items it took in one message.
    pub most_items: Option<u32>,
}

#[derive(FromQueryResult)]
struct ContactRow {
    id: i64,
    state: String,
    e164: Option<String>,
    device_type: Option<String>,
    software_type: Option<String>,
    software_version: Option<String>,
    part_number: Option<String>,
    key_modules: Option<String>,
    mobility: String,
    bound_network: Option<String>,
    faults: String,
    full_read_at: Option<i64>,
    full_read_version: Option<String>,
    full_read_wanted: bool,
    basic_digest: Option<Vec<u8>>,
    items_digest: Option<Vec<u8>>,
    next_at: Option<i64>,
    tries: Option<i32>,
    called_at: Option<i64>,
    called_address: Option<String>,
    last_contact_at: Option<i64>,
    peer_address: Option<String>,
    basic_e164: Option<String>,
    server_address: Option<String>,
    most_items: Option<i64>,
}

/// Finds the client of a device id for recording a contact; locks the row where rows are locked.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn for_contact(tx: &Tx, device: &DeviceId) -> StoreResult<Option<ForContact>> {
    let attempt = "find the client of a phone";
    // The key itself is not locked: jobs and values that are stored for the client meanwhile refer to it.
    let lock = if tx.is_postgres() { " FOR NO KEY UPDATE OF client" } else { "" };
    let sql = format!(
        "SELECT id, state, e164, device_type, software_type, software_version, part_number, key_modules, mobility, \
         bound_network, faults, full_read_at, full_read_version, full_read_wanted, basic_digest, \
         items_digest, next_at, tries, called_at, called_address, last_contact_at, peer_address, basic_e164, \
         server_address, most_items \
         FROM client LEFT JOIN client_call ON client_call.client_id = client.id WHERE device_id = $1{lock}"
    );
    let statement = Statement::from_sql_and_values(tx.backend, sql, [device.as_str().into()]);
    let Some(row) = ContactRow::find_by_statement(statement).one(&tx.inner).await.attempt(attempt)? else {
        return Ok(None);
    };
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let full_read_at = row
        .full_read_at
        .map(|ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("client.full_read_at")))
        .transpose()?;
    Ok(Some(ForContact {
        id: ClientId(row.id),
        state: ClientState::parse(&row.state).ok_or(corrupt("client.state"))?,
        known: Known {
            device_type: row.device_type,
            part_number: row.part_number,
            key_modules: row.key_modules,
            bound_network: row.bound_network,
            full_read_version: row.full_read_version,
            full_read_at,
            full_read_wanted: row.full_read_wanted,
        },
        e164: row.e164,
        faults: FaultSet::from_words(&row.faults),
        software_type: row.software_type,
        software_version: row.software_version,
        mobility: Mobility::parse(&row.mobility).ok_or(corrupt("client.mobility"))?,
        basic_digest: row.basic_digest,
        items_digest: row.items_digest,
        peer_address: row.peer_address,
        basic_e164: row.basic_e164,
        server_address: row.server_address,
        most_items: row.most_items.and_then(|most| u32::try_from(most).ok()),
        last_contact_at: row
            .last_contact_at
            .map(|ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("client.last_contact_at")))
            .transpose()?,
        call: match row.tries {
            Some(tries) => Some(Call::from_row(row.next_at, tries, row.called_at, row.called_address)?),
            None => None,
        },
    }))
}

/// What a contact writes into the row. `None` in the report keeps what is there.
#[derive(Clone, Debug)]
pub struct Contact<'a> {
    /// The device part of the message.
    pub report: &'a DeviceReport,
    /// Short name of the model.
    pub model: Option<&'a str>,
    /// Sorts software versions.
    pub software_sort: Option<String>,
    /// The version as a number, when it can be read.
    pub software_order: Option<i64>,
    /// The device id as the phone wrote it.
    pub device_id_text: &'a str,
    /// Most items it takes in one message; `None` when it names no limit.
    pub most_items: Option<u32>,
    /// Peer address; `None` keeps the one that is there.
    pub peer: Option<String>,
    /// The same in a form that sorts.
    pub address_sort: Option<String>,
    /// Network of the peer; bound when nothing is bound yet.
    pub network: String,
    /// Reason of the contact.
    pub reason: ContactReason,
    /// Digest of the items of the message, when it is a new one.
    pub basic_digest: Option<Vec<u8>>,
    /// Goes into quarantine for this reason.
    pub quarantine: Option<QuarantineReason>,
    /// Changed items came with the message: the digest of the full read no longer holds.
    pub items_changed: bool,
    /// Whether the contact counts as a change of the client.
    pub is_change: bool,
    /// Whether an approval ends with it (D-24).
    pub ends_approval: bool,
    /// When.
    pub at: Timestamp,
}

/// Creates the client of a phone never seen before.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, device: &DeviceId, contact: &Contact<'_>) -> StoreResult<ClientId> {
    let attempt = "create a client";
    let report = contact.report;
    let sql = "INSERT INTO client (device_id, device_id_text, state, e164, basic_e164, device_type, model, \
        software_type, software_version, software_sort, part_number, key_modules, backlight, gigabit, \
        contact_me_uri, peer_address, bound_network, secure_mode, mobility, access, faults, last_contact_at, \
        last_contact_reason, full_read_wanted, basic_digest, created_at, updated_at, revision, trusted_address, address_sort, \
        software_order, server_address, most_items) \
        VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'default', $17, \
        'direct', $18, $19, $20, FALSE, $21, $19, $19, 1, $15, $22, $23, $24, $25) RETURNING id";
    let values: [Value; 25] = [
        device.as_str().into(),
        contact.device_id_text.into(),
        report.e164.clone().into(),
        report.basic_e164.clone().into(),
        report.device_type.clone().into(),
        contact.model.map(str::to_owned).into(),
        report.software_type.clone().into(),
        report.software_version.clone().into(),
        contact.software_sort.clone().into(),
        report.part_number.clone().into(),
        report.key_modules.clone().into(),
        report.backlight.clone().into(),
        report.gigabit.into(),
        report.contact_me_uri.clone().into(),
        contact.peer.clone().into(),
        contact.network.as_str().into(),
        report.mobility.unwrap_or(Mobility::Disabled).as_str().into(),
        report.faults.as_ref().map(FaultSet::to_words).unwrap_or_default().into(),
        contact.at.as_millisecond().into(),
        contact.reason.as_str().into(),
        contact.basic_digest.clone().into(),
        contact.address_sort.clone().into(),
        contact.software_order.into(),
        report.server_address.clone().into(),
        contact.most_items.map(i64::from).into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(ClientId(id))
}

/// Records a contact of a known client.
///
/// # Errors
/// When the database refuses.
pub async fn record_contact(tx: &Tx, id: ClientId, contact: &Contact<'_>) -> StoreResult<()> {
    let report = contact.report;
    let sql = "UPDATE client SET device_id_text = $2, e164 = COALESCE($3, e164), \
        basic_e164 = COALESCE($4, basic_e164), device_type = COALESCE($5, device_type), \
        model = CASE WHEN $5 IS NULL THEN model ELSE $6 END, software_type = COALESCE($7, software_type), \
        software_version = COALESCE($8, software_version), software_sort = COALESCE($9, software_sort), \
        part_number = COALESCE($10, part_number), key_modules = COALESCE($11, key_modules), \
        backlight = COALESCE($12, backlight), gigabit = COALESCE($13, gigabit), \
        contact_me_uri = COALESCE($14, contact_me_uri), peer_address = COALESCE($15, peer_address), \
        bound_network = COALESCE(bound_network, $16), trusted_address = COALESCE(trusted_address, $15), mobility = COALESCE($17, mobility), \
        faults = COALESCE($18, faults), last_contact_at = $19, last_contact_reason = $20, \
        basic_digest = COALESCE($21, basic_digest), \
        state = CASE WHEN $22 IS NOT NULL THEN 'quarantined' WHEN state = 'prepared' THEN 'active' ELSE state END, \
        quarantine_reason = COALESCE(quarantine_reason, $22), \
        items_digest = CASE WHEN $23 THEN NULL ELSE items_digest END, \
        updated_at = CASE WHEN $24 THEN $19 ELSE updated_at END, \
        revision = CASE WHEN $24 THEN revision + 1 ELSE revision END, \
        approved = CASE WHEN $25 THEN FALSE ELSE approved END, address_sort = COALESCE($26, address_sort), \
        software_order = CASE WHEN $8 IS NULL THEN software_order ELSE $27 END, \
        server_address = COALESCE($28, server_address), most_items = $29 WHERE id = $1";
    let sql = if tx.is_postgres() { typed(sql) } else { sql.to_owned() };
    let values: [Value; 29] = [
        id.0.into(),
        contact.device_id_text.into(),
        report.e164.clone().into(),
        report.basic_e164.clone().into(),
        report.device_type.clone().into(),
        contact.model.map(str::to_owned).into(),
        report.software_type.clone().into(),
        report.software_version.clone().into(),
        contact.software_sort.clone().into(),
        report.part_number.clone().into(),
        report.key_modules.clone().into(),
        report.backlight.clone().into(),
        report.gigabit.into(),
        report.contact_me_uri.clone().into(),
        contact.peer.clone().into(),
        contact.network.as_str().into(),
        report.mobility.map(|mobility| mobility.as_str().to_owned()).into(),
        report.faults.as_ref().map(FaultSet::to_words).into(),
        contact.at.as_millisecond().into(),
        contact.reason.as_str().into(),
        contact.basic_digest.clone().into(),
        contact.quarantine.map(|reason| reason.as_str().to_owned()).into(),
        contact.items_changed.into(),
        contact.is_change.into(),
        contact.ends_approval.into(),
        contact.address_sort.clone().into(),
        contact.software_order.into(),
        report.server_address.clone().into(),
        contact.most_items.map(i64::from).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record a contact").map(|_| ())
}

/// Records a contact that said nothing new, from the address the client had. Naming a column in an update rewrites every
/// index it is in, also when its value stays the same; only that of the last contact may be touched here.
///
/// # Errors
/// When the database refuses.
pub async fn touch(tx: &Tx, id: ClientId, contact: &Contact<'_>) -> StoreResult<()> {
    let sql = "UPDATE client SET last_contact_at = $2, last_contact_reason = $3, \
        trusted_address = COALESCE(trusted_address, $4) WHERE id = $1";
    let values: [Value; 4] = [
        id.0.into(),
        contact.at.as_millisecond().into(),
        contact.reason.as_str().into(),
        contact.peer.clone().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record a contact").map(|_| ())
}

/// PostgreSQL wants to know the type of a parameter that only stands beside `IS NULL`.
fn typed(sql: &str) -> String {
    sql.replace("$5 IS NULL", "$5::text IS NULL")
        .replace("$8 IS NULL", "$8::text IS NULL")
        .replace("$22 IS NOT NULL", "$22::text IS NOT NULL")
}

/// A phone has taken the address of its server from us: it counts as reported (D-21).
///
/// # Errors
/// When the database refuses.
pub async fn set_server_address(tx: &Tx, id: ClientId, address: &str) -> StoreResult<()> {
    let sql = "UPDATE client SET server_address = $2 WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into(), address.into()]);
    tx.inner.execute_raw(statement).await.attempt("record the server of a client").map(|_| ())
}

/// Asks for a full read at the next contact; counts as a change. `false` when there is no such client.
///
/// # Errors
/// When the database refuses.
pub async fn want_full_read(tx: &Tx, id: ClientId, at: Timestamp) -> StoreResult<bool> {
    let sql =
        "UPDATE client SET full_read_wanted = TRUE, updated_at = $2, revision = revision + 1 WHERE id = $1";
    let values: [Value; 2] = [id.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("ask for a full read")?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a client with everything it reported, when it still has this revision.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: ClientId, revision: i64) -> StoreResult<bool> {
    let values: [Value; 2] = [id.0.into(), revision.into()];
    let sql = "DELETE FROM client WHERE id = $1 AND revision = $2";
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("delete a client")?;
    Ok(done.rows_affected() > 0)
}
