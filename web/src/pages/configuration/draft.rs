//! Changes that outlive the page: kept in the memory of the tab while somebody looks at the plan, changes the language
//! or went somewhere else by mistake. Never in the browser's storage; gone with a sign-out and with a reload, not with a
//! session that ended by itself. Secrets are not kept: they have to be typed again.

use std::cell::RefCell;

use domain::catalogue::{Catalogue, ParameterKey};
use domain::{AccountId, PlanId};

use super::edits::{Edit, Edits};
use super::target::Target;
use crate::session;

/// Most targets whose changes are kept.
const MOST: usize = 20;

/// Changes as they were sent, to be told from later ones.
pub type Sent = Vec<(ParameterKey, Edit)>;

struct Draft {
    account: AccountId,
    target: Target,
    edits: Edits,
}

/// What a plan was made of.
struct Planned {
    plan: PlanId,
    account: AccountId,
    target: Target,
    sent: Sent,
}

thread_local! {
    /// Oldest first.
    static DRAFTS: RefCell<Vec<Draft>> = const { RefCell::new(Vec::new()) };
    static PLANNED: RefCell<Vec<Planned>> = const { RefCell::new(Vec::new()) };
}

/// Account that is signed in; taken while the editor is built, because a session may have ended when it goes.
pub fn account() -> Option<AccountId> {
    session::info_now().map(|info| info.account_id)
}

fn is_secret(catalogue: &Catalogue, key: &ParameterKey) -> bool {
    catalogue.parameter(&key.parameter).is_none_or(|parameter| parameter.secret)
}

/// Keeps the changes that an account made for this target; without any, forgets what was kept for it.
pub fn keep(catalogue: &Catalogue, account: AccountId, target: &Target, edits: Edits) {
    if session::has_signed_out() {
        forget();
        return;
    }
    session::at_sign_out(forget);
    let edits = edits.without(|key, _| is_secret(catalogue, key));
    DRAFTS.with_borrow_mut(|drafts| put(drafts, Draft { account, target: target.clone(), edits }));
}

fn put(drafts: &mut Vec<Draft>, draft: Draft) {
    drafts.retain(|known| known.account != draft.account || known.target != draft.target);
    if draft.edits.is_empty() {
        return;
    }
    if drafts.len() >= MOST {
        drafts.remove(0);
    }
    drafts.push(draft);
}

/// The changes that were kept for this target by the account that is signed in. Those for other targets stay.
pub fn take(target: &Target) -> Option<Edits> {
    let account = account()?;
    DRAFTS.with_borrow_mut(|drafts| taken(drafts, account, target))
}

fn taken(drafts: &mut Vec<Draft>, account: AccountId, target: &Target) -> Option<Edits> {
    let found = drafts.iter().position(|draft| draft.account == account && draft.target == *target)?;
    Some(drafts.remove(found).edits)
}

/// Notes what a plan was made of.
pub fn planned(catalogue: &Catalogue, plan: PlanId, target: &Target, mut sent: Sent) {
    let Some(account) = account() else { return };
    sent.retain(|(key, _)| !is_secret(catalogue, key));
    PLANNED.with_borrow_mut(|all| {
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(Planned { plan, account, target: target.clone(), sent });
    });
}

/// Another plan took the place of one.
pub fn replaced(before: PlanId, now: PlanId) {
    PLANNED.with_borrow_mut(|all| {
        all.iter_mut().filter(|planned| planned.plan == before).for_each(|planned| planned.plan = now);
    });
}

/// The plan was applied: what it was made of is no longer a draft; what was changed since, and other drafts, stay.
pub fn applied(plan: PlanId) {
    let found = PLANNED.with_borrow_mut(|all| {
        let at = all.iter().position(|planned| planned.plan == plan)?;
        Some(all.remove(at))
    });
    let Some(Planned { account, target, sent, .. }) = found else { return };
    DRAFTS.with_borrow_mut(|drafts| {
        if let Some(edits) = taken(drafts, account, &target) {
            put(drafts, Draft { account, target, edits: edits.without_sent(&sent) });
        }
    });
}

fn forget() {
    DRAFTS.take();
    PLANNED.take();
}

#[cfg(test)]
mod tests {
    use super::{Draft, put, taken};
    use crate::pages::configuration::edits::{Edit, Edits};
    use crate::pages::configuration::target::Target;
    use domain::catalogue::{ParameterKey, Value};
    use domain::{AccountId, ClientId};

    fn draft(account: i64, client: i64, typed: &str) -> Draft {
        let mut edits = Edits::default();
        if !typed.is_empty() {
            edits.set(ParameterKey::plain("a"), Some(Edit::Set(Value::from(typed))));
        }
        Draft { account: AccountId(account), target: Target::One(ClientId(client)), edits }
    }

    #[test]
    fn each_target_of_each_account_has_its_own_draft() {
        let mut drafts = Vec::new();
        for kept in [draft(1, 7, "x"), draft(1, 8, "y"), draft(2, 7, "z"), draft(1, 7, "w")] {
            put(&mut drafts, kept);
        }
        assert_eq!(drafts.len(), 3);
        assert!(taken(&mut drafts, AccountId(1), &Target::One(ClientId(9))).is_none());
        assert_eq!(
            taken(&mut drafts, AccountId(1), &Target::One(ClientId(7))).map(|edits| edits.len()),
            Some(1)
        );
        assert_eq!(drafts.len(), 2, "those for other targets stay");
        put(&mut drafts, draft(2, 7, ""));
        assert_eq!(drafts.len(), 1, "without changes nothing is kept");
    }
}
