//! Prepares what the binary needs, and nothing for the library alone.

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=src/build.rs");
    #[cfg(feature = "cli")]
    cli::prepare()?;
    Ok(())
}

/// Deflates the completions and the man pages, which `commands::assets` embeds: 482 kB as text, 82 kB
/// so. The texts stay readable in the tree, and what is embedded cannot differ from them.
///
/// It also has the linker pack relative relocations (DT_RELR), 200 kB of some 8,500 entries, and leave out
/// the frames to unwind, 250 kB with their index.
#[cfg(feature = "cli")]
mod cli {
    use std::ffi::{OsStr, OsString};
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::{env, fs, io};

    /// The best that there is; it takes a tenth of a second.
    const LEVEL: u8 = 10;

    /// What the linker is to leave out.
    const WITHOUT_FRAMES: &str = "SECTIONS { /DISCARD/ : \
        { *(.eh_frame .eh_frame.* .gcc_except_table .gcc_except_table.*) } } INSERT AFTER .text;\n";

    pub(super) fn prepare() -> io::Result<()> {
        pack_relocations();
        let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
        leave_out_the_frames(&out)?;
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

    /// A release aborts on a panic and has no symbols, so nobody reads the frames (.eh_frame), nor their
    /// index. `PROFILE` is the one sign of it: `CARGO_CFG_PANIC` does not know the profile. The script
    /// is added to that of the linker (INSERT), which GNU ld and lld understand, and mold does not.
    fn leave_out_the_frames(out: &Path) -> io::Result<()> {
        let is_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
        let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
        if !is_linux || !is_release {
            return Ok(());
        }
        let script = out.join("without-frames.ld");
        fs::write(&script, WITHOUT_FRAMES)?;
        let arguments =
            ["-Wl,--no-eh-frame-hdr".to_owned(), format!("-Wl,-T,{}", script.display())];
        if links(out, &arguments) {
            for argument in arguments {
                println!("cargo::rustc-link-arg-bins={argument}");
            }
        }
        Ok(())
    }

    /// Whether a program that does nothing can be linked with these arguments.
    fn links(out: &Path, arguments: &[String]) -> bool {
        let (Some(rustc), Some(target)) = (env::var_os("RUSTC"), env::var_os("TARGET")) else {
            return false;
        };
        let source = out.join("empty.rs");
        let mut command = Command::new(rustc);
        command.args(["--edition=2024", "-Cpanic=abort", "--target"]).arg(target);
        command.arg("-o").arg(out.join("empty")).arg(&source);
        if let Some(linker) = env::var_os("RUSTC_LINKER") {
            command.arg(joined("-Clinker=", &linker));
        }
        // Flags of the user may choose the linker too; the separator is U+001F.
        let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
        command.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
        command.args(arguments.iter().map(|argument| format!("-Clink-arg={argument}")));
        fs::write(source, "fn main() {}").is_ok()
            && command.output().is_ok_and(|output| output.status.success())
    }

    fn joined(option: &str, value: &OsStr) -> OsString {
        let mut argument = OsString::from(option);
        argument.push(value);
        argument
    }
}
