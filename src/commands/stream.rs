//! The options that both stream commands have, and what they mean.

use std::ffi::OsStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{FamilyArgs, InputArgs, InputForm, PaceArgs, RunArgs, SilenceArgs, as_usize};
use super::names::Side;
use super::rules::refuse;
use crate::error::Failure;
use crate::event_loop::READ_SIZE;
use crate::framing::{self, FrameSettings, Framing};
use crate::protocol::output::Written;
use crate::protocol::relay::Rules;
use crate::protocol::text::number;
use crate::report::Settings;
use crate::sessions::children::Program;
use crate::sessions::config::{Common, InputSource, Net, Route, RouteOptions, Wire};
use crate::sockets::Address;
use crate::values::{parse_duration, parse_nonzero_size, parse_read_size};

/// What the unfinished messages of all clients of a server may hold.
const MAX_FRAME_TOTAL: u64 = 64 << 20;
/// The time for one attempt to connect, over all addresses.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_FRAME: u64 = 16 << 20;

/// What both stream commands take
#[derive(Args, Clone, Debug)]
pub struct StreamArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// How long silence may last.
    #[command(flatten, next_help_heading = "Limits")]
    pub silence: SilenceArgs,
    /// End a connection unless a whole message comes within D of the last one (with --frame)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub read_timeout: Option<Duration>,

    /// How fast it is sent.
    #[command(flatten, next_help_heading = "Input and output")]
    pub pace: PaceArgs,

    /// How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le,
    /// u32le, varint, fixed:N, obj (Python objects as JSON), tinyproto, octet, content-length,
    /// delim:END, delim:START,END or uN@OFFSET (see Framings)
    #[arg(long, value_name = "FRAMING", default_value_t = Framing::None, help_heading = "Messages")]
    pub frame: Framing,
    /// The largest message to send or take [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Messages")]
    pub max_frame: Option<u64>,
    /// The most bytes that one read gives, and so one `data` event (without --frame), up to 1MiB
    /// [default: 128KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_read_size, help_heading = "Messages")]
    pub read_size: Option<usize>,
    /// Keep the CR before the LF of a line (with --frame line)
    #[arg(long, help_heading = "Messages")]
    pub keep_cr: bool,

    /// Read a message only when {"read":ID} asks for one (with --input and --output json)
    #[arg(long, help_heading = "Messages")]
    pub paused: bool,

    /// End a connection D after stdin has ended and is sent, whatever the peer does
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Ends")]
    pub quit_after: Option<Duration>,
    /// Send no FIN when stdin has ended
    #[arg(long, help_heading = "Ends")]
    pub keep_open: bool,
    /// When the peer has closed before the end of stdin: continue to send it, or exit
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "continue",
        hide_possible_values = true,
        help_heading = "Ends"
    )]
    pub on_peer_close: OnPeerClose,

    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
}

/// What to do when the peer has closed first
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnPeerClose {
    /// Go on sending to the end of stdin
    Continue,
    /// End at once
    Exit,
}

/// What becomes of the input of a stream command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputUse {
    /// Connections are sent it.
    Sent,
    /// The command does without it.
    Unused,
}

/// What both stream commands are asked to do.
#[cold]
pub(super) fn common(
    args: &StreamArgs,
    report: Settings,
    side: Side,
    input: InputUse,
) -> Result<Common, Failure> {
    let max = as_usize(args.max_frame.unwrap_or(MAX_FRAME));
    let wire = Wire {
        frame: FrameSettings { framing: args.frame.clone(), max, keep_cr: args.keep_cr },
        crlf: args.input.crlf,
        paused: args.paused,
        read_size: args.read_size.unwrap_or(READ_SIZE),
        ..Wire::of_stream(Framing::None, max)
    };
    check_sizes(args, &wire)?;
    let written = if wire.has_messages() { Written::Line } else { Written::Raw };
    let mut common = args.run.common(report, written, wire.clone())?;
    // Read even where stdin is not sent, so that a bad text is refused all the same.
    let source = stream_input(args)?;
    check_sendable(&source, &wire)?;
    args.silence.apply(&mut common);
    common.limits.read = args.read_timeout;
    args.pace.apply(&mut common);
    common.input.source = match input {
        InputUse::Sent => source,
        InputUse::Unused => InputSource::Nothing,
    };
    common.rules = Rules {
        keep_open: args.keep_open,
        leave_on_peer_close: args.on_peer_close == OnPeerClose::Exit,
        quit_after: args.quit_after,
        serving: side == Side::Server,
        undivided: args.frame == Framing::Tinyproto,
    };
    Ok(common)
}

/// How a client connects, from the address of `--bind`.
pub(super) fn routes(
    bind: Option<&OsStr>,
    net: Net,
    timeout: Option<Duration>,
    wire: &Wire,
) -> Result<RouteOptions, Failure> {
    let bind = bind.map(Address::parse_bind).transpose();
    let bind = bind.map_err(|error| refuse("--bind", error.to_string()))?;
    // A connection has no backlog. Refused here, before a name is looked up.
    net.options.check_connect().map_err(|error| refuse("-O", error.to_string()))?;
    let (timeout, negotiated) = (timeout.unwrap_or(CONNECT_TIMEOUT), wire.negotiated());
    Ok(RouteOptions { bind, net, timeout, negotiated, ..RouteOptions::default() })
}

/// The route of a client to an address.
pub(super) fn route(address: Address, routes: &RouteOptions) -> Result<Route, Failure> {
    routes.check(&address).map_err(|(option, why)| refuse(option, why))?;
    Ok(Route { address, options: routes.clone() })
}

/// A message of a framed stream is a line without its end, unless the user asked for lines; with
/// `--frame line` it cannot be anything else.
fn stream_input(args: &StreamArgs) -> Result<InputSource, Failure> {
    let framed = args.frame != Framing::None;
    let framing = if framed { framing::InputFraming::Line } else { framing::InputFraming::Raw };
    let mut source = args.input.source(framing)?;
    let implied = match &mut source {
        InputSource::Messages { chomp, .. } => Some((chomp, args.input.input.is_none())),
        InputSource::Commands { chomp, .. } => Some((chomp, true)),
        InputSource::Nothing | InputSource::Texts(_) => None,
    };
    if let Some((chomp, implied)) = implied {
        *chomp |= framed && (implied || args.frame == Framing::Line);
    }
    Ok(source)
}

/// Texts that the framing cannot carry.
fn check_sendable(source: &InputSource, wire: &Wire) -> Result<(), Failure> {
    let (InputSource::Texts(texts), Some(framer)) = (source, wire.framer()) else {
        return Ok(());
    };
    let encode = |text| framer.encode(text, &mut Vec::new());
    match texts.iter().find_map(|text| encode(text).err()) {
        Some(error) => {
            let what = format!("--send with --frame {}", wire.frame.framing);
            Err(refuse(&what, error.to_string()).maybe_fix(crate::sessions::frame_fix(&error)))
        }
        None => Ok(()),
    }
}

/// Messages of a fixed size cannot be larger than all messages.
fn check_sizes(args: &StreamArgs, wire: &Wire) -> Result<(), Failure> {
    if let Some(InputForm::Messages(form @ framing::InputFraming::Fixed(size))) = args.input.input
        && size > wire.frame.max
    {
        return Err(larger(&form.to_string(), "it is", wire));
    }
    check_least(wire)
}

/// The least that a message has cannot be more than the most.
pub(super) fn check_least(wire: &Wire) -> Result<(), Failure> {
    if wire.frame.framing.least() <= wire.frame.max {
        return Ok(());
    }
    let what = match wire.frame.framing {
        Framing::LengthField(_) => "the header is",
        _ => "it is",
    };
    Err(larger(&wire.frame.framing.to_string(), what, wire))
}

fn larger(form: &str, what: &str, wire: &Wire) -> Failure {
    let most = number(wire.frame.max as u64, "byte");
    refuse(form, format!("{what} more than the {most} of --max-frame"))
}

/// What the unfinished messages of all clients may hold (`--max-frame-total`): at least one message.
pub(super) fn frame_total(total: Option<u64>, wire: &Wire) -> Result<usize, Failure> {
    match total.map(as_usize) {
        None => Ok(as_usize(MAX_FRAME_TOTAL).max(wire.frame.max)),
        Some(total) if total < wire.frame.max => {
            let most = number(wire.frame.max as u64, "byte");
            let cause = format!("one message may have {most} (--max-frame)");
            Err(refuse("--max-frame-total", cause))
        }
        Some(total) => Ok(total),
    }
}

/// A command line as a shell reads it, or for a shell.
pub(super) fn program(command: &str, shell: bool) -> Result<Program, Failure> {
    if shell {
        return Ok(Program::shell(command));
    }
    // The words are split as a shell does it; none runs, and nothing in them is expanded.
    let words = shell_words::split(command)
        .map_err(|error| refuse("--exec", format!("{error} in {command:?}")))?;
    if let Some(operator) = shell_operator(command) {
        let cause = format!("{operator} in {command:?} is for a shell, and none runs");
        return Err(refuse("--exec", cause).fix("add --sh"));
    }
    let program = Program::new(words.into_iter().map(Into::into))
        .ok_or_else(|| refuse("--exec", "it names no program"))?;
    // Now, and not once a client has come.
    program.check()?;
    Ok(program)
}

/// The first word that means something to a shell alone, such as `|`; one in quotes is a word like
/// any other.
fn shell_operator(command: &str) -> Option<&str> {
    let mut quote = None;
    let mut is_blank = |letter: char| {
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            _ => {}
        }
        quote.is_none() && letter.is_whitespace()
    };
    let mut words = command.split(&mut is_blank);
    words.find(|word| ["|", "||", "&&", "&", ";", "<", ">", ">>", "2>", "2>&1"].contains(word))
}

#[cfg(test)]
mod tests {
    use super::shell_operator;

    #[test]
    fn a_word_for_a_shell_is_found_outside_of_quotes() {
        for (command, operator) in [
            ("a | b", Some("|")),
            ("a && b", Some("&&")),
            ("a 'x y' > f", Some(">")),
            ("grep '|' f", None),
            ("grep ' | ' f", None),
            ("grep \"it's | x\" f", None),
            ("curl http://h/?a=1&b=2", None),
            ("cat", None),
        ] {
            assert_eq!(shell_operator(command), operator, "{command}");
        }
    }
}
