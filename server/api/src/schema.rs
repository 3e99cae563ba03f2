//! Schemas of words that `domain` defines: the document lists exactly the words the program knows.
//!
//! `domain` itself knows nothing of OpenAPI. A new variant does not compile until it is listed here.

use domain::client::{
    Access, ClientState, ContactReason, Fault, FirmwareState, Mobility, QuarantineReason, SecureMode,
};
use domain::configuration::Layer;
use domain::deployment::{DeploymentPhase, FileAction, Priority};
use domain::file::{
    FileFormat, FileState, FileType, Listing, ProviderHealth, ProviderKind, ProviderScanState, Serving,
};
use domain::job::{JobCause, JobKind, JobState, TargetState};
use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};
use domain::notification::NotificationCode;
use domain::password::{PasswordFault, PasswordPolicy};
use domain::scan::{FindingKind, ScanFailure, ScanPurpose, ScanState};
use domain::second_factor::TotpAlgorithm;
use domain::{Permission, Role};
use serde_json::Value;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};

use crate::Code;

/// A type whose values are words.
pub(crate) trait Words {
    /// All words.
    fn all() -> Vec<&'static str>;
}

macro_rules! words {
    ($($type:ident { $($variant:ident),+ $(,)? })+) => {$(
        impl Words for $type {
            fn all() -> Vec<&'static str> {
                // Does not compile when a variant is missing below.
                fn listed(word: $type) -> &'static str {
                    match word { $($type::$variant)|+ => word.as_str() }
                }
                vec![$(listed($type::$variant)),+]
            }
        }
    )+};
}

words! {
    PasswordFault { TooShort, TooLong, ContainsUserName, Common, Composition, Repetition, Sequence }
    PasswordPolicy { Modern, Osem }
    TotpAlgorithm { Sha1, Sha256 }
    Role { Admin, Operator, Viewer, Auditor }
    ClientState { Prepared, Active, Quarantined, Retired }
    QuarantineReason { OtherNetwork, OtherPartNumber, OtherModel, SeveralMatches, Replaced }
    SecureMode { Default, Secure }
    Access { Direct, Dcmp }
    Mobility { Disabled, Enabled, LoggedOn, Interim }
    FirmwareState { Phones, Outdated, Due, Updating }
    ContactReason { StartUp, Solicited, LocalChanges, InventoryChanges, Status }
    JobKind {
        WriteConfiguration, Converge, ReadConfiguration, DeployFiles, DeploySoftware, Restart, FactoryReset,
        DeleteClient,
    }
    JobState { Created, Active, Paused, PartialSuccessful, Success, Timeout, Failed, Cancelled }
    JobCause { User, StartUp, Templates, System }
    TargetState { Waiting, Scheduled, Active, Sent, Success, Partial, Failed, Timeout, Cancelled, Skipped }
    NotificationCode {
        ClientQuarantined, PhoneFault, JobFinished, FailedSignIns, AccountLocked, CertificateExpiring,
        HandshakeFailures, OnboardingConflict, StorageProviderFailed, FileFails,
    }
    TemplateKind { Onboarding, Default }
    FileType { Software, Ringtone, Screensaver, Logo, LdapTemplate, Dongle, MusicOnHold, Picture }
    FileFormat { Firmware, Wav, Midi, Mp3, Png, Jpeg, Bmp, Gif, Webp, Text, Archive, Other }
    FileState { Ready, Incomplete, Missing, Changed }
    ProviderKind { BuiltIn, S3, Https }
    Serving { Server, Provider, Ftp }
    Listing { Automatic, Webdav, IndexPage, IndexFile }
    ProviderHealth { Unknown, Good, Bad }
    ProviderScanState { None, Running, Done, Stopped, Failed }
    Priority { Normal, Immediate }
    FileAction { Deploy, Delete }
    DeploymentPhase { Waiting, Offered, Downloading, Downloaded, Verifying, Over }
    SoftwareUpdate { Disabled, Ignored, Always, OnlyNewer }
    SecureModeWish { Off, NoPin, DefaultPin, IndividualPin }
    Layer { Client, GroupTemplate, DefaultTemplate, Onboarding, System }
    ScanState { Running, Interrupted, Finished, Stopped, Failed }
    ScanFailure { NetworkNotAllowed, NoPhoneAddress }
    ScanPurpose { Phones, StorageProviders }
    FindingKind { S3, Webdav, IndexPage, Https }
    Fault { SecurityLogArchive, SecurityLogEntry, OcspConnect, AdminPassword, UserPassword }
}

/// One of the words.
pub(crate) fn word<T: Words>() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(T::all())).build()
}

/// One of the words, or `null`.
pub(crate) fn word_or_null<T: Words>() -> Object {
    let values = T::all().into_iter().map(Value::from).chain([Value::Null]);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(values))
        .build()
}

/// A list of the words.
pub(crate) fn list_of_words<T: Words>() -> Array {
    ArrayBuilder::new().items(word::<T>()).build()
}

/// A list of the words, or `null`.
pub(crate) fn list_of_words_or_null<T: Words>() -> Array {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(word::<T>())
        .build()
}

/// `any`, or one of the faults.
pub(crate) fn fault_filter() -> Object {
    let words = std::iter::once("any").chain(Fault::all());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// `any`, or one of the faults, or `null`.
pub(crate) fn fault_filter_or_null() -> Object {
    let words = std::iter::once("any").chain(Fault::all()).map(Value::from).chain([Value::Null]);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(words))
        .build()
}

/// The codes of problems.
pub(crate) fn code() -> Object {
    let words = Code::ALL.iter().map(|code| code.as_str());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// Permissions, as words.
pub(crate) fn permissions() -> Array {
    let words = Permission::ALL.iter().filter_map(|permission| serde_json::to_value(permission).ok());
    let one = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build();
    ArrayBuilder::new().items(one).build()
}

/// The value of a setting.
pub(crate) fn setting_value() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Boolean, Type::Integer, Type::String]))
        .build()
}
