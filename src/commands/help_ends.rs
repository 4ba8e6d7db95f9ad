//! The texts of `--help` about how a run ends, and what a chat takes.

pub(super) const ENDS: &str = "\
How it ends:
  The end of stdin is passed on to the peer (FIN), and what it still sends is
  read to its end. A server whose stdin is empty from the start sends no FIN.
  The end of the peer is the end of the connection, once a stdin that is a pipe
  or a file has been sent to its end. The reader of stdout sees the end at once.
  -w, signals and /quit give what is queued 2 s. What is then known to be unsent
  ends with a reset, so that no part of it looks whole to the peer; a second
  signal ends the run at once.";

pub(super) const SERVE_ENDS: &str = "\
When it ends:
  A server goes on until ^C or SIGTERM, whatever becomes of stdin, unless -1,
  --conns, -c, --expect or -w says when it is done.
  What stdin has is for the clients that are there: a file goes to the first one
  alone. --reply @FILE sends it to each.";

pub(super) const CHAT_LIMITS: &str = "\
Flood limit:
  A room takes 5 lines a second from each member, after 20 at once; a host sets
  that by --flood-limit. What is typed or piped faster waits for its turn, and
  that it waits is shown; with -q it waits without a word.";
