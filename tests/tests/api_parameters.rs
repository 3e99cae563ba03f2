//! Parameters: the catalogue through the API, searched and as one document (D-13 … D-17).

use std::collections::BTreeSet;

use domain::Role;
use domain::catalogue::Catalogue;
use serde_json::{Value, json};
use tests::{ApiClient, Backend, TestServer, on_both_databases};

const LIST: &str = "/api/v1/parameters";
const TREE: &str = "/api/v1/parameters/catalogue";

async fn ids(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{LIST}?size=500&{query}")).await.expect(200);
    let items = list["items"].as_array().expect("a list");
    assert_eq!(list["total"], items.len(), "{query}");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

on_both_databases! {
    every_parameter_is_on_a_page => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let mut seen = Vec::new();
        let mut page = 1;
        loop {
            let list = api.get(&format!("{LIST}?page={page}&size=300")).await.expect(200);
            assert_eq!((&list["page"], &list["size"], &list["next"]), (&json!(page), &json!(300), &Value::Null));
            let items = list["items"].as_array().expect("a list").clone();
            if items.is_empty() {
                break;
            }
            seen.extend(items.into_iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
            assert!(list["total"].as_u64().expect("a number") >= seen.len() as u64);
            page += 1;
        }
        let expected: Vec<&str> =
            Catalogue::built_in().parameters().map(|parameter| parameter.id.as_str()).collect();
        assert!(expected.len() > 750);
        assert_eq!(seen, expected, "in the order of the tree");
        assert_eq!(api.get(LIST).await.expect(200)["items"].as_array().map(Vec::len), Some(50));
    }

    a_parameter_says_all_of_itself_in_both_languages => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let vlan = api.get(&format!("{LIST}/network.general.vlan-discovery-method")).await.expect(200);
        assert_eq!(vlan["area"]["title"], json!({ "en": "Network", "de": "Netzwerk" }));
        assert_eq!(vlan["section"]["id"], "network.general");
        assert_eq!(vlan["kinds"], json!(["sip-client", "hfa-client", "template"]));
        let flags = ["secret", "read_only", "care", "restarts", "deliverable"].map(|name| vlan[name].clone());
        assert_eq!(flags, [false, false, true, false, true].map(Value::from));
        let expected = json!({
            "item": "vlan-method", "index": null, "certainty": "documented", "field": false, "group": null,
        });
        assert_eq!(vlan["delivery"], expected);
        assert_eq!(vlan["value"]["type"], "enum");
        let manual = &vlan["value"]["choices"][0];
        // The item table: 0=manual.
        assert_eq!((&manual["key"], &manual["wire"]), (&json!("Manual"), &json!("0")));
        for text in [&vlan["label"], &vlan["help"], &manual["label"]] {
            assert!(text["en"].is_string() && text["de"].is_string() && text["en"] != text["de"], "{text}");
        }

        let line = api.get(&format!("{LIST}/records.lines.password")).await.expect(200);
        assert_eq!((&line["secret"], &line["restarts"]), (&json!(true), &json!(false)));
        assert_eq!(line["entries"]["first"], 1);
        assert_eq!((&line["delivery"]["index"], &line["delivery"]["group"]), (&json!(1), &json!("line")));
        assert_eq!(line["value"]["type"], "text");

        let melody = api.get(&format!("{LIST}/mobile-user.special-ringer.special-ringer-melody")).await.expect(200);
        assert_eq!((&melody["delivery"]["item"], &melody["delivery"]["field"]), (&json!("alert"), &json!(true)));

        let dns = api.get(&format!("{LIST}/network.general.dns-server-1")).await.expect(200);
        assert_eq!((&dns["deliverable"], &dns["delivery"]), (&json!(false), &Value::Null));
        for nothing in ["network.general.nothing", "network", "7", "%20"] {
            api.get(&format!("{LIST}/{nothing}")).await.expect_problem(404, "not_found");
        }
    }

    parameters_are_found_by_words_area_kind_and_item => |server| {
        let api = server.api(&[Role::Viewer]).await;
        // The help of the VLAN id speaks of it, in German only.
        let german = ids(&api, "search=dienstguete").await;
        let english = ids(&api, "search=vlan%20id").await;
        assert!(!english.is_empty() && english[0] == "network.general.vlan-id", "{english:?}");
        assert!(german.contains(&english[0]), "{german:?}");
        assert_eq!(ids(&api, "search=T%C3%9CR").await, ids(&api, "search=tuer").await);
        assert!(ids(&api, "search=no-such-word").await.is_empty());

        let network = ids(&api, "area=network").await;
        assert!(network.len() > 50 && network.iter().all(|id| id.starts_with("network.")), "{network:?}");
        let both = ids(&api, "area=network&search=vlan%20id").await;
        assert_eq!(both, english.into_iter().filter(|id| id.starts_with("network.")).collect::<Vec<_>>());

        let e164 = "telephony.{}-settings.e164-number";
        let (sip, hfa) = (e164.replace("{}", "sip"), e164.replace("{}", "hfa"));
        assert_eq!(ids(&api, "item=e164").await, [sip.clone(), hfa.clone()]);
        assert_eq!(ids(&api, "item=E164&kind=hfa-client").await, [hfa]);
        assert_eq!(ids(&api, "item=e164&kind=sip-client").await, [sip]);
        assert!(ids(&api, "item=no-such-item").await.is_empty());

        let all: BTreeSet<String> = ids(&api, "kind=user").await.into_iter().collect();
        let known: BTreeSet<String> = ids(&api, "kind=user&deliverable=true").await.into_iter().collect();
        let unknown: BTreeSet<String> = ids(&api, "kind=user&deliverable=false").await.into_iter().collect();
        assert!(known.is_disjoint(&unknown) && !known.is_empty() && !unknown.is_empty());
        assert_eq!(known.union(&unknown).cloned().collect::<BTreeSet<_>>(), all);
        for (query, refused) in [
            ("area=netwerk", "area: not_a_choice"),
            ("kind=phone", "kind: not_a_choice"),
            ("deliverable=yes", "deliverable: wrong_type"),
            ("size=501", "size: out_of_range"),
            ("page=0", "page: out_of_range"),
            ("label=x", "label: unknown_field"),
        ] {
            let answer = api.get(&format!("{LIST}?{query}")).await;
            assert_eq!(answer.refused_fields(), [refused], "{query}");
            answer.expect_problem(422, "invalid_fields");
        }
        api.get(&format!("{LIST}?page=101&size=100")).await.expect_problem(422, "page_too_deep");
    }

    the_catalogue_is_sent_once => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let first = api.get(TREE).await;
        assert_eq!(first.header("content-type"), "application/json");
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() == 66, "a strong tag: {tag}");
        // The reader's own browser may keep it; everything else of the API is kept by nobody.
        assert_eq!(first.header("cache-control"), "private, max-age=300, must-revalidate");
        assert_eq!(api.get(LIST).await.header("cache-control"), "no-store");
        assert_eq!(server.anonymous().get(TREE).await.header("cache-control"), "no-store");
        // What the browser makes of it is what the server works with.
        let read: Catalogue = serde_json::from_str(&first.text).expect("the catalogue");
        assert_eq!(read.areas(), server.app().catalogue.areas());
        assert!(read.areas().len() >= 10);

        let again = api.clone().with_header("if-none-match", &format!("\"old\", {tag}")).get(TREE).await;
        assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", tag.as_str()));
        assert_eq!(again.header("cache-control"), "private, max-age=300, must-revalidate");
        let other = api.clone().with_header("if-none-match", "\"old\"").get(TREE).await;
        assert_eq!((other.status.as_u16(), other.text == first.text), (200, true));

        // Compressed it is other bytes, and has another tag.
        let packed = api.clone().with_header("accept-encoding", "gzip").stream(TREE).await;
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        assert_eq!(packed.headers()["vary"], "accept-encoding");
        assert_eq!(packed.headers()["etag"], format!("{}-gzip\"", tag.trim_end_matches('"')));
        let packed = packed.bytes().await.expect("a body");
        assert_eq!(packed[..2], [0x1f, 0x8b]);
        assert!(packed.len() * 4 < first.text.len(), "{} of {}", packed.len(), first.text.len());

        // Who may not, is not told that it is as it was.
        let nobody = server.api(&[]).await.with_header("if-none-match", &tag);
        nobody.get(TREE).await.expect_problem(403, "forbidden");
        server.anonymous().with_header("if-none-match", "*").get(TREE).await.expect_problem(401, "unauthenticated");

        server.restart().await;
        let api = server.api(&[Role::Viewer]).await;
        assert_eq!(api.get(TREE).await.header("etag"), tag, "the same after a restart");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_administrator_maps_is_deliverable_after_a_restart() {
    let mut server = TestServer::start(Backend::Sqlite).await;
    let api = server.api(&[Role::Viewer]).await;
    let tag = api.get(TREE).await.header("etag").to_owned();
    let file = server.config().data_dir.join("parameters-override.yaml");
    let text = "parameters:\n  network.general.dns-server-1: {item: dns-addr}\n";
    tokio::fs::write(&file, text).await.expect("it is written");
    server.restart().await;
    let api = server.api(&[Role::Viewer]).await;
    let dns = api.get(&format!("{LIST}/network.general.dns-server-1")).await.expect(200);
    assert_eq!((&dns["deliverable"], &dns["delivery"]["certainty"]), (&json!(true), &json!("mapped")));
    assert_eq!(ids(&api, "item=dns-addr").await, ["network.general.dns-server-1"]);
    let changed = api.with_header("if-none-match", &tag).get(TREE).await;
    assert_eq!(changed.status.as_u16(), 200, "another catalogue has another tag");
    assert_ne!(changed.header("etag"), tag);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_override_file_stops_the_start() {
    let mut server = TestServer::start(Backend::Sqlite).await;
    let config = server.config().clone();
    server.stop_in_place().await;
    let file = config.data_dir.join("parameters-override.yaml");
    for (text, named) in [
        ("parameters:\n  network.general.dns-server-1: {itm: x}\n", "line 2"),
        ("parameters:\n  network.general.nothing: {item: x}\n", "network.general.nothing"),
    ] {
        tokio::fs::write(&file, text).await.expect("it is written");
        let (clock, entropy) = (workpoint::clock::Clock::system(), workpoint::clock::Entropy::system());
        let Err(error) = workpoint::Server::start(&config, clock, entropy).await else {
            panic!("it started with {text}");
        };
        assert!(error.to_string().contains(named), "{error}");
    }
    server.stop().await;
}
