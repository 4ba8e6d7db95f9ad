"""tcpSrv.py of XAsyncSockets: clients that say something within 1 s, and then every 2 s."""
import sys

from loop import Loop

REASONS = {"error": "error", "host": "closed by host", "peer": "closed by peer",
           "timeout": "timeout"}
counts = dict.fromkeys(["accepted", "data", "closed"], 0)
loop = Loop("tcp-serve", sys.argv[1], "--paused")


def show(event, words):
    counts[event["event"]] += 1
    print(f"{counts[event['event']]}) On TCP {words}")


def on_accepted(event):
    show(event, "Server Client Accepted")
    receive(event["conn"], "1s")


def on_data(event):
    show(event, f"Client Data Recv ({event['len']} bytes) : {event.get('text')}")
    receive(event["conn"], "2s")


def receive(conn, within):
    loop.tell(read=conn, **{"as": "raw"}, within=within)


loop.run(
    listening=lambda event: print("SrvAddr :", event["local"]),
    accepted=on_accepted, data=on_data,
    eof=lambda event: loop.tell(close=event["conn"]),
    closed=lambda event: show(event, f"Client Closed ({REASONS[event['reason']]})"),
    stopped=lambda event: print("On TCP Server Closed"),
)
