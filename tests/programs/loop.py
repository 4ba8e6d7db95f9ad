"""wirecat as an event loop: events come out of one pipe, commands go into the other."""
import json
import os
import subprocess


class Loop:
    def __init__(self, *args):
        wirecat = os.environ.get("WIRECAT", "wirecat")
        self.process = subprocess.Popen(
            [wirecat, "-q", *args, "--input", "json", "--output", "json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )

    def tell(self, **command):
        """Gives a command. A short line is written at once, so threads need no lock (pipe(7))."""
        os.write(self.process.stdin.fileno(), json.dumps(command).encode() + b"\n")

    def run(self, **handlers):
        """Calls a handler for each event of its name, to the end; gives the exit status.

        A client that has said its last word (eof) can still be answered, and is to be closed."""
        for line in self.process.stdout:
            event = json.loads(line)
            handlers.get(event["event"].replace("-", "_"), lambda event: None)(event)
        return self.process.wait()
