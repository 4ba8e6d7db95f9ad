use proptest::prelude::*;

use super::*;
use crate::sockets::Address;

fn ends() -> Ends {
    let of = |text: &str| text.parse::<std::net::SocketAddr>().unwrap().into();
    (of("192.0.2.1:1"), of("192.0.2.2:2"))
}

fn via(proxies: &str, destination: &str) -> Vec<Box<dyn Dialogue>> {
    let chain: ViaChain = proxies.parse().unwrap();
    let chain = if chain.users() > 0 {
        chain.with_passwords(&[b"secret".to_vec()]).unwrap()
    } else {
        chain
    };
    chain.dialogues(&destination.parse::<Address>().unwrap())
}

fn socks(destination: &str) -> Box<dyn Dialogue> {
    via("socks5://proxy:1080", destination).remove(0)
}

/// How a dialogue goes when `said` comes in pieces of `size`: what was sent, and the rest.
fn play(
    dialogue: Box<dyn Dialogue>,
    said: &[u8],
    size: usize,
) -> Result<(Vec<u8>, Vec<u8>), HandshakeError> {
    let mut conversation = Conversation::new(dialogue);
    let mut sent = Vec::new();
    conversation.begin(&ends())?;
    let mut left = said;
    while !conversation.is_over() {
        sent.append(conversation.outgoing());
        let (piece, behind) = left.split_at(size.min(left.len()));
        if piece.is_empty() {
            return Err(conversation.cut());
        }
        conversation.receive(piece)?;
        left = behind;
    }
    sent.append(conversation.outgoing());
    let rest = [&conversation.rest()[..], left].concat();
    Ok((sent, rest))
}

/// What was sent, whole and in pieces.
fn sent(dialogue: impl Fn() -> Box<dyn Dialogue>, said: &[u8]) -> Vec<u8> {
    let (sent, rest) = play(dialogue(), said, usize::MAX).unwrap();
    assert_eq!(rest, b"");
    for size in 1..said.len() {
        assert_eq!(play(dialogue(), said, size).unwrap(), (sent.clone(), Vec::new()), "{size}");
    }
    // Cut at each byte.
    for end in 0..said.len() {
        let error = play(dialogue(), &said[..end], usize::MAX).unwrap_err();
        assert!(error.cause.contains("closed before its"), "{end}: {error}");
    }
    sent
}

/// Why a dialogue fails, whole and byte by byte.
fn why(dialogue: impl Fn() -> Box<dyn Dialogue>, said: &[u8]) -> (Kind, String) {
    let error = play(dialogue(), said, usize::MAX).unwrap_err();
    let slow = play(dialogue(), said, 1).unwrap_err();
    assert_eq!(slow.kind, error.kind, "{slow} and {error}");
    let fix = error.fix.map(|fix| format!(" ({fix})")).unwrap_or_default();
    (error.kind, format!("{}{fix}", error.cause))
}

const OPEN: &[u8] = b"\x05\0\x05\0\0\x01\0\0\0\0\0\0";

#[test]
fn socks_is_asked_for_names_and_addresses() {
    for (destination, request) in [
        ("example.test:80", &b"\x05\x01\0\x03\x0cexample.test\0\x50"[..]),
        ("192.0.2.7:443", b"\x05\x01\0\x01\xc0\0\x02\x07\x01\xbb"),
        ("[2001:db8::7]:443", b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x01\xbb"),
        ("8080", b"\x05\x01\0\x03\x09localhost\x1f\x90"),
    ] {
        let expected = [b"\x05\x01\0", request].concat();
        assert_eq!(sent(|| socks(destination), OPEN), expected, "{destination}");
    }
    let login = || via("socks5://jo%40e@proxy:1080", "h:1").remove(0);
    let expected = b"\x05\x02\0\x02\x01\x04jo@e\x06secret\x05\x01\0\x03\x01h\0\x01";
    assert_eq!(sent(login, b"\x05\x02\x01\0\x05\0\0\x03\x01x\0\x50"), expected);
    // It may do without a login.
    assert_eq!(sent(login, OPEN), b"\x05\x02\0\x02\x05\x01\0\x03\x01h\0\x01");
    let inet6 = [&b"\x05\0\x05\0\0\x04"[..], &[1; 18]].concat();
    assert_eq!(sent(|| socks("h:1"), &inet6), b"\x05\x01\0\x05\x01\0\x03\x01h\0\x01");
}

#[test]
fn a_socks_proxy_refuses_in_its_own_words() {
    for (code, kind, words) in [
        (1, Kind::ProxyFailed, "general SOCKS server failure (1)"),
        (2, Kind::ProxyDenied, "connection not allowed by ruleset (2)"),
        (3, Kind::Unreachable, "network unreachable (3)"),
        (4, Kind::Unreachable, "host unreachable (4)"),
        (5, Kind::Refused, "connection refused (5)"),
        (6, Kind::Unreachable, "TTL expired (6)"),
        (7, Kind::ProxyFailed, "command not supported (7)"),
        (8, Kind::ProxyFailed, "address type not supported (8)"),
        (9, Kind::ProxyFailed, "unknown code (9)"),
    ] {
        let said = [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let expected = format!("the proxy socks5://proxy:1080 answers: {words}");
        assert_eq!(why(|| socks("h:1"), &said), (kind, expected));
        // Some send no more than that.
        assert_eq!(why(|| socks("h:1"), &said[..4]).0, kind);
    }
    let login = || via("socks5://joe@proxy:1080", "h:1").remove(0);
    for (dialogue, said, kind, words) in [
        (None, &b"\x05\xff"[..], Kind::ProxyAuth, "wants a user and a password (name the user as"),
        (None, b"\x05\x02", Kind::ProxyReply, "login method 2, which was not offered"),
        (Some(()), b"\x05\xff", Kind::ProxyAuth, "takes no user with a password"),
        (Some(()), b"\x05\x02\x01\x01", Kind::ProxyAuth, "does not accept the user"),
        (Some(()), b"\x05\x02\x05\0", Kind::ProxyReply, "the login in version 5, not 1"),
        (None, b"\x04\0", Kind::ProxyReply, "replies in version 4, not 5 (SOCKS4"),
        (None, b"HTTP/1.1 400", Kind::ProxyReply, "version 72, not 5 (if it speaks HTTP"),
        (None, b"\x05\0\x04\0", Kind::ProxyReply, "replies in version 4"),
        (None, b"\x05\0\x05\0\0\x07", Kind::ProxyReply, "an address of the unknown type 7"),
    ] {
        let dialogue = || if dialogue.is_some() { login() } else { socks("h:1") };
        let (met, text) = why(dialogue, said);
        assert_eq!(met, kind, "{text}");
        assert!(text.contains(words) && !text.contains("secret"), "{text}");
    }
}

#[test]
fn http_is_asked_to_connect() {
    let http = |to: &'static str| move || via("http://proxy:3128", to).remove(0);
    // No field of it means anything, not even one that is written wrongly.
    let open =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 7\r\nA : b\r\n c\r\n\r\n";
    let sent = |dialogue: &dyn Fn() -> Box<dyn Dialogue>| {
        String::from_utf8(self::sent(dialogue, open)).unwrap()
    };
    for (to, shown) in
        [("h.test:80", "h.test:80"), ("[::1]:8", "[::1]:8"), ("1.2.3.4:5", "1.2.3.4:5")]
    {
        let expected = format!("CONNECT {shown} HTTP/1.1\r\nHost: {shown}\r\n\r\n");
        assert_eq!(sent(&http(to)), expected);
    }
    let request = sent(&|| via("http://joe@proxy:3128", "h:1").remove(0));
    assert!(
        request.contains("\r\nProxy-Authorization: Basic am9lOnNlY3JldA==\r\n\r\n"),
        "{request}"
    );
}

#[test]
fn an_http_proxy_refuses_in_its_own_words() {
    let long = [&b"HTTP/1.1 200 OK\r\nA: "[..], &vec![b'x'; MOST]].concat();
    let many = [&b"HTTP/1.1 200 OK\r\n"[..], &b"A: b\r\n".repeat(65), b"\r\n"].concat();
    let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(MOST);
    for (said, kind, words) in [
        (&b"HTTP/1.1 403 Filtered\r\n\r\n"[..], Kind::ProxyDenied, "answers: 403 Filtered"),
        (b"HTTP/1.1 407 Log in\r\n\r\n", Kind::ProxyAuth, "407 Log in (name the user as http://"),
        (b"HTTP/1.1 407 Log in\r\n\r\n", Kind::ProxyAuth, "--via-password-file"),
        (b"HTTP/1.1 502 Bad Gateway\r\nA: b\r\n\r\nno", Kind::ProxyFailed, "502 Bad Gateway"),
        (b"HTTP/1.1 504 \r\n\r\n", Kind::Timeout, "answers: 504"),
        (b"HTTP/1.1 101 Upgrade\r\n\r\n", Kind::ProxyFailed, "101 Upgrade"),
        (b"\x05\xff", Kind::ProxyReply, "is not HTTP: invalid HTTP version (if it speaks SOCKS"),
        (b"SSH-2.0-x\r\n", Kind::ProxyReply, "replies with something that is not HTTP"),
        (&long, Kind::ProxyReply, "sends 16384 bytes, and its reply has no end"),
        (&endless, Kind::ProxyReply, "sends 16384 bytes, and its reply has no end"),
        (&many, Kind::ProxyReply, "more than 64 fields"),
    ] {
        let dialogue = || via("http://proxy:3128", "h:1").remove(0);
        // The longest ones in one piece: each piece of them is parsed from the begin on.
        let (met, text) = match said.len() {
            ..2000 => why(dialogue, said),
            _ => {
                let error = play(dialogue(), said, 512).unwrap_err();
                (error.kind, error.cause)
            }
        };
        assert_eq!(met, kind, "{text}");
        assert!(text.contains(words), "{text}");
    }
    let (_, text) = why(|| via("http://joe@proxy:1", "h:1").remove(0), b"HTTP/1.1 407 No\r\n\r\n");
    assert!(text.contains("--via-password-file") && !text.contains("secret"), "{text}");
    // One that repeats what it was sent, as it came or decoded.
    for (said, shown) in [
        ("no am9lOnNlY3JldA== here", "answers: 407 no *** here"),
        ("joe may not say secret", "answers: 407 joe may not say ***"),
    ] {
        let said = format!("HTTP/1.1 407 {said}\r\n\r\n");
        let (_, text) = why(|| via("http://joe@proxy:1", "h:1").remove(0), said.as_bytes());
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains("secret") && !text.contains("am9lOnNlY3JldA"), "{text}");
    }
}

#[test]
fn each_proxy_of_a_chain_is_asked_for_the_next_one() {
    let chain = "socks5://a:1,http://[::1]:2,socks5h://c:3";
    let requests: Vec<Vec<u8>> = via(chain, "d:4")
        .into_iter()
        .zip([OPEN, b"HTTP/1.1 200 OK\r\n\r\n", OPEN])
        .map(|(dialogue, said)| play(dialogue, said, usize::MAX).unwrap().0)
        .collect();
    assert!(requests[0].ends_with(&[1, 0, 2]) && requests[2].ends_with(b"\x03\x01d\0\x04"));
    assert!(requests[1].starts_with(b"CONNECT c:3 HTTP/1.1\r\n"));
    let error = play(via(chain, "d:4").remove(0), b"\x05\0\x05\x04", 9).unwrap_err();
    assert_eq!(
        error.cause,
        "the proxy socks5://a:1, asked for [::1]:2, answers: host unreachable (4)"
    );
    let mut dialogues = via(chain, "d:4");
    assert_eq!(dialogues[2].ends(ends()).0.to_string(), "d:4");
    let shown: ViaChain = "socks5://joe@a:1, HTTP://b:2/".parse().unwrap();
    let shown = shown.with_passwords(&[b"secret".to_vec()]).unwrap();
    assert_eq!(
        (shown.to_string(), format!("{shown:?}")),
        ("socks5://a:1,http://b:2".to_owned(), "ViaChain([socks5://a:1, http://b:2])".to_owned())
    );
}

#[test]
fn what_comes_behind_a_reply_is_the_stream() {
    let said = [OPEN, b"and more"].concat();
    for size in [1, 3, 100] {
        assert_eq!(play(socks("h:1"), &said, size).unwrap().1, b"and more");
    }
}

#[test]
fn passwords_belong_to_users() {
    let chain = || "socks5://a@h:1,http://h:2,socks5://b@h:3".parse::<ViaChain>().unwrap();
    let password = |text: &str| text.as_bytes().to_vec();
    for passwords in [vec![], vec!["1", "2", "3"]] {
        let passwords: Vec<_> = passwords.into_iter().map(password).collect();
        let error = chain().with_passwords(&passwords).unwrap_err();
        assert!(error.contains("for 2 proxies that have a user"), "{error}");
    }
    assert!(chain().with_passwords(&[vec![b'x'; 256]]).is_err());
    let chain = chain().with_passwords(&[password("one"), password("two")]).unwrap();
    let last = chain.dialogues(&"h:4".parse().unwrap()).remove(2);
    let said = b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0";
    let (sent, _) = play(last, said, usize::MAX).unwrap();
    assert!(sent.windows(8).any(|it| it == b"\x01\x01b\x03two\x05"), "{}", sent.escape_ascii());
}

#[test]
fn a_bad_url_says_what_is_right() {
    for (text, message) in [
        (
            "",
            "does not name the protocol of the proxy: write socks5://HOST:PORT or http://HOST:PORT",
        ),
        ("h:1080", "does not name the protocol of the proxy"),
        ("joe:secret@h:1080", "\"h:1080\" does not name"),
        ("socks5://h", "\"h\" has no port: write socks5://HOST:PORT, as socks5://HOST:1080"),
        ("http://", "has no port: write http://HOST:PORT, as http://HOST:3128"),
        ("socks5://h:0", "port 0 cannot be connected to"),
        ("socks5://h:99999", "port 99999 is not between 0 and 65535"),
        ("socks4://h:1", "socks4:// is not supported: write socks5://"),
        ("https://h:1", "TLS to a proxy is not supported"),
        ("http://h:1/path", "has a path"),
        ("socks5://unix:/x", "not HOST:PORT"),
        ("socks5://joe:secret@h:1", "where `ps` shows it to all"),
        ("socks5://@h:1", "no user before the @"),
        ("socks5://j%zz@h:1", "a % in the user"),
        ("socks5://::1:80", "goes in brackets"),
        ("socks5://h:1,,http://h:2", "does not name the protocol of the proxy"),
    ] {
        let error = text.parse::<ViaChain>().unwrap_err();
        assert!(error.contains(message) && !error.contains("secret"), "{text}: {error}");
    }
    let chain: ViaChain = "socks5://h:1".parse().unwrap();
    for (destination, message) in [("unix:/x", "not HOST:PORT"), ("[fe80::1%lo]:1", "%lo")] {
        let error = chain.check(&destination.parse().unwrap()).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

const SMTP: &[u8] =
    b"220-mx.test\r\n220 ready\r\n250-mx.test\r\n250-SIZE\r\n250 STARTTLS\r\n220 go\r\n";
const LDAP: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0";

/// What each server says when all is well, and what it is sent.
const STARTTLS: [(StarttlsProtocol, &[u8], &[u8]); 6] = [
    (StarttlsProtocol::Smtp, SMTP, b"EHLO localhost\r\nSTARTTLS\r\n"),
    (
        StarttlsProtocol::Imap,
        b"* OK [CAPABILITY IMAP4rev1] hi\r\n* CAPABILITY x\r\na1 OK go\r\n",
        b"a1 STARTTLS\r\n",
    ),
    (StarttlsProtocol::Pop3, b"+OK hi\r\n+OK go\r\n", b"STLS\r\n"),
    (StarttlsProtocol::Ftp, b"220-hi\r\nthere\r\n220 it is\r\n234 go\r\n", b"AUTH TLS\r\n"),
    (StarttlsProtocol::Ldap, LDAP, b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"),
    (StarttlsProtocol::Postgres, b"S", b"\0\0\0\x08\x04\xd2\x16\x2f"),
];

#[test]
fn servers_go_over_to_tls() {
    for (protocol, said, expected) in STARTTLS {
        assert_eq!(sent(|| protocol.dialogue(), said), expected, "{protocol}");
        // Whatever follows in plain text is none of the server's.
        let error = play(protocol.dialogue(), &[said, b"x"].concat(), usize::MAX).unwrap_err();
        assert!(error.cause.contains("after its go-ahead"), "{protocol}: {error}");
        assert_eq!(protocol.as_str().parse(), Ok(protocol));
    }
}

#[test]
fn a_server_that_does_not_is_quoted() {
    use StarttlsProtocol::{Ftp, Imap, Ldap, Pop3, Postgres, Smtp};
    let endless = b"220-x\r\n".repeat(MOST);
    for (protocol, said, words) in [
        (Smtp, &b"554 no mail\r\n"[..], "the server answers: 554 no mail"),
        (Smtp, b"220 hi\r\n250 mx.test\r\n", "does not offer STARTTLS"),
        (Smtp, b"220 hi\r\n250 STARTTLS\r\n454 no\x1b[31m\r\n", r"454 no\x1b[31m"),
        (Smtp, b"SSH-2.0-x\r\n", "SSH-2.0-x"),
        (Smtp, &endless, "its answer in plain text has no end"),
        (Imap, b"* OK hi\r\na1 BAD what\r\n", "a1 BAD what"),
        (Imap, b"* PREAUTH hi\r\n", "PREAUTH"),
        (Imap, b"* OK hi\r\n* BYE bye\r\n", "BYE bye"),
        (Pop3, b"-ERR busy\r\n", "-ERR busy"),
        (Pop3, b"+OK hi\r\n-ERR no\r\n", "-ERR no"),
        (Ftp, b"220 hi\r\n502 no\r\n", "502 no"),
        (Ldap, b"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x34\x04\0\x04\x02no", "result 52 no"),
        (Ldap, b"220 hi\r\n", "220 hi"),
        (Ldap, b"\x30\x03\x02\x01\x01", "something else in LDAP"),
        (Ldap, b"\x30\x84\xff\xff\xff\xff", "not LDAP"),
        (Postgres, b"N", "does not speak TLS"),
        (Postgres, b"E\0\0\0\x12SFATAL\0Mno no\0\0", "the server answers: no no"),
        (Postgres, b"HTTP", "answers: H"),
    ] {
        let error = play(protocol.dialogue(), said, 64).unwrap_err();
        assert_eq!(error.kind, Kind::Starttls);
        assert!(error.cause.contains(words), "{protocol}: {error}");
    }
}

/// All dialogues, each with what is said when all is well.
fn all() -> Vec<(Box<dyn Dialogue>, Vec<u8>)> {
    let mut all: Vec<_> =
        STARTTLS.into_iter().map(|(it, said, _)| (it.dialogue(), said.to_vec())).collect();
    all.push((socks("h:1"), OPEN.to_vec()));
    all.push((via("socks5://joe@p:1", "h:1").remove(0), [b"\x05\x02\x01", &OPEN[1..]].concat()));
    all.push((via("http://p:1", "h:1").remove(0), b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n".to_vec()));
    all.push((Box::<HeaderReader>::default(), b"PROXY UNKNOWN\r\n".to_vec()));
    all
}

proptest! {
    /// A good reply with something wrong in it, in pieces.
    #[test]
    fn no_bytes_do_harm(
        at in 0..80_usize,
        noise in prop::collection::vec(any::<u8>(), 0..20),
        size in 1..40_usize,
    ) {
        for (dialogue, mut said) in all() {
            let at = at.min(said.len());
            said.splice(at.., noise.iter().copied());
            let _ = play(dialogue, &said, size);
        }
    }

    /// How the bytes are cut changes nothing but how much of a stream is seen with a go-ahead.
    #[test]
    fn pieces_make_no_difference(
        noise in prop::collection::vec(any::<u8>(), 0..20),
        size in 1..40_usize,
        which in 0..10_usize,
    ) {
        let of = || {
            let (dialogue, said) = all().remove(which);
            (dialogue, [said, noise.clone()].concat())
        };
        let ((one, said), (other, _)) = (of(), of());
        let (whole, pieces) = (play(one, &said, usize::MAX), play(other, &said, size));
        match (whole, pieces) {
            (Ok(whole), Ok(pieces)) => prop_assert_eq!(whole, pieces),
            (Err(error), _) => prop_assert!(error.cause.contains("go-ahead")),
            (Ok(_), Err(error)) => prop_assert!(false, "{}", error),
        }
    }
}
