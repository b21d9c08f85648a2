"""Opening a data file that may be compressed."""

import gzip
import zlib

# What reading a damaged gzip stream raises. BadGzipFile is the one OSError that is about the
# contents: the others (no such file, no permission) should reach the user as they are.
CORRUPT = (gzip.BadGzipFile, zlib.error, EOFError)


def open_binary(path):
    """Open ``path`` for reading, through gzip if its first bytes say so, whatever its name."""
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else open(path, "rb")
