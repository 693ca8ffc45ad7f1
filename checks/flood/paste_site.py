"""A paste site with very many items, some of which are hostile: enormous, endless, slow, silent, or bombs."""

import asyncio
import functools
import gzip
import io
import os
import sys
import threading
import zipfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "shared"))
import pieces  # noqa: E402

ROWS = 1000
MIB = 1 << 20


@functools.cache
def gzip_bomb(mebibytes):
    """A little that unpacks to so much."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    block = b"all work and no play makes jack a dull boy\n" * (MIB // 43)
    return b"".join([*(packer.compress(block) for _ in range(mebibytes)), packer.flush()])


@functools.cache
def zip_bomb(mebibytes, members):
    """An archive whose members all unpack to so much."""
    out = io.BytesIO()
    block = bytes(MIB)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            with archive.open(f"{number}.txt", "w", force_zip64=True) as member:
                for _ in range(mebibytes):
                    member.write(block)
    return out.getvalue()


def nested_bomb(depth):
    inner = gzip_bomb(256)
    for _ in range(depth):
        inner = gzip.compress(inner)
    return inner


class Site:
    """`items` pastes; what is at an odd place is in `odd`, leaks are planted in `planted`."""

    def __init__(self, items, leaks):
        self.items = items
        self.planted = {items // (len(leaks) + 1) * (number + 1): text for number, text in enumerate(leaks)}
        self.odd = {}
        self.streams = 0
        self.pool = pieces.Pool("pastes")
        self.filler = pieces.program("filler", 3_000).encode()[:MIB]
        loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self.serve, args=(loop, ready), daemon=True).start()
        ready.wait()

    def serve(self, loop, ready):
        async def main():
            server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=256)
            self.address = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            ready.set()
            await server.serve_forever()

        loop.run_until_complete(main())

    async def connection(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self.answer(head.split(b" ", 2)[1].decode(), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path, writer):
        if path.startswith("/list"):
            return whole(writer, "text/html", self.listing(int(path.partition("=")[2] or 0)))
        number = int(path.rpartition("-")[2])
        if number in self.odd:
            return await self.odd[number](writer)
        return whole(writer, "text/plain", self.pool.paste(number, self.planted.get(number)).encode())

    def listing(self, page):
        first = page * ROWS
        rows = range(first, min(first + ROWS, self.items))
        html = "".join(f'<li><a href="/p/item-{number:06}">paste</a></li>' for number in rows)
        more = first + ROWS < self.items
        link = f'<a class="next" href="/list?page={page + 1}">older</a>' if more else ""
        return f"<ul>{html}</ul>{link}".encode()

    def stream(self, mebibytes, leak=None, wait=0.0, piece=MIB):
        """So much text, or without end if None; a leak in it near the beginning."""

        # The same bytes are kept as evidence once: each stream has its own.
        self.streams += 1
        opening = b"stream %d\n" % self.streams

        async def answer(writer):
            if mebibytes is None:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
            else:
                total = mebibytes * MIB + len(opening) + len(leak or b"")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % total)
            sent = 0
            while mebibytes is None or sent < mebibytes:
                data = self.filler[:piece]
                if sent == 0:
                    data = opening + data
                if sent == 2 and leak:
                    data = leak + data
                writer.write(data if mebibytes is not None else b"%x\r\n%s\r\n" % (len(data), data))
                await writer.drain()
                await asyncio.sleep(wait)
                sent += 1

        return answer


def body(data, kind="application/octet-stream", encoding=None):
    async def answer(writer):
        whole(writer, kind, data, encoding)

    return answer


async def silence(_writer):
    await asyncio.sleep(3600)


def whole(writer, kind, data, encoding=None):
    extra = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{extra}\r\n"
    writer.write(head.encode() + data)
