//! The main job in its simplest form.

use crate::support::wirecat;

#[test]
fn a_line_goes_from_one_wirecat_to_another() {
    let mut server = wirecat(["tcp-serve", "-1", "127.0.0.1:0"]).start();
    wirecat(["tcp-connect", &server.address()]).input("hello\n").run().code(0);
    assert_eq!(server.wait().code(0).text(), "hello\n");
}
