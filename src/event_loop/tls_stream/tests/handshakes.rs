use rustls::server::WebPkiClientVerifier;

use super::*;
use crate::sockets::Endpoint;

#[test]
fn an_error_behind_the_handshake_is_one_of_the_connection() {
    let mut pair = Configs::new(&TLS13).pair();
    for _ in 0..2 {
        pair.client.connected().unwrap();
        if pair.client.handshake.is_open() {
            break;
        }
        pair.server.connected().unwrap();
    }
    assert!(pair.client.is_open() && !pair.server.is_open());
    pair.client.write(&[IoSlice::new(b"whole")]).unwrap();
    lock(&pair.up).bytes.extend(b"no record at all");
    assert!(pair.server.connected().unwrap().is_some());
    let mut read = Vec::new();
    let error = read_all(&mut pair.server, 100, &mut read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{error}");
    assert_eq!(read, b"whole");
}

#[test]
fn nonsense_is_no_handshake() {
    let mut pair = Configs::new(&TLS13).pair();
    lock(&pair.up).bytes.extend(b"GET / HTTP/1.1\r\n\r\n");
    let error = pair.server.connected().unwrap_err();
    assert_eq!(Kind::from(&error), Kind::TlsNotTls, "{error}");
    lock(&pair.down).bytes = b"220 mail.example.com ESMTP\r\n".iter().copied().collect();
    let error = pair.client.connected().unwrap_err();
    assert_eq!(Kind::from(&error), Kind::TlsNotTls, "{error}");
}

#[test]
fn a_handshake_without_end_is_no_handshake() {
    let mut pair = Configs::new(&TLS13).pair();
    // A ClientHello of 60,000 bytes.
    for at in 0..4 {
        let mut record = vec![22, 3, 1, 0x3a, 0x98];
        record.resize(5 + 15_000, 0);
        if at == 0 {
            record[5..9].copy_from_slice(&[1, 0, 0xea, 0x60]);
        }
        lock(&pair.up).bytes.extend(record);
    }
    let error = pair.server.connected().unwrap_err();
    assert_eq!(Kind::from(&error), Kind::Tls, "{error}");
    assert!(pair.server.incoming.partial.len() <= SERVER_HANDSHAKE + LEAST);
    // The peer learns why by a fatal alert, in the clear as there are no keys yet.
    let alert: Vec<u8> = lock(&pair.down).bytes.iter().copied().collect();
    assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, _]), "{alert:?}");
}

/// A side whose certificate comes so many times in its chain.
fn with_chains(
    version: &'static SupportedProtocolVersion,
    (of_client, of_server): (usize, usize),
) -> Configs {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = own.cert.der().clone();
    let key = || PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let roots = Arc::new(roots);
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
    let client = ClientConfig::builder_with_provider(provider());
    let client = client.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let server = ServerConfig::builder_with_provider(provider());
    let server = server.with_protocol_versions(&[version]).unwrap();
    let server = server.with_client_cert_verifier(verifier.build().unwrap());
    let chain = |count| vec![certificate.clone(); count];
    Configs {
        client: Arc::new(client.with_client_auth_cert(chain(of_client), key()).unwrap()),
        server: Arc::new(server.with_single_cert(chain(of_server), key()).unwrap()),
    }
}

/// The peer learns of it by an alert, where it would see its stream cut otherwise.
#[test]
fn a_chain_that_is_too_long_is_answered_by_an_alert() {
    for version in [&TLS12, &TLS13] {
        // rustls takes no message of more than 64 KiB, and has no alert for it.
        let (client, server) = with_chains(version, (1, 300)).pair().connect();
        let (client, server) = (client.unwrap_err(), server.unwrap_err());
        assert!(client.to_string().contains(TOO_LONG), "{client}");
        assert!(server.to_string().contains("alert DecodeError"), "{server}");
        for count in [130, 300] {
            let mut pair = with_chains(version, (count, 1)).pair();
            let (client, server) = pair.connect();
            let server = server.unwrap_err();
            assert!(server.to_string().contains(TOO_LONG), "{server}");
            // In TLS 1.3 the handshake of a client is over before it is refused.
            let error = match client {
                Ok(()) => read_all(&mut pair.client, 100, &mut Vec::new()).unwrap_err(),
                Err(error) => error,
            };
            let is_told = count == 130 || *version == TLS12;
            assert!(!is_told || error.to_string().contains("alert"), "{count}: {error}");
        }
    }
}

/// What came behind the last message of a handshake waits for the first read. The poll announces once what
/// comes before that, and so the read is not to say that nothing is left.
#[test]
fn a_read_of_what_waits_knows_nothing_of_the_wire() {
    let mut pair = Configs::new(&TLS13).pair().connected();
    pair.server.write(&[IoSlice::new(b"first")]).unwrap();
    pair.client.read_ahead().unwrap();
    pair.server.write(&[IoSlice::new(b"second")]).unwrap();
    let mut into = [0; 100];
    assert_eq!(pair.client.read(&mut into).unwrap(), 5);
    assert!(!pair.client.is_empty_after_short_read());
    assert_eq!(pair.client.read(&mut into).unwrap(), 6);
    assert!(pair.client.is_empty_after_short_read());
}

/// A stream whose peer has reset it before anybody looked.
struct Gone;

impl Transport for Gone {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn finish(&mut self) -> io::Result<()> {
        Err(ErrorKind::NotConnected.into())
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        Err(ErrorKind::ConnectionReset.into())
    }
}

/// The loop takes a connection that was reset for one that has been up.
#[test]
fn a_stream_that_is_reset_at_once_has_never_been_up_inside_tls() {
    let mut pair = Configs::new(&TLS13).pair();
    pair.client.inner = Box::new(Gone);
    assert!(is_cut(&pair.client.connected().unwrap_err()));
}
