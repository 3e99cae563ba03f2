//! What the engine knows of one client inside one transaction. Everything is read when it is first asked for,
//! and once: at thousands of phones the way of each statement to the database and back is what a session
//! costs most.

use domain::ClientId;
use domain::job::TargetState;

use crate::App;
use crate::app::configuration::{self, Portrait};
use crate::store::job_targets::{self, JobTarget};
use crate::store::standing::{self, Standing};
use crate::store::{StoreResult, Tx};

/// One client, for the length of one transaction.
#[derive(Debug)]
pub struct Dossier {
    client: ClientId,
    standing: Option<Standing>,
    targets: Option<Vec<JobTarget>>,
    portrait: Option<Portrait>,
}

impl Dossier {
    /// Nothing is read yet.
    pub fn new(client: ClientId) -> Self {
        Self { client, standing: None, targets: None, portrait: None }
    }

    /// The client, and what there is of it at all; `None` when it was deleted.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn standing(&mut self, tx: &Tx) -> StoreResult<Option<&Standing>> {
        if self.standing.is_none() {
            self.standing = standing::standing(tx, self.client).await?;
        }
        Ok(self.standing.as_ref())
    }

    /// Its open targets, oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn targets(&mut self, tx: &Tx) -> StoreResult<&[JobTarget]> {
        if self.targets.is_none() {
            let none =
                self.standing.as_ref().is_some_and(|standing| !standing.has.waiting && !standing.has.sent);
            let targets =
                if none { Vec::new() } else { job_targets::open_of_client(tx, self.client).await? };
            self.targets = Some(targets);
        }
        Ok(self.targets.as_deref().unwrap_or_default())
    }

    /// Its open targets and those that are planned for later.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn unfinished(&mut self, tx: &Tx) -> StoreResult<Vec<JobTarget>> {
        let scheduled = self.standing(tx).await?.is_some_and(|standing| standing.has.scheduled);
        if scheduled {
            return job_targets::unfinished_of_client(tx, self.client).await;
        }
        Ok(self.targets(tx).await?.to_vec())
    }

    /// A target was written: it is open as it is now, or no longer among them.
    pub fn note(&mut self, target: &JobTarget) {
        if let Some(targets) = &mut self.targets {
            targets.retain(|other| other.id != target.id);
            if !target.state.is_terminal() {
                targets.push(target.clone());
                targets.sort_by_key(|target| target.id);
            }
        }
    }

    /// What groups look at, or what is desired of it, has changed in this transaction: the client is read anew.
    pub fn forget_client(&mut self) {
        self.standing = None;
        self.portrait = None;
    }

    /// A job was made for it in this transaction: its targets are read anew.
    pub fn note_job(&mut self) {
        self.targets = None;
        if let Some(standing) = &mut self.standing {
            standing.has.waiting = true;
        }
    }

    /// Whether work waits for it that is not under way, and for which it should be called. Deployments have their pump
    /// that calls, and a restart waits for the end of one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn waits(&mut self, tx: &Tx) -> StoreResult<bool> {
        if let (None, Some(standing)) = (&self.targets, &self.standing)
            && !standing.has.waiting
        {
            return Ok(false);
        }
        let targets = self.targets(tx).await?;
        let deploying = targets.iter().any(|other| other.state == TargetState::Sent && other.kind.deploys());
        let waits = |target: &JobTarget| {
            matches!(target.state, TargetState::Waiting | TargetState::Active)
                && !target.kind.deploys()
                && !(deploying && target.kind.is_dangerous())
        };
        Ok(targets.iter().any(waits))
    }

    /// The picture of it, with those reported items that desired values are compared with; `None` when the
    /// client was deleted.
    ///
    /// # Errors
    /// When the database cannot be asked, or a desired value cannot be read.
    pub async fn portrait(&mut self, app: &App, tx: &Tx) -> StoreResult<Option<&mut Portrait>> {
        if self.portrait.is_none() {
            let Some(standing) = self.standing(tx).await?.cloned() else { return Ok(None) };
            self.portrait = Some(configuration::lean_picture_of(app, tx, standing).await?);
        }
        Ok(self.portrait.as_mut())
    }
}
