//! The chat screen as cells of a terminal: one pure function of the view.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::protocol::chat::Nick;
use crate::protocol::chat::scrollback::RowKind;
use crate::protocol::chat::view::ChatView;
use crate::protocol::text::number;

/// The narrowest window that has room for the names beside the messages.
const WITH_ROSTER: u16 = 50;
/// Columns of the names, with the line before them.
const ROSTER: u16 = 22;
/// What stands before the line being typed, behind the name where there is room for it.
const PROMPT: &str = "> ";
/// How to go on, at the end of the title.
const HINT: &str = "/help  /quit ";
/// The colours of names, which distinguish them on a dark ground as well as on a light one.
const HUES: [Color; 6] = [
    Color::Green,
    Color::Cyan,
    Color::LightBlue,
    Color::LightMagenta,
    Color::Yellow,
    Color::LightRed,
];

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// Where the parts of the screen are.
struct Plan {
    title: Rect,
    messages: Rect,
    roster: Rect,
    prompt: Rect,
    input: Rect,
}

impl Plan {
    /// The input has the last row, the title the first where there are three; a window too narrow
    /// for one or the other part does without.
    fn of(area: Rect, prompt: usize) -> Self {
        let Rect { x, y, width, height } = area;
        let title = u16::from(height >= 3);
        let input = u16::from(height >= 1);
        let messages = height - title - input;
        let roster = if width >= WITH_ROSTER { ROSTER } else { 0 };
        let prompt = u16::try_from(prompt).unwrap_or(0);
        let last = y + height - input;
        Self {
            title: Rect::new(x, y, width, title),
            messages: Rect::new(x, y + title, width - roster, messages),
            roster: Rect::new(x + width - roster, y + title, roster, messages),
            prompt: Rect::new(x, last, prompt, input),
            input: Rect::new(x + prompt, last, width - prompt, input),
        }
    }
}

/// The size of the part that shows the messages.
pub(super) fn messages_size(area: Rect) -> (usize, usize) {
    let messages = Plan::of(area, 0).messages;
    (messages.width.into(), messages.height.into())
}

/// Draws the screen, and returns the place of the cursor.
pub(super) fn draw(view: &ChatView, coloured: bool, buffer: &mut Buffer) -> Position {
    let prompt = prompt(view, buffer.area().width.into());
    let plan = Plan::of(*buffer.area(), prompt.width());
    title(view, plan.title, buffer);
    draw_messages(view, plan.messages, coloured, buffer);
    roster(view, plan.roster, coloured, buffer);
    put(buffer, plan.prompt, 0, &prompt, Style::new());
    let (text, column) = view.editor.view(plan.input.width.into());
    put(buffer, plan.input, 0, &text, Style::new());
    Position::new(plan.input.x + u16::try_from(column).unwrap_or(0), plan.input.y)
}

/// What stands before the line being typed, which is to have the most of a window.
fn prompt(view: &ChatView, width: usize) -> String {
    let you = view.roster.you().map_or("", Nick::as_str);
    match [format!("{you}{PROMPT}"), PROMPT.to_owned()] {
        [named, _] if named.width() * 3 <= width => named,
        [_, bare] if width >= 8 => bare,
        _ => String::new(),
    }
}

fn title(view: &ChatView, area: Rect, buffer: &mut Buffer) {
    let style = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(area, style);
    let state = match (view.is_connected, view.roster.len()) {
        (false, _) => "not connected".to_owned(),
        (true, count) => format!("{count} here"),
    };
    let below = match (view.scrollback.is_scrolled(), view.scrollback.unread()) {
        (false, _) => String::new(),
        (true, 0) => " · older lines, PgDn".to_owned(),
        (true, count) => format!(" · {count} new, PgDn"),
    };
    let waiting = match view.waiting {
        0 => String::new(),
        count => format!(" · {} waiting", number(count as u64, "line")),
    };
    let room = usize::from(area.width);
    let room = room.saturating_sub(state.width() + waiting.width() + below.width() + 4);
    let text = format!(" {}{state}{waiting}{below}", place(&view.place, room));
    put(buffer, area, 0, &text, style);
    let hint = u16::try_from(HINT.width()).unwrap_or(0);
    if text.width() + HINT.width() < area.width.into() {
        put(buffer, beyond(area, area.width - hint), 0, HINT, style);
    }
}

/// The room, as far as there is room for it: how things are there matters more.
fn place(name: &str, room: usize) -> String {
    if name.width() <= room {
        return format!("{name} · ");
    }
    let short: String = name.chars().take(room.saturating_sub(1)).collect();
    if short.is_empty() { short } else { format!("{short}… · ") }
}

fn draw_messages(view: &ChatView, area: Rect, coloured: bool, buffer: &mut Buffer) {
    for (row, line) in (0..area.height).zip(view.scrollback.rows()) {
        let base = style(line.kind, coloured);
        put(buffer, area, row, &line.text, base);
        let before = line.text.get(..line.name.start).unwrap_or_default().width();
        let name = line.text.get(line.name).unwrap_or_default();
        if line.kind != RowKind::Private {
            let at = beyond(area, u16::try_from(before).unwrap_or(0));
            put(buffer, at, row, name, base.patch(hue(view, name, coloured)));
        }
    }
}

/// The part of an area to the right of its first `columns`.
fn beyond(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}

/// How a name looks, which is the same wherever it stands: a colour of its own, and yours bold.
fn hue(view: &ChatView, name: &str, coloured: bool) -> Style {
    let is_yours = view.roster.you().is_some_and(|you| you.as_str() == name);
    let style = if is_yours { BOLD } else { Style::new() };
    let sum = name.bytes().fold(0_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.to_ascii_lowercase().into())
    });
    match HUES.get(sum % HUES.len()) {
        Some(hue) if coloured => style.fg(*hue),
        _ => style,
    }
}

fn roster(view: &ChatView, area: Rect, coloured: bool, buffer: &mut Buffer) {
    for row in 0..area.height {
        put(buffer, area, row, "│", DIM);
    }
    let inside = beyond(area, 2);
    let names: Vec<&Nick> = view.roster.names().collect();
    for (row, name) in (0..area.height).zip(&names) {
        let is_last = row + 1 == area.height;
        if is_last && names.len() > usize::from(area.height) {
            let more = format!("and {} more", names.len() - usize::from(row));
            put(buffer, inside, row, &more, DIM);
        } else {
            put(buffer, inside, row, name.as_str(), hue(view, name.as_str(), coloured));
        }
    }
}

/// How a line looks. What matters shows without colours as well.
fn style(kind: RowKind, coloured: bool) -> Style {
    let (style, colour) = match kind {
        RowKind::Talk => return Style::new(),
        RowKind::Notice => return DIM,
        RowKind::Mention => (BOLD, Color::Yellow),
        RowKind::Private => (BOLD, Color::Magenta),
        RowKind::Event => (Style::new(), Color::Yellow),
        RowKind::Mark => (Style::new(), Color::Red),
    };
    if coloured { style.fg(colour) } else { style }
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
    use crate::protocol::chat::ChatLine;
    use crate::protocol::chat::editor::Edit;

    fn view() -> ChatView {
        let mut view = ChatView::new("127.0.0.1:9000".to_owned());
        view.is_connected = true;
        let lines =
            ["*** you are ann", "*** here: ann, bob", "<bob> 漢字 and a longer line of words"];
        for line in lines.map(|line| ChatLine::read(line.as_bytes())) {
            view.roster.note(&line);
            view.show(&line, "");
        }
        view.editor.apply(Edit::Insert("typed 漢".to_owned()));
        view
    }

    fn drawn(width: u16, height: u16) -> (Vec<String>, Position) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let mut view = view();
        let (columns, rows) = messages_size(*buffer.area());
        view.scrollback.resize(columns, rows);
        let cursor = draw(&view, true, &mut buffer);
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        ((0..height).map(|y| row(y).trim_end().to_owned()).collect(), cursor)
    }

    #[test]
    fn the_screen_in_several_sizes() {
        let (rows, cursor) = drawn(60, 5);
        assert_eq!(rows[0], format!(" {:46}/help  /quit", "127.0.0.1:9000 · 2 here"));
        assert_eq!(rows[1], format!("{:38}│ ann", "*** you are ann"));
        assert_eq!(rows[2], format!("{:38}│ bob", "*** here: ann, bob"));
        assert!(rows[3].starts_with("<bob> 漢 字  and a longer line of words"), "{rows:?}");
        assert_eq!((rows[4].as_str(), cursor), ("ann> typed 漢", Position::new(13, 4)));
        let (rows, cursor) = drawn(12, 3);
        assert_eq!((rows[1].as_str(), cursor), ("words", Position::new(10, 2)));
        assert_eq!(rows[0], " 1… · 2 here");
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
