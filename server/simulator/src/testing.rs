//! Phones and a scripted server for the tests of this crate.

pub(crate) mod server;

use std::net::Ipv4Addr;

use tokio::sync::mpsc;
use wire::Reason;

use crate::identity::{Identity, IdentityRules};
use crate::models::{Family, Model, ModelRef};
use crate::pattern::Place;
use crate::phone::Phone;
use crate::session::{SessionError, SessionOutcome};
use crate::simulated_phone::SessionSink;

pub(crate) fn place() -> Place {
    Place {
        address: Ipv4Addr::new(127, 0, 0, 1),
        contact_me_port: 8085,
        server_host: "127.0.0.1".to_owned(),
        server_port: 18443,
    }
}

pub(crate) fn identity(device_type: &str, family: Family) -> Identity {
    let rules = IdentityRules {
        models: vec![ModelRef(Model::by_device_type(device_type).unwrap())],
        family: Some(family),
        ..IdentityRules::default()
    };
    Identity { key_modules: 0, ..Identity::generate(&rules, 0).unwrap() }
}

/// An OpenStage 40 with SIP firmware, six keys, number 100000, reporting 300 items.
pub(crate) fn openstage_40() -> Phone {
    Phone::new(identity("OpenStage 40", Family::Sip), place(), 300)
}

/// The reason of each session, or how it broke off.
pub(crate) type HeardReasons = mpsc::UnboundedReceiver<Result<Reason, &'static str>>;

/// Passes the reason of each session on.
pub(crate) struct Reasons(mpsc::UnboundedSender<Result<Reason, &'static str>>);

impl Reasons {
    pub(crate) fn new() -> (Self, HeardReasons) {
        let (sender, heard) = mpsc::unbounded_channel();
        (Self(sender), heard)
    }
}

impl SessionSink for Reasons {
    fn session(&self, _number: u32, result: &Result<SessionOutcome, SessionError>) {
        let reason = result.as_ref().map(|outcome| outcome.reason.clone()).map_err(SessionError::kind);
        self.0.send(reason).ok();
    }
}
