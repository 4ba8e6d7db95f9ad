"""udpSend.py of XAsyncSockets: a datagram as soon as the last one is sent."""
import sys

from loop import Loop


def on_sent(event):
    print(f"On UDP Datagram Data Sent ({event['line']})")
    loop.tell(send="NEXT", to=sys.argv[1])


loop = Loop("udp-send")
loop.tell(send="START", to=sys.argv[1])
loop.run(sent=on_sent, send_failed=lambda event: print("On UDP Datagram Fails To Send"))
