"""The seven callbacks of jfSocket's server: started, stopped, connected, disconnected, received,
sent and not sent. What comes is sent back; `send ID` sends to a client that may be gone."""
import sys

from loop import Loop

loop = Loop("tcp-serve", "127.0.0.1:0", "--frame", "line")


def say(*words):
    print(*words, flush=True)


def on_received(event):
    say("received", event["conn"], event["text"])
    if event["text"].startswith("send "):
        loop.tell(send="hello", to=int(event["text"][5:]))
    elif event["text"] == "stop":
        loop.tell(quit=True)
    else:
        loop.tell(send=event["text"], to=event["conn"])


sys.exit(loop.run(
    listening=lambda event: say("started", event["local"]),
    stopped=lambda event: say("stopped"),
    accepted=lambda event: say("connected", event["conn"]),
    closed=lambda event: say("disconnected", event["conn"]),
    data=on_received,
    eof=lambda event: loop.tell(close=event["conn"]),
    sent=lambda event: say("sent", event["conn"]),
    send_failed=lambda event: say("not sent", event["code"]),
))
