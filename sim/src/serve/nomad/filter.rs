//! `filter=`: expressions in the language of go-bexpr, over the whole of what a list has stubs of.
//!
//! `Status == "ready" and "key" in Meta`, `Meta["key"] is not empty`, `not (Name matches "^a" or Drain == true)`.

use regex_lite::Regex;
use serde_json::Value;

/// Fields that are maps of names of one's own: a key that is not there is no error in them.
const MAPS: [&str; 5] = ["Attributes", "Drivers", "HostVolumes", "Links", "Meta"];

/// Fields that are left out of a page while there is nothing in them: nothing is found there, and it is no error.
const LEFT_OUT: [&str; 14] = [
    "BlockedEval",
    "ClassEligibility",
    "DeploymentID",
    "DeploymentStatus",
    "DesiredDescription",
    "FailedTGAllocs",
    "FollowupEvalID",
    "NextEval",
    "NodeID",
    "PlanAnnotations",
    "PreviousEval",
    "QueuedAllocations",
    "StatusDescription",
    "WaitUntil",
];

/// An expression.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test { path: Vec<String>, test: Test },
}

#[derive(Debug)]
pub(super) enum Test {
    Equals(String),
    Differs(String),
    /// A list has it, a map has the key, a text has it within.
    Has(String),
    HasNot(String),
    IsEmpty,
    IsNotEmpty,
    Matches(Regex),
    MatchesNot(Regex),
}

impl Filter {
    /// Reads an expression; in Nomad's words where it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let filter = reader.any_of().and_then(|filter| match reader.word() {
            Word::End => Ok(filter),
            _ => Err("no match found"),
        });
        filter.map_err(|why| {
            let column = reader.at + 1;
            format!("failed to read filter expression: 1:{column} ({}): {why}", reader.at)
        })
    }

    /// Whether it holds; in Nomad's words where it asks for a field that nobody has.
    pub(super) fn holds(&self, of: &Value) -> Result<bool, String> {
        Ok(match self {
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(of)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(of)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(inner) => !inner.holds(of)?,
            Self::Test { path, test } => test.holds(find(of, path)?),
        })
    }
}

/// What stands at a path; nothing where a map has no such key, or what it would be in is not there.
fn find<'v>(of: &'v Value, path: &[String]) -> Result<Option<&'v Value>, String> {
    let mut found = of;
    for (part, name) in path.iter().enumerate() {
        let in_map = part > 0 && MAPS.contains(&path[part - 1].as_str());
        match found.get(name) {
            Some(value) => found = value,
            None if in_map || found.is_null() || LEFT_OUT.contains(&name.as_str()) => return Ok(None),
            None => {
                return Err(format!(
                    "error finding value in datum: /{} at part {part}: couldn't find key: struct field with name {name:?}",
                    path.join("/")
                ));
            }
        }
    }
    Ok(Some(found))
}

impl Test {
    /// Only "differs", "has not" and "is empty" hold of what is not there.
    fn holds(&self, found: Option<&Value>) -> bool {
        match self {
            Self::Equals(text) => found.is_some_and(|found| is(found, text)),
            Self::Differs(text) => !found.is_some_and(|found| is(found, text)),
            Self::Has(text) => found.is_some_and(|found| has(found, text)),
            Self::HasNot(text) => !found.is_some_and(|found| has(found, text)),
            Self::IsEmpty => found.is_none_or(is_empty),
            Self::IsNotEmpty => !found.is_none_or(is_empty),
            Self::Matches(pattern) => found.and_then(Value::as_str).is_some_and(|text| pattern.is_match(text)),
            Self::MatchesNot(pattern) => !found.and_then(Value::as_str).is_some_and(|text| pattern.is_match(text)),
        }
    }
}

fn is(found: &Value, text: &str) -> bool {
    match found {
        Value::String(found) => found == text,
        Value::Null => text.is_empty(),
        Value::Bool(found) => text.parse() == Ok(*found),
        Value::Number(found) => text.parse::<f64>().ok() == found.as_f64(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn has(found: &Value, text: &str) -> bool {
    match found {
        Value::String(found) => found.contains(text),
        Value::Array(list) => list.iter().any(|entry| is(entry, text)),
        Value::Object(map) => map.contains_key(text),
        _ => false,
    }
}

fn is_empty(found: &Value) -> bool {
    match found {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// A name, a number, or one of the words of the language.
    Bare(String),
    Quoted(String),
    Sign(&'static str),
    End,
    Broken,
}

const SIGNS: [&str; 6] = ["==", "!=", "(", ")", "[", "]"];
const NO_MATCH: &str = "no match found";
/// How deep an expression may be nested: a request must not cost the server its stack.
const DEEPEST: usize = 100;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Within how many parentheses and negations.
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Takes the next word.
    fn word(&mut self) -> Word {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Word::End };
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            return Word::Sign(sign);
        }
        if first == '"' || first == '`' {
            let Some(end) = rest[1..].find(first) else { return Word::Broken };
            let inner = rest[1..=end].to_owned();
            self.at += end + 2;
            return Word::Quoted(inner);
        }
        let is_bare = |c: char| c.is_alphanumeric() || "_-./:*".contains(c);
        let length = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
        let bare = rest[..length].to_owned();
        self.at += length;
        if bare.is_empty() { Word::Broken } else { Word::Bare(bare) }
    }

    fn next_is(&mut self, wanted: &str) -> bool {
        let before = self.at;
        let is = match self.word() {
            Word::Bare(word) => word == wanted,
            Word::Sign(sign) => sign == wanted,
            _ => false,
        };
        if !is {
            self.at = before;
        }
        is
    }

    fn any_of(&mut self) -> Result<Filter, &'static str> {
        let mut parts = vec![self.all_of()?];
        while self.next_is("or") {
            parts.push(self.all_of()?);
        }
        Ok(Filter::Any(parts))
    }

    fn all_of(&mut self) -> Result<Filter, &'static str> {
        let mut parts = vec![self.one()?];
        while self.next_is("and") {
            parts.push(self.one()?);
        }
        Ok(Filter::All(parts))
    }

    fn one(&mut self) -> Result<Filter, &'static str> {
        let (negated, opened) = (self.next_is("not"), self.next_is("("));
        if !negated && !opened {
            return self.test();
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deep");
        }
        let inner = if opened { self.any_of()? } else { self.one()? };
        if opened && !self.next_is(")") {
            return Err(NO_MATCH);
        }
        self.depth -= 1;
        Ok(if negated { Filter::Not(inner.into()) } else { inner })
    }

    fn test(&mut self) -> Result<Filter, &'static str> {
        let first = match self.word() {
            Word::Quoted(value) => return self.value_in(value),
            Word::Bare(first) => first,
            _ => return Err(NO_MATCH),
        };
        let before = self.at;
        if self.next_is("in") || (self.next_is("not") && self.next_is("in")) {
            self.at = before;
            return self.value_in(first);
        }
        self.at = before;
        let path = self.path(&first)?;
        let negated = self.next_is("not");
        let test = match self.word() {
            Word::Sign("==") if !negated => Test::Equals(self.value()?),
            Word::Sign("!=") if !negated => Test::Differs(self.value()?),
            Word::Bare(word) if word == "contains" && negated => Test::HasNot(self.value()?),
            Word::Bare(word) if word == "contains" => Test::Has(self.value()?),
            Word::Bare(word) if word == "matches" && negated => Test::MatchesNot(self.pattern()?),
            Word::Bare(word) if word == "matches" => Test::Matches(self.pattern()?),
            Word::Bare(word) if word == "is" && !negated => {
                let not = self.next_is("not");
                if !self.next_is("empty") {
                    return Err(NO_MATCH);
                }
                if not { Test::IsNotEmpty } else { Test::IsEmpty }
            }
            _ => return Err(NO_MATCH),
        };
        Ok(Filter::Test { path, test })
    }

    /// `VALUE in PATH`, `VALUE not in PATH`, behind the value.
    fn value_in(&mut self, value: String) -> Result<Filter, &'static str> {
        let negated = self.next_is("not");
        if !self.next_is("in") {
            return Err(NO_MATCH);
        }
        let Word::Bare(first) = self.word() else { return Err(NO_MATCH) };
        let path = self.path(&first)?;
        Ok(Filter::Test { path, test: if negated { Test::HasNot(value) } else { Test::Has(value) } })
    }

    /// `A.b["c"]`, behind `A.b`.
    fn path(&mut self, first: &str) -> Result<Vec<String>, &'static str> {
        let mut path: Vec<String> = first.split('.').map(str::to_owned).collect();
        while self.next_is("[") {
            let Word::Quoted(key) = self.word() else { return Err(r#"rule "index": Invalid index"#) };
            if !self.next_is("]") {
                return Err(r#"rule "index": Unclosed index expression"#);
            }
            path.push(key);
        }
        Ok(path)
    }

    fn value(&mut self) -> Result<String, &'static str> {
        match self.word() {
            Word::Bare(value) | Word::Quoted(value) => Ok(value),
            _ => Err(r#"rule "value": Invalid value"#),
        }
    }

    fn pattern(&mut self) -> Result<Regex, &'static str> {
        Regex::new(&self.value()?).map_err(|_| "error parsing regexp")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &str) -> bool {
        let node = json!({
            "Name": "client-1", "Status": "ready", "Drain": false, "Meta": {"pool": "workers", "empty": ""},
            "NodeResources": {"Memory": {"MemoryMB": 4096}}, "Datacenters": ["dc1", "dc2"], "LastDrain": null,
        });
        Filter::parse(filter).unwrap().holds(&node).unwrap()
    }

    #[test]
    fn expressions_hold_as_nomads_do() {
        for filter in [
            r#"Status == "ready""#,
            "Status == ready and Drain == false",
            r#""pool" in Meta"#,
            "pool in Meta",
            r#"Meta["pool"] == "workers""#,
            "Meta.pool == workers",
            // What is not there differs from everything.
            r#"Meta["nowhere"] != """#,
            r#"Meta["nowhere"] is empty"#,
            r#"Meta["empty"] is empty"#,
            "not (Status == down or Drain == true)",
            "NodeResources.Memory.MemoryMB == 4096",
            r#"Name matches "^client-[0-9]+$""#,
            r#"Name not matches "x""#,
            "dc2 in Datacenters",
            "Datacenters contains dc1 and dc3 not in Datacenters",
            "Name contains ient",
            "LastDrain.Status != complete",
            "Status == down or Status == ready and Drain == false",
        ] {
            assert!(holds(filter), "{filter}");
        }
        for filter in [
            r#"Meta["nowhere"] == """#,
            r#"Meta["nowhere"] is not empty"#,
            "nowhere in Meta",
            "not Status == ready",
            "LastDrain.Status == complete",
            "Drain == true",
        ] {
            assert!(!holds(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_no_expression_and_what_nobody_has_is_said() {
        let malformed = Filter::parse("Meta[ ==").unwrap_err();
        assert!(malformed.ends_with(r#"rule "index": Invalid index"#), "{malformed}");
        for broken in ["", "Status", "Status = ready", "(Status == ready", "Status == ready and", "Status == \"ready"] {
            assert!(Filter::parse(broken).is_err(), "{broken}");
        }
        for deep in ["(".repeat(50_000), "not ".repeat(50_000)] {
            assert!(Filter::parse(&deep).unwrap_err().ends_with("nested too deep"));
        }
        let long = vec!["Name == b"; 50_000].join(" or ") + " or Name == a";
        assert!(Filter::parse(&long).unwrap().holds(&json!({"Name": "a"})).unwrap());
        let unknown = Filter::parse("Nope == x").unwrap().holds(&json!({"Name": "a"})).unwrap_err();
        assert!(unknown.ends_with(r#"struct field with name "Nope""#), "{unknown}");
    }
}
