//! The server is killed while files come and go: nothing that was answered is lost, and no file is without its content.

use std::time::Duration;

use serde_json::json;
use tests::{killed_on_both_databases, wait_until};

use super::{FILES, UPLOADS, begin, content, finish, names_in, objects_in, path_of, piece, sound};

/// What is done while the server is killed, a little later each time.
const ROUNDS: u64 = 8;

killed_on_both_databases! {
    an_upload_goes_on_after_the_server_was_killed => |server| {
        let api = server.api();
        let bytes = sound(1, 600_000);
        let upload = begin(&api, "a.wav", bytes.len()).await;
        piece(&api, &upload, 0, &bytes[..250_000]).await.expect(200);
        server.crash().await;
        let api = server.api();
        assert_eq!(api.get(&upload).await.expect(200)["received"], 250_000);
        piece(&api, &upload, 250_000, &bytes[250_000..]).await.expect(200);
        server.crash().await;
        let api = server.api();
        let file = finish(&api, &upload).await.expect(201);
        server.crash().await;
        let api = server.api();
        assert_eq!(finish(&api, &upload).await.expect(201)["id"], file["id"]);
        assert_eq!(content(&api, &file).await, bytes);
    }

    killed_while_files_are_finished_and_deleted => |server| {
        for round in 0..ROUNDS {
            let api = server.api();
            let bytes = sound(u8::try_from(round).expect("a number"), 400_000);
            let name = format!("{round}.wav");
            let upload = begin(&api, &name, bytes.len()).await;
            piece(&api, &upload, 0, &bytes).await.expect(200);
            let asker = server.asker();
            let path = format!("{upload}/finish");
            let finishing = tokio::spawn(async move { asker.post(&path, &json!({})).await });
            // Somewhere in the middle of it, each time somewhere else.
            let mut pause = tokio::time::interval(Duration::from_millis(2 + round * 7));
            pause.tick().await;
            pause.tick().await;
            server.crash().await;
            let answered = finishing.await.expect("it ends").filter(|answer| answer.status == 201);
            let api = server.api();
            if let Some(answered) = &answered {
                assert_eq!(api.get(&path_of(&answered.json())).await.expect(200)["name"], name);
            }
            let file = finish(&api, &upload).await.expect(201);
            assert_eq!(content(&api, &file).await, bytes, "round {round}");
            let list = api.get(&format!("{FILES}?search={name}")).await.expect(200);
            assert_eq!(list["total"], 1, "round {round}");

            let asker = server.asker();
            let ids = json!({"ids": [file["id"]]});
            let deleting = tokio::spawn(async move { asker.post(&format!("{FILES}/delete"), &ids).await });
            let mut pause = tokio::time::interval(Duration::from_millis(1 + round));
            pause.tick().await;
            pause.tick().await;
            server.crash().await;
            deleting.await.expect("it ends");
            let api = server.api();
            // It is there with its content, or it is gone.
            if api.get(&path_of(&file)).await.status == 200 {
                assert_eq!(content(&api, &file).await, bytes, "round {round}");
                api.clone().if_match("*").delete(&path_of(&file)).await.expect(204);
            }
            api.delete(&upload).await.expect(204);
        }
        let api = server.api();
        assert_eq!(api.get(FILES).await.expect(200)["total"], 0);
        // What was left behind is cleared up, once it is old enough.
        server.advance(jiff::SignedDuration::from_hours(31 * 24));
        let api = server.api();
        let app = server.app();
        workpoint::app::tasks::enqueue(app, workpoint::app::tasks::kinds::Kind::SweepFiles).await.expect("a task");
        workpoint::app::tasks::work_off(app).await.expect("tasks");
        let data = server.config().data_dir.clone();
        wait_until(async || objects_in(&data).is_empty() && names_in(&data, "uploads").is_empty()).await;
        api.post(UPLOADS, &json!({"name": "a", "size": 1})).await.expect(201);
    }
}
