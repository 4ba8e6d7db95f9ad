//! The options of TLS: who is trusted, and who this side is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use rustls::KeyLog;

use super::rules::refuse;
use crate::error::Failure;
use crate::kind::Kind;
use crate::multicast::interfaces;
use crate::sessions::config::{Common, Net, RouteOptions};
use crate::sockets::tls::{
    ClientTls, ClientTlsOptions, IdentityFiles, KeyLogFile, Pins, ServerIdentity, ServerTls,
    ServerTlsOptions,
};
use crate::sockets::{Address, Host};

/// That a client speaks TLS
#[derive(Args, Clone, Debug)]
pub struct TlsArgs {
    /// Speak TLS, with a server whose certificate is for NAME [default: the HOST of ADDR]
    // As NAME is optional, only the `=` keeps it apart from the next word. An empty one is that of a
    // variable that is not set, and not the HOST.
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        value_parser = NonEmptyStringValueParser::new(),
        help_heading = "TLS"
    )]
    pub tls: Option<Option<String>>,
}

impl TlsArgs {
    /// The name to verify where TLS is asked for: empty for the HOST of ADDR.
    pub(super) fn name(&self) -> Option<&str> {
        self.tls.as_ref().map(|name| name.as_deref().unwrap_or_default())
    }
}

/// Whom a client trusts
#[derive(Args, Clone, Debug)]
pub struct TrustArgs {
    /// Trust the certificates in FILE (PEM), and no others [default: those of this machine]
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub tls_ca: Option<PathBuf>,
    /// Take the server whose key has this hash: sha256//BASE64, as curl has it, or hexadecimal digits.
    /// Without --tls-ca nothing else of its certificate is looked at; repeatable
    #[arg(long, value_name = "PIN", help_heading = "TLS")]
    pub tls_pin: Vec<Pins>,
    /// Take any certificate: whoever is between the two sides can read and change what they say
    #[arg(
        long,
        conflicts_with_all = ["tls_pin", "tls_ca"],
        help_heading = "TLS"
    )]
    pub tls_insecure: bool,
    /// Take no certificate that expires within N days
    #[arg(long, value_name = "N", help_heading = "TLS")]
    pub tls_min_days: Option<u32>,
}

/// Who this side is, whichever it is
#[derive(Args, Clone, Debug)]
pub struct IdentityArgs {
    /// The certificate of this side (PEM), followed by those of its issuers
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM) [default: the one in the file of --tls-cert]
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub tls_key: Option<PathBuf>,
    /// The protocols to offer or to take (ALPN), the best first: h2,http/1.1
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "TLS")]
    pub alpn: Vec<String>,
}

/// Who a server is, and whom it trusts
#[derive(Args, Clone, Debug)]
pub struct ServerTlsArgs {
    /// Speak TLS with a certificate that is made for this run; its pin is shown
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"], help_heading = "TLS")]
    pub tls_self_signed: bool,
    /// Take only clients whose certificates are issued by one in FILE (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub tls_client_ca: Option<PathBuf>,
}

/// TLS of a command that is a client or a server
#[derive(Args, Clone, Debug)]
pub struct EitherTlsArgs {
    /// Whether a client speaks it.
    #[command(flatten)]
    pub client: TlsArgs,
    /// Whom a client trusts.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Who this side is.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Who it is as a server.
    #[command(flatten)]
    pub server: ServerTlsArgs,
}

/// Protocols have names of 1 to 255 bytes (RFC 7301, section 3.1).
fn check_alpn(names: &[String]) -> Result<(), Failure> {
    match names.iter().find(|name| !(1..=255).contains(&name.len())) {
        Some(name) => {
            let cause = format!("a protocol has a name of 1 to 255 bytes, and not {name:?}");
            Err(refuse("--alpn", cause))
        }
        None => Ok(()),
    }
}

/// Where the secrets of sessions go, where the environment names a file.
fn key_log() -> Result<Option<Arc<dyn KeyLog>>, Failure> {
    Ok(KeyLogFile::of_environment()?.map(|file| file as Arc<dyn KeyLog>))
}

impl IdentityArgs {
    fn files(&self) -> Option<IdentityFiles> {
        let certificate = self.tls_cert.clone()?;
        Some(IdentityFiles { certificate, key: self.tls_key.clone() })
    }
}

impl TrustArgs {
    /// Whether the name in a server's certificate is looked at.
    pub(super) fn checks_name(&self) -> bool {
        self.tls_pin.is_empty() && !self.tls_insecure
    }

    /// Has the connections of a route go through TLS, and notes the warnings about that.
    #[cold]
    pub(super) fn apply(
        &self,
        name: &str,
        identity: &IdentityArgs,
        addresses: &[Address],
        (routes, common): (&mut RouteOptions, &mut Common),
    ) -> Result<(), Failure> {
        let mut pins = Pins::default();
        self.tls_pin.iter().for_each(|more| pins.extend(more));
        let have_names = addresses.iter().all(|address| matches!(address, Address::Inet { .. }));
        let is_named = have_names || !name.is_empty();
        if self.checks_name() && !is_named {
            return Err(refuse("--tls", "this kind of address has no host name: write --tls=NAME"));
        }
        check_alpn(&identity.alpn)?;
        let tls = ClientTls::new(&ClientTlsOptions {
            name: (!name.is_empty()).then(|| name.to_owned()),
            authorities: self.tls_ca.clone(),
            insecure: self.tls_insecure,
            pins,
            min_days: self.tls_min_days,
            identity: identity.files(),
            alpn: identity.alpn.clone(),
            key_log: key_log()?,
        })?;
        common.warnings.extend_from_slice(tls.warnings());
        if self.tls_insecure {
            let text = "--tls-insecure: whoever is in between can read and change what is sent";
            common.warnings.push((Kind::TlsInsecure, text.to_owned()));
        }
        routes.tls = Some(tls);
        Ok(())
    }
}

impl ServerTlsArgs {
    /// Has the clients of listeners go through TLS where that is asked for, and notes the warnings
    /// about that.
    #[cold]
    pub(super) fn apply<'a>(
        &self,
        identity: &IdentityArgs,
        addresses: impl IntoIterator<Item = &'a Address>,
        (net, common): (&mut Net, &mut Common),
    ) -> Result<(), Failure> {
        let identity_files = match (identity.files(), self.tls_self_signed) {
            (Some(files), _) => ServerIdentity::Files(files),
            (None, true) => ServerIdentity::SelfSigned(listened(addresses)?),
            (None, false) => return Ok(()),
        };
        check_alpn(&identity.alpn)?;
        let tls = ServerTls::new(&ServerTlsOptions {
            identity: identity_files,
            client_authorities: self.tls_client_ca.clone(),
            alpn: identity.alpn.clone(),
            key_log: key_log()?,
        })?;
        common.warnings.extend_from_slice(tls.warnings());
        net.tls = Some(tls);
        Ok(())
    }
}

/// The addresses that a certificate is made for beside the names of this machine: the loopback ones and
/// those that are listened on, which on a wildcard are those of all interfaces.
fn listened<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> Result<Vec<IpAddr>, Failure> {
    let mut all = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    for address in addresses {
        let Address::Inet { host, .. } = address else { continue };
        let is_wildcard = match host {
            Host::Any => true,
            Host::Ip(ip, _) => ip.is_unspecified(),
            Host::Loopback | Host::Name(_) => false,
        };
        match host {
            _ if is_wildcard => {
                let interfaces = interfaces::list()?;
                all.extend(interfaces.into_iter().flat_map(|interface| interface.addresses));
            }
            Host::Ip(ip, _) => all.push(*ip),
            _ => {}
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}
