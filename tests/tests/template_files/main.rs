//! Files and software of templates (OSEM §6.3): the API (`requests`), what they bring to phones (`brings`), the firmware
//! page (`firmware`), the clients it counts (`figures`), what is brought once or no longer wanted (`once`), what no phone
//! can be given (`unserved`), what is not brought once more (`again`), and files of one client (`clients`).

mod again;
mod brings;
mod clients;
mod figures;
mod firmware;
mod once;
mod requests;
mod unserved;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{ApiClient, TestServer, message, raw_phone, reply};
use wire::{Action, Item, Reason};

const TEMPLATES: &str = "/api/v1/templates";
const BY_RULE: &str = "server-settings.deployments.by-rule";
const FILE_SERVER: &str = "server-settings.other.integrated-file-server-enabled";
const CONFIRM_BEYOND: &str = "server-settings.plans.confirm-beyond";
const MODEL: &str = "OpenStage 40";
const OLD: &str = "V3 R5.12.0";
const NEW: &str = "V3 R5.16.0";

/// A sound that phones take; no two are the same.
fn sound(content: &str) -> Vec<u8> {
    let mut bytes = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00".to_vec();
    bytes.extend_from_slice(b"\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x00\x00\x00\x00");
    bytes.extend_from_slice(content.as_bytes());
    bytes
}

async fn ringtone(api: &ApiClient, name: &str) -> Value {
    api.upload(name, &sound(name), &[("file_type", "ringtone")]).await.expect(201)
}

/// Software for a model that only says what it is because somebody has said so.
async fn software(api: &ApiClient, version: &str) -> Value {
    software_for(api, version, MODEL, "SIP").await
}

async fn software_for(api: &ApiClient, version: &str, model: &str, family: &str) -> Value {
    let name = format!("{model} {family} {version}.img").replace(' ', "_");
    let mut content = vec![0x7f, 0x00, 0xfe, 0x01];
    content.extend_from_slice(name.as_bytes());
    let file = api.upload(&name, &content, &[("file_type", "software")]).await.expect(201);
    let path = format!("/api/v1/files/{}", file["id"]);
    let said = json!({"models": [model], "software_type": family, "software_version": version});
    let file = change(api, &path, &said).await.expect(200);
    assert_eq!(file["state"], "ready", "{file}");
    file
}

/// Changes what is there now.
async fn change(api: &ApiClient, path: &str, body: &Value) -> tests::ApiAnswer {
    let etag = api.get(path).await.header("etag").to_owned();
    api.clone().if_match(&etag).patch(path, body).await
}

/// A default template without values; gives its address.
async fn template(api: &ApiClient, name: &str, software_update: &str) -> String {
    let body = json!({"name": name, "kind": "default", "software_update": software_update});
    let template = api.post(TEMPLATES, &body).await.expect(201);
    format!("{TEMPLATES}/{}", template["id"])
}

/// Gives a template these files.
async fn give(api: &ApiClient, template: &str, files: &[&Value], more: Value) -> tests::ApiAnswer {
    let path = format!("{template}/files");
    let etag = api.get(&path).await.header("etag").to_owned();
    let ids: Vec<&Value> = files.iter().map(|file| &file["id"]).collect();
    let mut body = json!({"files": ids});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    api.clone().if_match(&etag).put(&path, &body).await
}

/// A template that has these files.
async fn bringing(api: &ApiClient, name: &str, software_update: &str, files: &[&Value]) -> String {
    let template = template(api, name, software_update).await;
    give(api, &template, files, json!({})).await.expect(200);
    template
}

/// A phone whose every word the test knows.
struct Desk {
    source: [u8; 4],
    version: String,
    number: String,
    /// Names of the ring tones it has.
    sounds: Vec<String>,
    messages: u32,
}

impl Desk {
    /// An OpenStage 40 with SIP at 127.66.<block>.<place>, not heard of yet.
    fn new(block: u8, place: u8) -> Self {
        Self {
            source: [127, 66, block, place],
            version: OLD.to_owned(),
            number: (4_966_000 + u32::from(place)).to_string(),
            sounds: Vec::new(),
            messages: 0,
        }
    }

    fn mac(&self) -> String {
        let [_, _, block, place] = self.source;
        format!("00:1A:E8:66:{block:02X}:{place:02X}")
    }

    fn nonce(&mut self) -> String {
        self.messages += 1;
        format!("T{}-{}-{}", self.source[2], self.source[3], self.messages)
    }

    fn basic(&self) -> Vec<Item> {
        let items = [
            ("device-type", MODEL.to_owned()),
            ("software-type", "Siemens SIP".to_owned()),
            ("software-version", self.version.clone()),
            ("mac-addr", self.mac()),
            ("e164", self.number.clone()),
            ("basic-e164", self.number.clone()),
        ];
        items.into_iter().map(|(name, value)| Item::new(name, value)).collect()
    }

    fn all(&self) -> Vec<Item> {
        let mut items = self.basic();
        for (place, name) in self.sounds.iter().enumerate() {
            let index = u16::try_from(place + 1).expect("few");
            let of_file = [("name", name.as_str()), ("type", "RINGTONE"), ("status", "ok")];
            items.extend(
                of_file.map(|(what, text)| Item::indexed(format!("file-deployment-{what}"), index, text)),
            );
        }
        items
    }

    /// One session; gives what it was offered, by the names of the items.
    async fn session(
        &mut self,
        server: &TestServer,
        reason: Reason,
        more: Vec<Item>,
    ) -> Option<BTreeMap<String, String>> {
        let mut phone = raw_phone(server.phone_port(), self.source);
        let mut items = self.basic();
        items.extend(more);
        let mut answer = phone.send(&message(&self.nonce(), reason, items)).await;
        for _ in 0..10 {
            let items = match &answer.action {
                Action::CleanUp => return None,
                Action::FileDeployment | Action::SoftwareDeployment => {
                    return Some(answer.items.into_iter().map(|item| (item.name, item.value)).collect());
                }
                Action::ReadAllItems => self.all(),
                Action::ReadItems | Action::WriteItems => {
                    answer.items.iter().map(|item| Item::new(item.name.as_str(), "")).collect()
                }
                other => panic!("not expected: {other:?}"),
            };
            answer = phone.send(&reply(&self.nonce(), answer.action.clone(), items)).await;
        }
        panic!("the session does not end");
    }

    async fn starts(&mut self, server: &TestServer) -> Option<BTreeMap<String, String>> {
        self.session(server, Reason::StartUp, Vec::new()).await
    }

    /// Says how a file was fetched.
    async fn tells(
        &mut self,
        server: &TestServer,
        name: &str,
        status: &str,
    ) -> Option<BTreeMap<String, String>> {
        if status == "ok" {
            self.sounds.push(name.to_owned());
        }
        let told = [("name", name), ("type", "RINGTONE"), ("status", status)];
        let told = told.map(|(what, text)| Item::new(format!("file-deployment-{what}"), text));
        self.session(server, Reason::Status, told.to_vec()).await
    }

    async fn client(&self, api: &ApiClient) -> Value {
        tests::desk::client_of(api, &self.mac()).await
    }

    /// Files of its client.
    async fn files(&self, api: &ApiClient) -> Value {
        let client = self.client(api).await;
        api.get(&format!("/api/v1/clients/{}/files", client["id"])).await.expect(200)
    }
}

/// Name of the file in an offer.
fn offered(offer: &Option<BTreeMap<String, String>>) -> Option<&str> {
    let url = offer.as_ref()?.get("file-https-base-url")?;
    url.rsplit('/').next()
}

/// Jobs of a kind, the newest first.
async fn jobs(api: &ApiClient, kind: &str) -> Vec<Value> {
    let jobs = api.get(&format!("/api/v1/jobs?size=100&kind={kind}&sort=-created_at")).await.expect(200);
    jobs["items"].as_array().expect("jobs").clone()
}
