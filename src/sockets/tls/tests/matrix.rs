//! Bad certificates and set-ups: what each side says about them.

mod versions;

use rcgen::{
    BasicConstraints, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints,
};

use super::*;

/// Hands a server and a client to each other, which fail; returns what each has to say.
fn both_refuse(server: &ServerTlsOptions, client: &ClientTlsOptions) -> [HandshakeError; 2] {
    let (server, client) = (ServerTls::new(server).unwrap(), ClientTls::new(client).unwrap());
    let (mut client, mut server) =
        (client.session("localhost").unwrap(), server.session().unwrap());
    let (client, server) = shake(&mut client, &mut server);
    [client.expect("the client refuses"), server.expect("the server refuses")]
}

/// A certificate of a server that clients refuse: why, as a kind and a part of the words, and what the
/// server learns of it.
fn refused_by_client(
    params: &CertificateParams,
    change: impl FnOnce(&Files, &Authority, &mut ServerTlsOptions, &mut ClientTlsOptions),
    (kind, words): (Kind, &str),
    learned: &str,
) {
    let files = Files::new();
    let authority = files.authority("ca");
    let mut server = server_of(ServerIdentity::Files(files.issue(&authority, params)));
    let mut client = trusting(&authority.file);
    change(&files, &authority, &mut server, &mut client);
    let [client, server] = both_refuse(&server, &client);
    assert_eq!(client.kind, kind, "{client}");
    assert!(text(&client).contains(words), "{client}");
    assert_eq!(server.kind, Kind::TlsRejected, "{server}");
    let begin = "the client rejects the certificate of this side: ";
    assert!(server.cause.starts_with(&format!("{begin}{learned}")), "{server}");
}

const ISSUER: &str = "it does not trust its issuer";
const DATES: &str = "it has expired, or is not valid yet";
const NAMES: &str = "it is broken, or for another name";
const USE: &str = "it is made for another use";
const OTHER: &str = "for another reason";

fn nothing(_: &Files, _: &Authority, _: &mut ServerTlsOptions, _: &mut ClientTlsOptions) {}

#[test]
fn an_authority_that_is_not_trusted() {
    let change = |files: &Files, _: &Authority, _: &mut _, client: &mut ClientTlsOptions| {
        client.authorities = Some(files.authority("another").file);
    };
    let why = (
        Kind::TlsUntrusted,
        "was not issued by a trusted authority (--tls-ca FILE trusts its issuer",
    );
    refused_by_client(&for_localhost(), change, why, ISSUER);
}

#[test]
fn an_authority_of_the_same_name_with_another_key() {
    // Its file takes the place of the other's.
    let change = |files: &Files, _: &Authority, _: &mut _, client: &mut ClientTlsOptions| {
        client.authorities = Some(files.authority("ca").file);
    };
    let why = (Kind::TlsUntrusted, "not signed by the issuer that it names");
    refused_by_client(&for_localhost(), change, why, "a signature is wrong");
}

#[test]
fn a_self_signed_certificate() {
    let change = |_: &Files, _: &Authority, server: &mut ServerTlsOptions, _: &mut _| {
        server.identity = ServerIdentity::SelfSigned(Vec::new());
    };
    let why = (Kind::TlsUntrusted, "trusted authority");
    refused_by_client(&for_localhost(), change, why, ISSUER);
}

#[test]
fn an_expired_certificate() {
    let mut params = for_localhost();
    params.not_after = rcgen::date_time_ymd(2024, 2, 29);
    let words = "the certificate of the server expired at 2024-02-29 00:00:00 UTC";
    refused_by_client(&params, nothing, (Kind::TlsExpired, words), DATES);
}

#[test]
fn a_certificate_that_is_not_yet_valid() {
    let mut params = for_localhost();
    params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    let words = "is not valid before 2090-01-01 00:00:00 UTC (is the clock of this machine right?)";
    refused_by_client(&params, nothing, (Kind::TlsNotYetValid, words), DATES);
}

#[test]
fn an_authority_that_has_expired() {
    let words = "the certificate of an issuer in the peer's chain expired at 2024-01-01";
    refused_for_its_issuer((Kind::TlsExpired, words), |params| {
        params.not_after = rcgen::date_time_ymd(2024, 1, 1);
    });
}

#[test]
fn an_authority_that_is_not_yet_valid() {
    let words = "the certificate of an issuer in the peer's chain is not valid before 2090-01-01";
    refused_for_its_issuer((Kind::TlsNotYetValid, words), |params| {
        params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    });
}

/// The same of a server whose issuer has such a certificate.
fn refused_for_its_issuer(why: (Kind, &str), issuer: impl FnOnce(&mut CertificateParams)) {
    let files = Files::new();
    let root = files.authority("root");
    let middle = files.intermediate(&root, "middle", issuer);
    let change =
        |_: &Files, _: &Authority, server: &mut ServerTlsOptions, client: &mut ClientTlsOptions| {
            server.identity = ServerIdentity::Files(files.issue_behind(&middle, &for_localhost()));
            client.authorities = Some(root.file.clone());
        };
    refused_by_client(&for_localhost(), change, why, OTHER);
}

#[test]
fn a_certificate_for_other_names() {
    let names = ["a.example", "*.b.example"].map(str::to_owned);
    let params = CertificateParams::new(names).unwrap();
    let words = "is for a.example, *.b.example, not for localhost (--tls=NAME";
    refused_by_client(&params, nothing, (Kind::TlsName, words), NAMES);
}

#[test]
fn a_certificate_without_names() {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let words = "is for no host name, not for localhost";
    refused_by_client(&params, nothing, (Kind::TlsName, words), NAMES);
}

#[test]
fn a_certificate_for_more_names_than_a_message_holds() {
    let names: Vec<String> = (0..9).map(|n| format!("{}.example", "a".repeat(60 + n))).collect();
    let words = "... and 4 more names, not for localhost";
    let params = CertificateParams::new(names).unwrap();
    refused_by_client(&params, nothing, (Kind::TlsName, words), NAMES);
}

#[test]
fn a_certificate_for_another_address() {
    let change = |_: &Files, _: &Authority, _: &mut _, client: &mut ClientTlsOptions| {
        client.name = Some("127.0.0.2".to_owned());
    };
    let words = "is for localhost, 127.0.0.1, not for 127.0.0.2";
    refused_by_client(&for_localhost(), change, (Kind::TlsName, words), NAMES);
}

#[test]
fn a_certificate_for_clients_alone() {
    let mut params = for_localhost();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    refused_by_client(&params, nothing, (Kind::TlsCertificate, "is not for servers"), USE);
}

#[test]
fn the_certificate_of_an_authority() {
    let mut params = for_localhost();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let words = "it is that of an authority, not of a server or client";
    refused_by_client(&params, nothing, (Kind::TlsCertificate, words), OTHER);
}

#[test]
fn a_certificate_whose_issuer_is_no_authority() {
    let files = Files::new();
    let root = files.authority("root");
    let middle = files.intermediate(&root, "middle", |params| params.is_ca = IsCa::ExplicitNoCa);
    let change =
        |_: &Files, _: &Authority, server: &mut ServerTlsOptions, client: &mut ClientTlsOptions| {
            server.identity = ServerIdentity::Files(files.issue_behind(&middle, &for_localhost()));
            client.authorities = Some(root.file.clone());
        };
    let why = (Kind::TlsCertificate, "its issuer is no authority");
    refused_by_client(&for_localhost(), change, why, OTHER);
}

#[test]
fn a_certificate_whose_issuer_is_not_sent() {
    let files = Files::new();
    let root = files.authority("root");
    let middle = files.intermediate(&root, "middle", |_| {});
    let change =
        |_: &Files, _: &Authority, server: &mut ServerTlsOptions, client: &mut ClientTlsOptions| {
            server.identity = ServerIdentity::Files(files.issue(&middle, &for_localhost()));
            client.authorities = Some(root.file.clone());
        };
    let why = (Kind::TlsUntrusted, "trusted authority");
    refused_by_client(&for_localhost(), change, why, ISSUER);
}

#[test]
fn a_certificate_for_a_name_that_its_issuer_may_not_issue() {
    let files = Files::new();
    let authority = files.authority_with("narrow", |params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example".to_owned())];
        let excluded_subtrees = Vec::new();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    });
    let change =
        |_: &Files, _: &Authority, server: &mut ServerTlsOptions, client: &mut ClientTlsOptions| {
            server.identity = ServerIdentity::Files(files.issue(&authority, &for_localhost()));
            client.authorities = Some(authority.file.clone());
        };
    let why = (Kind::TlsCertificate, "its issuer may not issue for its names");
    refused_by_client(&for_localhost(), change, why, OTHER);
}

#[test]
fn a_key_that_is_not_pinned() {
    let change = |_: &Files, _: &Authority, _: &mut _, client: &mut ClientTlsOptions| {
        client.pins = "00".repeat(32).parse().unwrap();
    };
    refused_by_client(&for_localhost(), change, (Kind::TlsPin, "not that of --tls-pin"), OTHER);
}

#[test]
fn a_pin_of_the_certificate_instead_of_its_key() {
    let change =
        |_: &Files, _: &Authority, server: &mut ServerTlsOptions, client: &mut ClientTlsOptions| {
            let ServerIdentity::Files(identity) = &server.identity else { unreachable!() };
            let sections = pem::sections(&std::fs::read(&identity.certificate).unwrap()).unwrap();
            client.pins = Pin::of_key(&sections[0].der).to_string().parse().unwrap();
        };
    let words = "(--tls-pin has the hash of the certificate; it takes that of its key)";
    refused_by_client(&for_localhost(), change, (Kind::TlsPin, words), OTHER);
}

#[test]
fn a_certificate_that_ends_too_soon() {
    let mut params = for_localhost();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    params.not_after = rcgen::date_time_ymd(1970, 1, 1)
        + since
        + std::time::Duration::from_secs(2 * 86_400 + 3600);
    for (days, words) in [(30, "in 2 days (--tls-min-days asks for 30)"), (3, "for 3)")] {
        let change = |_: &Files, _: &Authority, _: &mut _, client: &mut ClientTlsOptions| {
            client.min_days = Some(days);
        };
        refused_by_client(&params, change, (Kind::TlsExpiresSoon, words), OTHER);
    }
    let files = Files::new();
    let authority = files.authority("ca");
    let server = server_of(ServerIdentity::Files(files.issue(&authority, &params)));
    let client = ClientTlsOptions { min_days: Some(2), ..trusting(&authority.file) };
    assert_agree(&server, &client);
}

/// A client whose certificate a server refuses, or that has none; why, and what the client learns of it.
fn refused_by_server(
    identity: impl FnOnce(&Files, &Authority) -> Option<IdentityFiles>,
    (kind, words): (Kind, &str),
    learned: (Kind, &str),
) {
    let files = Files::new();
    let authority = files.authority("ca");
    let mut server = server_of(ServerIdentity::Files(files.issue(&authority, &for_localhost())));
    server.client_authorities = Some(authority.file.clone());
    let mut client = trusting(&authority.file);
    client.identity = identity(&files, &authority);
    let [client, server] = both_refuse(&server, &client);
    assert_eq!(server.kind, kind, "{server}");
    assert!(text(&server).contains(words), "{server}");
    assert_eq!(client.kind, learned.0, "{client}");
    assert!(text(&client).contains(learned.1), "{client}");
}

const REFUSED: &str = "the server rejects the certificate of this side: ";

#[test]
fn a_client_without_a_certificate() {
    let why =
        (Kind::TlsClientCertificate, "the client has given no certificate (--tls-client-ca asks");
    let learned = "the server wants a client certificate (give --tls-cert and --tls-key)";
    refused_by_server(|_, _| None, why, (Kind::TlsClientCertificate, learned));
}

#[test]
fn a_client_that_is_not_trusted() {
    let why =
        (Kind::TlsUntrusted, "trusted authority (--tls-client-ca names those that are trusted)");
    let files = Files::new();
    let stranger =
        |_: &Files, _: &Authority| Some(files.issue(&files.authority("another"), &for_localhost()));
    let learned = format!("{REFUSED}{ISSUER}");
    refused_by_server(stranger, why, (Kind::TlsRejected, &learned));
}

#[test]
fn a_client_whose_certificate_has_expired() {
    let why = (Kind::TlsExpired, "the certificate of the client expired at 2024-02-29");
    let expired = |files: &Files, authority: &Authority| {
        let mut params = for_localhost();
        params.not_after = rcgen::date_time_ymd(2024, 2, 29);
        Some(files.issue(authority, &params))
    };
    let learned = format!("{REFUSED}{DATES}");
    refused_by_server(expired, why, (Kind::TlsRejected, &learned));
}

#[test]
fn a_client_with_the_certificate_of_a_server() {
    let why = (Kind::TlsCertificate, "the certificate of the client is not for clients");
    let wrong = |files: &Files, authority: &Authority| {
        let mut params = for_localhost();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        Some(files.issue(authority, &params))
    };
    let learned = format!("{REFUSED}{USE}");
    refused_by_server(wrong, why, (Kind::TlsRejected, &learned));
}

#[test]
fn protocols_of_which_none_is_common() {
    let files = Files::new();
    let authority = files.authority("ca");
    let identity = ServerIdentity::Files(files.issue(&authority, &for_localhost()));
    let alpn = |name: &str| vec![name.to_owned()];
    let server = ServerTlsOptions { alpn: alpn("imap"), ..server_of(identity) };
    let client = ClientTlsOptions { alpn: alpn("smtp"), ..trusting(&authority.file) };
    let [client, server] = both_refuse(&server, &client);
    assert_eq!((client.kind, server.kind), (Kind::TlsAlpn, Kind::TlsAlpn));
    assert!(text(&client).starts_with("the server speaks none of the protocols smtp (--alpn"));
    assert!(text(&server).starts_with("the client speaks none of the protocols imap (--alpn"));
}

/// All words of an error.
fn text(error: &HandshakeError) -> String {
    match &error.fix {
        Some(fix) => format!("{} ({fix})", error.cause),
        None => error.cause.clone(),
    }
}

/// What a server says to bytes that a client sends, and a client to those of a server.
fn says(session: &mut TlsSession, bytes: &[u8]) -> HandshakeError {
    HandshakeError::of(&take(session, bytes).0.unwrap_err()).unwrap().clone()
}

#[test]
fn plain_text_on_either_side() {
    let server = ServerTls::new(&server_of(ServerIdentity::SelfSigned(Vec::new()))).unwrap();
    for plain in ["hi\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u{1}\u{2}"] {
        let error = says(&mut server.session().unwrap(), plain.as_bytes());
        assert_eq!(error.kind, Kind::TlsNotTls);
        let begin: String = plain.chars().take(24).flat_map(char::escape_default).collect();
        assert!(plain.len() < 3 || text(&error).contains(&begin), "{error}");
    }
    let options = ClientTlsOptions { insecure: true, ..ClientTlsOptions::default() };
    let client = ClientTls::new(&options).unwrap();
    let error = says(&mut client.session("a").unwrap(), b"220 mail.example ESMTP\r\n");
    assert_eq!(error.kind, Kind::TlsNotTls);
    let words = "it began with `220 mail.example ESMTP\\r\\n` (leave --tls out, or give --starttls";
    assert!(text(&error).contains(words), "{error}");
    // A plain echo server.
    let mut session = client.session("a").unwrap();
    let hello = take(&mut session, b"").1;
    assert!(looks_like_tls(&hello));
    let error = says(&mut session, &hello);
    assert_eq!(
        (error.kind, text(&error).contains("sends back")),
        (Kind::TlsNotTls, true),
        "{error}"
    );
}

#[test]
fn a_peer_that_closes_in_the_handshake() {
    let server = ServerTls::new(&server_of(ServerIdentity::SelfSigned(Vec::new()))).unwrap();
    let options = ClientTlsOptions { insecure: true, ..ClientTlsOptions::default() };
    let client = ClientTls::new(&options).unwrap();
    let error = client.session("a").unwrap().cut();
    assert_eq!(error.kind, Kind::TlsCut);
    assert!(text(&error).ends_with("(perhaps it does not speak TLS)"), "{error}");
    let mut session = server.session().unwrap();
    assert_eq!(session.cut().cause, "the client closed during the TLS handshake");
    take(&mut session, b"\x16\x03\x01").0.unwrap();
    assert_eq!(session.cut().kind, Kind::TlsCut);
}
