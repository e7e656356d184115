"""Small servers for the labs (vrrp, guest) that no package has.

usage: responder.py nfs PORT    answers ONC RPC NULL for NFS v3 and v4, on TCP and UDP; nothing else
       responder.py dns PORT    answers any A query over UDP with 192.0.2.1, always from the host's
                                first address, as servers do that bind 0.0.0.0 without IP_PKTINFO;
                                over TCP from the right one
       responder.py ask ADDRESS PORT    asks ADDRESS for an A record every millisecond, from PORT
       responder.py connect ADDRESS PORT    connects to PORT of ADDRESS every two milliseconds
       responder.py arp INTERFACE ADDRESS SECONDS    answers ARP requests for ADDRESS, so many seconds later
       responder.py tcp PORT    exits 0 if a server listens there, for keepalived's track_script
"""

import errno
import select
import socket
import struct
import sys
import threading
import time

IP_PKTINFO = 8


def rpc(message):
    if len(message) < 24:
        return None
    xid, kind, rpc_version, program, version, procedure = struct.unpack(">6I", message[:24])
    if kind != 0:
        return None
    if rpc_version != 2:
        return struct.pack(">6I", xid, 1, 1, 0, 2, 2)
    accepted = struct.pack(">5I", xid, 1, 0, 0, 0)
    if program != 100003:
        return accepted + struct.pack(">I", 1)
    if version not in (3, 4):
        return accepted + struct.pack(">3I", 2, 3, 4)
    return accepted + struct.pack(">I", 0 if procedure == 0 else 3)


def dns(query):
    if len(query) < 12:
        return None
    end = 12
    while end < len(query) and query[end]:
        end += query[end] + 1
    question = query[12 : end + 5]
    head = query[:2] + struct.pack(">5H", 0x8580, 1, 1, 0, 0)
    return head + question + struct.pack(">3HIH", 0xC00C, 1, 1, 60, 4) + bytes([192, 0, 2, 1])


def serve_connection(connection, prefix, answer):
    size, data = struct.calcsize(prefix), b""
    last_fragment = 0x80000000 if size == 4 else 0
    try:
        connection.settimeout(30)
        while True:
            need = size
            if len(data) >= size:
                need += struct.unpack(prefix, data[:size])[0] & ~last_fragment
            if len(data) < max(need, size + 1):
                piece = connection.recv(4096)
                if not piece or len(data) > 65536:
                    return
                data += piece
                continue
            reply, data = answer(data[size:need]), data[need:]
            if reply:
                connection.sendall(struct.pack(prefix, last_fragment | len(reply)) + reply)
    except OSError:
        pass
    finally:
        connection.close()


def serve_tcp(port, prefix, answer):
    server = socket.create_server(("0.0.0.0", port), backlog=256)
    while True:
        connection = server.accept()[0]
        threading.Thread(target=serve_connection, args=(connection, prefix, answer), daemon=True).start()


def serve_udp(port, answer, from_asked_address):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    server.bind(("0.0.0.0", port))
    while True:
        message, ancillary, _, client = server.recvmsg(4096, 256)
        reply = answer(message)
        asked = [data[4:8] for level, kind, data in ancillary if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO)]
        source = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, asked[0], b"\0" * 4))] if asked and from_asked_address else []
        if reply:
            try:
                server.sendmsg([reply], source, 0, client)
            except OSError:
                pass


def ask(address, port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("0.0.0.0", port))
    tail = struct.pack(">5H", 0x0100, 1, 0, 0, 0) + b"\2ha\4test\0" + struct.pack(">2H", 1, 1)
    due, number = time.monotonic(), 0
    while True:
        try:
            client.sendto(struct.pack(">H", number) + tail, (address, 53))
        except OSError:
            pass  # the link is down, or nobody answers ARP
        number = (number + 1) & 0xFFFF
        due = max(due + 0.001, time.monotonic())
        time.sleep(max(0, due - time.monotonic()))


def connect(address, port):
    poll, opened = select.epoll(), {}
    due = time.monotonic()
    while True:
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT
        if client.connect_ex((address, port)) == errno.EINPROGRESS:
            poll.register(client, select.EPOLLOUT)
            opened[client.fileno()] = (client, time.monotonic())
        due = max(due + 0.002, time.monotonic())
        done = [number for number, _ in poll.poll(max(0, due - time.monotonic()))]
        # Before the kernel sends a second SYN, after a second.
        done += [number for number, (_, began) in opened.items() if began < due - 0.5]
        for number in set(done):
            opened.pop(number)[0].close()
        time.sleep(max(0, due - time.monotonic()))


def arp(interface, address, late):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    wire.bind((interface, 0x0806))
    own, wanted = wire.getsockname()[4], socket.inet_aton(address)
    while True:
        frame = wire.recv(2048)
        if frame[20:22] != b"\0\1" or frame[38:42] != wanted:
            continue
        reply = frame[6:12] + own + frame[12:20] + b"\0\2" + own + wanted + frame[22:32]
        threading.Timer(late, wire.send, [reply]).start()


def main():
    kind = sys.argv[1]
    if kind == "ask":
        ask(sys.argv[2], int(sys.argv[3]))
    if kind == "connect":
        connect(sys.argv[2], int(sys.argv[3]))
    if kind == "arp":
        arp(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    port = int(sys.argv[2])
    if kind == "tcp":
        socket.create_connection(("127.0.0.1", port), 0.8).close()
        return
    prefix, answer, right = {"nfs": (">I", rpc, True), "dns": (">H", dns, False)}[kind]
    threading.Thread(target=serve_udp, args=(port, answer, right), daemon=True).start()
    serve_tcp(port, prefix, answer)


main()
