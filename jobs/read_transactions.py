"""Transaction files as event batches: CSV, CSV.gz or Parquet, read by DuckDB as text; every bad row gets a reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput

KEPT_REJECTS = 1000  # reasons kept; all are counted
_CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
# An offset needs a time of day before it, or 1997-09-30 would end in one.
_OFFSET = r":\d\d(\.\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True, slots=True)
class TransactionFormat:
    """How a file writes its transactions."""

    customer: str = c.CUSTOMER_ID  # names of columns
    time: str = c.TIME
    amount: str = c.AMOUNT
    decimal: str = "."
    zone: str = "UTC"  # of times that name no offset


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was not taken."""

    line: int  # of a CSV, header included, a record of several lines counted as one; of Parquet the row, from 1
    field: str
    problem: str  # what is wrong, and the mend


@dataclass(slots=True)
class TransactionFile:
    """One pass over a file: batches come out, rejected rows are counted on the way."""

    path: Path
    format: TransactionFormat
    rejected_rows: int = 0
    rejects: list[Reject] = field(default_factory=list)  # in file order, complete after the pass

    def batches(self) -> Iterator[pa.RecordBatch]:
        """`schemas.EVENTS` batches in file order.

        Raises:
            InvalidInput: no such file, not a table, a column is missing, or the zone is unknown.
        """
        import duckdb

        zone_of(self.format.zone)
        if not self.path.is_file():
            raise InvalidInput.of(str(self.path), "no such file")
        self.rejected_rows, self.rejects = 0, []
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            try:
                source = connection.sql(f"select * from {self._source()}")
                self._check_columns(source.columns)
                for batch in connection.sql(self._query()).to_arrow_reader(65_536):
                    yield self._accepted(batch)
                if not self._is_parquet():
                    self._add_malformed_lines(connection)
            except duckdb.Error as error:
                first_line = str(error).strip().splitlines()[0]
                raise InvalidInput.of(str(self.path), f"cannot be read as a table ({first_line})") from None

    def _is_parquet(self) -> bool:
        return not self.path.name.lower().endswith(_CSV_ENDINGS)

    def _source(self) -> str:
        path = "'" + str(self.path).replace("'", "''") + "'"
        if self._is_parquet():
            return f"read_parquet({path})"
        return f"read_csv({path}, all_varchar = true, header = true, store_rejects = true, rejects_limit = 0)"

    def _check_columns(self, present: list[str]) -> None:
        for option in ("customer", "time", "amount"):
            name = getattr(self.format, option)
            if name not in present:
                raise InvalidInput.of(
                    str(self.path), f"no column {name!r}; it has {', '.join(present)} (use --{option}-column NAME)"
                )

    def _query(self) -> str:
        customer, time, amount = (
            '"' + name.replace('"', '""') + '"' for name in (self.format.customer, self.format.time, self.format.amount)
        )
        decimal, zone = self.format.decimal.replace("'", "''"), self.format.zone
        number = f"replace(amount_text, '{decimal}', '.')" if decimal != "." else "amount_text"
        return f"""
            with texts as (
                select row_number() over () as row,
                    trim(cast({customer} as varchar)) as customer_id,
                    trim(cast({time} as varchar)) as time_text,
                    trim(cast({amount} as varchar)) as amount_text
                from {self._source()}
            ), typed as (
                select row, nullif(customer_id, '') as customer_id, time_text, amount_text,
                    case when regexp_matches(time_text, '{_OFFSET}') then try_cast(time_text as timestamptz)
                        else timezone('{zone}', try_cast(time_text as timestamp)) end as instant,
                    try_cast({number} as double) as amount
                from texts
            )
            select row, customer_id, time_text, amount_text,
                case when instant >= timestamptz '1900-01-01' and instant < timestamptz '2200-01-01'
                    then instant end as instant,
                case when isfinite(amount) then amount end as amount
            from typed
        """

    def _accepted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        customer, instant, amount = (batch.column(name) for name in ("customer_id", "instant", "amount"))
        good = pc.and_(pc.and_(pc.is_valid(customer), pc.is_valid(instant)), pc.is_valid(amount))
        bad = batch.filter(pc.invert(good))
        self.rejected_rows += bad.num_rows
        for row in bad.slice(0, max(KEPT_REJECTS - len(self.rejects), 0)).to_pylist():
            self.rejects.append(self._reason(row))
        events = pa.RecordBatch.from_arrays([customer, instant, amount], [c.CUSTOMER_ID, c.TIME, c.AMOUNT])
        return events.filter(good).cast(schemas.EVENTS)

    def _reason(self, row: dict[str, Any]) -> Reject:
        line = row["row"] + (0 if self._is_parquet() else 1)
        text = row["amount_text"]
        if row["customer_id"] is None:
            return Reject(line, self.format.customer, "is empty")
        if row["instant"] is None:
            problem = f'"{row["time_text"] or ""}" is not a time between 1900 and 2199 (write 1997-09-30 or '
            return Reject(line, self.format.time, problem + "1997-09-30T14:05:00+02:00)")
        if not text:
            return Reject(line, self.format.amount, "is empty")
        mend = " (is the decimal mark a comma? try --decimal ,)" if "," in text and self.format.decimal != "," else ""
        return Reject(line, self.format.amount, f'"{text}" is not a number{mend}')

    def _add_malformed_lines(self, connection: Any) -> None:
        """Lines with too few or too many fields never became rows: adds them, and shifts the lines after them."""
        rows = (
            connection.sql(
                "select line, any_value(error_message) as problem from reject_errors group by line order by line"
            )
            .to_arrow_table()
            .to_pylist()
        )
        malformed = [Reject(row["line"], "line", row["problem"]) for row in rows]
        shifted = []
        for reject in self.rejects:
            line = reject.line
            for bad in malformed:
                line += bad.line <= line
            shifted.append(Reject(line, reject.field, reject.problem))
        self.rejected_rows += len(malformed)
        self.rejects = sorted([*shifted, *malformed], key=lambda reject: reject.line)[:KEPT_REJECTS]
