//! The shape of a page: which fields it has, and of which types.

use serde_json::{Map, Value, json};

/// Notes where a page differs from a shape: a field that is missing, one that nobody knows, another type. What was `null` may
/// be anything, and an empty list anything of a list. A map of names of one's own is written with `*`, a field that is only
/// there at times with `?` behind it, what may be `null` as `{"or null": …}`.
pub(super) fn compare(found: &Value, shape: &Value, at: &str, wrong: &mut Vec<String>) {
    match (shape, found) {
        (Value::Null, _) => {}
        (Value::String(kind), _) if kind == "any" => {}
        (Value::Object(shape), found) if shape.contains_key("or null") => {
            if !found.is_null() {
                compare(found, &shape["or null"], at, wrong);
            }
        }
        (Value::Object(shape), Value::Object(found)) if shape.contains_key("*") => {
            for (key, value) in found {
                compare(value, &shape["*"], &format!("{at}.{key}"), wrong);
            }
        }
        (Value::Object(shape), Value::Object(found)) => fields(found, shape, at, wrong),
        (Value::Array(shape), Value::Array(found)) => {
            let Some(shape) = shape.first() else { return };
            for (number, value) in found.iter().enumerate() {
                compare(value, shape, &format!("{at}[{number}]"), wrong);
            }
        }
        (Value::String(kind), found) => {
            let is = match found {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                // What stands in XML tells its type by itself.
                Value::String(text) if text.starts_with('\u{1}') => &text[1..],
                Value::String(_) => "string",
                Value::Null => "null",
                Value::Array(_) | Value::Object(_) => "a list or an object",
            };
            if is != kind && !(kind == "string" && found.is_string()) {
                wrong.push(format!("{at} is {is}, and was {kind}"));
            }
        }
        (shape, found) => wrong.push(format!("{at} is {found}, and was like {shape}")),
    }
}

fn fields(found: &Map<String, Value>, shape: &Map<String, Value>, at: &str, wrong: &mut Vec<String>) {
    for (key, shape) in shape {
        let name = key.trim_end_matches('?');
        match found.get(name) {
            Some(value) => compare(value, shape, &format!("{at}.{name}"), wrong),
            None if key == name => wrong.push(format!("{at}.{key} is missing")),
            None => {}
        }
    }
    for key in found.keys().filter(|key| !shape.contains_key(*key) && !shape.contains_key(&format!("{key}?"))) {
        wrong.push(format!("{at}.{key} was not there"));
    }
}

/// A page of XML as one of JSON: lists are elements named `member` or `item`. Its texts become their types.
pub(super) fn of_xml(page: &str) -> Value {
    let document = roxmltree::Document::parse(page).unwrap_or_else(|error| panic!("{error}: {page}"));
    let root = document.root_element();
    Value::Object([(root.tag_name().name().to_owned(), element(root))].into_iter().collect())
}

fn element(node: roxmltree::Node<'_, '_>) -> Value {
    let children: Vec<_> = node.children().filter(roxmltree::Node::is_element).collect();
    if children.is_empty() {
        return match node.text().map(str::trim).unwrap_or_default() {
            "" => Value::Null,
            text => format!("\u{1}{}", kind_of(text)).into(),
        };
    }
    if children.iter().all(|child| ["member", "item"].contains(&child.tag_name().name())) {
        return children.into_iter().map(element).collect();
    }
    children.into_iter().map(|child| (child.tag_name().name().to_owned(), element(child))).collect::<Map<_, _>>().into()
}

fn kind_of(text: &str) -> &'static str {
    let is_time = || text.len() > 18 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T';
    if ["true", "false"].contains(&text) {
        "bool"
    } else if text.parse::<i64>().is_ok() {
        "number"
    } else if is_time() {
        "time"
    } else {
        "string"
    }
}

#[test]
fn a_shape_finds_what_differs() {
    let differences = |found: Value, shape: Value| {
        let mut wrong = Vec::new();
        compare(&found, &shape, "", &mut wrong);
        wrong
    };
    let shape = json!({"A": "number", "B?": "string", "M": {"*": {"C": "bool"}}, "L": [{"D": "number"}], "N": null, "O": {"or null": "bool"}});
    let page =
        json!({"A": 1, "M": {"x": {"C": true}, "y": {"C": false}}, "L": [{"D": 1}, {"D": 2}], "N": [1], "O": null});
    assert_eq!(differences(page.clone(), shape.clone()), Vec::<String>::new());
    for (change, at) in [
        (json!({"A": "1"}), ".A is string, and was number"),
        (json!({"A": null}), ".A is null, and was number"),
        (json!({"B": 2}), ".B is number, and was string"),
        (json!({"E": 2}), ".E was not there"),
        (json!({"O": 2}), ".O is number, and was bool"),
        (json!({"M": {"x": {}}}), ".M.x.C is missing"),
        (json!({"L": [{"D": 1}, {"D": true}]}), ".L[1].D is bool, and was number"),
    ] {
        let mut changed = page.clone();
        changed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(differences(changed, shape.clone()), [at]);
    }
    let xml = of_xml("<R><a>7</a><b>x</b><s><item>true</item></s><t>2026-01-05T00:00:00Z</t><e/></R>");
    let shape = json!({"R": {"a": "number", "b": "string", "s": ["bool"], "t": "time", "e": null}});
    assert_eq!(differences(xml.clone(), shape), Vec::<String>::new());
    assert_eq!(differences(xml, json!({"R": {"a": "time", "b": "string", "s": [], "t": "time", "e": null}})).len(), 1);
}
