//! Prepares what the binary needs, and nothing for the library alone.

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=src/build.rs");
    #[cfg(feature = "cli")]
    cli::prepare()?;
    Ok(())
}

/// Deflates the completions and the man pages, which `commands::assets` embeds: 323 kB as text, 56 kB
/// so. The texts stay readable in the tree, and what is embedded cannot differ from them.
///
/// It also has the linker pack relative relocations (DT_RELR), 200 kB of some 8,500 entries, and leave out
/// the index of the frames to unwind, 32 kB.
#[cfg(feature = "cli")]
mod cli {
    use std::path::{Path, PathBuf};
    use std::{env, fs, io};

    /// The best that there is; it takes a tenth of a second.
    const LEVEL: u8 = 10;

    pub(super) fn prepare() -> io::Result<()> {
        pack_relocations();
        leave_out_the_frame_index();
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

    /// The dynamic linker of glibc knows them since 2.36, and a linker that does not know the option
    /// warns and goes on. A profile without optimisation is not for others, and needs no small binary.
    fn pack_relocations() {
        let of_target = |name| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
        let is_optimised = env::var("OPT_LEVEL").is_ok_and(|level| level != "0");
        if of_target("OS") == "linux" && of_target("ENV") == "gnu" && is_optimised {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }

    /// A release aborts on a panic, and only what unwinds looks for a frame in this table. `PROFILE` is
    /// the one sign of it: `CARGO_CFG_PANIC` does not know the profile.
    fn leave_out_the_frame_index() {
        let is_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
        if is_linux && env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        }
    }
}
