//! Proxies from Debian: dante and microsocks speak SOCKS5, tinyproxy HTTP.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::support::daemon::Daemon;
use crate::support::data::{assert_same, noise};
use crate::support::net::{RefusingPort, peer, read_exactly};
use crate::support::peers::installed;
use crate::support::{Program, skip, wirecat};

/// A proxy with what its URL says, and the directory of its configuration.
struct Live {
    _daemon: Daemon,
    _directory: TempDir,
    url: String,
}

/// A directory that a proxy may use which is no longer root.
fn directory() -> TempDir {
    let directory = crate::support::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    directory
}

fn live(scheme: &str, directory: TempDir, daemon: Daemon) -> Live {
    let url = format!("{scheme}{}", daemon.address);
    // Until it listens.
    let _ = wirecat(["tcp-connect", "-z", "--wait", "60s", &daemon.address]).run().code(0);
    Live { _daemon: daemon, _directory: directory, url }
}

/// One for everybody.
fn dante() -> Live {
    let directory = directory();
    let file = directory.path().join("danted.conf");
    let daemon = Daemon::on_port("danted", |port| {
        let text = format!(
            "logoutput: /dev/null\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\n\
             clientmethod: none\nsocksmethod: none\n\
             client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
        );
        fs::write(&file, text).unwrap();
        vec!["-f".to_owned(), file.display().to_string()]
    });
    live("socks5://", directory, daemon)
}

/// One for joe alone.
fn microsocks() -> Live {
    let daemon = Daemon::on_port("microsocks", |port| {
        let words = format!("-i 127.0.0.1 -p {port} -u joe -P secret");
        words.split(' ').map(str::to_owned).collect()
    });
    live("socks5://joe@", directory(), daemon)
}

/// One for joe alone.
fn tinyproxy() -> Live {
    let directory = directory();
    let file = directory.path().join("tinyproxy.conf");
    let daemon = Daemon::on_port("tinyproxy", |port| {
        let text = format!("Port {port}\nListen 127.0.0.1\nTimeout 600\nBasicAuth joe secret\n");
        fs::write(&file, text).unwrap();
        vec!["-d".to_owned(), "-c".to_owned(), file.display().to_string()]
    });
    live("http://joe@", directory, daemon)
}

fn ask(via: &str, password: &str, address: &str) -> Program {
    let program = wirecat(["tcp-connect", "--connect-timeout", "60s", "--via", via, address]);
    program.env("WIRECAT_PROXY_PASSWORD", password)
}

/// Bytes pass both ways. The two smaller proxies close both directions at the end of one.
#[track_caller]
fn passes(via: &str) {
    let bytes = noise(1 << 20);
    let length = bytes.len();
    let server = peer(move |stream| {
        let came = read_exactly(&stream, length);
        (&stream).write_all(&came).unwrap();
    });
    let asked = ask(via, "secret", &server.address).with(|it| {
        it.arg("--keep-open");
    });
    let ended = asked.input(bytes.clone()).run().code(0);
    server.join();
    assert_same(&ended.stdout, &bytes);
}

#[test]
fn live_proxies_pass_a_stream_on() {
    let missing = ["danted", "microsocks", "tinyproxy"].into_iter().find(|it| !installed(it));
    if let Some(missing) = missing {
        return skip("live_proxies_pass_a_stream_on", &format!("{missing} is not installed"));
    }
    let (dante, microsocks, tinyproxy) = (dante(), microsocks(), tinyproxy());
    for live in [&dante, &microsocks, &tinyproxy] {
        passes(&live.url);
    }
    passes(&format!("{},{}", dante.url, tinyproxy.url));
    passes(&format!("{},{},{}", tinyproxy.url, microsocks.url, dante.url));

    // Who has the wrong password, or asks for nobody.
    for (live, words) in [(&microsocks, "does not accept the user"), (&tinyproxy, "answers: 401")] {
        let ended = ask(&live.url, "wrong", "127.0.0.1:9").run().code(8);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    let nobody = RefusingPort::new();
    for (live, words) in [
        (&dante, "connection refused (5)"),
        (&microsocks, "connection refused (5)"),
        (&tinyproxy, "answers: 500 Unable to connect"),
    ] {
        let ended = ask(&live.url, "secret", &nobody.address).run().code(8);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}
