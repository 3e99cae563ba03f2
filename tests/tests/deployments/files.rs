//! Files: what phones are told, and how each answer is understood.

use domain::Role;
use jiff::SignedDuration;
use serde_json::json;
use tests::{on_both_databases, wait_until};
use wire::{Action, ReplyStatus};

use crate::hand::{one, value};
use crate::{deploy, deploy_file, job_becomes, phase, sound, stands, target, upload, words};

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

on_both_databases! {
    a_file_is_fetched_and_its_status_is_the_end => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes 1.wav", &sound(1), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        assert_eq!(value(&order, "file-type"), "RINGTONE");
        assert_eq!(value(&order, "file-priority"), "normal");
        assert!(order.items.iter().all(|item| item.index.is_none()));
        let url = value(&order, "file-https-base-url");
        assert!(url.starts_with(&format!("https://{}/file/", server.phone_port())), "{url}");
        assert!(url.ends_with("/chimes%201.wav") && !url.contains('&'), "{url}");
        assert_eq!((stands(&api, &job).await, phase(&api, &job).await.as_str()), (words("sent", ""), "offered"));
        assert_eq!(phone.fetches(&order).await, Ok(sound(1)));
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        phone.files.push(("chimes 1.wav".into(), "RINGTONE".into()));
        assert_eq!(phone.tells("chimes 1.wav", "RINGTONE", "ok").await.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
        let target = target(&api, &job).await;
        assert_eq!(target["deployment"]["phase"], "over");
        assert_eq!((&target["deployment"]["done"], &target["deployment"]["files"]), (&json!(1), &json!(1)));
        // The address is worth nothing any more, and is written down nowhere.
        assert_eq!(phone.fetches(&order).await, Err(404));
        let token = url.split('/').nth(4).expect("a token");
        let stored = server.raw_data().await;
        assert!(!stored.windows(token.len()).any(|part| part == token.as_bytes()));
        // Who has it does not get it again.
        let again = crate::plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(crate::excluded(&api, &again).await, "already-so");
    }

    a_status_that_is_not_ok_is_a_failure_with_the_phones_word => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(2), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        phone.comes().await;
        phone.tells("other.wav", "RINGTONE", "ok").await;
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        phone.tells("chimes.wav", "RINGTONE", "disk full").await;
        job_becomes(&api, &job, "failed").await;
        let target = target(&api, &job).await;
        assert_eq!(target["reason"], "download-failed");
        assert_eq!(target["reason_args"]["status"], "disk full");
        assert_eq!(target["results"][0]["code"], "download-failed");
    }

    silence_is_ended_by_a_look_at_the_inventory => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(3), "ringtone").await;
        let good = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        phone.fetches(&order).await.expect("the file");
        wait_until(async || phase(&api, &good).await == "downloaded").await;
        server.clock.advance(minutes(2));
        wait_until(async || phase(&api, &good).await == "verifying").await;
        phone.files.push(("CHIMES.WAV".into(), "RINGTONE".into()));
        phone.comes().await;
        job_becomes(&api, &good, "success").await;
        assert_eq!(stands(&api, &good).await, words("success", "verified-by-inventory"));

        let other = upload(&api, "bell.wav", &sound(4), "ringtone").await;
        let bad = deploy_file(&api, &id, &other).await;
        let order = phone.comes().await;
        phone.fetches(&order).await.expect("the file");
        wait_until(async || phase(&api, &bad).await == "downloaded").await;
        server.clock.advance(minutes(2));
        wait_until(async || phase(&api, &bad).await == "verifying").await;
        phone.comes().await;
        // It may still be storing it. Shortly before its time is over it is looked at for the last time.
        assert_eq!((stands(&api, &bad).await, phase(&api, &bad).await), (words("sent", ""), "downloaded".into()));
        server.clock.advance(minutes(11));
        wait_until(async || phase(&api, &bad).await == "verifying").await;
        phone.comes().await;
        job_becomes(&api, &bad, "failed").await;
        assert_eq!(stands(&api, &bad).await, words("failed", "not-in-inventory"));
        // What it says too late is known all the same.
        phone.files.push(("bell.wav".into(), "RINGTONE".into()));
        phone.tells("bell.wav", "RINGTONE", "ok").await;
        assert_eq!(stands(&api, &bad).await, words("failed", "not-in-inventory"));
        let again = crate::plan(&api, "deploy-files", &[&id], json!([{"file": other}]), json!({})).await;
        assert_eq!(crate::excluded(&api, &again).await, "already-so");
    }

    a_deletion_that_the_phone_is_slow_with_is_waited_for => |server| {
        let (mut phone, api, id) = one(server).await;
        phone.files.push(("old.wav".into(), "RINGTONE".into()));
        api.post("/api/v1/clients/actions", &json!({"action": "refresh", "targets": {"ids": [id]}})).await.expect(201);
        phone.comes().await;
        let deletion = json!([{"name": "old.wav", "file_type": "ringtone", "action": "delete"}]);
        let job = deploy(&api, "deploy-files", &[&id], deletion, json!({})).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        server.clock.advance(minutes(2));
        wait_until(async || phase(&api, &job).await == "verifying").await;
        phone.comes().await;
        assert_eq!((stands(&api, &job).await, phase(&api, &job).await), (words("sent", ""), "offered".into()));
        server.clock.advance(minutes(11));
        wait_until(async || phase(&api, &job).await == "verifying").await;
        phone.files.clear();
        phone.comes().await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("success", "verified-by-inventory"));
    }

    a_name_that_was_there_before_proves_nothing_but_another_date_does => |server| {
        let (mut phone, api, id) = one(server).await;
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.written = ("2026-01-01".into(), "10:00".into());
        let read = json!({"action": "refresh", "targets": {"ids": [id]}});
        api.post("/api/v1/clients/actions", &read).await.expect(201);
        phone.comes().await;
        let file = upload(&api, "chimes.wav", &sound(35), "ringtone").await;
        for (time, expected) in
            [("10:00", words("failed", "no-status")), ("10:01", words("success", "verified-by-inventory"))]
        {
            let job = deploy(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({"again": true})).await;
            let order = phone.comes().await;
            phone.fetches(&order).await.expect("the file");
            wait_until(async || phase(&api, &job).await == "downloaded").await;
            server.clock.advance(minutes(2));
            wait_until(async || phase(&api, &job).await == "verifying").await;
            phone.written.1 = time.to_owned();
            phone.comes().await;
            if expected.0 == "failed" {
                server.clock.advance(minutes(11));
                wait_until(async || phase(&api, &job).await == "verifying").await;
                phone.comes().await;
            }
            wait_until(async || stands(&api, &job).await == expected).await;
        }
    }

    a_phone_that_never_says_anything_is_given_up_after_a_quarter_of_an_hour => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(5), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        server.clock.advance(minutes(14));
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        server.clock.advance(minutes(1));
        job_becomes(&api, &job, "timeout").await;
        assert_eq!(stands(&api, &job).await, words("timeout", "no-status"));
        assert_eq!(phone.fetches(&order).await, Err(404));
        // Too late is too late; tried again it is another offer.
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        assert_eq!(stands(&api, &job).await.0, "timeout");
        api.post(&format!("{}/{job}/retry", crate::JOBS), &json!({})).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }

    what_was_given_up_and_is_there_after_all_is_not_fetched_again => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(16), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        phone.comes().await;
        server.clock.advance(minutes(15));
        job_becomes(&api, &job, "timeout").await;
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        let files = api.get(&format!("/api/v1/clients/{id}/files")).await.expect(200);
        assert_eq!(files["installed"][0]["name"], "chimes.wav", "{files}");
        assert_eq!(stands(&api, &job).await, words("timeout", "no-status"));
        api.post(&format!("{}/{job}/retry", crate::JOBS), &json!({})).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("skipped", "already-so"));
    }

    a_deletion_says_which_template_brings_the_file_back => |server| {
        let (mut phone, api, id) = one(server).await;
        for name in ["wanted.wav", "other.wav"] {
            phone.files.push((name.into(), "RINGTONE".into()));
        }
        api.post("/api/v1/clients/actions", &json!({"action": "refresh", "targets": {"ids": [id]}})).await.expect(201);
        phone.comes().await;
        let file = upload(&api, "Wanted.wav", &sound(17), "ringtone").await;
        let template = json!({"name": "Sounds", "kind": "default", "software_update": "ignored"});
        let template = api.post("/api/v1/templates", &template).await.expect(201)["id"].clone();
        let path = format!("/api/v1/templates/{template}/files");
        api.clone().if_match("*").put(&path, &json!({"files": [file]})).await.expect(200);
        let delete = |name: &str| json!({"name": name, "file_type": "ringtone", "action": "delete"});
        let files = json!([delete("wanted.wav"), delete("other.wav"), delete("nowhere.wav")]);
        let drawn = async || crate::plan(&api, "deploy-files", &[&id], files.clone(), json!({})).await;
        let plan = drawn().await;
        let named = json!({"id": template, "name": "Sounds"});
        assert_eq!(plan["summary"]["brought_back"], json!([{"template": named, "clients": 1}]), "{plan}");
        let of_clients = api.get(&format!("/api/v1/plans/{}/targets", plan["id"])).await.expect(200);
        let back = json!([{"name": "wanted.wav", "file_type": "ringtone", "template": named}]);
        assert_eq!(of_clients["items"][0]["brought_back"], back, "{of_clients}");
        // And so it is: the template brings it as soon as the phone has told that it is gone.
        let job = crate::apply(&api, &plan, json!({})).await;
        assert_eq!(value(&phone.comes().await, "file-name"), "wanted.wav");
        phone.files.clear();
        assert_eq!(value(&phone.tells("wanted.wav", "RINGTONE", "ok").await, "file-name"), "other.wav");
        phone.tells("other.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
        let order = phone.comes().await;
        assert!(value(&order, "file-https-base-url").ends_with("/Wanted.wav"), "{order:?}");
        phone.files.push(("Wanted.wav".into(), "RINGTONE".into()));
        phone.tells("Wanted.wav", "RINGTONE", "ok").await;
        // Nothing comes back when nothing comes on its own, or when the template has lost it.
        crate::setting(server, "deployments.by-rule", "off").await;
        assert_eq!(drawn().await["summary"]["brought_back"], json!([]));
        crate::setting(server, "deployments.by-rule", "night").await;
        assert_eq!(drawn().await["summary"]["brought_back"][0]["clients"], 1);
        api.clone().if_match("*").put(&path, &json!({"files": []})).await.expect(200);
        assert_eq!(drawn().await["summary"]["brought_back"], json!([]));
    }

    files_go_one_after_the_other_in_the_sessions_of_their_results => |server| {
        let (mut phone, api, id) = one(server).await;
        phone.files.push(("old.wav".into(), "RINGTONE".into()));
        phone.starts_up().await;
        api.post("/api/v1/clients/actions", &json!({"action": "refresh", "targets": {"ids": [id]}})).await.expect(201);
        phone.comes().await;
        let first = upload(&api, "one.wav", &sound(6), "ringtone").await;
        let second = upload(&api, "two.wav", &sound(7), "ringtone").await;
        let files = json!([
            {"file": first}, {"name": "old.wav", "file_type": "ringtone", "action": "delete"},
            {"name": "nowhere.wav", "file_type": "ringtone", "action": "delete"}, {"file": second},
        ]);
        let job = deploy(&api, "deploy-files", &[&id], files, json!({})).await;
        let order = phone.comes().await;
        assert!(value(&order, "file-https-base-url").ends_with("/one.wav"));
        // Nothing else is begun while the phone is at it.
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        let order = phone.tells("one.wav", "RINGTONE", "ok").await;
        assert_eq!((value(&order, "file-action"), value(&order, "file-name")), ("delete", "old.wav"));
        assert_eq!(value(&order, "file-type"), "RINGTONE");
        // A deletion is not reported: the inventory shows it.
        server.clock.advance(minutes(2));
        wait_until(async || phase(&api, &job).await == "verifying").await;
        phone.files = vec![("one.wav".into(), "RINGTONE".into())];
        let order = phone.comes().await;
        assert!(value(&order, "file-https-base-url").ends_with("/two.wav"));
        assert_eq!(phone.tells("two.wav", "RINGTONE", "nok").await.action, Action::CleanUp);
        job_becomes(&api, &job, "partial-successful").await;
        let target = target(&api, &job).await;
        assert_eq!((&target["state"], &target["reason"]), (&json!("partial"), &json!("download-failed")));
        let codes: Vec<&str> = target["results"].as_array().expect("results").iter()
            .map(|result| result["code"].as_str().expect("a code")).collect();
        assert_eq!(codes, ["already-so", "download-failed"]);
        assert_eq!(target["deployment"]["done"], 2);
    }

    a_busy_phone_gets_it_when_it_is_idle_and_a_refusal_is_final => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(8), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        let answer = phone.replies(Action::FileDeployment, ReplyStatus::Busy).await;
        assert_eq!((answer.action, answer.items[0].name.as_str()), (Action::CleanUp, "send-solicited"));
        assert_eq!((stands(&api, &job).await, phase(&api, &job).await.as_str()), (words("waiting", "busy"), "waiting"));
        assert_eq!(target(&api, &job).await["attempts"], 0);
        assert_eq!(phone.fetches(&order).await, Err(404));
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        let answer = phone.replies(Action::FileDeployment, ReplyStatus::Accepted).await;
        assert_eq!(answer.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;

        let other = upload(&api, "bell.wav", &sound(9), "ringtone").await;
        let job = deploy_file(&api, &id, &other).await;
        phone.comes().await;
        phone.replies(Action::FileDeployment, ReplyStatus::Failed).await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(stands(&api, &job).await, words("failed", "refused-by-phone"));
    }

    a_restart_in_the_middle_is_answered_by_the_inventory => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(10), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        phone.comes().await;
        server.clock.advance(SignedDuration::from_secs(40));
        phone.starts_up().await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(stands(&api, &job).await, words("failed", "not-in-inventory"));
    }

    cancelled_before_it_was_offered_it_is_gone_and_after_it_ends_by_its_answer => |server| {
        let (mut phone, api, id) = one(server).await;
        let (first, second) = (
            upload(&api, "one.wav", &sound(11), "ringtone").await,
            upload(&api, "two.wav", &sound(12), "ringtone").await,
        );
        let waiting = deploy_file(&api, &id, &first).await;
        api.post(&format!("{}/{waiting}/cancel", crate::JOBS), &json!({})).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &waiting).await, words("cancelled", "cancelled"));

        let files = json!([{"file": first}, {"file": second}]);
        let sent = deploy(&api, "deploy-files", &[&id], files, json!({})).await;
        phone.comes().await;
        api.post(&format!("{}/{sent}/cancel", crate::JOBS), &json!({})).await.expect(200);
        assert_eq!(stands(&api, &sent).await.0, "sent");
        assert_eq!(phone.tells("one.wav", "RINGTONE", "ok").await.action, Action::CleanUp);
        job_becomes(&api, &sent, "cancelled").await;
        assert_eq!(stands(&api, &sent).await, words("cancelled", "cancelled"));
        assert_eq!(phase(&api, &sent).await, "over");
    }

    a_server_that_dies_between_order_and_status_repeats_nothing => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(13), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        phone.comes().await;
        server.restart().await;
        phone.finds(server);
        let api = server.api(&[Role::Admin]).await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(crate::job(&api, &job).await["targets"]["success"], 1);
    }
}
