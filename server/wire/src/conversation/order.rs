//! What the server wants of a phone: the caller's view of the device at one moment, and its work.
//!
//! This file knows nothing of where work comes from or how results are kept.

use crate::split::Record;
use crate::{Action, Item, ItemKey};

/// Identity of one attempt at a piece of work. A retry is a new attempt with a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkId(pub u64);

/// A piece of work that waits for this phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Which attempt this is.
    pub id: WorkId,
    /// What to do.
    pub order: Order,
}

/// What to do (`wpi.md` §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read everything.
    ReadAll,
    /// Read these items; one without an index asks for the item without index.
    Read(Vec<ItemKey>),
    /// Write these records, in this order.
    Write(Vec<Record>),
    /// Let the phone fetch or delete files; the items are those of `wpi.md` §4.6.1.
    DeployFile(Vec<Item>),
    /// Let the phone fetch and start firmware.
    DeploySoftware(Vec<Item>),
    /// Restart, or with the items of `wpi.md` §4.5.8 a factory reset.
    Restart(Vec<Item>),
}

impl Order {
    /// The action that carries this order out.
    pub fn action(&self) -> Action {
        match self {
            Self::ReadAll => Action::ReadAllItems,
            Self::Read(_) => Action::ReadItems,
            Self::Write(_) => Action::WriteItems,
            Self::DeployFile(_) => Action::FileDeployment,
            Self::DeploySoftware(_) => Action::SoftwareDeployment,
            Self::Restart(_) => Action::Restart,
        }
    }

    /// Place in the order that has proved good: write, read, files, software, restart (`wpi.md` §4.4).
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Write(_) => 0,
            Self::ReadAll | Self::Read(_) => 1,
            Self::DeployFile(_) => 2,
            Self::DeploySoftware(_) => 3,
            Self::Restart(_) => 4,
        }
    }
}

/// What the caller knows and wants at the moment of a decision (`wpi.md` §4.4).
///
/// It is asked for again after every report, so it may change during a session; nothing of it is kept
/// but the piece of work that is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// This device is not served.
    pub refused: Option<Refusal>,
    /// The server has too much to do.
    pub overloaded: bool,
    /// Bootstrapping write, if the device must change into secure mode now.
    pub bootstrap: Option<Vec<Record>>,
    /// Next step of a mobility logon or logoff.
    pub mobility: Option<Mobility>,
    /// Everything shall be read first (D-5). Asked at most once per session.
    pub full_read: bool,
    /// Work that waits, in the order of its age.
    pub work: Vec<Work>,
}

/// Why a device is not served (`wpi.md` §4.4, first rule).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An administrator or a rule blocks this device, or it must come to the secure port.
    Blocked,
    /// Unknown, and no onboarding window is open.
    NotAllowed,
    /// The nonce of its opening message was used before on another connection.
    Replayed,
    /// Another reason that is told to the phone as `cleanup-reason` (`wpi.md` §4.5.9).
    Told(String),
}

/// One step of a mobility flow (`wpi.md` §4.7); the caller knows the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mobility {
    /// Refuse the logon or logoff, with a short `cleanup-reason`.
    Refuse(String),
    /// Fetch user data.
    Read(Vec<ItemKey>),
    /// Write a profile or user data.
    Write(Vec<Record>),
}
