"""Exports of a whole journal: how long they take, and the memory of the server and of the process that writes."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from a1gateway.export.order import Form

from .process import Process, free_port

# In seconds. The process does not use less again, so that the last look is nearly the most.
_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True, slots=True)
class Exported:
    """What one took."""

    seconds: float
    first: float
    """Until its first octet, in seconds."""
    octets: int
    server_grew: int
    """By how many octets the server's peak is above what it had before."""
    process_peak: int
    """In octets."""


async def export(file: Path, form: Form, folder: Path) -> Exported:
    """Export all of the journal `file`, read as fast as it comes."""
    port = free_port()
    server = Process(
        [sys.executable, "-m", "benchmarks.export_server", str(file), str(port)],
        cores=None,
        directory=Path.cwd(),
        log=folder / "export_server.log",
        name="server",
    )
    try:
        await _answers(port, server)
        before = server.peak()
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /{form} HTTP/1.0\r\n\r\n".encode())
        octets, first, last, process_peak, looked_at = 0, 0.0, b"", 0, 0.0
        while piece := await reader.read(1 << 18):
            first = first or time.monotonic() - begun
            octets += len(piece)
            last = piece
            if time.monotonic() - looked_at > _BETWEEN_LOOKS:
                process_peak = max(process_peak, *server.peaks_of_children(), 0)
                looked_at = time.monotonic()
        seconds = time.monotonic() - begun
        writer.close()
        assert last.endswith(b"\r\n") if form is Form.CSV else b"PK\x05\x06" in last, "a file that is not whole"
        return Exported(seconds, first, octets, server.peak() - before, process_peak)
    finally:
        await server.stop()


async def _answers(port: int, server: Process) -> None:
    while True:
        assert server.running, server.last_words()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()
        writer.close()
        return
