//! The completions of each shell, by clap_complete from the definitions of the command line. What is added
//! here: the words of values that more than words are right for, and the little that clap_complete has no
//! words for: lists, words that go on, and interfaces behind a `%`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::{Generator, Shell};
use clap_complete_nushell::Nushell;
use wirecat::commands::{Cli, Parsed};
use wirecat::report::Name;

use super::check;

/// The options whose values are words, by their ids, with these words. One that ends with `=`, `@` or `:`
/// goes on.
const WORDS: &[(&str, &str)] = &[
    ("output", "raw line nul hex dump json none"),
    (
        "frame",
        "none line nul netstring u8 u16 u32 u16le u32le varint octet content-length obj tinyproto \
         fixed: delim:",
    ),
    ("input", "raw line nul hex fixed: commands json"),
    ("slow", "kick drop block"),
    ("seq", "rtp u16@ u32@ u64@ u16le@ u32le@ u64le@"),
    ("proxy_protocol", "v1 v2"),
    ("starttls", "smtp imap pop3 ftp ldap postgres"),
    ("to", "last all"),
];

/// Those of one command.
const OWN: &[(&str, &str, &str)] = &[
    ("echo", "output", "json none"),
    ("mcast-join", "input", "commands json"),
    ("chat", "frame", "line tinyproto"),
];

const OPTIONS: &str =
    "rcvbuf= sndbuf= dscp= mark= mss= keepalive= nodelay= reuseport= ttl= backlog= user-timeout=";

/// The words that complete the value of an option.
fn words(command: &str, arg: &Arg) -> Vec<String> {
    let id = arg.get_id().as_str();
    let split = |words: &str| words.split_whitespace().map(str::to_owned).collect();
    let own = OWN.iter().find(|(name, option, _)| *name == command && *option == id);
    let events = || Name::ALL.iter().map(|name| name.as_str().to_owned());
    match id {
        _ if own.is_some() => own.map(|(_, _, words)| split(words)).unwrap_or_default(),
        "events" => events().collect(),
        "on" => events().map(|name| name + "=").collect(),
        // The help names those that the command takes.
        "socket_option" => {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let known: Vec<String> = split(OPTIONS);
            let is_named = |word: &String| help.contains(word.trim_end_matches('='));
            known.into_iter().filter(is_named).collect()
        }
        _ => {
            let known = WORDS.iter().find(|(option, _)| *option == id);
            known.map(|(_, words)| split(words)).unwrap_or_default()
        }
    }
}

/// What the values of an option are, for shells.
fn hinted(command: &str, arg: Arg) -> Arg {
    let words = words(command, &arg);
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let arg = arg.help(first_clause(&help).to_owned());
    if !words.is_empty() {
        // A default need not be one of them.
        return arg
            .default_value(None::<&str>)
            .value_parser(PossibleValuesParser::new(words.into_iter().map(|word| &*word.leak())));
    }
    let names = arg.get_value_names().unwrap_or_default();
    let hint = match names.first().map_or("", |name| name.as_str()) {
        _ if !arg.get_action().takes_values() => return arg,
        "FILE" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        "ADDR" | "GROUP" => ValueHint::Hostname,
        "CMD" if arg.is_positional() => ValueHint::CommandWithArguments,
        "CMD" => ValueHint::CommandString,
        // @FILE
        "TEXT" => return arg,
        _ => ValueHint::Other,
    };
    arg.value_hint(hint)
}

/// A shell has one line for what an option is: the man page says the rest.
fn first_clause(help: &str) -> &str {
    let ends = ["; ", ": ", ". ", " (", " ["];
    let end = ends.iter().filter_map(|end| help.find(end)).min();
    &help[..end.unwrap_or(help.len())]
}

/// The command line as shells have to know it.
pub(super) fn command() -> Command {
    let hinted = |command: Command| {
        let name = command.get_name().to_owned();
        command.mut_args(|arg| hinted(&name, arg))
    };
    hinted(Cli::command().mut_subcommands(hinted))
}

#[test]
fn completions_are_fresh() {
    check_completions(Shell::Bash, bash);
    check_completions(Shell::Zsh, zsh);
    check_completions(Shell::Fish, fish);
    for shell in [Shell::PowerShell, Shell::Elvish] {
        check_completions(shell, |text| text);
    }
    check_completions(Nushell, |text| text);
}

fn check_completions(generator: impl Generator, finish: impl Fn(String) -> String) {
    let mut text = Vec::new();
    let name = generator.file_name("wirecat");
    clap_complete::generate(generator, &mut command(), "wirecat", &mut text);
    check(&format!("completions/{name}"), &finish(String::from_utf8(text).expect("UTF-8")));
}

/// Each word that is offered is one that the command line takes.
#[test]
fn the_words_are_right() {
    let root = Cli::command();
    for command in root.get_subcommands() {
        for arg in command.get_arguments() {
            for word in words(command.get_name(), arg) {
                // What goes on where nothing of it is right alone.
                let value = match word.split_at(word.find(['=', '@', ':']).map_or(0, |at| at + 1)) {
                    ("", _) => word.clone(),
                    ("dscp=" | "mark=", _) => format!("{word}1"),
                    ("keepalive=" | "nodelay=" | "reuseport=", _) => format!("{word}on"),
                    _ => format!("{word}64"),
                };
                let long = arg.get_long().map(|long| format!("--{long}={value}"));
                let typed = long.unwrap_or_else(|| format!("-O{value}"));
                // Not what it needs beside it: --slow needs a server that sends.
                let line = ["wirecat", command.get_name(), &typed];
                let parsed = Parsed::of(line.map(Into::into));
                let error = parsed.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(!error.contains("invalid value"), "{line:?}: {error}");
            }
        }
    }
}

/// Calls the function of clap_complete, and puts right what it finds.
fn bash(text: String) -> String {
    const ADDED: &str = r#"
# Interfaces behind a %, lists with commas, --option=WORD, the command behind --; no blank behind a word
# that goes on, and words before options.
_wirecat_all() {
    local cur=$2 prev=$3 last=${COMP_WORDS[COMP_CWORD]} word words=() options=()
    local first=$((COMP_CWORD - 1))
    COMPREPLY=()
    if [[ $last == = ]]; then
        cur='' prev=${COMP_WORDS[COMP_CWORD - 1]}
    elif [[ $prev == = && $COMP_CWORD -gt 2 ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for word in "${COMP_WORDS[@]:1:first}"; do
        if [[ $word == -- ]]; then
            if [[ $prev == -- ]]; then
                COMPREPLY=($(compgen -c -- "$cur"))
            fi
            return
        fi
    done
    if [[ $cur == *%* ]]; then
        words=(/sys/class/net/*)
        words=(all "${words[@]##*/}")
        COMPREPLY=($(compgen -P "${cur%%%*}%" -W "${words[*]}" -- "${cur#*%}"))
        return
    fi
    if [[ $prev == --events ]]; then
        local head=
        if [[ $cur == *,* ]]; then
            head=${cur%,*}, cur=${cur##*,}
        fi
        if [[ $cur == -* ]]; then
            head+=- cur=${cur#-}
        fi
        _wirecat "$1" '' "$prev"
        COMPREPLY=($(compgen -P "$head" -W "${COMPREPLY[*]}" -- "$cur"))
        compopt -o nospace 2>/dev/null
        return
    fi
    _wirecat "$1" "$cur" "$prev"
    for word in "${COMPREPLY[@]}"; do
        case $word in
            -*) options+=("$word") ;;
            *)
                words+=("$word")
                [[ $word != *[=@:] ]] || compopt -o nospace 2>/dev/null
                ;;
        esac
    done
    COMPREPLY=("${words[@]}" "${options[@]}")
}
"#;
    let (functions, registration) = text.split_once("\nif [[").expect("it registers the function");
    let registration = registration.replace("-F _wirecat ", "-F _wirecat_all ");
    format!("{functions}{ADDED}\nif [[{registration}")
}

/// Replaces the actions of what is no plain choice of words.
fn zsh(text: String) -> String {
    const ADDED: &str = r#"
(( $+functions[_wirecat_address] )) ||
_wirecat_address() {
    if compset -P '*%'; then
        compadd -- all /sys/class/net/*(N:t)
    elif compset -P 'unix:'; then
        _files
    else
        _hosts
    fi
}
"#;
    let text = text.replace(":_hosts'", ":_wirecat_address'");
    let mut replaced = String::new();
    for line in text.lines() {
        let choice = line.strip_suffix(")' \\").and_then(|line| line.rsplit_once(":("));
        let line = match choice {
            Some((option, words)) if option.ends_with(":LIST") => {
                format!("{option}: _sequence compadd - {words}' \\")
            }
            Some((option, words)) if words.contains(['=', '@', ':']) => {
                let words: Vec<&str> = words.split(' ').collect();
                let goes_on = |word: &&&str| word.ends_with(['=', '@', ':']);
                let [on, whole]: [Vec<&str>; 2] = [
                    words.iter().filter(goes_on).copied().collect(),
                    words.iter().filter(|word| !goes_on(word)).copied().collect(),
                ];
                let on = on.join(" ").replace("\\:", ":").replace(':', "\\:");
                let whole = match whole.as_slice() {
                    [] => String::new(),
                    whole => format!("compadd - {}; ", whole.join(" ")),
                };
                format!("{option}:{{{whole}compadd -S \"\" - {on}}}' \\")
            }
            _ => line.to_owned(),
        };
        replaced += &line;
        replaced += "\n";
    }
    let (head, tail) = replaced.split_once("\n(( $+functions[").expect("more functions");
    format!("{head}\n{}\n(( $+functions[{tail}", ADDED.trim_end())
}

/// Adds functions for lists and interfaces.
fn fish(text: String) -> String {
    let events: Vec<&str> = Name::ALL.iter().map(|name| name.as_str()).collect();
    let with_addresses =
        "tcp-connect tcp-serve udp-send udp-listen mcast-join mcast-send chat echo";
    let added = format!(
        r#"
function __wirecat_events
    printf '%s\n' {}
end

function __wirecat_interfaces
    set -l word (commandline -ct)
    string match -q '*%*' -- $word; or return
    set -l head (string replace -r '%[^%]*$' '%' -- $word)
    printf '%s\n' $head(printf '%s\n' all /sys/class/net/* | string replace -r '.*/' '')
end

complete -c wirecat -n "__fish_wirecat_using_subcommand {with_addresses}" -a "(__wirecat_interfaces)"
"#,
        events.join(" ")
    );
    let mut replaced = String::new();
    let mut in_list = false;
    for line in text.lines() {
        let begins = line.contains(" -l events ");
        let kept = match line.split_once(" -a \"") {
            Some((head, _)) if begins => {
                format!("{head} -a \"(__fish_complete_list , __wirecat_events)\"\n")
            }
            _ if in_list => String::new(),
            _ => format!("{line}\n"),
        };
        // The words of a choice stand on lines of their own.
        in_list = (begins || in_list) && !line.trim_end().ends_with('"');
        replaced += &kept;
    }
    replaced + &added + &fish_arguments()
}

/// clap_complete has fish complete options alone; these arguments are words.
fn fish_arguments() -> String {
    let mut added = String::new();
    let root = Cli::command();
    for command in root.get_subcommands() {
        for arg in command.get_positionals() {
            let values = arg.get_value_parser().possible_values().into_iter().flatten();
            let words: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
            if !words.is_empty() {
                let (name, words) = (command.get_name(), words.join(" "));
                added += &format!(
                    "complete -c wirecat -n \"__fish_wirecat_using_subcommand {name}\" -f -a \"{words}\"\n"
                );
            }
        }
    }
    added
}
