//! Words and numbers of jobs: reasons in sentences.

use api::Args;
use api::job::{JobView, TargetView};
use domain::job::Counts;
use serde_json::Value;

use crate::texts::{self, lang};

/// Targets that got what was wanted.
pub(super) fn succeeded(counts: &Counts) -> u64 {
    counts.success + counts.skipped
}

/// Targets that a retry would try again.
pub(super) fn repeatable(counts: &Counts) -> u64 {
    counts.failed + counts.timeout + counts.partial + counts.cancelled
}

/// Arguments of a code.
pub(super) fn args(value: &Value) -> Args {
    value.as_object().map(|fields| fields.clone().into_iter().collect()).unwrap_or_default()
}

/// Why a target is where it is.
pub(super) fn reason(target: &TargetView) -> Option<String> {
    let code = target.reason.as_deref()?;
    Some(texts::reason(lang(), code, &args(&target.reason_args)))
}

/// What a job is, for a title: kind and number.
pub(super) fn title(job: &JobView) -> String {
    let kind = texts::word(lang(), "job-kind", job.kind.as_str());
    texts::jobs::title_of(lang(), job.id, kind)
}

#[cfg(test)]
mod tests {
    use super::{repeatable, succeeded};
    use domain::job::Counts;

    #[test]
    fn nothing_to_do_is_a_success_and_is_not_repeated() {
        let counts = Counts { success: 3, skipped: 2, failed: 1, cancelled: 4, ..Counts::default() };
        assert_eq!((succeeded(&counts), repeatable(&counts)), (5, 5));
    }
}
