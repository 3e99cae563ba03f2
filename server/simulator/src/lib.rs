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
//! * [`SimulatedPhone`], [`ContactMeListener`]: a phone that comes by itself, or when called;
//! * [`SimulateConfig`], [`run_fleet`], [`FleetFile`], [`Summary`]: many phones, and what came of it.
//!
//! Simulated phones stay on the loopback network unless told otherwise ([`NetworkGuard`], D-38).

pub mod address;
pub mod behaviour;
mod catalogue;
pub mod channel;
pub mod config;
pub mod connection;
pub mod contact_gap;
pub mod contact_me;
pub mod danger_tls;
pub mod dice;
pub mod fleet_file;
pub mod identity;
pub mod machine;
pub mod models;
mod pattern;
mod phone;
pub mod run;
pub mod session;
pub mod simulated_phone;
pub mod summary;
mod table;
#[cfg(test)]
mod testing;

pub use address::{AddressError, MacAddress, NetworkGuard, SourceBlock};
pub use behaviour::{Behaviour, CookieEcho, FragmentAction, ReplyNonce};
pub use channel::{ChannelError, PhoneChannel};
pub use config::SimulateConfig;
pub use connection::{Answer, ConnectError, Connection, Dialler, LOGIN_PATH, RequestError};
pub use contact_gap::ContactGap;
pub use contact_me::{ContactMeListener, ListenError};
pub use danger_tls::{TlsOptions, TlsSetupError, TlsVersions, tls_settings};
pub use dice::Dice;
pub use fleet_file::{FleetFile, FleetFileError, FleetFileErrorKind, StoredPhone};
pub use identity::{Identity, IdentityRules};
pub use machine::{Opening, PhoneMachine, SessionEnd, Step};
pub use models::{Family, MODELS, Model, ModelRef};
pub use pattern::Place;
pub use phone::{ChangedValue, Phone};
pub use run::{Fleet, RunError, run_fleet};
pub use session::{SessionError, SessionOutcome, run_session};
pub use simulated_phone::{BackOff, ContactEnd, SessionSink, SimulatedPhone};
pub use summary::{Latency, Phase, Progress, Summary};
