"""Messages to one chosen client from several threads, none of them scrambled, as ESocketS has.

The first line of a client is its name; whoever is called "chosen" gets 4 x 1000 lines.
"""
import sys
import threading

from loop import Loop

loop = Loop("tcp-serve", "127.0.0.1:0", "--frame", "line")


def work(worker, client):
    for number in range(1000):
        loop.tell(send=f"worker {worker} says {number}", to=client)


def on_line(event):
    if event["text"] == "chosen":
        for worker in range(4):
            threading.Thread(target=work, args=(worker, event["conn"])).start()


sys.exit(loop.run(
    listening=lambda event: print("listening", event["local"], flush=True),
    data=on_line,
    eof=lambda event: loop.tell(quit=True),
))
