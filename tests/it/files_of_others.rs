//! Files that wirecat writes in a directory of everybody, where another user has placed something under
//! their names: it reads nothing there, and has nothing overwritten.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::support::net::connect;
use crate::support::{Program, skip, wirecat};

/// The other user.
const OTHER: Option<u32> = Some(65_533);

/// What the other user places.
const PLACED: [&str; 7] = [
    "link",
    "link behind one of this user",
    "dangling link",
    "link of a directory",
    "hard link",
    "file",
    "fifo",
];

struct Stage {
    directory: TempDir,
}

impl Stage {
    /// A directory of everybody with this mode, and beside it a file of this user.
    fn new(mode: u32) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let stage = Self { directory };
        fs::create_dir(stage.shared()).expect("a directory");
        fs::set_permissions(stage.shared(), Permissions::from_mode(mode)).expect("a mode");
        fs::create_dir(stage.path("private")).expect("a directory");
        fs::write(stage.victim(), "precious").expect("a file");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn shared(&self) -> PathBuf {
        self.path("shared")
    }

    fn victim(&self) -> PathBuf {
        self.path("private/victim")
    }

    /// Places it, and returns the path that the user of wirecat types.
    fn place(&self, what: &str) -> PathBuf {
        let name = self.shared().join(what.replace(' ', "-"));
        let _ = fs::remove_file(&name);
        match what {
            "link" | "link behind one of this user" => {
                symlink(self.victim(), &name).expect("a link");
            }
            "dangling link" => symlink(self.path("private/new"), &name).expect("a link"),
            "link of a directory" => symlink(self.path("private"), &name).expect("a link"),
            "hard link" => fs::hard_link(self.victim(), &name).expect("a link"),
            "file" => fs::write(&name, "").expect("a file"),
            _ => crate::support::pipes::fifo(&name),
        }
        if what != "hard link" {
            lchown(&name, OTHER, OTHER).expect("root may do so");
        }
        match what {
            "link of a directory" => name.join("victim"),
            "link behind one of this user" => {
                let own = self.path("own");
                let _ = fs::remove_file(&own);
                symlink(&name, &own).expect("a link");
                own
            }
            _ => name,
        }
    }

    #[track_caller]
    fn is_untouched(&self, case: &str) {
        assert_eq!(fs::read_to_string(self.victim()).expect("a file"), "precious", "{case}");
        assert_eq!(self.path("private").read_dir().expect("a directory").count(), 1, "{case}");
    }
}

/// Whether two users can be had.
fn are_two(test: &str) -> bool {
    if !geteuid().is_root() {
        skip(test, "files of another user take root");
    }
    geteuid().is_root()
}

fn run(words: &[&str]) -> Program {
    let words = [&["tcp-serve", "--tls-self-signed", "127.0.0.1:0"], words, &["--", "true"]];
    wirecat(words.concat())
}

/// A run that writes to this path what nobody else is to read.
fn writer(option: &str, path: &Path) -> Program {
    let path = path.to_str().expect("UTF-8");
    match option {
        "SSLKEYLOGFILE" => run(&[]).env(option, path),
        _ => run(&[option, path]),
    }
}

#[test]
fn secrets_go_to_nothing_that_another_user_placed() {
    if !are_two("secrets_go_to_nothing_that_another_user_placed") {
        return;
    }
    for mode in [0o1777, 0o777] {
        let stage = Stage::new(mode);
        for option in ["--record", "SSLKEYLOGFILE"] {
            for what in PLACED {
                let case = format!("{option}, {what}, {mode:o}");
                let path = stage.place(what);
                let ended = writer(option, &path).run();
                assert_eq!(ended.code, Some(7), "{case}: {}", ended.stderr);
                let path = path.to_str().expect("UTF-8");
                assert!(ended.stderr.contains(path), "{case}: {}", ended.stderr);
                stage.is_untouched(&case);
            }
            let own = stage.shared().join("own");
            writer(option, &own).run().code(0);
            writer(option, &own).run().code(0);
            assert_eq!(fs::metadata(&own).expect("a file").mode() & 0o777, 0o600, "{option}");
            fs::remove_file(own).expect("a file");
        }
    }
}

/// The ports are no secret, but nothing is overwritten for them.
#[test]
fn ports_go_through_nothing_that_another_user_placed() {
    if !are_two("ports_go_through_nothing_that_another_user_placed") {
        return;
    }
    let stage = Stage::new(0o1777);
    for what in PLACED {
        let path = stage.place(what);
        let ended = writer("--port-file", &path).run();
        stage.is_untouched(what);
        // A link or a file makes room for the file of ports, which root may replace.
        let is_replaced = !matches!(what, "fifo" | "link of a directory");
        assert_eq!(ended.code, Some(if is_replaced { 0 } else { 7 }), "{what}: {}", ended.stderr);
        if is_replaced {
            let found = fs::symlink_metadata(&path).expect("a file");
            assert!(found.is_file() && found.uid() == 0 && found.nlink() == 1, "{what}: {found:?}");
        } else if what == "fifo" {
            assert!(fs::symlink_metadata(&path).expect("a FIFO").file_type().is_fifo());
        }
    }
}

#[test]
fn clients_are_saved_to_no_link_of_another_user() {
    if !are_two("clients_are_saved_to_no_link_of_another_user") {
        return;
    }
    let stage = Stage::new(0o1777);
    let link = stage.shared().join("saved");
    symlink(stage.path("private"), &link).expect("a link");
    lchown(&link, OTHER, OTHER).expect("root may do so");
    for path in [link.clone(), link.join("below")] {
        let path = path.to_str().expect("UTF-8");
        run(&["--save", path]).run().code(7).says("symbolic link of another user");
        stage.is_untouched(path);
    }
    // A directory of theirs gets files that they cannot read.
    let theirs = stage.shared().join("theirs");
    fs::create_dir(&theirs).expect("a directory");
    chown(&theirs, OTHER, OTHER).expect("root may do so");
    let words = ["tcp-serve", "-1", "--save", theirs.to_str().expect("UTF-8"), "127.0.0.1:0"];
    let mut server = wirecat(words).start();
    drop(connect(&server.address()));
    server.wait().code(0);
    let saved = theirs.read_dir().expect("a directory").next().expect("a file").expect("a file");
    let found = saved.metadata().expect("a file");
    assert_eq!((found.mode() & 0o777, found.uid()), (0o600, 0));
}
