//! The chat screen as cells of a terminal: one pure function of the view.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::protocol::chat::Nick;
use crate::protocol::chat::scrollback::Kind;
use crate::protocol::chat::view::View;

/// The narrowest window that has room for the names beside the talk.
const WITH_ROSTER: u16 = 50;
/// Columns of the names, with the line before them.
const ROSTER: u16 = 22;
/// What stands before the line being typed.
const PROMPT: &str = "> ";

/// Where the parts of the screen are.
struct Plan {
    title: Rect,
    talk: Rect,
    roster: Rect,
    prompt: Rect,
    input: Rect,
}

impl Plan {
    /// The input has the last row, the title the first where there are three; a window too narrow
    /// for one or the other part does without.
    fn of(area: Rect) -> Self {
        let Rect { x, y, width, height } = area;
        let title = u16::from(height >= 3);
        let input = u16::from(height >= 1);
        let talk = height - title - input;
        let roster = if width >= WITH_ROSTER { ROSTER } else { 0 };
        let prompt = if width >= 8 { 2 } else { 0 };
        let last = y + height - input;
        Self {
            title: Rect::new(x, y, width, title),
            talk: Rect::new(x, y + title, width - roster, talk),
            roster: Rect::new(x + width - roster, y + title, roster, talk),
            prompt: Rect::new(x, last, prompt, input),
            input: Rect::new(x + prompt, last, width - prompt, input),
        }
    }
}

/// The size of the part where the talk is.
pub(super) fn talk_size(area: Rect) -> (usize, usize) {
    let talk = Plan::of(area).talk;
    (talk.width.into(), talk.height.into())
}

/// Draws the screen, and says where the cursor is.
pub(super) fn draw(view: &View, coloured: bool, buffer: &mut Buffer) -> Position {
    let plan = Plan::of(*buffer.area());
    title(view, plan.title, buffer);
    talk(view, plan.talk, coloured, buffer);
    roster(view, plan.roster, coloured, buffer);
    put(buffer, plan.prompt, 0, PROMPT, Style::new());
    let (text, column) = view.editor.view(plan.input.width.into());
    put(buffer, plan.input, 0, &text, Style::new());
    Position::new(plan.input.x + u16::try_from(column).unwrap_or(0), plan.input.y)
}

fn title(view: &View, area: Rect, buffer: &mut Buffer) {
    let style = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(area, style);
    let state = match (view.is_connected, view.roster.len()) {
        (false, _) => "not connected".to_owned(),
        (true, count) => format!("{count} here"),
    };
    let unread = match view.scrollback.unread() {
        0 if view.scrollback.is_scrolled() => " · older lines".to_owned(),
        0 => String::new(),
        count => format!(" · {count} new"),
    };
    put(buffer, area, 0, &format!(" {} · {state}{unread}", view.place), style);
}

fn talk(view: &View, area: Rect, coloured: bool, buffer: &mut Buffer) {
    for (row, line) in (0..area.height).zip(view.scrollback.rows()) {
        put(buffer, area, row, &line.text, style(line.kind, coloured));
    }
}

fn roster(view: &View, area: Rect, coloured: bool, buffer: &mut Buffer) {
    let border = if coloured { Style::new().fg(Color::DarkGray) } else { Style::new() };
    for row in 0..area.height {
        put(buffer, area, row, "│", border);
    }
    let inside =
        Rect { x: area.x + area.width.min(2), width: area.width.saturating_sub(2), ..area };
    let names: Vec<&Nick> = view.roster.names().collect();
    for (row, name) in (0..area.height).zip(&names) {
        let is_last = row + 1 == area.height;
        if is_last && names.len() > usize::from(area.height) {
            let more = format!("and {} more", names.len() - usize::from(row));
            put(buffer, inside, row, &more, Style::new());
        } else {
            let own = Style::new().add_modifier(Modifier::BOLD);
            let is_you = view.roster.you() == Some(*name);
            put(buffer, inside, row, name.as_str(), if is_you { own } else { Style::new() });
        }
    }
}

fn style(kind: Kind, coloured: bool) -> Style {
    let colour = match kind {
        Kind::Talk => return Style::new(),
        Kind::Own => Color::Cyan,
        Kind::Private => Color::Magenta,
        Kind::Notice => Color::DarkGray,
        Kind::Event => Color::Yellow,
        Kind::Mark => Color::Red,
    };
    if coloured { Style::new().fg(colour) } else { Style::new() }
}

/// Puts text into a row of an area, as far as it fits.
fn put(buffer: &mut Buffer, area: Rect, row: u16, text: &str, style: Style) {
    if row < area.height && area.width > 0 {
        // A character that is wider than the area would reach beyond it.
        let width = usize::from(area.width);
        let text = if width == 1 && text.width() > 1 { "" } else { text };
        buffer.set_stringn(area.x, area.y + row, text, width, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::chat::Line;
    use crate::protocol::chat::editor::Edit;

    fn view() -> View {
        let mut view = View::new("127.0.0.1:9000".to_owned());
        view.is_connected = true;
        let lines =
            ["*** you are ann", "*** here: ann, bob", "<bob> 漢字 and a longer line of words"];
        for line in lines.map(|line| Line::read(line.as_bytes())) {
            view.roster.note(&line);
            view.show(&line, line.to_string());
        }
        view.editor.apply(Edit::Insert("typed 漢".to_owned()));
        view
    }

    fn drawn(width: u16, height: u16) -> (Vec<String>, Position) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let mut view = view();
        let (columns, rows) = talk_size(*buffer.area());
        view.scrollback.resize(columns, rows);
        let cursor = draw(&view, true, &mut buffer);
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        ((0..height).map(|y| row(y).trim_end().to_owned()).collect(), cursor)
    }

    #[test]
    fn the_screen_in_several_sizes() {
        let (rows, cursor) = drawn(60, 5);
        assert_eq!(rows[0], " 127.0.0.1:9000 · 2 here");
        assert_eq!(rows[1], format!("{:38}│ ann", "*** you are ann"));
        assert_eq!(rows[2], format!("{:38}│ bob", "*** here: ann, bob"));
        assert!(rows[3].starts_with("<bob> 漢 字  and a longer line of words"), "{rows:?}");
        assert_eq!((rows[4].as_str(), cursor), ("> typed 漢", Position::new(10, 4)));
        let (rows, cursor) = drawn(12, 3);
        assert_eq!((rows[1].as_str(), cursor), ("words", Position::new(10, 2)));
    }

    #[test]
    fn no_window_is_too_small() {
        for width in 0..30 {
            for height in 0..6 {
                let (_, cursor) = drawn(width, height);
                assert!(cursor.x < width.max(1) && cursor.y < height.max(1), "{width}x{height}");
            }
        }
    }
}
