//! Deployments at a fleet's size: the firmware page, plans for all, and their jobs.

use std::time::{Duration, Instant};

use content::craft;
use serde_json::{Value, json};

use crate::program::{Api, Program};
use crate::{Failure, print, row};

/// A version no phone of the fleet has.
const NEW: &str = "V9 R9.9.9";

/// How long the server is watched while nothing happens.
const WATCHED: Duration = Duration::from_secs(20);

/// All figures of this file; the fleet is there already.
pub(crate) async fn measure(program: &Program, api: &Api, phones: u32) -> Result<(), Failure> {
    // Every model of the older lines whose images say what they are.
    for model in ["OpenStage 15", "OpenStage 20", "OpenStage 40", "OpenStage 60", "OpenStage 80"] {
        let image = craft::firmware(model, "SIP", NEW, 4_096);
        let name = format!("{}.img", model.replace(' ', ""));
        upload(api, &name, "software", &image).await?;
    }
    let mut sound =
        b"RIFF\x2c\x01\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\
        \x01\x00\x08\x00data\x08\x01\x00\x00"
            .to_vec();
    sound.resize(308, 7);
    let sound = upload(api, "chimes.wav", "ringtone", &sound).await?;

    let page = crate::fleet::times(async || api.get("/api/v1/firmware").await.map(|_| ())).await?;
    print(&row(&format!("firmware page, {phones} clients"), &page));
    planned(api, "firmware, one click", phones, "/api/v1/firmware/plan", &json!({})).await?;
    let all = json!({"kind": "deploy-files", "targets": {"filter": {}},
        "deployment": {"files": [{"file": sound}]}});
    planned(api, "a file for all", phones, "/api/v1/plans", &all).await?;

    // Nobody comes: what it costs to look every second who may be called.
    let before = program.usage()?;
    tokio::time::sleep(WATCHED).await;
    let used = program.usage()?.since(&before).cpu;
    let share = 100.0 * used.as_secs_f64() / WATCHED.as_secs_f64();
    print(&row(
        &format!("processor while deployments wait for {phones}"),
        &format!("{share:.1} % of one core"),
    ));
    Ok(())
}

/// Uploads a file in one piece; gives its id.
async fn upload(api: &Api, name: &str, file_type: &str, bytes: &[u8]) -> Result<Value, Failure> {
    let new = json!({"name": name, "size": bytes.len(), "file_type": file_type});
    let upload = api.post("/api/v1/uploads", &new).await?;
    let path = format!("/api/v1/uploads/{}", upload["token"].as_str().ok_or("no token")?);
    api.patch_bytes(&format!("{path}?offset=0"), bytes).await?;
    Ok(api.post(&format!("{path}/finish"), &json!({})).await?["id"].clone())
}

/// Draws a plan up and applies it.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn planned(api: &Api, name: &str, phones: u32, path: &str, body: &Value) -> Result<(), Failure> {
    let begin = Instant::now();
    let plan = api.post(path, body).await?;
    let planned = begin.elapsed();
    let begin = Instant::now();
    let confirm = json!({"confirm": plan["summary"]["writes"]});
    api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &confirm).await?;
    let text =
        format!("planned {:.2} s, applied {:.2} s", planned.as_secs_f64(), begin.elapsed().as_secs_f64());
    print(&row(&format!("{name}: {} of {phones}", plan["summary"]["writes"]), &text));
    Ok(())
}
