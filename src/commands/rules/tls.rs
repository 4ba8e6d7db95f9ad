//! What the options of TLS exclude. A certificate that does not fit its key, a file that is none and
//! a NAME that is no host name are refused where the files are read.

use super::table::{CHAT, CONNECT, ECHO, SERVE};
use super::{Rule, rule};

const NEEDS_TLS: &str = "it needs --tls";
const NEEDS_CERTIFICATE: &str = "it needs --tls-cert or --tls-self-signed";
const NEEDS_FORWARD: &str = "it needs --forward tls:HOST:PORT";
const FOR_CLIENTS: &str = "it is for those who connect";
const FOR_SERVERS: &str = "it is for those who listen";
const DATAGRAMS: &str = "datagrams carry no TLS";
const SERVES_BOTH: &str = "datagrams carry no TLS: add --tcp";

/// Options of a client.
const TO_SERVER: &[&str] =
    &["--tls-ca", "--tls-pin", "--tls-insecure", "--tls-min-days", "--starttls"];
const CLIENT: &[&str] = &["--tls", "--tls-ca", "--tls-pin", "--tls-insecure", "--tls-min-days"];
/// Options of a server.
const SERVER: &[&str] = &["--tls-self-signed", "--tls-client-ca"];
const OF_CERTIFICATE: &[&str] = &["--tls-client-ca", "--alpn"];
const OF_TLS: &[&str] =
    &["--tls-ca", "--tls-pin", "--tls-insecure", "--tls-min-days", "--tls-cert", "--alpn"];

pub(super) const RULES: &[Rule] = &[
    rule(CONNECT, OF_TLS, &["!--tls", "!--starttls"], NEEDS_TLS),
    rule(SERVE, TO_SERVER, &["!forward tls"], NEEDS_FORWARD),
    rule(SERVE, &["--tls-client-ca"], &["!tls server"], NEEDS_CERTIFICATE),
    rule(SERVE, &["--alpn"], &["!tls server", "!forward tls"], NEEDS_CERTIFICATE),
    rule(CHAT, &["TLS"], &["group"], DATAGRAMS),
    rule(CHAT, CLIENT, &["--host"], FOR_CLIENTS),
    rule(CHAT, SERVER, &["!--host"], FOR_SERVERS),
    rule(CHAT, OF_TLS, &["!--host", "!--tls"], NEEDS_TLS),
    rule(CHAT, OF_CERTIFICATE, &["--host", "!tls server"], NEEDS_CERTIFICATE),
    rule(ECHO, &["TLS"], &["--udp"], DATAGRAMS),
    rule(ECHO, &["TLS"], &["group"], DATAGRAMS),
    rule(ECHO, CLIENT, &["!--ping"], FOR_CLIENTS),
    rule(ECHO, SERVER, &["--ping"], FOR_SERVERS),
    rule(ECHO, OF_TLS, &["--ping", "!--tls"], NEEDS_TLS),
    rule(ECHO, OF_CERTIFICATE, &["!--ping", "!tls server"], NEEDS_CERTIFICATE),
    rule(ECHO, &["TLS"], &["!--ping", "!--tcp"], SERVES_BOTH),
];
