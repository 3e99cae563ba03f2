//! Firmware: what is offered to whom, and what start-ups mean.

use jiff::SignedDuration;
use serde_json::json;
use tests::{items, on_both_databases, wait_until};
use wire::{Action, Reason, ReplyStatus};

use crate::hand::{one, value};
use crate::{
    IMAGE, JOBS, NEW, OLD, apply, deploy_software, excluded, image, job_becomes, phase, plan, stands, target,
    words,
};

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

on_both_databases! {
    a_start_up_with_the_new_version_is_the_end => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let plan = plan(&api, "deploy-software", &[&id], json!([{"file": file}]), json!({"priority": "immediate"})).await;
        assert_eq!(plan["deployment"]["files"][0]["name"], "os60.img");
        let summary = &plan["summary"];
        assert_eq!((&summary["writes"], &summary["restarts"], &summary["bytes"]), (&json!(1), &json!(1), &json!(IMAGE)));
        let rows = api.get(&format!("/api/v1/plans/{}/targets", plan["id"])).await.expect(200);
        let row = &rows["items"][0]["rows"][0];
        assert_eq!((&row["item"], &row["from"], &row["to"]), (&json!("software-version"), &json!(OLD), &json!(NEW)));
        let job = apply(&api, &plan, json!({})).await;
        let waiting = &target(&api, &job).await["deployment"];
        assert_eq!((&waiting["from_version"], &waiting["to_version"]), (&json!(OLD), &json!(NEW)));
        let order = phone.comes().await;
        assert_eq!(order.action, Action::SoftwareDeployment);
        let names: Vec<&str> = order.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["file-https-base-url", "file-priority", "file-sw-type", "file-sw-version", "file-type"]);
        let said = ["file-priority", "file-sw-type", "file-sw-version", "file-type"].map(|name| value(&order, name));
        assert_eq!(said, ["immediate", "Siemens SIP", NEW, "APP"]);
        assert_eq!(phone.replies(Action::SoftwareDeployment, ReplyStatus::Accepted).await.action, Action::CleanUp);
        assert_eq!(phone.fetches(&order).await.expect("an image").len(), IMAGE);
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        // That the download went well is not the end.
        phone.tells("os60.img", "APP", "ok").await;
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        // Nor is a restart by somebody else ordered while it flashes.
        let restart = json!({"action": "restart", "targets": {"ids": [id]}});
        let restart = api.post("/api/v1/clients/actions", &restart).await.expect(201)["id"].clone();
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        server.clock.advance(minutes(4));
        phone.version = NEW.to_owned();
        assert_eq!(phone.starts_up().await.action, Action::Restart);
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &restart).await.0, "sent");
        let client = api.get(&format!("/api/v1/clients/{id}")).await.expect(200);
        assert_eq!(client["software_version"], NEW);
    }

    a_start_up_with_the_old_version_is_a_failure_that_is_not_repeated => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        let order = phone.comes().await;
        // Somebody pulled its plug: it has fetched nothing.
        server.clock.advance(SignedDuration::from_secs(30));
        phone.starts_up().await;
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        phone.fetches(&order).await.expect("an image");
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        server.clock.advance(minutes(4));
        phone.starts_up().await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(stands(&api, &job).await, words("failed", "old-version"));
        assert_eq!(target(&api, &job).await["reason_args"]["status"], OLD);
        server.clock.advance(minutes(20));
        assert_eq!(phone.comes().await.action, Action::CleanUp);
    }

    a_start_up_that_nobody_heard_is_made_up_for_by_the_next_contact => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        let order = phone.comes().await;
        phone.fetches(&order).await.expect("an image");
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        // It comes for another reason, and is at it still; nor is another version an end, nor one of the other family.
        server.clock.advance(minutes(4));
        for (version, family) in [(OLD, "Siemens SIP"), ("V3 R5.14.0", "Siemens SIP"), (NEW, "Siemens HFA")] {
            (phone.version, phone.family) = (version.to_owned(), family.to_owned());
            assert_eq!(phone.comes().await.action, Action::CleanUp);
            assert_eq!(stands(&api, &job).await, words("sent", ""), "{version} {family}");
        }
        (phone.version, phone.family) = (NEW.to_owned(), "Siemens SIP".to_owned());
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("success", ""));
    }

    a_start_up_that_nobody_heard_is_made_up_for_when_everything_is_read => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        phone.comes().await;
        server.clock.advance(minutes(4));
        // It does not say what it runs when it comes.
        (phone.version, phone.opens_without_version) = (NEW.to_owned(), true);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        let read = json!({"action": "refresh", "targets": {"ids": [id]}});
        api.post("/api/v1/clients/actions", &read).await.expect(201);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
    }

    a_failed_download_a_refusal_and_silence => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let failed = deploy_software(&api, &id, &file, json!({})).await;
        phone.comes().await;
        phone.tells("os60.img", "APP", "checksum error").await;
        assert_eq!(stands(&api, &failed).await, words("failed", "download-failed"));
        server.clock.advance(minutes(15));
        let refused = deploy_software(&api, &id, &file, json!({})).await;
        phone.comes().await;
        phone.replies(Action::SoftwareDeployment, ReplyStatus::Failed).await;
        assert_eq!(stands(&api, &refused).await, words("failed", "refused-by-phone"));
        server.clock.advance(minutes(15));
        let silent = deploy_software(&api, &id, &file, json!({})).await;
        assert_eq!(phone.comes().await.action, Action::SoftwareDeployment);
        server.clock.advance(minutes(59));
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &silent).await, words("sent", ""));
        server.clock.advance(minutes(1));
        job_becomes(&api, &silent, "timeout").await;
        assert_eq!(stands(&api, &silent).await, words("timeout", "no-status"));
    }

    firmware_that_was_given_up_and_runs_after_all_is_not_offered_again => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        assert_eq!(phone.comes().await.action, Action::SoftwareDeployment);
        server.clock.advance(minutes(60));
        job_becomes(&api, &job, "timeout").await;
        // It took its time. What became of the order stays as it was; what the phone runs is known.
        phone.version = NEW.to_owned();
        assert_eq!(phone.starts_up().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("timeout", "no-status"));
        let files = api.get(&format!("/api/v1/clients/{id}/files")).await.expect(200);
        assert_eq!(files["software"]["running"], NEW);
        let page = api.get("/api/v1/firmware").await.expect(200);
        assert_eq!((&page["outdated"], &page["models"][0]["versions"][0]["version"]), (&json!(0), &json!(NEW)));
        let same = plan(&api, "deploy-software", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(excluded(&api, &same).await, "already-so");
        api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("skipped", "already-so"));
    }

    nobody_is_offered_firmware_twice_in_a_quarter_of_an_hour => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let first = deploy_software(&api, &id, &file, json!({})).await;
        phone.comes().await;
        // Busy is no offer: it did not take it.
        phone.replies(Action::SoftwareDeployment, ReplyStatus::Busy).await;
        assert_eq!(stands(&api, &first).await, words("waiting", "busy"));
        assert_eq!(phone.comes().await.action, Action::SoftwareDeployment);
        phone.tells("os60.img", "APP", "failed").await;
        api.post(&format!("{JOBS}/{first}/retry"), &json!({})).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &first).await, words("waiting", "offered-recently"));
        server.clock.advance(minutes(14));
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        server.clock.advance(minutes(1));
        assert_eq!(phone.comes().await.action, Action::SoftwareDeployment);
        phone.version = NEW.to_owned();
        server.clock.advance(minutes(2));
        phone.starts_up().await;
        job_becomes(&api, &first, "success").await;
    }

    the_wrong_model_the_other_family_and_older_firmware_are_left_out => |server| {
        let (mut phone, api, id) = one(server).await;
        let upload = crate::upload;
        let other = content::craft::firmware("OpenStage 40", "SIP", NEW, IMAGE);
        let other = upload(&api, "os40.img", &other, "").await;
        let hfa = image(&api, "hfa.img", "HFA", NEW).await;
        let older = image(&api, "older.img", "SIP", "V3 R4.0.0").await;
        let newer = image(&api, "newer.img", "SIP", NEW).await;
        for (file, more, reason) in [
            (&other, json!({}), json!("other-model")),
            (&hfa, json!({}), json!("other-family")),
            (&older, json!({}), json!("older-version")),
        ] {
            let plan = plan(&api, "deploy-software", &[&id], json!([{"file": file}]), more).await;
            assert_eq!((&plan["summary"]["writes"], excluded(&api, &plan).await), (&json!(0), reason));
        }
        let down = json!({"allow_downgrade": true});
        let down = plan(&api, "deploy-software", &[&id], json!([{"file": older}]), down).await;
        assert_eq!((&down["summary"]["writes"], &down["summary"]["downgrades"]), (&json!(1), &json!(1)));
        // Of several the one that fits, and the newest of those.
        let files = json!([{"file": other}, {"file": older}, {"file": newer}, {"file": hfa}]);
        let best = plan(&api, "deploy-software", &[&id], files, json!({"allow_family_change": true})).await;
        assert_eq!((&best["summary"]["family_changes"], &best["summary"]["bytes"]), (&json!(0), &json!(IMAGE)));
        let change = json!({"allow_family_change": true});
        let change = plan(&api, "deploy-software", &[&id], json!([{"file": hfa}]), change).await;
        assert_eq!((&change["summary"]["family_changes"], &change["summary"]["care"]), (&json!(1), &json!(1)));
        let job = apply(&api, &change, json!({})).await;
        assert_eq!(value(&phone.comes().await, "file-sw-type"), "Siemens HFA");
        server.clock.advance(minutes(5));
        (phone.version, phone.family) = (NEW.to_owned(), "Siemens HFA".to_owned());
        phone.starts_up().await;
        job_becomes(&api, &job, "success").await;
        // What it runs now is looked at again before anything is offered.
        server.clock.advance(minutes(20));
        let same = plan(&api, "deploy-software", &[&id], json!([{"file": hfa}]), json!({})).await;
        assert_eq!(excluded(&api, &same).await, "already-so");
    }

    what_a_phone_has_got_otherwise_is_not_offered => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        phone.version = NEW.to_owned();
        assert_eq!(phone.opens(Reason::Solicited, items(&[])).await.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("skipped", "already-so"));
    }
}
