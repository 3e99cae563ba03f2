//! Problem documents (RFC 9457): what every answer from status 400 on is, and the one list of codes.
//!
//! `code` is what programs look at; its meaning never changes. Texts are English; whoever shows a problem
//! words it in the reader's language from `code` and `args` (D-35).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

/// Arguments of a text that is worded in the reader's language.
pub type Args = BTreeMap<String, Value>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $title:literal;)+) => {
        /// What went wrong. Defined once, here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
            /// A code of a newer server; never sent.
            Unknown,
        }

        impl Code {
            /// Every code that is sent.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in the document.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ Self::Unknown => "unknown" }
            }

            /// HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ Self::Unknown => 500 }
            }

            /// Short English title, the same for every problem of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ Self::Unknown => "Unknown problem" }
            }
        }
    };
}

codes! {
    /// The request is not HTTP, JSON or text as agreed.
    MalformedRequest = "malformed_request", 400, "Malformed request";
    /// No session and no token, or one that is wrong, expired or revoked; the answer does not say which.
    Unauthenticated = "unauthenticated", 401, "Not signed in";
    /// Wrong user name or password, or a disabled account; the answer does not say which.
    SignInFailed = "sign_in_failed", 401, "Sign-in failed";
    /// No role of the caller allows it. Argument `permission`.
    Forbidden = "forbidden", 403, "Not allowed";
    /// A change with a session cookie needs the header `X-CSRF-Token`.
    CsrfTokenMissing = "csrf_token_missing", 403, "CSRF token missing or wrong";
    /// The password must be changed before anything else (D-32).
    PasswordChangeRequired = "password_change_required", 403, "Password change required";
    /// The code or recovery code was wrong, or used before. Argument `tries`: how many are left.
    SecondFactorFailed = "second_factor_failed", 401, "Wrong code";
    /// The sign-in took too long, or had too many wrong codes: begin again.
    SignInExpired = "sign_in_expired", 401, "The sign-in must begin again";
    /// Confirm who you are at `/auth/confirm` first. Argument `methods`: `password`, `code`.
    StepUpRequired = "step_up_required", 403, "Confirmation of the own identity required";
    /// An API token cannot do this; it takes a browser that is signed in.
    SessionNeeded = "session_needed", 409, "A signed-in browser is needed";
    /// The account has a second factor; remove it first.
    SecondFactorActive = "second_factor_active", 409, "Second factor already active";
    /// There is no second factor that waits for its first code, or none at all.
    NoSecondFactor = "no_second_factor", 409, "No second factor";
    /// No client is selected.
    NoTargets = "no_targets", 409, "No client is selected";
    /// Only an administrator may do it to so many clients. Arguments `targets`, `most`.
    TooManyTargets = "too_many_targets", 403, "Too many clients";
    /// Certificates can be kept only in secure mode (D-25).
    SecureModeNeeded = "secure_mode_needed", 409, "Secure mode needed";
    /// The job has come to its end.
    JobFinished = "job_finished", 409, "The job has come to its end";
    /// The job has not come to its end.
    JobNotFinished = "job_not_finished", 409, "The job has not come to its end";
    /// No target of the job can be tried again.
    NothingToRetry = "nothing_to_retry", 409, "Nothing to retry";
    /// There is no such thing, or none the caller may know of.
    NotFound = "not_found", 404, "Not found";
    /// The address does not take this method.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", 408, "Request took too long";
    /// The name is in use. Argument `name`.
    NameTaken = "name_taken", 409, "Name already in use";
    /// Somebody who can administer must remain.
    LastAdministrator = "last_administrator", 409, "Last administrator";
    /// One's own account cannot be deleted or disabled, and its password is changed elsewhere.
    OwnAccount = "own_account", 409, "Own account";
    /// The plan is no longer true; a new one was made. Argument `plan`.
    PlanStale = "plan_stale", 409, "The plan is no longer true";
    /// The plan was applied before. Argument `job`.
    PlanApplied = "plan_applied", 409, "The plan was applied before";
    /// Saving this changes what is desired of clients: look at the plan and apply it, or forget it. Arguments `plan`,
    /// `state`, `affected`, `writes`, `restarts`, `conflicts`.
    PlanRequired = "plan_required", 409, "Saving this changes clients";
    /// The plan is still being drawn up. Argument `plan`.
    PlanNotReady = "plan_not_ready", 409, "The plan is not drawn up yet";
    /// Something still uses the thing. Arguments `used_by`, names of groups and templates, also of those whose values
    /// clients were given; `clients`, how many have such values.
    InUse = "in_use", 409, "Still in use";
    /// The file is larger than files may be. Argument `limit`.
    FileTooLarge = "file_too_large", 413, "File too large";
    /// The file is of a kind that phones take none of. Argument `format`.
    FileNotUsable = "file_not_usable", 422, "No file for phones";
    /// The file has no such bytes.
    RangeNotSatisfiable = "range_not_satisfiable", 416, "No such bytes";
    /// What arrived has another checksum than was said. Argument `sha256`: the one it has.
    ChecksumMismatch = "checksum_mismatch", 422, "Wrong checksum";
    /// The piece does not begin where the last one ended. Argument `received`.
    WrongOffset = "wrong_offset", 409, "Wrong offset";
    /// Not all pieces have arrived. Arguments `received`, `size`.
    UploadIncomplete = "upload_incomplete", 409, "Upload not complete";
    /// No room is left where files are kept.
    StorageFull = "storage_full", 507, "No room for files";
    /// The storage provider did not do what was asked. Arguments `provider`, `error`.
    ProviderFailed = "provider_failed", 502, "Storage provider failed";
    /// The file cannot be deployed in its state. Arguments `file`, `state`.
    FileNotReady = "file_not_ready", 409, "The file is not ready";
    /// The picture cannot be converted. Argument `reason`.
    NotConvertible = "not_convertible", 422, "The picture cannot be converted";
    /// The built-in storage provider stays as it is.
    ProviderBuiltIn = "provider_built_in", 409, "Built-in storage provider";
    /// There are as many as there can be. Argument `most`.
    TooMany = "too_many", 409, "Too many of them";
    /// So many targets need their number typed, in `confirm`. Argument `targets`.
    ConfirmationRequired = "confirmation_required", 409, "Confirmation required";
    /// Another client has the number; `force` takes it all the same. Argument `number`.
    NumberInUse = "number_in_use", 409, "Number in use";
    /// Another client has the device id. Argument `client`.
    DeviceIdInUse = "device_id_in_use", 409, "Device id in use";
    /// Another prepared client waits for the deployment PIN.
    DeploymentPinInUse = "deployment_pin_in_use", 409, "Deployment PIN in use";
    /// A phone has matched the client: what it reports counts.
    NotPrepared = "not_prepared", 409, "The client is not a prepared one";
    /// A client in this state cannot be copied so (D-29). Argument `state`.
    NotCopyable = "not_copyable", 409, "The client cannot be copied";
    /// The client is in quarantine: release it first.
    ClientQuarantined = "client_quarantined", 409, "The client is in quarantine";
    /// The client is not in quarantine.
    NotQuarantined = "not_quarantined", 409, "The client is not in quarantine";
    /// No network is allowed to be scanned. Argument `setting`: where they are said.
    ScanningOff = "scanning_off", 409, "Scanning is off";
    /// Phones could not be told where to come. Argument `setting`: where the address is said.
    NoPhoneAddress = "no_phone_address", 409, "No address for phones";
    /// Another scan of some of these addresses runs, or ended less than a minute ago. Argument `scan`.
    ScanOverlaps = "scan_overlaps", 409, "These addresses are being scanned";
    /// So many scans run already. Argument `most`.
    TooManyScans = "too_many_scans", 409, "Too many scans";
    /// The scan is over.
    ScanOver = "scan_over", 409, "The scan is over";
    /// The value is fixed by file or environment. Argument `source`.
    SettingLocked = "setting_locked", 409, "Setting is locked";
    /// The thing changed since it was read.
    PreconditionFailed = "precondition_failed", 412, "Changed since it was read";
    /// The body is larger than allowed. Argument `limit`, in bytes.
    BodyTooLarge = "body_too_large", 413, "Body too large";
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported_media_type", 415, "Unsupported media type";
    /// Fields that cannot be accepted; `errors` names them.
    InvalidFields = "invalid_fields", 422, "Invalid fields";
    /// The page lies too deep in the list: continue with `after`. Arguments `limit`, `parameter`.
    PageTooDeep = "page_too_deep", 422, "Page too deep";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "Idempotency key used for another request";
    /// A change needs `If-Match` with the ETag last read.
    PreconditionRequired = "precondition_required", 428, "If-Match required";
    /// Too many attempts; `Retry-After` says when to try again. Argument `seconds`.
    TooManyAttempts = "too_many_attempts", 429, "Too many attempts";
    /// The server's own fault; `request_id` finds it in the log.
    Internal = "internal", 500, "Internal error";
    /// Starting, stopping or overloaded.
    Unavailable = "unavailable", 503, "Not available now";
}

impl Code {
    /// The code a word names; [`Code::Unknown`] for one of a newer server.
    pub fn parse(word: &str) -> Self {
        Self::ALL.iter().copied().find(|code| code.as_str() == word).unwrap_or(Self::Unknown)
    }

    /// Identifies the kind of problem, as RFC 9457 wants it.
    pub fn urn(self) -> String {
        format!("urn:workpoint:problem:{}", self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::parse(&word))
    }
}

/// A problem document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// URN of the kind of problem: `urn:workpoint:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short English title, the same for every problem of the code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    #[schema(schema_with = crate::schema::code)]
    pub code: Code,
    /// What happened this time, in English.
    pub detail: String,
    /// Arguments for wording the problem in another language.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub args: Args,
    /// Fields that cannot be accepted.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Finds the request in the log of the server.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// A field that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the name of the query parameter.
    pub field: String,
    /// Stable code.
    pub code: String,
    /// Arguments for wording it in another language.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub args: Args,
    /// What is wrong, in English.
    pub message: String,
}

impl FieldError {
    /// An error of a field.
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), args: Args::new(), message: message.into() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.args.insert(name.to_owned(), value.into());
        self
    }
}

/// Codes of field errors that do not come from a rule of `domain`.
pub mod field {
    /// The request has a field nobody knows.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// A field that is needed is not there.
    pub const MISSING: &str = "missing";
    /// Another JSON type is needed. Argument `expected`.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// Not one of the words. Argument `choices`.
    pub const NOT_A_CHOICE: &str = "not_a_choice";
    /// Of the right type, but not acceptable.
    pub const INVALID: &str = "invalid";
    /// Outside the range. Arguments `min`, `max`.
    pub const OUT_OF_RANGE: &str = "out_of_range";
    /// More characters than allowed. Argument `max`.
    pub const TOO_LONG: &str = "too_long";
    /// A query parameter stands there more than once.
    pub const GIVEN_TWICE: &str = "given_twice";
    /// Text with a NUL character.
    pub const CONTROL_CHARACTER: &str = "control_character";
    /// Not the current password.
    pub const WRONG_PASSWORD: &str = "wrong_password";
    /// Not a code that counts now.
    pub const WRONG_CODE: &str = "wrong_code";
    /// A role that allows more than the caller may.
    pub const ROLE_NOT_HELD: &str = "role_not_held";
    /// Not a network, range or address.
    pub const NOT_A_RANGE: &str = "not_a_range";
    /// A range whose second address comes before the first.
    pub const RANGE_BACKWARDS: &str = "range_backwards";
    /// More addresses than a scan may have. Argument `max`.
    pub const TOO_MANY_ADDRESSES: &str = "too_many_addresses";
    /// Not in the networks that may be scanned. Arguments `address`, `setting`.
    pub const NETWORK_NOT_ALLOWED: &str = "network_not_allowed";
    /// Lies in the past, or later than allowed.
    pub const NOT_IN_TIME: &str = "not_in_time";
}

#[cfg(test)]
mod tests {
    use super::{Code, Problem};
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_words_with_a_status() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()));
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert_eq!(Code::parse(code.as_str()), *code);
        }
    }

    #[test]
    fn a_client_reads_codes_of_a_newer_server() {
        let text = r#"{"type":"x","title":"t","status":409,"code":"quota_exceeded","detail":"d","new":1}"#;
        let problem: Problem = serde_json::from_str(text).unwrap();
        assert_eq!(problem.code, Code::Unknown);
        assert_eq!(problem.status, 409);
    }
}
