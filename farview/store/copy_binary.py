r"""Arrow batches as PostgreSQL's binary COPY format, by numpy.

A forecast has 24 doubles and two grids; as text they cost more than half of the insert. Source: PostgreSQL manual,
COPY, "Binary Format": a header; per row an int16 count of fields and per field an int32 length and the bytes, all
big-endian; a null has length -1 and no bytes; at the end an int16 -1.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_EPOCH_DAYS = (date(2000, 1, 1) - date(1970, 1, 1)).days  # PostgreSQL counts from 2000
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000

Ints = npt.NDArray[np.integer[Any]]


def encode(batch: pa.RecordBatch) -> bytes:
    """The stream of one COPY. Columns: bool, double, int32, int64, decimal128(18, 6), date, timestamp[us], string,
    fixed-size binary.

    Rows with the same lengths of text and the same nulls are one numpy record array, so the order of rows is not kept.
    """
    columns = [_column(array) for array in batch.columns]
    shapes, shape_of_row = _shapes(columns, batch.num_rows)
    order = np.argsort(shape_of_row, kind="stable")
    bounds = np.searchsorted(shape_of_row, np.arange(len(shapes) + 1), sorter=order)
    parts = [HEADER]
    for i, widths in enumerate(shapes):
        parts.append(_records(columns, widths, order[bounds[i] : bounds[i + 1]]))
    parts.append(TRAILER)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Column:
    """`values` shape (rows,) of a fixed width; or, with `offsets` shape (rows + 1,), the bytes of all texts."""

    values: npt.NDArray[Any]
    offsets: Ints | None
    nulls: npt.NDArray[np.bool_] | None

    def widths(self) -> Ints | None:
        """Bytes per row, -1 for null; None when every row has the dtype's width."""
        if self.offsets is None and self.nulls is None:
            return None
        widths: Ints = np.diff(self.offsets) if self.offsets is not None else np.full(len(self.values), self.width)
        return widths if self.nulls is None else np.where(self.nulls, -1, widths)

    @property
    def width(self) -> int:
        return self.values.dtype.itemsize

    def take(self, rows: Ints, width: int) -> npt.NDArray[Any]:
        """Shape (rows,), items of that width."""
        if self.offsets is None:
            return self.values[rows]
        texts = self.values[self.offsets[rows, None] + np.arange(width)]
        return texts.view(f"V{width}")[:, 0]


def _shapes(columns: list[_Column], rows: int) -> tuple[list[list[int]], Ints]:
    """The distinct rows of widths, and which of them each row has."""
    number: Ints = np.zeros(rows, np.int64)
    fixed = [column.width for column in columns]
    varying = [(i, widths) for i, column in enumerate(columns) if (widths := column.widths()) is not None]
    for _, widths in varying:
        distinct, rank = np.unique(widths, return_inverse=True)
        number = np.unique(number * len(distinct) + rank, return_inverse=True)[1]
    _, first = np.unique(number, return_index=True)
    shapes = []
    for row in first:
        shape = list(fixed)
        for i, widths in varying:
            shape[i] = int(widths[row])
        shapes.append(shape)
    return shapes, number


def _records(columns: list[_Column], widths: list[int], rows: Ints) -> bytes:
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
        fields.append((f"width{i}", ">i4"))
        if width > 0:
            fields.append((f"value{i}", column.values.dtype.str if column.offsets is None else f"V{width}"))
    records = np.empty(len(rows), np.dtype(fields))
    records["count"] = len(columns)
    for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
        records[f"width{i}"] = width
        if width > 0:
            records[f"value{i}"] = column.take(rows, width)
    return records.tobytes()


def _column(array: pa.Array) -> _Column:
    kind, rows, skip = array.type, len(array), array.offset
    nulls = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if pa.types.is_string(kind):
        offsets = np.frombuffer(array.buffers()[1], np.int32)[skip : skip + rows + 1]
        text = array.buffers()[2]
        return _Column(np.frombuffer(text if text is not None else b"", np.uint8), offsets, nulls)
    if pa.types.is_fixed_size_binary(kind):
        dtype = np.dtype(f"V{kind.byte_width}")
        return _Column(np.frombuffer(array.buffers()[1], dtype)[skip : skip + rows], None, nulls)
    if pa.types.is_decimal(kind):
        low_words = np.frombuffer(array.buffers()[1], np.int64)[0::2]  # 18 digits fit into the lower half
        return _Column(_numeric(low_words[skip : skip + rows]), None, nulls)
    if pa.types.is_boolean(kind):
        return _Column(array.fill_null(False).to_numpy(zero_copy_only=False).view(np.uint8), None, nulls)
    native = np.dtype("f8") if pa.types.is_float64(kind) else np.dtype(f"i{kind.bit_width // 8}")
    values = np.frombuffer(array.buffers()[1], native)[skip : skip + rows]
    if pa.types.is_date32(kind):
        values = values - np.int32(_EPOCH_DAYS)
    elif pa.types.is_timestamp(kind):
        values = values - _EPOCH_US
    return _Column(values.astype(native.newbyteorder(">")), None, nulls)


def _numeric(millionths: Ints) -> npt.NDArray[Any]:
    """Shape (rows,): NUMERIC as digits to the base 10,000, three before the point and two after it.

    Source: PostgreSQL src/backend/utils/adt/numeric.c, numeric_recv, which drops the zeros at both ends itself.
    """
    kind = np.dtype([("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">u2"), ("digits", ">i2", 5)])
    whole, fraction = np.divmod(np.abs(millionths), 1_000_000)
    numbers = np.empty(len(millionths), kind)
    numbers["count"], numbers["weight"], numbers["scale"] = 5, 2, 6
    numbers["sign"] = np.where(millionths < 0, 0x4000, 0)
    numbers["digits"] = np.stack(
        [whole // 10**8, whole // 10**4 % 10**4, whole % 10**4, fraction // 100, fraction % 100 * 100], axis=1
    )
    return numbers.view("V18")
