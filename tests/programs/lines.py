"""A server with callbacks for clients, lines (or blocks of a size) and ends, as XAsyncSockets has.

lines.py line          echoes each line; QUIT ends the connection
lines.py fixed:8       the same with blocks of 8 bytes
A line or block must be whole within 1 s.
"""
import sys

from loop import Loop

loop = Loop("tcp-serve", "127.0.0.1:0", "--frame", sys.argv[1], "--read-timeout", "1s")


def on_client_accepted(event):
    print("client", event["conn"], event["peer"], flush=True)


def on_line(event):
    print("line", event["conn"], event["text"], flush=True)
    if event["text"].startswith("QUIT"):
        loop.tell(close=event["conn"])
    else:
        loop.tell(send=event["text"], to=event["conn"])


def on_closed(event):
    print("closed", event["conn"], event["reason"], flush=True)


sys.exit(loop.run(
    listening=lambda event: print("listening", event["local"], flush=True),
    accepted=on_client_accepted, data=on_line, closed=on_closed,
    eof=lambda event: loop.tell(close=event["conn"]),
))
