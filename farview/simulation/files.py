"""A world on disk: one consistent set of ids over six tables, and the numbers that are true of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from farview.core.errors import InvalidInput
from farview.simulation.business import World
from farview.simulation.customers import (
    CONSENTS,
    CUSTOMERS,
    Customers,
    consents_table,
    customer_blocks,
    customers_table,
)
from farview.simulation.impressions import IMPRESSIONS, impressions_table, simulate_lists
from farview.simulation.items import ITEMS, Catalogue, items_table, make_catalogue
from farview.simulation.journeys import simulate_touches
from farview.simulation.messy import messy_log, messy_purchases
from farview.simulation.touch_log import TOUCHPOINTS, log_rows, log_table
from farview.simulation.transactions import TRANSACTIONS, simulate_purchases, transactions_table

Format = Literal["csv", "parquet"]
SCHEMAS = {
    "customers": CUSTOMERS,
    "consents": CONSENTS,
    "transactions": TRANSACTIONS,
    "touchpoints": TOUCHPOINTS,
    "items": ITEMS,
    "impressions": IMPRESSIONS,
}
TRUTH = "truth.json"
GROUP = 32  # blocks written at once


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of the world; truth.json counts no rows."""

    path: Path
    rows: int | None
    size_bytes: int


def block_tables(
    world: World, catalogue: Catalogue, customers: Customers, *, messy: bool = False
) -> dict[str, pa.Table]:
    """Every table of one block of customers; `items`, which no block owns, is not among them."""
    touches = log_rows(simulate_touches(world, customers))
    purchases = simulate_purchases(world, customers)
    if messy:
        touches = messy_log(world, customers, touches)
        purchases = messy_purchases(world, customers, purchases)
    return {
        "customers": customers_table(customers),
        "consents": consents_table(world, customers),
        "transactions": transactions_table(purchases),
        "touchpoints": log_table(world, touches),
        "impressions": impressions_table(simulate_lists(world, catalogue, customers)),
    }


def write_world(
    world: World,
    count: int,
    folder: Path,
    *,
    file_format: Format = "csv",
    messy: bool = False,
    advance: Callable[[int], None] | None = None,
) -> list[WrittenFile]:
    """Writes customers 0 to count - 1 and all that happened to them, block by block: memory does not grow with them.

    Args:
        world: the business.
        count: customers.
        folder: made if absent; must be empty.
        file_format: csv or parquet.
        messy: add the faults of real exports.
        advance: told how many more customers are written.

    Raises:
        InvalidInput: no customers asked for, or the folder has something in it.
    """
    if count < 1:
        raise InvalidInput.of("customers", f"{count} is not a number of customers (1 or more)")
    _make_empty(folder)
    catalogue = make_catalogue(world)
    paths = {name: folder / f"{name}.{file_format}" for name in SCHEMAS}
    rows = dict.fromkeys(SCHEMAS, 0)
    with ExitStack() as stack:
        writers = {name: _writer(stack, path, SCHEMAS[name]) for name, path in paths.items()}

        def write(name: str, table: pa.Table) -> None:
            writers[name].write_table(_as_text(table) if file_format == "csv" else table)
            rows[name] += table.num_rows

        write("items", items_table(world, catalogue))
        for customers, tables in _groups(world, catalogue, count, messy):
            for name, table in tables.items():
                write(name, table)
            if advance:
                advance(customers)
    written = [WrittenFile(path, rows[name], path.stat().st_size) for name, path in paths.items()]
    truth = folder / TRUTH
    truth.write_text(_truth(world, catalogue, customers=count, messy=messy), encoding="utf-8")
    return [*written, WrittenFile(truth, None, truth.stat().st_size)]


def _groups(world: World, catalogue: Catalogue, count: int, messy: bool) -> Iterator[tuple[int, dict[str, pa.Table]]]:
    """The tables of GROUP blocks at a time, with how many customers they hold."""
    waiting: list[dict[str, pa.Table]] = []
    held = 0
    for customers in customer_blocks(world, count):
        waiting.append(block_tables(world, catalogue, customers, messy=messy))
        held += len(customers)
        if len(waiting) == GROUP:
            yield held, _joined(waiting)
            waiting, held = [], 0
    if waiting:
        yield held, _joined(waiting)


def _joined(blocks: list[dict[str, pa.Table]]) -> dict[str, pa.Table]:
    return {name: pa.concat_tables([block[name] for block in blocks]) for name in blocks[0]}


def _writer(stack: ExitStack, path: Path, schema: pa.Schema) -> pyarrow.csv.CSVWriter | pyarrow.parquet.ParquetWriter:
    if path.suffix == ".parquet":
        return stack.enter_context(pyarrow.parquet.ParquetWriter(path, schema))
    schema = _as_text(schema.empty_table()).schema
    file = stack.enter_context(path.open("wb"))
    file.write((",".join(schema.names) + "\n").encode())  # pyarrow would quote the names
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    return stack.enter_context(pyarrow.csv.CSVWriter(file, schema, write_options=options))


def _as_text(table: pa.Table) -> pa.Table:
    """The table with its times as ISO 8601 has them (2025-01-01T08:00:00Z); pyarrow would write a blank for the T."""
    for place, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            table = table.set_column(place, column.name, pc.strftime(table[column.name], "%Y-%m-%dT%H:%M:%SZ"))
    return table


def _make_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidInput.of("out", f"{folder} is a file (name a folder that is new or empty)")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput.of("out", f"{folder} is not empty (name a folder that is new or empty)")
    folder.mkdir(parents=True, exist_ok=True)


def _truth(world: World, catalogue: Catalogue, **written: int | bool) -> str:
    """Every number the simulation used, so that the truth can be read without running it again."""
    document = {"written": written, "world": asdict(world), "catalogue": asdict(catalogue)}
    return json.dumps(document, default=_plain, indent=1) + "\n"


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else str(value)
