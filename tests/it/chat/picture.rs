//! A picture of the screen, for the README: `UPDATE=1 cargo test --test it picture` takes it anew.

use std::path::Path;

use super::person::Person;
use super::{Guest, relay};

#[test]
fn the_picture_is_of_the_screen_as_it_is() {
    let (_host, address) = relay();
    let mut ann = Person::chat(&format!("--nick ann {address}"));
    ann.resizes(64, 12);
    let mut ann = ann.go();
    ann.sees("you are ann");
    let mut bob = Guest::join(&address, "bob");
    ann.sees("bob joined");
    let mut eve = Guest::join(&address, "漢字");
    ann.sees("漢字 joined");
    bob.say("ann: did the build pass?");
    ann.sees("did the build pass?");
    ann.types("b\tyes, on all of the machines that were awake\r");
    ann.sees("were awake");
    eve.say("/me opens the next one");
    ann.sees("opens the next one");
    bob.say("/msg ann lunch?");
    ann.sees("[bob] lunch?");
    ann.types("/msg bob in five min");
    ann.has_typed("ann> /msg bob in five min", 25);
    // Whatever the port is, the columns stay where they are.
    let port = address.rsplit_once(':').unwrap().1;
    let known = format!("{:width$}", "9000", width = port.len());
    let rows = ann.rows().into_iter().map(|row| row.replace(port, &known).trim_end().to_owned());
    let rows: Vec<String> = rows.map(|row| row.replace("9000  ·", "9000 ·")).collect();
    let picture = rows.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/chat/screen.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let known = std::fs::read_to_string(&path).expect("UPDATE=1 writes it");
    assert_eq!(picture, known, "UPDATE=1 cargo test --test it picture takes it anew");
}
