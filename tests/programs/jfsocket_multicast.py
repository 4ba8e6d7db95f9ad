"""Multicast.py of jfSocket: a receiver and a sender that a person drives.

start recv GROUP:PORT   stop recv   join GROUP:PORT   drop GROUP:PORT
start send   stop send   send GROUP:PORT TEXT   send GROUP:PORT -xHEX   exit
"""
import sys
import threading

from loop import Loop

loops = {}


def say(*words):
    """One write: several threads share the terminal."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def start(kind, *args):
    names = {"recv": "Receiver", "send": "Sender"}
    loop = loops[kind] = Loop({"recv": "mcast-join", "send": "mcast-send"}[kind], *args)
    show = lambda words, key: lambda event: say(words, event[key])
    threading.Thread(target=loop.run, kwargs=dict(
        starting=lambda event: say(f"  -> Multicast {names[kind]} Started..."),
        joined=show("     ->", "group"), left=show("     <-", "group"),
        data=lambda event: say("Received Data from", event["peer"], "->", event["group"],
                                 "\n :", event.get("text", event.get("b64"))),
        sent=show("Data has send to", "group"), send_failed=show("Send data fail\n :", "message"),
        error=show("error", "message"),
        stopped=lambda event: say(f"  -> Multicast {names[kind]} Stoped..."),
    )).start()


def obey(command, *args):
    if command == "start":
        start(*args)
    elif command == "stop":
        loops.pop(args[0]).tell(quit=True)
    elif command in ("join", "drop"):
        loops["recv"].tell(**{command.replace("drop", "leave"): args[0]})
    elif command == "send" and args[1].startswith("-x"):
        loops["send"].tell(hex=args[1][2:], to=args[0])
    elif command == "send":
        loops["send"].tell(send=" ".join(args[1:]), to=args[0])


for line in sys.stdin:
    if line.strip() == "exit":
        break
    try:
        obey(*line.split())
    except (IndexError, KeyError, TypeError) as wrong:
        say("Command Error:", repr(wrong))
for loop in loops.values():
    loop.tell(quit=True)
