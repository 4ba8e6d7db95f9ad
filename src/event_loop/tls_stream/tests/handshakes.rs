use super::*;

#[test]
fn an_error_behind_the_handshake_is_one_of_the_connection() {
    let mut pair = Configs::new(&TLS13).pair();
    for _ in 0..2 {
        pair.client.connected().unwrap();
        if pair.client.stage.is_open() {
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
}
