//! Secrets of templates: they reach approved phones, and nobody else hears of them (D-16, D-24).

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::desk::job_becomes;
use tests::{on_both_databases, wait_until};

use super::{
    PASSWORD, SECRET, SERVER, TEMPLATES, apply, clients, comes, delete, fleet, layers, new, plan_of, reads,
    set, stands,
};

on_both_databases! {
    a_secret_of_a_template_reaches_approved_phones_and_nobody_else => |server| {
        let phone = fleet(server, 1).await.remove(0);
        let until = server.clock.now() + SignedDuration::from_hours(48);
        server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
        let api = server.api(&[Role::Admin]).await;
        let body = new("A", &[(SERVER, json!("a.example.net")), (PASSWORD, json!(SECRET))]);
        let plan = plan_of(&api, api.post(TEMPLATES, &body).await).await;
        assert_eq!(plan["summary"]["withheld"], json!({"not-approved": 1}));
        let plan_path = format!("/api/v1/plans/{}", plan["id"]);
        let applied = api.post(&format!("{plan_path}/apply"), &json!({"approve": true})).await.expect(201);
        comes(&phone).await;
        assert_eq!(reads(&phone, "sip-pwd").await, SECRET);
        job_becomes(&api, &applied["job_id"], "success").await;
        let path = format!("{TEMPLATES}/{}", applied["templates"][0]);
        let id = clients(&api).await[0].clone();
        let state = stands(&api, &id, PASSWORD).await;
        assert_eq!((&state["desired"], &state["desired_set"], &state["state"]), (&Value::Null, &json!(true), &json!("in-step")));
        let layer = layers(&api, &id, PASSWORD).await[0].clone();
        assert_eq!((&layer["secret"], &layer["value"], &layer["written"], &layer["wins"]), (&json!(true), &Value::Null, &Value::Null, &json!(true)));
        // The copy has it too: it agrees, so that nobody is changed.
        let copied = api.post(&format!("{path}/copy"), &json!({"name": "B"})).await.expect(201);
        assert_eq!(copied["content"]["secrets"], 1);
        // Another secret is another value; it is handed out again.
        let applied = apply(&api, set(&api, &path, PASSWORD, "nacht1gallen").await, json!({})).await;
        assert_eq!(stands(&api, &id, PASSWORD).await["reason"]["code"], "conflict", "the copy has the first one");
        assert_eq!(applied["job_id"], Value::Null);
        let copy = format!("{TEMPLATES}/{}", copied["id"]);
        let applied = apply(&api, delete(&api, &copy).await, json!({})).await;
        comes(&phone).await;
        wait_until(async || reads(&phone, "sip-pwd").await == "nacht1gallen").await;
        job_becomes(&api, &applied["job_id"], "success").await;
        for shown in [
            path.clone(),
            format!("{path}/configuration?only=desired"),
            format!("{path}/export"),
            TEMPLATES.to_owned(),
            plan_path.clone(),
            format!("{plan_path}/targets"),
            format!("/api/v1/clients/{id}/configuration?only=desired"),
            format!("/api/v1/clients/{id}/layers?parameter={PASSWORD}"),
            format!("/api/v1/clients/{id}/revisions"),
            format!("/api/v1/clients/{id}/items"),
            "/api/v1/audit/export?format=json".to_owned(),
            "/api/v1/jobs/export?format=json".to_owned(),
        ] {
            let answer = api.get(&shown).await;
            assert_eq!(answer.status, 200, "{shown}: {}", answer.text);
            assert!(!answer.text.contains(SECRET) && !answer.text.contains("nacht1gallen"), "{shown}");
        }
        server.stop_in_place().await;
        let stored = server.raw_data().await;
        let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("a.example.net"), "what is no secret is stored as it is");
        assert!(!holds(SECRET) && !holds("nacht1gallen"));
    }
}
