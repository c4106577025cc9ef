//! What somebody may have meant by a name that there is not.

/// From this likeness on a name is taken for a slip of the pen.
const ALIKE: f64 = 0.8;
/// How many names are listed, at most.
const MOST_LISTED: usize = 12;

/// The name that is most like this one, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.map(|it| (strsim::jaro_winkler(it, name), it));
    alike.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, it)| it)
}

/// `there is no pool "w"; did you mean workers? there are: workers, others`. Of many only the nearest are listed.
pub(crate) fn no_such(name: &str, what: &str, known: &[String]) -> String {
    let meant = nearest(name, known.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!(" did you mean {meant}?"));
    if known.is_empty() {
        return format!("there is no {what} {name:?}, nor any other");
    }
    if known.len() <= MOST_LISTED {
        return format!("there is no {what} {name:?};{meant} there are: {}", known.join(", "));
    }
    let mut by_likeness: Vec<(f64, &String)> = known.iter().map(|it| (strsim::jaro_winkler(it, name), it)).collect();
    by_likeness.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = by_likeness.iter().take(MOST_LISTED).map(|(_, it)| it.as_str()).collect();
    let rest = known.len() - near.len();
    format!("there is no {what} {name:?};{meant} the nearest are: {} ({rest} others)", near.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_nothing_else() {
        let known = ["workers".to_owned(), "batch".to_owned()];
        assert_eq!(
            no_such("workres", "pool", &known),
            "there is no pool \"workres\"; did you mean workers? there are: workers, batch"
        );
        assert_eq!(no_such("x", "pool", &known), "there is no pool \"x\"; there are: workers, batch");
        assert_eq!(no_such("x", "group", &[]), "there is no group \"x\", nor any other");
        let many: Vec<String> = (0..30).map(|number| format!("measure{number}")).collect();
        let words = no_such("measure7x", "measure", &many);
        assert!(words.contains("did you mean measure7? the nearest are: measure7, ") && words.ends_with("(18 others)"));
    }
}
