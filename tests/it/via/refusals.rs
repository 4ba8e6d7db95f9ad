//! What cannot apply, and where a password may stand.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::proxy::{Proxy, Speech};
use crate::support::net::{peer, read_all};
use crate::support::wirecat;

#[test]
fn what_cannot_apply_is_refused() {
    for (words, says) in [
        ("tcp-connect --via socks4://h:1 h:2", "socks4:// is not supported: write socks5://"),
        ("tcp-connect --via h:1 h:2", "write socks5://HOST:PORT or http://HOST:PORT"),
        ("tcp-connect --via socks5://h h:2", "socks5://HOST:1080"),
        ("tcp-connect --via http://h:70000 h:2", "port 70000 is not between 0 and 65535"),
        ("tcp-connect --via socks5://h:1 unix:/x", "another kind of socket"),
        ("tcp-connect --via socks5://h:1 fd:3", "another kind of socket"),
        ("tcp-connect --via socks5://h:1 [fe80::1%lo]:2", "%lo of fe80::1"),
        ("tcp-connect --via socks5://joe@h:1 h:2", "WIRECAT_PROXY_PASSWORD or --via-password-file"),
        ("tcp-connect --via-password-file x h:2", "--via"),
        ("tcp-connect --via socks5://h:1 --via-password-file x h:2", "no proxy has a user"),
        ("tcp-serve --via socks5://h:1 0", "only --forward connects to anybody"),
        ("tcp-serve --via socks5://h:1 --forward unix:/x 0", "another kind of socket"),
        ("tcp-serve --via h:1 --forward h:2 0", "does not name the protocol of the proxy"),
        ("echo --via socks5://h:1", "it needs --ping"),
        ("echo --ping --udp --via socks5://h:1 h:2", "without a connection"),
        ("echo --ping --via socks5://h:1 unix:/x", "another kind of socket"),
        ("chat --host --via socks5://h:1 0", "it is for those who join"),
        ("chat --via socks5://h:1 239.1.2.3:5000", "no host to connect to"),
        ("chat --via socks5://h:1 unix:/x", "another kind of socket"),
        ("udp-send --via socks5://h:1 h:2", "--via"),
    ] {
        let _ = wirecat(words.split(' ')).run().code(2).says(says);
    }
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    for output in [&[][..], &["--log", "json"]] {
        let words = ["tcp-connect", "--via", "socks5://joe:hidden@h:1", "h:2"];
        let ended = wirecat(words.iter().chain(output)).run().code(2);
        assert!(!ended.stderr.contains("hidden"), "{}", ended.stderr);
        let _ = ended.says("WIRECAT_PROXY_PASSWORD").says("--via-password-file");
    }
}

#[test]
fn a_file_has_the_passwords() {
    let directory = crate::support::tempdir().unwrap();
    let file = directory.path().join("password");
    let path = file.to_str().unwrap();
    let proxies = [Proxy::start(Speech::SocksLogin), Proxy::start(Speech::HttpLogin)];
    let via = format!("{},{}", proxies[0].url, proxies[1].url);
    let ask = |mode, text: &str| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let server = peer(|stream| read_all(&stream));
        let words = ["tcp-connect", "-z", "--via", &via, "--via-password-file", path];
        // The file counts, and not the variable.
        let program = wirecat(words.into_iter().chain([&*server.address]));
        program.env("WIRECAT_PROXY_PASSWORD", "wrong").run()
    };
    let ended = ask(0o600, "secret\n").code(0);
    assert_eq!(ended.stderr, "");
    let _ = ask(0o600, "secret\r\nsecret").code(0);
    let _ = ask(0o644, "secret").code(0).says("others can read the password in");
    let _ = ask(0o640, "secret").code(0).says("chmod 600");
    let _ = ask(0o600, "secret\nother\n").code(8).says("answers: 407");
    let _ = ask(0o600, "1\n2\n3\n").code(2).says("3 passwords for 2 proxies");
    let _ = ask(0o600, &"x".repeat(256)).code(2).says("255 are the most");
    fs::remove_file(&file).unwrap();
    let words = ["tcp-connect", "--via", &via, "--via-password-file"];
    let gone = words.into_iter().chain([path, "h:1"]);
    let _ = wirecat(gone).run().code(7).says("cannot read passwords from");
    let directory = directory.path().to_str().unwrap();
    let _ = wirecat(words.into_iter().chain([directory, "h:1"])).run().code(7).says("directory");
}
