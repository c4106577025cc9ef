//! Traces: CSV files of `timestamp,value`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::kernel::time::Millis;

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read as CSV.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// It has no column of that name.
    #[error("{}: no column {column:?}; its first line names: {}", path.display(), found.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// A row cannot be understood.
    #[error("{}:{line}: {problem}", path.display())]
    BadRow {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// It has no row at all.
    #[error("{}: no samples", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Moments and values, and when the first one was, where there are dates.
pub type Samples = (Vec<(Millis, f64)>, Option<Timestamp>);

/// Reads a trace: moments since its first sample, ascending, and values. The first column is the time: a date with
/// time (`2014-04-10 00:04:00`, RFC 3339), seconds, or milliseconds (1e11 and more). Of repeated timestamps the last row counts; rows out of order
/// are put in order; gaps stay.
///
/// # Errors
///
/// When the file cannot be read, lacks the column, has a row that is no sample, or none at all.
pub fn read_trace(path: &Path, column: &str) -> Result<Samples, TraceError> {
    let unreadable = |source| TraceError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(|error| unreadable(error.into()))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*text);
    let headers = reader.headers().map_err(unreadable)?.clone();
    let index = headers.iter().position(|header| header == column).filter(|index| *index > 0).ok_or_else(|| {
        let found = headers.iter().map(ToOwned::to_owned).collect();
        TraceError::NoColumn { path: path.to_owned(), column: column.to_owned(), found }
    })?;
    let mut samples = Vec::new();
    let mut first_notation = None;
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let bad = |problem: String| TraceError::BadRow {
            path: path.to_owned(),
            line: row.position().map_or(0, |position| line_at(&text, position.byte())),
            problem,
        };
        let (time, value) = (row.get(0).unwrap_or_default(), row.get(index).unwrap_or_default());
        let (moment, notation) = moment(time)
            .ok_or_else(|| bad(format!("{time:?} is neither a date with time nor seconds or milliseconds")))?;
        if *first_notation.get_or_insert(notation) != notation {
            return Err(bad(format!("{time:?} is not written as the times before it")));
        }
        let number = value.parse::<f64>().ok().filter(|number| (0.0..=1e12).contains(number));
        samples.push((moment, number.ok_or_else(|| bad(format!("{value:?} is no number from 0 to 1e12")))?));
    }
    // A stable sort keeps repeats in their order, so that the last one is the one that stays.
    samples.sort_by_key(|(moment, _)| *moment);
    let Some(&(first, _)) = samples.first() else { return Err(TraceError::Empty { path: path.to_owned() }) };
    let mut trace: Vec<(Millis, f64)> = Vec::with_capacity(samples.len());
    for (moment, value) in samples {
        let since = Millis(moment.abs_diff(first));
        match trace.last_mut() {
            Some(last) if last.0 == since => last.1 = value,
            _ => trace.push((since, value)),
        }
    }
    let dated = first_notation.is_some_and(|notation| notation != Notation::Seconds);
    let began = Timestamp::from_millisecond(first).ok().filter(|_| dated);
    Ok((trace, began))
}

/// The line of a row that is looked for from this byte on: blank lines before it are none of its own.
fn line_at(text: &[u8], byte: u64) -> u64 {
    let from = usize::try_from(byte).unwrap_or(usize::MAX).min(text.len());
    let blank = text[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let before = &text[..from + blank];
    before.split(|byte| *byte == b'\n').count() as u64
}

/// From this number on a time is in milliseconds: in seconds it would be in the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Seconds,
    Milliseconds,
    Date,
}

/// Milliseconds since an epoch that is the same for all rows of one notation.
fn moment(text: &str) -> Option<(i64, Notation)> {
    if let Ok(number) = text.parse::<f64>() {
        let (millis, notation) = if number.abs() < MILLISECONDS_FROM {
            (number * 1000.0, Notation::Seconds)
        } else {
            (number, Notation::Milliseconds)
        };
        #[expect(clippy::cast_possible_truncation, reason = "checked to be far below 2^63")]
        return (millis.abs() < 1e17).then_some((millis as i64, notation));
    }
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    Some((timestamp.as_millisecond(), Notation::Date))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, f64)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        std::fs::write(&path, text).unwrap();
        let (trace, _) = read_trace(&path, "value").map_err(|error| error.to_string())?;
        Ok(trace.into_iter().map(|(moment, value)| (moment.0 / 1000, value)).collect())
    }

    #[test]
    fn gaps_stay_and_the_last_of_repeated_timestamps_counts() {
        let text = "timestamp,value\n2014-04-10 00:04:00,94.0\n2014-04-10 00:09:00,56\n2014-04-10 00:09:00,57\n\
                    2014-04-10 01:04:00,10\n2014-04-10 00:05:00,1\n";
        assert_eq!(read(text).unwrap(), [(0, 94.0), (60, 1.0), (300, 57.0), (3600, 10.0)]);
    }

    #[test]
    fn seconds_and_rfc_3339_are_times_too() {
        assert_eq!(read("timestamp,value\n0,1\n90.5,2\n").unwrap(), [(0, 1.0), (90, 2.0)]);
        let text = "timestamp,value\n2014-04-10T00:04:00Z,1\n2014-04-10T00:04:30Z,2\n";
        assert_eq!(read(text).unwrap(), [(0, 1.0), (30, 2.0)]);
        let text = "timestamp,value\n1397088240000,1\n1397088270000,2\n";
        assert_eq!(read(text).unwrap(), [(0, 1.0), (30, 2.0)], "milliseconds");
    }

    #[test]
    fn bad_traces_are_named_with_their_line() {
        for (text, word) in [
            ("", "no column \"value\""),
            ("timestamp,value\n", "no samples"),
            ("timestamp,load\n1,2\n", "no column \"value\"; its first line names: timestamp, load"),
            ("timestamp,value\n1,2\nyesterday,3\n", "trace.csv:3: \"yesterday\""),
            ("timestamp,value\n0,1\n2014-01-01 00:00:00,6\n", "is not written as the times before it"),
            ("timestamp,value\n1,NaN\n", "trace.csv:2: \"NaN\""),
            ("timestamp,value\n1,2\n\n\nx,3\n", "trace.csv:5: \"x\""),
            ("timestamp,value\r\n1,2\r\n\r\nx,3\r\n", "trace.csv:4: \"x\""),
            ("timestamp,note,value\n1,\"two\nlines\",2\nx,,3\n", "trace.csv:4: \"x\""),
            ("timestamp,value\n1397088240000,1\n1397088270,2\n", "is not written as the times before it"),
            ("timestamp,value\n1,-4\n", "\"-4\""),
            ("timestamp,value\n1\n", "trace.csv"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text:?}: {error}");
        }
    }
}
