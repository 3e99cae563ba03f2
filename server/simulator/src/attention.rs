//! What a phone's listener and poller must know while a session holds the phone: published after every
//! session and every change from outside. Knows no sockets and no messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::behaviour::Listening;
use crate::contact_log::ContactRules;
use crate::machine::PhoneMachine;

/// The contact gap of a phone whose `dls-contact-interval` cannot be read (`wpi.md` §1.5).
const USUAL_GAP: Duration = Duration::from_secs(300);
/// Shortest time between two polls: a phone told to poll without pause still leaves room for others.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// A phone as its listener and poller see it.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    /// Contact gap in force.
    pub(crate) gap: Duration,
    /// Whether contact-me requests are heard.
    pub(crate) listening: Listening,
    /// Whether a contact-me may name another server: only in default mode (`wpi.md` §8 no. 1).
    pub(crate) obeys_override: bool,
    /// The phone is restarting and neither hears nor polls.
    pub(crate) is_off: bool,
    /// It fetches what a deployment told it to; it still hears, polls and has sessions.
    pub(crate) is_deploying: bool,
    ignore_every: u32,
    dcmp_url: Option<Arc<str>>,
    dcmp_interval: Duration,
    last_contact: Instant,
}

impl Attention {
    pub(crate) fn new(machine: &PhoneMachine, now: Instant) -> Self {
        let behaviour = machine.behaviour();
        let mut attention = Self {
            gap: USUAL_GAP,
            listening: behaviour.listening,
            obeys_override: true,
            is_off: false,
            is_deploying: false,
            ignore_every: behaviour.ignore_every,
            dcmp_url: None,
            dcmp_interval: behaviour.dcmp_interval.max(SHORTEST_INTERVAL),
            last_contact: now,
        };
        attention.follow(machine);
        attention
    }

    /// Take over what items and options say now.
    pub(crate) fn follow(&mut self, machine: &PhoneMachine) {
        let phone = machine.phone();
        let seconds = || phone.value("dls-contact-interval", None)?.parse().ok().map(Duration::from_secs);
        self.gap = machine.behaviour().contact_gap.or_else(seconds).unwrap_or(USUAL_GAP);
        // A phone without the item cannot be in secure mode.
        self.obeys_override = phone.value("dls-mode-secure", None).is_none_or(|mode| mode == "0");
        let url = phone.value("dcmp-url", None).unwrap_or_default();
        if self.dcmp_url.as_deref().unwrap_or_default() != url {
            self.dcmp_url = (!url.is_empty()).then(|| Arc::from(url));
        }
    }

    /// Something was said between phone and server, or the proxy was asked: the poll timer starts anew
    /// (`wpi.md` §6).
    pub(crate) fn contacted(&mut self, now: Instant) {
        self.last_contact = now;
    }

    /// Where to poll and when; `None`: not at all for now.
    pub(crate) fn next_poll(&self) -> Option<(Arc<str>, Instant)> {
        let url = self.dcmp_url.clone().filter(|_| !self.is_off)?;
        Some((url, self.last_contact + self.dcmp_interval))
    }

    pub(crate) fn contact_rules(&self) -> ContactRules {
        let silent = self.listening == Listening::Silent;
        ContactRules { gap: self.gap, ignore_every: self.ignore_every, silent }
    }
}

#[cfg(test)]
mod tests {
    use wire::Item;

    use super::*;
    use crate::behaviour::Behaviour;
    use crate::testing::openstage_40;

    fn machine(behaviour: Behaviour) -> PhoneMachine {
        PhoneMachine::new(openstage_40(), behaviour)
    }

    #[test]
    fn the_contact_gap_is_the_option_or_the_item() {
        let gap = |machine: &PhoneMachine| Attention::new(machine, Instant::now()).gap;
        assert_eq!(gap(&machine(Behaviour::default())), Duration::from_secs(300));
        let set = Behaviour { contact_gap: Some(Duration::from_secs(5)), ..Behaviour::default() };
        assert_eq!(gap(&machine(set)), Duration::from_secs(5));
        let mut written = machine(Behaviour::default());
        written.phone_mut().write(vec![Item::new("dls-contact-interval", "60")]);
        assert_eq!(gap(&written), Duration::from_secs(60));
    }

    #[test]
    fn a_written_url_starts_polling_and_an_empty_one_ends_it() {
        let begin = Instant::now();
        let interval = Duration::from_secs(40);
        let mut machine = machine(Behaviour { dcmp_interval: interval, ..Behaviour::default() });
        let mut attention = Attention::new(&machine, begin);
        assert_eq!(attention.next_poll(), None);
        machine.phone_mut().write(vec![Item::new("dcmp-url", "127.0.0.1:8080/dcmp")]);
        attention.follow(&machine);
        assert_eq!(attention.next_poll(), Some((Arc::from("127.0.0.1:8080/dcmp"), begin + interval)));
        let later = begin + Duration::from_secs(15);
        attention.contacted(later);
        assert_eq!(attention.next_poll().unwrap().1, later + interval);
        attention.is_off = true;
        assert_eq!(attention.next_poll(), None);
        attention.is_off = false;
        machine.phone_mut().write(vec![Item::new("dcmp-url", "")]);
        attention.follow(&machine);
        assert_eq!(attention.next_poll(), None);
    }

    #[test]
    fn only_a_phone_in_default_mode_obeys_a_foreign_address() {
        let mut machine = machine(Behaviour::default());
        assert!(Attention::new(&machine, Instant::now()).obeys_override);
        machine.phone_mut().write(vec![Item::new("dls-mode-secure", "1")]);
        assert!(!Attention::new(&machine, Instant::now()).obeys_override);
    }
}
