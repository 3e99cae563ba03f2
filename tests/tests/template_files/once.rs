//! What onboarding templates bring to phones that come for the first time, and what is not brought because its template
//! does not want it any more.

use domain::Role;
use jiff::SignedDuration;
use serde_json::json;
use tests::desk::job_becomes;
use tests::on_both_databases;

use super::*;
use crate::brings::night;

/// State, reason and codes of the only target of a job.
async fn target(api: &ApiClient, job: &Value) -> (Value, Value, Vec<Value>) {
    let page = api.get(&format!("/api/v1/jobs/{job}/targets")).await.expect(200);
    let target = &page["items"][0];
    let codes = target["results"].as_array().expect("results").iter().map(|one| one["code"].clone());
    (target["state"].clone(), target["reason"].clone(), codes.collect())
}

async fn newest(api: &ApiClient, kind: &str) -> Value {
    jobs(api, kind).await[0]["id"].clone()
}

/// An onboarding template that has these files.
async fn onboarding(api: &ApiClient, name: &str, software_update: &str, files: &[&Value]) -> String {
    let body = json!({"name": name, "kind": "onboarding", "software_update": software_update});
    let template = api.post(TEMPLATES, &body).await.expect(201);
    let template = format!("{TEMPLATES}/{}", template["id"]);
    give(api, &template, files, json!({})).await.expect(200);
    template
}

on_both_databases! {
    what_a_template_has_lost_is_not_brought_any_more => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (one, two) = (ringtone(&api, "one.wav").await, ringtone(&api, "two.wav").await);
        server.change_setting(BY_RULE, "night").await;
        let mut desk = Desk::new(40, 1);
        desk.starts(server).await;
        let template = bringing(&api, "Sounds", "ignored", &[&one, &two]).await;
        night(server).await;
        give(&api, &template, &[], json!({})).await.expect(200);
        assert_eq!(desk.starts(server).await, None);
        let job = newest(&api, "deploy-files").await;
        let unwanted = json!("no-longer-wanted");
        let codes = vec![unwanted.clone(), unwanted.clone()];
        assert_eq!(target(&api, &job).await, (json!("cancelled"), unwanted.clone(), codes));
        job_becomes(&api, &job, "cancelled").await;
        // That was no try: wanted again, it is brought. One of two that is left is brought alone.
        give(&api, &template, &[&one, &two], json!({})).await.expect(200);
        night(server).await;
        give(&api, &template, &[&two], json!({})).await.expect(200);
        assert_eq!(offered(&desk.starts(server).await), Some("two.wav"));
        desk.tells(server, "two.wav", "ok").await;
        let job = newest(&api, "deploy-files").await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(target(&api, &job).await, (json!("success"), json!(null), vec![unwanted]));
    }

    software_that_a_rule_does_not_bring_any_more_stays_away => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = software(&api, NEW).await;
        server.change_setting(BY_RULE, "night").await;
        let mut desk = Desk::new(41, 1);
        desk.starts(server).await;
        let template = bringing(&api, "Software", "only-newer", &[&image]).await;
        night(server).await;
        change(&api, &template, &json!({"software_update": "disabled"})).await.expect(200);
        assert_eq!(desk.starts(server).await, None);
        let job = newest(&api, "deploy-software").await;
        assert_eq!(target(&api, &job).await, (json!("cancelled"), json!("no-longer-wanted"), Vec::new()));
        change(&api, &template, &json!({"software_update": "only-newer"})).await.expect(200);
        night(server).await;
        assert!(desk.starts(server).await.is_some());
    }

    an_onboarding_template_brings_its_files_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (tone, image) = (ringtone(&api, "first.wav").await, software(&api, NEW).await);
        let mut known = Desk::new(42, 1);
        known.starts(server).await;
        onboarding(&api, "Welcome", "only-newer", &[&tone, &image]).await;
        assert_eq!(known.starts(server).await, None, "it is there already");
        // It does not wait for a night.
        server.change_setting(BY_RULE, "night").await;
        let mut desk = Desk::new(42, 2);
        let offer = desk.starts(server).await;
        let (file_first, items) = (offered(&offer) == Some("first.wav"), offer.expect("an offer"));
        assert!(file_first || items["file-sw-version"] == NEW, "{items:?}");
        for _ in 0..2 {
            if jobs(&api, "deploy-files").await[0]["targets"]["sent"] == 1 {
                desk.tells(server, "first.wav", "ok").await;
            } else {
                server.clock.advance(SignedDuration::from_mins(5));
                desk.version = NEW.to_owned();
                desk.starts(server).await;
            }
        }
        for kind in ["deploy-files", "deploy-software"] {
            let made = jobs(&api, kind).await;
            assert_eq!((made.len(), &made[0]["cause"]), (1, &json!("templates")), "{kind}");
            job_becomes(&api, &made[0]["id"], "success").await;
        }
        // What it is given once it may lose.
        assert_eq!(desk.files(&api).await["wanted"], json!([]));
        desk.sounds.clear();
        desk.version = OLD.to_owned();
        server.change_setting(BY_RULE, "contact").await;
        server.clock.advance(SignedDuration::from_hours(25));
        assert_eq!(desk.starts(server).await, None);
        // Off is off.
        server.change_setting(BY_RULE, "off").await;
        assert_eq!(Desk::new(42, 3).starts(server).await, None);
        assert_eq!(jobs(&api, "deploy-files").await.len(), 1);
    }

    what_default_templates_want_comes_before_what_onboarding_templates_want => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (lasting, once) = (ringtone(&api, "tone.wav").await, ringtone(&api, "Tone.WAV").await);
        bringing(&api, "Sounds", "ignored", &[&lasting]).await;
        let template = onboarding(&api, "Welcome", "ignored", &[&once]).await;
        let mut desk = Desk::new(43, 1);
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        desk.tells(server, "tone.wav", "ok").await;
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(jobs(&api, "deploy-files").await.len(), 1);
        // What is to be given once, and is taken from the template before it is offered, is not.
        let other = ringtone(&api, "other.wav").await;
        give(&api, &template, &[&other], json!({})).await.expect(200);
        let mut late = Desk::new(43, 2);
        assert_eq!(offered(&late.starts(server).await), Some("tone.wav"));
        give(&api, &template, &[], json!({})).await.expect(200);
        late.tells(server, "tone.wav", "ok").await;
        assert_eq!(late.starts(server).await, None);
        let job = newest(&api, "deploy-files").await;
        assert_eq!(target(&api, &job).await.0, "cancelled");
    }
}
