"""Sends prepared HTTP requests over a fixed number of connections, as fast as the server takes them.

`python -m bench.load PORT FILE CONNECTIONS` prints one JSON line: {"requests", "seconds", "refused"}. Each connection
has one request under way; the next one goes out when the answer has come, as gateways do it. The client is not what
limits the rate: it takes about 40 µs of its core for an exchange, half of what the reference server takes of the other.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec
import uvloop


class Connection(asyncio.Protocol):
    """One connection that takes requests from a shared iterator until there are none."""

    def __init__(self, requests, done, refused) -> None:
        self.requests = requests
        self.done = done
        self.refused = refused
        self.pending = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            self.done.set_result(None)
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.pending += data
        head, separator, body = self.pending.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.pending = b""
        if not head.startswith(b"HTTP/1.1 200"):
            self.refused.append(head[:40].decode())
        self.send()


async def send_all(port: int, requests: list[bytes], connections: int) -> dict:
    loop = asyncio.get_running_loop()
    shared, refused = iter(requests), []
    endings = [loop.create_future() for _ in range(connections)]
    begin = time.perf_counter()
    for done in endings:
        await loop.create_connection(lambda done=done: Connection(shared, done, refused), "127.0.0.1", port)
    await asyncio.gather(*endings)
    return {"requests": len(requests), "seconds": time.perf_counter() - begin, "refused": refused[:3]}


def main() -> None:
    port, file, connections = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    requests = msgspec.msgpack.decode(file.read_bytes(), type=list[bytes])
    print(json.dumps(uvloop.run(send_all(port, requests, connections))))


if __name__ == "__main__":
    main()
