//! Clients that only are there.

use std::io::{Read, Write, stdin};

use serde_json::{Value, json};

use super::Task;
use crate::Fallible;

/// Connects them, has each say something, says so, and holds them until stdin ends.
pub(super) fn run(task: &Task) -> Fallible<Value> {
    let words: String = task.get("say")?;
    let pairs =
        words.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?));
    let words = pairs.collect::<Fallible<Vec<u8>>>()?;
    let connect = || {
        let mut client = task.connect()?;
        client.write_all(&words)?;
        Ok(client)
    };
    let clients = (0..task.get("clients")?).map(|_| connect());
    let clients = clients.collect::<Fallible<Vec<_>>>()?;
    println!("held");
    let mut nothing = Vec::new();
    stdin().read_to_end(&mut nothing)?;
    Ok(json!({ "held": clients.len() }))
}
