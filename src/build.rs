//! Deflates the completions and the man pages, which `commands::assets` embeds: 323 kB as text, 56 kB
//! so. The texts stay readable in the tree, and what is embedded cannot differ from them.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The best that there is; it takes a tenth of a second.
const LEVEL: u8 = 10;

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    for directory in ["completions", "man"] {
        println!("cargo::rerun-if-changed={directory}");
        for entry in Path::new(directory).read_dir()? {
            let path = entry?.path();
            println!("cargo::rerun-if-changed={}", path.display());
            let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            let deflated = miniz_oxide::deflate::compress_to_vec(&fs::read(&path)?, LEVEL);
            fs::write(out.join(name), deflated)?;
        }
    }
    Ok(())
}
