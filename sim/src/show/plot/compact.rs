//! A smaller SVG: rectangles of one fill that follow one another are one path.

use std::fmt::Write as _;

/// A rectangle as it is written, with what comes after its place.
fn rectangle(line: &str) -> Option<([i64; 4], &str)> {
    let rest = line.strip_prefix("<rect x=\"")?;
    let (x, rest) = rest.split_once("\" y=\"")?;
    let (y, rest) = rest.split_once("\" width=\"")?;
    let (width, rest) = rest.split_once("\" height=\"")?;
    let (height, style) = rest.split_once("\" ")?;
    Some(([x.parse().ok()?, y.parse().ok()?, width.parse().ok()?, height.parse().ok()?], style))
}

/// The same picture in fewer bytes.
pub(super) fn compact(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len() / 2);
    let mut open: Option<&str> = None;
    for line in svg.lines() {
        let found = rectangle(line);
        let style = found.map(|(_, style)| style);
        if open.is_some() && open != style {
            close(&mut out, open.take());
        }
        if let Some(([x, y, width, height], style)) = found {
            if open.is_none() {
                out.push_str("<path d=\"");
                open = Some(style);
            }
            let _ = write!(out, "M{x} {y}h{width}v{height}h-{width}z");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    close(&mut out, open);
    out
}

fn close(out: &mut String, style: Option<&str>) {
    if let Some(style) = style {
        let _ = writeln!(out, "\" {style}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_of_one_fill_are_one_path() {
        let end = |fill: &str| format!("opacity=\"1\" fill=\"{fill}\" stroke=\"none\"/>\n");
        let rect = |x: u32, fill: &str| format!("<rect x=\"{x}\" y=\"2\" width=\"3\" height=\"4\" {}", end(fill));
        let path = |d: &str, fill: &str| format!("<path d=\"{d}\" {}", end(fill));
        let svg = [rect(1, "#1"), rect(9, "#1"), rect(5, "#2"), "<text>a</text>\n".to_owned(), rect(7, "#2")].concat();
        let expected = [
            path("M1 2h3v4h-3zM9 2h3v4h-3z", "#1"),
            path("M5 2h3v4h-3z", "#2"),
            "<text>a</text>\n".to_owned(),
            path("M7 2h3v4h-3z", "#2"),
        ];
        assert_eq!(compact(&svg), expected.concat());
    }
}
