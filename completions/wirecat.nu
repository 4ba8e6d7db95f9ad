module completions {

  def "nu-complete wirecat log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat color" [] {
    [ "auto" "always" "never" ]
  }

  # A netcat for people who script: stdin to the wire, the wire to stdout, events to stderr, and an exit status that tells whether anything was lost
  export extern wirecat [
    --verbose(-v)             # Show connections and the summary too; -vv: every message too
    --quiet(-q)               # Show only errors
    --log: string@"nu-complete wirecat log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    --version(-V)             # Print version
  ]

  def "nu-complete wirecat tcp-connect on_peer_close" [] {
    [ "continue" "exit" ]
  }

  def "nu-complete wirecat tcp-connect log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat tcp-connect color" [] {
    [ "auto" "always" "never" ]
  }

  # Connect to a stream server: stdin to it, its answer to stdout
  export extern "wirecat tcp-connect" [
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --idle-timeout: string    # End a connection that has no traffic for D
    --read-timeout: string    # End a connection unless a whole message comes within D of the last one (with --frame)
    --wait: string            # Keep trying to connect for D [default: 0, one attempt]
    --count(-c): string       # Stop after N messages received; fewer is exit status 1 (with --frame)
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --input: string           # How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]
    --chomp                   # Send lines without their LF (with --input line)
    --output: string          # How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]
    --crlf(-C)                # Send CR LF for each LF
    --frame: string           # How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint or fixed:N
    --max-frame: string       # The largest message to send or take [default: 16MiB]
    --keep-cr                 # Keep the CR before the LF of a line (with --frame line)
    --quit-after: string      # End a connection D after stdin has ended and is sent, whatever the peer does
    --keep-open               # Do not tell the peer that stdin has ended
    --on-peer-close: string@"nu-complete wirecat tcp-connect on_peer_close" # When the peer has closed before the end of stdin: continue to send it, or exit
    -O: string                # Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --connect-timeout: string # Give up an attempt to connect, over all addresses, after D [default: 10s]
    --reconnect               # Connect again when the connection is lost, and say what may be lost with it
    --bind: string            # Connect from this local address and port
    --verbose(-v)             # Show connections and the summary too; -vv: every message too
    --quiet(-q)               # Show only errors
    --log: string@"nu-complete wirecat tcp-connect log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat tcp-connect color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --help(-h)                # Print help
    address: string           # Where to connect to (see Addresses)
  ]

  def "nu-complete wirecat tcp-serve on_peer_close" [] {
    [ "continue" "exit" ]
  }

  def "nu-complete wirecat tcp-serve log" [] {
    [ "text" "json" ]
  }

  def "nu-complete wirecat tcp-serve color" [] {
    [ "auto" "always" "never" ]
  }

  # Serve stream clients: stdin to all of them, all of them to stdout
  export extern "wirecat tcp-serve" [
    --reply: string           # Answer TEXT: on accept, or to each message with --frame
    --hub                     # Pass each client's messages to all others and to stdout
    --discard                 # Throw away what clients send
    --save: path              # Save what clients send, one file a connection
    --once(-1)                # Serve one connection, then end
    --conns: string           # Serve N connections in all, then end
    --max-clients: string     # Serve at most N clients at once; the rest wait
    --greet: string           # Send each client TEXT first
    --queue: string           # How much may wait to be sent to one client [default: 1MiB]
    --slow: string            # What to do with a client that drains nothing: kick, drop (messages) or block [default: block for one client, else kick]
    --slow-after: string      # How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]
    --port-file: path         # When ready, write the ports to FILE, one a line
    --timeout(-w): string     # End the whole run after D, with exit status 124
    --idle-timeout: string    # End a connection that has no traffic for D
    --read-timeout: string    # End a connection unless a whole message comes within D of the last one (with --frame)
    --count(-c): string       # Stop after N messages received; fewer is exit status 1 (with --frame)
    --no-stdin(-n)            # Do as if there were no stdin: nothing is sent, and nothing half-closed
    --input: string           # How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]
    --chomp                   # Send lines without their LF (with --input line)
    --output: string          # How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]
    --crlf(-C)                # Send CR LF for each LF
    --frame: string           # How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le, u32le, varint or fixed:N
    --max-frame: string       # The largest message to send or take [default: 16MiB]
    --keep-cr                 # Keep the CR before the LF of a line (with --frame line)
    --quit-after: string      # End a connection D after stdin has ended and is sent, whatever the peer does
    --keep-open               # Do not tell the peer that stdin has ended
    --on-peer-close: string@"nu-complete wirecat tcp-serve on_peer_close" # When the peer has closed before the end of stdin: continue to send it, or exit
    -4                        # Use IPv4 only
    -6                        # Use IPv6 only
    --verbose(-v)             # Show connections and the summary too; -vv: every message too
    --quiet(-q)               # Show only errors
    --log: string@"nu-complete wirecat tcp-serve log" # The form of the events on stderr: text or json [default: text]
    --color: string@"nu-complete wirecat tcp-serve color" # When to colour the events: auto, always or never [default: auto]
    --tag: string             # Put TEXT into every event
    --wait: string            # Give up if no client has come after D
    -O: string                # Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout backlog
    --help(-h)                # Print help
    ...addresses: string      # Where to listen (see Addresses)
  ]

  def "nu-complete wirecat completions shell" [] {
    [ "bash" "zsh" "fish" "powershell" "elvish" "nushell" ]
  }

  # Print the completions for a shell
  export extern "wirecat completions" [
    --help(-h)                # Print help (see more with '--help')
    shell: string@"nu-complete wirecat completions shell" # The shell
  ]

  def "nu-complete wirecat man command" [] {
    [ "tcp-connect" "tcp-serve" ]
  }

  # Print a man page (try `wirecat man tcp-serve | man -l -`)
  export extern "wirecat man" [
    --help(-h)                # Print help (see more with '--help')
    command?: string@"nu-complete wirecat man command" # The command that the page is about [default: wirecat itself]
  ]

}

export use completions *
