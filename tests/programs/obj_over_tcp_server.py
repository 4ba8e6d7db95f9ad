"""The echo server of obj-over-tcp's README."""
import sys

from loop import Loop


def on_object(event):
    loop.tell(send=event["text"], to=event["conn"])
    print(f"Object {event['text']} was received and echoed")


loop = Loop("tcp-serve", sys.argv[1], "--frame", "obj")
loop.run(
    listening=lambda event: print("Serving on", event["local"]), data=on_object,
    accepted=lambda event: print("Client connected"),
    eof=lambda event: loop.tell(close=event["conn"]),
    closed=lambda event: print("Client disconnected"),
)
