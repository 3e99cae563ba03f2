//! The attacks on the phones' side of the server (`landscape.md` C2) by name: row 1 (`impersonation`), row 5
//! (`abuse`, with what `bad_input.rs` and `sessions.rs` have) and row 9 (`canary`). Rows 2 and 6 are in `calling.rs`:
//! `attack_2_a_phone_cannot_send_the_server_to_others` and
//! `attack_6_nobody_makes_the_server_call_a_phone_inside_its_gap`.

mod abuse;
mod canary;
mod impersonation;
mod places;
mod same_network;
mod stranger;

/// Second byte of the networks of this program's phones.
const NETWORK: u8 = 75;
