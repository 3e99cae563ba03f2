//! Files and uploads: lists (`lists`), sent whole (`whole`), in pieces (`pieces`), given back (`contents`), described and
//! converted (`described`), deleted (`deleted`), at other providers (`providers`), when there is no room (`room`), when the
//! directory is another one (`home`), and when the server is killed (`killed`) (OSEM §9).

mod contents;
mod deleted;
mod described;
mod home;
mod killed;
mod lists;
mod pieces;
mod providers;
mod room;
mod whole;

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, TestServer};

const FILES: &str = "/api/v1/files";
const UPLOADS: &str = "/api/v1/uploads";
const BYTES: &str = "application/octet-stream";

/// A sound of some length, told from others by a number.
fn sound(number: u8, length: usize) -> Vec<u8> {
    let length = length.max(8);
    let data = u32::try_from(length).expect("a length");
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(data + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data");
    bytes.extend_from_slice(&data.to_le_bytes());
    bytes.resize(44 + length, number);
    bytes
}

/// A picture of some size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([u8::try_from(x % 251).unwrap_or(0), u8::try_from(y % 251).unwrap_or(0), 7])
    });
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

fn sha256(bytes: &[u8]) -> String {
    let mut child = std::process::Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sha256sum runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), bytes).expect("written");
    let done = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&done.stdout).split_whitespace().next().expect("a checksum").to_owned()
}

/// Uploads a file whole; gives what is known of it.
async fn upload(api: &ApiClient, name: &str, content: &[u8]) -> Value {
    api.upload(name, content, &[]).await.expect(201)
}

fn path_of(file: &Value) -> String {
    format!("{FILES}/{}", file["id"])
}

async fn begin(api: &ApiClient, name: &str, size: usize) -> String {
    let begun = api.post(UPLOADS, &json!({"name": name, "size": size})).await.expect(201);
    format!("{UPLOADS}/{}", begun["token"].as_str().expect("a token"))
}

async fn piece(api: &ApiClient, upload: &str, offset: usize, bytes: &[u8]) -> ApiAnswer {
    api.send_bytes(Method::PATCH, &format!("{upload}?offset={offset}"), BYTES, bytes.to_vec()).await
}

async fn finish(api: &ApiClient, upload: &str) -> ApiAnswer {
    api.post(&format!("{upload}/finish"), &json!({})).await
}

async fn content(api: &ApiClient, file: &Value) -> Vec<u8> {
    let response = api.stream(&format!("{}/content", path_of(file))).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.expect("a body").to_vec()
}

/// Names of the files in a directory of the server's.
fn names_in(data: &Path, directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(data.join("files").join(directory)).expect("the directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn objects(server: &TestServer) -> Vec<String> {
    objects_in(&server.config().data_dir)
}

/// Objects of the built-in provider; the mark of the directory is none.
fn objects_in(data: &Path) -> Vec<String> {
    let mut names = names_in(data, "objects");
    names.retain(|name| name != ".workpoint");
    names
}

fn staged(server: &TestServer) -> Vec<String> {
    names_in(&server.config().data_dir, "uploads")
}

/// Actions of the audit records about a file, oldest first.
async fn audited(server: &mut TestServer, file: &Value) -> Vec<Value> {
    let auditor = server.api(&[domain::Role::Auditor]).await;
    let path = format!("/api/v1/audit?object_kind=file&object_id={}", file["id"]);
    let list = auditor.get(&path).await.expect(200);
    let mut actions: Vec<Value> =
        list["items"].as_array().expect("records").iter().map(|record| record["action"].clone()).collect();
    actions.reverse();
    actions
}
