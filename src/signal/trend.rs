//! Where a line through samples leads, which single odd samples cannot turn.

use super::median;

/// The value at `x` on the line through the points of Theil and Sen: its slope is the median of the slopes between any two points
/// (Theil 1950, Sen 1968), its height the median of what that leaves. Nothing with fewer than three points.
pub(super) fn line_at(points: &[(f64, f64)], x: f64) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (index, (x1, y1)) in points.iter().enumerate() {
        let before = points[..index].iter().map(|(x0, y0)| (y1 - y0) / (x1 - x0));
        // Two of one moment have no slope.
        slopes.extend(before.filter(|slope| slope.is_finite()));
    }
    let slope = median(&mut slopes, f64::total_cmp)?;
    let mut heights: Vec<f64> = points.iter().map(|(at, value)| value - slope * at).collect();
    Some(median(&mut heights, f64::total_cmp)? + slope * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j32_a_line_goes_on_and_one_odd_sample_does_not_turn_it() {
        let mut points: Vec<(f64, f64)> = (0..9).map(|at| (f64::from(at), 2.0 + 0.5 * f64::from(at))).collect();
        assert_eq!(line_at(&points, 20.0), Some(12.0));
        points[8].1 = 900.0;
        let expected = line_at(&points, 20.0).unwrap();
        assert!((expected - 12.0).abs() < 0.5, "{expected}");
        assert_eq!(line_at(&points[..2], 20.0), None);
        assert_eq!(line_at(&[(1.0, 2.0); 3], 5.0), None, "all at one moment");
    }
}
