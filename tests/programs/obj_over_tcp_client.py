"""The echo client of obj-over-tcp's README."""
import json
import sys

from loop import Loop

my_object = {"echo test object": "message string"}
loop = Loop("tcp-connect", sys.argv[1], "--frame", "obj")
loop.tell(send=json.dumps(my_object))


def on_object(event):
    print("Object received:", json.loads(event["text"]))
    loop.tell(quit=True)


loop.run(connected=lambda event: print("Connected"), data=on_object,
         sent=lambda event: print("Object", my_object, "was sent"))
