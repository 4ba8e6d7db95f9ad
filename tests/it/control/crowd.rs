//! A program in another language, with nothing but its standard library, drives a thousand
//! connections with a hundred thousand commands.

use std::process::Command;

use crate::support::proc::may_open;
use crate::support::{program, skip, wirecat_path};

const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/control/driver.py");

#[test]
fn a_python_program_drives_a_thousand_connections() {
    if crate::support::proc::output(Command::new("python3").arg("--version")).is_err() {
        return skip("a_python_program_drives_a_thousand_connections", "there is no python3");
    }
    if !may_open(1000) {
        return;
    }
    let mut command = Command::new("python3");
    command.args([DRIVER, wirecat_path(), "1000", "100000"]);
    let ended = program(command).run().code(0);
    assert!(ended.text().contains("100000 commands to 1000 clients"), "{}", ended.text());
}
