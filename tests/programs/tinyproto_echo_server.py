"""The echo server of tinyproto's README: QUIT ends a client, SRVQUIT the server."""
import sys

from loop import Loop

loop = Loop("tcp-serve", sys.argv[1], "--frame", "tinyproto")


def on_message(event):
    if event["text"] == "QUIT":
        loop.tell(close=event["conn"])
    elif event["text"] == "SRVQUIT":
        loop.tell(quit=True)
    else:
        loop.tell(send=f"Echo back: {event['text']}", to=event["conn"])


loop.run(
    listening=lambda event: print("Listening on", event["local"]),
    accepted=lambda event: print("Connection opened from:", event["peer"]),
    data=on_message,
    closed=lambda event: print("Connection closed from:", event["peer"]),
)
