"""Writes the generated parts of docs/sql.md: the columns of the views, and the picture of the tables.

python docs/generate.py            writes them
python docs/generate.py --check    exits 1 when the page says something else
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Table
from sqlalchemy.types import BigInteger, Boolean, Date, Float, Integer, LargeBinary, Numeric, Text

from farview.store.schema import METADATA
from farview.store.types import UtcDateTime
from farview.store.views import VIEWS, View

PAGE = Path(__file__).resolve().parent / "sql.md"
_TYPES = {
    UtcDateTime: "instant",
    Boolean: "bool",
    Date: "date",
    Float: "float",
    Numeric: "decimal",
    BigInteger: "int",
    Integer: "int",
    LargeBinary: "bytes",
    Text: "text",
}
_ROLES = {"forecast_run_id": "run_id"}  # columns that name a table's key otherwise


def main(arguments: list[str]) -> int:
    """Runs the mode named on the command line; returns the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    page = PAGE.read_text()
    wanted = page
    for name, text in {"views": _views(), "tables": _picture()}.items():
        begin, end = f"<!-- {name}: docs/generate.py -->\n", "<!-- end -->"
        before, _, rest = wanted.partition(begin)
        wanted = f"{before}{begin}\n{text}\n\n{end}{rest.partition(end)[2]}"
    if arguments:
        print("docs/sql.md is up to date" if page == wanted else "docs/sql.md is not; run python docs/generate.py")
        return int(page != wanted)
    PAGE.write_text(wanted)
    return 0


def _views() -> str:
    return "\n\n".join(map(_view, VIEWS))


def _view(view: View) -> str:
    rows = (f"| `{column.name}` | {column.about} |" for column in view.columns)
    return "\n".join((f"### {view.name}", "", view.about, "", "| column | |", "|---|---|", *rows))


def _picture() -> str:
    """All tables and which points to which: a full line is a foreign key, a dotted one has no constraint."""
    tables = [METADATA.tables[name] for name in sorted(METADATA.tables)]
    keys = {key: table.name for table in tables for key in _own_key(table)}
    lines = [line for table in tables for line in (*_entity(table), *_relations(table, keys))]
    return "\n".join(("```mermaid", "erDiagram", *(f"    {line}" for line in lines), "```"))


def _own_key(table: Table) -> list[str]:
    """The column that is the whole primary key, where there is one."""
    columns = list(table.primary_key.columns)
    return [columns[0].name] if len(columns) == 1 and columns[0].name.endswith("_id") else []


def _entity(table: Table) -> Iterator[str]:
    yield f"{table.name} {{"
    for column in table.columns:
        marks = [mark for mark, holds in (("PK", column.primary_key), ("FK", bool(column.foreign_keys))) if holds]
        yield f"    {_type(column)} {column.name}" + (f" {', '.join(marks)}" if marks else "")
    yield "}"


def _type(column: Column[object]) -> str:
    return next(word for kind, word in _TYPES.items() if isinstance(column.type, kind))


def _relations(table: Table, keys: dict[str, str]) -> Iterator[str]:
    held = {column.name for column in table.columns if column.foreign_keys}
    for name in sorted({key.column.table.name for key in table.foreign_keys}):
        yield f"{name} ||--o{{ {table.name} : has"
    for column in table.columns:
        target = keys.get(_ROLES.get(column.name, column.name))
        if target not in (None, table.name) and column.name not in held:
            yield f"{target} ||..o{{ {table.name} : {column.name}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
