//! nginx in front of `--accept-proxy`, and behind `--proxy-protocol`.

use std::fs;
use std::net::Shutdown;
use std::path::Path;

use super::{serve, stop};
use crate::support::daemon::Daemon;
use crate::support::net::{connect, read_all};
use crate::support::peers::{Reserved, installed};
use crate::support::{skip, wirecat};

/// Where Debian has what speaks of streams.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

#[test]
fn nginx_speaks_the_same() {
    if !installed("nginx") || !Path::new(MODULE).exists() {
        return skip("nginx_speaks_the_same", "nginx or its module of streams is not installed");
    }
    let directory = crate::support::tempdir().unwrap();
    let (mut server, upstream) = serve("--reply hi");
    let behind = Reserved::new().unwrap();
    let nginx = Daemon::on_port("nginx", |front| {
        let (file, pid) = (directory.path().join("conf"), directory.path().join("pid"));
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        // The first one names its client; the second one answers what the header names.
        let text = format!(
            "daemon off; worker_processes 1; pid {}; {user} load_module {MODULE};\n\
             events {{ worker_connections 64; }}\n\
             stream {{ server {{ listen 127.0.0.1:{front}; proxy_pass {upstream};\n\
             proxy_protocol on; proxy_half_close on; }}\n\
             server {{ listen 127.0.0.1:{} proxy_protocol;\n\
             return $proxy_protocol_addr:$proxy_protocol_port; }} }}\n",
            pid.display(),
            behind.port,
        );
        fs::write(&file, text).unwrap();
        let words = ["-e", "stderr", "-c"].map(str::to_owned);
        words.into_iter().chain([file.display().to_string()]).collect()
    });
    let front = &nginx.address;
    let _ = wirecat(["tcp-connect", "-z", "--wait", "60s", front]).run().code(0);
    let client = connect(front);
    let own = client.local_addr().unwrap().to_string();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"hi");
    let accepted = server.wait_for_events("accepted", 2);
    assert!(accepted.iter().any(|event| event["peer"] == own), "{own} is not in {accepted:?}");
    let _ = stop(server);

    let behind = format!("127.0.0.1:{}", behind.port);
    for version in ["v1", "v2"] {
        let words = ["tcp-connect", "--wait", "60s", "--proxy-protocol", version, &behind];
        let named = wirecat(words).run().code(0);
        assert!(named.text().starts_with("127.0.0.1:"), "{}", named.text());
        let words =
            ["tcp-serve", "-1", "--forward", &behind, "--proxy-protocol", version, "127.0.0.1:0"];
        let mut relay = wirecat(words).start();
        let client = connect(&relay.address());
        let own = client.local_addr().unwrap().to_string();
        assert_eq!(String::from_utf8(read_all(&client)).unwrap(), own);
        drop(client);
        let _ = relay.wait();
    }
}
