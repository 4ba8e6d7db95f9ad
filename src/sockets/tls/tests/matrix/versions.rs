//! Versions of TLS.

use super::*;

#[test]
fn versions_of_which_none_is_common() {
    let server = ServerTls::new(&server_of(ServerIdentity::SelfSigned(Vec::new()))).unwrap();
    // A ClientHello of TLS 1.1 with one cipher suite.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut record = vec![0x16, 3, 1, 0, 4 + hello.len() as u8, 1, 0, 0, hello.len() as u8];
    record.extend(&hello);
    let mut session = server.session().unwrap();
    let (outcome, alert) = take(&mut session, &record);
    let error = HandshakeError::of(&outcome.unwrap_err()).unwrap().clone();
    assert_eq!(error.kind, Kind::TlsVersion, "{error}");
    assert!(text(&error).starts_with("the client speaks neither TLS 1.2 nor 1.3"), "{error}");
    let options = ClientTlsOptions { insecure: true, ..ClientTlsOptions::default() };
    let client = ClientTls::new(&options).unwrap();
    let error = says(&mut client.session("a").unwrap(), &alert);
    assert_eq!(error.kind, Kind::TlsVersion, "{error}");
}
