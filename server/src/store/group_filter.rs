//! Who belongs to a group, as a condition on the table `client`: the same as `domain::group_filter` answers for one
//! client, and compared with it below. Knows nothing of groups, and nothing of what filters may be saved.

use domain::group_filter::{AddressTest, Filter, NumberTest, Test, TextTest, VersionTest};
use domain::software::SoftwareVersion;

use super::client_filter::Condition;

/// The device's own number, or else the number in use: that of a prepared client (D-21).
const NUMBER: &str = "COALESCE(NULLIF(basic_e164, ''), e164)";

/// What takes nobody.
const NOBODY: &str = "FALSE";

/// The SQL text of a filter; its values are added to `condition`. In a query it stands where the columns of `client`
/// are at hand by their bare names.
///
/// Like any condition it may come out as NULL, which takes nobody; below a `not` that is made FALSE first.
pub(super) fn condition(filter: &Filter, condition: &mut Condition, is_postgres: bool) -> String {
    Writer { condition, is_postgres }.part(filter)
}

struct Writer<'a> {
    condition: &'a mut Condition,
    is_postgres: bool,
}

impl Writer<'_> {
    fn part(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::All(parts) => self.joined(parts, " AND ", "TRUE"),
            Filter::Any(parts) => self.joined(parts, " OR ", NOBODY),
            // What is not known is NULL and passes no test, so that `not` of it takes the client.
            Filter::Not(part) => format!("NOT COALESCE({}, FALSE)", self.part(part)),
            Filter::Test(test) => self.test(test),
        }
    }

    fn joined(&mut self, parts: &[Filter], between: &str, none: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.part(part)).collect();
        if parts.is_empty() { none.to_owned() } else { format!("({})", parts.join(between)) }
    }

    fn test(&mut self, test: &Test) -> String {
        match test {
            Test::E164(test) => self.number(test),
            Test::Address(test) => self.address(test),
            // The same expression as in the list's filter and in the index.
            Test::Model { one_of } => self.one_of("COALESCE(model, device_type, '')", one_of),
            Test::SoftwareType { one_of } => self.one_of("software_type", one_of),
            Test::ServerAddress(test) => self.text("server_address", test),
            Test::SoftwareVersion(test) => self.version(test),
            Test::ClientField { name, test } => {
                let name = self.condition.value(name.clone());
                let value = self.text("value", test);
                format!("id IN (SELECT client_id FROM client_field WHERE name = {name} AND {value})")
            }
        }
    }

    /// An empty text is one that is not known, so it is no word to look for.
    fn one_of(&mut self, expression: &str, words: &[String]) -> String {
        let places: Vec<String> = words
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| self.condition.value(word.clone()))
            .collect();
        if places.is_empty() { NOBODY.to_owned() } else { format!("{expression} IN ({})", places.join(", ")) }
    }

    fn number(&mut self, test: &NumberTest) -> String {
        match test {
            NumberTest::Is(digits) => self.equal(NUMBER, digits),
            NumberTest::Pattern(pattern) => self.pattern(NUMBER, pattern),
            NumberTest::Range { .. } if test.is_backwards() => NOBODY.to_owned(),
            NumberTest::Range { from, to } => {
                let (shortest, longest) = (from.chars().count(), to.chars().count());
                let number = self.bytewise(NUMBER);
                let from = self.condition.value(from.clone());
                let to = self.condition.value(to.clone());
                let within = if shortest == longest {
                    format!("LENGTH({NUMBER}) = {shortest} AND {number} >= {from} AND {number} <= {to}")
                } else {
                    format!(
                        "(LENGTH({NUMBER}) = {shortest} AND {number} >= {from} \
                         OR LENGTH({NUMBER}) > {shortest} AND LENGTH({NUMBER}) < {longest} \
                         OR LENGTH({NUMBER}) = {longest} AND {number} <= {to})"
                    )
                };
                format!("({NUMBER} <> '' AND {within})")
            }
        }
    }

    fn address(&mut self, test: &AddressTest) -> String {
        let Some((first, last)) = test.bounds() else { return NOBODY.to_owned() };
        let address = self.bytewise("address_sort");
        let (first, last) = (self.condition.value(first), self.condition.value(last));
        format!("({address} >= {first} AND {address} <= {last})")
    }

    fn text(&mut self, column: &str, test: &TextTest) -> String {
        match test {
            TextTest::Is(text) => {
                let folded = self.folded(column);
                self.equal(&folded, &text.to_ascii_lowercase())
            }
            TextTest::Pattern(pattern) => self.pattern(column, pattern),
        }
    }

    fn version(&mut self, test: &VersionTest) -> String {
        let order = |text: &str| SoftwareVersion::parse(text).map(SoftwareVersion::sort_key);
        let (wanted, operator) = match test {
            VersionTest::Pattern(pattern) => return self.pattern("software_version", pattern),
            VersionTest::Is(text) => match order(text) {
                Some(wanted) => (Some(wanted), "="),
                None => return self.text("software_version", &TextTest::Is(text.clone())),
            },
            VersionTest::AtLeast(first) => (order(first), ">="),
            VersionTest::Below(end) => (order(end), "<"),
        };
        match wanted {
            Some(wanted) => format!("software_order {operator} {}", self.condition.value(wanted)),
            None => NOBODY.to_owned(),
        }
    }

    fn equal(&mut self, expression: &str, text: &str) -> String {
        if text.is_empty() {
            return NOBODY.to_owned();
        }
        format!("{expression} = {}", self.condition.value(text.to_owned()))
    }

    fn pattern(&mut self, expression: &str, pattern: &str) -> String {
        let folded = self.folded(expression);
        let like = self.condition.value(like(pattern));
        format!("({expression} <> '' AND {folded} LIKE {like} ESCAPE '!')")
    }

    /// ASCII letters as small ones, others as they are. SQLite does so always, PostgreSQL in the language "C".
    fn folded(&self, expression: &str) -> String {
        format!("LOWER({})", self.bytewise(expression))
    }

    /// Compared by bytes, whatever the database's language. SQLite does so always.
    fn bytewise(&self, expression: &str) -> String {
        if self.is_postgres { format!("{expression} COLLATE \"C\"") } else { expression.to_owned() }
    }
}

/// A pattern with `*` and `?` as one for LIKE, in small letters; `!` is the escape character.
fn like(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 2);
    for c in pattern.chars() {
        match c {
            '*' => out.push('%'),
            '?' => out.push('_'),
            '%' | '_' | '!' => out.extend(['!', c]),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests;
