//! Index pages of Apache, nginx and Caddy: HTML with a link to each file of a directory.

use html5gum::{DefaultEmitter, Token, Tokenizer};
use reqwest::Url;

use super::key;

/// Most links of one page that are looked at.
const MOST_LINKS: usize = 20_000;

/// What a page was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexPage {
    /// Whether it shows that a server made it as an index, and is no page that somebody wrote.
    pub(super) is_evident: bool,
    /// Names of the files it links to, directly in its directory.
    pub(super) files: Vec<String>,
    /// Names of the directories it links to, directly in its directory.
    pub(super) directories: Vec<String>,
}

/// Reads the page that stands at an address, which ends with a slash.
///
/// Only what lies directly in the directory of the page counts: links to other hosts, to other directories, upwards,
/// and those that sort the page are left out.
pub(super) fn read(address: &Url, html: &[u8]) -> IndexPage {
    let mut page = IndexPage::default();
    let Some(here) = key::segments(address.path()) else { return page };
    let mut emitter = DefaultEmitter::<()>::default();
    // Without it what stands in scripts would be taken for tags.
    emitter.naively_switch_states(true);
    let mut in_title = false;
    let mut links = 0;
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if is(&tag.name, &["title", "h1"]) => in_title = true,
            Token::EndTag(tag) if is(&tag.name, &["title", "h1"]) => in_title = false,
            Token::String(text) if in_title => {
                page.is_evident |= text
                    .trim_ascii_start()
                    .get(..8)
                    .is_some_and(|start| start.eq_ignore_ascii_case(b"index of"));
            }
            Token::StartTag(tag) if is(&tag.name, &["a"]) => {
                let href = tag.attributes.get(b"href".as_slice());
                let Some(href) = href.and_then(|href| std::str::from_utf8(href).ok()) else { continue };
                links += 1;
                if links > MOST_LINKS {
                    break;
                }
                // Apache and Caddy let their pages be sorted; nginx and Caddy lead upwards.
                page.is_evident |= ["?C=", "?sort=", "?order="].iter().any(|start| href.starts_with(start));
                page.is_evident |= matches!(href, "../" | "..");
                page.add(address, &here, href);
            }
            _ => {}
        }
    }
    page
}

impl IndexPage {
    fn add(&mut self, address: &Url, here: &[String], href: &str) {
        let Ok(target) = address.join(href.trim()) else { return };
        if target.origin() != address.origin() || target.query().is_some() || target.fragment().is_some() {
            return;
        }
        let Some(mut segments) = key::segments(target.path()) else { return };
        let Some(name) = segments.pop() else { return };
        if segments != here || !key::is_key(&name) {
            return;
        }
        let names = if target.path().ends_with('/') { &mut self.directories } else { &mut self.files };
        names.push(name);
    }
}

fn is(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|other| name == other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{IndexPage, read};
    use proptest::prelude::{any, proptest};
    use reqwest::Url;

    fn page(html: &str) -> IndexPage {
        read(&Url::parse("https://files.example/pub%20lic/a/").expect("an address"), html.as_bytes())
    }

    fn expected(is_evident: bool, files: &[&str], directories: &[&str]) -> IndexPage {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        IndexPage { is_evident, files: owned(files), directories: owned(directories) }
    }

    #[test]
    fn nginx() {
        let html = "<html>\n<head><title>Index of /pub lic/a/</title></head>\n<body>\n<h1>Index of /pub lic/a/</h1>\
            <hr><pre><a href=\"../\">../</a>\n<a href=\"sub/\">sub/</a>   21-Nov-2026 20:00     -\n\
            <a href=\"a%20%26%20b.bin\">a &amp; b.bin</a>   21-Nov-2026 20:00    7\n</pre><hr></body>\n</html>";
        assert_eq!(page(html), expected(true, &["a & b.bin"], &["sub"]));
    }

    #[test]
    fn apache() {
        let html = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<html>\n <head>\n  \
            <title>Index of /pub lic/a</title>\n </head>\n <body>\n<h1>Index of /pub lic/a</h1>\n  <table>\n   \
            <tr><th valign=\"top\"><img src=\"/icons/blank.gif\" alt=\"[ICO]\"></th>\
            <th><a href=\"?C=N;O=D\">Name</a></th><th><a href=\"?C=M;O=A\">Last modified</a></th></tr>\n\
            <tr><td><a href=\"/pub%20lic/\">Parent Directory</a></td></tr>\n\
            <tr><td><a href=\"ring.wav\">ring.wav</a></td></tr>\n<tr><td><a href=\"logos/\">logos/</a></td></tr>\n\
            </table>\n</body></html>";
        assert_eq!(page(html), expected(true, &["ring.wav"], &["logos"]));
    }

    #[test]
    fn caddy() {
        let html = "<!DOCTYPE html>\n<html>\n<head><title>a</title><script>var x = '<a href=\"no.bin\">';</script>\
            </head><body><h1><a href=\"/\">/</a><a href=\"../\">pub lic/</a>a</h1>\
            <a href=\"?sort=name&amp;order=desc\">Name</a>\n<tr class=\"file\"><td><a href=\"./firmware.img\">\
            <span class=\"name\">firmware.img</span></a></td></tr><a href=\"./old/\">old</a></body></html>";
        assert_eq!(page(html), expected(true, &["firmware.img"], &["old"]));
    }

    #[test]
    fn nothing_outside_the_directory_is_a_file() {
        let html = "<a href=\"https://other.example/pub%20lic/a/x\">x</a><a href=\"//other.example/x\">x</a>\
            <a href=\"/etc/passwd\">x</a><a href=\"../../x\">x</a><a href=\"..%2fx\">x</a><a href=\"%2e%2e/x\">x</a>\
            <a href=\"sub/deeper.bin\">x</a><a href=\"javascript:alert(1)\">x</a><a href=\"x?y=1\">x</a>\
            <a href=\"#top\">x</a><a href=\"http://files.example/pub%20lic/a/x\">x</a><a>x</a><a href=\"\">x</a>\
            <a href=\"/pub%20lic/a/absolute.bin\">x</a><a href=\"https://files.example/pub%20lic/a/full.bin\">x</a>";
        assert_eq!(page(html), expected(false, &["absolute.bin", "full.bin"], &[]));
    }

    proptest! {
        #[test]
        fn nothing_from_outside_panics(bytes in any::<Vec<u8>>(), text in "[<>/a-c\"= ?&.%2]{0,60}") {
            let address = Url::parse("https://files.example/").expect("an address");
            let _ = read(&address, &bytes);
            for name in read(&address, format!("<a href=\"{text}\">").as_bytes()).files {
                assert!(crate::storage::key::is_key(&name) && !name.contains('/'), "{name}");
            }
        }
    }
}
