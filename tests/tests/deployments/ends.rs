//! What ends a target leaves nothing under way: its address is worth nothing, whoever ended it.

use serde_json::json;
use tests::on_both_databases;
use wire::Action;

use crate::hand::one;
use crate::{JOBS, deploy_file, phase, sound, stands, upload, words};

on_both_databases! {
    a_client_whose_phone_is_another_one_has_nothing_under_way => |server| {
        let (mut phone, api, id) = one(server).await;
        let first = upload(&api, "one.wav", &sound(40), "ringtone").await;
        let second = upload(&api, "two.wav", &sound(41), "ringtone").await;
        let sent = deploy_file(&api, &id, &first).await;
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        let waiting = deploy_file(&api, &id, &second).await;
        assert_eq!((phase(&api, &sent).await, phase(&api, &waiting).await), words("offered", "waiting"));
        let expects = json!({"reason": "factory-reset", "device_id": phone.mac()});
        api.post(&format!("/api/v1/clients/{id}/copy"), &expects).await.expect(200);
        for job in [&sent, &waiting] {
            assert_eq!(stands(&api, job).await, words("cancelled", "phone-expected"));
            assert_eq!(phase(&api, job).await, "over");
        }
        assert_eq!(phone.fetches(&order).await, Err(404));
    }

    a_deleted_client_and_a_cancelled_job_have_nothing_under_way => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "one.wav", &sound(42), "ringtone").await;
        let cancelled = deploy_file(&api, &id, &file).await;
        api.post(&format!("{JOBS}/{cancelled}/cancel"), &json!({})).await.expect(200);
        assert_eq!(phase(&api, &cancelled).await, "over");
        let sent = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        let deleted = api.clone().if_match("*").delete(&format!("/api/v1/clients/{id}")).await;
        assert!(deleted.status.is_success(), "{}", deleted.status);
        assert_eq!(stands(&api, &sent).await, words("cancelled", "client-deleted"));
        assert_eq!(phase(&api, &sent).await, "over");
        assert_eq!(phone.fetches(&order).await, Err(404));
    }
}
