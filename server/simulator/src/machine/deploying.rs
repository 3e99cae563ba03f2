//! The part of the machine that deals with files and firmware: it takes the order and remembers it; fetching is not
//! done here (`wpi.md` §4.6).

use wire::{Action, Item, ReplyStatus};

use super::{PhoneMachine, SessionEnd, Step};
use crate::behaviour::DeploymentManners;
use crate::deployment::Deployment;
use crate::download::Fate;
use crate::orders::OrderLog;

impl PhoneMachine {
    /// The next so many downloads fail in the middle; `u32::MAX`: all.
    pub fn set_failing_downloads(&mut self, downloads: u32) {
        self.failing_downloads = downloads;
    }

    /// How files and firmware are dealt with from now on; the numbers of failing and breaking downloads begin anew.
    pub fn set_deployment_manners(&mut self, manners: DeploymentManners) {
        (self.failing_downloads, self.breaking_downloads) = (manners.failing, manners.breaking);
        self.behaviour.deployments = manners;
    }

    /// What the next download will meet.
    pub(crate) fn next_fate(&mut self) -> Fate {
        for (left, fate) in
            [(&mut self.failing_downloads, Fate::Fails), (&mut self.breaking_downloads, Fate::Breaks)]
        {
            if *left > 0 {
                *left -= u32::from(*left < u32::MAX);
                return fate;
            }
        }
        Fate::Good
    }

    /// The items of the last deployment that the phone followed, the password of an FTP server among them.
    #[must_use]
    pub fn deployment_items(&self) -> &[Item] {
        &self.deployment_items
    }

    /// Take what the last session told the phone to fetch; from now on it is at it.
    pub(crate) fn take_deployment(&mut self) -> Option<Deployment> {
        self.deployment.take()
    }

    /// Say whether the phone is at a deployment of an earlier session.
    pub(crate) fn set_deploying(&mut self, is_deploying: bool) {
        self.is_deploying = is_deploying;
    }

    /// How often the phone was switched on.
    pub(crate) fn starts(&self) -> u64 {
        self.starts
    }

    /// Switch the phone off and on again.
    pub(crate) fn start_again(&mut self) {
        self.starts += 1;
        self.phone.restart(self.behaviour.keeps_dcmp_url);
    }

    /// Count what the phone did.
    pub(crate) fn orders_mut(&mut self) -> &mut OrderLog {
        &mut self.orders
    }

    /// Files and firmware: the phone leaves to fetch them, with or without a word, and tells the result in a new
    /// session (`wpi.md` §4.6.3, §4.6.6).
    pub(super) fn deploy(&mut self, action: Action, items: &[Item], nonce: String) -> Step {
        let deployment = Deployment::read(&action, items).filter(|_| !self.behaviour.deployments.refuses);
        if deployment.is_none() {
            return self.reply(action, ReplyStatus::Failed, vec![], nonce);
        }
        self.orders.obeyed(&action, items);
        self.deployment = deployment;
        self.deployment_items = items.to_vec();
        if self.behaviour.deployments.replies {
            return self.reply(action, ReplyStatus::Accepted, vec![], nonce);
        }
        Step::End(SessionEnd::Deploying)
    }
}
