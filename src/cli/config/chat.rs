//! The configuration of `chat`: which of its three ways is meant, and what fits it.

use std::time::Duration;

use super::{
    NOT_IP, as_usize, check_nodelay, check_port_file, check_stdin_takers, goal, helpers, limits,
    net, output, read_texts, refuse, refuse_any,
};
use crate::cli::args::ChatArgs;
use crate::error::Failure;
use crate::framing::{self, Framing};
use crate::multicast::GroupAddress;
use crate::protocol::chat::{MAX_LINE, MAX_RELAYED, Nick};
use crate::protocol::output::{Output, Written};
use crate::protocol::relay::Rules;
use crate::report::Settings;
use crate::sessions::chat::config::{ChatConfig, GroupConfig, HostConfig, Identity, JoinConfig};
use crate::sessions::config::{Common, Dialing, Helpers, Input, InputSource, Net, Route, Wire};
use crate::sockets::{Address, AddressError};

const QUEUE: u64 = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration of `chat`.
///
/// # Errors
/// A bad address, or options that cannot apply.
pub fn chat(args: &ChatArgs, report: Settings) -> Result<ChatConfig, Failure> {
    let way = way(args)?;
    check(args, &way)?;
    check_frame(args, &way)?;
    let place = Place { net: net(&args.run, &args.family)?, helpers: helpers(&args.run)?, report };
    match way {
        Way::Group(group) => self::group(args, group, place),
        Way::Address(address) if args.host => host(args, address, place),
        Way::Address(address) => join(args, address, place),
    }
}

/// What is known before the way is.
struct Place {
    net: Net,
    helpers: Helpers,
    report: Settings,
}

/// What all three ways are asked to do, on such a wire.
fn common(args: &ChatArgs, place: Place, wire: Wire) -> Result<(Common, Net), Failure> {
    let source = if !args.send.is_empty() {
        check_stdin_takers(&args.send)?;
        read_texts(&args.send)?
    } else if args.no_stdin || args.headless {
        InputSource::Nothing
    } else {
        InputSource::Messages { form: framing::Input::Line, chomp: true }
    };
    let common = Common {
        limits: limits(&args.run, None, None),
        goal: goal(&args.run),
        input: Input { source, rate: None },
        output: output(&args.run, Written::Line, place.report, false),
        rules: Rules {
            serving: args.host,
            undivided: wire.framing == Framing::Tinyproto,
            ..Rules::default()
        },
        wire,
        helpers: place.helpers,
    };
    Ok((common, place.net))
}

/// A stream between a host and its members, with lines of so many bytes.
fn stream(args: &ChatArgs, max: usize) -> Wire {
    let framing = args.frame.unwrap_or(Framing::Line);
    Wire { datagrams: false, framing, max, keep_cr: false, crlf: false }
}

/// `--frame`: lines, or the chat of tinyproto, which has a host and no names.
fn check_frame(args: &ChatArgs, way: &Way) -> Result<(), Failure> {
    let Some(framing) = args.frame else { return Ok(()) };
    if matches!(way, Way::Group(_)) {
        return Err(refuse("--frame", "a room in a group is made of datagrams"));
    }
    match framing {
        Framing::Line => Ok(()),
        Framing::Tinyproto => {
            let nick = [(args.nick.is_some(), "--nick")];
            refuse_any(&nick, "the chat of tinyproto has no names")?;
            check_nodelay(framing, &args.run)
        }
        _ => Err(refuse(&format!("--frame {framing}"), "a chat is of lines, or of tinyproto")),
    }
}

/// Where the room is.
enum Way {
    Address(Address),
    Group(GroupAddress),
}

fn way(args: &ChatArgs) -> Result<Way, Failure> {
    match args.address.parse::<GroupAddress>() {
        Ok(group) => Ok(Way::Group(group)),
        Err(wrong) => match args.address.parse::<Address>() {
            // It is one that is not written as a group is.
            Err(AddressError::Group(_)) => Err(wrong.into()),
            address => Ok(Way::Address(address?)),
        },
    }
}

/// Options of one way that were given to another.
fn check(args: &ChatArgs, way: &Way) -> Result<(), Failure> {
    let hosting = [
        (args.headless, "--headless"),
        (args.max_clients.is_some(), "--max-clients"),
        (args.queue.is_some(), "--queue"),
    ];
    let joining = [
        (args.reconnect, "--reconnect"),
        (args.connect_timeout.is_some(), "--connect-timeout"),
        (args.bind.is_some(), "--bind"),
    ];
    match way {
        Way::Group(_) => {
            refuse_any(&[(args.host, "--host")], "a room in a group has no host")?;
            refuse_any(&joining, "a room in a group has no host to connect to")?;
            refuse_any(&hosting, "it needs --host")?;
            let family = [(args.family.v4, "-4"), (args.family.v6, "-6")];
            refuse_any(&family, "the group says which family it is of")?;
        }
        Way::Address(_) if args.host => {
            refuse_any(&[(!args.send.is_empty(), "--send")], "it is for those who join")?;
            refuse_any(&joining, "it is for those who join")?;
        }
        Way::Address(_) => refuse_any(&hosting, "it needs --host")?,
    }
    if matches!(way, Way::Address(_)) {
        refuse_any(&[(args.ttl.is_some(), "--ttl")], "it needs a group")?;
    }
    if args.no_stdin {
        refuse_any(&[(!args.send.is_empty(), "-n")], "--send stands in the place of stdin")?;
    }
    let identity = [
        (args.nick.is_some(), "--nick"),
        (args.time, "--time"),
        (args.no_stdin, "--no-stdin"),
        (matches!(args.run.output, Some(Output::Written(_))), "--output"),
    ];
    if args.headless {
        refuse_any(&identity, "with --headless nobody takes part here")?;
    }
    Ok(())
}

fn group(args: &ChatArgs, group: GroupAddress, place: Place) -> Result<ChatConfig, Failure> {
    group.check_send()?;
    let framing = Framing::None;
    let wire = Wire { datagrams: true, framing, max: MAX_LINE, keep_cr: false, crlf: false };
    let (common, net) = common(args, place, wire)?;
    let ttl = args.ttl.unwrap_or(1);
    Ok(ChatConfig::Group(Box::new(GroupConfig {
        common,
        net,
        group,
        identity: identity(args),
        ttl,
    })))
}

fn host(args: &ChatArgs, address: Address, place: Place) -> Result<ChatConfig, Failure> {
    check_family(args, &address)?;
    check_port_file(&args.run, std::slice::from_ref(&address))?;
    let (common, net) = common(args, place, stream(args, MAX_LINE))?;
    Ok(ChatConfig::Host(Box::new(HostConfig {
        common,
        net,
        address,
        identity: (!args.headless).then(|| identity(args)),
        max_clients: args.max_clients.map(as_usize),
        queue: as_usize(args.queue.unwrap_or(QUEUE)),
    })))
}

fn join(args: &ChatArgs, address: Address, place: Place) -> Result<ChatConfig, Failure> {
    address.check_connect()?;
    check_family(args, &address)?;
    if !matches!(address, Address::Inet { .. }) {
        refuse_any(&[(args.bind.is_some(), "--bind")], NOT_IP)?;
    }
    if matches!(address, Address::Fd(_)) {
        let given = [
            (args.run.wait.is_some(), "--wait"),
            (args.connect_timeout.is_some(), "--connect-timeout"),
            (args.reconnect, "--reconnect"),
        ];
        refuse_any(&given, "an inherited socket is connected already")?;
    }
    check_port_file(&args.run, std::slice::from_ref(&address))?;
    let bind = args.bind.as_deref().map(Address::parse_bind).transpose();
    let bind = bind.map_err(|error| refuse("--bind", error.to_string()))?;
    place.net.options.check_connect().map_err(|error| refuse("-O", error.to_string()))?;
    // A host puts names before lines, and escapes what is in them.
    let (common, net) = common(args, place, stream(args, MAX_RELAYED))?;
    let timeout = args.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let negotiated = common.wire.negotiated();
    Ok(ChatConfig::Join(Box::new(JoinConfig {
        common,
        route: Route { address, bind, net, timeout, negotiated },
        dialing: Dialing { reconnect: args.reconnect, settle: Duration::ZERO },
        identity: identity(args),
    })))
}

fn check_family(args: &ChatArgs, address: &Address) -> Result<(), Failure> {
    match address {
        Address::Inet { .. } => Ok(()),
        _ => refuse_any(&[(args.family.v4, "-4"), (args.family.v6, "-6")], NOT_IP),
    }
}

fn identity(args: &ChatArgs) -> Identity {
    // What other programs write would end up in the middle of a screen.
    let is_alone = args.run.command.is_empty() && args.run.on.is_empty();
    let user = || Nick::tamed(&std::env::var("USER").ok()?);
    Identity {
        nick: args.nick.clone().or_else(user),
        time: args.time,
        screen: args.run.output.is_none() && args.send.is_empty() && !args.no_stdin && is_alone,
    }
}
