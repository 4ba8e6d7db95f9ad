//! What clients send: cut into messages, and handled as the command line says.

use std::io::{self, Write};

use bytes::Bytes;

use super::ServeSession;
use super::client::Client;
use super::service::Service;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, Id, Pool};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::protocol::output::{Output, Written};
use crate::protocol::relay::{Input, Step};
use crate::report::{Name, Notice};
use crate::sessions::console::{Message, write_message};
use crate::sessions::inlet;

impl ServeSession {
    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        // Taken out while its messages go to the others, and put back.
        let Some(mut client) = self.clients.remove(&id) else { return };
        let mut trouble = None;
        let (number, peer) = (client.number, client.peer.clone());
        let file = &mut client.file;
        let framed = client.inlet.feed(bytes, eof, pool.now(), &mut |frame| {
            if trouble.is_some() || !self.core.take_message(frame.payload) {
                return;
            }
            let message = Message { conn: Some(number), ..Message::framed(&frame, &peer) };
            trouble = self.handle(pool, id, file.as_mut(), &message).err();
        });
        self.core.note_match(client.inlet.has_matched());
        self.clients.insert(id, client);
        self.core.console.commit(pool);
        self.send_replies(pool, id);
        if let Some(error) = trouble {
            self.save_failed(pool, id, &error);
        } else if self.core.has_enough() {
            self.end_with_enough(pool);
        } else if let Err(error) = framed {
            self.bad_frame(pool, id, &error);
        } else if eof {
            self.peer_ended(pool, id);
        }
        self.balance(pool);
    }

    /// Handles one message; an error is one of the file of `--save`.
    fn handle(
        &mut self,
        pool: &mut Pool,
        id: Id,
        file: Option<&mut std::fs::File>,
        message: &Message<'_>,
    ) -> io::Result<()> {
        match &mut self.service {
            Service::Talk => self.core.console.deliver(pool, message),
            Service::Hub => {
                self.core.console.deliver(pool, message);
                self.pass_on(pool, id, message.payload);
            }
            Service::Reply(reply) => {
                self.core.console.deliver(pool, message);
                reply.due += usize::from(!reply.at_once);
            }
            // What has a partner goes there, before it gets here.
            Service::Discard | Service::Relay(_) => {}
            Service::Save(_) => {
                let form = match self.core.common.output.form {
                    Output::Written(form) => form,
                    Output::Json | Output::None => Written::Raw,
                };
                if let Some(file) = file {
                    self.scratch.clear();
                    write_message(form, message, false, &mut self.scratch);
                    file.write_all(&self.scratch)?;
                }
            }
        }
        Ok(())
    }

    /// `--reply`: one answer to each message that came. They share their bytes, so that many
    /// small messages cannot ask for much memory.
    fn send_replies(&mut self, pool: &mut Pool, id: Id) {
        let Service::Reply(reply) = &mut self.service else { return };
        let (due, text) = (std::mem::take(&mut reply.due), reply.text.clone());
        self.core.count_sent(due);
        for _ in 0..due {
            let outcome = pool.send_shared(id, text.clone());
            self.sent_to(pool, id, outcome);
        }
    }

    /// `--hub`: one message to all the others.
    fn pass_on(&mut self, pool: &mut Pool, from: Id, payload: &[u8]) {
        self.scratch.clear();
        let encoded = match &self.framer {
            Some(framer) => framer.encode(payload, &mut self.scratch),
            None => {
                self.scratch.extend_from_slice(payload);
                Ok(())
            }
        };
        match encoded {
            Ok(()) => {
                let piece = Bytes::copy_from_slice(&self.scratch);
                self.broadcast(pool, Some(from), &piece, 1);
            }
            // What came in as a frame goes out as one, with one exception: an object that repeats
            // itself can be larger when written out.
            Err(error) => {
                let failure = Failure::new(
                    Status::Lost,
                    Kind::Frame,
                    "pass on",
                    "a message",
                    error.to_string(),
                );
                self.core.console.complain(pool, &failure);
                self.worst.get_or_insert(Status::Lost);
            }
        }
    }

    fn save_failed(&mut self, pool: &mut Pool, id: Id, error: &io::Error) {
        let Some(client) = self.clients.get(&id) else { return };
        let target = format!("what {} sends", client.title());
        let failure = Failure::io(Status::Local, "save", target, error);
        self.core.console.complain(pool, &failure);
        self.worst.get_or_insert(Status::Local);
        pool.abort(id, CloseReason::new(Cause::Error, Detail::Local));
    }

    fn bad_frame(&mut self, pool: &mut Pool, id: Id, error: &FrameError) {
        let Some(client) = self.clients.get(&id) else { return };
        let failure = inlet::bad_frame(client.title(), error);
        self.core.console.complain(pool, &failure);
        pool.abort(id, CloseReason::FRAME);
    }

    fn peer_ended(&mut self, pool: &mut Pool, id: Id) {
        self.client_ended(pool, id);
        self.report_undelivered(pool, id);
        let reason = self.end_reason(id);
        match self.core.common.rules.peer_ended(self.input()) {
            Step::Leave => pool.abort(id, reason),
            Step::Close | Step::HalfClose => pool.close(id, reason, CloseMode::Linger),
            Step::Continue => {}
        }
    }

    /// Notes a client's FIN.
    pub(super) fn client_ended(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.peer_ended = true;
        let event = Notice::new(Name::Eof).conn(client.number).peer(&client.peer);
        self.core.console.report(pool, &event);
    }

    /// A message that was cut by the client's FIN makes its end an error.
    pub(super) fn end_reason(&self, id: Id) -> CloseReason {
        let cut = self.clients.get(&id).is_some_and(|client| client.inlet.undelivered() > 0);
        if cut { CloseReason::FRAME } else { CloseReason::PEER }
    }

    /// The input as a client sees it.
    pub(super) fn input(&self) -> Input {
        self.service.input(self.core.feed.input())
    }

    fn report_undelivered(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get(&id) else { return };
        let count = client.inlet.undelivered();
        if count > 0 {
            let cause = "it closed in the middle of a message";
            let failure =
                Failure::new(Status::Lost, Kind::CutFrame, "read from", client.title(), cause);
            let event = Notice::error(&failure).conn(client.number).undelivered(count);
            self.core.console.report(pool, &event);
            self.worst.get_or_insert(Status::Lost);
        }
    }
}

impl Client {
    /// The event of this client's end.
    pub(super) fn closed<'a>(
        &'a self,
        end: &crate::event_loop::End,
        now: std::time::Instant,
    ) -> Notice<'a> {
        let undelivered = self.inlet.undelivered();
        crate::sessions::console::closed_event(&self.peer, &self.local, end, undelivered, now)
            .conn(self.number)
    }
}
