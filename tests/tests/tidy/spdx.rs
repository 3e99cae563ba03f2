//! Decides whether a licence expression can be satisfied with licences from a list: SPDX 2.3 annex D (AND, OR, WITH,
//! parentheses) and the slash that older crates write for OR. Knows no licence by name.

use thiserror::Error;

/// An expression that follows no grammar we know.
#[derive(Debug, PartialEq, Error)]
pub(crate) enum Malformed {
    #[error("ends where a licence is expected")]
    EndsEarly,
    #[error("`{0}` where a licence is expected")]
    NotALicence(String),
    #[error("`{0}` is left over")]
    LeftOver(String),
    #[error("a parenthesis is not closed")]
    NotClosed,
}

/// Whether `expression` holds when exactly the licences that `allowed` accepts are acceptable. A licence with an
/// exception is asked for as a whole, `Apache-2.0 WITH LLVM-exception`: an exception can also take rights away.
pub(crate) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, Malformed> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut parser = Parser { words: spaced.split_whitespace().collect(), at: 0, allowed };
    let value = parser.either()?;
    match parser.peek() {
        None => Ok(value),
        Some(word) => Err(Malformed::LeftOver(word.to_owned())),
    }
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    /// Steps over the next word when it is `word`.
    fn take(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        self.at += usize::from(there);
        there
    }

    fn either(&mut self) -> Result<bool, Malformed> {
        let mut value = self.both()?;
        while self.take("OR") {
            value |= self.both()?;
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<bool, Malformed> {
        let mut value = self.one()?;
        while self.take("AND") {
            value &= self.one()?;
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<bool, Malformed> {
        if self.take("(") {
            let value = self.either()?;
            return if self.take(")") { Ok(value) } else { Err(Malformed::NotClosed) };
        }
        let licence = self.licence()?;
        if self.take("WITH") {
            let exception = self.licence()?;
            return Ok((self.allowed)(&format!("{licence} WITH {exception}")));
        }
        Ok((self.allowed)(licence))
    }

    fn licence(&mut self) -> Result<&'a str, Malformed> {
        let word = self.peek().ok_or(Malformed::EndsEarly)?;
        if matches!(word, "(" | ")" | "AND" | "OR" | "WITH") {
            return Err(Malformed::NotALicence(word.to_owned()));
        }
        self.at += 1;
        Ok(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{Malformed, satisfied};

    fn with(allowed: &'static [&'static str]) -> impl Fn(&str) -> Result<bool, Malformed> {
        move |expression| satisfied(expression, &|licence| allowed.contains(&licence))
    }

    #[test]
    fn one_of_several_or_all_of_them() {
        let check = with(&["MIT", "ISC"]);
        assert_eq!(check("MIT"), Ok(true));
        assert_eq!(check("GPL-3.0-only"), Ok(false));
        assert_eq!(check("GPL-3.0-only OR MIT"), Ok(true));
        assert_eq!(check("MIT AND ISC"), Ok(true));
        assert_eq!(check("MIT AND GPL-3.0-only"), Ok(false));
    }

    #[test]
    fn and_binds_tighter_than_or_and_parentheses_tighter_still() {
        let check = with(&["MIT"]);
        assert_eq!(check("MIT OR A AND B"), Ok(true));
        assert_eq!(check("A AND B OR MIT"), Ok(true));
        assert_eq!(check("(MIT OR A) AND B"), Ok(false));
        assert_eq!(check("(MIT OR A) AND (B OR (MIT))"), Ok(true));
    }

    #[test]
    fn the_slash_is_an_or() {
        let check = with(&["Apache-2.0"]);
        assert_eq!(check("MIT/Apache-2.0"), Ok(true));
        assert_eq!(check("Apache-2.0 / MIT"), Ok(true));
        assert_eq!(check("MIT/ISC"), Ok(false));
    }

    #[test]
    fn an_exception_is_part_of_the_licence() {
        let check = with(&["Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"]);
        assert_eq!(check("Apache-2.0 WITH LLVM-exception"), Ok(false));
        assert_eq!(check("Apache-2.0 WITH LLVM-exception OR Apache-2.0"), Ok(true));
        assert_eq!(check("GPL-2.0-only WITH Classpath-exception-2.0"), Ok(true));
        assert_eq!(check("GPL-2.0-only"), Ok(false));
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        let check = with(&["MIT"]);
        assert_eq!(check(""), Err(Malformed::EndsEarly));
        assert_eq!(check("MIT OR"), Err(Malformed::EndsEarly));
        assert_eq!(check("OR MIT"), Err(Malformed::NotALicence("OR".to_owned())));
        assert_eq!(check("MIT ISC"), Err(Malformed::LeftOver("ISC".to_owned())));
        assert_eq!(check("(MIT"), Err(Malformed::NotClosed));
        assert_eq!(check("MIT)"), Err(Malformed::LeftOver(")".to_owned())));
    }
}
