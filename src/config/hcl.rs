//! Reads HCL.

use hcl_edit::Span;
use hcl_edit::expr::{Expression, Object, ObjectKey};
use hcl_edit::structure::{Body, Structure};

use super::entry::{Entry, Invalid, Value, line_of};

/// The entries of an HCL text.
///
/// # Errors
///
/// When it is not HCL. The message shows nothing of the text: it may hold a secret.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, Invalid> {
    let body = hcl_edit::parser::parse_body(text)
        .map_err(|error| Invalid { line: error.location().line(), problem: error.message().to_owned() })?;
    Ok(entries(text, &body))
}

fn entries(text: &str, body: &Body) -> Vec<Entry> {
    let entry = |structure: &Structure| match structure {
        Structure::Attribute(attribute) => Entry {
            key: attribute.key.to_string(),
            value: value(text, &attribute.value),
            line: start_line(text, attribute.key.span().or(attribute.span())),
        },
        Structure::Block(block) => Entry {
            key: block.ident.to_string(),
            value: if block.labels.is_empty() {
                Value::Block(entries(text, &block.body))
            } else {
                Value::Odd("a block with a label")
            },
            line: start_line(text, block.ident.span().or(block.span())),
        },
    };
    body.iter().map(entry).collect()
}

fn value(text: &str, expression: &Expression) -> Value {
    match expression {
        Expression::String(value) => Value::Scalar(value.to_string()),
        Expression::Number(value) => Value::Scalar(value.to_string()),
        Expression::Bool(value) => Value::Scalar(value.to_string()),
        Expression::Object(object) => object_entries(text, object).map_or(Value::Odd("an object"), Value::Block),
        Expression::Array(array) => Value::list(array.iter().map(|element| value(text, element)).collect()),
        Expression::Parenthesis(inner) => value(text, inner.inner()),
        Expression::StringTemplate(_) | Expression::HeredocTemplate(_) => Value::Odd("a text with ${…} in it"),
        Expression::Null(_) => Value::Odd("null"),
        _ => Value::Odd("an expression"),
    }
}

fn object_entries(text: &str, object: &Object) -> Option<Vec<Entry>> {
    let entry = |(key, given): (&ObjectKey, &hcl_edit::expr::ObjectValue)| {
        let name = match key {
            ObjectKey::Ident(ident) => ident.to_string(),
            ObjectKey::Expression(Expression::String(name)) => name.to_string(),
            ObjectKey::Expression(Expression::Variable(name)) => name.to_string(),
            ObjectKey::Expression(_) => return None,
        };
        Some(Entry { key: name, value: value(text, given.expr()), line: start_line(text, key.span()) })
    };
    object.iter().map(entry).collect()
}

fn start_line(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    line_of(text, span.map_or(0, |span| span.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(key: &str, value: &str, line: usize) -> Entry {
        Entry { key: key.into(), value: Value::Scalar(value.into()), line }
    }

    #[test]
    fn c4_entries_keep_their_lines() {
        let text = "# a comment\nconsul = \"localhost:8500\"\n\ntelemetry {\n  statsd_address = \"s:1\"\n}\n// more\njob_scaling_interval = 30\ncluster_scaling_disable = true\nnotification = { cluster_identifier = \"x\" }\n";
        let expected = vec![
            scalar("consul", "localhost:8500", 2),
            Entry { key: "telemetry".into(), value: Value::Block(vec![scalar("statsd_address", "s:1", 5)]), line: 4 },
            scalar("job_scaling_interval", "30", 8),
            scalar("cluster_scaling_disable", "true", 9),
            Entry {
                key: "notification".into(),
                value: Value::Block(vec![scalar("cluster_identifier", "x", 10)]),
                line: 10,
            },
        ];
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn c10_what_is_not_hcl_is_named_by_its_line_and_never_shown() {
        let error = read("consul = \"a\"\nconsul_token = hunter2 \"\n").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(!error.problem.contains("hunter2"), "{}", error.problem);
    }
}
