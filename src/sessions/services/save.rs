//! `--save`: everything received goes to one file a connection.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Profile, StreamService, UNSERVED};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, IdMap};
use crate::protocol::output::{Controls, Output, Written};
use crate::sessions::console::{Message, write_message};
use crate::sessions::streams::{Context, Flow};

pub(super) struct Save {
    directory: PathBuf,
    form: Written,
    files: IdMap<File>,
    /// Why the file of the connection at hand cannot be written.
    failed: Option<io::Error>,
    scratch: Vec<u8>,
}

impl Save {
    pub(super) fn new(directory: PathBuf, output: Output) -> Self {
        let form = match output {
            Output::Written(form) => form,
            Output::Json | Output::None => Written::Raw,
        };
        Self { directory, form, files: IdMap::default(), failed: None, scratch: Vec::new() }
    }

    fn fail(context: &mut Context<'_>, id: Id, failure: &Failure) {
        context.core.console.report_failure(context.pool, failure);
        context.streams.note_loss(Status::Local);
        context.pool.abort(id, UNSERVED);
    }
}

impl StreamService for Save {
    fn profile(&self) -> Profile {
        Profile { descriptors: 2, counts_messages: true, ..Profile::of(Flow::Input) }
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        let Some(connection) = context.streams.table.get(id) else { return };
        match create_file(&self.directory, connection.number, &connection.peer.to_string()) {
            Ok(file) => self.files.insert(id, file),
            Err(error) => {
                let target = format!("a file in {}", self.directory.display());
                let failure = Failure::io(Status::Local, "create", target, &error);
                Self::fail(context, id, &failure);
            }
        }
    }

    /// Nothing is taken after a failure.
    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        if self.failed.is_some() || !context.core.take_message(message.payload) {
            return;
        }
        if let Some(file) = self.files.get_mut(id) {
            self.scratch.clear();
            write_message(self.form, message, Controls::Kept, &mut self.scratch);
            // A regular file is always ready, and epoll(7) takes none: this waits for the disk.
            self.failed = file.write_all(&self.scratch).err();
        }
    }

    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        let Some(error) = self.failed.take() else { return true };
        if let Some(connection) = context.streams.table.get(id) {
            let target = format!("what {} sends", connection.title());
            let failure = Failure::io(Status::Local, "save", target, &error);
            Self::fail(context, id, &failure);
        }
        false
    }

    fn closed(&mut self, _context: &mut Context<'_>, id: Id, _end: &End) {
        self.files.remove(id);
    }
}

/// Creates the file of one connection, for its owner alone; one that is there already is never
/// overwritten.
fn create_file(directory: &Path, number: u64, peer: &str) -> io::Result<File> {
    let safe: String = peer
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' })
        .collect();
    let mut name = format!("{number:06}-{safe}");
    for again in 1.. {
        // O_EXCL: two runs in one directory never take the same name, nor follow a symbolic link.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        match options.open(directory.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                name = format!("{number:06}-{safe}.{again}");
            }
            outcome => return outcome,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut file = create_file(directory.path(), 1, "[::1]:5/../x").unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        let mut names: Vec<_> =
            directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["000001----1--5-..-x", "000001----1--5-..-x.1"]);
        let first = std::fs::read(directory.path().join(&names[0])).unwrap();
        assert_eq!(first, b"first");
    }
}
