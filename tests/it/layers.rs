//! The floors of the map in `src/lib.rs`: imports go down only. Comments, strings and `#[cfg(test)]` items do
//! not count; `lib.rs` is the map, which names everything.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The floors from the ground up. Modules of one floor are strangers to each other, unless the
/// floor says that they are mates.
const FLOORS: [(u8, &[&str], bool); 8] = [
    (0, &["sys"], false),
    (1, &PURE, true),
    (2, &["report"], false),
    (3, &["sockets", "multicast"], true),
    (4, &["event_loop"], false),
    (5, &["sessions"], false),
    (6, &["threads"], false),
    (7, &["commands", "main"], true),
];

/// The floor without descriptor, clock and poll.
const PURE: [&str; 10] = [
    "buffers",
    "close",
    "error",
    "fields",
    "framing",
    "kind",
    "protocol",
    "recording",
    "values",
    "vocabulary",
];

/// Crates and words that belong to some modules only.
const RESERVED: [(&str, &[&str]); 5] = [
    ("clap", &["commands", "main"]),
    ("anyhow", &["commands", "main"]),
    ("mio", &["event_loop", "sockets"]),
    ("unsafe", &["sys"]),
    ("libc", &["sys"]),
];

/// A source file has fewer lines than this.
const TOO_LONG: usize = 400;

/// Whatever a file names stands on a lower floor, or in its own module.
#[test]
fn imports_go_down_only() {
    assert_none(each_source("src", |path, text| {
        imports(path, text).iter().filter_map(|import| import.offence(path)).collect()
    }));
}

/// clap stays at the edge, mio in the loop, `unsafe` and libc on the ground floor.
#[test]
fn some_words_belong_to_some_floors_only() {
    assert_none(each_source("src", misplaced));
}

/// A file is read in one go, also one of the tests.
#[test]
fn no_source_file_is_too_long() {
    let check = |path: &Path, text: &str| {
        let count = text.lines().count();
        let complaint = format!("{} has {count} lines, {TOO_LONG} are too many", path.display());
        if count >= TOO_LONG { vec![complaint] } else { Vec::new() }
    };
    assert_none(each_source("src", check));
    assert_none(each_source("tests", check));
}

/// A name that several files can use means one type. What only a test uses does not count, nor does the
/// place of a type on other systems.
#[test]
fn no_two_visible_types_have_one_name() {
    let mut found = each_source("src", |path, text| {
        let is_other = path.ends_with("portable.rs") || path.to_string_lossy().contains("tests");
        let names = if is_other { Vec::new() } else { visible_types(text) };
        names.into_iter().map(|name| format!("{name} {}", path.display())).collect()
    });
    // One file may have it once for each system.
    found.dedup();
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    let twice = found.windows(2).filter(|two| name(&two[0]) == name(&two[1]));
    assert_none(twice.map(|two| two.join(" and ")).collect());
}

#[test]
fn a_visible_type_is_found_by_its_name() {
    let snippet =
        "pub struct A; pub(crate) enum B {} pub(in crate::x) trait C {} #[derive(D)] struct E;
        pub type F = A; impl I for A { type O = A; } #[cfg(test)] pub struct T; pub fn g() {}";
    assert_eq!(visible_types(snippet), ["A", "B", "C", "F"]);
}

/// A module that stands on no floor would be checked by nothing.
#[test]
fn every_module_of_the_map_stands_on_a_floor() {
    let map = fs::read_to_string(package().join("src/lib.rs")).expect("src/lib.rs");
    let tokens = tokens(&map);
    let declared: Vec<&str> = tokens
        .windows(3)
        .filter(|three| three[0].0 == "mod" && three[2].0 == ";")
        .map(|three| three[1].0.as_str())
        .collect();
    assert!(declared.len() >= 10, "these are few: {declared:?}");
    let homeless: Vec<&&str> = declared.iter().filter(|name| floor(name).is_none()).collect();
    assert!(homeless.is_empty(), "give these modules a floor: {homeless:?}");
}

#[test]
fn an_offence_is_found_wherever_it_hides() {
    let snippet = "\
        //! crate::commands is only spoken of\n\
        use crate::error::Failure;\n\
        use crate::{close, sessions::InputReader};\n\
        /* crate::cli */ const WORDS: &str = \"crate::cli\";\n\
        fn f() { let s = 'x'; super::super::event_loop::Pool::new(s) }\n\
        use super::mailbox;\n\
        #[cfg(test)]\n\
        mod tests { use crate::commands; }\n\
        #[cfg(test)] use crate::cli::{Cli};\n\
        fn g() { unsafe { crate::main() } }\n";
    let path = Path::new("src/sockets/listen.rs");
    let offences: Vec<String> =
        imports(path, snippet).iter().filter_map(|import| import.offence(path)).collect();
    let lines: Vec<&str> = offences.iter().map(|text| &text[..text.find(": ").unwrap()]).collect();
    let at = |line: u32| format!("src/sockets/listen.rs:{line}");
    assert_eq!(lines, [at(3), at(5), at(10)], "{offences:#?}");
    assert_eq!(misplaced(path, snippet), [format!("{}: `unsafe` belongs to sys", at(10))]);
    let mates = imports(Path::new("src/close.rs"), "use crate::error; use super::report;");
    assert!(mates[0].offence(Path::new("src/close.rs")).is_none());
    assert!(mates[1].offence(Path::new("src/close.rs")).is_some());
}

/// A top module that a file names.
struct Import {
    module: String,
    line: usize,
}

impl Import {
    /// What is wrong with it, if something is.
    fn offence(&self, path: &Path) -> Option<String> {
        let own = top_module(path);
        let (from, mates) = floor(&own)?;
        let allowed = match floor(&self.module) {
            _ if self.module == own => true,
            Some((to, _)) => to < from || (mates && to == from),
            None => false,
        };
        let (path, line, module) = (path.display(), self.line, &self.module);
        (!allowed).then(|| format!("{path}:{line}: {own} (floor {from}) names {module}"))
    }
}

fn floor(module: &str) -> Option<(u8, bool)> {
    let (number, _, mates) = FLOORS.iter().find(|(_, modules, _)| modules.contains(&module))?;
    Some((*number, *mates))
}

/// The reserved words that a file may not use, and uses.
fn misplaced(path: &Path, text: &str) -> Vec<String> {
    let own = top_module(path);
    let tokens = tokens(text);
    let offences = tokens.iter().filter_map(|(word, line)| {
        let (_, homes) = RESERVED.iter().find(|(reserved, _)| reserved == word)?;
        let (path, homes_text) = (path.display(), homes.join(", "));
        let complaint = format!("{path}:{line}: `{word}` belongs to {homes_text}");
        (!homes.contains(&own.as_str())).then_some(complaint)
    });
    offences.collect()
}

/// The types of a file that other files may use.
fn visible_types(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let word = |at: usize| tokens.get(at).map_or("", |(word, _)| word.as_str());
    let types = (0..tokens.len()).filter(|at| word(*at) == "pub").filter_map(|at| {
        // `pub(in …)` has its own end.
        let end = (at..tokens.len()).find(|end| word(*end) == ")");
        let scope = if word(at + 1) == "(" { end? } else { at };
        let is_type = ["struct", "enum", "trait", "union", "type"].contains(&word(scope + 1));
        // A macro names its types where it is used.
        let name = Some(word(scope + 2)).filter(|name| is_type && *name != "$")?;
        Some(name.to_owned())
    });
    types.collect()
}

/// Every path from the root of the crate in a file: `crate::a`, `crate::{a, b::c}`, and `super`
/// as often as it takes to get there.
fn imports(path: &Path, text: &str) -> Vec<Import> {
    let tokens = tokens(text);
    let word = |at: usize| tokens.get(at).map_or("", |(word, _)| word.as_str());
    let is_path = |at: usize| word(at) == ":" && word(at + 1) == ":";
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut supers = 0;
        while word(at) == "super" && is_path(at + 1) {
            supers += 1;
            at += 3;
        }
        let named = word(at) == "crate" || (word(at) == "wirecat" && top_module(path) == "main");
        if named && is_path(at + 1) {
            at += 3;
        } else if supers == 0 || supers < depth(path) {
            at += 1;
            continue;
        }
        if word(at) == "{" {
            found.extend(heads(&tokens[at..]));
        } else if let Some((module, line)) = tokens.get(at) {
            found.push(Import { module: module.clone(), line: *line });
        }
    }
    found
}

/// The first words of the elements of a group such as `{a, b::{c, d}, e}`.
fn heads(tokens: &[(String, usize)]) -> Vec<Import> {
    let (mut found, mut nesting, mut fresh) = (Vec::new(), 0, false);
    for (word, line) in tokens {
        match word.as_str() {
            "{" => nesting += 1,
            "}" => nesting -= 1,
            _ if fresh => found.push(Import { module: word.clone(), line: *line }),
            _ => {}
        }
        if nesting == 0 {
            break;
        }
        fresh = nesting == 1 && (word == "{" || word == ",");
    }
    found
}

/// `sockets` of `src/sockets/listen.rs`, `close` of `src/close.rs`.
fn top_module(path: &Path) -> String {
    let name = path.components().nth(1).expect("a file below src").as_os_str();
    Path::new(name).file_stem().expect("a name").to_string_lossy().into_owned()
}

/// How many `super` lead from a file to the root of the crate.
fn depth(path: &Path) -> usize {
    path.components().count() - if path.ends_with("mod.rs") { 2 } else { 1 }
}

/// Words and signs with their lines, without comments and `#[cfg(test)]` items. Literals are
/// left as they are, and are no words.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let stream: TokenStream = text.parse().expect("Rust source");
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, out: &mut Vec<(String, usize)>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        let marks_a_test = tree.to_string() == "#"
            && trees.peek().is_some_and(|next| next.to_string().replace(' ', "") == "[cfg(test)]");
        match tree {
            _ if marks_a_test => while trees.next().is_some_and(|tree| !ends_an_item(&tree)) {},
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    _ => ("(", ")"),
                };
                out.push((open.to_owned(), line));
                flatten(group.stream(), out);
                out.push((close.to_owned(), line));
            }
            tree => out.push((tree.to_string(), line)),
        }
    }
}

fn ends_an_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        tree => tree.to_string() == ";",
    }
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Collects what `check` finds in the sources below a directory; the map itself is not checked.
fn each_source(top: &str, check: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let (mut offences, mut directories, mut count) = (Vec::new(), vec![package().join(top)], 0);
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir().expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("lib.rs") {
                count += 1;
                let text = fs::read_to_string(&path).expect("a source file");
                let relative = path.strip_prefix(package()).expect("a source");
                offences.extend(check(relative, &text));
            }
        }
    }
    assert!(count > 50, "only {count} sources were found");
    offences.sort();
    offences
}

#[track_caller]
fn assert_none(offences: Vec<String>) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}
