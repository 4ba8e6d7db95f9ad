//! Names that have to be known before a session can begin: those to listen on, to bind to, to let
//! in. Threads look all of them up at the same time.

use std::io;
use std::time::Duration;

use super::lookup::Addresses;
use super::startup_wait::{Startup, StartupNeed, wait_for};
use crate::event_loop::{Event, EventLoop, Mail, Pool, Query};
use crate::report::Reporter;

/// Questions to the resolver, and the answers so far.
struct StartupLookup<'a> {
    queries: &'a [Query],
    answers: Vec<Option<Addresses>>,
}

/// Asks all questions, and waits for the answers. There is one for each question, in their order, if
/// the end is [`Startup::Found`].
///
/// # Errors
/// No thread can be had, or the poll does not work.
pub(crate) fn look_up_all(
    event_loop: &mut EventLoop,
    queries: &[Query],
    limit: Option<Duration>,
    reporter: &mut Reporter,
) -> io::Result<(Startup, Vec<Addresses>)> {
    let pool = event_loop.pool();
    queries.iter().try_for_each(|query| pool.look_up(query))?;
    let mut lookup = StartupLookup { queries, answers: vec![None; queries.len()] };
    let end = wait_for(event_loop, &mut lookup, limit, reporter)?;
    Ok((end, lookup.answers.into_iter().flatten().collect()))
}

impl StartupNeed for StartupLookup<'_> {
    fn on(&mut self, _: &mut Pool, event: &Event<'_>) -> bool {
        if let Event::Mail(Mail::Resolved(query, answer)) = event {
            let asked = self.queries.iter().zip(&mut self.answers);
            for (_, place) in asked.filter(|(asked, _)| *asked == query) {
                *place = Some(answer.clone());
            }
        }
        self.answers.iter().all(Option::is_some)
    }

    fn missing(&self) -> String {
        let open = self.queries.iter().zip(&self.answers).find(|(_, answer)| answer.is_none());
        let name = open.map(|(query, _)| query.host.to_string()).unwrap_or_default();
        format!("the resolver to find {name}")
    }
}
