//! As much of Markdown as the rules about documents need: links with their lines, and the anchors of headings.

/// A link of a document.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    /// The line it stands in, counted from 1.
    pub(crate) line: usize,
    /// Where it leads, as written, without a title.
    pub(crate) target: String,
}

/// The links of a document: inline ones and the definitions of reference links. Code is skipped.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, words) in prose(text) {
        let mut rest = words.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, more)) = after.split_once(')') else { break };
            found.push(Link { line, target: without_title(target) });
            rest = more;
        }
        if let Some((label, target)) = words.trim_start().split_once("]: ")
            && label.starts_with('[')
        {
            found.push(Link { line, target: without_title(target) });
        }
    }
    found
}

/// The anchors that a document's headings have, as the usual viewers make them: lower case, spaces become hyphens,
/// punctuation goes.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|(_, words)| words.starts_with('#'));
    headings.map(|(_, words)| anchor(words.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
    kept.flat_map(char::to_lowercase)
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

fn without_title(target: &str) -> String {
    target.split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']).to_owned()
}

/// The lines outside fenced code, with their numbers; code spans lose their brackets.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then(|| (index + 1, without_code(line)))
    })
}

fn without_code(line: &str) -> String {
    let part = |(index, part): (usize, &str)| {
        if index % 2 == 0 { part.to_owned() } else { part.replace(['[', ']', '(', ')'], "") }
    };
    line.split('`').enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::{Link, anchors, links};

    #[test]
    fn links_are_found_with_their_lines() {
        let text = "See [one](a.md) and [two](b.md#x \"title\").\n\n[three]: <c.md>\n![four](d.png)";
        let found: Vec<(usize, String)> =
            links(text).into_iter().map(|Link { line, target }| (line, target)).collect();
        let wanted = [(1, "a.md"), (1, "b.md#x"), (3, "c.md"), (4, "d.png")];
        assert_eq!(found, wanted.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(links("`[a](b.md)` and\n```\n[c](d.md)\n```\n"), []);
    }

    #[test]
    fn anchors_are_made_from_headings() {
        let text = "# One, two\n```\n# not a heading\n```\n## `If-Match` & co\n";
        assert_eq!(anchors(text), ["one-two", "if-match--co"]);
    }
}
