//! The content of files: whole, in parts, shown and downloaded.

use domain::Role;
use reqwest::Method;
use tests::on_both_databases;

use super::{FILES, path_of, png, sha256, sound, upload};

on_both_databases! {
    keys_and_passwords_are_for_who_changes_files => |server| {
        let (api, reader) = (server.api(&[Role::Operator]).await, server.api(&[Role::Viewer]).await);
        let mut number = 0;
        for (file_type, is_secret) in [("dongle", true), ("ldap-template", true), ("ringtone", false)] {
            number += 1;
            let bytes = if is_secret { format!("KEY{number}=x\n").into_bytes() } else { sound(number, 50) };
            let file = api.upload("a", &bytes, &[("file_type", file_type)]).await.expect(201);
            let path = format!("{}/content", path_of(&file));
            assert_eq!(api.get(&path).await.status, 200, "{file_type}");
            for path in [path.clone(), format!("{path}?download=true")] {
                let answer = reader.get(&path).await;
                if is_secret {
                    answer.expect_problem(403, "forbidden");
                } else {
                    assert_eq!(answer.status, 200, "{file_type}");
                }
            }
            reader.get(&path_of(&file)).await.expect(200);
        }
        // What nobody has said a type of may be anything, as what a scan of a provider takes in.
        let file = api.upload("notes.txt", b"root: blue kettle\n", &[]).await.expect(201);
        let path = format!("{}/content", path_of(&file));
        assert_eq!(api.get(&path).await.status, 200);
        reader.get(&path).await.expect_problem(403, "forbidden");
    }

    content_is_given_whole_and_in_parts => |server| {
        let api = server.api(&[Role::Viewer, Role::Operator]).await;
        let bytes = sound(9, 300_000);
        let file = upload(&api, "bell.wav", &bytes).await;
        let path = format!("{}/content", path_of(&file));
        let etag = format!("\"{}\"", sha256(&bytes));
        let whole = api.stream(&path).await;
        let header = |name: &str| whole.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("etag"), etag);
        assert_eq!(header("content-type"), "audio/wav");
        assert_eq!(header("content-length"), bytes.len().to_string());
        assert_eq!(header("accept-ranges"), "bytes");
        assert_eq!(header("content-disposition"), "inline; filename=\"bell.wav\"; filename*=UTF-8''bell.wav");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "private, no-cache");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
        assert_eq!(whole.bytes().await.expect("a body"), bytes);

        let part = async |range: &str| {
            let response = api.clone().with_header("range", range).stream(&path).await;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let range = headers.get("content-range").map(|value| value.to_str().expect("text").to_owned());
            (status, range.unwrap_or_default(), response.bytes().await.expect("a body"))
        };
        let size = bytes.len();
        assert_eq!(part("bytes=10-19").await, (206, format!("bytes 10-19/{size}"), bytes[10..20].to_vec().into()));
        let tail = format!("bytes {}-{}/{size}", size - 5, size - 1);
        assert_eq!(part("bytes=-5").await, (206, tail, bytes[size - 5..].to_vec().into()));
        let (status, _, rest) = part("bytes=200000-").await;
        assert_eq!((status, rest.len()), (206, size - 200_000));
        assert_eq!(part("bytes=0-1,5-6").await.0, 200);
        let beyond = api.clone().with_header("range", &format!("bytes={size}-")).get(&path).await;
        beyond.expect_problem(416, "range_not_satisfiable");

        let same = api.clone().with_header("if-none-match", &etag).stream(&path).await;
        assert_eq!(same.status(), 304);
        assert!(same.bytes().await.expect("a body").is_empty());
        let head = api.send(Method::HEAD, &path, None).await;
        assert_eq!((head.status.as_u16(), head.header("content-length")), (200, size.to_string().as_str()));
        assert!(head.text.is_empty());
        api.get(&format!("{FILES}/999/content")).await.expect_problem(404, "not_found");
        let refused = api.get(&format!("{path}?download=perhaps")).await;
        assert!(refused.refused_fields()[0].starts_with("download: "), "{}", refused.text);
    }

    only_pictures_and_sounds_are_shown => |server| {
        let api = server.api(&[Role::Operator]).await;
        let html = b"<html><script>alert(1)</script></html>".to_vec();
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec();
        for (name, content, kind, how) in [
            ("logo.png", png(20, 10), "image/png", "inline"),
            ("evil.html", html, "application/octet-stream", "attachment"),
            ("evil.svg", svg, "application/octet-stream", "attachment"),
            ("evil.png", b"GIF87a=1;alert(1)//".to_vec(), "", ""),
            ("other.bin", vec![0; 100], "application/octet-stream", "attachment"),
        ] {
            let file = upload(&api, name, &content).await;
            let path = format!("{}/content", path_of(&file));
            let response = api.stream(&path).await;
            let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
            assert!(!header("content-type").starts_with("text/"), "{name}");
            assert!(header("content-security-policy").contains("sandbox"), "{name}");
            if !kind.is_empty() {
                assert_eq!(header("content-type"), kind, "{name}");
                assert!(header("content-disposition").starts_with(how), "{name}");
            }
            let saved = api.stream(&format!("{path}?download=true")).await;
            let header = |name: &str| saved.headers()[name].to_str().expect("text").to_owned();
            assert!(header("content-disposition").starts_with("attachment; "), "{name}");
            assert_eq!(header("content-type"), "application/octet-stream", "{name}");
        }
    }
}
