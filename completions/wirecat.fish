# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wirecat_global_optspecs
    string join \n v/verbose q/quiet events= log= color= tag= h/help V/version
end

function __fish_wirecat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wirecat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wirecat_using_subcommand
    set -l cmd (__fish_wirecat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wirecat -n "__fish_wirecat_needs_command" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_needs_command" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_needs_command" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_needs_command" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_needs_command" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_needs_command" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_needs_command" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_needs_command" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "tcp-connect" -d 'Connect to a stream server: stdin to it, its answer to stdout'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "tcp-serve" -d 'Serve stream clients: stdin to all of them, all of them to stdout'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "udp-send" -d 'Send datagrams: each line of stdin is one'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "udp-listen" -d 'Receive datagrams of all peers to stdout, and send them stdin'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "mcast-join" -d 'Join multicast groups: what is sent to them to stdout'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "mcast-send" -d 'Send datagrams to multicast groups: each line of stdin is one'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "chat" -d 'Chat: join a room, host one, or meet in a multicast group'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "echo" -d 'Send back what comes, or with --ping measure how long that takes'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "help" -d 'Print the help of a command'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c wirecat -n "__fish_wirecat_needs_command" -f -a "man" -d 'Print a man page (try `wirecat man tcp-serve | man -l -`)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l output -d 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l send -d 'Send TEXT in place of stdin; repeatable, one message each' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l idle-timeout -d 'End a connection that has no traffic for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l read-timeout -d 'End a connection unless a whole message comes within D of the last one (with --frame)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l rate -d 'Limit sending: 10MiB/s is bytes, 100/s is messages (with --frame)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l frame -d 'How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint, fixed:N, obj (Python objects as JSON), tinyproto, octet, content-length, delim:END, delim:START,END or uN@OFFSET (see Framings)' -r -f -a "none\t''
line\t''
nul\t''
netstring\t''
u8\t''
u16\t''
u32\t''
u16le\t''
u32le\t''
varint\t''
octet\t''
content-length\t''
obj\t''
tinyproto\t''
fixed:\t''
delim:\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l max-frame -d 'The largest message to send or take [default: 16MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l read-size -d 'The most bytes that one read gives, and so one `data` event (without --frame), up to 1MiB [default: 128KiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l quit-after -d 'End a connection D after stdin has ended and is sent, whatever the peer does' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l on-peer-close -d 'When the peer has closed before the end of stdin: continue to send it, or exit' -r -f -a "continue\t'Go on sending to the end of stdin'
exit\t'End at once'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l connect-timeout -d 'Give up an attempt to connect, over all addresses, after D [default: 10s]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l settle -d 'Take a connection for one when it has stood for D [default: 0; 100ms with -z and --wait]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l bind -d 'Connect from this local address and port, or from unix:PATH' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l proxy-protocol -d 'Begin the connection with a header of the PROXY protocol, v1 or v2, which names its two ends' -r -f -a "v1\t''
v2\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l via -d 'Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l via-password-file -d 'Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l exec -d 'Run CMD with the connection as its stdin and stdout; its status is ours' -r -f -a "(__fish_complete_command)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls -d 'Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l starttls -d 'Have the server go over to TLS first as its protocol does: smtp, imap, pop3, ftp, ldap or postgres; it implies --tls' -r -f -a "smtp\t''
imap\t''
pop3\t''
ftp\t''
ldap\t''
postgres\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-ca -d 'Trust the certificates of FILE (PEM), and no others [default: those of this machine]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-pin -d 'Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-min-days -d 'Take no certificate that ends within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-cert -d 'The certificate of this side (PEM), and behind it those of who has issued it' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-key -d 'The key of the certificate (PEM) [default: the one in the file of --tls-cert]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l alpn -d 'The protocols to agree on one of, the best first: h2,http/1.1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l replay -d 'Play this side of the recording in FILE (of --record), and compare what the other side sends' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l unix-mode -d 'Who may connect to a unix socket that has a path: the mode of its file [default: 0600]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l input -d 'How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]; or commands, json: what to do' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l wait -d 'Keep trying to connect for D [default: 0, one attempt]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s c -l count -d 'Stop after N messages received; fewer is exit status 1 (with --frame)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
mss=\t''
keepalive=\t''
nodelay=\t''
reuseport=\t''
ttl=\t''
user-timeout=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s n -l no-stdin -d 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l keep-cr -d 'Keep the CR before the LF of a line (with --frame line)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l paused -d 'Read a message only when {"read":ID} asks for one (with --input and --output json)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l keep-open -d 'Send no FIN when stdin has ended'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s z -l probe -d 'Only see whether a connection can be made: nothing is sent or received'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l reconnect -d 'Connect again when the connection is lost, and report what may be lost with it'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l sh -d 'Run CMD by /bin/sh -c (with --exec)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-insecure -d 'Take any certificate: whoever is between the two sides can read and change what they say'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l replay-timing -d 'Keep the recorded pauses (with --replay)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l reply -d 'Answer TEXT: on accept, or to each message with --frame' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l save -d 'Save what clients send, one file a connection' -r -f -a "(__fish_complete_directories)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l forward -d 'Relay each connection to ADDR; to tls:HOST:PORT by TLS' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l exec -d 'Run CMD for each connection, which is its stdin and stdout (WIRECAT_PEER, _LOCAL, _CONN)' -r -f -a "(__fish_complete_command)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l connect-timeout -d 'Give up an attempt to connect after D (with --forward or commands) [default: 10s]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l conns -d 'Serve N connections in all, then end' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-clients -d 'Serve at most N clients at once; the rest wait (--frame tinyproto refuses them)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-per-address -d 'Serve at most N clients of one IP address at once; more are closed' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l threads -d 'Serve the clients in N threads, 1 to 64 [default: 1]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l greet -d 'Send each client TEXT first' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l allow -d 'Let in only clients of these networks, or of the addresses that a name has now; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l deny -d 'Do not let in clients of these networks or names, whatever is allowed; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l queue -d 'How much may wait to be sent to one client [default: 1MiB; 256KiB with --forward and --exec]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l slow -d 'What to do with a client that drains nothing: kick, drop (messages) or block [default: block for one client, else kick]' -r -f -a "kick\t''
drop\t''
block\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l slow-after -d 'How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-frame-total -d 'The most that the unfinished messages of all clients hold: past it those that hold most wait [default: 64MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l proxy-protocol -d 'Begin each connection of --forward with a header of the PROXY protocol, v1 or v2, which names the client' -r -f -a "v1\t''
v2\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l via -d 'Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l via-password-file -d 'Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l unix-mode -d 'Who may connect to a unix socket that has a path: the mode of its file [default: 0600]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l output -d 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l send -d 'Send TEXT in place of stdin; repeatable, one message each' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l idle-timeout -d 'End a connection that has no traffic for D; with --conns that is 124 in the end' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l read-timeout -d 'End a connection unless a whole message comes within D of the last one (with --frame)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l rate -d 'Limit sending: 10MiB/s is bytes, 100/s is messages (with --frame)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l frame -d 'How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint, fixed:N, obj (Python objects as JSON), tinyproto, octet, content-length, delim:END, delim:START,END or uN@OFFSET (see Framings)' -r -f -a "none\t''
line\t''
nul\t''
netstring\t''
u8\t''
u16\t''
u32\t''
u16le\t''
u32le\t''
varint\t''
octet\t''
content-length\t''
obj\t''
tinyproto\t''
fixed:\t''
delim:\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-frame -d 'The largest message to send or take [default: 16MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l read-size -d 'The most bytes that one read gives, and so one `data` event (without --frame), up to 1MiB [default: 128KiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l quit-after -d 'End a connection D after stdin has ended and is sent, whatever the peer does' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l on-peer-close -d 'When the peer has closed before the end of stdin: continue to send it, or exit' -r -f -a "continue\t'Go on sending to the end of stdin'
exit\t'End at once'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-client-ca -d 'Take only clients whose certificates are issued by those of FILE (PEM)' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-ca -d 'Trust the certificates of FILE (PEM), and no others [default: those of this machine]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-pin -d 'Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-min-days -d 'Take no certificate that ends within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-cert -d 'The certificate of this side (PEM), and behind it those of who has issued it' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-key -d 'The key of the certificate (PEM) [default: the one in the file of --tls-cert]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l alpn -d 'The protocols to agree on one of, the best first: h2,http/1.1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l replay -d 'Play this side of the recording in FILE (of --record), and compare what the other side sends' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l input -d 'How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]; or commands, json: what to do' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l wait -d 'Give up if no client has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s c -l count -d 'Stop after N messages received; fewer is exit status 1 (with --frame)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout backlog' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
mss=\t''
keepalive=\t''
nodelay=\t''
reuseport=\t''
ttl=\t''
backlog=\t''
user-timeout=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l hub -d 'Pass each client\'s messages to all others and to stdout'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l discard -d 'Throw away what clients send'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l sh -d 'Run CMD by /bin/sh -c (with --exec)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s 1 -l once -d 'Serve one connection, then end'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l accept-proxy -d 'Take clients of proxies only, which begin with a header of the PROXY protocol (v1 or v2) within 3 s: the client that it names is the peer'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s n -l no-stdin -d 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l keep-cr -d 'Keep the CR before the LF of a line (with --frame line)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l paused -d 'Read a message only when {"read":ID} asks for one (with --input and --output json)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l keep-open -d 'Send no FIN when stdin has ended'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-self-signed -d 'Speak TLS with a certificate that is made for this run; its pin is shown'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-insecure -d 'Take any certificate: whoever is between the two sides can read and change what they say'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l replay-timing -d 'Keep the recorded pauses (with --replay)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s c -l count -d 'Stop after N messages received; fewer is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l idle-timeout -d 'End when nothing was sent or received for D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l send -d 'Send TEXT in place of stdin; repeatable, one message each' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l repeat -d 'Send each message N times' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l rate -d 'Limit sending: 100/s is messages, 10MiB/s is bytes' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l reply -d 'Print answers until D passes without one [default: 1s]; none is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l bind -d 'Send from this local address and port, or from unix:PATH' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l input -d 'How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to send, and to whom' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l wait -d 'Send again once a second until the first answer, for D at most' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l output -d 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s n -l no-stdin -d 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l any-source -d 'Print answers from any address and port, such as those of TFTP'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l broadcast -d 'Allow broadcast addresses; answers may come from any address'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s c -l count -d 'Stop after N messages received; fewer is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l idle-timeout -d 'End when nothing has come for D: 0 if a message came before, else 1; with --exec, end the command of a silent peer [default: 30s]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l reply -d 'Answer each message with TEXT' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l allow -d 'Listen only to these networks, or to the addresses that a name has now; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l deny -d 'Do not listen to these networks or names, whatever is allowed; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l interval -d 'Report the statistics of each D as well (with --stats)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l seq -d 'Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]' -r -f -a "rtp\t''
u16@\t''
u32@\t''
u64@\t''
u16le@\t''
u32le@\t''
u64le@\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l max-loss -d 'More loss than PCT at the end is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l send -d 'Send TEXT in place of stdin; repeatable, one message each' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l to -d 'Whom stdin goes to: last, all, or an address [default: last]' -r -f -a "last\t''
all\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l exec -d 'Run CMD for each peer: it reads what the peer sends, and its lines go back as datagrams (--input says otherwise; WIRECAT_PEER, _LOCAL, _CONN)' -r -f -a "(__fish_complete_command)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l max-flows -d 'Run at most N commands at once (with --exec) [default: 64]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l unix-mode -d 'Who may connect to a unix socket that has a path: the mode of its file [default: 0600]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l replay -d 'Play this side of the recording in FILE (of --record), and compare what the other side sends' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l input -d 'How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to do; with --exec, how the output of CMD is (raw: each read)' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l wait -d 'Give up if no message has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l output -d 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l stats -d 'Report messages, rate, loss, duplicates, reordering, jitter and latency of each source'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s n -l no-stdin -d 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l first-peer -d 'Listen only to the first peer'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l broadcast -d 'Allow to send to broadcast addresses'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l sh -d 'Run CMD by /bin/sh -c (with --exec)'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l replay-timing -d 'Keep the recorded pauses (with --replay)'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s c -l count -d 'Stop after N messages received; fewer is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l idle-timeout -d 'End when nothing has come for D: 0 if a message came before, else 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l reply -d 'Answer each message with TEXT' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l allow -d 'Listen only to these networks, or to the addresses that a name has now; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l deny -d 'Do not listen to these networks or names, whatever is allowed; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l interval -d 'Report the statistics of each D as well (with --stats)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l seq -d 'Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]' -r -f -a "rtp\t''
u16@\t''
u32@\t''
u64@\t''
u16le@\t''
u32le@\t''
u64le@\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l max-loss -d 'More loss than PCT at the end is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l rejoin -d 'Leave and join all groups again, every D (reports, no leave), and on an interface that was made anew' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l input -d 'Read from stdin what to do: commands or json [default: stdin is not read]' -r -f -a "commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l wait -d 'Give up if no message has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l output -d 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l stats -d 'Report messages, rate, loss, duplicates, reordering, jitter and latency of each source'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s c -l count -d 'Stop after N messages received; fewer is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l idle-timeout -d 'End when nothing was sent or received for D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l send -d 'Send TEXT in place of stdin; repeatable, one message each' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l repeat -d 'Send each message N times' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l rate -d 'Limit sending: 100/s is messages, 10MiB/s is bytes' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l reply -d 'Print answers until D passes without one [default: 1s]; none is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l bind -d 'Send from this local address and port' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l ttl -d 'How many routers may pass it on [default: 1, none]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l size -d 'Bytes of a probe [default: 100]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l duration -d 'How long to send probes' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l input -d 'How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to send, and to whom' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l wait -d 'Send again once a second until the first answer, for D at most' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l output -d 'How messages are written: raw, line, nul, hex, dump, json or none [default: raw]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s n -l no-stdin -d 'Do as if there were no stdin: nothing is sent, and nothing half-closed'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l no-loop -d 'Do not deliver it to this machine'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l test -d 'Send probes with a sequence number and a time stamp, not stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l nick -d 'Take part as NAME [default: $USER]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l frame -d 'What is spoken with a host: line, or tinyproto as the Python library has it [default: line]' -r -f -a "line\t''
tinyproto\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l send -d 'Say TEXT in place of stdin; repeatable, one line each' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l max-clients -d 'Have at most N members at once; the rest wait, or with tinyproto are refused (with --host)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l max-per-address -d 'Have at most N members of one IP address at once; more are closed (with --host)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l queue -d 'How much may wait to be sent to one member (with --host) [default: 1MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l max-frame-total -d 'The most that the unfinished lines of all members hold: past it those that hold most wait (with --host) [default: 64MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l unix-mode -d 'Who may connect to a unix socket that has a path: the mode of its file [default: 0600]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l allow -d 'Let in only clients of these networks, or of the addresses that a name has now; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l deny -d 'Do not let in clients of these networks or names, whatever is allowed; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l connect-timeout -d 'Give up an attempt to connect, over all addresses, after D [default: 10s]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l bind -d 'Connect from this local address and port, or from unix:PATH' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l via -d 'Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l via-password-file -d 'Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls -d 'Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-ca -d 'Trust the certificates of FILE (PEM), and no others [default: those of this machine]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-pin -d 'Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-min-days -d 'Take no certificate that ends within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-cert -d 'The certificate of this side (PEM), and behind it those of who has issued it' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-key -d 'The key of the certificate (PEM) [default: the one in the file of --tls-cert]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l alpn -d 'The protocols to agree on one of, the best first: h2,http/1.1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-client-ca -d 'Take only clients whose certificates are issued by those of FILE (PEM)' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l ttl -d 'How far it may go: past N-1 routers (with a group) [default: 1]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l wait -d 'Keep trying to connect for D; with --host or a group: give up if nobody has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s c -l count -d 'Stop after N lines of others; fewer is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l output -d 'How lines are written: line, raw, nul, hex, dump, json or none [default: a screen; else line]' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; without a group: mss keepalive nodelay user-timeout; with --host: backlog' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
mss=\t''
keepalive=\t''
nodelay=\t''
reuseport=\t''
ttl=\t''
backlog=\t''
user-timeout=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l time -d 'Show the time of each line'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s n -l no-stdin -d 'Only listen: do not read stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l host -d 'Host the room, and take part in it'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l headless -d 'Only host the room (with --host)'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l reconnect -d 'Connect again when the connection to the host is lost'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-insecure -d 'Take any certificate: whoever is between the two sides can read and change what they say'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-self-signed -d 'Speak TLS with a certificate that is made for this run; its pin is shown'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l delay -d 'Hold each answer back for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l drop -d 'Do not answer PCT of the messages, chosen at random' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l frame -d 'How messages are marked on the stream, as for tcp-serve [default: none; line where an option speaks of messages]' -r -f -a "none\t''
line\t''
nul\t''
netstring\t''
u8\t''
u16\t''
u32\t''
u16le\t''
u32le\t''
varint\t''
octet\t''
content-length\t''
obj\t''
tinyproto\t''
fixed:\t''
delim:\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l max-frame -d 'The largest message to take from a stream [default: 16MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l max-frame-total -d 'The most that the unfinished messages of all clients hold: past it those that hold most wait [default: 64MiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l read-size -d 'The most bytes that one read of a stream without messages gives, up to 1MiB [default: 128KiB]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l prefix -d 'Put TEXT before each message' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l quit-word -d 'The message W closes its connection, and is not answered' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l stop-word -d 'The message W ends the run with 0, and is not answered' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l threads -d 'Serve in N threads, 1 to 64 [default: 1]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l unix-mode -d 'Who may connect to a unix socket that has a path: the mode of its file [default: 0600]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l allow -d 'Let in only clients of these networks, or of the addresses that a name has now; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l deny -d 'Do not let in clients of these networks or names, whatever is allowed; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l idle-timeout -d 'End a connection that has no traffic for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l interval -d 'From one probe to the next; 0 sends each when the last is answered [default: 1s]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l size -d 'Bytes of a probe [default: 56]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l conns -d 'Probe on N connections at once [default: 1]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l max-loss -d 'More loss than PCT is exit status 1 [default: 0]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l connect-timeout -d 'Give up an attempt to connect after D [default: 10s]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l via -d 'Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l via-password-file -d 'Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls -d 'Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-ca -d 'Trust the certificates of FILE (PEM), and no others [default: those of this machine]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-pin -d 'Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-min-days -d 'Take no certificate that ends within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-cert -d 'The certificate of this side (PEM), and behind it those of who has issued it' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-key -d 'The key of the certificate (PEM) [default: the one in the file of --tls-cert]' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l alpn -d 'The protocols to agree on one of, the best first: h2,http/1.1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-client-ca -d 'Take only clients whose certificates are issued by those of FILE (PEM)' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l expect -d 'Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l ready-fd -d 'When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l on -d 'Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable' -r -f -a "starting=\t''
listening=\t''
connecting=\t''
connected=\t''
connect-failed=\t''
accepted=\t''
negotiated=\t''
tls=\t''
joined=\t''
left=\t''
list=\t''
tick=\t''
data=\t''
sent=\t''
drained=\t''
send-failed=\t''
eof=\t''
closed=\t''
retry=\t''
warning=\t''
error=\t''
stats=\t''
stopping=\t''
stopped=\t''
summary=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l log -d 'The form of the events on stderr: text or json [default: text]' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l color -d 'When to colour the events: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l wait -d 'Give up if nobody has come after D; with --ping, keep trying to connect for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s c -l count -d 'Stop after N messages received; with --ping, probes on each connection [default: 10]' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l output -d 'Write events to stdout: json (or none) [default: none]' -r -f -a "json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s O -d 'Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; with --tcp, or --ping over TCP: mss keepalive nodelay user-timeout; with --tcp: backlog' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
mss=\t''
keepalive=\t''
nodelay=\t''
reuseport=\t''
ttl=\t''
backlog=\t''
user-timeout=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tcp -d 'Streams only'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l udp -d 'Datagrams only; with --ping, probes are datagrams'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l ping -d 'Probe an echo server: round trips, loss, duplicates, reordering, corruption'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-insecure -d 'Take any certificate: whoever is between the two sides can read and change what they say'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-self-signed -d 'Speak TLS with a certificate that is made for this run; its pin is shown'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s v -l verbose -d 'Show connections and the summary too (-vv: every message as well)'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand help" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand help" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand completions" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand completions" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand man" -s h -l help -d 'Print help; -h: the usual options alone'
complete -c wirecat -n "__fish_wirecat_using_subcommand man" -s V -l version -d 'Print version'

function __wirecat_events
    printf '%s\n' starting listening connecting connected connect-failed accepted negotiated tls joined left list tick data sent drained send-failed eof closed retry warning error stats stopping stopped summary
end

function __wirecat_interfaces
    set -l word (commandline -ct)
    string match -q '*%*' -- $word; or return
    set -l head (string replace -r '%[^%]*$' '%' -- $word)
    printf '%s\n' $head(printf '%s\n' all /sys/class/net/* | string replace -r '.*/' '')
end

complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect tcp-serve udp-send udp-listen mcast-join mcast-send chat echo" -a "(__wirecat_interfaces)"
complete -c wirecat -n "__fish_wirecat_using_subcommand help" -f -a "tcp-connect tcp-serve udp-send udp-listen mcast-join mcast-send chat echo help completions man"
complete -c wirecat -n "__fish_wirecat_using_subcommand completions" -f -a "bash zsh fish powershell elvish nushell"
complete -c wirecat -n "__fish_wirecat_using_subcommand man" -f -a "tcp-connect tcp-serve udp-send udp-listen mcast-join mcast-send chat echo from-nc events events-schema"
