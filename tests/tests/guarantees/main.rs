//! What the job engine guarantees whatever happens to the server and to the phones (D-22, D-24 … D-26, D-39,
//! `wpi.md` §1.5, §4.4): by name, transition for transition, and with chance.

mod chance;
mod hands;
mod harvest;
mod invariants;
mod orders;
mod transitions;
mod world;
