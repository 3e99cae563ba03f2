//! Patterns with `*` (any text) and `?` (one character). Refuses to know regular expressions.

/// Whether a pattern takes the whole text; letters without regard to case in ASCII. Needs no memory, and at most
/// pattern × text steps.
pub(super) fn takes(pattern: &str, text: &str) -> bool {
    let (mut wanted, mut rest) = (pattern.chars(), text.chars());
    // Behind the last `*`, and the text from where that is tried next.
    let mut star = None;
    loop {
        let here = rest.clone();
        match (wanted.next(), rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                rest = here;
                star = Some((wanted.clone(), rest.clone()));
            }
            (Some(one), Some(other)) if one == '?' || one.eq_ignore_ascii_case(&other) => {}
            _ => {
                // The last star takes one character more.
                let Some((behind, from)) = &mut star else { return false };
                if from.next().is_none() {
                    return false;
                }
                (wanted, rest) = (behind.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("**", "x"),
            ("4940*", "4940"),
            ("4940*", "494012"),
            ("49??", "4912"),
            ("*12", "121212"),
            ("*1*2", "9192"),
            ("a*b*c", "aXbXbXc"),
            ("SIP?.example.*", "sip1.Example.net"),
            ("?", "ü"),
            ("100%", "100%"),
            ("a_b", "A_B"),
            ("*%*", "50% off"),
        ] {
            assert!(takes(pattern, text), "{pattern} takes {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("?", ""),
            ("?", "ab"),
            ("4940*", "494"),
            ("49??", "49123"),
            ("*12", "1213"),
            ("a*b*c", "aXcXb"),
            ("a_b", "axb"),
            ("100%", "1000"),
            ("!", "%"),
            ("ü", "Ü"),
        ] {
            assert!(!takes(pattern, text), "{pattern} does not take {text}");
        }
    }

    #[test]
    fn many_stars_come_to_an_end() {
        assert!(!takes(&"*a".repeat(50), &"a".repeat(49)));
        assert!(!takes(&format!("{}b", "*a".repeat(49)), &"a".repeat(255)));
    }
}
