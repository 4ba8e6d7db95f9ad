"""The server of ESocketS' README: its eight callbacks."""
import sys

from loop import Loop

loop = Loop("tcp-serve", sys.argv[1])
loop.run(
    listening=lambda event: print("Server started on: ", event["local"]),
    accepted=lambda event: print(event["peer"], "Connected"),
    data=lambda event: print(event.get("text", event.get("b64"))),
    eof=lambda event: loop.tell(close=event["conn"]),
    closed=lambda event: print(
        *(["Abnormal disconnect: ", event["detail"]] if event["reason"] == "error"
          else [event["peer"], "Disconnected"])),
    stopping=lambda event: print("Server shutting down"),
    stopped=lambda event: print("Server is now closed"),
    warning=lambda event: print("Warning: ", event["message"]),
)
