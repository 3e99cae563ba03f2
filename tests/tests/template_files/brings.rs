//! What templates bring to phones on their own: at a contact, by membership of a group, every night.

use domain::Role;
use jiff::SignedDuration;
use serde_json::json;
use tests::desk::job_becomes;
use tests::on_both_databases;
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

use super::*;

pub(crate) async fn night(server: &TestServer) {
    assert!(enqueue(server.app(), Kind::BringFiles).await.expect("a queue"));
    assert_eq!(work_off(server.app()).await.expect("a database"), 1);
}

pub(crate) async fn outcome(desk: &Desk, api: &ApiClient) -> (Value, Value) {
    let software = desk.files(api).await["software"].clone();
    (software["rule"].clone(), software["outcome"]["code"].clone())
}

on_both_databases! {
    a_file_reaches_a_phone_when_it_comes_and_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let mut desk = Desk::new(2, 1);
        assert_eq!(desk.starts(server).await, None);
        bringing(&api, "Sounds", "ignored", &[&tone]).await;
        let wanted = desk.files(&api).await["wanted"][0].clone();
        assert_eq!((&wanted["name"], &wanted["installed"]), (&json!("tone.wav"), &json!(false)), "{wanted}");
        let offer = desk.starts(server).await;
        assert_eq!(offered(&offer), Some("tone.wav"), "{offer:?}");
        let made = jobs(&api, "deploy-files").await;
        assert_eq!(made.len(), 1);
        assert_eq!(made[0]["cause"], "templates");
        assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], "under-way");
        desk.tells(server, "tone.wav", "ok").await;
        job_becomes(&api, &made[0]["id"], "success").await;
        for _ in 0..2 {
            assert_eq!(desk.starts(server).await, None);
        }
        assert_eq!(jobs(&api, "deploy-files").await.len(), 1);
        let wanted = desk.files(&api).await["wanted"][0].clone();
        assert_eq!((&wanted["installed"], &wanted["reason"]), (&json!(true), &json!(null)));
    }

    what_is_deleted_at_the_phone_stays_deleted => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (tone, other) = (ringtone(&api, "tone.wav").await, ringtone(&api, "other.wav").await);
        let template = bringing(&api, "Sounds", "ignored", &[&tone]).await;
        let mut desk = Desk::new(3, 1);
        desk.sounds.push("unknown.wav".to_owned());
        let mut offer = desk.starts(server).await;
        if offer.is_none() {
            offer = desk.starts(server).await;
        }
        assert_eq!(offered(&offer), Some("tone.wav"));
        desk.tells(server, "tone.wav", "ok").await;
        desk.sounds.retain(|name| name != "tone.wav");
        server.clock.advance(SignedDuration::from_hours(25));
        assert_eq!(desk.starts(server).await, None, "it is not brought back");
        let wanted = desk.files(&api).await["wanted"][0].clone();
        assert_eq!(wanted["reason"]["code"], "deleted-at-phone", "{wanted}");
        // Another file is another matter.
        bringing(&api, "More sounds", "ignored", &[&other]).await;
        assert_eq!(offered(&desk.starts(server).await), Some("other.wav"));
        desk.tells(server, "other.wav", "ok").await;
        // Somebody says anew that it is wanted.
        change(&api, &template, &json!({"description": "All phones ring alike."})).await.expect(200);
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
    }

    new_content_under_the_same_name_is_brought => |server| {
        let api = server.api(&[Role::Operator]).await;
        let first = api.upload("tone.wav", &sound("first"), &[("file_type", "ringtone")]).await.expect(201);
        let mut desk = Desk::new(10, 1);
        // It has one of this name that is not from here: nobody knows better.
        let mut other = Desk::new(10, 2);
        other.sounds.push("tone.wav".to_owned());
        other.starts(server).await;
        desk.starts(server).await;
        let template = bringing(&api, "Sounds", "ignored", &[&first]).await;
        assert_eq!(other.starts(server).await, None);
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        desk.tells(server, "tone.wav", "ok").await;
        assert_eq!(desk.starts(server).await, None);
        let second = api.upload("tone.wav", &sound("second"), &[("file_type", "ringtone")]).await.expect(201);
        assert_ne!(first["id"], second["id"]);
        give(&api, &template, &[&second], json!({})).await.expect(200);
        assert_eq!(desk.files(&api).await["wanted"][0]["installed"], false);
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        desk.tells(server, "tone.wav", "ok").await;
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(desk.files(&api).await["wanted"][0]["installed"], true);
    }

    what_failed_is_remembered_without_its_job => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (tone, image) = (ringtone(&api, "tone.wav").await, software(&api, NEW).await);
        let mut desk = Desk::new(11, 1);
        desk.starts(server).await;
        bringing(&api, "Sounds", "ignored", &[&tone]).await;
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        desk.tells(server, "tone.wav", "failed").await;
        let job = jobs(&api, "deploy-files").await[0]["id"].clone();
        job_becomes(&api, &job, "failed").await;
        api.delete(&format!("/api/v1/jobs/{job}")).await.expect(204);
        assert_eq!(desk.starts(server).await, None, "it rests all the same");
        assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], "resting");
        // Refused software is refused for good.
        bringing(&api, "Software", "only-newer", &[&image]).await;
        assert!(desk.starts(server).await.is_some());
        server.clock.advance(SignedDuration::from_mins(10));
        desk.starts(server).await;
        let job = jobs(&api, "deploy-software").await[0]["id"].clone();
        job_becomes(&api, &job, "failed").await;
        api.delete(&format!("/api/v1/jobs/{job}")).await.expect(204);
        server.clock.advance(SignedDuration::from_hours(100));
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        desk.tells(server, "tone.wav", "ok").await;
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("given-up")));
    }

    a_phone_that_falls_back_after_every_success_is_left_alone => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = software(&api, NEW).await;
        let mut desk = Desk::new(12, 1);
        desk.starts(server).await;
        bringing(&api, "Software", "only-newer", &[&image]).await;
        for time in 1..=3 {
            assert!(desk.starts(server).await.is_some(), "time {time}");
            server.clock.advance(SignedDuration::from_mins(20));
            desk.version = NEW.to_owned();
            assert_eq!(desk.starts(server).await, None);
            server.clock.advance(SignedDuration::from_mins(20));
            desk.version = OLD.to_owned();
        }
        assert_eq!(desk.starts(server).await, None, "three times a day are enough");
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("did-not-stay")));
        server.clock.advance(SignedDuration::from_hours(24));
        assert!(desk.starts(server).await.is_some());
    }

    membership_of_a_group_brings_its_files => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "group.wav").await;
        let template = bringing(&api, "Sounds of a group", "ignored", &[&tone]).await;
        let id: u64 = template.rsplit('/').next().expect("an id").parse().expect("a number");
        let filter = json!({"test": {"field": "e164", "is": "4967777"}});
        let group = json!({"name": "Seventy-seven", "filter": filter, "templates": [id]});
        api.post("/api/v1/groups", &group).await.expect(201);
        let mut desk = Desk::new(4, 1);
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(desk.files(&api).await["wanted"], json!([]));
        desk.number = "4967777".to_owned();
        let mut offer = desk.starts(server).await;
        if offer.is_none() {
            offer = desk.starts(server).await;
        }
        assert_eq!(offered(&offer), Some("group.wav"));
    }

    software_comes_by_the_rule => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (old, new) = (software(&api, OLD).await, software(&api, NEW).await);
        let mut desk = Desk::new(5, 1);
        desk.version = "V3 R5.14.0".to_owned();
        desk.starts(server).await;
        assert_eq!(outcome(&desk, &api).await, (json!("ignored"), json!("none")));
        let template = bringing(&api, "Software", "disabled", &[&new]).await;
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(outcome(&desk, &api).await, (json!("disabled"), json!("disabled")));
        give(&api, &template, &[&old], json!({})).await.expect(200);
        change(&api, &template, &json!({"software_update": "only-newer"})).await.expect(200);
        assert_eq!(desk.starts(server).await, None, "nothing newer is there");
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("newer-runs")));
        give(&api, &template, &[&old, &new], json!({})).await.expect(200);
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("update")));
        let offer = desk.starts(server).await;
        let items = offer.expect("an offer");
        assert_eq!(items.get("file-sw-version").map(String::as_str), Some(NEW));
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("under-way")));
        server.clock.advance(SignedDuration::from_mins(5));
        desk.version = NEW.to_owned();
        assert_eq!(desk.starts(server).await, None);
        let made = jobs(&api, "deploy-software").await;
        assert_eq!(made.len(), 1);
        job_becomes(&api, &made[0]["id"], "success").await;
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("up-to-date")));
        // Always: the version of the template, also when it is the older one.
        give(&api, &template, &[&old], json!({})).await.expect(200);
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("newer-runs")));
        change(&api, &template, &json!({"software_update": "always"})).await.expect(200);
        server.clock.advance(SignedDuration::from_mins(20));
        let items = desk.starts(server).await.expect("an offer");
        assert_eq!(items.get("file-sw-version").map(String::as_str), Some(OLD));
    }

    software_of_the_other_family_never_comes_on_its_own => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = software_for(&api, NEW, MODEL, "HFA").await;
        bringing(&api, "Software", "always", &[&image]).await;
        let mut desk = Desk::new(6, 1);
        for _ in 0..3 {
            assert_eq!(desk.starts(server).await, None);
        }
        assert_eq!(outcome(&desk, &api).await, (json!("always"), json!("no-software")));
    }

    what_fails_rests_a_day_and_is_given_up_after_three_times => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let mut desk = Desk::new(7, 1);
        desk.starts(server).await;
        let template = bringing(&api, "Sounds", "ignored", &[&tone]).await;
        for time in 1..=3 {
            assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"), "time {time}");
            desk.tells(server, "tone.wav", "failed").await;
            server.clock.advance(SignedDuration::from_hours(2));
            assert_eq!(desk.starts(server).await, None, "it rests");
            let reason = if time < 3 { "resting" } else { "given-up" };
            assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], reason);
            server.clock.advance(SignedDuration::from_hours(24));
        }
        assert_eq!(desk.starts(server).await, None, "it is given up");
        let made = jobs(&api, "deploy-files").await;
        assert_eq!(made.len(), 3, "{made:#?}");
        // A change of the template begins anew.
        change(&api, &template, &json!({"description": "Now it works."})).await.expect(200);
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
    }

    no_job_is_made_while_nobody_gives_the_file_away => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (tone, image) = (ringtone(&api, "tone.wav").await, software(&api, NEW).await);
        let mut desk = Desk::new(90, 1);
        desk.starts(server).await;
        server.change_setting(FILE_SERVER, false).await;
        bringing(&api, "Both", "only-newer", &[&tone, &image]).await;
        for _ in 0..2 {
            assert_eq!(desk.starts(server).await, None);
            night(server).await;
        }
        assert_eq!(jobs(&api, "deploy-files").await.len() + jobs(&api, "deploy-software").await.len(), 0);
        assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], "file-server-off");
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("file-server-off")));
        // It comes as soon as somebody does, without a day's rest.
        server.change_setting(FILE_SERVER, true).await;
        assert!(desk.starts(server).await.is_some());
        assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], "under-way");
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("under-way")));
    }

    what_the_server_cannot_do_waits_and_is_none_of_the_three_times => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        server.change_setting(BY_RULE, "night").await;
        let mut desk = Desk::new(91, 1);
        desk.starts(server).await;
        bringing(&api, "Sounds", "ignored", &[&tone]).await;
        night(server).await;
        let made = jobs(&api, "deploy-files").await;
        assert_eq!(made.len(), 1);
        // It is switched off between the job and the phone.
        server.change_setting(FILE_SERVER, false).await;
        for _ in 1..=3 {
            assert_eq!(desk.starts(server).await, None);
            let targets = api.get(&format!("/api/v1/jobs/{}/targets", made[0]["id"])).await.expect(200);
            let waits = &targets["items"][0];
            assert_eq!((&waits["state"], &waits["reason"]), (&json!("waiting"), &json!("file-server-off")));
            server.clock.advance(SignedDuration::from_hours(8));
            night(server).await;
        }
        server.change_setting(FILE_SERVER, true).await;
        server.clock.advance(SignedDuration::from_mins(2));
        assert_eq!(jobs(&api, "deploy-files").await.len(), 1, "it is not given up");
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
    }

    refused_software_is_not_offered_again => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = software(&api, NEW).await;
        let mut desk = Desk::new(8, 1);
        desk.starts(server).await;
        bringing(&api, "Software", "only-newer", &[&image]).await;
        assert!(desk.starts(server).await.is_some());
        server.clock.advance(SignedDuration::from_mins(10));
        assert_eq!(desk.starts(server).await, None, "it runs what it ran before");
        job_becomes(&api, &jobs(&api, "deploy-software").await[0]["id"], "failed").await;
        server.clock.advance(SignedDuration::from_hours(100));
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("given-up")));
        assert_eq!(jobs(&api, "deploy-software").await.len(), 1);
    }

    every_night_one_job_is_made_for_all_that_need_the_same => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let image = software(&api, NEW).await;
        server.change_setting(BY_RULE, "night").await;
        let mut desks: Vec<Desk> = (1..=3).map(|place| Desk::new(9, place)).collect();
        desks[2].version = NEW.to_owned();
        for desk in &mut desks {
            desk.starts(server).await;
        }
        bringing(&api, "Both", "only-newer", &[&tone, &image]).await;
        for desk in &mut desks {
            assert_eq!(desk.starts(server).await, None, "only at night");
        }
        for _ in 0..2 {
            night(server).await;
            let (files, software) = (jobs(&api, "deploy-files").await, jobs(&api, "deploy-software").await);
            assert_eq!((files.len(), software.len()), (1, 1), "the second night finds the jobs of the first");
            assert_eq!(files[0]["targets"]["waiting"], 3, "{}", files[0]);
            assert_eq!(software[0]["targets"]["waiting"], 2, "{}", software[0]);
        }
        // One that has no template's file, and one in quarantine, are left alone; off is off.
        server.change_setting(BY_RULE, "off").await;
        let mut late = Desk::new(9, 9);
        late.starts(server).await;
        night(server).await;
        assert_eq!(jobs(&api, "deploy-files").await.len(), 1);
    }
}
