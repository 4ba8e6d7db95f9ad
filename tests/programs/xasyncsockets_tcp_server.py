"""tcpSrv.py of XAsyncSockets: clients that say something every 2 s."""
import sys

from loop import Loop

REASONS = {"error": "error", "host": "closed by host", "peer": "closed by peer",
           "timeout": "timeout"}
counts = dict.fromkeys(["accepted", "data", "closed"], 0)
loop = Loop("tcp-serve", sys.argv[1], "--idle-timeout", "2s")


def show(event, words):
    counts[event["event"]] += 1
    print(f"{counts[event['event']]}) On TCP {words}")


loop.run(
    listening=lambda event: print("SrvAddr :", event["local"]),
    accepted=lambda event: show(event, "Server Client Accepted"),
    data=lambda event: show(
        event, f"Client Data Recv ({event['len']} bytes) : {event.get('text')}"),
    eof=lambda event: loop.tell(close=event["conn"]),
    closed=lambda event: show(event, f"Client Closed ({REASONS[event['reason']]})"),
    stopped=lambda event: print("On TCP Server Closed"),
)
