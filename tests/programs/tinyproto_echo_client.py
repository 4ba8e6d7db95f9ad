"""The echo client of tinyproto's README: what is typed goes there, up to QUIT or SRVQUIT."""
import sys
import threading

from loop import Loop

loop = Loop("tcp-connect", sys.argv[1], "--frame", "tinyproto")


def talk(event):
    for line in sys.stdin:
        loop.tell(send=line.strip())
        if line.strip() in ("QUIT", "SRVQUIT"):
            break
    loop.tell(quit=True)


loop.run(connected=lambda event: threading.Thread(target=talk, args=(event,)).start(),
         data=lambda event: print("Response from server:", event["text"]))
