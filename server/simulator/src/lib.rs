//! Simulated phones that speak WPI to a provisioning server (`wpi.md` Appendix B).
//!
//! A product feature (`workpoint simulate`) and the phone side of the integration tests and benchmarks.
//! It shares no decision logic with the server, only the codec of crate `wire`, so that a mistake on one
//! side is not silently made on the other. From the inside out:
//!
//! * [`Phone`]: identity, items and values, judgement on reads and writes;
//! * [`PhoneMachine`]: the phone's side of a conversation, without I/O;
//! * [`Dialler`], [`Connection`], [`PhoneChannel`]: TLS, HTTP, the cookie of a session; bytes in and out;
//! * [`run_session`]: one session from opening message to end;
//! * [`SimulatedPhone`], [`Attendance`]: a phone that comes by itself, when it is called ([`ContactMeListener`])
//!   or when it polls ([`DcmpPoller`]);
//! * [`OrderLog`], [`ContactLog`], [`Refusal`]: what it was told, how it was called, what it will not take;
//! * [`SimulateConfig`], [`run_fleet`], [`FleetFile`], [`Summary`]: many phones, and what came of it.
//!
//! Simulated phones stay on the loopback network unless told otherwise ([`NetworkGuard`], D-38).

pub mod address;
pub mod attendance;
mod attention;
pub mod behaviour;
mod catalogue;
pub mod channel;
pub mod config;
pub mod connection;
pub mod contact_gap;
pub mod contact_log;
pub mod contact_me;
pub mod danger_tls;
pub mod dcmp;
mod deployment;
pub mod dice;
mod download;
pub mod fleet_file;
pub mod identity;
mod image;
pub mod machine;
pub mod models;
pub mod orders;
mod pattern;
mod phone;
pub mod refusal;
pub mod run;
pub mod session;
pub mod simulated_phone;
pub mod summary;
mod table;
#[cfg(test)]
mod testing;
pub mod totals;

pub use address::{AddressError, MacAddress, NetworkGuard, SourceBlock};
pub use attendance::Attendance;
pub use behaviour::{
    Behaviour, CookieEcho, DeploymentManners, FragmentAction, Listening, Mishap, ReplyNonce,
};
pub use channel::{ChannelError, PhoneChannel};
pub use config::SimulateConfig;
pub use connection::{Answer, ConnectError, Connection, Dialler, LOGIN_PATH, RequestError};
pub use contact_gap::ContactGap;
pub use contact_log::{Arrival, ContactLog, ContactOutcome};
pub use contact_me::{ContactMeListener, ListenError};
pub use danger_tls::{TlsOptions, TlsSetupError, TlsVersions, tls_settings};
pub use dcmp::DcmpPoller;
pub use dice::Dice;
pub use fleet_file::{FleetFile, FleetFileError, FleetFileErrorKind, StoredPhone};
pub use identity::{Identity, IdentityRules};
pub use machine::{Opening, PhoneMachine, SessionEnd, Step};
pub use models::{Family, MODELS, Model, ModelRef};
pub use orders::{DownloadCount, ItemCount, OrderCount, OrderLog};
pub use pattern::Place;
pub use phone::{ChangedValue, Phone, StoredFile};
pub use refusal::{Refusal, RefuseFileError, RefuseFileErrorKind, load_refusals};
pub use run::{Fleet, RunError, run_fleet};
pub use session::{SessionError, SessionOutcome, run_session};
pub use simulated_phone::{BackOff, ContactEnd, SessionSink, SimulatedPhone};
pub use summary::{Latency, Phase, Progress, Summary};
pub use totals::{ContactTotals, OrderTotals, Violation};
