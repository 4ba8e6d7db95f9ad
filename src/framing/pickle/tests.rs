//! What holds for any bytes and for any JSON; and which texts are taken for an instance of a class, and
//! which are refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Decoder, Encoder, PickleError, decode, encode};

fn decoded(pickle: &[u8]) -> Result<String, PickleError> {
    decode(pickle, 0).map(|out| String::from_utf8(out).unwrap())
}

fn encoded(json: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    encode(json.as_bytes(), &mut out).map(|()| out)
}

/// Instances of the classes that are data, which are hashable.
fn instance() -> impl Strategy<Value = String> {
    let date = "[0-9]{3}[1-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
    let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{5}[1-9])?";
    let offset = "(\\+00:00|[+-]([01][1-9]|2[0-3]):[0-5][0-9](:[0-5][1-9](\\.[0-9]{5}[1-9])?)?)?";
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let forms = [
        ("date", date.to_owned()),
        ("time", format!("{time}{offset}")),
        ("datetime", format!("{date}T{time}{offset}")),
        ("timedelta", "0|-?[1-9][0-9]{0,12}(\\.[0-9]{5}[1-9])?|-0\\.[0-9]{5}[1-9]".to_owned()),
        (
            "decimal",
            "-?([0-9]{1,80}(\\.[0-9]{1,9})?(E[+-][1-9][0-9]{0,16})?|NaN[0-9]{0,9})".to_owned(),
        ),
        ("uuid", uuid.to_owned()),
    ];
    let quoted = forms.map(|(tag, form)| {
        let text = proptest::string::string_regex(&form).unwrap();
        text.prop_map(move |text| format!("{{\"${tag}\":\"{text}\"}}")).boxed()
    });
    let float = any::<f64>().prop_filter("finite", |float| float.is_finite());
    let float = prop_oneof![
        float.prop_map(|float| serde_json::to_string(&float).unwrap()),
        Just("{\"$float\":\"-inf\"}".to_owned()),
    ];
    let complex = (float.clone(), float)
        .prop_map(|(real, imaginary)| format!("{{\"$complex\":[{real},{imaginary}]}}"));
    prop_oneof![6 => proptest::strategy::Union::new(quoted), 1 => complex]
}

/// JSON text in the form that `decode` writes, and whether it is hashable.
fn json() -> impl Strategy<Value = (String, bool)> {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let text = any::<String>().prop_map(move |text| quoted(&text));
    let base64 = vec(any::<u8>(), 0..300).prop_map(|bytes| data_encoding::BASE64.encode(&bytes));
    let digits = "[1-9][0-9]{20,400}";
    let float = any::<f64>().prop_filter("finite", |float| float.is_finite());
    let leaf = prop_oneof![
        Just(("null".to_owned(), true)),
        any::<bool>().prop_map(|value| (value.to_string(), true)),
        any::<i64>().prop_map(|value| (value.to_string(), true)),
        any::<i16>().prop_map(|value| (value.to_string(), true)),
        any::<u64>().prop_map(|value| (value.to_string(), true)),
        float.prop_map(|value| (serde_json::to_string(&value).unwrap(), true)),
        prop::sample::select(&["nan", "inf", "-inf"][..])
            .prop_map(|name| (format!("{{\"$float\":\"{name}\"}}"), true)),
        digits.prop_map(|digits| (format!("{{\"$int\":\"{digits}\"}}"), true)),
        digits.prop_map(|digits| (format!("{{\"$int\":\"-{digits}\"}}"), true)),
        text.prop_map(|text| (text, true)),
        instance().prop_map(|text| (text, true)),
        base64.clone().prop_map(|text| (format!("{{\"$bytes\":\"{text}\"}}"), true)),
        base64.prop_map(|text| (format!("{{\"$bytearray\":\"{text}\"}}"), false)),
    ];
    leaf.prop_recursive(6, 100, 8, move |inner| {
        let key = any::<String>().prop_filter("no tag", |key| !key.starts_with('$'));
        let members = vec((key, inner.clone()), 0..8).prop_map(move |members| {
            let members =
                members.iter().map(|(key, (value, _))| format!("{}:{value}", quoted(key)));
            (format!("{{{}}}", members.collect::<Vec<_>>().join(",")), false)
        });
        let pairs = vec((inner.clone(), inner.clone()), 1..8).prop_map(|pairs| {
            let keys = pairs.iter().filter(|((_, hashable), _)| *hashable);
            let pairs: Vec<String> =
                keys.map(|((key, _), (value, _))| format!("[{key},{value}]")).collect();
            // Only a dict that is no object is written as pairs.
            (
                format!(
                    "{{\"$dict\":[[7,null]{}]}}",
                    pairs.iter().map(|pair| format!(",{pair}")).collect::<String>()
                ),
                false,
            )
        });
        let ordered = vec((any::<i64>(), inner.clone()), 0..8).prop_map(|pairs| {
            let pairs = pairs.iter().map(|(key, (value, _))| format!("[{key},{value}]"));
            let pairs: Vec<String> = pairs.collect();
            (format!("{{\"$ordereddict\":[{}]}}", pairs.join(",")), false)
        });
        let items = |hashable: bool| {
            vec(inner.clone(), 0..8).prop_map(move |items| {
                let kept = items.iter().filter(|(_, is_hashable)| *is_hashable || !hashable);
                let kept: Vec<&str> = kept.map(|(text, _)| text.as_str()).collect();
                let all = items.iter().all(|(_, hashable)| *hashable);
                (kept.join(","), all)
            })
        };
        prop_oneof![
            members,
            pairs,
            items(false).prop_map(|(items, _)| (format!("[{items}]"), false)),
            items(false).prop_map(|(items, all)| (format!("{{\"$tuple\":[{items}]}}"), all)),
            ordered,
            items(true).prop_map(|(items, _)| (format!("{{\"$set\":[{items}]}}"), false)),
            items(true).prop_map(|(items, _)| (format!("{{\"$frozenset\":[{items}]}}"), true)),
        ]
    })
}

/// As deep as a value may be, and no deeper.
#[test]
fn the_deepest_values_come_and_go() {
    let forms = [
        ("[", "]"),
        ("{\"$tuple\":[", "]}"),
        ("{\"a\":", "}"),
        ("{\"$dict\":[[0,", "]]}"),
        ("{\"$ordereddict\":[[0,", "]]}"),
    ];
    for (open, close) in forms {
        let nested = |depth| [&open.repeat(depth), "1", &close.repeat(depth)].concat();
        let pickle = encoded(&nested(1024)).unwrap();
        assert_eq!(decoded(&pickle), Ok(nested(1024)), "{open}");
        let error = encoded(&nested(1025)).unwrap_err();
        assert!(error.starts_with("nested deeper than 1024"), "{error}");
    }
    let towers = [
        [&b"N"[..], &b"\x85".repeat(1025), b"."].concat(),
        [b"]".repeat(1025), b"a".repeat(1024), b".".into()].concat(),
    ];
    for tower in towers {
        let error = decoded(&tower).unwrap_err().to_string();
        assert_eq!(error, "bad pickle: nested deeper than 1024, or in itself");
    }
}

/// A string that is longer than a piece is cut between characters, wherever it stands.
#[test]
fn long_strings_are_encoded_in_pieces() {
    let long = |unit: &str, before: &str| format!("{before}{}", unit.repeat(1 << 18));
    for (unit, spelled) in
        [("é", "é"), ("\u{1f600}", "\\ud83d\\ude00"), ("€a", "€a"), ("\u{1}", "\\u0001")]
    {
        for before in ["", "a", "ab", "abc"] {
            let (text, spelled) = (long(unit, before), long(spelled, before));
            let len = (text.len() as u64).to_le_bytes();
            let pickle = [b"\x8d", &len[..], text.as_bytes()].concat();
            let expected = [b"\x80\x04", &pickle[..], b"."].concat();
            assert!(
                encoded(&format!("\"{spelled}\"")).as_deref() == Ok(&expected),
                "{unit} {before}"
            );
            let expected = [b"\x80\x04}(", &pickle[..], b"Nu."].concat();
            assert!(encoded(&format!("{{\"{spelled}\":null}}")).as_deref() == Ok(&expected));
        }
    }
    for len in [1 << 20, (1 << 20) + 1, (1 << 20) + 2] {
        let text = data_encoding::BASE64.encode(&vec![7; len]);
        let header = [b"\x80\x04\x8e", &(len as u64).to_le_bytes()[..]].concat();
        let expected = [&header[..], &vec![7; len], b"."].concat();
        assert!(encoded(&format!("{{\"$bytes\":\"{text}\"}}")).as_deref() == Ok(&expected));
        assert!(encoded(&format!("{{\"$bytes\":\"{text}=\"}}")).is_err());
    }
    assert!(encoded(&format!("{{\"$date\":\"{}\"}}", long("1", ""))).is_err());
    assert!(encoded(&format!("\"{}", long("1", ""))).is_err());
}

/// A long string that the memo repeats is not searched for its end at each call. The bound on the
/// time of this thread is far below what the search would take.
#[test]
fn long_arguments_cost_nothing() {
    let text = [&b"c_codecs\nencode\nq\x00V"[..], &b"a".repeat(4 << 20), b"\nq\x01"].concat();
    let calls = b"h\x00h\x01\x8c\x06latin1\x86R0".repeat(1 << 15);
    let clock = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_sec;
    let started = clock();
    assert_eq!(decoded(&[&text[..], &calls, b"N."].concat()), Ok("null".to_owned()));
    assert!(clock() - started < 5);
}

/// Opcodes in any order, mostly whole ones.
const PARTS: &[&[u8]] = include!("../../../tests/it/vectors/pickle-parts.rs");

fn opcodes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        20 => prop::sample::select(PARTS).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    vec(part, 0..200).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn json_to_object_to_json_is_the_identity((text, _) in json()) {
        let pickle = encoded(&text).unwrap();
        prop_assert_eq!(decoded(&pickle), Ok(text));
    }

    #[test]
    fn no_bytes_do_harm(pickle in prop_oneof![opcodes(), vec(any::<u8>(), 0..200)]) {
        for last in [&b""[..], b"."] {
            if let Ok(json) = decoded(&[&pickle[..], last].concat()) {
                prop_assert!(json.len() <= (64 << 10) + 20 * (pickle.len() + 1));
                // What is decoded can be sent on, and means the same.
                let again = encoded(&json).unwrap();
                prop_assert_eq!(decoded(&again), Ok(json));
            }
        }
    }

    /// However little is done at a time, a pickle comes to the same, or to the same error.
    #[test]
    fn steps_of_any_length_come_to_the_same(
        pickle in prop_oneof![
            1 => opcodes().prop_map(|parts| [&parts[..], b"."].concat()),
            1 => json().prop_map(|(text, _)| encoded(&text).unwrap()),
        ],
        works in vec(prop_oneof![1..4_usize, 1..2000_usize], 1..20),
    ) {
        let mut decoder = Decoder::default();
        let steps = works.iter().cycle().map(|work| decoder.step(&pickle, 0, &mut work.clone()));
        let text = steps.map(Result::transpose).find_map(|step| step).unwrap();
        prop_assert_eq!(text.map(|text| String::from_utf8(text).unwrap()), decoded(&pickle));
    }

    /// The same for a text.
    #[test]
    fn a_text_is_encoded_in_steps_of_any_length(
        text in prop_oneof![
            1 => json().prop_map(|(text, _)| text),
            1 => "[\\[\\]{}:,\"\\\\$a-z0-9eE.+ -]{0,60}",
        ],
        works in vec(prop_oneof![0..4_usize, 1..2000_usize], 1..20),
    ) {
        let (mut encoder, mut out) = (Encoder::default(), Vec::new());
        let steps = works.iter().cycle();
        let mut steps = steps.map(|work| encoder.step(text.as_bytes(), &mut out, &mut work.clone()));
        let outcome = steps.find(|step| step != &Ok(false)).unwrap();
        prop_assert_eq!(outcome.map(|_| out), encoded(&text));
    }

    #[test]
    fn no_text_does_harm(text in "[\\[\\]{}:,\"\\\\$a-z0-9eE.+ -]{0,60}") {
        if let Ok(pickle) = encoded(&text) {
            prop_assert!(decoded(&pickle).is_ok());
        }
    }
}

#[test]
fn a_text_that_its_class_refuses_is_not_sent() {
    let cases: [(&str, &[&str]); 6] = [
        ("date", &["", "2026-11-31", "2026-13-01", "0000-01-01", "2026-1-1", "2026-11-27 "]),
        (
            "time",
            &[
                "",
                "1:02:03",
                "24:00:00",
                "00:60:00",
                "00:00:60",
                "00:00",
                "00:00:00.",
                "00:00:00.1234567",
                "00:00:00+24:00",
                "00:00:00+1",
                "00:00:00Zx",
                "00:00:00*",
            ],
        ),
        ("datetime", &["2026-11-27", "2026-11-27 14:00:00", "2026-02-29T00:00:00", "T"]),
        (
            "timedelta",
            &[
                "",
                "-",
                "1.",
                ".5",
                "+1",
                "1e3",
                "86400000000000",
                "-86399999913600.1",
                "999999999999999",
            ],
        ),
        (
            "decimal",
            &[
                "",
                "-",
                ".",
                "1e5",
                "1E",
                "1E+",
                "1.2.3",
                "+1",
                " 1",
                "1_0",
                "inf",
                "NaNs",
                "1E+999999999999999999",
            ],
        ),
        (
            "uuid",
            &[
                "",
                "0011",
                "00112233445566778899aabbccddeeff",
                "0011223g-4455-6677-8899-aabbccddeeff",
                "00112233-4455-6677-8899-aabbccddeeff-",
            ],
        ),
    ];
    for (tag, texts) in cases {
        for text in texts {
            let error = encoded(&format!("{{\"${tag}\":\"{text}\"}}")).unwrap_err();
            assert!(error.to_lowercase().starts_with(&format!("no {tag} at byte")), "{error}");
        }
    }
}

#[test]
fn what_is_no_list_of_floats_or_no_key_is_not_sent() {
    for wrong in ["1", "[1]", "[1,2,3]", "[1,\"2\"]", "[1,{\"$int\":\"1\"}]", "[1e999,0]"] {
        assert!(encoded(&format!("{{\"$complex\":{wrong}}}")).is_err(), "{wrong}");
    }
    for wrong in [
        r#"{"$timezone":"UTC"}"#,
        r#"{"$date":"2026-11-27","a":1}"#,
        r#"{"$ordereddict":{"a":1}}"#,
        r#"{"$ordereddict":[[[],1]]}"#,
        r#"{"$set":[{"$ordereddict":[]}]}"#,
        r#"{"$set":[{"$decimal":"sNaN"}]}"#,
    ] {
        assert!(encoded(wrong).is_err(), "{wrong}");
    }
    assert!(encoded(&format!("{{\"$decimal\":\"{}\"}}", "1".repeat(4301))).is_err());
}

/// Zeros in front are no digits, and zero may be as long as any number.
#[test]
fn long_integers_have_the_digits_that_they_need() {
    for count in [4286, 4287, 4300] {
        for sign in ["", "-"] {
            let json = format!("{{\"$int\":\"{sign}{}\"}}", "9".repeat(count));
            assert_eq!(decoded(&encoded(&json).unwrap()), Ok(json), "{count} digits");
        }
    }
    // LONG1 (PEP 307).
    let long = |bytes: &[u8]| decoded(&[b"\x8a", &[bytes.len() as u8], bytes, b"."].concat());
    assert_eq!(long(&[0; 20]).as_deref(), Ok("0"));
    assert_eq!(long(&[0xff; 20]).as_deref(), Ok("-1"));
}

/// What is not as Python writes it, and means the same.
#[test]
fn other_spellings_are_taken() {
    for (other, own) in [
        (r#"{"$complex":[1,-2]}"#, r#"{"$complex":[1.0,-2.0]}"#),
        (r#"{"$time":"01:02:03.5Z"}"#, r#"{"$time":"01:02:03.500000+00:00"}"#),
        (r#"{"$timedelta":"-1.50"}"#, r#"{"$timedelta":"-1.500000"}"#),
        (
            r#"{"$uuid":"00112233-4455-6677-8899-AABBCCDDEEFF"}"#,
            r#"{"$uuid":"00112233-4455-6677-8899-aabbccddeeff"}"#,
        ),
    ] {
        assert_eq!(encoded(other), encoded(own), "{other}");
    }
}
