//! The completions at work: each shell loads its file, and completes what is typed.

use super::process;
use super::skipped::skip;

/// What is typed, some words that are offered, and some that are not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    ("wirecat ", &["tcp-connect", "chat", "man", "help"], &["Cargo.toml"]),
    ("wirecat tcp-s", &["tcp-serve"], &["tcp-connect"]),
    ("wirecat tcp-serve --out", &["--output"], &["--once"]),
    ("wirecat tcp-serve --output ", &["raw", "hex", "dump", "json", "none"], &["Cargo.toml"]),
    ("wirecat tcp-serve --output d", &["dump"], &["raw"]),
    ("wirecat echo --output ", &["json", "none"], &["raw"]),
    ("wirecat tcp-serve --frame net", &["netstring"], &["none"]),
    ("wirecat chat --frame ", &["line", "tinyproto"], &["netstring"]),
    ("wirecat tcp-serve --slow ", &["kick", "drop", "block"], &["Cargo.toml"]),
    ("wirecat tcp-serve --on acc", &["accepted="], &["data="]),
    ("wirecat tcp-serve --events acc", &["accepted"], &["data"]),
    ("wirecat tcp-serve --events accepted,da", &["data"], &["closed"]),
    ("wirecat tcp-serve -O ", &["rcvbuf=", "backlog=", "nodelay="], &["Cargo.toml"]),
    ("wirecat udp-listen -O ", &["rcvbuf=", "ttl="], &["nodelay=", "backlog="]),
    ("wirecat udp-listen --seq ", &["rtp", "u32@"], &["Cargo.toml"]),
    ("wirecat mcast-join --input ", &["commands", "json"], &["raw"]),
    ("wirecat tcp-serve --proxy-protocol ", &["v1", "v2"], &["Cargo.toml"]),
    ("wirecat tcp-serve --save ", &["src", "tests"], &["Cargo.toml"]),
    ("wirecat tcp-serve --record ", &["Cargo.toml", "src"], &[]),
    ("wirecat tcp-serve --replay Cargo.t", &["Cargo.toml"], &["src"]),
    ("wirecat tcp-serve --wait ", &[], &["Cargo.toml"]),
    ("wirecat mcast-join 239.1.2.3:5000%", &["all", "lo"], &["Cargo.toml"]),
    ("wirecat mcast-send 239.1.2.3:5000%l", &["lo"], &["all"]),
    ("wirecat completions ", &["bash", "fish", "zsh"], &["Cargo.toml"]),
    ("wirecat man tcp-", &["tcp-connect", "tcp-serve"], &["chat"]),
    ("wirecat help ec", &["echo"], &["chat"]),
];

/// Compares what a shell offers for each line with the table. A word may begin with what was typed
/// before the part that it completes, and a directory may end with a slash.
#[track_caller]
fn check(shell: &str, offered: &str) {
    let blocks: Vec<&str> = offered.split("=== ").skip(1).collect();
    assert_eq!(blocks.len(), ROWS.len(), "{shell}:\n{offered}");
    for (block, (typed, right, wrong)) in blocks.iter().zip(ROWS) {
        let words: Vec<&str> = block.lines().skip(1).map(str::trim).collect();
        let is_offered = |wanted: &&&str| {
            let is_it = |word: &&str| {
                let word = word.trim_end_matches('/');
                word == **wanted
                    || word.ends_with(&format!("%{wanted}"))
                    || word.ends_with(&format!(",{wanted}"))
            };
            words.iter().any(is_it)
        };
        let missing: Vec<&&str> = right.iter().filter(|word| !is_offered(word)).collect();
        assert!(missing.is_empty(), "{shell}: {typed:?} lacks {missing:?}: {words:?}");
        let more: Vec<&&str> = wrong.iter().filter(is_offered).collect();
        assert!(more.is_empty(), "{shell}: {typed:?} offers {more:?}");
    }
}

/// Runs a script in a shell, with the lines of the table as its arguments.
fn run(shell: &str, flags: &[&str], script: &str) -> Option<String> {
    let lines = ROWS.iter().map(|(typed, ..)| *typed);
    let arguments: Vec<&str> = flags.iter().copied().chain([script]).chain(lines).collect();
    let Some(output) = process(shell, &arguments) else {
        skip(shell, "it is not installed");
        return None;
    };
    let (offered, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.is_empty(), "{shell}: {said}\n{offered}");
    Some(offered.into_owned())
}

#[test]
fn bash_completes() {
    let script = r#"
        source completions/wirecat.bash
        complete -p wirecat >/dev/null || exit 1
        # It works while bash completes alone.
        compopt() { :; }
        for line in "$0" "$@"; do
            echo "=== $line"
            read -ra COMP_WORDS <<<"$line"
            [[ $line != *' ' ]] || COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
            _wirecat_all wirecat "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\n' "${COMPREPLY[@]}"
            # Where the function finds nothing, bash completes files, unless it finds an empty word.
            [[ ${#COMPREPLY[@]} -gt 0 || $line != *--save* ]] || compgen -d
        done"#;
    if let Some(offered) = run("bash", &["-c"], script) {
        check("bash", &offered);
        let first = offered.lines().nth(1);
        assert_eq!(first, Some("tcp-connect"), "commands stand before options");
    }
}

/// `--output=WORD` is three words to bash.
#[test]
fn bash_completes_behind_an_equals_sign() {
    let script = r#"
        source completions/wirecat.bash
        COMP_WORDS=(wirecat tcp-serve --output = d) COMP_CWORD=4
        _wirecat_all wirecat d =
        echo "${COMPREPLY[@]}"
        COMP_WORDS=(wirecat tcp-serve --slow =) COMP_CWORD=3
        _wirecat_all wirecat '' --slow
        echo "${COMPREPLY[@]}"
        COMP_WORDS=(wirecat tcp-serve 0 -- tr) COMP_CWORD=4
        _wirecat_all wirecat tr --
        echo "${COMPREPLY[@]}" | tr ' ' '\n' | grep -x true | uniq"#;
    match process("bash", &["-c", script]) {
        None => skip("bash", "it is not installed"),
        Some(output) => {
            let words = String::from_utf8_lossy(&output.stdout);
            assert_eq!(words, "dump\nkick drop block\ntrue\n");
        }
    }
}

#[test]
fn fish_completes() {
    let script = r#"
        source completions/wirecat.fish; or exit 1
        for line in $argv
            echo "=== $line"
            complete -C $line | string replace -r '\t.*' ''
            or true
        end"#;
    if let Some(offered) = run("fish", &["--no-config", "-c"], script) {
        check("fish", &offered);
    }
}

/// zsh completes in its line editor alone, so that it runs in a terminal of its own (`zpty`). There
/// `compadd` writes what it adds to a file, and ^T what it has typed.
#[test]
fn zsh_completes() {
    let script = r#"
        zmodload zsh/zpty || exit 1
        hits=$(mktemp) || exit 1
        zpty shell zsh -f -i
        zpty -w shell "hits=$hits"'
            PROMPT= RPS1=
            unsetopt zle_bracketed_paste list_beep
            autoload -U compinit && compinit -D -u
            source completions/_wirecat
            compdef _wirecat wirecat
            zstyle ":completion:*" hosts a-host
            compadd() {
                local -a found
                if (( ! ${@[(I)-[OAD]*]} )); then
                    builtin compadd -O found "$@"
                    (( $#found )) && print -rl -- $found >>$hits
                fi
                builtin compadd "$@"
            }
            done-with-it() { print -r -- "=== done" >>$hits; zle kill-buffer; zle reset-prompt }
            zle -N done-with-it
            bindkey "^T" done-with-it
            bindkey "^I" complete-word
            print ready >>$hits'
        await() {
            local try
            for try in {1..1200}; do
                grep -q "$1" $hits && return
                # What the terminal shows is read, lest it fill up.
                zpty -r -t shell shown 2>/dev/null
                sleep 0.05
            done
            print -u2 "zsh: no $1"
            exit 1
        }
        await ready
        for line in "$0" "$@"; do
            : >$hits
            zpty -w -n shell "$line"$'\t\x14'
            await "=== done"
            print -r -- "=== $line"
            grep -v "=== done" $hits
        done
        zpty -d shell
        rm -f $hits"#;
    if let Some(offered) = run("zsh", &["-fc"], script) {
        check("zsh", &offered);
    }
}

#[test]
fn nushell_loads_its_completions() {
    match process("nu", &["-c", "source completions/wirecat.nu"]) {
        None => skip("nu", "it is not installed"),
        Some(output) => assert!(output.status.success(), "{output:?}"),
    }
}
