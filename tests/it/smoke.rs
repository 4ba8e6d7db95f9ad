//! The main job in its simplest forms.

use crate::support::net::{accept, listener};
use crate::support::wirecat;

#[test]
fn a_line_goes_from_one_wirecat_to_another() {
    let mut server = wirecat(["tcp-serve", "-1", "127.0.0.1:0"]).start();
    wirecat(["tcp-connect", &server.address()]).input("hello\n").run().code(0);
    assert_eq!(server.wait().code(0).text(), "hello\n");
}

/// SPEC 1.3: exit 0 means that nothing was lost. The peer is gone for good, but all that shows
/// is its FIN; the kernel takes our bytes, and only the RST that answers them tells.
#[test]
fn bytes_for_a_peer_that_is_gone_are_a_loss_even_if_the_kernel_took_them() {
    let (listener, address) = listener();
    for _ in 0..50 {
        let mut client = wirecat(["tcp-connect", "-v", &address]).piped().start();
        drop(accept(&listener));
        client.wait_for("eof");
        client.say("too late\n");
        client.wait().code(6);
    }
}
