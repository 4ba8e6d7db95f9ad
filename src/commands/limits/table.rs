//! The rows.

use std::time::Duration;

use super::Amount::{self, Bytes, Count, Mark, Time, Turn};
use super::Limit;

const fn limit(
    what: &'static str,
    bound: &'static str,
    amounts: &'static [(Amount, &'static str)],
    then: &'static str,
    test: &'static str,
) -> Limit {
    Limit { part: "", what, bound, amounts, then, test }
}

const fn seconds(seconds: u64) -> Amount {
    Time(Duration::from_secs(seconds))
}

const fn millis(millis: u64) -> Amount {
    Time(Duration::from_millis(millis))
}

/// All of them, part by part.
pub const LIMITS: &[Limit] = &[
    limit(
        "what waits to be sent to one client of a server",
        "{}, with --forward {} (--queue)",
        &[
            (Mark(1 << 20), "commands/tcp_serve.rs QUEUE"),
            (Mark(256 << 10), "commands/tcp_serve.rs RELAY_QUEUE"),
        ],
        "whatever feeds it is not read any further",
        "tests/it/slow.rs the_queue_is_as_large_as_it_was_asked_to_be",
    )
    .begin("Streams"),
    limit(
        "a client that takes nothing while others wait for it",
        "{} (--slow-after)",
        &[(seconds(1), "commands/tcp_serve.rs SLOW_AFTER")],
        "--slow: it is closed, misses messages, or is waited for",
        "tests/it/slow.rs a_client_that_drains_nothing_is_kicked",
    ),
    limit(
        "what waits to be sent to a client of echo",
        "{}",
        &[(Mark(256 << 10), "sessions/echo/mod.rs QUEUE")],
        "the client is not read any further",
        "tests/it/echo/server.rs a_stuck_client_holds_up_nobody_and_takes_no_memory",
    ),
    limit(
        "clients at once",
        "the descriptors that the process may have, less {} (--max-clients, --max-per-address)",
        &[(Turn(20), "sessions/streams/admission.rs RESERVED")],
        "further ones wait in the backlog of the listener, of 1024 (-O backlog)",
        "tests/it/conformance/crowds.rs more_clients_than_descriptors_wait_for_a_place",
    ),
    limit(
        "clients that are being told that the server is full (--frame tinyproto)",
        "{}",
        &[(Count(64), "sessions/streams/admission.rs TURNED_AWAY")],
        "further ones wait in the backlog",
        "src/sessions/streams/admission.rs \
         clients_beyond_the_limit_are_turned_away_where_there_is_a_word_for_it",
    ),
    limit(
        "pipes of the kernel in which a loop keeps bytes of relayed connections",
        "{}, of {} each",
        &[
            (Count(32), "event_loop/kernel_pipe.rs HELD"),
            (Mark(1 << 20), "event_loop/kernel_pipe.rs PIPE_SIZE"),
        ],
        "further connections are copied",
        "src/event_loop/link/tests.rs \
         what_a_stuck_sink_holds_is_bounded_counted_and_handed_back_at_the_end",
    ),
    limit(
        "bytes on their way from one loop of --threads to another",
        "{}",
        &[(Mark(256 << 10), "threads/messages.rs WINDOW")],
        "whoever sends them is not read any further",
        "tests/it/threads/ends.rs a_slow_stdout_paces_all_loops",
    ),
    limit(
        "one attempt to connect, at all addresses of a name",
        "{} (--connect-timeout)",
        &[(seconds(10), "commands/stream.rs CONNECT_TIMEOUT")],
        "it has failed, with exit status 124",
        "tests/it/limits.rs a_server_that_does_not_answer_is_a_timeout",
    ),
    limit(
        "connections that commands are making at once",
        "{}; {} more wait",
        &[
            (Count(256), "sessions/streams/opening/queue.rs ATTEMPTS"),
            (Turn(16 << 10), "sessions/streams/opening/queue.rs WAITING"),
        ],
        "further commands are not read",
        "tests/it/control/pool.rs a_name_that_takes_long_holds_up_nothing",
    ),
    limit(
        "names that each loop looks up at once",
        "{}; {} more wait",
        &[
            (Count(512), "event_loop/lookups.rs ASKED"),
            (Count(16 << 10), "event_loop/lookups.rs WAITING"),
        ],
        "further ones fail",
        "tests/it/conformance/names.rs the_threads_of_many_names_have_a_bound",
    ),
    limit(
        "what is queued when the run ends",
        "{}",
        &[(seconds(2), "event_loop/stopping.rs DRAIN")],
        "the rest is lost, and counted as unsent",
        "src/event_loop/stopping.rs \
         a_peer_that_does_not_read_holds_the_end_up_no_longer_than_allowed",
    ),
    limit(
        "a message on a stream",
        "{} (--max-frame)",
        &[(Mark(16 << 20), "commands/stream.rs MAX_FRAME")],
        "the connection is closed, with the detail frame",
        "tests/it/messages.rs a_frame_over_the_limit_is_an_error",
    )
    .begin("Messages"),
    limit(
        "what the unfinished messages of all clients hold",
        "{} (--max-frame-total)",
        &[(Mark(64 << 20), "commands/stream.rs MAX_FRAME_TOTAL")],
        "clients wait for each other; one that is silent meanwhile for 1 s is closed",
        "tests/it/frame_total.rs clients_that_finish_no_message_hold_64_mib_in_all",
    ),
    limit(
        "the headers of a message (--frame content-length)",
        "{}",
        &[(Bytes(8192), "framing/decimal.rs HEADERS")],
        "the connection is closed, with the detail frame",
        "src/framing/decimal.rs headers_have_a_bound",
    ),
    limit(
        "lists in lists, and digits of a number (--frame obj)",
        "{} and {}",
        &[
            (Turn(1024), "framing/pickle/mod.rs MAX_DEPTH"),
            (Turn(4300), "framing/pickle/number.rs MAX_DIGITS"),
        ],
        "the connection is closed, with the detail frame",
        "tests/it/obj/mod.rs every_hostile_pickle_is_refused_soon",
    ),
    limit(
        "what --expect remembers of a stream",
        "{} beside the expression",
        &[(Mark(256 << 10), "protocol/expect.rs MEMORY")],
        "it is forgotten and computed again, which takes more time",
        "src/protocol/expect.rs an_expression_that_explodes_stays_small",
    ),
    limit(
        "the header of --accept-proxy",
        "{} within {}",
        &[
            (Mark(4096), "sockets/dialogue/proxy_header.rs MOST"),
            (seconds(3), "event_loop/dialogue_stream.rs DEADLINE"),
        ],
        "that connection is closed",
        "tests/it/proxy_protocol.rs a_silent_client_is_closed_and_has_a_place_until_then",
    )
    .begin("Handshakes"),
    limit(
        "what a proxy sends (--via), or a server before TLS (--starttls)",
        "{} within --connect-timeout",
        &[(Mark(16 << 10), "sockets/dialogue/mod.rs MOST")],
        "the connection is closed, and has failed with exit status 8",
        "src/sockets/dialogue/tests.rs an_http_proxy_refuses_in_its_own_words",
    ),
    limit(
        "a TLS handshake, and what is held of it until a message is whole",
        "{}; {} of a server, of which one message has at most 64 KiB; {} of a client",
        &[
            (seconds(10), "event_loop/tls_stream.rs DEADLINE"),
            (Mark(96 << 10), "event_loop/tls_stream.rs CLIENT_HANDSHAKE"),
            (Mark(18 << 10), "event_loop/tls_stream.rs SERVER_HANDSHAKE"),
        ],
        "the connection is closed; that of a client has failed with exit status 8",
        "src/event_loop/tls_stream/tests/handshakes.rs a_handshake_without_end_is_no_handshake",
    ),
    limit(
        "a file of certificates or of a key (--tls-ca, --tls-cert, SSL_CERT_FILE)",
        "{}",
        &[(Bytes(16 << 20), "sockets/tls/identity.rs MOST")],
        "it is refused",
        "tests/it/trust/files.rs whom_to_trust_is_what_the_machine_or_a_variable_says",
    ),
    limit(
        "the handshake of --frame tinyproto",
        "{}",
        &[(seconds(10), "sessions/streams/deadlines.rs HELLO")],
        "the connection is closed",
        "tests/it/tinyproto/mod.rs a_peer_that_never_says_hello_is_out_of_time",
    ),
    limit(
        "what all sources cost that are counted or answered",
        "{}, about 77,000 sources that have sent once",
        &[(Mark(64 << 20), "sessions/datagrams/peers.rs MOST")],
        "the quarter that has been silent for longest goes; its figures stay in the sums",
        "src/sessions/datagrams/peers.rs the_idlest_make_room_and_their_sums_stay",
    )
    .begin("Datagrams"),
    limit(
        "streams of one source that are counted each by itself (--seq rtp)",
        "{}",
        &[(Count(64), "sessions/datagrams/statistics.rs MOST_STREAMS")],
        "the idlest makes room, and --max-loss is not met",
        "tests/it/udp/rtp.rs more_streams_than_are_counted_do_not_pass",
    ),
    limit(
        "commands of udp-listen --exec at once, and the silence of one",
        "{} (--max-flows) and {} (--idle-timeout)",
        &[
            (Turn(64), "commands/udp_listen.rs MOST_FLOWS"),
            (seconds(30), "commands/udp_listen.rs IDLE_FLOW"),
        ],
        "the idlest makes room; a silent one ends",
        "tests/it/udp/exec.rs a_command_that_does_not_end_makes_room_in_the_end",
    ),
    limit(
        "datagrams that wait for a socket",
        "{}; {} for a peer that takes none",
        &[
            (Count(65_536), "sessions/datagrams/outbox.rs MOST"),
            (Turn(1024), "sessions/datagrams/outbox.rs MOST_STUCK"),
        ],
        "further ones are not sent, and counted",
        "src/sessions/datagrams/outbox/tests.rs the_queue_is_bounded",
    ),
    limit(
        "addresses whose answers are taken (--broadcast, --any-source)",
        "{}",
        &[(Count(65_536), "sessions/datagrams/outlets.rs MOST_KNOWN")],
        "the one that was sent to first is forgotten",
        "src/sessions/datagrams/outlets.rs \
         only_those_that_were_sent_to_are_known_and_not_without_end",
    ),
    limit(
        "names of commands whose addresses are kept",
        "{}",
        &[(Count(1024), "sessions/datagrams/names.rs MOST")],
        "the oldest is looked up again",
        "src/sessions/datagrams/names.rs an_answer_is_used_for_a_while_and_a_failure_for_less",
    ),
    limit(
        "answers that echo holds for one source (--delay)",
        "{}",
        &[(Mark(4 << 20), "sessions/echo/responder.rs LIMIT")],
        "the source is not read any further",
        "src/sessions/echo/responder.rs \
         a_source_is_full_at_the_limit_and_no_longer_when_it_is_answered",
    ),
    limit(
        "probes of echo --ping without an answer",
        "{}",
        &[(Count(65_536), "protocol/ping.rs MEMORY")],
        "the oldest is lost; its answer counts as a duplicate",
        "src/protocol/ping.rs a_probe_is_lost_when_as_many_came_after_it_as_are_remembered",
    ),
    limit(
        "a line of a member",
        "{}",
        &[(Mark(4096), "protocol/chat/mod.rs MAX_LINE")],
        "the member is closed",
        "tests/it/chat/hostile.rs a_line_without_end_is_cut_off",
    )
    .begin("Chat"),
    limit(
        "lines of a member at once, and the pause between further ones",
        "{} and {} (--flood-limit)",
        &[(Turn(20), "protocol/chat/pace.rs BURST"), (millis(200), "protocol/chat/pace.rs REFILL")],
        "its lines wait, and it is not read any further",
        "tests/it/chat/hostile.rs a_flood_costs_the_others_nothing",
    ),
    limit(
        "lines of a member that wait",
        "{}",
        &[(Count(1000), "protocol/chat/room.rs FLOOD")],
        "the member is closed",
        "src/protocol/chat/room_tests.rs a_flood_beyond_all_bounds_ends_its_sender",
    ),
    limit(
        "lines that wait behind the screen of a user",
        "{}",
        &[(Count(1000), "sessions/chat/frontend.rs MOST_WAITING")],
        "further ones are not sent, and the user sees it",
        "tests/it/chat/pace.rs what_a_screen_takes_has_a_bound",
    ),
    limit(
        "what a newcomer is shown of the talk before",
        "{} lines, of {} together",
        &[
            (Count(200), "protocol/chat/room/newcomers.rs HISTORY"),
            (Bytes(256 << 10), "protocol/chat/room/newcomers.rs HISTORY_BYTES"),
        ],
        "older lines are forgotten",
        "src/protocol/chat/room/newcomers.rs it_is_bounded_in_lines_and_in_bytes",
    ),
    limit(
        "members of a chat in a group, and the silence of one",
        "{} and {}",
        &[
            (Count(1000), "protocol/chat/group_room.rs MOST"),
            (seconds(35), "protocol/chat/group_room.rs SILENCE"),
        ],
        "further ones are not shown; a silent one has left",
        "src/protocol/chat/group_room_tests.rs a_crowd_is_known_up_to_a_bound",
    ),
    limit(
        "names and lines that a screen keeps",
        "{} and {}",
        &[
            (Count(10_000), "protocol/chat/view.rs MOST"),
            (Count(5000), "protocol/chat/scrollback.rs KEPT"),
        ],
        "further names are not listed; the oldest line goes",
        "src/protocol/chat/view.rs a_host_can_claim_so_many_names_and_no_more",
    ),
    limit(
        "commands of --on at once, and the events that wait for one",
        "{} and {}",
        &[(Count(16), "sessions/hooks.rs AT_ONCE"), (Mark(1 << 20), "sessions/hooks.rs HIGH_MARK")],
        "listeners and connections are not read until most have been run",
        "tests/it/children/hooks.rs a_flood_of_events_pauses_what_makes_them",
    )
    .begin("Events and recordings"),
    limit(
        "events that wait for stderr to be read",
        "{}",
        &[(Bytes(128 << 10), "report/stderr.rs MOST")],
        "further ones are left out, and counted",
        "src/report/stderr/tests.rs a_stderr_without_a_reader_is_left_alone",
    ),
    limit(
        "lines for a person that are alike",
        "{} a second",
        &[(Count(10), "report/lines.rs MOST")],
        "the rest is summed up",
        "src/report/lines.rs ten_lines_of_a_kind_are_shown_and_the_rest_is_summed_up",
    ),
    limit(
        "what --record holds for a FIFO that is not read",
        "{}, and at most {}",
        &[
            (Mark(1 << 20), "event_loop/recorder.rs FULL"),
            (Bytes(64 << 20), "sessions/recorder.rs MOST"),
        ],
        "nothing more is read of anybody; the recording ends",
        "tests/it/recording/stuck.rs \
         a_recording_that_nobody_reads_pauses_the_clients_and_not_the_end",
    ),
];
