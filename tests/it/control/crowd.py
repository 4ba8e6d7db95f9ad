"""One program that makes many connections to one server by commands, both of them wirecat's.

    crowd.py WIRECAT COUNT

It checks that all are connected, listed and closed, that no descriptor is left, and prints how much memory both have held.
"""
import json
import os
import subprocess
import sys
import threading

WIRECAT, COUNT = sys.argv[1], int(sys.argv[2])
# Resident memory at its highest, in KiB; a debug build needs more than a release build.
MOST = 40 * 1024


class Loop:
    def __init__(self, *args):
        command = [WIRECAT, *args, "-q", "--input", "json", "--output", "json"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, commands):
        """Writes in a thread: events are read meanwhile."""
        text = "".join(json.dumps(command) + "\n" for command in commands).encode()

        def write():
            self.process.stdin.write(text)
            self.process.stdin.flush()

        threading.Thread(target=write).start()

    def wait_for(self, **counts):
        """Reads until there were so many events of each name, and returns them."""
        found = {name: [] for name in counts}
        while any(len(found[name]) < count for name, count in counts.items()):
            event = json.loads(self.process.stdout.readline())
            name = event["event"].replace("-", "_")
            if name in ("error", "warning", "connect_failed", "send_failed"):
                sys.exit(f"unexpected: {event}")
            if name in found:
                found[name].append(event)
        return found

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def peak(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmHWM"].split()[0])


server = Loop("tcp-serve", "127.0.0.1:0")
address = server.wait_for(listening=1)["listening"][0]["local"]
pool = Loop("tcp-connect")
pool.wait_for(starting=1)
before = [loop.descriptors() for loop in (pool, server)]
pool.tell([{"connect": address, "another": True}] * COUNT)
waiting = threading.Thread(target=server.wait_for, kwargs={"accepted": COUNT})
waiting.start()
events = pool.wait_for(connecting=COUNT, connected=COUNT)
waiting.join()
numbers = {event["conn"] for event in events["connected"]}
lines = {event["line"] for event in events["connected"]}
assert numbers == lines == set(range(1, COUNT + 1)), "each connection has its number and its line"

pool.tell([{"list": True}])
listed = pool.wait_for(list=COUNT + 1)["list"]
assert {event["conn"] for event in listed[:-1]} == numbers and listed[-1]["count"] == COUNT
server.tell([{"list": True}, {"send": "hello"}])
assert server.wait_for(list=COUNT + 1)["list"][-1]["count"] == COUNT
pool.wait_for(data=COUNT)

pool.tell([{"close": number} for number in sorted(numbers)])
waiting = threading.Thread(target=pool.wait_for, kwargs={"closed": COUNT})
waiting.start()
closing = server.wait_for(eof=COUNT)["eof"]
server.tell([{"close": event["conn"]} for event in closing])
server.wait_for(closed=COUNT)
waiting.join()

assert [loop.descriptors() for loop in (pool, server)] == before, "descriptors are left"

peaks = [loop.peak() for loop in (pool, server)]
for loop in (pool, server):
    loop.tell([{"quit": True}])
    loop.wait_for(summary=1)
    assert loop.process.wait() == 0
assert max(peaks) <= MOST, peaks
print(f"{COUNT} connections, at most {peaks[0]} and {peaks[1]} KiB")
