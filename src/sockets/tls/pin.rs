//! Pins: the keys that a server may have, whoever has issued its certificate. Pure.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

/// Bytes of SHA-256.
const BYTES: usize = 32;
const PREFIX: &str = "sha256//";

/// The SHA-256 of a public key, as a certificate holds it (the SubjectPublicKeyInfo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; BYTES]);

impl Pin {
    /// The pin of a public key in DER.
    pub fn of_key(spki: &[u8]) -> Self {
        Self(super::sha256(spki))
    }
}

/// In the form of curl: `sha256//`, and the hash as base64.
impl fmt::Display for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{}", BASE64.encode(&self.0))
    }
}

/// One or more pins; the key of the server has to be one of them.
///
/// ```
/// use wirecat::sockets::tls::Pins;
///
/// let base64 = "sha256//ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=";
/// let hex = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
/// assert_eq!(hex.parse::<Pins>()?.to_string(), base64);
/// let both = format!("{base64};{base64}");
/// assert_eq!(both.parse::<Pins>()?.to_string(), both);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(Vec<Pin>);

impl Pins {
    /// Whether there is none, and so no key is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is this one.
    pub fn has(&self, pin: Pin) -> bool {
        self.0.contains(&pin)
    }

    /// Adds those of another.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, pin)| {
            let separator = if at == 0 { "" } else { ";" };
            write!(out, "{separator}{pin}")
        })
    }
}

impl FromStr for Pins {
    type Err = String;

    /// Reads `PIN[;PIN]...`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(';').map(|pin| one(pin.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn one(text: &str) -> Result<Pin, String> {
    const FORMS: &str = "use sha256//BASE64 or 64 hexadecimal digits, of the public key";
    let wrong = |what: &str| Err(format!("{what}: {FORMS}"));
    let bytes = match text.strip_prefix(PREFIX) {
        Some(base64) => BASE64.decode(base64.as_bytes()).ok(),
        None if text.is_empty() => return wrong("a pin is empty"),
        None if text.contains("//") => return wrong("only SHA-256 is supported"),
        None => {
            let digits: String = text.chars().filter(|char| *char != ':').collect();
            HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()
        }
    };
    let Some(bytes) = bytes else { return wrong("this is not a pin") };
    match <[u8; BYTES]>::try_from(bytes.as_slice()) {
        Ok(hash) => Ok(Pin(hash)),
        Err(_) => wrong(&format!("a pin has 32 bytes, this has {}", bytes.len())),
    }
}
