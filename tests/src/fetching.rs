//! Download addresses as phones get them: a file, a plan, a job, and the order that names the address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pki::Issued;
use serde_json::{Value, json};
use wire::{Action, Item, PhoneMessage, Reason, ServerMessage};

use crate::{ApiClient, Exchange, TestServer, desk, items, message, raw_phone, reply};

/// A phone that was told to fetch a file and has not begun.
pub struct Offered {
    /// Where it may fetch it.
    pub url: String,
    /// The job.
    pub job: Value,
    /// Address of the phone.
    pub address: IpAddr,
    phone: Told,
}

/// A phone that does what it is told but for fetching.
pub struct Told {
    /// Its device id.
    pub mac: String,
    address: [u8; 4],
    model: &'static str,
    phone: Exchange,
    said: u32,
}

impl Told {
    /// Starts a phone up at an address of 127.0.0.0/8, which also makes its device id.
    pub async fn start_up(server: SocketAddr, address: [u8; 4]) -> Self {
        Self::start_up_as(server, address, MODEL).await
    }

    /// As [`Told::start_up`], a phone of this model.
    pub async fn start_up_as(server: SocketAddr, address: [u8; 4], model: &'static str) -> Self {
        Self::start(raw_phone(server, address), address, model).await
    }

    /// Starts a phone up that speaks in a way of its own, from this address.
    pub async fn start_up_by(phone: Exchange, address: [u8; 4]) -> Self {
        Self::start(phone, address, MODEL).await
    }

    async fn start(phone: Exchange, address: [u8; 4], model: &'static str) -> Self {
        let [_, b, c, d] = address;
        let mac = format!("00:1A:E8:{b:02X}:{c:02X}:{d:02X}");
        let mut told = Self { mac, address, model, phone, said: 0 };
        let first = told.opening(Reason::StartUp);
        told.settle(&first).await;
        told
    }

    /// Lets the phone come; gives the first order that is about a file, or CleanUp.
    pub async fn come(&mut self) -> ServerMessage {
        self.phone.channel.disconnect();
        self.phone.channel.set_cookie(None);
        let first = self.opening(Reason::Solicited);
        self.settle(&first).await
    }

    /// The phone says how a file went; gives the server's answer.
    pub async fn report(&mut self, name: &str, status: &str) -> ServerMessage {
        self.phone.channel.disconnect();
        self.phone.channel.set_cookie(None);
        let mut report = self.opening(Reason::Status);
        let told = [
            ("file-deployment-name", name),
            ("file-deployment-type", "DONGLE"),
            ("file-deployment-status", status),
        ];
        report.items.extend(items(&told));
        self.phone.send(&report).await
    }

    fn nonce(&mut self) -> String {
        self.said += 1;
        format!("T{}", self.said)
    }

    fn opening(&mut self, reason: Reason) -> PhoneMessage {
        let nonce = self.nonce();
        let about = [
            ("mac-addr", self.mac.as_str()),
            ("device-type", self.model),
            ("software-type", "Siemens SIP"),
            ("software-version", "V3 R5.16.0"),
        ];
        message(&nonce, reason, items(&about))
    }

    /// Answers orders until one is about a file, or the session is over.
    async fn settle(&mut self, first: &PhoneMessage) -> ServerMessage {
        let mut order = self.phone.send(first).await;
        for _ in 0..10 {
            let told: Vec<Item> = match order.action {
                Action::ReadAllItems => {
                    items(&[("mac-addr", &self.mac), ("device-type", self.model), ("ringer-melody", "2")])
                }
                Action::FileDeployment | Action::SoftwareDeployment | Action::CleanUp => break,
                _ => Vec::new(),
            };
            let answer = reply(&self.nonce(), order.action.clone(), told);
            order = self.phone.send(&answer).await;
        }
        order
    }
}

/// Uploads text as a file of the built-in provider; gives its view.
pub async fn upload(api: &ApiClient, name: &str, content: &str) -> Value {
    let new = json!({ "name": name, "size": content.len(), "file_type": "dongle" });
    let upload = api.post("/api/v1/uploads", &new).await.expect(201);
    let path = format!("/api/v1/uploads/{}", upload["token"].as_str().expect("a token"));
    let bytes = api.clone().with_header("content-type", "application/octet-stream");
    if !content.is_empty() {
        let piece = format!("{path}?offset=0");
        bytes.send(reqwest::Method::PATCH, &piece, Some(content.to_owned())).await.expect(200);
    }
    api.post(&format!("{path}/finish"), &json!({})).await.expect(201)
}

/// Has a phone at `address` told to fetch a file.
pub async fn offered(server: &TestServer, api: &ApiClient, address: [u8; 4], file: &Value) -> Offered {
    let phone = Told::start_up(server.phone_port(), address).await;
    offered_to(api, phone, file).await
}

/// Has a phone told to fetch a file.
pub async fn offered_to(api: &ApiClient, mut phone: Told, file: &Value) -> Offered {
    let client = desk::client_of(api, &phone.mac).await;
    let job = deploy(api, &[client["id"].clone()], file).await;
    let order = phone.come().await;
    let url = url(&order).unwrap_or_else(|| panic!("no address, but {:?}", order.action));
    Offered { url, job, address: IpAddr::V4(Ipv4Addr::from(phone.address)), phone }
}

/// Plans and applies a deployment of one file; gives the job.
pub async fn deploy(api: &ApiClient, clients: &[Value], file: &Value) -> Value {
    let deployment = json!({ "files": [{ "file": file["id"] }], "again": true });
    let plan = json!({ "kind": "deploy-files", "targets": { "ids": clients }, "deployment": deployment });
    let plan = api.post("/api/v1/plans", &plan).await.expect(201);
    desk::apply(api, &plan, json!({})).await
}

impl Offered {
    /// The phone says how it went; gives the server's answer.
    pub async fn report(&mut self, name: &str, status: &str) -> ServerMessage {
        self.phone.report(name, status).await
    }

    /// Lets the phone come again; gives the address it is told now.
    pub async fn come(&mut self) -> Option<String> {
        url(&self.phone.come().await)
    }

    /// A client for fetching, at the phone's address and with its leniency.
    pub fn client(&self) -> reqwest::Client {
        client(self.address)
    }
}

/// A client for fetching, at an address of this machine.
pub fn client(address: IpAddr) -> reqwest::Client {
    builder(address).build().expect("a client")
}

/// As [`client`], with a certificate of the phone.
pub fn secure_client(address: IpAddr, certificate: &Issued) -> reqwest::Client {
    let pem = format!("{}{}", certificate.chain_pem, certificate.private_key_pem.expose());
    let identity = reqwest::Identity::from_pem(pem.as_bytes()).expect("certificate and key");
    builder(address).identity(identity).build().expect("a client")
}

fn builder(address: IpAddr) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(Some(address))
}

/// The address in an order.
pub fn url(order: &ServerMessage) -> Option<String> {
    order.items.iter().find(|item| item.name == "file-https-base-url").map(|item| item.value.clone())
}

/// What these phones are, unless something else is said.
const MODEL: &str = "OpenStage 40";
