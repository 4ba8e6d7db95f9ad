//! Clients whose handshakes are not done: what they cost a server, and how soon a good one is through
//! meanwhile.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Fallible;
use crate::contest::{self, Case, Column, Sample};
use crate::ends::wait_for_listener;
use crate::load::Held;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

const CLIENTS: usize = 2_000;
/// Good clients that come one after the other.
const GOOD: usize = 200;
/// A header of the PROXY protocol has 3 s, and the good ones are to come within that.
const WHILE: Duration = Duration::from_secs(2);
/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the server sends, and ends.
const ANSWER: &str = "hello";
/// The begin of a header.
const HALF_HEADER: &[u8] = b"PROXY TCP4 ";
const COLUMNS: [Column; 4] = [
    Column::less("MB peak", 1),
    Column::only("ms p50", 2),
    Column::less("ms p99", 2),
    Column::less("ms max", 2),
];

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let clients = plan.clients.min(CLIENTS);
    let proxied = case(plan, clients, "headers of proxies", |binary| Proxied { binary });
    let cases = [proxied].into_iter().chain(secure::case(plan, clients)?).collect();
    let intro = format!(
        "{clients} clients that have sent the begin of their handshake, and good ones that come one after \
         the other, while those come and are there: the peak of the server's memory, and the time from \
         connect(2) to the end of the answer. At most 40 MB and 100 ms are wanted of {CLIENTS}."
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases }])
}

fn case<S: Server>(plan: &Plan, clients: usize, what: &str, server: impl Fn(Binary) -> S) -> Case {
    let name = format!("{clients} {what} that are not done");
    let entrants = plan.entrants(server, vec![]);
    let good = plan.count(GOOD);
    contest::measure(plan, &name, &entrants, contest::no_proof, |server| run(server, clients, good))
}

/// A server, and the two kinds of clients that it has.
trait Server {
    fn start(&self, port: u16) -> Fallible<Process>;

    /// What those say whose handshakes are not done.
    fn half(&self) -> &'static [u8];

    /// Comes through on this connection, and reads all that there is.
    fn read_answer(&self, stream: TcpStream) -> Fallible<String>;
}

fn run<S: Server>(server: &S, clients: usize, good: usize) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let process = server.start(port.port)?;
    let (number, half) = (port.port, server.half());
    let crowd = thread::spawn(move || Held::saying(number, clients, half));
    let mut times = Histogram::<u32>::new_with_bounds(1, 60_000_000, 3)?;
    let begin = Instant::now();
    while (times.len() < good as u64 || !crowd.is_finished())
        && (begin.elapsed() < WHILE || times.is_empty())
    {
        let started = Instant::now();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let answer = server.read_answer(stream)?;
        if answer != ANSWER {
            return Err(format!("a good client was told {answer:?}").into());
        }
        times.saturating_record(u64::try_from(started.elapsed().as_micros())?);
    }
    let held = crowd.join().map_err(|_| "the crowd is gone")??;
    let peak = process.status("VmHWM")? as f64 * 1024.0 / 1e6;
    // The server ends first, so that none of its clients is gone before.
    process.stop()?;
    drop(held);
    let millis = |micros: u64| micros as f64 / 1e3;
    let [middle, late] = [0.5, 0.99].map(|share| millis(times.value_at_quantile(share)));
    Ok(vec![peak, middle, late, millis(times.max())].into())
}

fn start(binary: &Binary, port: u16, more: &[&str]) -> Fallible<Process> {
    let mut command = binary.command(&["-q", "tcp-serve", "--reply", ANSWER]);
    command.args(more).arg(format!("127.0.0.1:{port}"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port, &mut process)?;
    Ok(process)
}

/// A server behind a proxy.
struct Proxied {
    binary: Binary,
}

impl Server for Proxied {
    fn start(&self, port: u16) -> Fallible<Process> {
        start(&self.binary, port, &["--accept-proxy"])
    }

    fn half(&self) -> &'static [u8] {
        HALF_HEADER
    }

    fn read_answer(&self, mut stream: TcpStream) -> Fallible<String> {
        stream.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 7 80\r\n")?;
        Ok(std::io::read_to_string(stream)?)
    }
}

#[cfg(feature = "tls")]
mod secure {
    use std::io::Read;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::{ANSWER, Binary, Case, Fallible, Plan, Process, Server, TcpStream, start};
    use crate::tls::Files;

    /// The begin of a ClientHello that says it has 512 bytes.
    const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half of it";

    /// Nothing where there is no certificate.
    pub(super) fn case(plan: &Plan, clients: usize) -> Fallible<Option<Case>> {
        let Some((_place, files)) = crate::tls::prepare(plan)? else { return Ok(None) };
        let config = config(&files)?;
        let server = |binary| Secured { binary, files: files.clone(), config: config.clone() };
        Ok(Some(super::case(plan, clients, "TLS handshakes", server)))
    }

    /// A server that speaks TLS.
    struct Secured {
        binary: Binary,
        files: Files,
        config: Arc<ClientConfig>,
    }

    /// A client that trusts the certificate of the server.
    fn config(files: &Files) -> Fallible<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(files.certificate())?)?;
        let provider = wirecat::sockets::tls::provider();
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }

    impl Server for Secured {
        fn start(&self, port: u16) -> Fallible<Process> {
            let options = self.files.of_server();
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            start(&self.binary, port, &options)
        }

        fn half(&self) -> &'static [u8] {
            HALF_HELLO
        }

        fn read_answer(&self, stream: TcpStream) -> Fallible<String> {
            let name = ServerName::try_from("127.0.0.1")?;
            let connection = ClientConnection::new(Arc::clone(&self.config), name)?;
            let mut answer = Vec::with_capacity(ANSWER.len());
            StreamOwned::new(connection, stream).read_to_end(&mut answer)?;
            Ok(String::from_utf8(answer)?)
        }
    }
}

#[cfg(not(feature = "tls"))]
mod secure {
    use super::{Case, Fallible, Plan};

    pub(super) fn case(_: &Plan, _: usize) -> Fallible<Option<Case>> {
        Ok(None)
    }
}
