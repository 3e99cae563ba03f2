//! Row 5: fragments, nonces, sessions and items beyond all measure. What single messages do is in `bad_input.rs`, how
//! sessions are told apart and that openings are not replayed in `sessions.rs`; here are those that keep to the form
//! and go on for ever.

use domain::Role;
use serde_json::json;
use simulator::Opening;
use tests::called::{host, network};
use tests::{Exchange, TestServer, items, message, on_both_databases, phones, raw_phone, reply};
use wire::{Action, Fragment, Item, PhoneMessage, Reason};

use super::NETWORK;
use super::stranger::nonce;

const MAC: &str = "00:1A:E8:79:00:01";

fn basic() -> Vec<Item> {
    items(&[("device-type", "OpenStage 40"), ("software-type", "Siemens SIP"), ("mac-addr", MAC)])
}

/// A phone in the middle of a session: it was asked for everything.
async fn asked(server: &TestServer, from: [u8; 4]) -> Exchange {
    let mut phone = raw_phone(server.phone_port(), from);
    let answer = phone.send(&message(&nonce(), Reason::StartUp, basic())).await;
    assert_eq!(answer.action, Action::ReadAllItems);
    phone
}

/// A part of a full read that is not the last one.
fn part(items: Vec<Item>) -> PhoneMessage {
    PhoneMessage { fragment: Fragment::Next, ..reply(&nonce(), Action::ReadAllItems, items) }
}

/// Number of items kept of the phone.
async fn kept(server: &mut TestServer) -> u64 {
    let api = server.api(&[Role::Viewer]).await;
    let id = tests::desk::client_of(&api, MAC).await["id"].clone();
    api.get(&format!("/api/v1/clients/{id}/items")).await.expect(200)["total"].as_u64().expect("a number")
}

/// The session is over, nothing of it was taken, and phones are served.
async fn nothing_happened(server: &mut TestServer) {
    assert_eq!(server.app().phones.open_sessions(), 0);
    assert_eq!(kept(server).await, basic().len() as u64);
    let fleet = phones(server.phone_port(), 1, |_| {}).await;
    let outcome = fleet[0].session(&Opening::StartUp).await.expect("a session");
    assert_eq!(outcome.actions.last(), Some(&Action::CleanUp));
}

/// Sends parts until the server has enough; gives their number.
async fn parts_until_refused(phone: &mut Exchange, next: impl Fn(usize) -> Vec<Item>) -> usize {
    for number in 1..=10_000 {
        let answer = phone.send(&part(next(number))).await;
        if answer.action == Action::CleanUp {
            return number;
        }
        assert_eq!(answer.action, Action::GetNextFragment);
    }
    panic!("no end");
}

on_both_databases! {
    attack_5_a_message_of_endless_parts_is_given_up => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        let sent = parts_until_refused(&mut phone, |number| vec![Item::new(format!("x{number}"), "1")]).await;
        assert_eq!(sent, 501, "500 parts at most");
        nothing_happened(server).await;
    }

    attack_5_all_parts_together_have_no_more_items_than_one_message => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        let many = |number: usize| (0..5_000).map(|index| Item::indexed("x", index, number.to_string())).collect();
        assert_eq!(parts_until_refused(&mut phone, many).await, 5, "20,000 items at most");
        nothing_happened(server).await;
    }

    attack_5_all_parts_together_have_no_more_bytes_than_one_message => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        let value = "v".repeat(250 * 1024);
        let huge = |number: usize| (0..4).map(|index| Item::indexed(format!("x{number}"), index, value.clone())).collect();
        assert_eq!(parts_until_refused(&mut phone, huge).await, 5, "4 MiB at most");
        nothing_happened(server).await;
    }

    attack_5_an_opening_of_endless_parts_is_given_up => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        let opening = PhoneMessage { fragment: Fragment::Next, ..message(&nonce(), Reason::StartUp, basic()) };
        assert_eq!(phone.send(&opening).await.action, Action::GetNextFragment);
        let more = |_| (0..5_000).map(|index| Item::indexed("x", index, "1")).collect();
        let next = |number| PhoneMessage {
            fragment: Fragment::Next,
            ..reply(&nonce(), Action::GetNextFragment, more(number))
        };
        for number in 0..3 {
            assert_eq!(phone.send(&next(number)).await.action, Action::GetNextFragment);
        }
        assert_eq!(phone.send(&next(3)).await.action, Action::CleanUp);
        nothing_happened(server).await;
    }

    attack_5_parts_of_a_stranger_are_not_put_among_a_phones => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        assert_eq!(phone.send(&part(vec![Item::new("one", "1")])).await.action, Action::GetNextFragment);
        // With its MAC from elsewhere; and from elsewhere with its cookie and another MAC.
        let mut stranger = raw_phone(server.phone_port(), host(network(NETWORK), 66));
        let forged = |mac: &str| items(&[("mac-addr", mac), ("sip-user-id", "stranger")]);
        let answer = stranger.send(&reply(&nonce(), Action::GetNextFragment, forged(MAC))).await;
        assert_eq!(answer.action, Action::CleanUp);
        stranger.channel.set_cookie(phone.channel.cookie().cloned());
        let answer = stranger.send(&reply(&nonce(), Action::GetNextFragment, forged("00:1A:E8:66:66:66"))).await;
        assert_eq!(answer.action, Action::CleanUp);
        let last = reply(&nonce(), Action::GetNextFragment, vec![Item::new("two", "1")]);
        assert_eq!(phone.send(&last).await.action, Action::CleanUp);
        let api = server.api(&[Role::Viewer]).await;
        let id = tests::desk::client_of(&api, MAC).await["id"].clone();
        let kept = api.get(&format!("/api/v1/clients/{id}/items")).await.expect(200);
        let names: Vec<_> = kept["items"].as_array().expect("items").iter().map(|item| item["name"].clone()).collect();
        assert_eq!(json!(names), json!(["one", "two"]));
    }

    attack_5_a_nonce_is_bounded_and_cannot_break_out_of_the_answer => |server| {
        let from = host(network(NETWORK), 1);
        let bytes = message("N1", Reason::StartUp, basic()).to_bytes().expect("bytes");
        let good = String::from_utf8(bytes).expect("text");
        let with = |nonce: &str| good.replace("nonce=\"N1\"", nonce);
        for wrong in [with(&format!("nonce=\"{}\"", "N".repeat(65))), with("nonce=\"\""), with("")] {
            let answer = raw_phone(server.phone_port(), from).post(wrong.as_bytes()).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (400, 0), "{wrong}");
        }
        assert_eq!(server.app().phones.open_sessions(), 0);
        // The echo is checked by `send`, which reads the answer as a phone does.
        let breaking = "\"/><Action>Restart</Action><x y='&";
        let mut phone = raw_phone(server.phone_port(), from);
        let answer = phone.send(&message(breaking, Reason::StartUp, basic())).await;
        assert_eq!(answer.action, Action::ReadAllItems);
    }

    attack_5_nonces_in_a_flood_end_nobodys_session => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        let mut flood = raw_phone(server.phone_port(), host(network(NETWORK), 66));
        for _ in 0..300 {
            assert_eq!(flood.send(&reply(&nonce(), Action::ReadAllItems, basic())).await.action, Action::CleanUp);
        }
        assert_eq!(server.app().phones.open_sessions(), 1);
        let last = reply(&nonce(), Action::ReadAllItems, vec![Item::new("one", "1")]);
        assert_eq!(phone.send(&last).await.action, Action::CleanUp);
        assert_eq!(kept(server).await, 1);
    }

    attack_5_huge_items_are_kept_within_bounds => |server| {
        let mut phone = asked(server, host(network(NETWORK), 1)).await;
        // As much as one message may have, of values as long as they may be; again and again.
        for round in ["a", "b", "c"] {
            let mut all = basic();
            let value = round.repeat(256 * 1024);
            all.extend((0..15).map(|index| Item::indexed("userdata-picture", index, value.clone())));
            assert_eq!(phone.send(&reply(&nonce(), Action::ReadAllItems, all)).await.action, Action::CleanUp);
            assert_eq!(kept(server).await, 15 + basic().len() as u64);
            server.clock.advance(jiff::SignedDuration::from_hours(25));
            phone = asked(server, host(network(NETWORK), 1)).await;
        }
    }
}
