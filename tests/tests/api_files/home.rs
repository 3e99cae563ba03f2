//! The directory of the built-in provider is one for all nodes: another one is noticed, and nothing is given or taken.

use std::sync::Arc;

use domain::Role;
use serde_json::{Value, json};
use tests::{on_both_databases, wait_until};
use workpoint::app::files::home::look;
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};
use workpoint::storage::Places;

use super::{FILES, begin, content, finish, objects, path_of, piece, sound, upload};

on_both_databases! {
    another_directory_is_noticed => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        let data = server.config().data_dir.join("files");
        let waiting = begin(&api, "b.wav", 144).await;
        piece(&api, &waiting, 0, &sound(2, 100)).await.expect(200);
        // As a node finds it whose directory is not shared.
        std::fs::rename(data.join("objects"), data.join("elsewhere")).expect("moved");
        std::fs::create_dir(data.join("objects")).expect("made");
        look(server.app()).await.expect("looked");
        let problem = api.get(&format!("{}/content", path_of(&file))).await.expect_problem(502, "provider_failed");
        assert_eq!(problem["args"]["error"], "not-shared");
        let problem = api.upload("c.wav", &sound(3, 100), &[]).await.expect_problem(502, "provider_failed");
        assert_eq!(problem["args"]["error"], "not-shared");
        finish(&api, &waiting).await.expect_problem(502, "provider_failed");
        assert!(objects(server).is_empty());
        assert_eq!(api.get(FILES).await.expect(200)["total"], 1);
        let told = api.get("/api/v1/notifications").await.expect(200);
        let told: Vec<_> = told["items"].as_array().expect("a list").iter().map(|item| item["args"].clone()).collect();
        assert_eq!(told, [json!({"provider": "Built-in", "error": "not-shared"})]);
        // With the mark of another installation it is no better.
        tokio::fs::write(data.join("objects/.workpoint"), "0123").await.expect("written");
        look(server.app()).await.expect("looked");
        api.upload("c.wav", &sound(3, 100), &[]).await.expect_problem(502, "provider_failed");
        // The right one is taken up again, and what waited goes on.
        std::fs::remove_dir_all(data.join("objects")).expect("removed");
        std::fs::rename(data.join("elsewhere"), data.join("objects")).expect("moved");
        look(server.app()).await.expect("looked");
        assert_eq!(content(&api, &file).await, sound(1, 100));
        let late = finish(&api, &waiting).await.expect(201);
        assert_eq!(content(&api, &late).await, sound(2, 100));
        server.restart().await;
        assert!(server.app().home.is_here());
    }

    files_stay_as_they_are_when_the_directory_is_gone_for_a_moment => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (kept, lost) = (upload(&api, "a.wav", &sound(1, 100)).await, upload(&api, "b.wav", &sound(2, 100)).await);
        let state = async |file: &Value| api.get(&path_of(file)).await.expect(200)["state"].clone();
        let data = server.config().data_dir.join("files");
        let object = data.join("objects").join(lost["object_key"].as_str().expect("a key"));
        std::fs::rename(&object, data.join("aside")).expect("moved");
        let problem = api.get(&format!("{}/content", path_of(&lost))).await.expect_problem(502, "provider_failed");
        assert_eq!(problem["args"]["error"], "not-found");
        assert_eq!(state(&lost).await, "missing");
        // The disk of another machine is gone, and nobody has looked yet.
        std::fs::rename(data.join("objects"), data.join("elsewhere")).expect("moved");
        std::fs::create_dir(data.join("objects")).expect("made");
        let problem = api.get(&format!("{}/content", path_of(&kept))).await.expect_problem(502, "provider_failed");
        assert_eq!(problem["args"]["error"], "not-shared");
        assert_eq!(state(&kept).await, "ready");
        // It is back, with all of it.
        std::fs::remove_dir(data.join("objects")).expect("removed");
        std::fs::rename(data.join("elsewhere"), data.join("objects")).expect("moved");
        std::fs::rename(data.join("aside"), &object).expect("moved");
        look(server.app()).await.expect("looked");
        assert_eq!(state(&lost).await, "ready");
        assert_eq!(content(&api, &kept).await, sound(1, 100));
    }

    files_that_are_there_again_are_found_by_night => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        let data = server.config().data_dir.join("files");
        let object = data.join("objects").join(file["object_key"].as_str().expect("a key"));
        let state = async || api.get(&path_of(&file)).await.expect(200)["state"].clone();
        std::fs::rename(&object, data.join("aside")).expect("moved");
        api.get(&format!("{}/content", path_of(&file))).await.expect_problem(502, "provider_failed");
        assert_eq!(state().await, "missing");
        std::fs::rename(data.join("aside"), &object).expect("moved");
        enqueue(server.app(), Kind::SweepFiles).await.expect("a task");
        work_off(server.app()).await.expect("tasks");
        wait_until(async || state().await == "ready").await;
    }

    a_node_deletes_nothing_in_a_directory_that_is_not_the_right_one => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        let key = file["object_key"].as_str().expect("a key");
        let objects = server.config().data_dir.join("files/objects");
        tokio::fs::write(objects.join(".workpoint"), "0123").await.expect("written");
        look(server.app()).await.expect("looked");
        api.clone().if_match("*").delete(&path_of(&file)).await.expect(204);
        assert!(objects.join(key).exists(), "it is somebody else's");
    }

    two_directories_from_the_start_are_noticed => |server| {
        let elsewhere = tempfile::tempdir().expect("a directory");
        let mut other = server.app().clone();
        other.places = Arc::new(Places::make(elsewhere.path()).await.expect("directories"));
        other.home = Arc::default();
        // There are no files, so nothing is lost with the old directory; only one of the two can be the right one.
        look(&other).await.expect("looked");
        assert!(other.home.is_here());
        let api = server.api(&[Role::Operator]).await;
        let problem = api.upload("a.wav", &sound(1, 100), &[]).await.expect_problem(502, "provider_failed");
        assert_eq!(problem["args"]["error"], "not-shared");
        look(server.app()).await.expect("looked");
        assert!(!server.app().home.is_here());
    }
}
