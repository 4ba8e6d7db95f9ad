"""Objects over TCP, as obj-over-tcp has them, but as JSON, one a line: each is sent back."""
import json
import sys

from loop import Loop

loop = Loop("tcp-serve", "127.0.0.1:0", "--frame", "line")


def on_object(event):
    try:
        thing = json.loads(event["text"])
    except ValueError as error:
        print("not an object:", error, flush=True)
        return loop.tell(close=event["conn"])
    print("object", thing, flush=True)
    loop.tell(send=json.dumps({"echo": thing}), to=event["conn"])


sys.exit(loop.run(
    listening=lambda event: print("listening", event["local"], flush=True), data=on_object,
    eof=lambda event: loop.tell(close=event["conn"]),
))
