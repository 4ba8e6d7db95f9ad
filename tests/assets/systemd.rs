//! The units of systemd in wirecat-tcp-serve(1). `tests/it/activation.rs` runs what they start.

/// A forwarder that systemd starts with the first client, as a user of no other rights.
const SOCKET: &str = "\
[Unit]
Description=Forwards 127.0.0.1:8080

[Socket]
ListenStream=127.0.0.1:8080
Backlog=1024

[Install]
WantedBy=sockets.target
";

const SERVICE: &str = "\
[Unit]
Description=Forwards to 10.0.0.5:80
Requires=wirecat-forward.socket
After=network.target

[Service]
Type=notify
ExecStart=/usr/bin/wirecat tcp-serve fd: --forward 10.0.0.5:80
Restart=on-failure
DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
PrivateDevices=yes
PrivateTmp=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
";

/// The section, as roff.
pub(super) fn section() -> String {
    let unit = |name: &str, text: &str| {
        format!(".PP\n/etc/systemd/system/{name}:\n.PP\n.nf\n{text}.fi\n").replace('-', "\\-")
    };
    format!(
        ".SH SYSTEMD\nsystemd listens, and starts wirecat with the first client; fd: takes its \
         listeners. Type=notify waits until they are taken (NOTIFY_SOCKET). systemctl stop sends \
         SIGTERM, which a listener ends with 0.\n{}{}.PP\n.nf\nsystemctl enable \\-\\-now \
         wirecat\\-forward.socket\n.fi\n",
        unit("wirecat-forward.socket", SOCKET),
        unit("wirecat-forward.service", SERVICE),
    )
}
