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
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat log" # The form of the events on stderr
    --color: string@"nu-complete wirecat color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
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
    --expect: string          # Stop once what is received has a match, anywhere in it
    --output: string@"nu-complete wirecat tcp-connect output" # How messages are written
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat tcp-connect on" # Run CMD on each EVENT
    --send: string            # Send TEXT in place of stdin
    --no-stdin(-n)            # Ignore stdin
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --idle-timeout: string    # End a connection that has no traffic for D
    --read-timeout: string    # End a connection unless a whole message comes within D of the last one
    --rate: string            # Limit sending
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --frame: string@"nu-complete wirecat tcp-connect frame" # How messages are marked on the stream
    --max-frame: string       # The largest message to send or take
    --read-size: string       # The most bytes that one read gives, and so one `data` event
    --keep-cr                 # Keep the CR before the LF of a line
    --paused                  # Read a message only when {"read":ID} asks for one
    --quit-after: string      # End a connection D after stdin has ended and is sent, whatever the peer does
    --keep-open               # Send no FIN when stdin has ended
    --on-peer-close: string@"nu-complete wirecat tcp-connect on_peer_close" # When the peer has closed before the end of stdin
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --connect-timeout: string # Give up an attempt to connect, over all addresses, after D
    --probe(-z)               # Only see whether a connection can be made
    --settle: string          # Count a connection as made once it has stood for D
    --reconnect               # Connect again when the connection is lost, and report what may be lost with it
    --bind: string            # Connect from this local address and port, or from unix:PATH
    --proxy-protocol: string@"nu-complete wirecat tcp-connect proxy_protocol" # Begin the connection with a header of the PROXY protocol, v1 or v2, which names its two ends
    --via: string             # Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT
    --via-password-file: path # Read the passwords of the proxies from FILE
    --exec: string            # Run CMD with the connection as its stdin and stdout
    --sh                      # Run CMD by /bin/sh -c
    --tls: string             # Speak TLS, with a server whose certificate is for NAME
    --starttls: string@"nu-complete wirecat tcp-connect starttls" # Have the server switch to TLS first as its protocol does
    --tls-ca: path            # Trust the certificates in FILE
    --tls-pin: string         # Take the server whose key has this hash
    --tls-insecure            # Take any certificate
    --tls-min-days: string    # Take no certificate that expires within N days
    --tls-cert: path          # The certificate of this side
    --tls-key: path           # The key of the certificate
    --alpn: string            # The protocols to offer or to take
    --replay: path            # Play this side of the recording in FILE
    --replay-timing           # Keep the recorded pauses
    --unix-mode: string       # Who may connect to a unix socket that has a path
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat tcp-connect events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat tcp-connect log" # The form of the events on stderr
    --color: string@"nu-complete wirecat tcp-connect color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --input: string@"nu-complete wirecat tcp-connect input" # How stdin is cut into messages
    --wait: string            # Keep trying to connect for D
    --count(-c): string       # Stop after N messages received
    -O: string@"nu-complete wirecat tcp-connect socket_option" # Set a socket option
    --version(-V)             # Print version
    ...addresses: string      # Where to connect to
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

  def "nu-complete wirecat tcp-serve starttls" [] {
    [ "smtp" "imap" "pop3" "ftp" "ldap" "postgres" ]
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
    --reply: string           # Answer TEXT
    --hub                     # Pass each client's messages to all others and to stdout
    --discard                 # Throw away what clients send
    --save: directory         # Save what clients send, one file a connection
    --forward: string         # Relay each connection to ADDR
    --exec: string            # Run CMD for each connection, which is its stdin and stdout
    --sh                      # Run CMD by /bin/sh -c
    --connect-timeout: string # Give up an attempt to connect after D
    --once(-1)                # Serve one connection, then end
    --conns: string           # Serve N connections in all, then end
    --max-clients: string     # Serve at most N clients at once
    --max-per-address: string # Serve at most N clients from one IP address at once
    --threads: string         # Serve the clients in N threads, 1 to 64
    --greet: string           # Send each client TEXT first
    --allow: string           # Let in only clients from these networks, or from the addresses that a name has now
    --deny: string            # Do not let in clients from these networks or names, whatever is allowed
    --queue: string           # How much may wait to be sent to one client
    --slow: string@"nu-complete wirecat tcp-serve slow" # What to do with a client that drains nothing
    --slow-after: string      # How long a client with a full queue may drain nothing
    --max-frame-total: string # The most that the unfinished messages of all clients hold
    --accept-proxy            # Take clients of proxies only, which begin with a header of the PROXY protocol
    --proxy-protocol: string@"nu-complete wirecat tcp-serve proxy_protocol" # Begin each connection of --forward with a header of the PROXY protocol, v1 or v2, which names the client
    --via: string             # Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT
    --via-password-file: path # Read the passwords of the proxies from FILE
    --unix-mode: string       # Who may connect to a unix socket that has a path
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it
    --output: string@"nu-complete wirecat tcp-serve output" # How messages are written
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat tcp-serve on" # Run CMD on each EVENT
    --send: string            # Send TEXT in place of stdin
    --no-stdin(-n)            # Ignore stdin
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --idle-timeout: string    # End a connection that has no traffic for D
    --read-timeout: string    # End a connection unless a whole message comes within D of the last one
    --rate: string            # Limit sending
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --frame: string@"nu-complete wirecat tcp-serve frame" # How messages are marked on the stream
    --max-frame: string       # The largest message to send or take
    --read-size: string       # The most bytes that one read gives, and so one `data` event
    --keep-cr                 # Keep the CR before the LF of a line
    --paused                  # Read a message only when {"read":ID} asks for one
    --quit-after: string      # End a connection D after stdin has ended and is sent, whatever the peer does
    --keep-open               # Send no FIN when stdin has ended
    --on-peer-close: string@"nu-complete wirecat tcp-serve on_peer_close" # When the peer has closed before the end of stdin
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --tls-self-signed         # Speak TLS with a certificate that is made for this run
    --tls-client-ca: path     # Take only clients whose certificates are issued by one in FILE
    --starttls: string@"nu-complete wirecat tcp-serve starttls" # Have the server of --forward tls:HOST:PORT switch to TLS first as its protocol does
    --tls-ca: path            # Trust the certificates in FILE
    --tls-pin: string         # Take the server whose key has this hash
    --tls-insecure            # Take any certificate
    --tls-min-days: string    # Take no certificate that expires within N days
    --tls-cert: path          # The certificate of this side
    --tls-key: path           # The key of the certificate
    --alpn: string            # The protocols to offer or to take
    --replay: path            # Play this side of the recording in FILE
    --replay-timing           # Keep the recorded pauses
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat tcp-serve events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat tcp-serve log" # The form of the events on stderr
    --color: string@"nu-complete wirecat tcp-serve color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --input: string@"nu-complete wirecat tcp-serve input" # How stdin is cut into messages
    --wait: string            # Give up if no client has come after D
    --count(-c): string       # Stop after N messages received
    -O: string@"nu-complete wirecat tcp-serve socket_option" # Set a socket option
    --version(-V)             # Print version
    ...addresses: string      # Where to listen
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
    --count(-c): string       # Stop after N messages received
    --expect: string          # Stop once what is received has a match, anywhere in it
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat udp-send on" # Run CMD on each EVENT
    --idle-timeout: string    # End when nothing was sent or received for D, with exit status 124
    --send: string            # Send TEXT in place of stdin
    --no-stdin(-n)            # Ignore stdin
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --repeat: string          # Send each message N times
    --rate: string            # Limit sending
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --reply: string           # Print answers until D passes without one
    --bind: string            # Send from this local address and port, or from unix:PATH
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --any-source              # Print answers from any address and port, such as those of TFTP
    --broadcast               # Allow broadcast addresses
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat udp-send events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat udp-send log" # The form of the events on stderr
    --color: string@"nu-complete wirecat udp-send color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --input: string@"nu-complete wirecat udp-send input" # How stdin is cut into datagrams
    --wait: string            # Send again once a second until the first answer, for D at most
    --output: string@"nu-complete wirecat udp-send output" # How messages are written
    -O: string@"nu-complete wirecat udp-send socket_option" # Set a socket option
    --version(-V)             # Print version
    ...addresses: string      # Where to send to
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
    --count(-c): string       # Stop after N messages received
    --expect: string          # Stop once what is received has a match, anywhere in it
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat udp-listen on" # Run CMD on each EVENT
    --idle-timeout: string    # End when nothing has come for D
    --reply: string           # Answer each message with TEXT
    --allow: string           # Listen only to these networks, or to the addresses that a name has now
    --deny: string            # Do not listen to these networks or names, whatever is allowed
    --stats                   # Report messages, rate, loss, duplicates, reordering, jitter and latency of each source
    --interval: string        # Report the statistics of each D as well
    --seq: string@"nu-complete wirecat udp-listen seq" # Where the stream keeps its sequence number
    --max-loss: string        # More loss than PCT at the end is exit status 1
    --send: string            # Send TEXT in place of stdin
    --no-stdin(-n)            # Ignore stdin
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --to: string@"nu-complete wirecat udp-listen to" # Where stdin goes
    --first-peer              # Listen only to the first peer
    --broadcast               # Allow sending to broadcast addresses
    --exec: string            # Run CMD for each peer
    --sh                      # Run CMD by /bin/sh -c
    --max-flows: string       # Run at most N commands at once
    --unix-mode: string       # Who may connect to a unix socket that has a path
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --replay: path            # Play this side of the recording in FILE
    --replay-timing           # Keep the recorded pauses
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat udp-listen events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat udp-listen log" # The form of the events on stderr
    --color: string@"nu-complete wirecat udp-listen color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --input: string@"nu-complete wirecat udp-listen input" # How stdin is cut into datagrams
    --wait: string            # Give up if no message has come after D
    --output: string@"nu-complete wirecat udp-listen output" # How messages are written
    -O: string@"nu-complete wirecat udp-listen socket_option" # Set a socket option
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
    --count(-c): string       # Stop after N messages received
    --expect: string          # Stop once what is received has a match, anywhere in it
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat mcast-join on" # Run CMD on each EVENT
    --idle-timeout: string    # End when nothing has come for D
    --reply: string           # Answer each message with TEXT
    --allow: string           # Listen only to these networks, or to the addresses that a name has now
    --deny: string            # Do not listen to these networks or names, whatever is allowed
    --stats                   # Report messages, rate, loss, duplicates, reordering, jitter and latency of each source
    --interval: string        # Report the statistics of each D as well
    --seq: string@"nu-complete wirecat mcast-join seq" # Where the stream keeps its sequence number
    --max-loss: string        # More loss than PCT at the end is exit status 1
    --rejoin: string          # Join all groups again every D, with new reports and no leave, and on an interface that was made anew
    --input: string@"nu-complete wirecat mcast-join input" # Read commands from stdin
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat mcast-join events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat mcast-join log" # The form of the events on stderr
    --color: string@"nu-complete wirecat mcast-join color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --wait: string            # Give up if no message has come after D
    --output: string@"nu-complete wirecat mcast-join output" # How messages are written
    -O: string@"nu-complete wirecat mcast-join socket_option" # Set a socket option
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
    --count(-c): string       # Stop after N messages received
    --expect: string          # Stop once what is received has a match, anywhere in it
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat mcast-send on" # Run CMD on each EVENT
    --idle-timeout: string    # End when nothing was sent or received for D, with exit status 124
    --send: string            # Send TEXT in place of stdin
    --no-stdin(-n)            # Ignore stdin
    --chomp                   # Send lines without their LF
    --crlf(-C)                # Send CR LF for each LF
    --repeat: string          # Send each message N times
    --rate: string            # Limit sending
    --progress                # Show bytes, rate and time left on stderr, where it is a terminal
    --reply: string           # Print answers until D passes without one
    --bind: string            # Send from this local address and port
    --ttl: string             # How many routers may pass it on
    --no-loop                 # Do not deliver it to this machine
    --test                    # Send probes with a sequence number and a time stamp, not stdin
    --size: string            # Bytes of a probe
    --duration: string        # How long to send probes
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat mcast-send events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat mcast-send log" # The form of the events on stderr
    --color: string@"nu-complete wirecat mcast-send color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --input: string@"nu-complete wirecat mcast-send input" # How stdin is cut into datagrams
    --wait: string            # Send again once a second until the first answer, for D at most
    --output: string@"nu-complete wirecat mcast-send output" # How messages are written
    -O: string@"nu-complete wirecat mcast-send socket_option" # Set a socket option
    --version(-V)             # Print version
    ...groups: string         # Which groups to send to
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
    --nick: string            # Take part as NAME
    --time                    # Show the time of each line
    --frame: string@"nu-complete wirecat chat frame" # The protocol of the host
    --send: string            # Say TEXT in place of stdin
    --no-stdin(-n)            # Only listen
    --host                    # Host the room, and take part in it
    --headless                # Only host the room
    --max-clients: string     # Have at most N members at once
    --max-per-address: string # Have at most N members from one IP address at once
    --queue: string           # How much may wait to be sent to one member
    --flood-limit: string     # Take N lines a second from each member, and four times as many at once
    --max-frame-total: string # The most that the unfinished lines of all members hold
    --unix-mode: string       # Who may connect to a unix socket that has a path
    --allow: string           # Let in only clients from these networks, or from the addresses that a name has now
    --deny: string            # Do not let in clients from these networks or names, whatever is allowed
    --reconnect               # Connect again when the connection to the host is lost
    --connect-timeout: string # Give up an attempt to connect, over all addresses, after D
    --bind: string            # Connect from this local address and port, or from unix:PATH
    --via: string             # Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT
    --via-password-file: path # Read the passwords of the proxies from FILE
    --tls: string             # Speak TLS, with a server whose certificate is for NAME
    --tls-ca: path            # Trust the certificates in FILE
    --tls-pin: string         # Take the server whose key has this hash
    --tls-insecure            # Take any certificate
    --tls-min-days: string    # Take no certificate that expires within N days
    --tls-cert: path          # The certificate of this side
    --tls-key: path           # The key of the certificate
    --alpn: string            # The protocols to offer or to take
    --tls-self-signed         # Speak TLS with a certificate that is made for this run
    --tls-client-ca: path     # Take only clients whose certificates are issued by one in FILE
    --ttl: string             # How far it may go
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat chat on" # Run CMD on each EVENT
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat chat events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat chat log" # The form of the events on stderr
    --color: string@"nu-complete wirecat chat color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --wait: string            # Keep trying to connect for D
    --count(-c): string       # Stop after N lines of others
    --output: string@"nu-complete wirecat chat output" # How lines are written
    -O: string@"nu-complete wirecat chat socket_option" # Set a socket option
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
    --udp                     # Datagrams only
    --delay: string           # Hold each answer back for D
    --drop: string            # Do not answer PCT of the messages, chosen at random
    --frame: string@"nu-complete wirecat echo frame" # How messages are marked on the stream, as for tcp-serve
    --max-frame: string       # The largest message to take from a stream
    --max-frame-total: string # The most that the unfinished messages of all clients hold
    --read-size: string       # The most bytes that one read of a stream without messages gives, up to 1MiB
    --prefix: string          # Put TEXT before each message
    --quit-word: string       # The message W closes its connection, and is not answered
    --stop-word: string       # The message W ends the run with 0, and is not answered
    --threads: string         # Serve in N threads, 1 to 64
    --unix-mode: string       # Who may connect to a unix socket that has a path
    --allow: string           # Let in only clients from these networks, or from the addresses that a name has now
    --deny: string            # Do not let in clients from these networks or names, whatever is allowed
    --idle-timeout: string    # End a connection that has no traffic for D
    --ping                    # Probe an echo server
    --interval: string        # The time from one probe to the next
    --size: string            # Bytes of a probe
    --conns: string           # Probe on N connections at once
    --max-loss: string        # More loss than PCT is exit status 1
    --connect-timeout: string # Give up an attempt to connect after D
    --via: string             # Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT
    --via-password-file: path # Read the passwords of the proxies from FILE
    --tls: string             # Speak TLS, with a server whose certificate is for NAME
    --tls-ca: path            # Trust the certificates in FILE
    --tls-pin: string         # Take the server whose key has this hash
    --tls-insecure            # Take any certificate
    --tls-min-days: string    # Take no certificate that expires within N days
    --tls-cert: path          # The certificate of this side
    --tls-key: path           # The key of the certificate
    --alpn: string            # The protocols to offer or to take
    --tls-self-signed         # Speak TLS with a certificate that is made for this run
    --tls-client-ca: path     # Take only clients whose certificates are issued by one in FILE
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --expect: string          # Stop once what is received has a match, anywhere in it
    --record: path            # Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng
    --port-file: path         # When ready, write the local ports to FILE, one a line
    --ready-fd: string        # When ready, write a newline to descriptor N and close it
    --on: string@"nu-complete wirecat echo on" # Run CMD on each EVENT
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --verbose(-v)             # Show connections and the summary too
    --quiet(-q)               # Show only errors
    --events: string@"nu-complete wirecat echo events" # Report these events alone, as accepted,data, or all but these, as -data,-sent
    --log: string@"nu-complete wirecat echo log" # The form of the events on stderr
    --color: string@"nu-complete wirecat echo color" # When to colour the events
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --wait: string            # Give up if nobody has come after D
    --count(-c): string       # Stop after N messages received
    --output: string@"nu-complete wirecat echo output" # Write events to stdout
    -O: string@"nu-complete wirecat echo socket_option" # Set a socket option
    --version(-V)             # Print version
    ...addresses: string      # Where to listen
  ]

  def "nu-complete wirecat help command" [] {
    [ "tcp-connect" "tcp-serve" "udp-send" "udp-listen" "mcast-join" "mcast-send" "chat" "echo" "help" "completions" "man" ]
  }

  # Print the help of a command
  export extern "wirecat help" [
    --help(-h)                # Print help
    --version(-V)             # Print version
    command?: string@"nu-complete wirecat help command" # The command
  ]

  def "nu-complete wirecat completions shell" [] {
    [ "bash" "zsh" "fish" "powershell" "elvish" "nushell" ]
  }

  # Print the completions for a shell
  export extern "wirecat completions" [
    --help(-h)                # Print help
    --version(-V)             # Print version
    shell: string@"nu-complete wirecat completions shell" # The shell
  ]

  def "nu-complete wirecat man command" [] {
    [ "tcp-connect" "tcp-serve" "udp-send" "udp-listen" "mcast-join" "mcast-send" "chat" "echo" "from-nc" "events" "events-schema" ]
  }

  # Print a man page (try `wirecat man tcp-serve | man -l -`)
  export extern "wirecat man" [
    --help(-h)                # Print help
    --version(-V)             # Print version
    command?: string@"nu-complete wirecat man command" # What the page is about
  ]

}

export use completions *
