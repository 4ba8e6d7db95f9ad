//! Pins: their grammar, what openssl computes, and certificates that are issued anew.

use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn pinned(pins: &str) -> ClientTlsOptions {
    ClientTlsOptions { pins: pins.parse().unwrap(), ..ClientTlsOptions::default() }
}

/// Another authority, other dates and other names: whoever has the key is the server that is meant.
#[test]
fn a_pin_survives_a_certificate_that_is_issued_anew() {
    let files = Files::new();
    let key = KeyPair::generate().unwrap();
    let first = files.issue_for(&files.authority("one"), &for_localhost(), &key);
    let first = server_of(ServerIdentity::Files(first));
    let pin = ServerTls::new(&first).unwrap().pin().unwrap();
    let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2024, 1, 1);
    let second = files.issue_for(&files.authority("two"), &params, &key);
    let second = server_of(ServerIdentity::Files(second));
    assert_eq!(ServerTls::new(&second).unwrap().pin(), Some(pin));
    for server in [&first, &second] {
        assert_agree(server, &pinned(&pin.to_string()));
        assert_agree(server, &pinned(&format!("{};{pin}", "ff".repeat(32))));
    }
}

/// With an authority as well both are looked at.
#[test]
fn a_pin_beside_an_authority_is_no_excuse() {
    let files = Files::new();
    let authority = files.authority("ca");
    let identity = files.issue(&authority, &for_localhost());
    let server = server_of(ServerIdentity::Files(identity));
    let pin = ServerTls::new(&server).unwrap().pin().unwrap().to_string();
    let both =
        |file: &Path| ClientTlsOptions { authorities: Some(file.to_owned()), ..pinned(&pin) };
    assert_agree(&server, &both(&authority.file));
    let client = ClientTls::new(&both(&files.authority("other").file)).unwrap();
    let server = ServerTls::new(&server).unwrap();
    let (mut client, mut server) =
        (client.session("localhost").unwrap(), server.session().unwrap());
    let (client, _) = shake(&mut client, &mut server);
    assert_eq!(client.unwrap().kind, Kind::TlsUntrusted);
}

/// The line that the manual of curl has for `--pinnedpubkey`.
#[test]
fn openssl_computes_the_same_for_each_kind_of_key() {
    let openssl = |arguments: &str, path: &Path| {
        let line = format!("openssl {arguments}");
        let mut command = Command::new("sh");
        let output = command.args(["-c", &line, "sh"]).arg(path).stderr(Stdio::null()).output();
        output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    };
    let files = Files::new();
    if openssl("version", Path::new("")).is_none() {
        return eprintln!("SKIPPED: openssl is not installed");
    }
    for kind in
        ["rsa -pkeyopt rsa_keygen_bits:2048", "EC -pkeyopt ec_paramgen_curve:P-384", "ed25519"]
    {
        let path = files.0.path().join("key.pem");
        openssl(&format!("genpkey -algorithm {kind} -out \"$1\""), &path).expect("a key");
        let certificate = files.0.path().join("certificate.pem");
        let request = format!("req -x509 -key {} -subj /CN=a -out \"$1\"", path.display());
        openssl(&request, &certificate).expect("a certificate");
        let line = "x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform der | \
                    openssl dgst -sha256 -binary | openssl enc -base64";
        let base64 = String::from_utf8(openssl(line, &certificate).expect("a hash")).unwrap();
        let identity = IdentityFiles { certificate, key: Some(path) };
        let server = server_of(ServerIdentity::Files(identity));
        let pin = ServerTls::new(&server).unwrap().pin().unwrap();
        assert_eq!(pin.to_string(), format!("sha256//{}", base64.trim()), "{kind}");
        assert_agree(&server, &pinned(&pin.to_string()));
    }
}

#[test]
fn a_pin_that_is_none_is_answered_with_what_is_right() {
    let hex = "ab".repeat(32);
    for (text, cause) in [
        ("", "a pin is empty"),
        (&*format!("{hex};"), "a pin is empty"),
        ("sha256//AAAA", "a pin has 32 bytes, this has 3"),
        ("sha1//AAAA", "only SHA-256 is supported"),
        (&hex[1..], "this is not a pin"),
        ("key.pem", "this is not a pin"),
        (&hex[2..], "a pin has 32 bytes, this has 31"),
        ("sha256//ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs", "this is not a pin"),
    ] {
        let error = text.parse::<Pins>().unwrap_err();
        let forms = "use sha256//BASE64 or 64 hexadecimal digits, of the public key";
        assert_eq!(error, format!("{cause}: {forms}"), "{text}");
    }
}

proptest! {
    #[test]
    fn each_form_of_a_pin_is_the_same_pin(hashes in prop::collection::vec(any::<[u8; 32]>(), 1..5)) {
        let hex = |hash: &[u8; 32], end: &str| -> String {
            let digits: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            digits.join(end)
        };
        let forms: [Vec<String>; 4] = [
            hashes.iter().map(|hash| format!("sha256//{}", BASE64.encode(hash))).collect(),
            hashes.iter().map(|hash| hex(hash, "")).collect(),
            hashes.iter().map(|hash| hex(hash, ":").to_uppercase()).collect(),
            hashes.iter().map(|hash| format!(" {} ", hex(hash, ""))).collect(),
        ];
        let written = forms[0].join(";");
        for form in &forms {
            prop_assert_eq!(form.join(";").parse::<Pins>().unwrap().to_string(), written.clone());
        }
    }

    #[test]
    fn what_is_read_as_pins_is_written_as_them(text in "(sha256//)?[0-9a-fA-F:;+/= ]{0,90}|\\PC*") {
        if let Ok(pins) = text.parse::<Pins>() {
            prop_assert!(!pins.is_empty());
            prop_assert_eq!(pins.to_string().parse::<Pins>().unwrap(), pins);
        }
    }

    #[test]
    fn no_bytes_of_a_file_do_harm(
        text in "((-----(BEGIN|END) (RSA )?(PRIVATE KEY|CERTIFICATE)-----|[A-Za-z0-9+/=]{0,9}|[ :!-])[\\r\\n]?){0,30}",
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let bytes = [text.as_bytes(), &bytes, text.as_bytes()].concat();
        let lines = bytes.split(|byte| *byte == b'\n').count();
        match pem::sections(&bytes) {
            Ok(sections) => {
                prop_assert!(!sections.is_empty());
                prop_assert!(sections.iter().all(|section| (1..=lines).contains(&section.line)));
            }
            Err(bad) => prop_assert!(bad.line.is_none_or(|line| (1..=lines).contains(&line))),
        }
    }

    #[test]
    fn sections_come_back_from_what_was_written(
        sections in prop::collection::vec(("[A-Z ]{1,20}", prop::collection::vec(any::<u8>(), 0..300)), 1..4),
        dos in any::<bool>(),
        between in "[a-z\n ]{0,40}",
    ) {
        let mut text = String::new();
        for (label, der) in &sections {
            text += &format!("{between}\n{}", pem_text(label, der));
        }
        let text = if dos { text.replace('\n', "\r\n") } else { text };
        let read = pem::sections(text.as_bytes()).unwrap();
        let read: Vec<_> = read.into_iter().map(|section| (section.label, section.der)).collect();
        prop_assert_eq!(read, sections);
    }
}
