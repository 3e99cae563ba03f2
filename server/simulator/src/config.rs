//! What a simulation run is told to do: one plain field per command line option.

use std::path::PathBuf;
use std::time::Duration;

use crate::address::{MacAddress, NetworkGuard, SourceBlock};
use crate::behaviour::{Behaviour, CookieEcho, DeploymentManners, Listening, Mishap, ReplyNonce};
use crate::danger_tls::TlsVersions;
use crate::dice::share_of;
use crate::identity::IdentityRules;
use crate::models::{Family, ModelRef};
use crate::refusal::Refusal;
use crate::simulated_phone::BackOff;

/// A simulation run. The default is 20 phones that start up once at the local server.
#[derive(Clone, Debug)]
pub struct SimulateConfig {
    /// Phones in the fleet.
    pub phones: u32,
    /// The provisioning server as `host:port`.
    pub server: String,
    /// Block in which each phone has its own address (D-38); `None`: all phones are at 127.0.0.1, which
    /// allows listeners only with `contact_me_port` 0.
    pub source: Option<SourceBlock>,
    /// File that keeps the phones stable between runs; made when missing.
    pub fleet_file: Option<PathBuf>,
    /// Seed of all that differs between phones.
    pub seed: u64,
    /// Hardware address of the first phone.
    pub first_mac: MacAddress,
    /// Subscriber number of the first phone.
    pub first_number: u64,
    /// Models taken in turn; empty means all.
    pub models: Vec<ModelRef>,
    /// The one firmware family; `None` mixes.
    pub family: Option<Family>,
    /// Items in a full read.
    pub items: usize,

    /// Most sessions started per second; `None` is as fast as `concurrency` allows.
    pub rate: Option<f64>,
    /// Most sessions at the same time.
    pub concurrency: usize,
    /// How many times every phone opens a session. The first time is a start-up.
    pub rounds: u32,
    /// Go on with rounds for this time instead of counting them.
    pub duration: Option<Duration>,
    /// Items changed locally before a session of the second and later rounds.
    pub change_items: usize,
    /// Share of the phones, 0 to 1, that change items in a round and come with `local-changes`; the
    /// others come with `start-up`.
    pub change_share: f64,
    /// Keep listening for contact-me when the rounds are over, until cancelled.
    pub stay: bool,
    /// Port of the contact-me listeners; 0 takes free ones.
    pub contact_me_port: u16,
    /// Waits of phones that meet a server too busy for them.
    pub back_off: BackOff,

    /// Items per message of a phone.
    pub fragment_size: Option<usize>,
    /// `maxItems` of the phones.
    pub max_items: Option<u32>,
    /// Orders that each phone answers with `busy` before it obeys.
    pub busy: u32,
    /// Wait before each answer.
    pub think_time: Duration,
    /// Wait between a restart and the start-up after it.
    pub restart_time: Duration,
    /// A new connection per request.
    pub no_keep_alive: bool,
    /// Send the cookie back with its attributes.
    pub cookie_with_attributes: bool,
    /// Send no cookie back.
    pub no_cookie: bool,
    /// Flag local changes without attaching them.
    pub old_local_changes: bool,
    /// Repeat the server's nonce in replies.
    pub repeat_nonce: bool,
    /// Say `Accepted`.
    pub upper_case_status: bool,
    /// Report `user-pwd` in clear.
    pub report_user_password: bool,
    /// Contact gap; `None` takes each phone's item; zero is no gap.
    pub contact_gap: Option<Duration>,
    /// Every so many-th contact-me outside the gap is ignored; 0 ignores none.
    pub ignore_every: u32,
    /// Whether the phones hear contact-me requests.
    pub listening: Listening,
    /// Time between two polls of the contact-me proxy.
    pub dcmp_interval: Duration,
    /// Keep `dcmp-url` over a restart.
    pub keep_dcmp_url: bool,
    /// WriteItems that each phone answers with `failed` before it obeys.
    pub failed_writes: u32,
    /// What goes wrong at each phone with the next `mishaps` WriteItems.
    pub mishap: Option<Mishap>,
    /// How many times it goes wrong.
    pub mishaps: u32,
    /// Items that all phones refuse, besides what their model does not take.
    pub refuse: Vec<Refusal>,
    /// Let servers write what DHCP delivers.
    pub unlock_dhcp_items: bool,

    /// How the phones deal with files and firmware; of phones whose downloads fail, `failing` is replaced.
    pub deployments: DeploymentManners,
    /// Share of the phones, 0 to 1, whose downloads fail; which ones follows from the seed.
    pub failing_downloads: f64,
    /// After so many failures they work; `None`: never.
    pub failing_times: Option<u32>,

    /// TLS versions offered.
    pub tls_versions: TlsVersions,
    /// Reuse TLS sessions.
    pub tls_resumption: bool,
    /// Wait for a connection.
    pub connect_timeout: Duration,
    /// Wait for an answer.
    pub request_timeout: Duration,
    /// Let phones have and call addresses outside 127.0.0.0/8: only in a network of the user's own.
    pub allow_any_target: bool,
    /// Seed of the nonces; `None` takes another one for each run, because servers refuse nonces they
    /// saw before.
    pub nonce_seed: Option<u64>,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        let rules = IdentityRules::default();
        let behaviour = Behaviour::default();
        Self {
            phones: 20,
            server: "127.0.0.1:18443".to_owned(),
            source: None,
            fleet_file: None,
            seed: rules.seed,
            first_mac: rules.first_mac,
            first_number: rules.first_number,
            models: rules.models,
            family: rules.family,
            items: 300,
            rate: None,
            concurrency: 64,
            rounds: 1,
            duration: None,
            change_items: 0,
            change_share: 1.0,
            stay: false,
            contact_me_port: 8085,
            back_off: BackOff::default(),
            fragment_size: None,
            max_items: None,
            busy: 0,
            think_time: behaviour.think_time,
            restart_time: behaviour.restart_time,
            no_keep_alive: false,
            cookie_with_attributes: false,
            no_cookie: false,
            old_local_changes: false,
            repeat_nonce: false,
            upper_case_status: false,
            report_user_password: false,
            contact_gap: None,
            ignore_every: behaviour.ignore_every,
            listening: behaviour.listening,
            dcmp_interval: behaviour.dcmp_interval,
            keep_dcmp_url: behaviour.keeps_dcmp_url,
            failed_writes: behaviour.failed_writes,
            mishap: behaviour.mishap,
            mishaps: behaviour.mishaps,
            refuse: Vec::new(),
            unlock_dhcp_items: !behaviour.locks_dhcp_items,
            deployments: behaviour.deployments,
            failing_downloads: 0.0,
            failing_times: None,
            tls_versions: TlsVersions::default(),
            tls_resumption: false,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            allow_any_target: false,
            nonce_seed: None,
        }
    }
}

impl SimulateConfig {
    /// The same fleet when the power comes back: all phones start up at once, as many at the same time
    /// as `concurrency` allows, and each tries again after the waits of `back_off` until it is served.
    #[must_use]
    pub fn into_blackout(self) -> Self {
        let back_off = BackOff { tries: u32::MAX, after_errors: true, ..self.back_off };
        Self { rate: None, rounds: 1, duration: None, change_items: 0, back_off, ..self }
    }

    /// From what the phones' identities are made.
    #[must_use]
    pub fn identity_rules(&self) -> IdentityRules {
        IdentityRules {
            seed: self.seed,
            first_mac: self.first_mac,
            first_number: self.first_number,
            models: self.models.clone(),
            family: self.family,
        }
    }

    /// How the phone with this number behaves.
    #[must_use]
    pub fn behaviour_of(&self, number: u32) -> Behaviour {
        let mut behaviour = self.behaviour();
        // Another draw than those of the rounds: who changes items is not who fails.
        if share_of(self.seed ^ 0xF11E, number) < self.failing_downloads {
            behaviour.deployments.failing = self.failing_times.unwrap_or(u32::MAX);
        }
        behaviour
    }

    /// How the phones behave.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour {
            max_items: self.max_items,
            fragment_items: self.fragment_size,
            busy_requests: self.busy,
            old_local_changes: self.old_local_changes,
            keep_alive: !self.no_keep_alive,
            cookies: match (self.no_cookie, self.cookie_with_attributes) {
                (true, _) => CookieEcho::None,
                (false, true) => CookieEcho::WithAttributes,
                (false, false) => CookieEcho::Plain,
            },
            reply_nonce: if self.repeat_nonce { ReplyNonce::Repeat } else { ReplyNonce::New },
            upper_case_status: self.upper_case_status,
            reports_user_password: self.report_user_password,
            think_time: self.think_time,
            restart_time: self.restart_time,
            contact_gap: self.contact_gap,
            ignore_every: self.ignore_every,
            listening: self.listening,
            dcmp_interval: self.dcmp_interval,
            keeps_dcmp_url: self.keep_dcmp_url,
            failed_writes: self.failed_writes,
            mishap: self.mishap,
            mishaps: self.mishaps,
            locks_dhcp_items: !self.unlock_dhcp_items,
            deployments: self.deployments,
            ..Behaviour::default()
        }
    }

    /// Where the phones may be and whom they may call.
    #[must_use]
    pub fn guard(&self) -> NetworkGuard {
        NetworkGuard::allow_any(self.allow_any_target)
    }
}
