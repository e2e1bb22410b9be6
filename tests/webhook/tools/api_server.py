# SPDX-License-Identifier: Apache-2.0
"""An API server of Kubernetes as a watch sees it: lists in pages, watches, bookmarks, and all that
goes wrong with them. What is not asked of it by the tests it has not.

api_server.py PORT_FILE [CERTIFICATE KEY]   serves on a port of 127.0.0.1 that it writes to PORT_FILE
  POST /control   a JSON object: what is to change, see Store.control
  GET /log        the requests so far
"""
import base64
import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse


def status(code, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "code": code}


class Store:
    """Objects by collection and key, and what happened to them since the last compaction."""

    def __init__(self):
        self.changed = threading.Condition()
        self.version = 100
        self.objects = {}   # path -> {(namespace, name): object}
        self.history = []   # (version, path, type, object)
        self.compacted = 100
        self.generation = 0  # of watches: a higher one ends them
        self.ending = "end"
        self.failures = []  # {"verb", "status", "times", "retry_after"}
        self.absent = set()
        self.token = None
        self.delay = 0      # between the bytes of a watch
        self.is_silent = False
        self.compact_after_page = False
        self.raw = []       # bytes that each watch gets as they are
        self.log = []

    def put(self, path, thing):
        key = (thing["metadata"].get("namespace", ""), thing["metadata"]["name"])
        self.version += 1
        kept = self.objects.setdefault(path, {})
        kind = "MODIFIED" if key in kept else "ADDED"
        thing["metadata"]["resourceVersion"] = str(self.version)
        kept[key] = thing
        self.history.append((self.version, path, kind, thing))

    def delete(self, path, namespace, name):
        self.version += 1
        thing = self.objects[path].pop((namespace, name))
        thing = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self.version)}}
        self.history.append((self.version, path, "DELETED", thing))

    def compact(self):
        self.version += 1
        self.compacted = self.version
        self.history.clear()

    def many(self, path, count, prefix, annotations):
        for i in range(count):
            self.put(path, {"metadata": {"namespace": "default", "name": f"{prefix}{i}",
                                         "annotations": annotations}})

    def control(self, wanted):
        with self.changed:
            for one in wanted.get("put", []):
                self.put(one["path"], one["object"])
            for one in wanted.get("delete", []):
                self.delete(one["path"], one.get("namespace", ""), one["name"])
            if "many" in wanted:
                self.many(**wanted["many"])
            if wanted.get("compact"):
                self.compact()
            if wanted.get("bookmark"):
                self.version += 1
                self.history.append((self.version, None, "BOOKMARK", None))
            if "event" in wanted:  # to all watches, as it is
                self.version += 1
                self.history.append((self.version, None, "RAW", wanted["event"]))
            if "end_watches" in wanted:  # "end", "cut" (in the middle of a line) or "reset"
                self.ending = wanted["end_watches"]
                self.generation += 1
            for name in ("failures", "token", "delay", "is_silent", "compact_after_page"):
                if name in wanted:
                    setattr(self, name, wanted[name])
            self.absent |= set(wanted.get("absent", []))
            self.absent -= set(wanted.get("present", []))
            self.changed.notify_all()


STORE = Store()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, code, value, headers=()):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        STORE.control(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, {})

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/log":
            return self.answer(200, STORE.log)
        with STORE.changed:
            STORE.log.append({"path": url.path, "query": query, "time": time.time(),
                              "accept": self.headers.get("Accept"),
                              "token": self.headers.get("Authorization"),
                              "client": self.client_address[1]})
        verb = "watch" if query.get("watch") == "1" else "list"
        refusal = self.refusal(verb, url.path)
        if refusal:
            return self.answer(*refusal)
        return self.watch(url.path, query) if verb == "watch" else self.list(url.path, query)

    def refusal(self, verb, path):
        if STORE.token and self.headers.get("Authorization") != "Bearer " + STORE.token:
            return 401, status(401, "Unauthorized")
        for failure in STORE.failures:
            if failure["verb"] == verb and failure["times"] > 0:
                failure["times"] -= 1
                headers = [("Retry-After", failure["retry_after"])] if "retry_after" in failure else []
                return failure["status"], status(failure["status"], failure.get("message", "no")), headers
        if path in STORE.absent:
            return 404, status(404, "the server could not find the requested resource")
        return None

    def show(self, thing, kind):
        if "as=PartialObjectMetadata" in (self.headers.get("Accept") or ""):
            return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": thing["metadata"]}
        return {"apiVersion": "v1", "kind": kind, **thing}

    def list(self, path, query):
        with STORE.changed:
            version, begin = STORE.version, 0
            if "continue" in query:
                version, begin = json.loads(base64.urlsafe_b64decode(query["continue"]))
                if version < STORE.compacted:
                    return self.answer(410, status(410, "The provided continue parameter is too old"))
            things = [self.show(thing, "Thing") for thing in STORE.objects.get(path, {}).values()]
            end = begin + int(query.get("limit", len(things) or 1))
            metadata = {"resourceVersion": str(version)}
            if end < len(things):
                metadata["continue"] = base64.urlsafe_b64encode(
                    json.dumps([version, end]).encode()).decode()
                metadata["remainingItemCount"] = len(things) - end
                if STORE.compact_after_page:
                    STORE.compact_after_page = False
                    STORE.compact()
        return self.answer(200, {"kind": "ThingList", "apiVersion": "v1", "items": things[begin:end],
                                 "metadata": metadata})

    def watch(self, path, query):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        seen = int(query["resourceVersion"])
        end = time.monotonic() + float(query["timeoutSeconds"])
        with STORE.changed:
            generation = STORE.generation
        if seen < STORE.compacted:
            self.send({"type": "ERROR", "object": status(410, "too old resource version")})
            return self.finish_chunks()
        while time.monotonic() < end:
            with STORE.changed:
                STORE.changed.wait_for(
                    lambda: STORE.generation != generation or (STORE.version > seen and not STORE.is_silent),
                    timeout=max(0, end - time.monotonic()))
                events = [event for event in STORE.history if event[0] > seen]
                is_ended = STORE.generation != generation
                is_silent = STORE.is_silent
            if is_ended:
                return self.end_watch()
            for version, where, kind, thing in [] if is_silent else events:
                seen = version
                self.send_event(version, where, kind, thing, path)
        return self.finish_chunks()

    def send_event(self, version, where, kind, thing, path):
        if kind == "RAW":
            self.send(thing)
        elif kind == "BOOKMARK":
            self.send({"type": kind, "object": {
                "kind": "Thing", "metadata": {"resourceVersion": str(version)}}})
        elif where == path:
            self.send({"type": kind, "object": self.show(thing, "Thing")})

    def send(self, value):
        data = (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n"
        step = 1 if STORE.delay else len(data)
        for i in range(0, len(data), step):
            self.chunk(data[i:i + step])
            time.sleep(STORE.delay)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def finish_chunks(self):
        self.wfile.write(b"0\r\n\r\n")

    def end_watch(self):
        if STORE.ending == "end":
            return self.finish_chunks()
        if STORE.ending == "cut":
            self.chunk(b'{"type":"ADDED","object":{"metadata":{"name":"half')
        self.connection.close()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
