//! What is planned: refused bodies, roles, states of files, plans that are overtaken, times.

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiAnswer, on_both_databases};
use wire::Action;

use crate::hand::one;
use crate::{
    NEW, PLANS, apply, asked, deploy_file, image, job, job_becomes, plan, setting, sound, stands, target,
    upload, words,
};

/// Places of what was refused, without the reason.
fn places(answer: &ApiAnswer) -> Vec<String> {
    let place = |fault: String| fault.split(':').next().unwrap_or_default().to_owned();
    answer.refused_fields().into_iter().map(place).collect()
}

on_both_databases! {
    what_makes_no_sense_is_refused => |server| {
        let (_, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let soft = image(&api, "os60.img", "SIP", NEW).await;
        let delete = json!({"name": "a.wav", "file_type": "ringtone", "action": "delete"});
        let many: Vec<Value> = (0..21).map(|n| json!({"name": format!("{n}.wav"), "file_type": "ringtone", "action": "delete"})).collect();
        let cases = [
            ("deploy-files", json!([]), json!({}), "/deployment/files"),
            ("deploy-files", json!(many), json!({}), "/deployment/files"),
            ("deploy-files", json!([{"file": 999_999}]), json!({}), "/deployment/files/0/file"),
            ("deploy-files", json!([{}]), json!({}), "/deployment/files/0/file"),
            ("deploy-files", json!([{"name": "a.wav", "action": "delete"}]), json!({}), "/deployment/files/0/file_type"),
            ("deploy-files", json!([{"file_type": "logo", "action": "delete"}]), json!({}), "/deployment/files/0/name"),
            ("deploy-files", json!([{"name": "", "file_type": "logo", "action": "delete"}]), json!({}), "/deployment/files/0/name"),
            ("deploy-files", json!([delete, delete]), json!({}), "/deployment/files/1"),
            ("deploy-files", json!([{"file": file, "name": "other.wav"}]), json!({}), "/deployment/files/0/name"),
            ("deploy-files", json!([{"file": file, "file_type": "logo"}]), json!({}), "/deployment/files/0/file_type"),
            ("deploy-files", json!([{"file": soft}]), json!({}), "/deployment/files/0/file"),
            ("deploy-software", json!([{"file": file}]), json!({}), "/deployment/files/0/file"),
            ("deploy-software", json!([{"file": soft, "action": "delete"}]), json!({}), "/deployment/files/0/action"),
            ("deploy-files", json!([{"file": file}]), json!({"error_limit": 0}), "/deployment/error_limit"),
            ("deploy-files", json!([{"file": file}]), json!({"success_limit": 0}), "/deployment/success_limit"),
        ];
        for (kind, files, more, place) in cases {
            let answer = api.post(PLANS, &asked(kind, &[&id], &files, &more)).await;
            assert_eq!(answer.status, 422, "{kind} {files} {}", answer.text);
            assert_eq!(places(&answer), [place], "{kind} {files}");
        }
        let targets = json!({"ids": [id]});
        for (body, place) in [
            (json!({"kind": "deploy-files", "targets": targets}), "/deployment"),
            (json!({"kind": "converge", "targets": targets, "deployment": {"files": [{"file": file}]}}), "/deployment"),
            (json!({"kind": "deploy-files", "targets": targets, "deployment": {"files": [{"file": file}]},
                "changes": [{"parameter": "x", "value": 1}]}), "/changes"),
        ] {
            assert_eq!(places(&api.post(PLANS, &body).await), [place], "{body}");
        }
        let unknown = api.post(PLANS, &asked("deploy-files", &[&id], &json!([{"file": file, "path": "x"}]), &json!({}))).await;
        assert_eq!(unknown.status.as_u16() / 100, 4);
    }

    who_may_only_look_deploys_nothing => |server| {
        let (_, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let body = asked("deploy-files", &[&id], &json!([{"file": file}]), &json!({}));
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.post(PLANS, &body).await.expect_problem(403, "forbidden");
        let operator = server.api(&[Role::Operator]).await;
        let plan = operator.post(PLANS, &body).await.expect(201);
        viewer.post(&format!("{PLANS}/{}/apply", plan["id"]), &json!({})).await.expect_problem(403, "forbidden");
        apply(&operator, &plan, json!({})).await;
    }

    new_firmware_for_many_is_a_matter_of_administrators => |server| {
        let (_, api, id) = one(server).await;
        let mut other = crate::hand::Phone::new(server);
        other.starts_up().await;
        let other = other.id(&api).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        setting(server, "jobs.most-dangerous-targets", 1).await;
        let operator = server.api(&[Role::Operator]).await;
        let plan = plan(&operator, "deploy-software", &[&id, &other], json!([{"file": file}]), json!({})).await;
        let path = format!("{PLANS}/{}/apply", plan["id"]);
        operator.post(&path, &json!({})).await.expect_problem(403, "too_many_targets");
        apply(&api, &plan, json!({})).await;
    }

    a_file_that_is_not_ready_is_not_deployed => |server| {
        let (_, api, id) = one(server).await;
        let file = upload(&api, "cp.bin", &[7; 5_000], "software").await;
        let body = asked("deploy-software", &[&id], &json!([{"file": file}]), &json!({}));
        api.post(PLANS, &body).await.expect_problem(409, "file_not_ready");
    }

    a_plan_is_applied_once_and_shows_what_it_deploys => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let keyed = api.clone().with_header("idempotency-key", "plan-1");
        let body = asked("deploy-files", &[&id], &json!([{"file": file}]), &json!({"error_limit": 3, "again": true}));
        let plan = keyed.post(PLANS, &body).await.expect(201);
        assert_eq!(keyed.post(PLANS, &body).await.expect(201)["id"], plan["id"]);
        let shown = json!({
            "files": [{"file": file, "name": "chimes.wav", "file_type": "ringtone", "action": "deploy"}],
            "priority": "normal", "allow_family_change": false, "allow_downgrade": false, "again": true,
            "error_limit": 3, "success_limit": null,
        });
        assert_eq!(plan["deployment"], shown);
        let path = format!("{PLANS}/{}/apply", plan["id"]);
        let keyed = api.clone().with_header("idempotency-key", "apply-1");
        let applied = keyed.post(&path, &json!({})).await.expect(201);
        assert_eq!(keyed.post(&path, &json!({})).await.expect(201), applied);
        api.post(&path, &json!({})).await.expect_problem(409, "plan_applied");
        let mut options = job(&api, &applied["job_id"]).await["options"].clone();
        assert_eq!(options.as_object_mut().expect("options").remove("stopped"), Some(Value::Null));
        assert_eq!(options, shown);
        // A file that a job needs stays.
        let used = api.get(&format!("/api/v1/files/{file}")).await.expect(200);
        assert_eq!(used["used_by"]["jobs"], json!([applied["job_id"]]));
        phone.comes().await;
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &applied["job_id"], "success").await;
    }

    a_plan_that_is_no_longer_true_makes_a_new_one => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let old = plan(&api, "deploy-software", &[&id], json!([{"file": file}]), json!({})).await;
        phone.version = "V3 R5.14.0".to_owned();
        phone.starts_up().await;
        let problem = api.post(&format!("{PLANS}/{}/apply", old["id"]), &json!({})).await.expect_problem(409, "plan_stale");
        let new = api.get(&format!("{PLANS}/{}", problem["args"]["plan"])).await.expect(200);
        let job = apply(&api, &new, json!({})).await;
        assert_eq!(target(&api, &job).await["deployment"]["from_version"], "V3 R5.14.0");
    }

    a_planned_deployment_waits_for_its_time => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let plan = plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        let at = server.clock.now() + SignedDuration::from_hours(1);
        let job = apply(&api, &plan, json!({"planned_at": at.to_string()})).await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("scheduled", ""));
        server.clock.advance(SignedDuration::from_hours(1));
        tests::wait_until(async || stands(&api, &job).await.0 != "scheduled").await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
    }

    nothing_is_offered_while_the_file_server_is_off_and_nobody_fails => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        setting(server, "other.integrated-file-server-enabled", false).await;
        let plan = plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(crate::excluded(&api, &plan).await, "file-server-off");
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("waiting", "file-server-off"));
        setting(server, "other.integrated-file-server-enabled", true).await;
        server.clock.advance(SignedDuration::from_mins(2));
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }
}
