//! When a secret may go out to a phone in default mode, whose identity nobody has checked (D-24).

use crate::words::words;

/// What is known of the session and the client at the moment a secret would be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandOut {
    /// Both sides are authenticated (secure mode): nothing of the rest applies.
    pub secure: bool,
    /// An administrator prepared or approved the client.
    pub approved: bool,
    /// The peer lies in the network the client is bound to, or in an onboarding network.
    pub known_network: bool,
    /// The peer is the address the client is trusted at: its first one, or the one that was approved.
    pub known_address: bool,
    /// The session answers our contact-me to the address it was sent to.
    pub answers_call: bool,
    /// An onboarding window is open.
    pub window_open: bool,
    /// This revision of the secret was handed out before, and no reset we ordered came since.
    pub handed_out_before: bool,
    /// An administrator asked to send secrets again.
    pub send_again: bool,
}

words! {
    /// Why a secret is withheld.
    Withheld {
        /// Nobody prepared or approved the client.
        NotApproved = "not-approved",
        /// The peer comes from a network that is not its own.
        UnknownNetwork = "unknown-network",
        /// Its own network, but not its own address: somebody else may say its device id.
        OtherAddress = "other-address",
        /// The phone came by itself; the server has to call it first.
        NotCalled = "not-called",
        /// It was handed out before.
        HandedOutBefore = "handed-out-before",
    }
}

/// Whether a secret may be written now.
///
/// # Errors
/// The first condition of D-24 that does not hold. [`Withheld::NotCalled`] comes last, because it alone is
/// mended by calling the phone.
pub fn may_hand_out(hand_out: &HandOut) -> Result<(), Withheld> {
    if hand_out.secure {
        Ok(())
    } else if !hand_out.approved {
        Err(Withheld::NotApproved)
    } else if !hand_out.known_network {
        Err(Withheld::UnknownNetwork)
    } else if !hand_out.known_address && !hand_out.window_open {
        Err(Withheld::OtherAddress)
    } else if hand_out.handed_out_before && !hand_out.send_again {
        Err(Withheld::HandedOutBefore)
    } else if hand_out.answers_call || hand_out.window_open {
        Ok(())
    } else {
        Err(Withheld::NotCalled)
    }
}

#[cfg(test)]
mod tests {
    use super::{HandOut, Withheld, may_hand_out};

    #[test]
    fn every_condition_of_d24_is_needed() {
        let all = HandOut {
            approved: true,
            known_network: true,
            known_address: true,
            answers_call: true,
            ..HandOut::default()
        };
        assert_eq!(may_hand_out(&all), Ok(()));
        let window = HandOut { answers_call: false, known_address: false, window_open: true, ..all };
        assert_eq!(may_hand_out(&window), Ok(()));
        for (hand_out, withheld) in [
            (HandOut { approved: false, ..all }, Withheld::NotApproved),
            (HandOut { known_network: false, ..all }, Withheld::UnknownNetwork),
            (HandOut { known_address: false, ..all }, Withheld::OtherAddress),
            (HandOut { answers_call: false, ..all }, Withheld::NotCalled),
            (HandOut { handed_out_before: true, ..all }, Withheld::HandedOutBefore),
        ] {
            assert_eq!(may_hand_out(&hand_out), Err(withheld));
            assert_eq!(may_hand_out(&HandOut { secure: true, ..hand_out }), Ok(()));
        }
        assert_eq!(may_hand_out(&HandOut { handed_out_before: true, send_again: true, ..all }), Ok(()));
    }
}
