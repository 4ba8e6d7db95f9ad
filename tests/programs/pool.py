"""A server, a unix socket and three clients in one process: one pool, opened while it runs.
Whoever connects, from inside or outside, gets its lines back in capitals; `stop` ends it all."""
import sys
from loop import Loop

loop = Loop("tcp-connect", "--frame", "line")
clients = set()

def on_listening(event):
    print("listening", event["local"], flush=True)
    for _ in range(2 if event["proto"] == "tcp" else 1):
        loop.tell(connect=event["local"], another=True)

def on_connected(event):
    clients.add(event["conn"])
    loop.tell(send=f"hello from {event['conn']}", to=event["conn"])

def on_line(event):
    if event["conn"] in clients:
        print("answer", event["text"], flush=True)
    elif event["text"] == "stop":
        loop.tell(quit=True)
    else:
        loop.tell(send=event["text"].upper(), to=event["conn"])

loop.tell(listen="127.0.0.1:0")
loop.tell(listen="unix:" + sys.argv[1])
sys.exit(loop.run(listening=on_listening, connected=on_connected, data=on_line,
                  eof=lambda event: loop.tell(close=event["conn"])))
