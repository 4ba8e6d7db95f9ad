//! Files of certificates and keys: what is said about one that is wrong.

use super::*;
use crate::error::{Failure, Status};

/// What is said about a key, with a certificate that is right.
fn about_key(files: &Files, path: PathBuf) -> Failure {
    let authority = files.authority("ca");
    let identity = files.issue(&authority, &for_localhost());
    let identity = IdentityFiles { key: Some(path), ..identity };
    ServerTls::new(&server_of(ServerIdentity::Files(identity))).expect_err("it is wrong")
}

fn about_authorities(path: PathBuf) -> Failure {
    ClientTls::new(&trusting(&path)).expect_err("it is wrong")
}

fn assert_says(failure: &Failure, path: &Path, line: Option<usize>, words: &str, status: u8) {
    let target = match line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    };
    let text = failure.to_string();
    assert!(text.contains(words), "{text}");
    assert_eq!((&failure.target, failure.status.code()), (&target, status), "{text}");
}

#[test]
fn files_that_cannot_be_read() {
    let files = Files::new();
    let missing = files.0.path().join("missing.pem");
    assert_says(&about_authorities(missing.clone()), &missing, None, "no such file", 7);
    assert_says(&about_key(&files, missing.clone()), &missing, None, "cannot take a key from ", 7);
    let directory = files.0.path().to_owned();
    let words = "is a directory (name a file; it may have many certificates";
    assert_says(&about_authorities(directory.clone()), &directory, None, words, 7);
    let endless = PathBuf::from("/dev/zero");
    assert_says(&about_authorities(endless.clone()), &endless, None, "larger than 16 MiB", 7);
}

#[test]
fn files_that_are_no_pem() {
    let files = Files::new();
    let key = KeyPair::generate().unwrap();
    let empty = files.write("empty.pem", " \n");
    assert_says(&about_authorities(empty.clone()), &empty, None, "it is empty", 2);
    let text = files.write("text.pem", "hello\n");
    assert_says(&about_authorities(text.clone()), &text, None, "no line begins with -----BEGIN", 2);
    let der = files.0.path().join("der.pem");
    let certificate = for_localhost().self_signed(&key).unwrap();
    std::fs::write(&der, certificate.der()).unwrap();
    assert_says(&about_authorities(der.clone()), &der, None, "it is DER or PKCS #12", 2);
}

#[test]
fn sections_that_are_broken() {
    let files = Files::new();
    let key = KeyPair::generate().unwrap();
    let good = pem_text("CERTIFICATE", for_localhost().self_signed(&key).unwrap().der());
    let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
    lines[3].replace_range(5..6, "!");
    let path = files.write("broken.pem", &format!("# Mine\n{}", lines.join("\r\n")));
    let words = "cannot take certificates from ";
    assert_says(&about_authorities(path.clone()), &path, Some(5), words, 2);
    assert!(about_authorities(path).cause.contains("`!` is not a character of base64"));
    let cut = files.write("cut.pem", good.split_once("-----END").unwrap().0);
    assert_says(&about_authorities(cut.clone()), &cut, Some(1), "has no END: the file is cut", 2);
    let short = files.write("short.pem", &good.replacen("\nM", "\n", 1));
    assert_says(&about_authorities(short.clone()), &short, Some(2), "its base64 is broken", 2);
    let other = files.write("other.pem", &good.replace("END CERTIFICATE", "END KEY"));
    let words = "END KEY closes no BEGIN CERTIFICATE, of line 1";
    let line = good.lines().count();
    assert_says(&about_authorities(other.clone()), &other, Some(line), words, 2);
    let nonsense = files.pem("nonsense.pem", "CERTIFICATE", b"nonsense");
    let words = "not a certificate of X.509 version 3";
    assert_says(&about_authorities(nonsense.clone()), &nonsense, Some(1), words, 2);
}

#[test]
fn sections_that_belong_elsewhere() {
    let files = Files::new();
    let key = KeyPair::generate().unwrap();
    let certificate = for_localhost().self_signed(&key).unwrap();
    let certificate = files.pem("certificate.pem", "CERTIFICATE", certificate.der());
    let words =
        "there is a CERTIFICATE, and no key (a key begins with -----BEGIN PRIVATE KEY-----)";
    assert_says(&about_key(&files, certificate.clone()), &certificate, None, words, 2);
    let path = files.pem("key.pem", "PRIVATE KEY", key.serialized_der());
    let words = "there is a PRIVATE KEY, and no certificate (a certificate begins with";
    assert_says(&about_authorities(path.clone()), &path, Some(1), words, 2);
    let request = files.pem("request.pem", "CERTIFICATE REQUEST", b"0");
    let words = "there is a CERTIFICATE REQUEST, and no certificate";
    assert_says(&about_authorities(request.clone()), &request, Some(1), words, 2);
}

#[test]
fn keys_that_are_not_taken() {
    let files = Files::new();
    let encrypted = files.pem("encrypted.pem", "ENCRYPTED PRIVATE KEY", b"secret");
    let words = "the key is encrypted (decrypt it: openssl pkey -in ";
    assert_says(&about_key(&files, encrypted.clone()), &encrypted, Some(1), words, 2);
    let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                DEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let old = files.write("old.pem", text);
    assert_says(&about_key(&files, old.clone()), &old, Some(1), words, 2);
    let broken = files.pem("broken.pem", "PRIVATE KEY", b"nonsense");
    let words = "it is broken, or of a kind that is not supported (RSA of 2048 bits";
    assert_says(&about_key(&files, broken.clone()), &broken, Some(1), words, 2);
    let dsa = files.pem("dsa.pem", "DSA PRIVATE KEY", b"0");
    assert_says(&about_key(&files, dsa.clone()), &dsa, Some(1), "there is a DSA PRIVATE KEY", 2);
    let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let keys = keys.map(|key| pem_text("PRIVATE KEY", key.serialized_der()));
    let two = files.write("two.pem", &keys.concat());
    let line = keys[0].lines().count() + 1;
    let words = "it is a second key, after that of line 1 (leave one key in it)";
    assert_says(&about_key(&files, two.clone()), &two, Some(line), words, 2);
    let other = files.write("other.pem", &keys[0]);
    let words = "it does not fit the certificate in ";
    assert_says(&about_key(&files, other.clone()), &other, Some(1), words, 2);
}

#[test]
fn a_chain_in_the_wrong_order() {
    let files = Files::new();
    let authority = files.authority("ca");
    let identity = files.issue(&authority, &for_localhost());
    let chain = [&authority.file, &identity.certificate];
    let chain = chain.map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(&identity.certificate, chain.concat()).unwrap();
    let key = identity.key.clone().unwrap();
    let failure = ServerTls::new(&server_of(ServerIdentity::Files(identity))).err().unwrap();
    let words = "it fits certificate 2 of ";
    assert_says(&failure, &key, Some(1), words, 2);
    assert_eq!(failure.status, Status::Usage);
}

/// One file has both, with text between them, and ends of lines as DOS has them.
#[test]
fn a_file_with_certificate_and_key() {
    let files = Files::new();
    let authority = files.authority("ca");
    let identity = files.issue(&authority, &for_localhost());
    let both = [identity.key.as_ref().unwrap(), &identity.certificate];
    let both = both.map(|file| std::fs::read_to_string(file).unwrap());
    let text = format!("The key:\n{}\nThe certificate: -----BEGIN\n{}", both[0], both[1]);
    let certificate = files.write("both.pem", &text.replace('\n', "\r\n"));
    let identity = IdentityFiles { certificate, key: None };
    let server = server_of(ServerIdentity::Files(identity));
    assert_agree(&server, &trusting(&authority.file));
}

#[test]
fn a_key_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    let authority = files.authority("ca");
    let identity = files.issue(&authority, &for_localhost());
    let key = identity.key.clone().unwrap();
    for (mode, warnings) in [(0o644, 1), (0o640, 0), (0o600, 0)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let server = server_of(ServerIdentity::Files(identity.clone()));
        let server = ServerTls::new(&server).unwrap();
        assert_eq!(server.warnings().len(), warnings, "{mode:o}");
        if let Some((kind, text)) = server.warnings().first() {
            let name = key.display();
            assert_eq!(*kind, Kind::Exposed);
            assert_eq!(*text, format!("others can read the key in {name} (chmod 600 {name})"));
        }
    }
}
