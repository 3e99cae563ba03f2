//! The server dies at each transition of a target: nothing is lost, nothing is done twice that must not be.

use jiff::SignedDuration;
use serde_json::json;
use tests::{killed_on_both_databases, wait_until};

use super::hands::{
    JOBS, act, comes, dies_before_the_order_arrives, dies_before_the_reply_arrives, fleet, fleet_with,
    job_becomes, only_target_becomes, recovered, retry, set, starts_up, states, targets,
};
use super::harvest::number;
use super::world::{CALL_PORT, Handset};

const VALUE: &str = "sip9.example.net";

killed_on_both_databases! {
    after_a_plan_is_applied_before_any_contact => |server| {
        let fleet = fleet(server, 3).await;
        let ids: Vec<_> = fleet.iter().map(|(_, id)| id).collect();
        let job = set(&server.api(), &ids, VALUE).await;
        server.crash().await;
        let api = server.api();
        let counts = api.get(&format!("{JOBS}/{job}")).await.expect(200)["targets"].clone();
        assert_eq!(counts["waiting"].as_u64().zip(counts["active"].as_u64()).map(|(w, a)| w + a), Some(3), "{counts}");
        for (phone, _) in &fleet {
            comes(phone).await;
        }
        job_becomes(&api, &job, "success").await;
        for (phone, _) in &fleet {
            assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
            assert_eq!(phone.orders().await.item("reg-addr", None).taken, 1, "nothing twice");
        }
    }

    after_sent_is_committed_before_the_order_reaches_the_phone => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        let job = set(&server.api(), &[&id], VALUE).await;
        dies_before_the_order_arrives(server, &phone, &job).await;
        assert_eq!(phone.orders().await.writes.received, 0);
        server.start_again().await;
        recovered(server, &job).await;
        comes(&phone).await;
        job_becomes(&server.api(), &job, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
        assert_eq!(phone.orders().await.item("reg-addr", None).taken, 1);
        assert_eq!(targets(&server.api(), &job).await[0]["attempts"], 2);
    }

    after_the_phone_has_written_before_its_reply_arrives => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        let job = set(&server.api(), &[&id], VALUE).await;
        dies_before_the_reply_arrives(server, &phone, &job).await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
        server.start_again().await;
        recovered(server, &job).await;
        comes(&phone).await;
        job_becomes(&server.api(), &job, "success").await;
        // Nobody knew that it was done: once more, and not a third time.
        comes(&phone).await;
        starts_up(&phone).await;
        assert_eq!(phone.orders().await.item("reg-addr", None).taken, 2);
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
    }

    what_the_phone_has_written_and_nobody_heard_of_is_taken_back_when_somebody_changes_his_mind => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        let job = set(&server.api(), &[&id], VALUE).await;
        comes(&phone).await;
        job_becomes(&server.api(), &job, "success").await;
        let other = set(&server.api(), &[&id], "other.example.net").await;
        dies_before_the_reply_arrives(server, &phone, &other).await;
        server.start_again().await;
        recovered(server, &other).await;
        // The server knows only the first value, and the second is on the phone.
        set(&server.api(), &[&id], VALUE).await;
        comes(&phone).await;
        server.advance(SignedDuration::from_secs(60));
        starts_up(&phone).await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
    }

    a_phone_that_is_long_away_after_a_reset_gets_its_values_back => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        let job = set(&server.api(), &[&id], VALUE).await;
        comes(&phone).await;
        job_becomes(&server.api(), &job, "success").await;
        let reset = act(&server.api(), "reset", &id).await;
        comes(&phone).await;
        server.advance(SignedDuration::from_secs(601));
        job_becomes(&server.api(), &reset, "timeout").await;
        starts_up(&phone).await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
    }

    a_phone_that_comes_while_the_server_is_dead_finds_its_work_later => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        let job = set(&server.api(), &[&id], VALUE).await;
        server.kill().await;
        phone.session(&simulator::Opening::Solicited).await.expect_err("nobody is there");
        server.start_again().await;
        starts_up(&phone).await;
        job_becomes(&server.api(), &job, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
    }

    between_two_targets_of_a_job => |server| {
        let fleet = fleet(server, 2).await;
        let ids: Vec<_> = fleet.iter().map(|(_, id)| id).collect();
        let job = set(&server.api(), &ids, VALUE).await;
        comes(&fleet[0].0).await;
        assert_eq!(states(&server.api(), &job).await[0], "success", "recorded before the session ends");
        server.crash().await;
        let api = server.api();
        assert_eq!(states(&api, &job).await[0], "success");
        comes(&fleet[0].0).await;
        comes(&fleet[1].0).await;
        job_becomes(&api, &job, "success").await;
        for (phone, _) in &fleet {
            assert_eq!(phone.orders().await.item("reg-addr", None).received, 1);
            assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE));
        }
    }

    while_somebody_else_uses_the_same_diff => |server| {
        let fleet = fleet(server, 2).await;
        let api = server.api();
        let first = set(&api, &[&fleet[0].1], VALUE).await;
        // Who stores a diff has clients locked, and so has who uses it: neither may wait for the other.
        let kept = server.keep_in_postgres("UPDATE diff SET content = content").await;
        let second = set(&api, &[&fleet[1].1], VALUE).await;
        drop(kept);
        for ((phone, _), job) in fleet.iter().zip([first, second]) {
            comes(phone).await;
            job_becomes(&api, &job, "success").await;
        }
    }

    while_targets_expire => |server| {
        let fleet = fleet(server, 3).await;
        let ids: Vec<_> = fleet.iter().map(|(_, id)| id).collect();
        let api = server.api();
        let job = set(&api, &ids, VALUE).await;
        // Somebody holds the last of the targets, so that the first ones are expired and not yet committed.
        let last = "UPDATE job_target SET state = state WHERE id = (SELECT max(id) FROM job_target)";
        let kept = server.keep_in_postgres(last).await;
        server.advance(SignedDuration::from_hours(8 * 24));
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(async || server.ask_postgres(waiting).await.is_none_or(|number| number != "0")).await;
        server.kill().await;
        let expired = "SELECT count(*) FROM job_target WHERE state = 'timeout'";
        assert!(server.ask_postgres(expired).await.is_none_or(|number| number == "0"), "all or none");
        drop(kept);
        server.start_again().await;
        let api = server.api();
        job_becomes(&api, &job, "timeout").await;
        for target in targets(&api, &job).await {
            assert_eq!((&target["state"], &target["reason"]), (&json!("timeout"), &json!("lifetime")));
        }
        for (phone, _) in &fleet {
            assert_eq!(phone.orders().await.writes.received, 0);
        }
        retry(&api, &job).await;
        for (phone, _) in &fleet {
            comes(phone).await;
            assert_eq!(phone.orders().await.item("reg-addr", None).received, 1);
        }
        job_becomes(&api, &job, "success").await;
    }

    a_restart_or_reset_that_did_not_arrive_is_not_sent_again_on_its_own => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        for action in ["restart", "reset"] {
            let job = act(&server.api(), action, &id).await;
            dies_before_the_order_arrives(server, &phone, &job).await;
            server.start_again().await;
            comes(&phone).await;
            server.advance(SignedDuration::from_secs(120));
            comes(&phone).await;
            let api = server.api();
            only_target_becomes(&api, &job, "sent").await;
            server.advance(SignedDuration::from_secs(601));
            job_becomes(&api, &job, "timeout").await;
            comes(&phone).await;
            let orders = phone.orders().await;
            let received = if action == "restart" { orders.restarts } else { orders.factory_resets };
            assert_eq!(received.received, 0, "{action}");
            // Whoever wants it again says so.
            retry(&api, &job).await;
            comes(&phone).await;
            server.advance(SignedDuration::from_secs(60));
            starts_up(&phone).await;
            job_becomes(&api, &job, "success").await;
            let orders = phone.orders().await;
            let received = if action == "restart" { orders.restarts } else { orders.factory_resets };
            assert_eq!(received.received, 1, "{action}");
        }
    }

    a_restart_or_reset_that_was_done_is_done_once => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        for action in ["restart", "reset"] {
            let job = act(&server.api(), action, &id).await;
            comes(&phone).await;
            server.crash().await;
            // It asks again before it goes down.
            comes(&phone).await;
            server.crash().await;
            server.advance(SignedDuration::from_secs(60));
            starts_up(&phone).await;
            job_becomes(&server.api(), &job, "success").await;
            comes(&phone).await;
            let orders = phone.orders().await;
            let received = if action == "restart" { orders.restarts } else { orders.factory_resets };
            assert_eq!((received.received, received.obeyed), (1, 1), "{action}");
        }
    }

    a_call_is_not_repeated_inside_its_gap => |server| {
        // A network of its own, or another test's phone would answer.
        let network = if server.config().database_url.is_some() { "127.92.1.0/24" } else { "127.92.2.0/24" };
        let fleet = fleet_with(server, 3, |config| {
            config.source = Some(network.parse().expect("a block"));
            config.contact_me_port = CALL_PORT;
        });
        let mut handsets = Vec::new();
        for (phone, id) in fleet.await {
            handsets.push((Handset::new(phone, number(&id), server.hand()).await, id));
        }
        let [(called, id), (first, first_id), (second, second_id)] = &handsets[..] else { panic!("three phones") };
        called.ignores_calls();
        set(&server.api(), &[id], VALUE).await;
        wait_until(async || called.calls().len() == 1).await;
        server.crash().await;
        // Whoever is called later shows that the first one has had its chance.
        set(&server.api(), &[id, first_id], "other.example.net").await;
        wait_until(async || first.calls().len() == 1).await;
        server.advance(SignedDuration::from_secs(299));
        set(&server.api(), &[second_id], VALUE).await;
        wait_until(async || second.calls().len() == 1).await;
        assert_eq!(called.calls().len(), 1, "inside the gap");
        server.advance(SignedDuration::from_secs(32));
        wait_until(async || called.calls().len() == 2).await;
    }

    a_cancelled_job_stays_cancelled => |server| {
        let (phone, id) = fleet(server, 1).await.remove(0);
        let job = set(&server.api(), &[&id], VALUE).await;
        server.api().post(&format!("{JOBS}/{job}/cancel"), &json!({})).await.expect(200);
        server.crash().await;
        comes(&phone).await;
        job_becomes(&server.api(), &job, "cancelled").await;
        assert_eq!(phone.orders().await.writes.received, 0);
    }
}
