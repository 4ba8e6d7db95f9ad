"""udpRecv.py of XAsyncSockets: prints each datagram."""
import sys

from loop import Loop

Loop("udp-listen", sys.argv[1]).run(
    listening=lambda event: print("LocalAddr :", event["local"]),
    data=lambda event: print(f"On UDP Datagram Recv ({event['peer']}) : {event.get('text')}"),
)
