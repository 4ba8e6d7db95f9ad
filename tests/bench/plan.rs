//! What is to be measured, and how much of it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Fallible;
use crate::catalog::{TABLES, TOOLS, Table};
use crate::contest::{Case, Column, Entrant, Kind};
use crate::options::Options;
use crate::peers::installed;

/// Bytes of a stream for the README.
const BRIEF: u64 = 512 << 20;

/// A wirecat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary(PathBuf);

impl Binary {
    /// The one that cargo has just built.
    pub(crate) fn own() -> Self {
        Self(env!("CARGO_BIN_EXE_wirecat").into())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(args);
        command
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// What a table has found.
pub(crate) struct Outcome {
    /// What was measured, in a sentence or two.
    pub(crate) intro: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Clone)]
pub(crate) struct Plan {
    /// Bytes of a stream.
    pub(crate) size: u64,
    pub(crate) rounds: usize,
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    pub(crate) quick: bool,
    pub(crate) against: Option<PathBuf>,
    pub(crate) tables: Vec<&'static Table>,
    /// The tables of the README.
    pub(crate) readme: bool,
    pub(crate) write: bool,
    /// Only what the README shows of a table.
    pub(crate) brief: bool,
    tools: Vec<String>,
    failures: Cell<usize>,
    skipped: RefCell<HashSet<String>>,
}

impl Plan {
    pub(crate) fn new(options: Options) -> Fallible<Self> {
        let is_tool = |name: &&String| TOOLS.iter().any(|(tool, _)| name.as_str() == *tool);
        let (tools, names): (Vec<_>, Vec<_>) = options.names.iter().partition(is_tool);
        let readme = names.iter().any(|name| *name == "readme");
        let named = |table: &&Table| names.iter().any(|name| table.goes_by(name));
        let tables: Vec<&'static Table> = if names.is_empty() {
            TABLES.iter().filter(|table| table.usual).collect()
        } else {
            TABLES.iter().filter(named).collect()
        };
        // A shell may be elsewhere than the processes of the bench.
        let absolute = |path: PathBuf| {
            let found = std::fs::canonicalize(&path);
            found.map_err(|error| format!("--against {}: {error}", path.display()))
        };
        let against = options.against.map(absolute).transpose()?;
        let quick = options.quick;
        let pick = |full: u32, small: u32| if quick { small } else { full };
        Ok(Self {
            size: options.size.unwrap_or(if quick { 64 << 20 } else { 2 << 30 }),
            rounds: options.rounds.unwrap_or(pick(5, 2)) as usize,
            clients: options.clients.unwrap_or(pick(18_000, 500)) as usize,
            time: options.time,
            quick,
            against,
            tables,
            readme,
            write: options.write,
            brief: false,
            tools: tools.into_iter().cloned().collect(),
            failures: Cell::new(0),
            skipped: RefCell::default(),
        })
    }

    /// The same for the README, whose tables are to be made within 8 minutes.
    pub(crate) fn brief(&self) -> Self {
        let size = self.size.min(BRIEF);
        Self { brief: true, size, failures: Cell::new(0), ..self.clone() }
    }

    /// So many of something, or a small part of them.
    pub(crate) fn count(&self, full: usize) -> usize {
        match (self.quick, self.brief) {
            (true, _) => full.div_ceil(20),
            (false, true) => full.div_ceil(2),
            (false, false) => full,
        }
    }

    /// Bytes of a stream of which a table moves less than of others.
    pub(crate) fn part(&self, divisor: u64) -> u64 {
        (self.size / divisor).max(1 << 20)
    }

    /// Who takes part in a work: wirecat, the one before, and what of the others is chosen and
    /// installed. The words are the tool that each is.
    pub(crate) fn entrants<T>(
        &self,
        wirecat: impl Fn(Binary) -> T,
        others: Vec<(&'static str, Entrant<T>)>,
    ) -> Vec<Entrant<T>> {
        let mut entrants = Vec::new();
        if self.wants("wirecat") {
            entrants.push(Entrant::new("wirecat", Kind::Own, wirecat(Binary::own())));
            let before = self.against.clone().map(|path| wirecat(Binary(path)));
            entrants.extend(before.map(|what| Entrant::new("wirecat before", Kind::Before, what)));
        }
        for (tool, entrant) in others {
            if !self.wants(tool) {
                continue;
            }
            if entrant.kind == Kind::Peer && !installed(tool) {
                self.skip(&format!("{tool}: it is not installed"));
                continue;
            }
            entrants.push(entrant);
        }
        entrants
    }

    fn wants(&self, tool: &str) -> bool {
        self.tools.is_empty() || self.tools.iter().any(|chosen| chosen == tool)
    }

    /// Says once what is left out, and why.
    pub(crate) fn skip(&self, what: &str) {
        if self.skipped.borrow_mut().insert(what.to_owned()) {
            println!("SKIPPED bench of {what}");
        }
    }

    /// What a peer fails at is its own affair.
    pub(crate) fn count_failure(&self, kind: Kind) {
        if kind != Kind::Peer {
            self.failures.set(self.failures.get() + 1);
        }
    }

    pub(crate) fn add_failures(&self, more: usize) {
        self.failures.set(self.failures.get() + more);
    }

    pub(crate) fn failures(&self) -> usize {
        self.failures.get()
    }
}
