
use builtin;
use str;

set edit:completion:arg-completer[wirecat] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'wirecat'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'wirecat'= {
            cand --log 'The form of the events on stderr: text or json [default: text]'
            cand --color 'When to colour the events: auto, always or never [default: auto]'
            cand --tag 'Put TEXT into every event'
            cand -v 'Show connections and the summary too; -vv: every message too'
            cand --verbose 'Show connections and the summary too; -vv: every message too'
            cand -q 'Show only errors'
            cand --quiet 'Show only errors'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand tcp-connect 'Connect to a stream server: stdin to it, its answer to stdout'
            cand tcp-serve 'Serve stream clients: stdin to all of them, all of them to stdout'
            cand completions 'Print the completions for a shell'
            cand man 'Print a man page (try `wirecat man tcp-serve | man -l -`)'
        }
        &'wirecat;tcp-connect'= {
            cand -w 'End the whole run after D, with exit status 124'
            cand --timeout 'End the whole run after D, with exit status 124'
            cand --idle-timeout 'End a connection that has no traffic for D'
            cand --read-timeout 'End a connection unless a whole message comes within D of the last one (with --frame)'
            cand --wait 'Keep trying to connect for D [default: 0, one attempt]'
            cand -c 'Stop after N messages received; fewer is exit status 1 (with --frame)'
            cand --count 'Stop after N messages received; fewer is exit status 1 (with --frame)'
            cand --input 'How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]'
            cand --output 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]'
            cand --frame 'How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint or fixed:N'
            cand --max-frame 'The largest message to send or take [default: 16MiB]'
            cand --quit-after 'End a connection D after stdin has ended and is sent, whatever the peer does'
            cand --on-peer-close 'When the peer has closed before the end of stdin: continue to send it, or exit'
            cand -O 'Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout'
            cand --connect-timeout 'Give up an attempt to connect, over all addresses, after D [default: 10s]'
            cand --bind 'Connect from this local address and port'
            cand --log 'The form of the events on stderr: text or json [default: text]'
            cand --color 'When to colour the events: auto, always or never [default: auto]'
            cand --tag 'Put TEXT into every event'
            cand -n 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
            cand --no-stdin 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
            cand --chomp 'Send lines without their LF (with --input line)'
            cand -C 'Send CR LF for each LF'
            cand --crlf 'Send CR LF for each LF'
            cand --keep-cr 'Keep the CR before the LF of a line (with --frame line)'
            cand --keep-open 'Do not tell the peer that stdin has ended'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --reconnect 'Connect again when the connection is lost, and say what may be lost with it'
            cand -v 'Show connections and the summary too; -vv: every message too'
            cand --verbose 'Show connections and the summary too; -vv: every message too'
            cand -q 'Show only errors'
            cand --quiet 'Show only errors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wirecat;tcp-serve'= {
            cand --reply 'Answer TEXT: on accept, or to each message with --frame'
            cand --save 'Save what clients send, one file a connection'
            cand --conns 'Serve N connections in all, then end'
            cand --max-clients 'Serve at most N clients at once; the rest wait'
            cand --greet 'Send each client TEXT first'
            cand --queue 'How much may wait to be sent to one client [default: 1MiB]'
            cand --slow 'What to do with a client that drains nothing: kick, drop (messages) or block [default: block for one client, else kick]'
            cand --slow-after 'How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]'
            cand --port-file 'When ready, write the ports to FILE, one a line'
            cand -w 'End the whole run after D, with exit status 124'
            cand --timeout 'End the whole run after D, with exit status 124'
            cand --idle-timeout 'End a connection that has no traffic for D'
            cand --read-timeout 'End a connection unless a whole message comes within D of the last one (with --frame)'
            cand -c 'Stop after N messages received; fewer is exit status 1 (with --frame)'
            cand --count 'Stop after N messages received; fewer is exit status 1 (with --frame)'
            cand --input 'How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]'
            cand --output 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]'
            cand --frame 'How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint or fixed:N'
            cand --max-frame 'The largest message to send or take [default: 16MiB]'
            cand --quit-after 'End a connection D after stdin has ended and is sent, whatever the peer does'
            cand --on-peer-close 'When the peer has closed before the end of stdin: continue to send it, or exit'
            cand --log 'The form of the events on stderr: text or json [default: text]'
            cand --color 'When to colour the events: auto, always or never [default: auto]'
            cand --tag 'Put TEXT into every event'
            cand --wait 'Give up if no client has come after D'
            cand -O 'Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout backlog'
            cand --hub 'Pass each client''s messages to all others and to stdout'
            cand --discard 'Throw away what clients send'
            cand -1 'Serve one connection, then end'
            cand --once 'Serve one connection, then end'
            cand -n 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
            cand --no-stdin 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
            cand --chomp 'Send lines without their LF (with --input line)'
            cand -C 'Send CR LF for each LF'
            cand --crlf 'Send CR LF for each LF'
            cand --keep-cr 'Keep the CR before the LF of a line (with --frame line)'
            cand --keep-open 'Do not tell the peer that stdin has ended'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand -v 'Show connections and the summary too; -vv: every message too'
            cand --verbose 'Show connections and the summary too; -vv: every message too'
            cand -q 'Show only errors'
            cand --quiet 'Show only errors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wirecat;completions'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wirecat;man'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
