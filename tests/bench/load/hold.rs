//! Clients that only are there.

use std::io::{Read, stdin};

use serde_json::{Value, json};

use super::Task;
use crate::Fallible;

/// Connects them, says so, and holds them until stdin ends.
pub(super) fn run(task: &Task) -> Fallible<Value> {
    let clients = (0..task.get("clients")?).map(|_| task.connect());
    let clients = clients.collect::<Fallible<Vec<_>>>()?;
    println!("held");
    let mut nothing = Vec::new();
    stdin().read_to_end(&mut nothing)?;
    Ok(json!({ "held": clients.len() }))
}
