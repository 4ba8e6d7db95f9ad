//! SPEC 1.6: every option works or is an error.

use super::echo;

#[test]
fn an_option_that_cannot_apply_is_refused() {
    for (args, words) in [
        ("--ping 7 --delay 1ms", "cannot use --delay: --ping knows"),
        ("--ping 7 --drop 1", "cannot use --drop"),
        ("--ping 7 --frame line", "cannot use --frame"),
        ("--ping 7 --prefix x", "cannot use --prefix"),
        ("--ping 7 --quit-word x", "cannot use --quit-word"),
        ("--ping 7 --stop-word x", "cannot use --stop-word"),
        ("--ping 7 --expect x", "cannot use --expect"),
        ("--ping 7 --idle-timeout 1", "cannot use --idle-timeout"),
        ("--ping 7 --size 15", "a probe has 16 to 16777216 bytes"),
        ("--ping 7 --udp --size 65508", "a probe has 16 to 65507 bytes"),
        ("--ping 7 --udp --wait 1s", "cannot use --wait"),
        ("--ping", "takes the one address"),
        ("--ping 7 8", "takes the one address"),
        ("--ping 0", "port 0 cannot be connected to"),
        ("--ping 239.1.2.3:7", "probe one of its members"),
        ("--ping 7 --output hex", "cannot use --output"),
        ("--ping 7 -O backlog=3", "backlog is an option of listeners"),
        ("7 --interval 1s", "cannot use --interval: it needs --ping"),
        ("7 --size 99", "cannot use --size"),
        ("7 --conns 2", "cannot use --conns"),
        ("7 --max-loss 2", "cannot use --max-loss"),
        ("7 --connect-timeout 2", "cannot use --connect-timeout"),
        ("7 --output raw", "cannot use --output"),
        ("7 --udp --frame line", "datagrams have no connection"),
        ("7 --udp --quit-word x", "datagrams have no connection"),
        ("7 --max-frame 10", "without a framing"),
        ("7 --tcp -O nodelay=off", "cannot use -O nodelay: no answer is to wait"),
        ("7 --drop -1", "is not a percentage"),
        ("7 --frame fixed:4 --prefix >", "no message of --frame fixed:4 can have one"),
        ("7 --frame obj --prefix >", "no message of --frame obj can have one"),
        ("7 --frame fixed:4 --quit-word quitting", "cannot use --quit-word: it never comes"),
        ("7 --stop-word a\\nb", "cannot use --stop-word: it never comes"),
        ("7 --frame obj --stop-word stop", "cannot use --stop-word: it never comes"),
        ("239.1.2.3:7 --tcp", "a group is for datagrams"),
        ("unix:/x -4", "cannot use -4"),
        ("unix:/x --port-file /x", "a unix socket has no port"),
        ("7 --tcp --udp", "cannot be used with"),
        ("99999", "not between 0 and 65535"),
    ] {
        echo(args).run().code(2).says(words);
    }
}
