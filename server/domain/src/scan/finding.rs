//! What a web server is that a scan for storage providers has met (OSEM §10.2): told from its answers to `OPTIONS /` and
//! `GET /`, which anybody gets. Somebody who adds it as a provider tries it first; this is a hint, no proof.

use crate::words::words;

/// Longest text of what a web server says of itself, in characters.
pub const LONGEST_DETAIL: usize = 100;

/// Characters of a page that are looked at; the rest tells nothing new.
const LOOKED_AT: usize = 65_536;

/// What S3-compatible stores answer to a request for `/` that nobody has signed.
const S3_CODES: [&str; 5] =
    ["AccessDenied", "InvalidRequest", "MethodNotAllowed", "MissingSecurityHeader", "NotImplemented"];

words! {
    /// What a web server looks like; what is most likely a storage provider first.
    FindingKind {
        /// An S3-compatible store.
        S3 = "s3",
        /// WebDAV (RFC 4918).
        Webdav = "webdav",
        /// Pages that list files, of Apache, nginx or Caddy.
        IndexPage = "index-page",
        /// Another web server; its files may lie deeper.
        Https = "https",
    }
}

/// One answer of a web server, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body as text, cut where the reader stopped.
    pub body: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it looks like.
    pub kind: FindingKind,
    /// What it says of itself: visible characters, at most [`LONGEST_DETAIL`].
    pub detail: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn page(&self) -> &str {
        self.body
            .char_indices()
            .nth(LOOKED_AT)
            .map_or(&self.body, |(end, _)| self.body.get(..end).unwrap_or(""))
    }

    /// Amazon's own header, a product that says so, or an error as the S3 interface words them (Amazon S3 API Reference,
    /// "Error Responses"); some servers leave the ids out.
    fn is_s3(&self) -> bool {
        let server = self.header("server").unwrap_or_default().to_ascii_lowercase();
        let page = self.page();
        self.headers.iter().any(|(name, _)| name.starts_with("x-amz-"))
            || ["amazons3", "minio"].iter().any(|product| server.contains(product))
            || page.contains("<ListAllMyBucketsResult")
            || (page.contains("<Error>")
                && page.contains("<Code>")
                && (page.contains("<RequestId>")
                    || page.contains("<HostId>")
                    || S3_CODES.iter().any(|code| page.contains(&format!("<Code>{code}</Code>")))))
    }

    /// Apache and nginx head their lists with the same words; Caddy names itself at the end of its own.
    fn is_index_page(&self) -> bool {
        let page = self.page().to_ascii_lowercase();
        title(&page).is_some_and(|title| title.starts_with("index of"))
            || page.contains("<h1>index of /")
            || (page.contains("caddyserver.com") && page.contains("listing"))
    }
}

/// The text between `<title>` and its end, in a page in lower case.
fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    rest.split_once("</title>").map(|(title, _)| title.trim())
}

/// What the server says of itself: its product, else the title of its page.
fn detail(answers: &[&Answer]) -> String {
    let product = answers.iter().find_map(|answer| answer.header("server"));
    let page_title = || {
        answers.iter().find_map(|answer| {
            let page = answer.page();
            // Offsets stay true: only ASCII letters change.
            let lower = page.to_ascii_lowercase();
            let start = lower.find("<title>")? + "<title>".len();
            let end = start + lower.get(start..)?.find("</title>")?;
            page.get(start..end)
        })
    };
    let text = product.filter(|text| !text.trim().is_empty()).or_else(page_title).unwrap_or_default();
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.trim().chars().take(LONGEST_DETAIL).collect()
}

/// What a web server is that has answered `OPTIONS /`, `GET /` or both. `None` when it has answered neither.
pub fn judge(options: Option<&Answer>, get: Option<&Answer>) -> Option<Finding> {
    let answers: Vec<&Answer> = options.into_iter().chain(get).collect();
    if answers.is_empty() {
        return None;
    }
    let any = |holds: fn(&Answer) -> bool| answers.iter().any(|answer| holds(answer));
    let kind = if any(Answer::is_s3) {
        FindingKind::S3
    } else if any(|answer| answer.header("dav").is_some()) {
        FindingKind::Webdav
    } else if get.is_some_and(Answer::is_index_page) {
        FindingKind::IndexPage
    } else {
        FindingKind::Https
    };
    Some(Finding { kind, detail: detail(&answers) })
}

#[cfg(test)]
mod tests {
    use super::{Answer, FindingKind, LONGEST_DETAIL, judge};
    use proptest::prelude::{any, prop_assert, proptest};

    fn answer(headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { headers, body: body.to_owned() }
    }

    fn kind(options: &Answer, get: &Answer) -> FindingKind {
        judge(Some(options), Some(get)).unwrap().kind
    }

    #[test]
    fn stores_are_known_by_what_they_say() {
        let nothing = Answer::default();
        let error = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><RequestId>1</RequestId></Error>";
        for get in [
            answer(&[("x-amz-request-id", "17A")], ""),
            answer(&[("server", "MinIO")], ""),
            answer(&[("server", "AmazonS3")], ""),
            answer(&[], error),
            answer(&[], "<Error><Code>AccessDenied</Code><Message>Signature is required</Message></Error>"),
            answer(&[], "<ListAllMyBucketsResult xmlns=\"x\">"),
        ] {
            assert_eq!(kind(&nothing, &get), FindingKind::S3, "{get:?}");
        }
        assert_eq!(kind(&nothing, &answer(&[], "<Error><Code>1</Code></Error>")), FindingKind::Https);
    }

    #[test]
    fn web_servers_are_told_apart() {
        let nothing = Answer::default();
        let dav = answer(&[("dav", "1, 2"), ("server", "nginx/1.26")], "");
        let index = "<html><head><title>Index of /</title></head><body><h1>Index of /</h1>";
        assert_eq!(kind(&dav, &answer(&[], index)), FindingKind::Webdav);
        assert_eq!(kind(&nothing, &answer(&[], index)), FindingKind::IndexPage);
        let caddy =
            "<title>/</title><div class=\"listing\"></div><a href=\"https://caddyserver.com\">Caddy</a>";
        assert_eq!(kind(&nothing, &answer(&[], caddy)), FindingKind::IndexPage);
        assert_eq!(kind(&nothing, &answer(&[], "<title>Router</title>")), FindingKind::Https);
        assert_eq!(judge(None, None), None);
        assert_eq!(judge(Some(&dav), None).map(|found| found.kind), Some(FindingKind::Webdav));
    }

    #[test]
    fn what_it_says_of_itself_is_one_visible_line() {
        let found = judge(None, Some(&answer(&[], "<html><TITLE>\n Files\tof Ä </TITLE>"))).unwrap();
        assert_eq!(found.detail, "Files of Ä");
        let found = judge(Some(&answer(&[("server", "nginx")], "")), None).unwrap();
        assert_eq!(found.detail, "nginx");
        let long = "x".repeat(500);
        let found = judge(Some(&answer(&[("server", &long)], "")), None).unwrap();
        assert_eq!(found.detail.chars().count(), LONGEST_DETAIL);
    }

    proptest! {
        #[test]
        fn any_answer_is_judged(body in any::<String>(), server in any::<String>()) {
            let found = judge(None, Some(&answer(&[("server", &server)], &body)));
            let detail = found.map(|found| found.detail).unwrap_or_default();
            prop_assert!(detail.chars().count() <= LONGEST_DETAIL && !detail.chars().any(char::is_control));
        }
    }
}
