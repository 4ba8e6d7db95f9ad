//! PEM: sections of base64 between a BEGIN and an END, with the lines that they begin at. Pure.

use std::fmt;

use data_encoding::BASE64;

/// A section of a PEM file.
#[derive(Debug, PartialEq, Eq)]
pub struct PemSection {
    /// What it says that it is: `CERTIFICATE`, `PRIVATE KEY`.
    pub label: String,
    /// The line of its BEGIN, from 1.
    pub line: usize,
    /// Its bytes. Those of an encrypted key of the old form are still encrypted.
    pub der: Vec<u8>,
    /// It has a header that says that it is encrypted (RFC 1421).
    pub is_encrypted: bool,
}

/// What is wrong with a PEM file, and in which line, where it is one line.
#[derive(Debug, PartialEq, Eq)]
pub struct BadPem {
    /// The line, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub cause: String,
}

impl fmt::Display for BadPem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "line {line}: {}", self.cause),
            None => out.write_str(&self.cause),
        }
    }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// All sections of a PEM file. What stands between them is left out, as it is text for people.
///
/// # Errors
/// A section is broken, or there is none.
pub fn sections(bytes: &[u8]) -> Result<Vec<PemSection>, BadPem> {
    let mut sections = Vec::new();
    let mut open: Option<OpenSection> = None;
    // A text of DOS or of an old Mac has other ends of lines; those of DOS are an end and an empty line
    // here, hence the count.
    let mut number = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        number += 1;
        for line in line.split(|byte| *byte == b'\r') {
            let text = line.trim_ascii();
            open = match (open.take(), marker(text, BEGIN), marker(text, END)) {
                (None, Some(label), _) => Some(OpenSection::new(label, number)),
                (None, None, _) => None,
                (Some(section), Some(_), _) => return Err(section.has_no_end()),
                (Some(section), None, Some(label)) => {
                    sections.push(section.close(label, number)?);
                    None
                }
                (Some(mut section), None, None) => {
                    section.add(text, number)?;
                    Some(section)
                }
            };
        }
    }
    match open {
        Some(section) => Err(section.has_no_end()),
        None if sections.is_empty() => Err(BadPem { line: None, cause: nothing(bytes).to_owned() }),
        None => Ok(sections),
    }
}

/// The label of a line that begins or ends a section.
fn marker<'a>(line: &'a [u8], before: &str) -> Option<&'a str> {
    let label = line.strip_prefix(before.as_bytes())?.strip_suffix(DASHES.as_bytes())?;
    std::str::from_utf8(label).ok()
}

/// Why there is no section in it.
fn nothing(bytes: &[u8]) -> &'static str {
    /// How DER begins: a sequence whose length has two bytes.
    const DER: &[u8] = &[0x30, 0x82];
    if bytes.trim_ascii().is_empty() {
        "it is empty"
    } else if bytes.starts_with(DER) {
        "it is DER or PKCS #12, and PEM is wanted (openssl x509, pkey or pkcs12 turn it into PEM)"
    } else {
        "it is not PEM: no line begins with -----BEGIN"
    }
}

/// A section whose END is still to come.
struct OpenSection {
    label: String,
    line: usize,
    base64: Vec<u8>,
    /// The lines of the base64: where each begins in it, and its number.
    lines: Vec<(usize, usize)>,
    is_encrypted: bool,
}

impl OpenSection {
    fn new(label: &str, line: usize) -> Self {
        let (base64, lines) = (Vec::new(), Vec::new());
        Self { label: label.to_owned(), line, base64, lines, is_encrypted: false }
    }

    /// Adds a line of base64, or looks at a header.
    fn add(&mut self, text: &[u8], number: usize) -> Result<(), BadPem> {
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        if self.base64.is_empty() && text.contains(&b':') {
            self.is_encrypted |= text.starts_with(b"Proc-Type:") && text.ends_with(b"ENCRYPTED");
            return Ok(());
        }
        if let Some(wrong) = text.iter().find(|byte| !is_base64(byte)) {
            let wrong = char::from(*wrong).escape_default();
            let cause = format!("`{wrong}` is not a character of base64");
            return Err(BadPem { line: Some(number), cause });
        }
        if !text.is_empty() {
            self.lines.push((self.base64.len(), number));
            self.base64.extend_from_slice(text);
        }
        Ok(())
    }

    fn close(self, label: &str, number: usize) -> Result<PemSection, BadPem> {
        if label != self.label {
            let cause =
                format!("END {label} closes no BEGIN {}, of line {}", self.label, self.line);
            return Err(BadPem { line: Some(number), cause });
        }
        match BASE64.decode(&self.base64) {
            Ok(der) => {
                let (label, line, is_encrypted) = (self.label, self.line, self.is_encrypted);
                Ok(PemSection { label, line, der, is_encrypted })
            }
            Err(error) => {
                let line = Some(self.doubtful_line(error.position));
                let cause = "its base64 is broken: characters are missing, or there are too many";
                Err(BadPem { line, cause: cause.to_owned() })
            }
        }
    }

    /// The first line that is shorter than the others, or that of the byte which cannot be decoded.
    fn doubtful_line(&self, position: usize) -> usize {
        let ends = self.lines.iter().skip(1).map(|(begin, _)| *begin);
        let mut lines =
            self.lines.iter().zip(ends).map(|((begin, line), end)| (end - begin, *line));
        let width = lines.clone().map(|(width, _)| width).max();
        if let Some((_, line)) = lines.find(|(length, _)| Some(*length) < width) {
            return line;
        }
        let before = self.lines.iter().rev().find(|(begin, _)| *begin <= position);
        before.map_or(self.line, |(_, line)| *line)
    }

    #[cold]
    fn has_no_end(&self) -> BadPem {
        let cause = format!("BEGIN {} has no END: the file is cut", self.label);
        BadPem { line: Some(self.line), cause }
    }
}
