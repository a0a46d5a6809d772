"""Replaces extra files of a TorchScript archive (its model card, its description) and keeps every other byte of its members:
python scripts/set-archive-files.py models/small-en-de.pt README.md=models/README.md

PyTorch aligns the content of each member to 64 bytes by an extra field named FB in its local header, and so does this script.
"""

import os
import struct
import sys
import zipfile
import zlib

ALIGNMENT = 64
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
HAS_DESCRIPTOR = 0x8


def main(archive: str, *replacements: str) -> None:
    texts = {}
    for replacement in replacements:
        name, file = replacement.split("=", 1)
        with open(file, "rb") as opened:
            texts[name] = opened.read()
    with open(archive, "rb") as opened:
        whole = opened.read()
    with zipfile.ZipFile(archive) as source:
        members = source.infolist()
    body, directory = bytearray(), bytearray()
    for info in members:
        _, _, name = info.filename.partition("/extra/")
        if name in texts:
            stored = texts.pop(name)
            info.compress_type, info.CRC, info.file_size = zipfile.ZIP_STORED, zlib.crc32(stored), len(stored)
        else:
            lengths = struct.unpack_from("<2H", whole, info.header_offset + 26)
            start = info.header_offset + LOCAL.size + sum(lengths)
            stored = whole[start : start + info.compress_size]
        add(body, directory, info, stored)
    if texts:
        raise SystemExit(f"{archive} has no extra file named {', '.join(texts)}")
    end = END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0)
    part = f"{archive}.part"
    with open(part, "wb") as written:
        written.write(body + directory + end)
    os.replace(part, archive)


def add(body: bytearray, directory: bytearray, info: zipfile.ZipInfo, stored: bytes) -> None:
    name = info.filename.encode()
    header = len(body)
    start = header + LOCAL.size + len(name) + 4
    padding = b"Z" * (-start % ALIGNMENT)
    extra = b"FB" + struct.pack("<H", len(padding)) + padding
    flags = info.flag_bits & ~HAS_DESCRIPTOR
    fields = (0, flags, info.compress_type, 0, 0, info.CRC, len(stored), info.file_size, len(name))
    body += LOCAL.pack(b"PK\x03\x04", *fields, len(extra)) + name + extra + stored
    directory += CENTRAL.pack(b"PK\x01\x02", 0, *fields, 0, 0, 0, 0, 0, header) + name


if __name__ == "__main__":
    main(*sys.argv[1:])
