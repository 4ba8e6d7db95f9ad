//! A chat: lines of others, keys of a terminal in any order, commands, and rooms in which anything
//! is said.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::protocol::chat::group_room::GroupRoom;
use wirecat::protocol::chat::keys::Keys;
use wirecat::protocol::chat::room::{Outlook, Room, RoomAction};
use wirecat::protocol::chat::view::{ChatView, UiAction};
use wirecat::protocol::chat::{ChatLine, Dialect, MAX_LINE, Nick};
use wirecat::protocol::command::CommandForm;
use wirecat::protocol::text::is_unprintable;

/// What terminals send, and what is hard to measure.
const KEYS: &[&[u8]] = &[
    b"a",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\x7f",
    b"\x01",
    b"\x05",
    b"\x0b",
    b"\x15",
    b"\x17",
    b"\x19",
    b"\x10",
    b"\x0e",
    b"\x04",
    b"\x1b[A",
    b"\x1b[B",
    b"\x1b[C",
    b"\x1b[D",
    b"\x1b[1;5C",
    b"\x1b[1;5D",
    b"\x1b[H",
    b"\x1b[F",
    b"\x1b[3~",
    b"\x1b[5~",
    b"\x1b[6~",
    b"\x1b[200~",
    b"\x1b[201~",
    b"\x1b",
    b"[",
    "é".as_bytes(),
    "漢".as_bytes(),
    "\u{301}".as_bytes(),
    "👩\u{200d}👧".as_bytes(),
    "\u{202e}".as_bytes(),
    "🇩".as_bytes(),
    b"\xff",
];

fuzz_target!(|data: &[u8]| {
    let mut choices = Unstructured::new(data);
    let _ = match choices.int_in_range(0..=3) {
        Ok(0) => screen(&mut choices),
        Ok(1) => room(&mut choices),
        Ok(2) => group_room(&mut choices),
        _ => lines(choices.bytes(choices.len()).unwrap_or_default()),
    };
});

/// What a peer says is shown in a harmless form, which stays as it is.
fn lines(bytes: &[u8]) -> Result<()> {
    for dialect in [Dialect::Lines, Dialect::Tinyproto] {
        let line = dialect.decode(bytes);
        harmless(&line.to_string());
        let text = String::from_utf8_lossy(bytes);
        let command = dialect.parse_typed(&text);
        if let Some(packed) = dialect.encode_request(&command, text.as_bytes()) {
            let _ = dialect.is_message(&packed);
        }
        let _ = (dialect.parse_received(&text), dialect.encode(&line), command.echo(&Nick::you()));
    }
    let line = ChatLine::read(bytes).to_string();
    assert_eq!(ChatLine::read(line.as_bytes()).to_string(), line);
    for form in [CommandForm::Words, CommandForm::Json] {
        let _ = form.parse(bytes);
    }
    Ok(())
}

fn harmless(line: &str) {
    let harm = |char| is_unprintable(char) && char != '\t';
    assert!(!line.contains(harm), "{line:?}");
}

/// Keys in any order, in a window of any size.
fn screen(choices: &mut Unstructured<'_>) -> Result<()> {
    let (width, height) = (choices.int_in_range(0..=20)?, choices.int_in_range(0..=5)?);
    let (mut keys, mut view) = (Keys::default(), ChatView::new("here".into()));
    view.scrollback.resize(width, height);
    while !choices.is_empty() {
        let key = match choices.ratio(7, 8)? {
            true => *choices.choose(KEYS)?,
            false => choices.bytes(1)?,
        };
        for action in keys.feed(key) {
            if let Some(UiAction::Send(said)) = view.act(action) {
                for line in said {
                    harmless(&line);
                    assert!(line.len() <= MAX_LINE && !line.is_empty());
                    view.echo(&ChatLine::read(line.as_bytes()), "12:00");
                }
            }
        }
        if choices.ratio(1, 8)? {
            view.show(&ChatLine::read(&said(choices)?), "12:00 ");
        }
        let (text, column) = view.editor.view(width);
        assert!(column <= width && !text.contains(['\n', '\t']), "{column} {text:?}");
        let rows = view.scrollback.rows();
        assert!(rows.len() <= height);
        assert!(rows.iter().all(|row| row.text.get(row.name.clone()).is_some()), "{rows:?}");
    }
    Ok(())
}

/// Members come, go, and say anything.
fn room(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut now = Instant::now();
    let dialect = if choices.arbitrary()? { Dialect::Lines } else { Dialect::Tinyproto };
    let mut room = Room::new(dialect);
    room.add_host(0, &"host".parse().expect("a name"), now);
    while !choices.is_empty() {
        let member = choices.int_in_range(0..=4)?;
        match choices.int_in_range(0..=7)? {
            0 => room.add_member(member, &Nick::guest(member), now),
            1 => room.finish(member),
            2 => room.remove_member(member, None),
            3 => now += Duration::from_millis(choices.arbitrary::<u16>()?.into()),
            _ => room.receive(member, &said(choices)?),
        }
        let space = choices.int_in_range(0..=2 * MAX_LINE)?;
        let _ = room.advance(Outlook { now, space: &|_| space });
        let _ = room.is_backlogged(member);
        for action in room.take_actions() {
            if let RoomAction::Send(_, line) = action {
                harmless(&line.to_string());
            }
        }
    }
    Ok(())
}

/// Datagrams of anybody.
fn group_room(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut now = Instant::now();
    let mut group_room = GroupRoom::join("ann".parse().expect("a name"), now);
    while !choices.is_empty() {
        match choices.int_in_range(0..=5)? {
            0 => group_room.input(&said(choices)?),
            1 => now += Duration::from_millis(choices.arbitrary::<u16>()?.into()),
            _ => {
                let from = ([127, 0, 0, 1], choices.int_in_range(1..=4)?).into();
                let chance = f64::from(choices.arbitrary::<u8>()?) / 255.0;
                group_room.receive(from, &said(choices)?, now, chance);
            }
        }
        let _ = (group_room.advance(now), group_room.is_backlogged());
        for action in group_room.take_actions() {
            use wirecat::protocol::chat::group_room::GroupAction;
            if let GroupAction::Broadcast(line)
            | GroupAction::SendTo(_, line)
            | GroupAction::Show(line) = action
            {
                harmless(&line.to_string());
            }
        }
    }
    group_room.finish();
    group_room.advance(now);
    Ok(())
}

/// A line that means something, or any bytes.
fn said(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const SAID: &[&str] = &[
        "hello",
        "/nick bob",
        "/nick ann",
        "/me waves",
        "/msg bob hi",
        "/who",
        "/quit bye",
        "//x",
        "*** ann joined",
        "*** bob joined",
        "*** bob is here",
        "*** bob left",
        "<bob> hi",
        "* bob waves",
        "[bob] psst",
        "quit",
        "",
        "a\nb",
        "*** ann is here",
    ];
    match choices.ratio(3, 4)? {
        true => Ok(choices.choose(SAID)?.as_bytes().to_vec()),
        false => choices.arbitrary(),
    }
}
