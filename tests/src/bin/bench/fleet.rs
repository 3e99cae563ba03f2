//! Templates, groups and deployments at a fleet's size: how long a plan for all takes, how long it takes to save it with its job,
//! and to count the members of groups.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::program::{Api, Program};
use crate::{Failure, deployments, load, megabytes, print, row};

/// Times a short question is asked.
const TIMES: usize = 7;

/// Groups there are while members are counted.
const GROUPS: usize = 25;

/// All figures of this file.
pub(crate) async fn measure(database: Option<&str>, phones: u32) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    // Nobody is called: the phones of this run are gone when its jobs are made.
    let calm = [("WORKPOINT_CONTACT_ME_RATE", "1"), ("WORKPOINT_DCMP_DCMP_OPERATION_MODE", "enabled")];
    let program = Program::start(directory.path(), database, &calm).await?;
    let api = program.api().await?;
    load(&program, phones, 1, 0).await?;
    groups(&api, phones).await?;
    templates(&api, phones).await?;
    part(&api, phones).await?;
    deployments::measure(&program, &api, phones).await?;
    print(&row("resident memory after it", &format!("{} MB", megabytes(program.usage()?.resident))));
    program.stop().await
}

/// Filters of each kind, one for a tenth of all.
fn filters() -> [(&'static str, Value); 7] {
    [
        ("address, network", json!({"test": {"field": "address", "network": "127.16.0.0/19"}})),
        (
            "address, range",
            json!({"test": {"field": "address", "range": {"from": "127.16.0.1", "to": "127.16.39.16"}}}),
        ),
        ("number, pattern", json!({"test": {"field": "e164", "pattern": "*7"}})),
        ("model", json!({"test": {"field": "model", "one_of": ["CP600", "CP710"]}})),
        ("server address", json!({"test": {"field": "server-address", "pattern": "*.example.*"}})),
        ("software version", json!({"test": {"field": "software-version", "at_least": "V1 R1.0.0"}})),
        (
            "any of four, not one of two",
            json!({"all": [
                {"any": [
                    {"test": {"field": "e164", "pattern": "*7"}},
                    {"test": {"field": "e164", "pattern": "*8"}},
                    {"test": {"field": "address", "network": "127.16.0.0/20"}},
                    {"test": {"field": "model", "one_of": ["CP400"]}},
                ]},
                {"not": {"test": {"field": "model", "one_of": ["CP100", "CP200"]}}},
            ]}),
        ),
    ]
}

/// How long it takes to count, while typing and in the list.
async fn groups(api: &Api, phones: u32) -> Result<(), Failure> {
    for (name, filter) in filters() {
        let mut members = 0;
        let times = times(async || {
            let preview = api.post("/api/v1/groups/preview", &json!({"filter": filter})).await?;
            members = preview["members"].as_u64().unwrap_or_default();
            Ok(())
        })
        .await?;
        print(&row(&format!("count and preview, {name}: {members} of {phones}"), &times));
    }
    for number in 0..GROUPS {
        let filter =
            json!({"test": {"field": "address", "network": format!("127.16.{}.0/21", (number * 8) % 256)}});
        api.post("/api/v1/groups", &json!({"name": format!("Group {number}"), "filter": filter})).await?;
    }
    let all = times(async || api.get("/api/v1/groups?size=25").await.map(|_| ())).await?;
    print(&row(&format!("list of {GROUPS} groups with their members"), &all));
    let everybody = json!({"filter": {"all": []}, "overlaps": true});
    let shared = times(async || api.post("/api/v1/groups/preview", &everybody).await.map(|_| ())).await?;
    print(&row(&format!("what {GROUPS} groups have in common with all"), &shared));
    let first = api.fetch("/api/v1/groups?size=1").await?["items"][0]["id"].clone();
    let path = format!("/api/v1/clients?group={first}&size=25&sort=last_contact_at");
    let list = times(async || api.get(&path).await.map(|_| ())).await?;
    print(&row("list page of 25 members of a group", &list));
    Ok(())
}

/// Templates that touch everybody.
async fn templates(api: &Api, phones: u32) -> Result<(), Failure> {
    let values = json!([
        {"parameter": "telephony.sip-settings.server-address", "value": "sip1.example.net"},
        {"parameter": "telephony.sip-settings.transport-protocol", "value": "TCP"},
        {"parameter": "network.general.vlan-id", "value": 77},
    ]);
    let template = json!({"name": "For all", "kind": "default", "rank": 5, "values": values});
    let made = change(api, "a template of 3 values for all", phones, "/api/v1/templates", &template).await?;
    let id = made["templates"][0].clone();
    // The phones have taken none of it: the second plan compares everything again.
    let weaker = json!({"name": "Stronger", "kind": "default", "rank": 1, "values": [
        {"parameter": "telephony.sip-settings.server-address", "value": "sip2.example.net"}]});
    change(api, "a stronger one of 1 value for all", phones, "/api/v1/templates", &weaker).await?;
    let group = json!({"name": "Half", "filter": {"test": {"field": "address", "network": "127.16.0.0/16"}},
        "templates": [id]});
    change(api, "the first one is for a group from now on", phones, "/api/v1/groups", &group).await?;
    Ok(())
}

/// Saves something that concerns everybody: drawn up, then applied.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn change(api: &Api, name: &str, phones: u32, path: &str, body: &Value) -> Result<Value, Failure> {
    let begin = Instant::now();
    let (status, answer) = api.try_post(path, body).await?;
    if status != 409 {
        return Err(format!("{name}: no plan was asked for: {answer}").into());
    }
    let plan = answer["args"]["plan"].clone();
    let answered = begin.elapsed();
    let drawn = loop {
        let plan = api.fetch(&format!("/api/v1/plans/{plan}")).await?;
        match plan["state"].as_str() {
            Some("drawing") => tokio::time::sleep(Duration::from_millis(50)).await,
            Some("ready") => break plan,
            _ => return Err(format!("{name}: the plan failed: {plan}").into()),
        }
    };
    let planned = begin.elapsed();
    let begin = Instant::now();
    let confirm = drawn["summary"]["writes"].clone();
    let applied = api.post(&format!("/api/v1/plans/{plan}/apply"), &json!({"confirm": confirm})).await?;
    let text = format!(
        "planned {:.2} s (first answer {:.2} s), applied {:.2} s: {} affected, {} written",
        planned.as_secs_f64(),
        answered.as_secs_f64(),
        begin.elapsed().as_secs_f64(),
        drawn["summary"]["affected"],
        confirm,
    );
    print(&row(&format!("{name} ({phones})"), &text));
    Ok(applied)
}

/// A plan and a job for ten thousand, and a job for all.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn part(api: &Api, phones: u32) -> Result<(), Failure> {
    let ten_thousand = json!({"name": "Ten thousand", "filter": {"test": {"field": "address",
        "range": {"from": "127.16.0.1", "to": "127.16.39.16"}}}});
    let group = api.post("/api/v1/groups", &ten_thousand).await?;
    let changes =
        json!([{"parameter": "telephony.sip-settings.server-address", "value": "sip3.example.net"}]);
    for (name, targets) in
        [("a group", json!({"filter": {"group": group["id"]}})), ("all", json!({"filter": {}}))]
    {
        let begin = Instant::now();
        let body = json!({"kind": "write-configuration", "targets": targets, "changes": changes});
        let plan = api.post("/api/v1/plans", &body).await?;
        let planned = begin.elapsed();
        let begin = Instant::now();
        let confirm = plan["summary"]["writes"].clone();
        let path = format!("/api/v1/plans/{}/apply", plan["id"]);
        api.post(&path, &json!({"confirm": confirm})).await?;
        let text =
            format!("planned {:.2} s, applied {:.2} s", planned.as_secs_f64(), begin.elapsed().as_secs_f64());
        print(&row(
            &format!("figure 3: a value for {name}: {} of {phones}", plan["summary"]["targets"]),
            &text,
        ));
    }
    let begin = Instant::now();
    let job = json!({"action": "refresh", "targets": {"filter": {}}});
    let (status, answer) = api.try_post("/api/v1/clients/actions", &job).await?;
    if status == 201 {
        let text = format!("{:.2} s", begin.elapsed().as_secs_f64());
        print(&row(&format!("figure 3: a job that reads all {phones}"), &text));
    } else {
        print(&format!("NO JOB: {answer}"));
    }
    Ok(())
}

/// Median and longest of many times.
#[expect(clippy::disallowed_methods, reason = "measures")]
pub(crate) async fn times(mut ask: impl AsyncFnMut() -> Result<(), Failure>) -> Result<String, Failure> {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for _ in 0..TIMES {
        let begin = Instant::now();
        ask().await?;
        histogram.record(u64::try_from(begin.elapsed().as_micros())?.max(1))?;
        // The answer to the same question is kept for two seconds; what is measured is the question itself.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
    }
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(format!("median {:.1} ms, longest {:.1} ms", at(0.5), at(1.0)))
}
