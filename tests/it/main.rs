//! All tests of the real binary, as one program. Each module guards a part of the contract of the
//! command line, SPEC, by section; SPEC 1.6 is principle 6 of section 1, and so on.
//!
//! | module | what it guards |
//! |---|---|
//! | [`access`] | SPEC 7: `--allow` and `--deny` |
//! | [`activation`] | SPEC 3: `fd:` takes the listeners of systemd |
//! | [`addresses`] | SPEC 3: socket files, abstract names, inherited sockets |
//! | [`bounds`] | SPEC 1.7 and 1.8: what one peer can cost |
//! | [`chat`] | SPEC 7, chat |
//! | [`children`] | SPEC 2 and 5: `-- CMD`, `--on`, `--ready-fd`, `--port-file` |
//! | [`conformance`] | SPEC 10, number by number |
//! | [`contract`] | SPEC 8: the schema, held by events of rare troubles |
//! | [`control`] | SPEC 5: `--input commands` and `--input json` |
//! | [`echo`] | SPEC 7, echo and echo --ping |
//! | [`events`] | SPEC 8: the text of events, and `-v -q --log --tag --color` |
//! | [`examples`] | the examples of the library |
//! | [`exec`] | SPEC 7: `--exec`; SPEC 10.15 |
//! | [`expect`] | SPEC 5: `--expect` |
//! | [`files`] | SPEC 5: `--port-file`, `--record` and `--save` as files and FIFOs |
//! | `files_of_others` | SPEC 7, access: recordings, saved files and key logs beside another user |
//! | [`first_hour`] | what someone who knows nc types first, and reads |
//! | [`forward`] | SPEC 7: `--forward`; SPEC 10.20 |
//! | [`frame_total`] | SPEC 6: `--max-frame-total` |
//! | [`from_nc`] | the README's table of nc, ncat and socat, each line beside the tool itself |
//! | [`gone`] | SPEC 6: peers that are gone while stdin is silent |
//! | [`grammar`] | SPEC 6: `--frame` of a grammar, in the bytes of seven protocols |
//! | [`half_close`] | SPEC 6: the half-close table, cell by cell |
//! | [`help`] | SPEC 2: `--help`, as snapshots |
//! | [`hints`] | SPEC 9: what is answered to lines of nc, ncat and socat |
//! | [`interop`] | SPEC 1.1: every byte, with nc.openbsd, ncat and socat |
//! | [`layers`] | not the contract but the house: imports go down, files stay short |
//! | [`libraries`] | SPEC 6: `--frame tinyproto` with the library itself |
//! | [`limits`] | SPEC 5 and 7: the limits of time of streams |
//! | [`messages`] | SPEC 5 and 6: `--frame`, `--input`, `--output`, `-C` |
//! | [`multicast`] | SPEC 7, mcast-join and mcast-send |
//! | [`obj`] | SPEC 6: `--frame obj` |
//! | [`patience`] | SPEC 5: `--wait` of those that connect and send |
//! | [`per_address`] | SPEC 7: `--max-per-address` |
//! | [`person`] | SPEC 5 and 6: what a person at a terminal is shown, and a script is not |
//! | [`probe`] | SPEC 7: `-z` and `--settle` |
//! | [`programs`] | SPEC 5: programs that drive wirecat over two pipes |
//! | [`progress`] | SPEC 5: `--progress` |
//! | [`proxy_protocol`] | SPEC 7, proxies: `--proxy-protocol` and `--accept-proxy` |
//! | [`rate`] | SPEC 5: `--rate` |
//! | [`read_size`] | SPEC 5: `--read-size` |
//! | [`readmes`] | SPEC 5: the programs of five Python libraries, over two pipes |
//! | [`recipes`] | the recipes of the README |
//! | [`reconnect`] | SPEC 7: `--reconnect` |
//! | [`recording`] | SPEC 5: `--record` and `--replay` |
//! | [`refusals`] | SPEC 1.6: options of streams that cannot apply |
//! | [`selection`] | SPEC 5: `--events` |
//! | [`send`] | SPEC 4 and 5: `--send` |
//! | [`serve`] | SPEC 7, tcp-serve: whom it serves, and its handlers |
//! | [`simulation`] | SPEC 1.3, 1.4, 1.7, 6 and 7 in virtual time, from seeds |
//! | [`slow`] | SPEC 7: `--slow`, `--slow-after`, `--queue` |
//! | [`smoke`] | SPEC 2: the main job in its simplest forms |
//! | [`sockets`] | SPEC 5: `-O`, `--bind`, `-4`, `-6` |
//! | `starttls` | SPEC 7, TLS: `--starttls` |
//! | [`stdio`] | SPEC 6: standard streams that are sockets or somebody else's pipes, and the end of stdout |
//! | [`stopping`] | SPEC 6, 9: how long an end takes that was asked for, and its status |
//! | [`support`] | drives the binary; no tests |
//! | [`terminal`] | SPEC 6 at a terminal: job control, the line that is typed |
//! | [`threads`] | SPEC 7: `--threads` |
//! | `tls` | SPEC 7: TLS, with each other and with other programs |
//! | [`tinyproto`] | SPEC 6: `--frame tinyproto`, byte by byte |
//! | `trust` | SPEC 7, TLS: who is trusted, bad certificates, keys and files, pins |
//! | [`udp`] | SPEC 7, udp-send and udp-listen |
//! | [`unix_mode`] | SPEC 7: `--unix-mode` |
//! | [`unix_names`] | SPEC 1.7: unix peers with any name that the kernel allows |
//! | [`urgent`] | SPEC 6: the urgent byte of a stream |
//! | [`usage`] | SPEC 3 and 9: bad input is refused before anything is sent |
//! | [`via`] | SPEC 7, proxies: `--via` |
//! | [`zero_copy`] | SPEC 1.1, 1.3, 6: the same bytes, counts and status with and without a copy |
#![cfg(test)]

mod access;
mod activation;
mod addresses;
mod bounds;
mod chat;
mod children;
mod conformance;
mod contract;
mod control;
mod echo;
mod events;
mod examples;
mod exec;
mod expect;
mod files;
mod files_of_others;
mod first_hour;
mod forward;
mod frame_total;
mod from_nc;
mod gone;
mod grammar;
mod half_close;
mod help;
mod hints;
mod interop;
mod layers;
mod libraries;
mod limits;
mod messages;
mod multicast;
mod obj;
mod patience;
mod per_address;
mod person;
mod probe;
mod programs;
mod progress;
mod proxy_protocol;
mod rate;
mod read_size;
mod readmes;
mod recipes;
mod reconnect;
mod recording;
mod refusals;
mod selection;
mod send;
mod serve;
mod simulation;
mod slow;
mod smoke;
mod sockets;
#[cfg(feature = "tls")]
mod starttls;
mod stdio;
mod stopping;
mod support;
mod terminal;
mod threads;
mod tinyproto;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod trust;
mod udp;
mod unix_mode;
mod unix_names;
mod urgent;
mod usage;
mod via;
mod zero_copy;
