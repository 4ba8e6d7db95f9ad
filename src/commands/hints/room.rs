//! Words behind `chat` that are one too many.

use super::line::{is_address, is_port};
use super::{is_number, is_taken, joined, typed};

/// The line for the words behind `chat`; `None` where they have more in them than this knows.
pub(super) fn line(mut words: Vec<String>) -> Option<String> {
    let mut note = "";
    if let Some(place) = words.iter().position(|word| word == "-q")
        && words.get(place + 1).is_some_and(|next| is_number(next))
    {
        words.remove(place + 1);
        note = " (-q shows errors only, and takes no value)";
    } else {
        let [.., host, port] = &words[..] else { return None };
        let is_pair = !host.starts_with('-') && !is_address(host) && is_port(port);
        let address = is_pair.then(|| joined(host, Some(port)))?;
        words.truncate(words.len() - 2);
        words.push(address);
    }
    let line = format!("chat {}", typed(&words));
    is_taken(&line).then(|| format!("write `wirecat {line}`{note}"))
}
