//! Rules about the sources of the console: what a task may touch once the page that began it may be gone.

use super::mask::{line_of, mask};
use super::tree::{File, Finding, lies_in, refuse, tree};

/// Begins a task that goes on when the page is left. The one with cancellation ends with its page and may read on.
const TASK: &str = "spawn_local(";

/// Reading or calling what a page owned after it is gone stops the whole console; each of these has a sister that begins
/// with `try_`. What is written then is lost without harm.
const OWNED: [&str; 7] =
    [".run(", ".get_value(", ".with_value(", ".get_untracked(", ".with_untracked(", ".get()", ".with("];

/// Asks whether the page is gone; behind the `return` nothing is.
const GONE: &str = ").is_some() {\n";

#[test]
fn tasks_of_the_console_survive_their_page() {
    let files = tree().rust().filter(|file| lies_in(&file.path, &["web/src"]));
    refuse(
        "Behind an `.await` in `spawn_local` the page may be gone: use `try_…`, or return when `try_set` says so.",
        files.flat_map(outliving),
    );
}

fn outliving(file: &File) -> Vec<Finding> {
    let code = mask(&file.text).code;
    let mut found = Vec::new();
    for (at, _) in code.match_indices(TASK) {
        let from = at + TASK.len();
        let task = &code[from..from + length(&code[from..])];
        let Some(waited) = task.find(".await") else { continue };
        let end = gone(&task[waited..]).map_or(task.len(), |asked| waited + asked);
        for word in OWNED {
            found.extend(
                task[waited..end].match_indices(word).map(|(place, _)| (from + waited + place, word)),
            );
        }
    }
    found.sort_unstable();
    found
        .into_iter()
        .map(|(at, word)| Finding::new(&file.path, line_of(&code, at), format!("{word} behind .await")))
        .collect()
}

/// Bytes up to the parenthesis that ends the call.
fn length(code: &str) -> usize {
    let mut open = 1_usize;
    let end = code.bytes().position(|byte| {
        match byte {
            b'(' => open += 1,
            b')' => open -= 1,
            _ => {}
        }
        open == 0
    });
    end.unwrap_or(code.len())
}

/// Where a task returns when its page is gone.
fn gone(code: &str) -> Option<usize> {
    code.match_indices(GONE).map(|(at, _)| at).find(|at| {
        let line = code[..*at].rsplit('\n').next().unwrap_or_default();
        line.contains(".try_set(") && code[at + GONE.len()..].trim_start().starts_with("return")
    })
}

#[cfg(test)]
mod tests {
    use super::outliving;
    use crate::tree::File;

    fn found(text: &str) -> Vec<String> {
        let file = File { path: "web/src/a.rs".to_owned(), text: text.to_owned() };
        outliving(&file).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_page_owns_is_not_read_behind_an_await() {
        let text = "spawn_local(async move {\n    let sent = key.get_value();\n    send(sent).await;\n    done.run(());\n    \
                    busy.try_set(false);\n});\nopen.set(false);";
        assert_eq!(found(text), ["web/src/a.rs:4: .run( behind .await"]);
    }

    #[test]
    fn a_task_that_ends_with_its_page_may_read_on() {
        let text = "spawn_local_scoped_with_cancellation(async move { send().await; done.run(()); });";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn who_asked_whether_the_page_is_gone_may_read_on() {
        let asked = "spawn_local(async move {\n    send().await;\n    early.get();\n    if busy.try_set(false).is_some() {\n        \
                     return;\n    }\n    done.run(());\n});";
        assert_eq!(found(asked), ["web/src/a.rs:3: .get() behind .await"]);
        let other = asked.replace("busy.try_set(false)", "busy.try_get()");
        assert_eq!(found(&other).len(), 2);
    }
}
