//! Which texts are taken for an instance of a class, and which are refused.

use super::encode;

fn encoded(json: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    encode(json.as_bytes(), &mut out).map(|()| out)
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
