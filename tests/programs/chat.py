"""The echo and the chat server of tinyproto's example, on lines: `chat.py echo`, `chat.py chat`.

QUIT ends a client, SRVQUIT the server.
"""
import sys

from loop import Loop

loop = Loop("tcp-serve", "127.0.0.1:0", "--frame", "line")
members = set()


def tell_others(sender, text):
    for member in members - {sender}:
        loop.tell(send=f"[{sender}] {text}", to=member)


def on_accepted(event):
    members.add(event["conn"])
    if sys.argv[1] == "chat":
        tell_others(event["conn"], "**joined the chat")


def on_line(event):
    sender, text = event["conn"], event["text"]
    if text == "SRVQUIT":
        loop.tell(quit=True)
    elif text == "QUIT":
        loop.tell(close=sender)
    elif sys.argv[1] == "echo":
        loop.tell(send=f"Echo back: {text}", to=sender)
    else:
        tell_others(sender, text)


def on_closed(event):
    members.discard(event["conn"])
    if sys.argv[1] == "chat":
        tell_others(event["conn"], "**left the chat")


sys.exit(loop.run(
    listening=lambda event: print("listening", event["local"], flush=True),
    accepted=on_accepted, data=on_line, closed=on_closed,
    eof=lambda event: loop.tell(close=event["conn"]),
))
