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

complete -c wirecat -n "__fish_wirecat_needs_command" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_needs_command" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_needs_command" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_needs_command" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_needs_command" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_needs_command" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_needs_command" -s h -l help -d 'Print help'
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
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l output -d 'How messages are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l send -d 'Send TEXT in place of stdin' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l idle-timeout -d 'End a connection that has no traffic for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l read-timeout -d 'End a connection unless a whole message comes within D of the last one' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l rate -d 'Limit sending' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l frame -d 'How messages are marked on the stream' -r -f -a "none\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l max-frame -d 'The largest message to send or take' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l read-size -d 'The most bytes that one read gives, and so one `data` event' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l quit-after -d 'End a connection D after stdin has ended and is sent, whatever the peer does' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l on-peer-close -d 'When the peer has closed before the end of stdin' -r -f -a "continue\t'Go on sending to the end of stdin'
exit\t'End at once'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l connect-timeout -d 'Give up an attempt to connect, over all addresses, after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l settle -d 'Count a connection as made once it has stood for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l bind -d 'Connect from this local address and port, or from unix:PATH' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l proxy-protocol -d 'Begin the connection with a header of the PROXY protocol, v1 or v2, which names its two ends' -r -f -a "v1\t''
v2\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l via -d 'Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l via-password-file -d 'Read the passwords of the proxies from FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l exec -d 'Run CMD with the connection as its stdin and stdout' -r -f -a "(__fish_complete_command)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls -d 'Speak TLS, with a server whose certificate is for NAME' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l starttls -d 'Have the server switch to TLS first as its protocol does' -r -f -a "smtp\t''
imap\t''
pop3\t''
ftp\t''
ldap\t''
postgres\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-ca -d 'Trust the certificates in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-pin -d 'Take the server whose key has this hash' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-min-days -d 'Take no certificate that expires within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-cert -d 'The certificate of this side' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-key -d 'The key of the certificate' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l alpn -d 'The protocols to offer or to take' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l replay -d 'Play this side of the recording in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l unix-mode -d 'Who may connect to a unix socket that has a path' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l input -d 'How stdin is cut into messages' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l wait -d 'Keep trying to connect for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
mss=\t''
keepalive=\t''
nodelay=\t''
reuseport=\t''
ttl=\t''
user-timeout=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s n -l no-stdin -d 'Ignore stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l keep-cr -d 'Keep the CR before the LF of a line'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l paused -d 'Read a message only when {"read":ID} asks for one'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l keep-open -d 'Send no FIN when stdin has ended'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s z -l probe -d 'Only see whether a connection can be made'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l reconnect -d 'Connect again when the connection is lost, and report what may be lost with it'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l sh -d 'Run CMD by /bin/sh -c'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l tls-insecure -d 'Take any certificate'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -l replay-timing -d 'Keep the recorded pauses'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-connect" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l reply -d 'Answer TEXT' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l save -d 'Save what clients send, one file a connection' -r -f -a "(__fish_complete_directories)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l forward -d 'Relay each connection to ADDR' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l exec -d 'Run CMD for each connection, which is its stdin and stdout' -r -f -a "(__fish_complete_command)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l connect-timeout -d 'Give up an attempt to connect after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l conns -d 'Serve N connections in all, then end' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-clients -d 'Serve at most N clients at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-per-address -d 'Serve at most N clients from one IP address at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l threads -d 'Serve the clients in N threads, 1 to 64' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l greet -d 'Send each client TEXT first' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l allow -d 'Let in only clients from these networks, or from the addresses that a name has now' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l deny -d 'Do not let in clients from these networks or names, whatever is allowed' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l queue -d 'How much may wait to be sent to one client' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l slow -d 'What to do with a client that drains nothing' -r -f -a "kick\t''
drop\t''
block\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l slow-after -d 'How long a client with a full queue may drain nothing' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-frame-total -d 'The most that the unfinished messages of all clients hold' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l proxy-protocol -d 'Begin each connection of --forward with a header of the PROXY protocol, v1 or v2, which names the client' -r -f -a "v1\t''
v2\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l via -d 'Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l via-password-file -d 'Read the passwords of the proxies from FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l unix-mode -d 'Who may connect to a unix socket that has a path' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l output -d 'How messages are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l send -d 'Send TEXT in place of stdin' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l idle-timeout -d 'End a connection that has no traffic for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l read-timeout -d 'End a connection unless a whole message comes within D of the last one' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l rate -d 'Limit sending' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l frame -d 'How messages are marked on the stream' -r -f -a "none\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l max-frame -d 'The largest message to send or take' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l read-size -d 'The most bytes that one read gives, and so one `data` event' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l quit-after -d 'End a connection D after stdin has ended and is sent, whatever the peer does' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l on-peer-close -d 'When the peer has closed before the end of stdin' -r -f -a "continue\t'Go on sending to the end of stdin'
exit\t'End at once'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-client-ca -d 'Take only clients whose certificates are issued by one in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l starttls -d 'Have the server of --forward tls:HOST:PORT switch to TLS first as its protocol does' -r -f -a "smtp\t''
imap\t''
pop3\t''
ftp\t''
ldap\t''
postgres\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-ca -d 'Trust the certificates in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-pin -d 'Take the server whose key has this hash' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-min-days -d 'Take no certificate that expires within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-cert -d 'The certificate of this side' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-key -d 'The key of the certificate' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l alpn -d 'The protocols to offer or to take' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l replay -d 'Play this side of the recording in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l input -d 'How stdin is cut into messages' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l wait -d 'Give up if no client has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l sh -d 'Run CMD by /bin/sh -c'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s 1 -l once -d 'Serve one connection, then end'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l accept-proxy -d 'Take clients of proxies only, which begin with a header of the PROXY protocol'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s n -l no-stdin -d 'Ignore stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l keep-cr -d 'Keep the CR before the LF of a line'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l paused -d 'Read a message only when {"read":ID} asks for one'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l keep-open -d 'Send no FIN when stdin has ended'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-self-signed -d 'Speak TLS with a certificate that is made for this run'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l tls-insecure -d 'Take any certificate'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -l replay-timing -d 'Keep the recorded pauses'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand tcp-serve" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l send -d 'Send TEXT in place of stdin' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l repeat -d 'Send each message N times' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l rate -d 'Limit sending' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l reply -d 'Print answers until D passes without one' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l bind -d 'Send from this local address and port, or from unix:PATH' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l input -d 'How stdin is cut into datagrams' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l wait -d 'Send again once a second until the first answer, for D at most' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l output -d 'How messages are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s n -l no-stdin -d 'Ignore stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l any-source -d 'Print answers from any address and port, such as those of TFTP'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -l broadcast -d 'Allow broadcast addresses'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-send" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l idle-timeout -d 'End when nothing has come for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l reply -d 'Answer each message with TEXT' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l allow -d 'Listen only to these networks, or to the addresses that a name has now' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l deny -d 'Do not listen to these networks or names, whatever is allowed' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l interval -d 'Report the statistics of each D as well' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l seq -d 'Where the stream keeps its sequence number' -r -f -a "rtp\t''
u16@\t''
u32@\t''
u64@\t''
u16le@\t''
u32le@\t''
u64le@\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l max-loss -d 'More loss than PCT at the end is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l send -d 'Send TEXT in place of stdin' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l to -d 'Where stdin goes' -r -f -a "last\t''
all\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l exec -d 'Run CMD for each peer' -r -f -a "(__fish_complete_command)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l max-flows -d 'Run at most N commands at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l unix-mode -d 'Who may connect to a unix socket that has a path' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l replay -d 'Play this side of the recording in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l input -d 'How stdin is cut into datagrams' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l wait -d 'Give up if no message has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l output -d 'How messages are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l stats -d 'Report messages, rate, loss, duplicates, reordering, jitter and latency of each source'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s n -l no-stdin -d 'Ignore stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l first-peer -d 'Listen only to the first peer'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l broadcast -d 'Allow sending to broadcast addresses'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l sh -d 'Run CMD by /bin/sh -c'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -l replay-timing -d 'Keep the recorded pauses'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand udp-listen" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l idle-timeout -d 'End when nothing has come for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l reply -d 'Answer each message with TEXT' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l allow -d 'Listen only to these networks, or to the addresses that a name has now' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l deny -d 'Do not listen to these networks or names, whatever is allowed' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l interval -d 'Report the statistics of each D as well' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l seq -d 'Where the stream keeps its sequence number' -r -f -a "rtp\t''
u16@\t''
u32@\t''
u64@\t''
u16le@\t''
u32le@\t''
u64le@\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l max-loss -d 'More loss than PCT at the end is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l rejoin -d 'Join all groups again every D, with new reports and no leave, and on an interface that was made anew' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l input -d 'Read commands from stdin' -r -f -a "commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l wait -d 'Give up if no message has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l output -d 'How messages are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -l stats -d 'Report messages, rate, loss, duplicates, reordering, jitter and latency of each source'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-join" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l send -d 'Send TEXT in place of stdin' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l repeat -d 'Send each message N times' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l rate -d 'Limit sending' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l reply -d 'Print answers until D passes without one' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l bind -d 'Send from this local address and port' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l ttl -d 'How many routers may pass it on' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l size -d 'Bytes of a probe' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l duration -d 'How long to send probes' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l input -d 'How stdin is cut into datagrams' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
fixed:\t''
commands\t''
json\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l wait -d 'Send again once a second until the first answer, for D at most' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l output -d 'How messages are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
sndbuf=\t''
dscp=\t''
mark=\t''
reuseport=\t''
ttl=\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s n -l no-stdin -d 'Ignore stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l chomp -d 'Send lines without their LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s C -l crlf -d 'Send CR LF for each LF'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l progress -d 'Show bytes, rate and time left on stderr, where it is a terminal'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l no-loop -d 'Do not deliver it to this machine'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -l test -d 'Send probes with a sequence number and a time stamp, not stdin'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand mcast-send" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l nick -d 'Take part as NAME' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l frame -d 'The protocol of the host' -r -f -a "line\t''
tinyproto\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l send -d 'Say TEXT in place of stdin' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l max-clients -d 'Have at most N members at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l max-per-address -d 'Have at most N members from one IP address at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l queue -d 'How much may wait to be sent to one member' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l flood-limit -d 'Take N lines a second from each member, and four times as many at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l max-frame-total -d 'The most that the unfinished lines of all members hold' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l unix-mode -d 'Who may connect to a unix socket that has a path' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l allow -d 'Let in only clients from these networks, or from the addresses that a name has now' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l deny -d 'Do not let in clients from these networks or names, whatever is allowed' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l connect-timeout -d 'Give up an attempt to connect, over all addresses, after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l bind -d 'Connect from this local address and port, or from unix:PATH' -r -f -a "(__fish_print_hostnames)"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l via -d 'Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l via-password-file -d 'Read the passwords of the proxies from FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls -d 'Speak TLS, with a server whose certificate is for NAME' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-ca -d 'Trust the certificates in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-pin -d 'Take the server whose key has this hash' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-min-days -d 'Take no certificate that expires within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-cert -d 'The certificate of this side' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-key -d 'The key of the certificate' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l alpn -d 'The protocols to offer or to take' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-client-ca -d 'Take only clients whose certificates are issued by one in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l ttl -d 'How far it may go' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l wait -d 'Keep trying to connect for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s c -l count -d 'Stop after N lines of others' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l output -d 'How lines are written' -r -f -a "raw\t''
line\t''
nul\t''
hex\t''
dump\t''
json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s n -l no-stdin -d 'Only listen'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l host -d 'Host the room, and take part in it'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l headless -d 'Only host the room'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l reconnect -d 'Connect again when the connection to the host is lost'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-insecure -d 'Take any certificate'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -l tls-self-signed -d 'Speak TLS with a certificate that is made for this run'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand chat" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l delay -d 'Hold each answer back for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l drop -d 'Do not answer PCT of the messages, chosen at random' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l frame -d 'How messages are marked on the stream, as for tcp-serve' -r -f -a "none\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l max-frame -d 'The largest message to take from a stream' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l max-frame-total -d 'The most that the unfinished messages of all clients hold' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l read-size -d 'The most bytes that one read of a stream without messages gives, up to 1MiB' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l prefix -d 'Put TEXT before each message' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l quit-word -d 'The message W closes its connection, and is not answered' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l stop-word -d 'The message W ends the run with 0, and is not answered' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l threads -d 'Serve in N threads, 1 to 64' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l unix-mode -d 'Who may connect to a unix socket that has a path' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l allow -d 'Let in only clients from these networks, or from the addresses that a name has now' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l deny -d 'Do not let in clients from these networks or names, whatever is allowed' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l idle-timeout -d 'End a connection that has no traffic for D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l interval -d 'The time from one probe to the next' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l size -d 'Bytes of a probe' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l conns -d 'Probe on N connections at once' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l max-loss -d 'More loss than PCT is exit status 1' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l connect-timeout -d 'Give up an attempt to connect after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l via -d 'Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l via-password-file -d 'Read the passwords of the proxies from FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls -d 'Speak TLS, with a server whose certificate is for NAME' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-ca -d 'Trust the certificates in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-pin -d 'Take the server whose key has this hash' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-min-days -d 'Take no certificate that expires within N days' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-cert -d 'The certificate of this side' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-key -d 'The key of the certificate' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l alpn -d 'The protocols to offer or to take' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-client-ca -d 'Take only clients whose certificates are issued by one in FILE' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s w -l timeout -d 'End the whole run after D, with exit status 124' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l expect -d 'Stop once what is received has a match, anywhere in it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l record -d 'Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l port-file -d 'When ready, write the local ports to FILE, one a line' -r -F
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l ready-fd -d 'When ready, write a newline to descriptor N and close it' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l on -d 'Run CMD on each EVENT' -r -f -a "starting=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l events -d 'Report these events alone, as accepted,data, or all but these, as -data,-sent' -r -f -a "(__fish_complete_list , __wirecat_events)"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l log -d 'The form of the events on stderr' -r -f -a "text\t'Lines of words'
json\t'One JSON object a line'"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l color -d 'When to colour the events' -r -f -a "auto\t'On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)'
always\t'Always'
never\t'Never'"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tag -d 'Put TEXT into every event' -r
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l wait -d 'Give up if nobody has come after D' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s c -l count -d 'Stop after N messages received' -r -f
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l output -d 'Write events to stdout' -r -f -a "json\t''
none\t''"
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s O -d 'Set a socket option' -r -f -a "rcvbuf=\t''
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
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l udp -d 'Datagrams only'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l ping -d 'Probe an echo server'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-insecure -d 'Take any certificate'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -l tls-self-signed -d 'Speak TLS with a certificate that is made for this run'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s 4 -d 'Use IPv4 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s 6 -d 'Use IPv6 only'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s v -l verbose -d 'Show connections and the summary too'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s q -l quiet -d 'Show only errors'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand echo" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand help" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand help" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand completions" -s h -l help -d 'Print help'
complete -c wirecat -n "__fish_wirecat_using_subcommand completions" -s V -l version -d 'Print version'
complete -c wirecat -n "__fish_wirecat_using_subcommand man" -s h -l help -d 'Print help'
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
