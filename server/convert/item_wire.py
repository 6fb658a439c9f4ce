"""Candidates and ranked items in protobuf's wire form: read, and written, in one pass over their bytes.

Attribute by attribute, two hundred messages cost more than ranking what they say. So a request is encoded once more,
which protobuf does at the speed of copying, and its items are read from those bytes as columns; the items of an answer
are written as bytes, of which protobuf makes the messages in one call.

Source: https://protobuf.dev/programming-guides/encoding/. Tags come from the descriptors; all are of one byte, since
the messages have no field beyond 15.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.v1 import items_pb2 as pb
from ranking.floors import BoolArray, IntArray
from ranking.items import RankedItems
from ranking.scores import FloatArray
from server.convert.fields import MAX_ID_LENGTH

Bytes = NDArray[np.uint8]
Bits = NDArray[np.uint64]  # of doubles

_VARINT, _FIXED64, _BYTES, _GROUP, _FIXED32 = 0, 1, 2, 3, 5
_DOUBLE_SIZE = 9  # its tag, and eight bytes
_FIXED_SIZE = 64  # no fewer than what an item or a part has beside its texts: numbers, tags and lengths
OWN_FIELDS = 2  # price and purchase_probability: the first columns of `WireItems.numbers`


def _tag(kind: Any, field: str, wire_type: int) -> int:
    return int(kind.DESCRIPTOR.fields_by_name[field].number) << 3 | wire_type


_ITEMS = _tag(pb.RankItemsRequest, "items", _BYTES)
_ID = _tag(pb.CandidateItem, "item_id", _BYTES)
_PRICE = _tag(pb.CandidateItem, "price", _FIXED64)
_PROBABILITY = _tag(pb.CandidateItem, "purchase_probability", _FIXED64)
_VALUES = _tag(pb.CandidateItem, "values", _BYTES)  # packed, as protobuf itself writes them

_RANKED = _tag(pb.RankItemsResponse, "items", _BYTES)
_PLACE = _tag(pb.RankedItem, "place", _VARINT)
_RANKED_ID = _tag(pb.RankedItem, "item_id", _BYTES)
_SCORE = _tag(pb.RankedItem, "score", _FIXED64)
_CURRENCY = _tag(pb.RankedItem, "currency_code", _BYTES)
_EXPLANATION = _tag(pb.RankedItem, "explanation", _BYTES)
_PARTS = _tag(pb.ItemExplanation, "parts", _BYTES)
_NAME = _tag(pb.ItemScorePart, "name", _BYTES)
_VALUE = _tag(pb.ItemScorePart, "value", _FIXED64)
_RANK = _tag(pb.ItemScorePart, "rank", _FIXED64)
_FACTOR = _tag(pb.ItemScorePart, "factor", _FIXED64)
_PLACE_WITHOUT = _tag(pb.ItemScorePart, "place_without", _VARINT)


@dataclass(frozen=True, slots=True, eq=False)
class WireItems:
    """The candidates of a request, row by row."""

    ids: list[str]
    odd_ids: BoolArray  # (items,) those that may be no id: empty, of many bytes, or with U+0000
    numbers: FloatArray  # (items, 2 + values) price and purchase_probability, 0 where not set, then the values
    sent: BoolArray  # (items, 2) whether price and purchase_probability are set
    value_counts: IntArray  # (items,) how many values were sent


def read_items(request: pb.RankItemsRequest, values: int) -> WireItems:
    """The candidates of a request, of which `values` values each are expected."""
    wire = request.SerializeToString()
    read = np.frombuffer(wire, np.uint8)
    spans, bits, sent, counts, odd = _read(read, len(request.items), OWN_FIELDS + values)
    ids = _gathered(read, spans).tobytes().decode().split("\0")[:-1]
    if len(ids) > len(spans):  # an id holds the character that parts them
        ids = [wire[begin:end].decode() for begin, end in spans.tolist()]
    return WireItems(ids, odd, bits.view(np.float64), sent, counts)


def written_items(ranked: RankedItems, currency: str, part_names: Sequence[str]) -> bytes:
    """A RankItemsResponse of the ranked items alone.

    Args:
        ranked: the items; their ids hold no U+0000.
        currency: of the scores; "" leaves it out.
        part_names: as the answer names the parts of `ranked`.
    """
    items, parts = len(ranked.ids), len(ranked.parts)
    numbers, without = np.empty((items, parts, 3)), np.empty((items, parts), dtype=np.int64)
    for column, part in enumerate(ranked.parts):
        numbers[:, column, 0], numbers[:, column, 1], numbers[:, column, 2] = part.values, part.ranks, part.factors
        without[:, column] = part.places_without
    scores = np.require(ranked.scores, np.float64, ["C"])
    texts = (_texts(ranked.ids.tolist()), np.frombuffer(currency.encode(), np.uint8), _texts(part_names))
    return _write(*texts, scores.view(np.uint64), numbers.view(np.uint64), without).tobytes()


def warm() -> None:
    """Compiles the kernel that writes, or loads it from its cache, so that no caller waits for it; item_columns.warm
    does so for the one that reads."""
    nothing = np.empty(0)
    written_items(RankedItems(np.empty(0, dtype=object), np.empty(0, np.int64), nothing, (), 0), "", ())


def _texts(texts: Sequence[str]) -> Bytes:
    """Each with a 0 behind it, one after the other."""
    return np.frombuffer("\0".join([*texts, ""]).encode(), np.uint8)


@njit(cache=True, nogil=True)
def _read(wire: Bytes, items: int, width: int) -> tuple[IntArray, Bits, BoolArray, IntArray, BoolArray]:
    """Where each id begins and ends, and the columns of WireItems. The bytes are whole: protobuf wrote them."""
    spans = np.zeros((items, 2), np.int64)
    bits = np.zeros((items, width), np.uint64)
    sent = np.zeros((items, 2), np.bool_)
    counts = np.zeros(items, np.int64)
    odd = np.ones(items, np.bool_)
    at, row = 0, 0
    while at < len(wire):
        tag, at = _varint(wire, at)
        if tag != _ITEMS:
            at = _past(wire, at, tag)
            continue
        size, at = _varint(wire, at)
        counts[row] = _read_item(wire, at, at + size, spans[row], bits[row], sent[row])
        odd[row] = _is_odd(wire[spans[row, 0] : spans[row, 1]])
        at, row = at + size, row + 1
    return spans, bits, sent, counts, odd


@njit(cache=True, nogil=True)
def _gathered(wire: Bytes, spans: IntArray) -> Bytes:
    """The texts at the spans, a 0 behind each, to be decoded by one call instead of one for each."""
    out, at = np.empty((spans[:, 1] - spans[:, 0]).sum() + len(spans), np.uint8), 0
    for begin, end in spans:
        out[at : at + end - begin] = wire[begin:end]
        at += end - begin + 1
        out[at - 1] = 0
    return out


@njit(cache=True, nogil=True)
def _read_item(wire: Bytes, at: int, end: int, span: IntArray, bits: Bits, sent: BoolArray) -> int:
    """Fills the row of one item; how many values it has."""
    values = 0
    while at < end:
        tag, at = _varint(wire, at)
        if tag == _ID:
            size, at = _varint(wire, at)
            span[0], span[1] = at, at + size
            at += size
        elif tag in (_PRICE, _PROBABILITY):
            column = 0 if tag == _PRICE else 1
            bits[column], sent[column] = _double(wire, at), True
            at += 8
        elif tag == _VALUES:
            size, at = _varint(wire, at)
            values = size // 8
            for k in range(min(values, len(bits) - OWN_FIELDS)):
                bits[OWN_FIELDS + k] = _double(wire, at + 8 * k)
            at += size
        else:
            at = _past(wire, at, tag)
    return values


@njit(cache=True, nogil=True)
def _past(wire: Bytes, at: int, tag: int) -> int:
    """Where the value of a field ends that is not read; a group ends with all that it holds."""
    depth = 0
    while True:
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(wire, at)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _BYTES:
            size, at = _varint(wire, at)
            at += size
        else:
            depth += 1 if kind == _GROUP else -1
        if depth == 0:
            return at
        tag, at = _varint(wire, at)


@njit(cache=True, nogil=True)
def _varint(wire: Bytes, at: int) -> tuple[np.int64, int]:
    """The number that begins here, and where it ends."""
    number, shift = np.int64(0), np.int64(0)
    while True:
        byte = np.int64(wire[at])
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


@njit(cache=True, nogil=True)
def _double(wire: Bytes, at: int) -> np.uint64:
    bits = np.uint64(0)
    for k in range(8):
        bits |= np.uint64(wire[at + k]) << np.uint64(8 * k)
    return bits


@njit(cache=True, nogil=True)
def _is_odd(text: Bytes) -> bool:
    return len(text) == 0 or len(text) > MAX_ID_LENGTH or bool((text == 0).any())


@njit(cache=True, nogil=True)
def _write(ids: Bytes, currency: Bytes, names: Bytes, scores: Bits, numbers: Bits, without: IntArray) -> Bytes:
    """Items place by place. `numbers` are of value, rank and factor, shape (items, parts, 3)."""
    items, parts = without.shape
    id_ends, name_ends = _ends(ids, items), _ends(names, parts)
    room = len(ids) + items * (_FIXED_SIZE + len(currency) + len(names) + parts * _FIXED_SIZE)
    out = np.empty(room, np.uint8)
    at, id_begin = 0, 0
    for row in range(items):
        told = 0
        for part in range(parts):
            told += _message_size(_part_size(name_ends, part, without[row, part]))
        size = _number_size(row + 1) + _message_size(id_ends[row] - id_begin) + _DOUBLE_SIZE
        size += _message_size(len(currency)) if len(currency) else 0
        size += _message_size(told) if parts else 0
        at = _put_number(out, at, _RANKED, size)
        at = _put_number(out, at, _PLACE, row + 1)
        at = _put_text(out, at, _RANKED_ID, ids[id_begin : id_ends[row]])
        at = _put_double(out, at, _SCORE, scores[row])
        if len(currency):
            at = _put_text(out, at, _CURRENCY, currency)
        if parts:
            at = _put_number(out, at, _EXPLANATION, told)
            at = _put_parts(out, at, (names, name_ends), numbers[row], without[row])
        id_begin = id_ends[row] + 1
    return out[:at]


@njit(cache=True, nogil=True)
def _put_parts(out: Bytes, at: int, named: tuple[Bytes, IntArray], numbers: Bits, without: IntArray) -> int:
    """The parts of one item."""
    names, ends = named
    begin = 0
    for part in range(len(without)):
        at = _put_number(out, at, _PARTS, _part_size(ends, part, without[part]))
        at = _put_text(out, at, _NAME, names[begin : ends[part]])
        at = _put_double(out, at, _VALUE, numbers[part, 0])
        at = _put_double(out, at, _RANK, numbers[part, 1])
        at = _put_double(out, at, _FACTOR, numbers[part, 2])
        at = _put_number(out, at, _PLACE_WITHOUT, without[part])
        begin = ends[part] + 1
    return at


@njit(cache=True, nogil=True)
def _part_size(name_ends: IntArray, part: int, without: int) -> int:
    begin = 0 if part == 0 else name_ends[part - 1] + 1
    return _message_size(name_ends[part] - begin) + 3 * _DOUBLE_SIZE + _number_size(without)


@njit(cache=True, nogil=True)
def _ends(texts: Bytes, count: int) -> IntArray:
    """Where each text ends."""
    ends = np.empty(count, np.int64)
    found = 0
    for at in range(len(texts)):
        if texts[at] == 0 and found < count:
            ends[found] = at
            found += 1
    return ends


@njit(cache=True, nogil=True)
def _number_size(number: int) -> int:
    """Bytes of a number with its tag."""
    size = 2
    while number >= 128:
        number >>= 7
        size += 1
    return size


@njit(cache=True, nogil=True)
def _message_size(content: int) -> int:
    """Bytes of a message or text with its tag and length."""
    return _number_size(content) + content


@njit(cache=True, nogil=True)
def _put_number(out: Bytes, at: int, tag: int, number: int) -> int:
    """A tag and a number, the length of what follows it being one too; where it ends."""
    out[at] = tag
    at += 1
    while number >= 128:
        out[at] = (number & 127) | 128
        number >>= 7
        at += 1
    out[at] = number
    return at + 1


@njit(cache=True, nogil=True)
def _put_text(out: Bytes, at: int, tag: int, text: Bytes) -> int:
    at = _put_number(out, at, tag, len(text))
    out[at : at + len(text)] = text
    return at + len(text)


@njit(cache=True, nogil=True)
def _put_double(out: Bytes, at: int, tag: int, bits: int) -> int:
    out[at] = tag
    for k in range(8):
        out[at + 1 + k] = (bits >> np.uint64(8 * k)) & np.uint64(255)
    return at + _DOUBLE_SIZE
