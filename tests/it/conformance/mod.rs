//! SPEC section 10: what breaks some well-known tool. Each number has the tests that would fail first;
//! those of this module stand without its name.
//!
//! | number | tests |
//! |---|---|
//! | 1 | `streams::an_answer_with_a_reset_behind_it_is_printed_1000_times_of_1000` |
//! | 2 | `streams::fifty_megabytes_reach_a_peer_that_half_closed_at_once` |
//! | 2 | `streams::a_pause_of_the_input_does_not_end_the_run_after_the_peers_fin` |
//! | 2 | `streams::a_peer_that_leaves_in_the_middle_makes_it_6` |
//! | 3 | `terminal::a_person_is_back_at_the_prompt_when_the_peer_closes` |
//! | 4 | `streams::an_answer_after_our_fin_is_waited_for` |
//! | 5 | `output::head_1_on_a_drip_ends_it_with_the_next_drop` |
//! | 5 | `output::head_1_on_a_flood_ends_it_quietly` |
//! | 6 | `output::a_full_disk_is_7_with_a_message` |
//! | 6 | `output::what_came_before_a_reset_is_printed` |
//! | 6 | `output::what_waits_in_the_kernel_when_a_reset_comes_is_printed` |
//! | 7 | `streams::input_flows_while_stdout_is_blocked` |
//! | 7 | `streams::output_flows_while_stdin_is_idle` |
//! | 8 | `descriptors::inherited_descriptors_never_become_nonblocking` |
//! | 8 | `terminal::the_terminal_is_left_as_it_was` |
//! | 9 | `listeners::a_free_port_is_one_for_both_families` |
//! | 9 | `listeners::the_port_file_is_whole_when_it_exists` |
//! | 9 | `listeners::a_second_listener_on_a_port_gets_5` |
//! | 10 | `udp::conformance::datagrams_of_65507_and_0_bytes_arrive_byte_for_byte` |
//! | 10 | `udp::conformance::three_peers_are_received` |
//! | 11 | `udp::conformance::three_lines_are_three_datagrams_a_hundred_times` |
//! | 11 | `udp::conformance::a_closed_port_is_exit_4` |
//! | 12 | `multicast::loopback::two_joins_on_one_port_and_two_groups_receive_their_own_group_only` |
//! | 12 | `multicast::hosts::a_source_filter_drops_the_other_machine` |
//! | 12 | `multicast::hosts::a_router_stops_ttl_1_and_passes_ttl_4` |
//! | 12 | `multicast::loopback::replies_to_a_group_are_printed_by_the_sender` |
//! | 13 | `options::a_port_beyond_65535_is_2` |
//! | 13 | `options::options_of_another_command_are_2` |
//! | 13 | `options::options_that_could_do_nothing_are_2` |
//! | 14 | `terminal::a_background_job_is_not_stopped` |
//! | 14 | `terminal::a_server_in_the_background_is_not_stopped` |
//! | 15 | `signals::sigterm_of_a_listener_is_0_and_loses_nothing` |
//! | 15 | `signals::other_signals_end_it_by_themselves_after_the_summary` |
//! | 15 | `exec::a_child_has_no_descriptor_of_another_connection` |
//! | 15 | `exec::the_last_output_arrives_every_time` |
//! | 16 | `broadcast::a_stuck_client_is_kicked_and_the_others_get_everything` |
//! | 16 | `broadcast::with_slow_block_a_stuck_client_is_waited_for` |
//! | 17 | `crowds::more_clients_than_descriptors_wait_for_a_place` |
//! | 18 | `routes::a_dead_ipv6_address_costs_less_than_400_ms` |
//! | 19 | `ends::input_and_its_end_pass_while_stdin_is_quiet` |
//! | 19 | `ends::output_and_its_end_pass_while_the_peer_is_quiet` |
//! | 19 | `ends::input_and_its_end_pass_while_stdin_is_filled` |
//! | 19 | `ends::output_and_its_end_pass_while_the_peer_fills_stdout` |
//! | 19 | `ends::input_and_its_end_pass_when_stdin_is_done` |
//! | 19 | `ends::output_and_its_end_pass_when_the_peer_is_done` |
//! | 20 | `cut::the_receiver_of_a_client_that_is_cut_does_not_end_with_0` |
//! | 20 | `cut::so_does_it_behind_a_relay` |
//! | 21 | `system::children_are_reaped_where_the_parent_blocks_sigchld` |
//! | 21 | `system::as_pid_1_it_ends_with_128_and_the_signal` |
//! | 21 | `system::sigterm_ends_a_server_whose_reader_does_not_read` |
//! | 22 | `sources::datagrams_are_answered_from_the_address_that_was_asked` |
//! | 23 | `names::the_time_of_the_run_ends_a_lookup` |
//! | 23 | `names::a_signal_ends_a_lookup` |

mod broadcast;
mod crowds;
mod cut;
mod descriptors;
mod ends;
mod hostile;
mod json;
mod listeners;
mod many;
mod names;
mod options;
mod output;
mod routes;
mod signals;
mod sources;
mod streams;
mod system;

use std::cell::RefCell;
use std::net::TcpStream;
use std::path::Path;

use crate::support::data::PATHS;
use crate::support::net::{accept, connect, listener};
use crate::support::pipes::{PipeReader, pipe};
use crate::support::{Program, Running, wirecat};

/// A `tcp-connect` and a `tcp-serve -1` whose stdin is a pipe, with what `change` makes of them,
/// and the std socket at the other end of each.
fn both_kinds(change: impl Fn(Program) -> Program) -> Vec<(Running, TcpStream)> {
    let (listener, address) = listener();
    let client = change(wirecat(["tcp-connect", &address]).piped()).start();
    let clients_peer = accept(&listener);
    let mut server = change(wirecat(["tcp-serve", "-1", "127.0.0.1:0"]).piped()).start();
    let servers_peer = connect(&server.address());
    vec![(client, clients_peer), (server, servers_peer)]
}

/// The same on both paths that bytes may take, each with the reading end of the pipe that is its
/// stdout.
fn both_kinds_into_pipes() -> Vec<(Running, TcpStream, PipeReader)> {
    let readers = RefCell::new(Vec::new());
    let programs = PATHS.into_iter().flat_map(|path| {
        both_kinds(|program| {
            let (reader, writer) = pipe().expect("a pipe");
            readers.borrow_mut().push(reader);
            program.stdout(writer).with(|command| _ = command.args(path))
        })
    });
    let programs: Vec<_> = programs.collect();
    let programs = programs.into_iter().zip(readers.into_inner());
    programs.map(|((program, stream), reader)| (program, stream, reader)).collect()
}

/// The rows of the table above: a number, the path of a module, and the name of a test.
fn rows() -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    include_str!("mod.rs").lines().filter_map(|line| {
        let (number, path) = line.strip_prefix("//! | ")?.split_once(" | `")?;
        let (module, test) = path.strip_suffix("` |")?.rsplit_once("::")?;
        Some((number.parse().ok()?, module, test))
    })
}

/// The source of a module of this directory, or else of the tests as a whole.
fn source(module: &str) -> Option<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let path = module.replace("::", "/");
    let places = [format!("conformance/{path}.rs"), format!("{path}.rs"), format!("{path}/mod.rs")];
    places.iter().find_map(|place| std::fs::read_to_string(tests.join(place)).ok())
}

#[test]
fn each_number_of_the_contract_has_tests_that_are_there() {
    let mut numbers: Vec<usize> = rows().map(|(number, ..)| number).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=23).collect::<Vec<_>>());
    for (number, module, test) in rows() {
        let source = source(module).unwrap_or_else(|| panic!("{number}: {module} is no module"));
        let definition = format!("#[test]\nfn {test}() {{");
        assert!(source.contains(&definition), "{number}: {module} has no test {test}");
    }
}
