"""A program that drives a wirecat server over two pipes, with nothing but the standard library.

    driver.py WIRECAT CLIENTS COMMANDS

It connects that many clients of its own, sends that many messages to them by commands, lets each
client give back what it gets, and checks that every command, message and reply is told exactly
once and in order, and that wirecat's memory does not grow on the way.
"""

import base64
import json
import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import time

WIRECAT, CLIENTS, COMMANDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PATIENCE = 200
# What a full queue and the allocator may add, in KiB; the events are twenty times that.
SLACK = 1024


class Client:
    """The other side of one connection, which gives back each line that it gets."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.peer = "%s:%d" % self.socket.getsockname()
        self.number = None
        self.commanded = self.got = self.replied = 0
        self.tail = b""
        self.unsent = b""

    def message(self, count):
        return "%s %d" % (self.peer, count)

    def read(self):
        data = self.socket.recv(65536)
        assert data, "%s was closed" % self.peer
        *lines, self.tail = (self.tail + data).split(b"\n")
        for line in lines:
            assert line.decode() == self.message(self.got), (line, self.got)
            self.got += 1
        self.unsent += b"".join(line + b"\n" for line in lines)
        self.write()

    def write(self):
        if self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent):]
            except BlockingIOError:
                pass


class Driver:
    def __init__(self):
        arguments = ["-q", "tcp-serve", "--frame", "line", "--input", "json", "--output", "json"]
        self.child = subprocess.Popen(
            [WIRECAT, *arguments, "127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.commands, self.events = self.child.stdin.fileno(), self.child.stdout.fileno()
        self.tail, self.outbox = b"", b""
        self.lines = self.answered = self.told = 0
        self.clients, self.by_peer, self.by_number = [], {}, {}
        self.others = []

    def next_events(self):
        data = os.read(self.events, 1 << 18)
        *lines, self.tail = (self.tail + data).split(b"\n")
        return [json.loads(line) for line in lines], not data

    def wait_for(self, name):
        """Waits for an event of this name, with the pipe as it is: nothing else goes on."""
        while True:
            events, is_over = self.next_events()
            self.others += events
            for event in events:
                if event["event"] == name:
                    return event
            assert not is_over, "no %s" % name

    def connect(self):
        port = int(self.wait_for("listening")["local"].rsplit(":")[-1])
        for _ in range(CLIENTS):
            client = Client(port)
            self.clients.append(client)
            self.by_peer[client.peer] = client
        accepted = [event for event in self.others if event["event"] == "accepted"]
        while len(accepted) < CLIENTS:
            accepted += [event for event in self.next_events()[0] if event["event"] == "accepted"]
        for event in accepted:
            client = self.by_peer[event["peer"]]
            client.number = event["conn"]
            self.by_number[client.number] = client

    def command(self, random):
        """One more message for one of the clients, named and written in all the ways there are."""
        client = random.choice(self.clients)
        text = client.message(client.commanded)
        client.commanded += 1
        command = {"to": client.number if self.lines % 4 else client.peer}
        form = self.lines % 3
        if form == 0:
            command["send"] = text
        elif form == 1:
            command["b64"] = base64.b64encode(text.encode()).decode()
        else:
            command["hex"] = text.encode().hex()
        self.lines += 1
        return json.dumps(command).encode() + b"\n"

    def tell(self, random):
        """Writes commands for as long as the pipe takes them."""
        try:
            while self.outbox or self.lines < COMMANDS:
                if not self.outbox:
                    count = min(500, COMMANDS - self.lines)
                    self.outbox = b"".join(self.command(random) for _ in range(count))
                self.outbox = self.outbox[os.write(self.commands, self.outbox):]
            return False
        except BlockingIOError:
            return True

    def hear(self, event):
        name = event["event"]
        if name == "sent":
            self.answered += 1
            assert event["line"] == self.answered, (event, self.answered)
        elif name == "data":
            client = self.by_number[event["conn"]]
            assert event["text"] == client.message(client.replied), (event, client.replied)
            client.replied += 1
            self.told += 1
        else:
            assert name == "drained", event

    def run(self, random):
        """Everything at once; returns wirecat's peak memory at a tenth of the way, and at its end."""
        os.set_blocking(self.commands, False)
        poll = selectors.DefaultSelector()
        poll.register(self.events, selectors.EVENT_READ)
        poll.register(self.commands, selectors.EVENT_WRITE)
        for client in self.clients:
            poll.register(client.socket, selectors.EVENT_READ, client)
        early, deadline = None, time.monotonic() + PATIENCE
        while self.told < COMMANDS or self.answered < COMMANDS:
            assert time.monotonic() < deadline, (self.lines, self.answered, self.told)
            for key, _ in poll.select(1):
                if key.data:
                    key.data.read()
                elif key.fileobj == self.events:
                    events, is_over = self.next_events()
                    assert not is_over, "wirecat has ended"
                    for event in events:
                        self.hear(event)
                elif not self.tell(random):
                    poll.unregister(self.commands)
            for client in self.clients:
                client.write()
            if early is None and self.told >= COMMANDS // 10:
                early = self.peak()
        return early, self.peak()

    def peak(self):
        with open("/proc/%d/status" % self.child.pid) as status:
            fields = dict(line.split(":", 1) for line in status)
        return int(fields["VmHWM"].split()[0])

    def finish(self):
        os.set_blocking(self.commands, True)
        os.write(self.commands, b'{"list":true}\n{"quit":true}\n')
        events, is_over = [], False
        while not is_over:
            more, is_over = self.next_events()
            events += more
        listed = [event for event in events if event["event"] == "list"]
        assert len(listed) == CLIENTS + 1 and listed[-1]["count"] == CLIENTS, listed[-1]
        for event in listed[:-1]:
            client = self.by_number[event["conn"]]
            assert event["peer"] == client.peer and "queued" not in event, event
        summary = events[-1]
        assert summary["event"] == "summary" and summary["code"] == 0, summary
        assert summary["messages_in"] == summary["messages_out"] == COMMANDS, summary
        assert self.child.wait() == 0
        for client in self.clients:
            assert client.commanded == client.got == client.replied, client.peer
            client.socket.setblocking(True)
            assert client.socket.recv(1) == b"", "more than was commanded"


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    driver = Driver()
    try:
        started = time.monotonic()
        driver.connect()
        early, late = driver.run(random.Random(1))
        driver.finish()
        took = time.monotonic() - started
        print("%d commands to %d clients and as many replies in %.1f s" % (COMMANDS, CLIENTS, took))
        print("peak memory %d KiB after a tenth, %d KiB at the end" % (early, late))
        assert late <= early + SLACK, "the memory grows"
    finally:
        driver.child.kill()


main()
