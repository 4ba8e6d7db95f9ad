//! The table "from nc" of the README, line by line: what nc, ncat or socat does and what wirecat does are
//! put through the same scene. A tool that is not installed is skipped aloud.
//!
//! A scene is an exchange of plain sockets with the command of a cell, as a shell runs it.

mod scenes;
mod secured;
mod stage;

use std::process::Command;

use super::support::skip;
use scenes::*;
use secured::*;
use stage::Stage;

/// A line by the words of wirecat, and the scene that both of its commands play.
type Line = (&'static str, fn(&Stage));

const LINES: &[Line] = &[
    ("tcp-serve -1 :9000", one_client_talks),
    ("tcp-serve :9000", clients_come_one_after_the_other),
    ("tcp-serve -1 9000", one_client_talks),
    ("tcp-serve -1 unix:/tmp/s", a_unix_client_talks),
    ("tcp-serve -1 -n :9000 > copy", a_file_is_received),
    ("tcp-serve -n :9000 >> log", clients_fill_a_log),
    ("tcp-serve --exec cat :9000", each_is_echoed),
    ("tcp-serve --sh --exec 'echo hi; cat' :9000", each_is_greeted),
    ("echo --tcp :9000", each_is_echoed),
    ("tcp-serve --hub :9000", one_hears_the_other),
    ("chat --host --headless :9000", one_hears_the_other),
    ("tcp-serve --allow 127.0.0.1 :9000", clients_come_one_after_the_other),
    ("tcp-serve --deny 127.0.0.1 :9000", nobody_gets_in),
    ("tcp-serve --forward host:8000 :9000", a_client_is_forwarded),
    ("tcp-serve --forward unix:/tmp/s 9000", a_client_is_forwarded_to_unix),
    ("tcp-serve --forward host:8000 unix:/tmp/s", a_unix_client_is_forwarded),
    ("tcp-connect host:9000", a_server_is_asked),
    ("tcp-connect '[::1]:9000'", a_server_is_asked_by_v6),
    ("tcp-connect unix:/tmp/s", a_unix_server_is_asked),
    ("tcp-connect host:9000 < file", a_file_is_sent_to_its_end),
    ("tcp-connect --keep-open host:9000 < file", a_file_is_sent_and_not_ended),
    ("tcp-connect --quit-after 1 host:9000 < file", a_silent_server_is_left),
    ("tcp-connect --output none --quit-after 0 host:9000 < file", nothing_is_waited_for),
    ("tcp-connect -n host:9000 > copy", a_copy_is_fetched),
    ("tcp-connect -C host:9000", lines_end_in_crlf),
    ("tcp-connect --bind 127.0.0.2:8000 host:9000", it_comes_from_there),
    ("tcp-connect --exec cat host:9000", a_server_is_echoed),
    ("tcp-connect -z host:9000", a_port_is_found_open_or_closed),
    ("tcp-connect -z --connect-timeout 2 host:9000", a_port_is_found_open_or_closed),
    ("tcp-connect --idle-timeout 2 host:9000", a_silent_server_is_left),
    ("tcp-connect --wait 60s host:9000", a_server_comes_late),
    ("tcp-connect --record log host:9000", what_was_said_is_on_record),
    ("tcp-connect --output dump host:9000", bytes_are_shown),
    ("tcp-connect --via socks5://host:8000 host:9000", a_server_is_asked_by_socks),
    ("tcp-connect --via http://host:8000 host:9000", a_server_is_asked_by_http),
    ("tcp-connect --tls --tls-insecure host:9000", a_tls_server_is_asked),
    ("tcp-connect --tls --tls-ca cert.pem localhost:9000", a_tls_server_is_verified),
    ("tcp-serve --tls-self-signed :9000", a_tls_client_talks),
    ("tcp-serve --tls-cert cert.pem --tls-key key.pem :9000", a_tls_client_talks),
    ("udp-send --reply host:9000", a_datagram_is_answered),
    ("udp-listen :9000", datagrams_come),
    ("udp-listen --exec cat :9000", datagrams_are_echoed),
    ("mcast-join 239.1.2.3:9000%lo", a_group_is_heard),
    ("mcast-send 239.1.2.3:9000%lo", a_group_is_sent_to),
];

/// The rows of the table: the line of another tool, and that of wirecat.
fn rows() -> Vec<(String, String)> {
    let readme = include_str!("../../../README.md");
    let table = readme.split("<!-- from nc -->\n").nth(1).expect("the table");
    let table = table.split("<!-- end of from nc -->").next().expect("its end");
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let (foreign, ours) = line.trim_matches('|').split_once(" | ").expect("two cells");
        (cell(foreign), cell(ours))
    };
    table.lines().skip(2).map(row).collect()
}

#[test]
fn every_line_has_its_scene() {
    let rows = rows();
    assert!(rows.len() >= 40, "{} lines", rows.len());
    for (_, ours) in &rows {
        let ours = ours.strip_prefix("wirecat ").expect("the name of the program");
        assert!(LINES.iter().any(|(line, _)| *line == ours), "{ours}");
    }
    for (line, _) in LINES {
        assert!(rows.iter().any(|(_, ours)| ours.strip_prefix("wirecat ") == Some(line)), "{line}");
    }
}

/// What zsh would take for a pattern, and refuse, stands in quotes.
#[test]
fn every_line_of_wirecat_is_for_every_shell() {
    let quoted = regex::Regex::new("'[^']*'").expect("an expression");
    for (_, ours) in rows() {
        assert!(!quoted.replace_all(&ours, "").contains(['[', '*', '?']), "{ours}");
    }
}

/// In parts, so that they run side by side.
fn play(part: usize) {
    const PARTS: usize = 8;
    for (foreign, ours) in rows().iter().skip(part).step_by(PARTS) {
        let line = ours.strip_prefix("wirecat ").expect("the name of the program");
        let (_, scene) = LINES.iter().find(|(known, _)| *known == line).expect("its scene");
        for command in [ours, foreign] {
            let tool = command.split(' ').next().expect("a word");
            if tool != "wirecat" && !is_installed(tool) {
                skip("from_nc", &format!("{tool} is not installed, for `{command}`"));
                continue;
            }
            eprintln!("{command}");
            scene(&Stage::new(command));
        }
    }
}

macro_rules! parts {
    ($($name:ident $part:literal)*) => { $(#[test] fn $name() { play($part); })* };
}

parts! {
    lines_of_part_1 0 lines_of_part_2 1 lines_of_part_3 2 lines_of_part_4 3
    lines_of_part_5 4 lines_of_part_6 5 lines_of_part_7 6 lines_of_part_8 7
}

/// nc is here what Debian calls nc.openbsd: the one of old has other options.
fn is_installed(tool: &str) -> bool {
    let script = match tool {
        "nc" => "nc -h 2>&1 | grep -q OpenBSD".to_owned(),
        tool => format!("command -v {tool}"),
    };
    crate::support::proc::output(Command::new("sh").args(["-c", &script]))
        .is_ok_and(|output| output.status.success())
}
