# SPDX-License-Identifier: Apache-2.0
"""Clients that the server must bear with.

raw PORT CA SECONDS             connects, waits, sends standard input over TLS, prints what comes
                                back to the end
hold PORT CA COUNT MODE FILE    COUNT connections that are of no use: silent (TCP alone), handshake
                                (TLS, then nothing), head and body (a byte now and then), idle (one
                                request, then nothing), more (one, and the beginning of another),
                                last (one with "close", and no close), unread (many whose answers are
                                not read). FILE is made when all are there; ends when it is removed,
                                and prints how many the server has not closed
steady PORT CA SECONDS THREADS  requests without a pause, each thread on a connection that it makes
                                anew after some; prints as JSON what failed and whose certificates
                                it was shown
"""
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time


def connect(port, authority, window=None):
    context = ssl.create_default_context(cafile=authority)
    plain = socket.socket()
    plain.settimeout(20)
    if window:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    plain.connect(("127.0.0.1", int(port)))
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def read_all(connection):
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except (ConnectionResetError, ssl.SSLError) as error:
        data += b"\n" + str(error).encode()
    return data


def raw(port, authority, seconds):
    with connect(port, authority) as connection:
        time.sleep(float(seconds))
        connection.sendall(sys.stdin.buffer.read())
        sys.stdout.buffer.write(read_all(connection))


BEGINNINGS = {
    "handshake": b"",
    "head": b"POST /echo HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "body": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n",
    "idle": b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n",
    "more": b"GET /who HTTP/1.1\r\nHost: a\r\n\r\nG",
    "last": b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "unread": b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 16,
}


def open_one(port, authority, mode):
    if mode == "silent":
        return socket.create_connection(("127.0.0.1", port), timeout=20)
    connection = connect(port, authority, 4096 if mode == "unread" else None)
    connection.sendall(BEGINNINGS[mode])
    if mode in ("idle", "more", "last"):
        connection.recv(65536)
    return connection


def is_open(connection):
    connection.setblocking(False)
    try:
        while connection.recv(65536):  # an answer may have come before the end
            pass
        return False
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def drip(connection):
    try:
        connection.send(b"x")
    except OSError:
        pass


def hold(port, authority, count, mode, file):
    connections = []
    for _ in range(int(count)):
        try:
            connections.append(open_one(port, authority, mode))
        except OSError:
            pass
    open(file, "w").close()
    while os.path.exists(file):
        if mode in ("head", "body"):
            for connection in connections:
                drip(connection)
        time.sleep(0.05)
    print(sum(is_open(connection) for connection in connections))


class Steady:
    def __init__(self, port, authority, seconds):
        self.context = ssl.create_default_context(cafile=authority)
        self.port = port
        self.end = time.monotonic() + seconds
        self.requests, self.failures, self.names = 0, [], set()
        self.lock = threading.Lock()

    def note(self, connection):
        name = dict(part[0] for part in connection.sock.getpeercert()["subject"])["commonName"]
        with self.lock:
            self.names.add(name)

    def use(self, connection, times):
        for _ in range(times):
            connection.request("POST", "/echo", body=b"x" * 3000)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or body != b"3000\n":
                raise OSError(f"status {answer.status}: {body!r}")
            with self.lock:
                self.requests += 1

    def work(self, times):
        while time.monotonic() < self.end:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=self.context, timeout=20)
            try:
                connection.connect()
                self.note(connection)
                self.use(connection, times)
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(repr(error))
            connection.close()


def steady(port, authority, seconds, threads):
    load = Steady(port, authority, float(seconds))
    workers = [threading.Thread(target=load.work, args=(1 + 20 * (i % 2),))
               for i in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps({"requests": load.requests, "failures": load.failures,
                      "names": sorted(load.names)}))


if __name__ == "__main__":
    VERBS = {"raw": raw, "hold": hold, "steady": steady}
    VERBS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
