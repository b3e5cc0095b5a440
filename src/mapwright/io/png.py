"""Whether a PNG is whole; GDAL reads one that was cut short without a word."""

from __future__ import annotations

import zlib


def png_damage(data: bytes) -> str | None:
    """What is wrong with the chunks of a PNG: each has a length, a name, contents, a checksum."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return "it is not a PNG"
    start = 8
    while start + 12 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        chunk, end = data[start + 4 : start + 8 + length], start + 12 + length
        if end > len(data):
            break
        if zlib.crc32(chunk) != int.from_bytes(data[end - 4 : end], "big"):
            return f"the checksum of its part {chunk[:4].decode('ascii', 'replace')} is wrong"
        if chunk[:4] == b"IEND":
            return None
        start = end
    return "it was cut short"
