//! `--expect`: whether what was received so far matches a regular expression.
//!
//! Pure. A stream comes in pieces of any size, and a match must be seen with the piece that
//! completes it, since the peer may be silent from then on. To search a growing text again and
//! again would cost the square of its length; instead an automaton stands at the end of the text
//! and takes one step a byte, so that nothing needs to be kept or searched twice. It is built as
//! it goes, in bounded memory (`regex_automata::hybrid`): no expression can make it grow without end.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

/// The most bytes that an expression may take once it is compiled.
const MOST: usize = 4 << 20;
/// What an automaton may grow to, beside the size of its expression. It is copied where it is
/// full, so it is small.
const MEMORY: usize = 256 << 10;

/// An expression to look out for.
#[derive(Clone)]
pub struct Expect {
    text: Arc<str>,
    automaton: Arc<DFA>,
    /// The most memory of one automaton.
    capacity: usize,
}

impl FromStr for Expect {
    type Err = String;

    /// Compiles the value of `--expect`. It speaks of bytes, so `(?-u)` may be used freely; word
    /// boundaries are those of ASCII, where characters cannot be cut between two reads. `^` and `$` are
    /// the ends of lines, be these LF or CRLF, as if `(?mR)` stood in front: what comes is mostly a
    /// line with its end. `\A` and `\z` are the ends of the text.
    fn from_str(text: &str) -> Result<Self, String> {
        // Bytes that are no UTF-8 may come, and an expression may look for them.
        let syntax =
            ParserBuilder::new().utf8(false).multi_line(true).crlf(true).build().parse(text);
        let syntax = with_ascii_words(syntax.map_err(|error| cause(&error))?);
        let limits = thompson::Config::new().utf8(false).nfa_size_limit(Some(MOST));
        let nfa = thompson::Compiler::new().configure(limits).build_from_hir(&syntax);
        let nfa = nfa.map_err(|error| match error.size_limit() {
            Some(_) => format!("compiled, it takes more than {} MiB", MOST >> 20),
            None => error.to_string(),
        })?;
        let capacity = MEMORY + nfa.memory_usage();
        let memory = Config::new().cache_capacity(capacity);
        let automaton = DFA::builder().configure(memory).build_from_nfa(nfa);
        let automaton = Arc::new(automaton.map_err(|error| error.to_string())?);
        Ok(Self { text: text.into(), automaton, capacity })
    }
}

/// What is wrong with an expression, and where. The parser's own text has the expression in lines of its
/// own, with a mark below.
fn cause(error: &regex_syntax::Error) -> String {
    let (cause, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
        regex_syntax::Error::Translate(error) => {
            (error.kind().to_string(), error.span().start.offset)
        }
        // There are no others. Its own text would bring in some kB of code.
        _ => return "it is not an expression".to_owned(),
    };
    format!("{cause}, at byte {at}")
}

impl fmt::Display for Expect {
    /// The value of `--expect`, as [`Expect::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Expect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Expect").field(&self.text).finish()
    }
}

/// The same expression with word boundaries of ASCII, which one byte at a time can decide.
fn with_ascii_words(syntax: Hir) -> Hir {
    let all = |parts: Vec<Hir>| parts.into_iter().map(with_ascii_words).collect();
    match syntax.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(match look {
            Look::WordUnicode => Look::WordAscii,
            Look::WordUnicodeNegate => Look::WordAsciiNegate,
            Look::WordStartUnicode => Look::WordStartAscii,
            Look::WordEndUnicode => Look::WordEndAscii,
            Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
            Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
            other => other,
        }),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(with_ascii_words(*repetition.sub)),
            ..repetition
        }),
        HirKind::Capture(capture) => {
            Hir::capture(Capture { sub: Box::new(with_ascii_words(*capture.sub)), ..capture })
        }
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
    }
}

/// A look-out for an [`Expect`] on one stream, or on one message after another.
pub struct Lookout {
    automaton: Arc<DFA>,
    memory: Cache,
    /// Up to this size of the memory one more state fits in for certain.
    roomy: usize,
    /// Where it stands; `None` where nothing that follows can match any more.
    state: Option<LazyStateID>,
}

impl Lookout {
    /// A look-out at the start of a stream.
    pub fn new(expect: &Expect) -> Self {
        let memory = expect.automaton.create_cache();
        // The least capacity that is built holds five of the largest states.
        let roomy = usize::midpoint(memory.memory_usage(), expect.capacity);
        let automaton = Arc::clone(&expect.automaton);
        let mut lookout = Self { automaton, memory, roomy, state: None };
        lookout.start_over();
        lookout
    }

    /// Forgets what was seen: what follows is a text of its own.
    fn start_over(&mut self) {
        self.state = self.automaton.start_state(&mut self.memory, &start::Config::new()).ok();
    }

    /// Takes the next piece of a stream; whether the stream up to its end, or up to an earlier
    /// byte of it, matches. The end of the piece counts as an end (`$`), for it may be one.
    pub fn feed(&mut self, piece: &[u8]) -> bool {
        for byte in piece {
            let Some(state) = self.state else { return false };
            // An automaton of these settings never gives up.
            let next = self.automaton.next_state(&mut self.memory, state, *byte).ok();
            // Dead is an expression that is anchored and has failed: no later byte mends that.
            self.state = next.filter(|state| !state.is_dead());
            // States match one byte late: this match ends before `byte`. One that ends with the
            // last byte shows in `matches_here`.
            if next.is_some_and(|state| state.is_match()) {
                return true;
            }
        }
        self.matches_here()
    }

    /// Whether a message, as a text of its own, matches.
    pub fn matches(&mut self, message: &[u8]) -> bool {
        self.start_over();
        self.feed(message)
    }

    /// Whether the text matches if this is its end. The step that decides it is not taken.
    fn matches_here(&mut self) -> bool {
        let Some(state) = self.state else { return false };
        // A step for which there is no room empties the memory, and `state` goes with it.
        let is_tight = self.memory.memory_usage() > self.roomy;
        let kept = is_tight.then(|| self.memory.clone());
        let clears = self.memory.clear_count();
        let end = self.automaton.next_eoi_state(&mut self.memory, state).ok();
        if let (Some(kept), true) = (kept, self.memory.clear_count() != clears) {
            self.memory = kept;
        }
        end.is_some_and(|state| state.is_match())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    use super::*;

    fn lookout(text: &str) -> Lookout {
        Lookout::new(&text.parse().unwrap())
    }

    /// The piece, counted from 0, with which a stream matches.
    fn first_match(text: &str, pieces: &[&[u8]]) -> Option<usize> {
        let mut lookout = lookout(text);
        pieces.iter().position(|piece| lookout.feed(piece))
    }

    #[test]
    fn a_match_is_seen_with_the_piece_that_completes_it() {
        for (text, pieces, expected) in [
            ("ready", &[&b"not re"[..], b"ad", b"y", b"!"][..], Some(2)),
            ("ready", &[b"read", b"Y"], None),
            ("^b", &[b"a", b"b"], None),
            ("^b", &[b"a\n", b"b"], Some(1)),
            ("(?-m)^b", &[b"a\n", b"b"], None),
            (r"\Ab", &[b"a\n", b"b"], None),
            ("a$", &[b"ab", b"a", b"b"], Some(1)),
            ("a$", &[b"a\n", b"x"], Some(0)),
            ("a$", &[b"ab", b"a\r\nx"], Some(1)),
            ("^OK$", &[b"busy\r\nO", b"K\r\n"], Some(1)),
            ("^OK$", &[b"busy\r\n", b"OKAY\r\n", b"+OK\r\n"], None),
            (r"OK\z", &[b"OK\r\n"], None),
            ("a.b", &[b"a\rb", b"a\nb"], None),
            ("(?-R)a.b", &[b"a\rb"], Some(0)),
            (r"\bok\b", &[b"boo", b"k", b" ok", b"ay"], Some(2)),
            (r"\bok\b.", &[b"ok", b"ay ok", b"!"], Some(2)),
            ("é", &[b"\xc3", b"\xa9"], Some(1)),
            (r"(?-u)\xff\x00", &[b"\xff", b"\x00"], Some(1)),
            ("(?i)ÄH", &["äh".as_bytes()], Some(0)),
            ("(?s)a.*b", &[b"a\n\n", b"\xff", b"b"], None),
            ("(?s-u)a.*b", &[b"a\n\n", b"\xff", b"b"], Some(2)),
            ("a{3}", &[b"a", b"a", b"a"], Some(2)),
            ("", &[b""], Some(0)),
            ("^$", &[b"x"], None),
        ] {
            assert_eq!(first_match(text, pieces), expected, "{text}");
        }
    }

    #[test]
    fn a_message_is_a_text_of_its_own() {
        let mut lookout = lookout("^ab$");
        let messages = [&b"a"[..], b"b", b"abc", b"xab", b"ab", b"", b"ab\r\n", b"x\nab\ny"];
        let outcomes = messages.map(|message| lookout.matches(message));
        assert_eq!(outcomes, [false, false, false, false, true, false, true, true]);
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_said_in_the_words_of_its_parser() {
        let error = "a(b".parse::<Expect>().unwrap_err();
        assert_eq!(error, "unclosed group, at byte 1");
        for text in [r"\w{5000}", r"(((a{99}){99}){99}){99}"] {
            let error = text.parse::<Expect>().unwrap_err();
            assert!(error.contains("more than 4 MiB"), "{text}: {error}");
        }
    }

    /// The determinised form of this has 2¹⁰⁰ states.
    #[test]
    fn an_expression_that_explodes_stays_small() {
        let mut lookout = lookout("[01]*1[01]{100}x");
        let mut random = 1_u32;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            assert!(!lookout.feed(if random >> 31 == 1 { b"1" } else { b"0" }));
        }
        let most = MEMORY + (64 << 10);
        assert!(lookout.memory.memory_usage() < most, "{}", lookout.memory.memory_usage());
        assert!(lookout.memory.clear_count() > 0);
        assert!(lookout.feed(&[b'1'; 101]) || lookout.feed(b"x"));
    }

    fn expression() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "a",
            "b",
            "[^a]",
            ".",
            "(?s:.)",
            "^",
            "$",
            "(?-m:^)",
            "(?-m:$)",
            "(?-R:^.$)",
            r"(?-u:\b)",
            r"\d",
            "é",
            r"(?-u:\xff)",
            "\n",
            r"\z",
            r"\A",
        ]);
        let leaf = leaf.prop_map(str::to_owned);
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.concat()),
                prop::collection::vec(inner.clone(), 2..4)
                    .prop_map(|all| format!("(?:{})", all.join("|"))),
                (inner, prop::sample::select(vec!["*", "+", "?", "{2}", "{0,3}", "+?"]))
                    .prop_map(|(one, times)| format!("(?:{one}){times}")),
            ]
        })
    }

    proptest! {
        /// It sees what a search of the whole text would see each time a piece is added.
        #[test]
        fn it_matches_when_the_text_so_far_does(
            text in expression(),
            pieces in prop::collection::vec(
                prop::collection::vec(prop::sample::select(b"aab1 \r\n\xff\xc3\xa9".to_vec()), 0..5),
                0..8,
            ),
        ) {
            let regex = RegexBuilder::new(&text).multi_line(true).crlf(true).build().unwrap();
            let mut lookout = lookout(&text);
            let mut whole = Vec::new();
            for piece in &pieces {
                whole.extend_from_slice(piece);
                let expected = regex.is_match(&whole);
                prop_assert_eq!(lookout.feed(piece), expected, "{} on {:?}", text, whole);
                if expected {
                    break;
                }
            }
            let message: Vec<u8> = pieces.concat();
            prop_assert_eq!(lookout.matches(&message), regex.is_match(&message));
        }
    }
}
