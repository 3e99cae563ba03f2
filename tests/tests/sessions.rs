//! Sessions with phones: which one a message belongs to (D-7, D-8), HTTP as phones speak it (`wpi.md` §2),
//! fragments, busy, replay and retry (§3.4, §3.7, §4.3). Numbers are those of `wpi.md` Appendix A.

use simulator::{Answer, Opening, SessionEnd};
use tests::{items, message, on_both_databases, phones, raw_phone, reply};
use wire::{Action, Fragment, Item, PhoneMessage, Reason};

const MAC: &str = "00:1A:E8:5B:20:C7";
const HERE: [u8; 4] = [127, 20, 1, 1];
/// Items after the reply of [`read_all`]: a full read replaces the three of the start-up.
const READ: u64 = 1;

fn start_up(nonce: &str, mac: &str) -> PhoneMessage {
    message(
        nonce,
        Reason::StartUp,
        items(&[("mac-addr", mac), ("device-type", "OpenStage 40"), ("e164", "4201")]),
    )
}

fn read_all(nonce: &str) -> PhoneMessage {
    // Replies carry the device id only in ReadAllItems; this one leaves it out on purpose.
    reply(nonce, Action::ReadAllItems, items(&[("ringer-melody", "2")]))
}

fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("text")).collect()
}

async fn without_lookup_by_address(server: &mut tests::TestServer) {
    server.change_setting("server-settings.phones.session-lookup-by-address", false).await;
}

async fn items_of(server: &mut tests::TestServer, mac: &str) -> u64 {
    let api = server.api(&[domain::Role::Viewer]).await;
    let list = api.get(&format!("/api/v1/clients?search={mac}")).await.expect(200);
    let id = list["items"][0]["id"].clone();
    api.get(&format!("/api/v1/clients/{id}/items")).await.expect(200)["total"].as_u64().expect("a number")
}

on_both_databases! {
    a07_the_first_answer_has_all_that_phones_need => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        let answer = phone.post(&start_up("A07", MAC).to_bytes().expect("bytes")).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.is_chunked() && !answer.closes());
        assert_eq!(answer.headers["content-type"], "text/xml; charset=UTF-8");
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
        assert!(answer.headers.get("content-encoding").is_none());
        let [cookie] = cookies(&answer)[..] else { panic!("exactly one cookie: {:?}", answer.headers) };
        let value = cookie.strip_prefix("JSESSIONID=").and_then(|rest| rest.split(';').next()).expect("the name");
        assert!(value.len() == 32 && value.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)), "{value}");
        assert!(cookie.ends_with("; Path=/DeploymentService; Secure"), "{cookie}");
        let second = phone.post(&read_all("A07b").to_bytes().expect("bytes")).await;
        assert!(cookies(&second).is_empty(), "one cookie for a session");
    }

    a08_a_09_the_cookie_finds_the_session_on_any_connection => |server| {
        // Only the cookie is left to find the session by.
        without_lookup_by_address(server).await;
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("A08", MAC)).await;
        phone.channel.disconnect();
        let cookie = phone.channel.cookie().expect("a cookie").to_str().expect("text").to_owned();
        phone.channel.set_cookie(Some(format!("{cookie}; path=/").parse().expect("a header")));
        assert_eq!(phone.send(&read_all("A08b")).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, READ, "the reply was taken");
    }

    a10_the_connection_finds_the_session_without_cookie => |server| {
        without_lookup_by_address(server).await;
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("A10", MAC)).await;
        phone.channel.set_cookie(Some("".parse().expect("an empty header")));
        phone.send(&read_all("A10b")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, READ);
    }

    d7_the_device_id_in_a_reply_finds_the_session => |server| {
        without_lookup_by_address(server).await;
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("D7A", MAC)).await;
        let all = || items(&[("mac-addr", MAC), ("ringer-melody", "2")]);
        // The answer to a reply may hold secrets: a neighbour does not get it for naming the device.
        let mut neighbour = raw_phone(server.phone_port(), [127, 20, 1, 2]);
        assert_eq!(neighbour.send(&reply("D7N", Action::ReadAllItems, all())).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, 3, "untouched");
        let mut anew = raw_phone(server.phone_port(), HERE);
        anew.send(&reply("D7B", Action::ReadAllItems, all())).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, 2, "a full read replaces what was there");
    }

    d7_the_address_finds_the_only_waiting_session => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("D7C", MAC)).await;
        let mut same_address = raw_phone(server.phone_port(), HERE);
        same_address.send(&read_all("D7D")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, READ);
        // With two waiting sessions the address says nothing.
        let mut one = raw_phone(server.phone_port(), HERE);
        one.send(&start_up("D7E", "00:1A:E8:00:00:01")).await;
        let mut two = raw_phone(server.phone_port(), HERE);
        two.send(&start_up("D7F", "00:1A:E8:00:00:02")).await;
        let mut lost = raw_phone(server.phone_port(), HERE);
        assert_eq!(lost.send(&read_all("D7G")).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE8000001").await, 3, "untouched");
    }

    a11_a_reply_out_of_nowhere_gets_clean_up => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        assert_eq!(phone.send(&read_all("A11")).await.action, Action::CleanUp);
        assert_eq!(server.app().phones.open_sessions(), 0);
    }

    a12_a_new_opening_drops_the_devices_old_session => |server| {
        let mut old = raw_phone(server.phone_port(), HERE);
        old.send(&start_up("A12", MAC)).await;
        // From another address, so that the address does not lead the old reply to the new session.
        let mut new = raw_phone(server.phone_port(), [127, 20, 1, 2]);
        new.send(&start_up("A12b", MAC)).await;
        assert_eq!(server.app().phones.open_sessions(), 1, "one session of one device");
        old.send(&read_all("A12c")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, 3, "the old session takes nothing any more");
        new.send(&read_all("A12d")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, READ);
    }

    d7_the_cookie_of_another_device_is_refused => |server| {
        let mut victim = raw_phone(server.phone_port(), HERE);
        victim.send(&start_up("D7H", MAC)).await;
        let mut thief = raw_phone(server.phone_port(), [127, 20, 1, 66]);
        thief.channel.set_cookie(victim.channel.cookie().cloned());
        let forged = items(&[("mac-addr", "00:1A:E8:66:66:66"), ("sip-user-id", "thief")]);
        assert_eq!(thief.send(&reply("D7I", Action::ReadAllItems, forged)).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, 3, "the session is untouched");
        assert_eq!(victim.send(&read_all("D7J")).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, READ, "and goes on");
    }

    a13_connection_close_is_honoured => |server| {
        let fleet = phones(server.phone_port(), 1, |config| {
            config.no_keep_alive = true;
            config.cookie_with_attributes = true;
        })
        .await;
        let outcome = fleet[0].session(&Opening::StartUp).await.expect("a session");
        assert_eq!(outcome.connections, outcome.requests, "a connection for each request");
        assert_eq!(outcome.actions, [Action::ReadAllItems, Action::CleanUp]);
    }

    a14_a_silent_session_is_dropped => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("A14", MAC)).await;
        assert_eq!(server.app().phones.open_sessions(), 1);
        server.clock.advance(jiff::SignedDuration::from_secs(91));
        server.wait_until(|app| app.phones.open_sessions() == 0).await;
        assert_eq!(phone.send(&read_all("A14b")).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, 3);
    }

    a15_fragments_are_merged_before_anything_is_done => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("A15", MAC)).await;
        for (nonce, name) in [("A15b", "one"), ("A15c", "two")] {
            let part = PhoneMessage {
                fragment: Fragment::Next,
                ..reply(nonce, Action::ReadAllItems, vec![Item::new(name, "1")])
            };
            assert_eq!(phone.send(&part).await.action, Action::GetNextFragment);
            assert_eq!(items_of(server, "001AE85B20C7").await, 3, "nothing is stored before the last part");
        }
        let last = reply("A15d", Action::GetNextFragment, vec![Item::new("three", "1")]);
        assert_eq!(phone.send(&last).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, 3, "one, two and three");
    }

    an_opening_in_fragments_is_one_opening => |server| {
        let fleet = phones(server.phone_port(), 2, |config| config.fragment_size = Some(10)).await;
        for phone in &fleet {
            let outcome = phone.session(&Opening::StartUp).await.expect("a session");
            assert_eq!(outcome.actions.first(), Some(&Action::GetNextFragment), "the opening itself is cut");
            assert!(outcome.actions.contains(&Action::ReadAllItems));
            assert_eq!(outcome.actions.last(), Some(&Action::CleanUp));
            let mac = phone.with_machine(|machine, _| machine.phone().identity().mac.plain()).await;
            assert!(items_of(server, &mac).await >= 290);
        }
        assert_eq!(server.app().phones.open_sessions(), 0);
    }

    two_openings_of_one_device_at_once_leave_one_session => |server| {
        let mut one = raw_phone(server.phone_port(), HERE);
        let mut two = raw_phone(server.phone_port(), [127, 20, 1, 2]);
        let (first, second) = (start_up("ONCE1", MAC), start_up("ONCE2", MAC));
        tokio::join!(one.send(&first), two.send(&second));
        assert_eq!(server.app().phones.open_sessions(), 1);
        one.send(&read_all("ONCE3")).await;
        two.send(&read_all("ONCE4")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, READ, "one of them was taken");
    }

    a_stranger_elsewhere_cannot_answer_for_a_phone => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("ELSE1", MAC)).await;
        let mut stranger = raw_phone(server.phone_port(), [127, 66, 6, 6]);
        let forged = items(&[("mac-addr", MAC), ("sip-user-id", "stranger")]);
        stranger.send(&reply("ELSE2", Action::ReadAllItems, forged)).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, 3, "nothing was taken");
        phone.send(&read_all("ELSE3")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, READ, "the phone's own answer was");
    }

    what_is_no_reply_to_a_read_empties_nothing => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("EMPTY1", MAC)).await;
        let status = message("EMPTY2", Reason::Status, items(&[("mac-addr", MAC)]));
        phone.send(&status).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, 3);
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("EMPTY3", MAC)).await;
        phone.send(&reply("EMPTY4", Action::ReadAllItems, Vec::new())).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, 3, "a reply without items says nothing");
        let mut phone = raw_phone(server.phone_port(), HERE);
        let answer = phone.send(&start_up("EMPTY5", MAC)).await;
        assert_eq!(answer.action, Action::ReadAllItems, "and is not taken for a full read");
    }

    a_fragmenting_fleet_is_read_completely => |server| {
        let fleet = phones(server.phone_port(), 3, |config| config.fragment_size = Some(50)).await;
        for phone in &fleet {
            let outcome = phone.session(&Opening::StartUp).await.expect("a session");
            assert!(outcome.actions.contains(&Action::GetNextFragment));
            assert!(items_of(server, &phone.with_machine(|machine, _| machine.phone().identity().mac.plain()).await).await >= 290);
        }
    }

    a_busy_phone_is_asked_to_come_back => |server| {
        let fleet = phones(server.phone_port(), 1, |config| config.busy = 1).await;
        fleet[0].with_machine(|machine, _| machine.set_busy(1)).await;
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("BUSY1", MAC)).await;
        let busy = message(
            "BUSY2",
            Reason::ReplyTo { action: Some(Action::ReadAllItems), status: Some(wire::ReplyStatus::Busy) },
            Vec::new(),
        );
        let answer = phone.send(&busy).await;
        assert_eq!(answer.action, Action::CleanUp);
        assert_eq!(answer.items, [Item::new("send-solicited", "true")]);
        let mut phone = raw_phone(server.phone_port(), HERE);
        let solicited = message("BUSY3", Reason::Solicited, start_up("x", MAC).items);
        assert_eq!(phone.send(&solicited).await.action, Action::ReadAllItems, "the read still waits");
    }

    a27_clean_up_by_the_phone_closes_the_session => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("A27", MAC)).await;
        let gives_up = message("A27b", Reason::CleanUp, items(&[("cleanup-reason", "message not understood")]));
        assert_eq!(phone.send(&gives_up).await.action, Action::CleanUp);
        assert_eq!(server.app().phones.open_sessions(), 0);
        let mut stray = raw_phone(server.phone_port(), [127, 20, 1, 9]);
        assert_eq!(stray.send(&message("A27c", Reason::CleanUp, items(&[("mac-addr", MAC)]))).await.action, Action::CleanUp);
        assert_eq!(server.app().phones.open_sessions(), 0, "clean-up never opens a session");
    }

    a_repeated_request_gets_the_same_answer => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        let first = phone.send(&start_up("RETRY1", MAC)).await;
        phone.channel.disconnect();
        phone.channel.set_cookie(None);
        // The answer was lost: the phone sends the same bytes over a new connection.
        assert_eq!(phone.send(&start_up("RETRY1", MAC)).await, first);
        assert!(phone.channel.cookie().is_some(), "with the cookie, which was lost too");
        assert_eq!(server.app().phones.open_sessions(), 1);
        phone.send(&read_all("RETRY2")).await;
        assert_eq!(items_of(server, "001AE85B20C7").await, READ);
    }

    a_replayed_opening_gets_clean_up_and_changes_nothing => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("REPLAY", MAC)).await;
        server.clock.advance(jiff::SignedDuration::from_secs(30));
        let mut attacker = raw_phone(server.phone_port(), [127, 20, 1, 66]);
        assert_eq!(attacker.send(&start_up("REPLAY", MAC)).await.action, Action::CleanUp);
        assert_eq!(phone.send(&read_all("REPLAY2")).await.action, Action::CleanUp);
        assert_eq!(items_of(server, "001AE85B20C7").await, READ, "the phone's own session went on");
    }

    too_many_sessions_are_told_to_come_back_later => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&start_up("LOAD1", MAC)).await;
        let mut other = raw_phone(server.phone_port(), HERE);
        let answer = other.send(&start_up("LOAD2", "00:1A:E8:00:00:02")).await;
        assert_eq!(answer.action, Action::ReadAllItems, "room for more");
        server.change_setting("server-settings.phones.maximum-sessions", 2).await;
        let mut third = raw_phone(server.phone_port(), HERE);
        let answer = third.send(&start_up("LOAD3", "00:1A:E8:00:00:03")).await;
        assert_eq!((answer.action, answer.items), (Action::CleanUp, vec![Item::new("cleanup-reason", "overload")]));
        phone.send(&read_all("LOAD4")).await;
        let answer = third.send(&start_up("LOAD5", "00:1A:E8:00:00:03")).await;
        assert_eq!(answer.action, Action::ReadAllItems, "a place is free again");
    }

    other_paths_are_served_too => |server| {
        let mut connection = tests::connect(server.phone_port()).await;
        for (path, nonce, cookie_path) in [
            ("/deploymentservice/loginservice/", "PATH1", "/DeploymentService"),
            ("/provisioningService", "PATH2", "/"),
        ] {
            let body = start_up(nonce, MAC).to_bytes().expect("bytes");
            let request = http::Request::post(path).header("host", "x").body(body.into()).expect("a request");
            let answer = connection.send(request).await.expect("an answer");
            assert_eq!(answer.status, 200, "{path}");
            assert!(cookies(&answer)[0].contains(&format!("; Path={cookie_path};")), "{:?}", cookies(&answer));
        }
    }

    a_phone_of_an_old_kind_completes_its_session => |server| {
        let fleet = phones(server.phone_port(), 2, |config| {
            config.upper_case_status = true;
            config.repeat_nonce = true;
            config.no_cookie = true;
            config.report_user_password = true;
            config.source = Some("127.22.0.0/16".parse().expect("a block"));
        })
        .await;
        for phone in &fleet {
            let outcome = phone.session(&Opening::StartUp).await.expect("a session");
            assert_eq!(outcome.actions, [Action::ReadAllItems, Action::CleanUp]);
            assert_eq!(outcome.end, SessionEnd::CleanUp { reason: None, send_solicited: false });
        }
    }
}
