
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'wirecat' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'wirecat'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'wirecat' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'The form of the events on stderr: text or json [default: text]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour the events: auto, always or never [default: auto]')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Put TEXT into every event')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show connections and the summary too; -vv: every message too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show connections and the summary too; -vv: every message too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show only errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show only errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('tcp-connect', 'tcp-connect', [CompletionResultType]::ParameterValue, 'Connect to a stream server: stdin to it, its answer to stdout')
            [CompletionResult]::new('tcp-serve', 'tcp-serve', [CompletionResultType]::ParameterValue, 'Serve stream clients: stdin to all of them, all of them to stdout')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a man page (try `wirecat man tcp-serve | man -l -`)')
            break
        }
        'wirecat;tcp-connect' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'End the whole run after D, with exit status 124')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'End the whole run after D, with exit status 124')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End a connection that has no traffic for D')
            [CompletionResult]::new('--read-timeout', '--read-timeout', [CompletionResultType]::ParameterName, 'End a connection unless a whole message comes within D of the last one (with --frame)')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Keep trying to connect for D [default: 0, one attempt]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N messages received; fewer is exit status 1 (with --frame)')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N messages received; fewer is exit status 1 (with --frame)')
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]')
            [CompletionResult]::new('--frame', '--frame', [CompletionResultType]::ParameterName, 'How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint or fixed:N')
            [CompletionResult]::new('--max-frame', '--max-frame', [CompletionResultType]::ParameterName, 'The largest message to send or take [default: 16MiB]')
            [CompletionResult]::new('--quit-after', '--quit-after', [CompletionResultType]::ParameterName, 'End a connection D after stdin has ended and is sent, whatever the peer does')
            [CompletionResult]::new('--on-peer-close', '--on-peer-close', [CompletionResultType]::ParameterName, 'When the peer has closed before the end of stdin: continue to send it, or exit')
            [CompletionResult]::new('-O', '-O ', [CompletionResultType]::ParameterName, 'Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up an attempt to connect, over all addresses, after D [default: 10s]')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Connect from this local address and port')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'The form of the events on stderr: text or json [default: text]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour the events: auto, always or never [default: auto]')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Put TEXT into every event')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do as if there were no stdin: nothing is sent, and nothing half-closed')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do as if there were no stdin: nothing is sent, and nothing half-closed')
            [CompletionResult]::new('--chomp', '--chomp', [CompletionResultType]::ParameterName, 'Send lines without their LF (with --input line)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Send CR LF for each LF')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CR LF for each LF')
            [CompletionResult]::new('--keep-cr', '--keep-cr', [CompletionResultType]::ParameterName, 'Keep the CR before the LF of a line (with --frame line)')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Do not tell the peer that stdin has ended')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Connect again when the connection is lost, and say what may be lost with it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show connections and the summary too; -vv: every message too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show connections and the summary too; -vv: every message too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show only errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show only errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wirecat;tcp-serve' {
            [CompletionResult]::new('--reply', '--reply', [CompletionResultType]::ParameterName, 'Answer TEXT: on accept, or to each message with --frame')
            [CompletionResult]::new('--save', '--save', [CompletionResultType]::ParameterName, 'Save what clients send, one file a connection')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Serve N connections in all, then end')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Serve at most N clients at once; the rest wait')
            [CompletionResult]::new('--greet', '--greet', [CompletionResultType]::ParameterName, 'Send each client TEXT first')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'How much may wait to be sent to one client [default: 1MiB]')
            [CompletionResult]::new('--slow', '--slow', [CompletionResultType]::ParameterName, 'What to do with a client that drains nothing: kick, drop (messages) or block [default: block for one client, else kick]')
            [CompletionResult]::new('--slow-after', '--slow-after', [CompletionResultType]::ParameterName, 'How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'When ready, write the ports to FILE, one a line')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'End the whole run after D, with exit status 124')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'End the whole run after D, with exit status 124')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End a connection that has no traffic for D')
            [CompletionResult]::new('--read-timeout', '--read-timeout', [CompletionResultType]::ParameterName, 'End a connection unless a whole message comes within D of the last one (with --frame)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N messages received; fewer is exit status 1 (with --frame)')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N messages received; fewer is exit status 1 (with --frame)')
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]')
            [CompletionResult]::new('--frame', '--frame', [CompletionResultType]::ParameterName, 'How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint or fixed:N')
            [CompletionResult]::new('--max-frame', '--max-frame', [CompletionResultType]::ParameterName, 'The largest message to send or take [default: 16MiB]')
            [CompletionResult]::new('--quit-after', '--quit-after', [CompletionResultType]::ParameterName, 'End a connection D after stdin has ended and is sent, whatever the peer does')
            [CompletionResult]::new('--on-peer-close', '--on-peer-close', [CompletionResultType]::ParameterName, 'When the peer has closed before the end of stdin: continue to send it, or exit')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'The form of the events on stderr: text or json [default: text]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour the events: auto, always or never [default: auto]')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Put TEXT into every event')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Give up if no client has come after D')
            [CompletionResult]::new('-O', '-O ', [CompletionResultType]::ParameterName, 'Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout backlog')
            [CompletionResult]::new('--hub', '--hub', [CompletionResultType]::ParameterName, 'Pass each client''s messages to all others and to stdout')
            [CompletionResult]::new('--discard', '--discard', [CompletionResultType]::ParameterName, 'Throw away what clients send')
            [CompletionResult]::new('-1', '-1', [CompletionResultType]::ParameterName, 'Serve one connection, then end')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Serve one connection, then end')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do as if there were no stdin: nothing is sent, and nothing half-closed')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do as if there were no stdin: nothing is sent, and nothing half-closed')
            [CompletionResult]::new('--chomp', '--chomp', [CompletionResultType]::ParameterName, 'Send lines without their LF (with --input line)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Send CR LF for each LF')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CR LF for each LF')
            [CompletionResult]::new('--keep-cr', '--keep-cr', [CompletionResultType]::ParameterName, 'Keep the CR before the LF of a line (with --frame line)')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Do not tell the peer that stdin has ended')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show connections and the summary too; -vv: every message too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show connections and the summary too; -vv: every message too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show only errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show only errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wirecat;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wirecat;man' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
