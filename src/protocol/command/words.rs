//! Commands in words, for a person at a terminal: whatever does not start with a slash is sent.

use super::{Command, CommandForm, Recipient, conn, known, peer, tick};

/// Reads a line without its end of line. Text is taken as it is, an empty line as an empty
/// message; blanks around the argument of any other command do not matter.
///
/// # Errors
/// What was wrong and what is right, as a sentence; for `/words` only, any other line is text.
pub(super) fn parse(line: &[u8]) -> Result<Command, String> {
    let Some(rest) = line.strip_prefix(b"/") else { return Ok(send(line, Recipient::All)) };
    if rest.starts_with(b"/") {
        return Ok(send(rest, Recipient::All));
    }
    let (word, rest) = split_word(rest);
    match word {
        // One blank ends the word; further ones belong to the text.
        b"all" => Ok(send(rest.get(1..).unwrap_or_default(), Recipient::All)),
        b"to" => to(rest.trim_ascii_start()),
        b"close" => one_or_all("close", rest).map(Command::Close),
        b"finish" => one_or_all("finish", rest).map(Command::Finish),
        b"pause" => one_or_all("pause", rest).map(Command::Pause),
        b"resume" => one_or_all("resume", rest).map(Command::Resume),
        b"connect" => {
            address("connect", rest).map(|address| Command::Connect { address, another: false })
        }
        b"listen" => address("listen", rest).map(Command::Listen),
        b"join" => group("join", rest).map(Command::Join),
        b"leave" => group("leave", rest).map(Command::Leave),
        b"tick" => ticks(rest),
        b"list" => alone(Command::List, "list", rest),
        b"stats" => alone(Command::Stats, "stats", rest),
        b"quit" => alone(Command::Quit, "quit", rest),
        _ => {
            let (word, known) = (word.escape_ascii(), known(CommandForm::Words));
            Err(format!("unknown command `/{word}`: use {known}"))
        }
    }
}

fn send(text: &[u8], to: Recipient) -> Command {
    Command::Send { payload: text.to_vec(), to }
}

/// The first word, and what follows it with the blank between them.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()))
}

fn to(rest: &[u8]) -> Result<Command, String> {
    let (word, text) = split_word(rest);
    match recipient(word) {
        Some(to) => Ok(send(text.get(1..).unwrap_or_default(), to)),
        None => Err(format!(
            "`/to` takes the number of a connection or an IP:PORT before the text, not `{}`",
            word.escape_ascii()
        )),
    }
}

fn one_or_all(word: &str, rest: &[u8]) -> Result<Recipient, String> {
    let rest = rest.trim_ascii();
    let all = rest.is_empty().then_some(Recipient::All);
    all.or_else(|| recipient(rest)).ok_or_else(|| {
        format!(
            "`/{word}` takes the number of a connection, an IP:PORT, or nothing for all, not `{}`",
            rest.escape_ascii()
        )
    })
}

/// The peer that a word names: `3`, `#3` as events write it, or an address.
fn recipient(word: &[u8]) -> Option<Recipient> {
    let word = str::from_utf8(word).ok()?;
    // No address consists of digits alone.
    let number = word.strip_prefix('#').unwrap_or(word);
    if number.bytes().all(|byte| byte.is_ascii_digit()) {
        // No digit at all, and more than 64 bits, fail here.
        return number.parse().ok().and_then(conn);
    }
    peer(word)
}

/// The address behind a command; a path may have blanks.
fn address(word: &str, rest: &[u8]) -> Result<String, String> {
    let address = str::from_utf8(rest.trim_ascii()).ok().filter(|address| !address.is_empty());
    let wrong = || format!("`/{word}` takes one address, as in /{word} 127.0.0.1:5000");
    address.map(str::to_owned).ok_or_else(wrong)
}

/// The one group behind a command.
fn group(word: &str, rest: &[u8]) -> Result<String, String> {
    let wrong = || format!("`/{word}` takes one group, as in /{word} 239.1.2.3:5000");
    let group = str::from_utf8(rest.trim_ascii()).map_err(|_| wrong())?;
    let is_one = !group.is_empty() && !group.contains(char::is_whitespace);
    is_one.then(|| group.to_owned()).ok_or_else(wrong)
}

/// How often to tick.
fn ticks(rest: &[u8]) -> Result<Command, String> {
    let text = str::from_utf8(rest.trim_ascii()).unwrap_or_default();
    let wrong = |cause| format!("`/tick` takes a time, as in /tick 1s, or off: {cause}");
    tick(text).map(Command::Tick).map_err(wrong)
}

/// A command that has no argument.
fn alone(command: Command, word: &str, rest: &[u8]) -> Result<Command, String> {
    match rest.trim_ascii() {
        b"" => Ok(command),
        _ => Err(format!("`/{word}` takes nothing after it")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8]) -> Command {
        send(text, Recipient::All)
    }

    fn connect(address: &str) -> Command {
        Command::Connect { address: address.to_owned(), another: false }
    }

    #[test]
    fn every_command_is_read() {
        let v6 = || Recipient::Peer("[::1]:5".into());
        let table: &[(&[u8], Command)] = &[
            (b"hello there ", all(b"hello there ")),
            (b"", all(b"")),
            (b" /quit", all(b" /quit")),
            (b"\xff/", all(b"\xff/")),
            (b"/all  hello ", all(b" hello ")),
            (b"/all /quit", all(b"/quit")),
            (b"/all", all(b"")),
            (b"//etc", all(b"/etc")),
            (b"//", all(b"/")),
            (b"/to 3 hello ", send(b"hello ", Recipient::Conn(3))),
            (b"/to  #3  hello", send(b" hello", Recipient::Conn(3))),
            (b"/to 3", send(b"", Recipient::Conn(3))),
            (b"/to [::1]:5 \xff", send(b"\xff", v6())),
            (b"/close", Command::Close(Recipient::All)),
            (b"/close 12 ", Command::Close(Recipient::Conn(12))),
            (b"/close [::1]:5", Command::Close(v6())),
            (b"/join 239.1.2.3:5000%eth0", Command::Join("239.1.2.3:5000%eth0".into())),
            (b"/join\t[ff05::1]:5000 ", Command::Join("[ff05::1]:5000".into())),
            (b"/leave 10.0.0.5@232.1.2.3:5", Command::Leave("10.0.0.5@232.1.2.3:5".into())),
            (b"/finish 2", Command::Finish(Recipient::Conn(2))),
            (b"/pause #3", Command::Pause(Recipient::Conn(3))),
            (b"/pause ", Command::Pause(Recipient::All)),
            (b"/resume [::1]:5\r", Command::Resume(v6())),
            (b"/connect  [::1]:5 ", connect("[::1]:5")),
            (b"/connect unix:/a b", connect("unix:/a b")),
            (b"/listen :0", Command::Listen(":0".into())),
            (b"/tick 2s\r", Command::Tick(Some(std::time::Duration::from_secs(2)))),
            (b"/tick off", Command::Tick(None)),
            (b"/tick 0", Command::Tick(None)),
            (b"/list", Command::List),
            (b"/stats \r", Command::Stats),
            (b"/quit", Command::Quit),
        ];
        for (line, command) in table {
            assert_eq!(parse(line), Ok(command.clone()), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn an_unknown_command_lists_the_known_ones() {
        for line in ["/", "/exit", "/Quit", "/joined 1", "/ quit", "/read 1"] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.starts_with("unknown command `/") && error.contains("/join GROUP"));
        }
        let error = parse(b"/\x1b[2J").unwrap_err();
        assert!(error.starts_with("unknown command `/\\x1b[2J`: use /all TEXT,"), "{error}");
    }

    #[test]
    fn a_command_with_too_little_or_too_much_says_what_it_takes() {
        for line in [&b"/join"[..], b"/join ", b"/leave a b", b"/leave \xff"] {
            let error = parse(line).unwrap_err();
            assert!(error.contains("takes one group") && error.contains("239.1.2.3"), "{error}");
        }
        for line in [&b"/to"[..], b"/to  ", b"/to bob hi", b"/to 0 hi", b"/to -1 hi", b"/to \xff"] {
            let error = parse(line).unwrap_err();
            assert!(error.contains("number of a connection or an IP:PORT"), "{error}");
        }
        for line in [&b"/connect"[..], b"/listen ", b"/connect \xff"] {
            let error = parse(line).unwrap_err();
            assert!(error.contains("takes one address") && error.contains("127.0.0.1"), "{error}");
        }
        for line in [&b"/tick"[..], b"/tick often", b"/tick \xff", b"/tick 1us", b"/tick 1x"] {
            let error = parse(line).unwrap_err();
            assert!(error.starts_with("`/tick` takes a time, as in /tick 1s, or off: "), "{error}");
        }
        let wrong = ["/close all", "/close 1 2", "/close 99999999999999999999", "/pause 0"];
        for line in wrong.into_iter().chain(["/resume x", "/finish 1,2"]) {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains("or nothing for all, not `"), "{error}");
        }
        assert_eq!(parse(b"/quit now"), Err("`/quit` takes nothing after it".into()));
    }

    proptest! {
        #[test]
        fn any_text_can_be_sent(text: Vec<u8>, number in 1_u64..) {
            let line = [b"/all ", &text[..]].concat();
            prop_assert_eq!(parse(&line), Ok(all(&text)));
            let line = [format!("/to {number} ").as_bytes(), &text[..]].concat();
            prop_assert_eq!(parse(&line), Ok(send(&text, Recipient::Conn(number))));
            let line = format!("/finish {number}");
            prop_assert_eq!(parse(line.as_bytes()), Ok(Command::Finish(Recipient::Conn(number))));
            let _ = parse(&text);
        }
    }
}
