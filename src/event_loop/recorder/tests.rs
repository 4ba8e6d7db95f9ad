use std::io::{Read, Write};

use super::*;
use crate::event_loop::EventLoop;

/// Writes down what it sees, where the test can read it.
struct Notes(Arc<Mutex<Vec<String>>>);

impl Recorder for Notes {
    fn record(&mut self, flow: &RecordedFlow, observation: Observation<'_>) {
        let words = match observation {
            Observation::Opened => format!("{:?} {}", flow.role, flow.proto),
            Observation::Bytes(way, bytes) => format!("{way:?} {}", bytes.escape_ascii()),
            Observation::Datagram(way, _, bytes) => format!("{way:?} {}", bytes.escape_ascii()),
            Observation::Ended(way) => format!("end {way:?}"),
            Observation::Closed { reason, .. } => reason.to_string(),
        };
        self.0.lock().unwrap().push(format!("{} {words}", flow.number));
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

struct Echo;

impl Handler for Echo {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Data { id, bytes } => {
                assert_ne!(pool.send(id, bytes), crate::event_loop::SendOutcome::Gone)
            }
            Event::Eof { id } => pool.finish(id),
            Event::Closed { .. } => pool.stop(),
            _ => {}
        }
    }
}

#[test]
fn both_sides_of_a_connection_are_seen_in_their_order() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let mut event_loop = EventLoop::new().unwrap();
    let pool = event_loop.pool();
    pool.set_recorder(SharedRecorder::new(Notes(notes.clone())));
    let listeners = pool.listen("127.0.0.1:0").unwrap();
    let address = pool.local(listeners[0]).unwrap().to_string();
    let client = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    event_loop.run(&mut Echo).unwrap();
    client.join().unwrap();
    let seen =
        ["1 Accepted tcp", "1 In ping", "1 Out ping", "1 end In", "1 end Out", "1 peer closed"];
    assert_eq!(*notes.lock().unwrap(), seen);
}

#[test]
fn a_connection_that_never_was_is_no_line() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let nobody = crate::sockets::refusing::RefusingPort::new();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.pool().set_recorder(SharedRecorder::new(Notes(notes.clone())));
    event_loop.pool().connect(&nobody.address().to_string()).unwrap();
    struct Until;
    impl Handler for Until {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            if matches!(event, Event::Started | Event::Stopping | Event::Stopped) {
                return;
            }
            assert!(matches!(event, Event::ConnectFailed { .. }));
            pool.stop();
        }
    }
    event_loop.run(&mut Until).unwrap();
    assert!(notes.lock().unwrap().is_empty());
}
