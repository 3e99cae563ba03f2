//! Phones that take long and are given bytes all the time.

use jiff::SignedDuration;
use serde_json::json;
use tests::{on_both_databases, wait_until};
use wire::{Action, ServerMessage};

use crate::hand::{Phone, one, value};
use crate::{IMAGE, NEW, deploy_software, image, job_becomes, phase, stands, target, words};

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

/// Fetches some bytes of what an order names; gives the status and their number.
async fn fetches(phone: &Phone, order: &ServerMessage, from: usize, to: usize) -> (u16, usize) {
    let client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .local_address(phone.host())
        .build()
        .expect("a client");
    let range = format!("bytes={from}-{}", to - 1);
    let asked = client.get(value(order, "file-https-base-url")).header("range", range);
    let answer = asked.send().await.expect("an answer");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").len())
}

on_both_databases! {
    a_phone_that_is_given_bytes_is_not_given_up_and_its_address_works => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        let order = phone.comes().await;
        assert_eq!(order.action, Action::SoftwareDeployment);
        let received = async || target(&api, &job).await["deployment"]["received"].as_u64();
        // Two hours and a half for one image, as on a line that fifty phones share.
        for piece in 0..4 {
            let (from, to) = (piece * 1_000, (piece + 1) * 1_000);
            assert_eq!(fetches(&phone, &order, from, to).await, (206, 1_000), "piece {piece}");
            wait_until(async || received().await == Some(to as u64)).await;
            server.clock.advance(minutes(50));
            // A pass of the pulse has gone by when it says so.
            workpoint::app::jobs::pulse::beat(server.app(), true, false).await.expect("a beat");
            assert_eq!(stands(&api, &job).await, words("sent", ""));
        }
        assert_eq!(fetches(&phone, &order, 4_000, IMAGE).await, (206, IMAGE - 4_000));
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        // The last byte is an hour old, and nothing was heard.
        server.clock.advance(minutes(60));
        job_becomes(&api, &job, "timeout").await;
        assert_eq!(stands(&api, &job).await, words("timeout", "no-status"));
        assert_eq!(fetches(&phone, &order, 0, 1).await.0, 404);
    }

    a_phone_that_is_given_no_bytes_has_no_more_time => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let job = deploy_software(&api, &id, &file, json!({})).await;
        let order = phone.comes().await;
        assert_eq!(fetches(&phone, &order, 0, 1_000).await, (206, 1_000));
        wait_until(async || target(&api, &job).await["deployment"]["received"] == 1_000).await;
        server.clock.advance(minutes(59));
        // Asking is not getting.
        assert_eq!(fetches(&phone, &order, IMAGE + 1, IMAGE + 2).await.0, 416);
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        server.clock.advance(minutes(1));
        job_becomes(&api, &job, "timeout").await;
    }
}
