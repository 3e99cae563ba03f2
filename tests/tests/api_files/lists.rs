//! Lists and exports of files.

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, on_both_databases};

use super::{FILES, path_of, png, sound, upload};

async fn names(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{FILES}?{query}")).await.expect(200);
    let items = list["items"].as_array().expect("files");
    items.iter().map(|file| file["name"].as_str().expect("a name").to_owned()).collect()
}

async fn some_files(api: &ApiClient) -> Vec<Value> {
    let image = |model, kind, version| content::craft::firmware(model, kind, version, 4_000);
    vec![
        upload(api, "Bell.wav", &sound(1, 500)).await,
        upload(api, "os40.img", &image("OpenStage 40", "SIP", "V3 R5.9.0")).await,
        upload(api, "OS60.img", &image("OpenStage 60", "HFA", "V3 R5.16.0")).await,
        upload(api, "logo_1.png", &png(240, 70)).await,
        upload(api, "unknown", &[0; 50]).await,
    ]
}

on_both_databases! {
    files_are_searched_filtered_and_sorted => |server| {
        let api = server.api(&[Role::Operator]).await;
        let made = some_files(&api).await;
        assert_eq!(names(&api, "").await, ["Bell.wav", "logo_1.png", "os40.img", "OS60.img", "unknown"]);
        assert_eq!(names(&api, "sort=-name&size=2").await, ["unknown", "OS60.img"]);
        assert_eq!(names(&api, "size=2&page=3").await, ["unknown"]);
        assert_eq!(names(&api, "sort=size").await[0], "unknown");
        assert_eq!(names(&api, "sort=software_version").await[..2], ["os40.img", "OS60.img"]);
        assert_eq!(names(&api, "sort=-software_version").await[..2], ["OS60.img", "os40.img"]);
        assert_eq!(names(&api, "sort=created_at").await.len(), 5);
        assert_eq!(names(&api, "sort=-state").await[0], "OS60.img");
        for sort in ["file_type", "provider", "-created_at"] {
            assert_eq!(names(&api, &format!("sort={sort}")).await.len(), 5);
        }
        assert_eq!(names(&api, "search=os").await, ["os40.img", "OS60.img"]);
        assert_eq!(names(&api, "search=logo_").await, ["logo_1.png"]);
        assert_eq!(names(&api, "search=o_i").await, Vec::<String>::new());
        assert_eq!(names(&api, "search=built").await.len(), 5);
        assert_eq!(names(&api, "file_type=software").await, ["os40.img", "OS60.img"]);
        assert_eq!(names(&api, "software_type=hfa").await, ["OS60.img"]);
        assert_eq!(names(&api, "model=OpenStage%2040&file_type=software").await, ["os40.img"]);
        assert_eq!(names(&api, "model=OpenStage%2040").await, ["Bell.wav", "logo_1.png", "os40.img", "unknown"]);
        assert_eq!(names(&api, "state=incomplete").await, ["unknown"]);
        assert_eq!(names(&api, "provider=1").await.len(), 5);
        assert_eq!(names(&api, "provider=2").await.len(), 0);
        assert_eq!(names(&api, "used=true").await.len(), 0);
        assert_eq!(names(&api, "used=false").await.len(), 5);
        let noted = api.clone().if_match("*").patch(&path_of(&made[0]), &json!({"note": "For the LOBBY"})).await;
        noted.expect(200);
        assert_eq!(names(&api, "search=lobby").await, ["Bell.wav"]);
        // By models as they are shown, one after the other; files for all come last either way.
        let both = json!({"models": ["OpenStage 60", "OpenStage 40"]});
        api.clone().if_match("*").patch(&path_of(&made[3]), &both).await.expect(200);
        let by_models = ["os40.img", "logo_1.png", "OS60.img", "Bell.wav", "unknown"];
        assert_eq!(names(&api, "sort=models").await, by_models);
        assert_eq!(names(&api, "sort=-models").await, ["OS60.img", "logo_1.png", "os40.img", "unknown", "Bell.wav"]);
        assert_eq!(names(&api, "sort=models&size=2&page=2").await, by_models[2..4]);
        let exported = api.get(&format!("{FILES}/export?sort=models")).await.json();
        assert_eq!((&exported[1]["name"], &exported[4]["name"]), (&json!("logo_1.png"), &json!("unknown")));
        let refused = async |query: &str| api.get(&format!("{FILES}?{query}")).await.refused_fields();
        assert_eq!(refused("sort=color").await, ["sort: not_a_choice"]);
        assert_eq!(refused("software_type=GW").await, ["software_type: not_a_choice"]);
        assert_eq!(refused("size=0").await, ["size: out_of_range"]);
        assert_eq!(refused("file_type=x").await, ["file_type: not_a_choice"]);
    }

    files_are_exported => |server| {
        let api = server.api(&[Role::Operator]).await;
        some_files(&api).await;
        let json: Value = api.get(&format!("{FILES}/export?file_type=software")).await.expect(200);
        assert_eq!(json.as_array().map(Vec::len), Some(2));
        assert_eq!(json[0]["name"], "os40.img");
        let csv = api.get(&format!("{FILES}/export?format=csv&sort=-name")).await;
        assert_eq!(csv.header("content-disposition"), "attachment; filename=\"files.csv\"");
        let lines: Vec<&str> = csv.text.lines().collect();
        assert!(lines[0].starts_with("id,name,file_type,provider,size,"), "{}", lines[0]);
        assert_eq!(lines.len(), 6);
        assert!(lines[2].contains("OS60.img,software,Built-in,4000,"), "{}", lines[2]);
        assert_eq!(api.get(&format!("{FILES}/export?sort=x")).await.refused_fields(), ["sort: not_a_choice"]);
        let nobody = server.api(&[]).await;
        nobody.get(&format!("{FILES}/export")).await.expect_problem(403, "forbidden");
        nobody.get(FILES).await.expect_problem(403, "forbidden");
    }
}
