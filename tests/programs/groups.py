"""A receiver that joins and leaves groups at run time, as jfSocket's has. What it is to do comes
by the groups themselves: `join GROUP`, `leave GROUP`, `stop`. Errors are told by their code."""
import sys

from loop import Loop

loop = Loop("mcast-join", sys.argv[1])


def on_received(event):
    print("received", event["group"], event["text"].strip(), flush=True)
    order, _, group = event["text"].strip().partition(" ")
    if order in ("join", "leave"):
        loop.tell(**{order: group})
    elif order == "stop":
        loop.tell(quit=True)


sys.exit(loop.run(
    joined=lambda event: print("joined", event["group"], event["iface"], flush=True),
    left=lambda event: print("left", event["group"], event["iface"], flush=True),
    error=lambda event: print("error", event["code"], flush=True),
    data=on_received,
))
