//! Pictures read well: no two texts meet, whatever the names and however many there are.

use std::fmt::Write as _;
use std::path::Path;

use predicates::prelude::*;
use replicator_sim::drive::run::run;
use replicator_sim::scenario::{Changes, Scenario};
use replicator_sim::show::plot::{View, svg};

use super::{shipped, simulator};

/// How wide a letter is at most on average, in parts of the font's size: of a font that is wide.
const LETTER: f64 = 0.62;

/// A text and where it is.
struct Box {
    text: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

fn boxes(svg: &str) -> Vec<Box> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let boxed = |node: roxmltree::Node<'_, '_>| {
        let number = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let text = node.text().unwrap_or_default().trim().to_owned();
        let (left, top, size) = (number("x"), number("y"), number("font-size"));
        let right = left + text.chars().count() as f64 * size * LETTER;
        Box { text, left, right, top, bottom: top + size }
    };
    texts.map(boxed).collect()
}

/// Pairs of texts that meet.
fn meetings(svg: &str) -> Vec<(String, String)> {
    let boxes = boxes(svg);
    let meet = |a: &Box, b: &Box| a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    let pairs = boxes.iter().enumerate().flat_map(|(number, a)| boxes[number + 1..].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| meet(a, b)).map(|(a, b)| (a.text.clone(), b.text.clone())).collect()
}

fn picture(scenario: &Scenario, view: &View) -> String {
    svg(scenario, &run(&scenario.plan), view).unwrap()
}

fn parsed(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("large.toml"), &Changes::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// So many pools, and groups with these names, each with a load that rises.
fn cluster(pools: usize, groups: &[String]) -> String {
    let mut text = String::from("title = \"Large\"\nseed = 1\nduration = \"1h\"\ntick = \"30s\"\n");
    for pool in 0..pools {
        let _ = write!(
            text,
            "[pools.workers-{pool}]\ninstance = {{ cpu = 4000, memory = 8192 }}\nnodes = 3\nmin = 1\nmax = 9\nboot = \"60s\"\n\
             [pools.workers-{pool}.meta]\nreplicator_enabled = true\nreplicator_region = \"r\"\n\
             replicator_notification_uid = \"U\"\n"
        );
    }
    for (number, name) in groups.iter().enumerate() {
        let pool = number % pools;
        let _ = write!(
            text,
            "[jobs.\"{name}\"]\npool = \"workers-{pool}\"\n[jobs.\"{name}\".groups.g]\ncount = 2\n\
             [jobs.\"{name}\".groups.g.tasks.t]\ncpu = 500\nmemory = 200\n[jobs.\"{name}\".groups.g.meta]\n\
             replicator_enabled = true\nreplicator_min = 1\nreplicator_max = 6\nreplicator_scalein_cpu = 30\n\
             replicator_scaleout_cpu = 70\nreplicator_scalein_mem = 30\nreplicator_scaleout_mem = 90\n\
             replicator_notification_uid = \"U\"\n[[load]]\ngroup = \"{name}/g\"\n\
             cpu = [{{ ramp = {{ from = \"5m\", to = \"30m\", by = 3000 }} }}]\n"
        );
    }
    text
}

#[test]
fn no_two_texts_meet_in_the_picture_of_any_scenario() {
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::load(&path, &Changes::default()).unwrap();
        for width in [900, 1280, 2400] {
            let drawn = picture(&scenario, &View { width, ..View::default() });
            assert_eq!(meetings(&drawn), [], "{} at {width} pixels", path.display());
            assert!(boxes(&drawn).len() > 20, "{}", path.display());
        }
    }
}

#[test]
fn long_names_and_many_of_them_do_not_meet() {
    let long: Vec<String> =
        (1..=6).map(|number| format!("{number}-{}", "a-rather-long-name-of-a-job-indeed-yes")).collect();
    assert_eq!(long[0].len(), 40);
    let many: Vec<String> = (1..=30).map(|number| format!("job{number}")).collect();
    for (pools, groups) in [(1, long), (10, many)] {
        let scenario = parsed(&cluster(pools, &groups));
        let drawn = picture(&scenario, &View::default());
        assert_eq!(meetings(&drawn), []);
        let texts: Vec<String> = boxes(&drawn).into_iter().map(|it| it.text).collect();
        assert!(texts.iter().any(|it| it.contains(&groups[0])), "the groups have panels");
    }
}

#[test]
fn two_texts_that_meet_are_found() {
    let text = |x: u32, words: &str| format!("<text x=\"{x}\" y=\"5\" font-size=\"10\">{words}</text>");
    let svg = |texts: &[String]| format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{}</svg>", texts.concat());
    assert_eq!(meetings(&svg(&[text(0, "one"), text(10, "two")])).len(), 1);
    assert_eq!(meetings(&svg(&[text(0, "one"), text(60, "two")])), []);
}

#[test]
fn groups_are_in_the_order_of_people_and_can_be_chosen() {
    let names = ["web10".to_owned(), "web2".to_owned()];
    let scenario = parsed(&cluster(1, &names));
    let heading = |drawn: &str, name: &str| {
        boxes(drawn).into_iter().position(|it| it.text == format!("group {name}/g (allocations)"))
    };
    let all = picture(&scenario, &View::default());
    assert!(heading(&all, "web2") < heading(&all, "web10"));
    let one = picture(&scenario, &View { only: vec!["web10/g".into()], ..View::default() });
    assert!(heading(&one, "web10").is_some() && heading(&one, "web2").is_none() && !one.contains("pool workers"));
    let unknown =
        simulator().arg(shipped().join("spike.toml")).args(["--plot", "-", "--plot-only", "shop/frond"]).assert();
    unknown
        .code(2)
        .stderr(predicate::str::contains("there is no pool or group \"shop/frond\"; did you mean shop/front?"));
}

#[test]
fn a_picture_names_events_bounds_and_what_made_it() {
    let load = |name: &str, set: &[&str]| {
        let set = set.iter().map(ToString::to_string).collect();
        Scenario::load(&shipped().join(name), &Changes { set, ..Changes::default() }).unwrap()
    };
    let lost = picture(&load("lost-leader.toml", &[]), &View::default());
    for words in ["agent-0 is killed", "agent-1 leads", "the session of agent-0 is destroyed"] {
        assert!(lost.contains(words), "{words}");
    }
    let dry = picture(&load("dry-run.toml", &[]), &View::default());
    assert!(dry.contains("steps that would have been taken"));
    let change = "jobs.shop.groups.front.meta.replicator_max=10";
    let bound = picture(&load("spike.toml", &[change]), &View::default());
    assert!(bound.contains("at its most, and more is asked for") && bound.contains(&format!("set {change}")));
}
