"""tcpCli.py of XAsyncSockets: a hundred clients in one process, for 7 s."""
import sys
import threading

from loop import Loop

REASONS = {"error": "error", "host": "closed by host", "peer": "closed by peer",
           "timeout": "timeout"}
counts = dict.fromkeys(["data", "closed"], 0)
loop = Loop("tcp-connect")


def show(event, words):
    counts[event["event"]] += 1
    print(f"{counts[event['event']]}) On TCP Client {words}")


def on_connected(event):
    print("On TCP Client Connected")
    loop.tell(send="Hello World", to=event["conn"])


for number in range(100):
    loop.tell(connect=sys.argv[1], another=True)
    print(f"Client {number + 1} created")
threading.Timer(float((sys.argv + ["7"])[2]), loop.tell, kwargs={"quit": True}).start()
loop.run(
    connect_failed=lambda event: print("On TCP Client Fails To Connect"),
    connected=on_connected,
    data=lambda event: show(event, f"Data Recv ({event['len']} bytes) : {event.get('text')}"),
    sent=lambda event: print("On TCP Client Can Send"),
    eof=lambda event: loop.tell(close=event["conn"]),
    closed=lambda event: show(event, f"Closed ({REASONS[event['reason']]})"),
)
