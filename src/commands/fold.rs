//! Sections of the help in a narrow terminal: a line that is too long goes on under what it belongs to,
//! never in the first column.

/// The heading of the section whose lines are command lines.
pub(super) const EXAMPLES: &str = "Examples:";
/// How much further the rest of a line stands than its beginning.
const STEP: usize = 4;
/// What a line of prose ends with that goes on.
const PROSE: &str = "";
/// What a line ends with that a shell reads, and that goes on.
const COMMAND: &str = " \\";

/// A section with its heading, each line of it at most `width` columns where its words permit.
pub(super) fn fold(section: &str, width: usize) -> String {
    let mut folded = String::new();
    let is_examples = section.starts_with(EXAMPLES);
    let goes_on = if is_examples { COMMAND } else { PROSE };
    // Prose that is not written yet; its lines are filled anew.
    let mut prose = String::new();
    for line in section.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let is_prose = indent > 0 && !is_examples && !text.contains("  ");
        if is_prose && is_too_long(section, width) {
            prose = format!("{prose} {text}");
            continue;
        }
        flush(&mut folded, &mut prose, width);
        match text.rsplit_once("  ") {
            _ if line.chars().count() <= width => push(&mut folded, line),
            Some((term, meaning)) => {
                let at = line.chars().count() - meaning.chars().count();
                row(&mut folded, (indent, term.trim_end()), (at, meaning), width, goes_on);
            }
            None => fill(&mut folded, text, (indent, indent + STEP), width, goes_on),
        }
    }
    flush(&mut folded, &mut prose, width);
    folded.truncate(folded.trim_end().len());
    folded
}

fn is_too_long(section: &str, width: usize) -> bool {
    section.lines().any(|line| line.chars().count() > width)
}

fn push(folded: &mut String, line: &str) {
    folded.push_str(line);
    folded.push('\n');
}

fn flush(folded: &mut String, prose: &mut String, width: usize) {
    if !prose.is_empty() {
        fill(folded, prose, (2, 2), width, PROSE);
        prose.clear();
    }
}

/// A row of a table: its meaning stands beside the term where half of the width is left for it,
/// and below it elsewhere.
fn row(
    folded: &mut String,
    (indent, term): (usize, &str),
    (at, meaning): (usize, &str),
    width: usize,
    goes_on: &str,
) {
    if goes_on == PROSE && at <= width / 2 {
        let mut text = String::new();
        fill(&mut text, meaning, (at, at), width, PROSE);
        let term = format!("{:indent$}{term}", "");
        push(folded, &format!("{term:at$}{}", text.trim()));
        return;
    }
    let line = format!("{:indent$}{term}", "");
    match line.chars().count() <= width {
        true => push(folded, &line),
        false => fill(folded, term, (indent, indent + STEP), width, goes_on),
    }
    fill(folded, meaning, (indent + STEP, indent + STEP), width, PROSE);
}

/// Words in lines, of which the first stands at another column than the others, and all but the last
/// end with what says that they go on.
fn fill(
    folded: &mut String,
    text: &str,
    (first, others): (usize, usize),
    width: usize,
    goes_on: &str,
) {
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let columns = line.chars().count() + 1 + word.chars().count();
        if !is_empty && columns + goes_on.len() > width {
            push(folded, &format!("{line}{goes_on}"));
            line = " ".repeat(others);
            is_empty = true;
        }
        line.push_str(if is_empty { "" } else { " " });
        line.push_str(word);
        is_empty = false;
    }
    push(folded, &line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        let section = "Values:\n  D     500ms\n  TEXT  with escapes\n  prose of two\n  lines";
        assert_eq!(fold(section, 30), section);
    }

    #[test]
    fn a_row_goes_on_below_its_meaning() {
        let section = "Values:\n  D  500ms, 2s, 1m30s; a bare number is seconds";
        let expected = "Values:\n  D  500ms, 2s, 1m30s; a bare\n     number is seconds";
        assert_eq!(fold(section, 30), expected);
        let section = "Groups:\n  GROUP:PORT%all  every interface that is up";
        let expected = "Groups:\n  GROUP:PORT%all\n      every interface that is up";
        assert_eq!(fold(section, 32), expected);
    }

    #[test]
    fn prose_is_filled_anew() {
        let section = "Ends:\n  aa bb cc dd ee\n  ff gg";
        assert_eq!(fold(section, 12), "Ends:\n  aa bb cc\n  dd ee ff\n  gg");
    }

    #[test]
    fn a_command_line_goes_on_behind_a_backslash() {
        let section = "Examples:\n  wirecat mcast-send --test 239.1.2.3:5000   probes";
        let expected =
            "Examples:\n  wirecat mcast-send --test \\\n      239.1.2.3:5000\n      probes";
        assert_eq!(fold(section, 30), expected);
    }
}
