module completions {

  def "nu-complete wirecat events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat color" [] {
    [ "auto" "always" "never" ]
  }

  # A netcat for people who script: stdin to the wire, the wire to stdout, events to stderr, and an exit status that shows whether anything was lost
  export extern wirecat [
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --version(-V)             # Print version
  ]

  def "nu-complete wirecat tcp-connect output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat tcp-connect on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat tcp-connect frame" [] {
    [ "none" "line" "nul" "netstring" "u8" "u16" "u32" "u16le" "u32le" "varint" "octet" "content-length" "obj" "tinyproto" "fixed:" "delim:" ]
  }

  def "nu-complete wirecat tcp-connect on_peer_close" [] {
    [ "continue" "exit" ]
  }

  def "nu-complete wirecat tcp-connect proxy_protocol" [] {
    [ "v1" "v2" ]
  }

  def "nu-complete wirecat tcp-connect starttls" [] {
    [ "smtp" "imap" "pop3" "ftp" "ldap" "postgres" ]
  }

  def "nu-complete wirecat tcp-connect events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat tcp-connect log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat tcp-connect color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat tcp-connect input" [] {
    [ "raw" "line" "nul" "hex" "fixed:" "commands" "json" ]
  }

  def "nu-complete wirecat tcp-connect socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "mss=" "keepalive=" "nodelay=" "reuseport=" "ttl=" "user-timeout=" ]
  }

  # Connect to a stream server: stdin to it, its answer to stdout
  export extern "wirecat tcp-connect" [
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --output: string@"nu-complete wirecat tcp-connect output" # How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat tcp-connect on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    --send: string            # Send TEXT in place of stdin; repeatable, one message each
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --idle-timeout: string    # End a connection that has no traffic for D
    --read-timeout: string    # End a connection unless a whole message comes within D of the last one (with --frame)
    --rate: string            # Limit sending: 10MiB/s is bytes, 100/s is messages (with --frame)
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --frame: string@"nu-complete wirecat tcp-connect frame" # How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint, fixed:N, obj (Python objects as JSON), tinyproto, octet, content-length, delim:END, delim:START,END or uN@OFFSET (see Framings)
    --max-frame: string       # The largest message to send or take [default: 16MiB]
    --read-size: string       # The most bytes that one read gives, and so one `data` event (without --frame), up to 1MiB [default: 128KiB]
    --keep-cr                 # Keep the CR before the LF of a line (with --frame line)
    --paused                  # Read a message only when {"read":ID} asks for one (with --input and --output json)
    --quit-after: string      # End a connection D after stdin has ended and is sent, whatever the peer does
    --keep-open               # Send no FIN when stdin has ended
    --on-peer-close: string@"nu-complete wirecat tcp-connect on_peer_close" # When the peer has closed before the end of stdin: continue to send it, or exit
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --connect-timeout: string # Give up an attempt to connect, over all addresses, after D [default: 10s]
    --probe(-z)               # Only see whether a connection can be made: nothing is sent or received
    --settle: string          # Take a connection for one when it has stood for D [default: 0; 100ms with -z and --wait]
    --reconnect               # Connect again when the connection is lost, and report what may be lost with it
    --bind: string            # Connect from this local address and port, or from unix:PATH
    --proxy-protocol: string@"nu-complete wirecat tcp-connect proxy_protocol" # Begin the connection with a header of the PROXY protocol, v1 or v2, which names its two ends
    --via: string             # Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up
    --via-password-file: path # Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]
    --exec: string            # Run CMD with the connection as its stdin and stdout; its status is ours
    --sh                      # Run CMD by /bin/sh -c (with --exec)
    --tls: string             # Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]
    --starttls: string@"nu-complete wirecat tcp-connect starttls" # Have the server go over to TLS first as its protocol does: smtp, imap, pop3, ftp, ldap or postgres; it implies --tls
    --tls-ca: path            # Trust the certificates of FILE (PEM), and no others [default: those of this machine]
    --tls-pin: string         # Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable
    --tls-insecure            # Take any certificate: whoever is between the two sides can read and change what they say
    --tls-min-days: string    # Take no certificate that ends within N days
    --tls-cert: path          # The certificate of this side (PEM), and behind it those of who has issued it
    --tls-key: path           # The key of the certificate (PEM) [default: the one in the file of --tls-cert]
    --alpn: string            # The protocols to agree on one of, the best first: h2,http/1.1
    --replay: path            # Play this side of the recording in FILE (of --record), and compare what the other side sends
    --replay-timing           # Keep the recorded pauses (with --replay)
    --unix-mode: string       # Who may connect to a unix socket that has a path: the mode of its file [default: 0600]
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat tcp-connect events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat tcp-connect log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat tcp-connect color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --input: string@"nu-complete wirecat tcp-connect input" # How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]; or commands, json: what to do
    --wait: string            # Keep trying to connect for D [default: 0, one attempt]
    --count(-c): string       # Stop after N messages received; fewer is exit status 1 (with --frame)
    -O: string@"nu-complete wirecat tcp-connect socket_option" # Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout
    --version(-V)             # Print version
    address?: string          # Where to connect to (see Addresses); not needed with --input commands or json, where {"connect":ADDR} names one
  ]

  def "nu-complete wirecat tcp-serve slow" [] {
    [ "kick" "drop" "block" ]
  }

  def "nu-complete wirecat tcp-serve proxy_protocol" [] {
    [ "v1" "v2" ]
  }

  def "nu-complete wirecat tcp-serve output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat tcp-serve on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat tcp-serve frame" [] {
    [ "none" "line" "nul" "netstring" "u8" "u16" "u32" "u16le" "u32le" "varint" "octet" "content-length" "obj" "tinyproto" "fixed:" "delim:" ]
  }

  def "nu-complete wirecat tcp-serve on_peer_close" [] {
    [ "continue" "exit" ]
  }

  def "nu-complete wirecat tcp-serve events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat tcp-serve log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat tcp-serve color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat tcp-serve input" [] {
    [ "raw" "line" "nul" "hex" "fixed:" "commands" "json" ]
  }

  def "nu-complete wirecat tcp-serve socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "mss=" "keepalive=" "nodelay=" "reuseport=" "ttl=" "backlog=" "user-timeout=" ]
  }

  # Serve stream clients: stdin to all of them, all of them to stdout
  export extern "wirecat tcp-serve" [
    --reply: string           # Answer TEXT: on accept, or to each message with --frame
    --hub                     # Pass each client's messages to all others and to stdout
    --discard                 # Throw away what clients send
    --save: directory         # Save what clients send, one file a connection
    --forward: string         # Relay each connection to ADDR; to tls:HOST:PORT by TLS
    --exec: string            # Run CMD for each connection, which is its stdin and stdout (WIRECAT_PEER, _LOCAL, _CONN)
    --sh                      # Run CMD by /bin/sh -c (with --exec)
    --connect-timeout: string # Give up an attempt to connect after D (with --forward or commands) [default: 10s]
    --once(-1)                # Serve one connection, then end
    --conns: string           # Serve N connections in all, then end
    --max-clients: string     # Serve at most N clients at once; the rest wait (--frame tinyproto refuses them)
    --max-per-address: string # Serve at most N clients of one IP address at once; more are closed
    --threads: string         # Serve the clients in N threads, 1 to 64 [default: 1]
    --greet: string           # Send each client TEXT first
    --allow: string           # Let in only clients of these networks, or of the addresses that a name has now; repeatable
    --deny: string            # Do not let in clients of these networks or names, whatever is allowed; repeatable
    --queue: string           # How much may wait to be sent to one client [default: 1MiB; 256KiB with --forward and --exec]
    --slow: string@"nu-complete wirecat tcp-serve slow" # What to do with a client that drains nothing: kick, drop (messages) or block [default: block for one client, else kick]
    --slow-after: string      # How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]
    --max-frame-total: string # The most that the unfinished messages of all clients hold: past it those that hold most wait [default: 64MiB]
    --accept-proxy            # Take clients of proxies only, which begin with a header of the PROXY protocol (v1 or v2) within 3 s: the client that it names is the peer
    --proxy-protocol: string@"nu-complete wirecat tcp-serve proxy_protocol" # Begin each connection of --forward with a header of the PROXY protocol, v1 or v2, which names the client
    --via: string             # Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up
    --via-password-file: path # Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]
    --unix-mode: string       # Who may connect to a unix socket that has a path: the mode of its file [default: 0600]
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --output: string@"nu-complete wirecat tcp-serve output" # How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat tcp-serve on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    --send: string            # Send TEXT in place of stdin; repeatable, one message each
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --idle-timeout: string    # End a connection that has no traffic for D; with --conns that is 124 in the end
    --read-timeout: string    # End a connection unless a whole message comes within D of the last one (with --frame)
    --rate: string            # Limit sending: 10MiB/s is bytes, 100/s is messages (with --frame)
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --frame: string@"nu-complete wirecat tcp-serve frame" # How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint, fixed:N, obj (Python objects as JSON), tinyproto, octet, content-length, delim:END, delim:START,END or uN@OFFSET (see Framings)
    --max-frame: string       # The largest message to send or take [default: 16MiB]
    --read-size: string       # The most bytes that one read gives, and so one `data` event (without --frame), up to 1MiB [default: 128KiB]
    --keep-cr                 # Keep the CR before the LF of a line (with --frame line)
    --paused                  # Read a message only when {"read":ID} asks for one (with --input and --output json)
    --quit-after: string      # End a connection D after stdin has ended and is sent, whatever the peer does
    --keep-open               # Send no FIN when stdin has ended
    --on-peer-close: string@"nu-complete wirecat tcp-serve on_peer_close" # When the peer has closed before the end of stdin: continue to send it, or exit
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --tls-self-signed         # Speak TLS with a certificate that is made for this run; its pin is shown
    --tls-client-ca: path     # Take only clients whose certificates are issued by those of FILE (PEM)
    --tls-ca: path            # Trust the certificates of FILE (PEM), and no others [default: those of this machine]
    --tls-pin: string         # Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable
    --tls-insecure            # Take any certificate: whoever is between the two sides can read and change what they say
    --tls-min-days: string    # Take no certificate that ends within N days
    --tls-cert: path          # The certificate of this side (PEM), and behind it those of who has issued it
    --tls-key: path           # The key of the certificate (PEM) [default: the one in the file of --tls-cert]
    --alpn: string            # The protocols to agree on one of, the best first: h2,http/1.1
    --replay: path            # Play this side of the recording in FILE (of --record), and compare what the other side sends
    --replay-timing           # Keep the recorded pauses (with --replay)
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat tcp-serve events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat tcp-serve log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat tcp-serve color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --input: string@"nu-complete wirecat tcp-serve input" # How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]; or commands, json: what to do
    --wait: string            # Give up if no client has come after D
    --count(-c): string       # Stop after N messages received; fewer is exit status 1 (with --frame)
    -O: string@"nu-complete wirecat tcp-serve socket_option" # Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout backlog
    --version(-V)             # Print version
    ...addresses: string      # Where to listen (see Addresses)
  ]

  def "nu-complete wirecat udp-send on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat udp-send events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat udp-send log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat udp-send color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat udp-send input" [] {
    [ "raw" "line" "nul" "hex" "fixed:" "commands" "json" ]
  }

  def "nu-complete wirecat udp-send output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat udp-send socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "reuseport=" "ttl=" ]
  }

  # Send datagrams: each line of stdin is one
  export extern "wirecat udp-send" [
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --count(-c): string       # Stop after N messages received; fewer is exit status 1
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat udp-send on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    --idle-timeout: string    # End when nothing was sent or received for D, with exit status 124
    --send: string            # Send TEXT in place of stdin; repeatable, one message each
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --repeat: string          # Send each message N times
    --rate: string            # Limit sending: 100/s is messages, 10MiB/s is bytes
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --reply: string           # Print answers until D passes without one [default: 1s]; none is exit status 1
    --bind: string            # Send from this local address and port, or from unix:PATH
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --any-source              # Print answers from any address and port, such as those of TFTP
    --broadcast               # Allow broadcast addresses; answers may come from any address
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat udp-send events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat udp-send log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat udp-send color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --input: string@"nu-complete wirecat udp-send input" # How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to send, and to whom
    --wait: string            # Send again once a second until the first answer, for D at most
    --output: string@"nu-complete wirecat udp-send output" # How messages are written: raw, line, nul, hex, dump, json or none [default: raw]
    -O: string@"nu-complete wirecat udp-send socket_option" # Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl
    --version(-V)             # Print version
    ...addresses: string      # Where to send to; with --input commands or json each command may name another
  ]

  def "nu-complete wirecat udp-listen on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat udp-listen seq" [] {
    [ "rtp" "u16@" "u32@" "u64@" "u16le@" "u32le@" "u64le@" ]
  }

  def "nu-complete wirecat udp-listen to" [] {
    [ "last" "all" ]
  }

  def "nu-complete wirecat udp-listen events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat udp-listen log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat udp-listen color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat udp-listen input" [] {
    [ "raw" "line" "nul" "hex" "fixed:" "commands" "json" ]
  }

  def "nu-complete wirecat udp-listen output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat udp-listen socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "reuseport=" "ttl=" ]
  }

  # Receive datagrams of all peers to stdout, and send them stdin
  export extern "wirecat udp-listen" [
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --count(-c): string       # Stop after N messages received; fewer is exit status 1
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat udp-listen on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    --idle-timeout: string    # End when nothing has come for D: 0 if a message came before, else 1; with --exec, end the command of a silent peer [default: 30s]
    --reply: string           # Answer each message with TEXT
    --allow: string           # Listen only to these networks, or to the addresses that a name has now; repeatable
    --deny: string            # Do not listen to these networks or names, whatever is allowed; repeatable
    --stats                   # Report messages, rate, loss, duplicates, reordering, jitter and latency of each source
    --interval: string        # Report the statistics of each D as well (with --stats)
    --seq: string@"nu-complete wirecat udp-listen seq" # Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]
    --max-loss: string        # More loss than PCT at the end is exit status 1
    --send: string            # Send TEXT in place of stdin; repeatable, one message each
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --to: string@"nu-complete wirecat udp-listen to" # Whom stdin goes to: last, all, or an address [default: last]
    --first-peer              # Listen only to the first peer
    --broadcast               # Allow to send to broadcast addresses
    --exec: string            # Run CMD for each peer: it reads what the peer sends, and its lines go back as datagrams (--input says otherwise; WIRECAT_PEER, _LOCAL, _CONN)
    --sh                      # Run CMD by /bin/sh -c (with --exec)
    --max-flows: string       # Run at most N commands at once (with --exec) [default: 64]
    --unix-mode: string       # Who may connect to a unix socket that has a path: the mode of its file [default: 0600]
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --replay: path            # Play this side of the recording in FILE (of --record), and compare what the other side sends
    --replay-timing           # Keep the recorded pauses (with --replay)
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat udp-listen events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat udp-listen log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat udp-listen color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --input: string@"nu-complete wirecat udp-listen input" # How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to do; with --exec, how the output of CMD is (raw: each read)
    --wait: string            # Give up if no message has come after D
    --output: string@"nu-complete wirecat udp-listen output" # How messages are written: raw, line, nul, hex, dump, json or none [default: raw]
    -O: string@"nu-complete wirecat udp-listen socket_option" # Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl
    --version(-V)             # Print version
    ...addresses: string      # Where to listen
  ]

  def "nu-complete wirecat mcast-join on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat mcast-join seq" [] {
    [ "rtp" "u16@" "u32@" "u64@" "u16le@" "u32le@" "u64le@" ]
  }

  def "nu-complete wirecat mcast-join input" [] {
    [ "commands" "json" ]
  }

  def "nu-complete wirecat mcast-join events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat mcast-join log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat mcast-join color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat mcast-join output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat mcast-join socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "reuseport=" "ttl=" ]
  }

  # Join multicast groups: what is sent to them to stdout
  export extern "wirecat mcast-join" [
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --count(-c): string       # Stop after N messages received; fewer is exit status 1
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat mcast-join on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    --idle-timeout: string    # End when nothing has come for D: 0 if a message came before, else 1
    --reply: string           # Answer each message with TEXT
    --allow: string           # Listen only to these networks, or to the addresses that a name has now; repeatable
    --deny: string            # Do not listen to these networks or names, whatever is allowed; repeatable
    --stats                   # Report messages, rate, loss, duplicates, reordering, jitter and latency of each source
    --interval: string        # Report the statistics of each D as well (with --stats)
    --seq: string@"nu-complete wirecat mcast-join seq" # Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]
    --max-loss: string        # More loss than PCT at the end is exit status 1
    --rejoin: string          # Leave and join all groups again, every D (reports, no leave), and on an interface that was made anew
    --input: string@"nu-complete wirecat mcast-join input" # Read from stdin what to do: commands or json [default: stdin is not read]
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat mcast-join events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat mcast-join log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat mcast-join color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --wait: string            # Give up if no message has come after D
    --output: string@"nu-complete wirecat mcast-join output" # How messages are written: raw, line, nul, hex, dump, json or none [default: raw]
    -O: string@"nu-complete wirecat mcast-join socket_option" # Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl
    --version(-V)             # Print version
    ...groups: string         # Which groups to join
  ]

  def "nu-complete wirecat mcast-send on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat mcast-send events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat mcast-send log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat mcast-send color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat mcast-send input" [] {
    [ "raw" "line" "nul" "hex" "fixed:" "commands" "json" ]
  }

  def "nu-complete wirecat mcast-send output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat mcast-send socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "reuseport=" "ttl=" ]
  }

  # Send datagrams to multicast groups: each line of stdin is one
  export extern "wirecat mcast-send" [
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --count(-c): string       # Stop after N messages received; fewer is exit status 1
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat mcast-send on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    --idle-timeout: string    # End when nothing was sent or received for D, with exit status 124
    --send: string            # Send TEXT in place of stdin; repeatable, one message each
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --repeat: string          # Send each message N times
    --rate: string            # Limit sending: 100/s is messages, 10MiB/s is bytes
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --reply: string           # Print answers until D passes without one [default: 1s]; none is exit status 1
    --bind: string            # Send from this local address and port
    --ttl: string             # How many routers may pass it on [default: 1, none]
    --no-loop                 # Do not deliver it to this machine
    --test                    # Send probes with a sequence number and a time stamp, not stdin
    --size: string            # Bytes of a probe [default: 100]
    --duration: string        # How long to send probes
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat mcast-send events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat mcast-send log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat mcast-send color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --input: string@"nu-complete wirecat mcast-send input" # How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to send, and to whom
    --wait: string            # Send again once a second until the first answer, for D at most
    --output: string@"nu-complete wirecat mcast-send output" # How messages are written: raw, line, nul, hex, dump, json or none [default: raw]
    -O: string@"nu-complete wirecat mcast-send socket_option" # Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl
    --version(-V)             # Print version
    ...groups: string         # Which groups to send to; with --input commands or json each command may name another
  ]

  def "nu-complete wirecat chat frame" [] {
    [ "line" "tinyproto" ]
  }

  def "nu-complete wirecat chat on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat chat events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat chat log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat chat color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat chat output" [] {
    [ "raw" "line" "nul" "hex" "dump" "json" "none" ]
  }

  def "nu-complete wirecat chat socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "mss=" "keepalive=" "nodelay=" "reuseport=" "ttl=" "backlog=" "user-timeout=" ]
  }

  # Chat: join a room, host one, or meet in a multicast group
  export extern "wirecat chat" [
    --nick: string            # Take part as NAME [default: $USER]
    --time                    # Show the time of each line
    --frame: string@"nu-complete wirecat chat frame" # What is spoken with a host: line, or tinyproto as the Python library has it [default: line]
    --send: string            # Say TEXT in place of stdin; repeatable, one line each
    --no-stdin(-n)            # Only listen: do not read stdin
    --host                    # Host the room, and take part in it
    --headless                # Only host the room (with --host)
    --max-clients: string     # Have at most N members at once; the rest wait, or with tinyproto are refused (with --host)
    --max-per-address: string # Have at most N members of one IP address at once; more are closed (with --host)
    --queue: string           # How much may wait to be sent to one member (with --host) [default: 1MiB]
    --max-frame-total: string # The most that the unfinished lines of all members hold: past it those that hold most wait (with --host) [default: 64MiB]
    --unix-mode: string       # Who may connect to a unix socket that has a path: the mode of its file [default: 0600]
    --allow: string           # Let in only clients of these networks, or of the addresses that a name has now; repeatable
    --deny: string            # Do not let in clients of these networks or names, whatever is allowed; repeatable
    --reconnect               # Connect again when the connection to the host is lost
    --connect-timeout: string # Give up an attempt to connect, over all addresses, after D [default: 10s]
    --bind: string            # Connect from this local address and port, or from unix:PATH
    --via: string             # Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up
    --via-password-file: path # Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]
    --tls: string             # Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]
    --tls-ca: path            # Trust the certificates of FILE (PEM), and no others [default: those of this machine]
    --tls-pin: string         # Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable
    --tls-insecure            # Take any certificate: whoever is between the two sides can read and change what they say
    --tls-min-days: string    # Take no certificate that ends within N days
    --tls-cert: path          # The certificate of this side (PEM), and behind it those of who has issued it
    --tls-key: path           # The key of the certificate (PEM) [default: the one in the file of --tls-cert]
    --alpn: string            # The protocols to agree on one of, the best first: h2,http/1.1
    --tls-self-signed         # Speak TLS with a certificate that is made for this run; its pin is shown
    --tls-client-ca: path     # Take only clients whose certificates are issued by those of FILE (PEM)
    --ttl: string             # How far it may go: past N-1 routers (with a group) [default: 1]
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat chat on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat chat events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat chat log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat chat color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --wait: string            # Keep trying to connect for D; with --host or a group: give up if nobody has come after D
    --count(-c): string       # Stop after N lines of others; fewer is exit status 1
    --output: string@"nu-complete wirecat chat output" # How lines are written: line, raw, nul, hex, dump, json or none [default: a screen; else line]
    -O: string@"nu-complete wirecat chat socket_option" # Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; without a group: mss keepalive nodelay user-timeout; with --host: backlog
    --version(-V)             # Print version
    address: string           # The host to join, the address to host on, or a multicast group
  ]

  def "nu-complete wirecat echo frame" [] {
    [ "none" "line" "nul" "netstring" "u8" "u16" "u32" "u16le" "u32le" "varint" "octet" "content-length" "obj" "tinyproto" "fixed:" "delim:" ]
  }

  def "nu-complete wirecat echo on" [] {
    [ "starting=" "listening=" "connecting=" "connected=" "connect-failed=" "accepted=" "negotiated=" "tls=" "joined=" "left=" "list=" "tick=" "data=" "sent=" "drained=" "send-failed=" "eof=" "closed=" "retry=" "warning=" "error=" "stats=" "stopping=" "stopped=" "summary=" ]
  }

  def "nu-complete wirecat echo events" [] {
    [ "starting" "listening" "connecting" "connected" "connect-failed" "accepted" "negotiated" "tls" "joined" "left" "list" "tick" "data" "sent" "drained" "send-failed" "eof" "closed" "retry" "warning" "error" "stats" "stopping" "stopped" "summary" ]
  }

  def "nu-complete wirecat echo log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat echo color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete wirecat echo output" [] {
    [ "json" "none" ]
  }

  def "nu-complete wirecat echo socket_option" [] {
    [ "rcvbuf=" "sndbuf=" "dscp=" "mark=" "mss=" "keepalive=" "nodelay=" "reuseport=" "ttl=" "backlog=" "user-timeout=" ]
  }

  # Send back what comes, or with --ping measure how long that takes
  export extern "wirecat echo" [
    --tcp                     # Streams only
    --udp                     # Datagrams only; with --ping, probes are datagrams
    --delay: string           # Hold each answer back for D
    --drop: string            # Do not answer PCT of the messages, chosen at random
    --frame: string@"nu-complete wirecat echo frame" # How messages are marked on the stream, as for tcp-serve [default: none; line where an option speaks of messages]
    --max-frame: string       # The largest message to take from a stream [default: 16MiB]
    --max-frame-total: string # The most that the unfinished messages of all clients hold: past it those that hold most wait [default: 64MiB]
    --read-size: string       # The most bytes that one read of a stream without messages gives, up to 1MiB [default: 128KiB]
    --prefix: string          # Put TEXT before each message
    --quit-word: string       # The message W closes its connection, and is not answered
    --stop-word: string       # The message W ends the run with 0, and is not answered
    --threads: string         # Serve in N threads, 1 to 64 [default: 1]
    --unix-mode: string       # Who may connect to a unix socket that has a path: the mode of its file [default: 0600]
    --allow: string           # Let in only clients of these networks, or of the addresses that a name has now; repeatable
    --deny: string            # Do not let in clients of these networks or names, whatever is allowed; repeatable
    --idle-timeout: string    # End a connection that has no traffic for D
    --ping                    # Probe an echo server: round trips, loss, duplicates, reordering, corruption
    --interval: string        # From one probe to the next; 0 sends each when the last is answered [default: 1s]
    --size: string            # Bytes of a probe [default: 56]
    --conns: string           # Probe on N connections at once [default: 1]
    --max-loss: string        # More loss than PCT is exit status 1 [default: 0]
    --connect-timeout: string # Give up an attempt to connect after D [default: 10s]
    --via: string             # Connect by way of a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes a chain, whose last one looks the name up
    --via-password-file: path # Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER [default: WIRECAT_PROXY_PASSWORD]
    --tls: string             # Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]
    --tls-ca: path            # Trust the certificates of FILE (PEM), and no others [default: those of this machine]
    --tls-pin: string         # Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits. Without --tls-ca nothing else of its certificate is looked at; repeatable
    --tls-insecure            # Take any certificate: whoever is between the two sides can read and change what they say
    --tls-min-days: string    # Take no certificate that ends within N days
    --tls-cert: path          # The certificate of this side (PEM), and behind it those of who has issued it
    --tls-key: path           # The key of the certificate (PEM) [default: the one in the file of --tls-cert]
    --alpn: string            # The protocols to agree on one of, the best first: h2,http/1.1
    --tls-self-signed         # Speak TLS with a certificate that is made for this run; its pin is shown
    --tls-client-ca: path     # Take only clients whose certificates are issued by those of FILE (PEM)
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng; pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    --on: string@"nu-complete wirecat echo on" # Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --verbose(-v)             # Show connections and the summary too (-vv: every message as well)
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat echo events" # Report these events alone, as accepted,data, or all but these, as -data,-sent; error and summary always. What is named is shown without -v; hooks of --on run all the same
    --log: string@"nu-complete wirecat echo log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat echo color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help; -h: the usual options alone
    --wait: string            # Give up if nobody has come after D; with --ping, keep trying to connect for D
    --count(-c): string       # Stop after N messages received; with --ping, probes on each connection [default: 10]
    --output: string@"nu-complete wirecat echo output" # Write events to stdout: json (or none) [default: none]
    -O: string@"nu-complete wirecat echo socket_option" # Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; with --tcp, or --ping over TCP: mss keepalive nodelay user-timeout; with --tcp: backlog
    --version(-V)             # Print version
    ...addresses: string      # Where to listen [default: 0, a free port on loopback]; with --ping, whom to probe
  ]

  def "nu-complete wirecat help command" [] {
    [ "tcp-connect" "tcp-serve" "udp-send" "udp-listen" "mcast-join" "mcast-send" "chat" "echo" "help" "completions" "man" ]
  }

  # Print the help of a command
  export extern "wirecat help" [
    --help(-h)                # Print help; -h: the usual options alone
    --version(-V)             # Print version
    command?: string@"nu-complete wirecat help command" # The command [default: wirecat itself]
  ]

  def "nu-complete wirecat completions shell" [] {
    [ "bash" "zsh" "fish" "powershell" "elvish" "nushell" ]
  }

  # Print the completions for a shell
  export extern "wirecat completions" [
    --help(-h)                # Print help; -h: the usual options alone
    --version(-V)             # Print version
    shell: string@"nu-complete wirecat completions shell" # The shell
  ]

  def "nu-complete wirecat man command" [] {
    [ "tcp-connect" "tcp-serve" "udp-send" "udp-listen" "mcast-join" "mcast-send" "chat" "echo" "from-nc" "events" "events-schema" ]
  }

  # Print a man page (try `wirecat man tcp-serve | man -l -`)
  export extern "wirecat man" [
    --help(-h)                # Print help; -h: the usual options alone
    --version(-V)             # Print version
    command?: string@"nu-complete wirecat man command" # What the page is about [default: wirecat itself]
  ]

}

export use completions *
