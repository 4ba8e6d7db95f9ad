//! Bad certificates and set-ups: both sides refuse each of them, in words of their own.

use rcgen::{CertificateParams, GeneralSubtree, IsCa, NameConstraints};

use super::certificates::{Certificates, Pair, ends_in, expired, for_clients, for_servers};
use super::{connect, failure, serve, stop};

/// A server that a client refuses.
pub(super) struct Refused {
    pub(super) what: &'static str,
    pub(super) server: Pair,
    /// Options of the client.
    pub(super) client: String,
    pub(super) kind: &'static str,
    pub(super) words: &'static str,
    /// What the server learns of it.
    pub(super) learned: &'static str,
}

impl Refused {
    /// The options of the client. A case may have a NAME for `--tls`.
    pub(super) fn options(&self) -> String {
        let tls = if self.client.contains("--tls=") { "" } else { "--tls" };
        format!("{tls} {}", self.client)
    }
}

const ISSUER: &str = "it does not trust its issuer";
const DATES: &str = "it has expired, or is not valid yet";
const NAMES: &str = "it is broken, or for another name";
const OTHER: &str = "for another reason";
const NOBODY: &str =
    "was not issued by a trusted authority (--tls-ca FILE trusts its issuer, --tls-pin its key)";

/// All servers that a client refuses for their certificates.
pub(super) fn refused(files: &Certificates) -> Vec<Refused> {
    let mut all = of_their_issuers(files);
    all.extend(of_what_they_say(files));
    all.extend(of_what_is_asked(files));
    assert!(all.len() >= 16, "these are few: {}", all.len());
    all
}

/// A server that a client refuses which trusts the authority.
fn of(
    files: &Certificates,
    what: &'static str,
    server: Pair,
    (kind, words): (&'static str, &'static str),
    learned: &'static str,
) -> Refused {
    let client = format!("--tls-ca {}", files.ca.file);
    Refused { what, server, client, kind, words, learned }
}

impl Refused {
    /// The same with more options of the client.
    fn with(self, options: &str) -> Self {
        Self { client: format!("{} {options}", self.client), ..self }
    }
}

fn of_their_issuers(files: &Certificates) -> Vec<Refused> {
    let stranger = files.authority("stranger", None, |_| {});
    let middle = files.authority("middle", Some(&files.ca), |_| {});
    let old = files.authority("old", Some(&files.ca), expired);
    let no_authority =
        files.authority("none", Some(&files.ca), |params| params.is_ca = IsCa::ExplicitNoCa);
    let narrow = files.authority("narrow", Some(&files.ca), |params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example".to_owned())];
        let excluded_subtrees = Vec::new();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    });
    let behind = |name: &str, authority| {
        let pair = files.issue_by(authority, name, |_| {});
        files.append(&pair, authority);
        pair
    };
    let (a, b) = (files.issue_by(&stranger, "a", |_| {}), files.issue_by(&middle, "b", |_| {}));
    let untrusted = ("tls-untrusted", NOBODY);
    let old_issuer = "the certificate of an issuer in the peer's chain expired at 2024-02-29";
    let narrow_issuer = ("tls-certificate", "its issuer may not issue for its names");
    let none = ("tls-certificate", "its issuer is no authority");
    vec![
        of(files, "issuer", a, untrusted, ISSUER),
        of(files, "not sent", b, untrusted, ISSUER),
        of(files, "itself", files.own_issuer("itself"), untrusted, ISSUER),
        of(files, "expired issuer", behind("e", &old), ("tls-expired", old_issuer), OTHER),
        of(files, "no authority", behind("k", &no_authority), none, OTHER),
        of(files, "constraints", behind("l", &narrow), narrow_issuer, OTHER),
    ]
}

fn of_what_they_say(files: &Certificates) -> Vec<Refused> {
    let issue = |name: &str, change: fn(&mut CertificateParams)| files.issue(name, change);
    let early = issue("d", |params| params.not_before = rcgen::date_time_ymd(2090, 1, 1));
    let clock = "is not valid before 2090-01-01 00:00:00 UTC (is the clock of this machine right?)";
    let other = issue("f", |params| {
        *params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
    });
    let name = "is for a.example, not for localhost (--tls=NAME names the one to ask for)";
    let nameless = issue("g", |params| params.subject_alt_names.clear());
    let no_name = ("tls-name", "is for no host name, not for localhost");
    let authority =
        issue("j", |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let of_authority = "it is that of an authority, not of a server or client";
    let use_ = ("tls-certificate", "the certificate of the server is not for servers");
    let ended = ("tls-expired", "expired at 2024-02-29 00:00:00 UTC");
    vec![
        of(files, "expired", issue("c", expired), ended, DATES),
        of(files, "early", early, ("tls-not-yet-valid", clock), DATES),
        of(files, "name", other, ("tls-name", name), NAMES),
        of(files, "no name", nameless, no_name, NAMES),
        of(files, "use", issue("i", for_clients), use_, "it is made for another use"),
        of(files, "authority", authority, ("tls-certificate", of_authority), OTHER),
    ]
}

fn of_what_is_asked(files: &Certificates) -> Vec<Refused> {
    let issue = |name: &str| files.issue(name, |_| {});
    let whole = issue("whole");
    let fingerprint = format!("--tls-pin {}", whole.fingerprint());
    let of_whole = "(--tls-pin has the hash of the certificate; it takes that of its key)";
    let short = files.issue("short", ends_in(2));
    let days = ("tls-expires-soon", "in 2 days (--tls-min-days asks for 30)");
    let address = ("tls-name", "127.0.0.1, not for 127.0.0.2");
    let pin = ("tls-pin", ", not that of --tls-pin");
    let other_pin = format!("--tls-pin {}", "ab".repeat(32));
    vec![
        of(files, "address", issue("h"), address, NAMES).with("--tls=127.0.0.2"),
        of(files, "pin", issue("m"), pin, OTHER).with(&other_pin),
        of(files, "fingerprint", whole, ("tls-pin", of_whole), OTHER).with(&fingerprint),
        of(files, "days", short, days, OTHER).with("--tls-min-days 30"),
    ]
}

#[test]
fn each_bad_certificate_of_a_server_is_refused_by_both() {
    let files = Certificates::new();
    for case in refused(&files) {
        let (mut server, port) = serve(&case.server.options());
        let client = connect(&port, &case.options()).code(8);
        let (kind, message) = failure(&client);
        assert_eq!(kind, case.kind, "{}: {message}", case.what);
        assert!(message.contains(case.words), "{}: {message}", case.what);
        assert!(!client.stdout.windows(5).any(|part| part == b"hello"), "{}", case.what);
        let warning = server.wait_for_event("warning");
        assert_eq!(warning["kind"], "tls-rejected", "{}: {warning}", case.what);
        let text = warning["message"].as_str().unwrap();
        let learned = "the client rejects the certificate of this side: ";
        assert!(text.contains(&format!("{learned}{}", case.learned)), "{}: {text}", case.what);
        stop(server);
    }
}

/// A client that a server refuses, what it learns of that, and a good one that the server takes
/// afterwards.
#[test]
fn each_bad_certificate_of_a_client_is_refused_by_both() {
    let files = Certificates::new();
    let stranger = files.authority("stranger", None, |_| {});
    let server = files.issue("server", for_servers);
    let (good, late) = (files.issue("good", for_clients), files.issue("late", expired));
    let (other, wrong) =
        (files.issue_by(&stranger, "other", |_| {}), files.issue("w", for_servers));
    let early = files.issue("early", |params| params.not_before = rcgen::date_time_ymd(2090, 1, 1));
    let refused = "the server rejects the certificate of this side: ";
    for (options, (kind, words), (learned_kind, learned)) in [
        (
            String::new(),
            ("tls-client-certificate", "the client has given no certificate (--tls-client-ca"),
            (
                "tls-client-certificate",
                "the server wants a client certificate (give --tls-cert and --tls-key)",
            ),
        ),
        (
            other.options(),
            ("tls-untrusted", "trusted authority (--tls-client-ca names those that are trusted)"),
            ("tls-rejected", "it does not trust its issuer"),
        ),
        (
            late.options(),
            ("tls-expired", "the certificate of the client expired at 2024-02-29"),
            ("tls-rejected", "it has expired, or is not valid yet"),
        ),
        (
            early.options(),
            ("tls-not-yet-valid", "the certificate of the client is not valid before 2090-01-01"),
            ("tls-rejected", "it has expired, or is not valid yet"),
        ),
        (
            wrong.options(),
            ("tls-certificate", "the certificate of the client is not for clients"),
            ("tls-rejected", "it is made for another use"),
        ),
    ] {
        let ca = &files.ca.file;
        let (mut serving, port) = serve(&format!("{} --tls-client-ca {ca}", server.options()));
        let ended = connect(&port, &format!("--tls --tls-ca {ca} {options}"));
        let (client_kind, message) = failure(&ended);
        assert_eq!(ended.code, Some(8), "{message}");
        assert_eq!(client_kind, learned_kind, "{message}");
        let is_refusal = message.contains(refused) || learned_kind != "tls-rejected";
        assert!(is_refusal && message.contains(learned), "{message}");
        let warning = serving.wait_for_event("warning");
        assert_eq!(warning["kind"], kind, "{warning}");
        assert!(warning["message"].as_str().unwrap().contains(words), "{warning}");
        connect(&port, &format!("--tls --tls-ca {ca} {}", good.options())).code(0);
        let served = stop(serving);
        assert!(served.stdout.windows(5).any(|part| part == b"hello"));
    }
}

#[test]
fn protocols_of_which_none_is_common_are_refused_by_both() {
    let files = Certificates::new();
    let pair = files.issue("server", |_| {});
    let (mut server, port) = serve(&format!("{} --alpn imap,pop3", pair.options()));
    let client = connect(&port, &format!("--tls --tls-ca {} --alpn smtp", files.ca.file)).code(8);
    let words = "the server speaks none of the protocols smtp (--alpn names";
    let (kind, message) = failure(&client);
    assert!(kind == "tls-alpn" && message.contains(words), "{kind}: {message}");
    let warning = server.wait_for_event("warning");
    assert_eq!(warning["kind"], "tls-alpn");
    let words = "the client speaks none of the protocols imap, pop3 (--alpn names";
    assert!(warning["message"].as_str().unwrap().contains(words), "{warning}");
    stop(server);
}

#[test]
fn plain_text_and_tls_are_distinguished() {
    let files = Certificates::new();
    let pair = files.issue("server", |_| {});
    let (mut server, port) = serve(&pair.options());
    // It does not end as if what it has sent had been taken.
    connect(&port, "").code(6);
    let warning = server.wait_for_event("warning");
    assert_eq!(warning["kind"], "tls-not-tls");
    let words = "the client does not speak TLS: it began with `hello\\n` (clients need TLS here)";
    assert!(warning["message"].as_str().unwrap().contains(words), "{warning}");
    stop(server);
    for (options, words) in [
        (
            "--reply 220\\x20mail\\n",
            "it began with `220 mail\\n` (leave --tls out, or give --starttls",
        ),
        ("--exec cat", "the server sends back what it gets: it does not speak TLS"),
        ("--exec true", "the server closed without an answer to the TLS handshake"),
    ] {
        let words_of_server = match options.split_once(' ') {
            Some(("--exec", command)) => format!("--conns 1 --exec {command}"),
            _ => format!("--conns 1 {options}"),
        };
        let (server, port) = serve(&words_of_server);
        let client = connect(&port, &format!("--tls --tls-ca {}", files.ca.file)).code(8);
        let (kind, message) = failure(&client);
        assert!(["tls-not-tls", "tls-cut"].contains(&&*kind), "{kind}: {message}");
        assert!(message.contains(words), "{message}");
        drop(server);
    }
}

/// The pin that a server shows is enough for a client, and outlives its certificate.
#[test]
fn a_pin_is_of_the_key_alone() {
    let files = Certificates::new();
    let (mut server, port) = serve("--tls-self-signed");
    let pin = server.wait_for_event("listening")["pin"].as_str().expect("its pin").to_owned();
    connect(&port, &format!("--tls --tls-pin {pin}")).code(0);
    connect(&port, &format!("--tls=other.example --tls-pin {pin}")).code(0);
    stop(server);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut pins = Vec::new();
    for (name, by) in [("one", None), ("two", Some(files.authority("another", None, |_| {})))] {
        let by = by.as_ref().unwrap_or(&files.ca);
        let pair = files.issue_for(&key, by, name, |_| {});
        let (mut server, port) = serve(&pair.options());
        pins.push(server.wait_for_event("listening")["pin"].as_str().expect("a pin").to_owned());
        connect(&port, &format!("--tls --tls-pin {}", pins[0])).code(0);
        connect(&port, &format!("--tls --tls-pin {pin};{}", pins[0])).code(0);
        let (kind, _) = failure(&connect(&port, &format!("--tls --tls-pin {pin}")).code(8));
        assert_eq!(kind, "tls-pin");
        stop(server);
    }
    assert_eq!(pins[0], pins[1]);
}
