//! Browser and operating system in words, from what a browser says of itself (OSEM §2.8.3). Only for people to
//! recognise their sessions: it can be anything, and nothing is decided by it.

/// Longest version that is shown.
const LONGEST_VERSION: usize = 8;

/// Browsers with the word that precedes their version; the first that is found counts, because each also names those it
/// wants to be taken for.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// Systems with a word that tells them; the first that is found counts.
const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// Browser with the main number of its version: `Firefox 145`. Other programs say themselves what they are:
/// `curl 8`.
pub(super) fn browser(user_agent: &str) -> Option<String> {
    let known = BROWSERS.iter().find_map(|(mark, name)| {
        let (_, rest) = user_agent.split_once(mark)?;
        (*name != "Safari" || user_agent.contains("Safari/")).then(|| named(name, rest))
    });
    known.or_else(|| {
        let (name, rest) = user_agent.split_once('/')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let good = !name.is_empty() && name.len() <= 32 && name.chars().all(plain) && name != "Mozilla";
        good.then(|| named(name, rest))
    })
}

fn named(name: &str, rest: &str) -> String {
    let version: String = rest.chars().take_while(char::is_ascii_digit).take(LONGEST_VERSION).collect();
    format!("{name} {version}").trim_end().to_owned()
}

/// Operating system: `Windows`.
pub(super) fn system(user_agent: &str) -> Option<String> {
    SYSTEMS.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{browser, system};

    #[test]
    fn common_browsers_are_recognised() {
        for (text, words) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
                ("Firefox 145", "Windows"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                ("Chrome 142", "Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.1",
                ("Edge 142", "Windows"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
                ("Safari 26", "macOS"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1",
                ("Chrome 142", "iOS"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
                ("Chrome 142", "Android"),
            ),
        ] {
            assert_eq!((browser(text).as_deref(), system(text).as_deref()), (Some(words.0), Some(words.1)));
        }
    }

    #[test]
    fn anything_else_is_no_harm() {
        assert_eq!(browser("curl/8.5.0").as_deref(), Some("curl 8"));
        assert_eq!(browser("laptop"), None);
        assert_eq!(browser("<b>/1"), None);
        assert_eq!(browser("Firefox/999999999999999999999").as_deref(), Some("Firefox 99999999"));
        assert_eq!((browser(""), system("")), (None, None));
        assert_eq!(browser("Mozilla/5.0 (compatible)"), None);
    }
}
