"""Streams of `zfs send` as an attacker changes them: from a seed, each with its name; pure.

A stream is a row of records of 312 bytes, some with a payload; the last one has a checksum of all
before it. What is "forged" has checksums that are right again, as only who meant it would do.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

RECORD_BYTES = 312
BEGIN, OBJECT, WRITE, END, SPILL = 0, 1, 3, 5, 7
CHECKSUM_BYTES = 32
TAIL = RECORD_BYTES - CHECKSUM_BYTES
"""Where a record of OpenZFS has the checksum of all before; with zfs-fuse only the last has it."""

WORD_MAX = 2**64 - 1
NUMBERS = (0, 1, 7, 511, 2**17 + 8, 2**31, 2**32 - 1, 2**63, WORD_MAX)
"""Those that are written over what was in a record."""

OBJECT_NUMBER = 8
"""Where a record has the number of its object."""
ACCOUNTING = (WORD_MAX, WORD_MAX - 1)
"""The objects in which ZFS counts what users have: a receive into one never ends on zfs-fuse, so
that no test tries it. See "What is not protected" in docs/security.rst."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record with its payload."""

    data: bytes

    @property
    def kind(self) -> int:
        return int(struct.unpack_from("<I", self.data)[0])


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is sent, and what was done to it; `forged` is whether its checksums are right."""

    name: str
    stream: bytes
    forged: bool = False


def records(stream: bytes) -> list[Record]:
    """The records of a stream that nothing was done to."""
    found, at = [], 0
    while at < len(stream):
        length = RECORD_BYTES + _payload_bytes(stream[at : at + RECORD_BYTES])
        found.append(Record(stream[at : at + length]))
        at += length
    return found


def _payload_bytes(head: bytes) -> int:
    kind, length = struct.unpack_from("<II", head)
    if kind == OBJECT:
        return -(-int(struct.unpack_from("<I", head, 28)[0]) // 8) * 8
    if kind == WRITE:
        return int(struct.unpack_from("<Q", head, 32)[0])
    if kind == SPILL:
        return int(struct.unpack_from("<Q", head, 16)[0])
    return int(length) if kind == BEGIN else 0


class Fletcher4:
    """The checksum of streams: four sums of sums of 32-bit words."""

    def __init__(self) -> None:
        self._sums = (0, 0, 0, 0)

    def add(self, data: bytes) -> None:
        a, b, c, d = self._sums
        for (word,) in struct.iter_unpack("<I", data):
            a += word
            b += a
            c += b
            d += c
        self._sums = (a & WORD_MAX, b & WORD_MAX, c & WORD_MAX, d & WORD_MAX)

    def digest(self) -> bytes:
        return struct.pack("<4Q", *self._sums)


def sealed(parts: list[Record]) -> bytes:
    """A stream of these records with the checksums that belong to it."""
    each_has_one = any(part.data[TAIL:RECORD_BYTES].strip(b"\0") for part in parts[1:-1])
    checksum, stream = Fletcher4(), bytearray()
    for part in parts:
        data = bytearray(part.data)
        if part.kind == END:
            data[8 : 8 + CHECKSUM_BYTES] = checksum.digest()
        checksum.add(bytes(data[:TAIL]))
        if each_has_one and part.kind != BEGIN:
            data[TAIL:RECORD_BYTES] = checksum.digest()
        checksum.add(bytes(data[TAIL:]))
        stream += data
    return bytes(stream)


def mutations(seed: str, count: int, right: bytes, wrong: tuple[bytes, ...]) -> Iterator[Mutation]:
    """So many of `right`; `wrong` are whole streams, each of which is not the one to be sent."""
    chance = random.Random(seed)
    for number, stream in enumerate(wrong):
        yield Mutation(f"wrong stream {number}", stream)
    yield Mutation("nothing", b"")
    for number in range(count - len(wrong) - 1):
        make = (_cut, _flipped, _garbage, _spliced, _damaged, _forged, _in_disorder)[number % 7]
        yield make(chance, right, wrong)


def _cut(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    at = chance.choice((chance.randrange(len(right)), chance.randrange(RECORD_BYTES * 4)))
    return Mutation(f"cut at {at} of {len(right)}", right[:at])


def _flipped(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    data, places = bytearray(right), []
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(data) * 8)
        data[place // 8] ^= 1 << place % 8
        places.append(place)
    return Mutation(f"bits flipped: {places}", bytes(data))


def _garbage(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    keep = chance.choice((0, RECORD_BYTES, RECORD_BYTES * 3))
    noise = chance.randbytes(chance.choice((1, 100, 20_000)))
    return Mutation(f"{keep} bytes, then {len(noise)} of noise", right[:keep] + noise)


def _spliced(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    other = records(chance.choice(wrong))
    mine = records(right)
    at, there = chance.randrange(1, len(mine)), chance.randrange(1, len(other))
    forged = chance.random() < 0.5
    parts = mine[:at] + other[there:]
    stream = sealed(parts) if forged else b"".join(part.data for part in parts)
    return Mutation(f"{at} records, then from {there} another's", stream, forged)


def _damaged(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    parts, what = _one_field_changed(chance, right)
    return Mutation(f"damaged: {what}", b"".join(part.data for part in parts))


def _forged(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    parts, what = _one_field_changed(chance, right)
    return Mutation(f"forged: {what}", sealed(parts), forged=True)


def _one_field_changed(chance: random.Random, right: bytes) -> tuple[list[Record], str]:
    parts = records(right)
    kinds = sorted({part.kind for part in parts})
    kind = chance.choice(kinds)
    at = chance.choice([at for at, part in enumerate(parts) if part.kind == kind])
    width = chance.choice((4, 8))
    place = chance.randrange(0, 64, width)
    number = chance.choice((*NUMBERS, chance.randrange(WORD_MAX))) % 2 ** (width * 8)
    if place == OBJECT_NUMBER and number in ACCOUNTING:
        number = 2**63
    data = bytearray(parts[at].data)
    data[place : place + width] = number.to_bytes(width, "little")
    parts[at] = Record(bytes(data))
    return parts, f"record {at}, of kind {kind}: {number:#x} at {place}"


def _in_disorder(chance: random.Random, right: bytes, wrong: tuple[bytes, ...]) -> Mutation:
    parts = records(right)
    one, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    how = chance.choice(("swapped with", "left out, not", "doubled at"))
    if how == "swapped with":
        parts[one], parts[other] = parts[other], parts[one]
    elif how == "doubled at":
        parts.insert(other, parts[one])
    else:
        del parts[one]
    forged = chance.random() < 0.5
    stream = sealed(parts) if forged else b"".join(part.data for part in parts)
    return Mutation(f"record {one} {how} {other}", stream, forged)
