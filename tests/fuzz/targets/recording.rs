//! Recordings in NDJSON: no file does harm, whoever plays it, and whatever the other side says.

#![no_main]

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::protocol::replay::{Next, Player, Recording, Script, Send};
use wirecat::recording::Role;
use wirecat::report::transcript;

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});

fn check(choices: &mut Unstructured<'_>) -> Result<()> {
    let timing = choices.arbitrary()?;
    let told: Vec<u8> = choices.arbitrary()?;
    let recording = match choices.arbitrary()? {
        true => transcript::parse(lines(choices)?.as_bytes()),
        false => transcript::parse(choices.bytes(choices.len())?),
    };
    if let Ok(recording) = recording {
        for script in scripts(&recording) {
            play(&Arc::new(script), timing, &told);
        }
    }
    Ok(())
}

/// Lines that are mostly right.
fn lines(choices: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    while !choices.is_empty() {
        let event =
            choices.choose(&["accepted", "connected", "listening", "data", "eof", "closed"])?;
        let proto = choices.choose(&["tcp", "unix", "udp", "unixgram"])?;
        let conn = choices.int_in_range(0..=3)?;
        let peer = choices.choose(&["a", "b"])?;
        let dir = choices.choose(&["in", "out"])?;
        let ts = match choices.int_in_range(0..=3)? {
            0 => format!("{:e}", choices.arbitrary::<f64>()?),
            _ => choices.int_in_range(0..=5)?.to_string(),
        };
        let payload = choices.choose(&[r#""text":"ab""#, r#""b64":"/w==""#, r#""text":"""#])?;
        let detail = choices.choose(&["fin", "reset"])?;
        let _ = writeln!(
            text,
            r#"{{"ts":{ts},"event":"{event}","proto":"{proto}","conn":{conn},"peer":"{peer}","dir":"{dir}",{payload},"detail":"{detail}"}}"#
        );
    }
    Ok(text)
}

fn scripts(recording: &Recording) -> Vec<Script> {
    let roles = [Role::Accepted, Role::Connected, Role::Bound];
    let streams = roles.into_iter().flat_map(|role| recording.streams(role));
    streams.chain(recording.datagrams()).collect()
}

/// Plays a script against somebody who says this, and then ends.
fn play(script: &Arc<Script>, timing: bool, told: &[u8]) {
    let mut now = Instant::now();
    let mut player = Player::new(Arc::clone(script), timing, now);
    let _ = (script.is_empty(), script.sends_within(1), script.may_begin_with(told));
    say(&mut player, &mut now);
    for piece in told.chunks(3) {
        if let Err(difference) = player.receive(piece, now) {
            let _ = difference.to_string();
        }
        say(&mut player, &mut now);
    }
    if let Err(difference) = player.end(now) {
        let _ = difference.to_string();
    }
    say(&mut player, &mut now);
    assert!(timing || player.missing().is_some() || player.is_done());
}

/// Lets the player say what it has to say now, or soon.
fn say(player: &mut Player, now: &mut Instant) {
    loop {
        match player.next(*now) {
            Next::Send(Send::Bytes(_) | Send::Fin) => {}
            Next::At(at) => {
                assert!(at > *now);
                if at.duration_since(*now) > Duration::from_secs(3600) {
                    return;
                }
                *now = at;
            }
            Next::Receive => return,
            Next::Done => return assert!(player.is_done()),
        }
    }
}
