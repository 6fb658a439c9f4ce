"""A file as a table: named columns as trimmed texts, or all of them as what they look like."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from farview.core.errors import InvalidInput
from jobs.import_source import SourceFile


def text_columns(path: Path, names: Sequence[str]) -> pa.Table:
    """The columns, in that order; what is missing in a row is an empty text.

    Args:
        path: CSV, TSV or Parquet, perhaps compressed.
        names: of the file's columns; named twice, a column comes once.

    Raises:
        InvalidInput: no such file, not a table, or a column is missing.
    """
    source = SourceFile(path)
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        source.place(name, "name the columns by the options")
    table = _read(source, wanted, dict.fromkeys(source.header, pa.string()))
    return pa.table(
        {name: pc.utf8_trim_whitespace(pc.fill_null(pc.cast(table[name], pa.string()), "")) for name in wanted}
    )


def guessed_columns(path: Path) -> pa.Table:
    """All columns of a file, each of the narrowest type that all its rows have.

    Args:
        path: CSV, TSV or Parquet, perhaps compressed.

    Raises:
        InvalidInput: no such file, not a table, or a name stands twice in its header.
    """
    source = SourceFile(path)
    for name in source.header:
        source.place(name, "rename one")
    return _read(source, source.header, {})


def _read(source: SourceFile, names: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    """Columns that the header has; those of a text file are of the types named, others are guessed."""
    try:
        if source.is_parquet:
            return pyarrow.parquet.read_table(source.path, columns=list(names))
        return pyarrow.csv.read_csv(
            source.path,
            parse_options=pyarrow.csv.ParseOptions(delimiter=source.delimiter),
            convert_options=pyarrow.csv.ConvertOptions(include_columns=list(names), column_types=dict(types)),
        )
    except pa.ArrowException as error:
        problem = str(error).splitlines()[0]
        raise InvalidInput.of(str(source.path), f"cannot be read as a table ({problem})") from None
