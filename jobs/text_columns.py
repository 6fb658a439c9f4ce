"""Named columns of a file as trimmed texts, for what makes sense of them itself."""

from collections.abc import Sequence
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
    try:
        if source.is_parquet:
            table = pyarrow.parquet.read_table(path, columns=wanted)
        else:
            kinds = dict.fromkeys(source.header, pa.string())
            table = pyarrow.csv.read_csv(
                path,
                parse_options=pyarrow.csv.ParseOptions(delimiter=source.delimiter),
                convert_options=pyarrow.csv.ConvertOptions(include_columns=wanted, column_types=kinds),
            )
    except pa.ArrowException as error:
        raise InvalidInput.of(str(path), f"cannot be read as a table ({str(error).splitlines()[0]})") from None
    return pa.table(
        {name: pc.utf8_trim_whitespace(pc.fill_null(pc.cast(table[name], pa.string()), "")) for name in wanted}
    )
