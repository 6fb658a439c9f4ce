"""A file with more than thirty kinds of bad rows: good rows are kept, bad ones rejected for the right reason."""

import csv
from pathlib import Path

from farview.store.store import Store
from tests.jobs.test_import_rates import rates
from tests.jobs.test_import_transactions import events, run

HEADER = b"customer_id,time,amount,currency,ingested_at,transaction_id\n"
GOOD = (
    b"a,2024-01-15,5,,,g1",
    b'"Smith, J",2024-01-15T23:59:59.999999+05:30,-12.5,USD,2024-02-01,g2',  # a return, in another currency
    b"b, 20240116 ,0,eur,,",  # nothing is a purchase too
    b"Zo\xc3\xab,2024-01-16 08:00,1e3,EUR,,g4",
)
NOT_A_TIME = "is not a time (write 1997-09-30 or 1997-09-30T14:05:00+02:00)"
NO_RATE = "and there is no rate of that day or the 7 days before it (farview import rates FILE)"
BAD = {
    b",2024-01-15,5,,,": "customer_id is empty",
    b"   ,2024-01-15,5,,,": "customer_id is empty",
    b"a\x00b,2024-01-15,5,,,": "customer_id contains a NUL character (is the file UTF-8?)",
    b"a,,5,,,": "time is empty",
    b"a,31.12.2023,5,,,": f'time "31.12.2023" {NOT_A_TIME}',
    b"a,12/31/2023,5,,,": f'time "12/31/2023" {NOT_A_TIME}',
    b"a,yesterday,5,,,": f'time "yesterday" {NOT_A_TIME}',
    b"a,infinity,5,,,": f'time "infinity" {NOT_A_TIME}',
    b"a,2024-02-30,5,,,": f'time "2024-02-30" {NOT_A_TIME}',
    b"a,2024-01-15 25:00,5,,,": f'time "2024-01-15 25:00" {NOT_A_TIME}',
    b"a,1705276800,5,,,": f'time "1705276800" {NOT_A_TIME}',
    b"a,2999-01-01,5,,,": 'time "2999-01-01" lies in the future (is the year or the order of day and month wrong?)',
    b"a,0199-01-01,5,,,": 'time "0199-01-01" lies before 1900 (is the year written with four digits?)',
    b"a,2024-01-15,,,,": "amount is empty",
    b'a,2024-01-15,"12,50",,,': 'amount "12,50" is not a number (is the decimal mark a comma? try --decimal ,)',
    b'a,2024-01-15,"1,000.50",,,': 'amount "1,000.50" is not a number (is the decimal mark a comma? try --decimal ,)',
    b"a,2024-01-15,twelve,,,": 'amount "twelve" is not a number',
    b"a,2024-01-15,1_000,,,": 'amount "1_000" is not a number',
    b"a,2024-01-15,nan,,,": 'amount "nan" is not a number',
    b"a,2024-01-15,inf,,,": 'amount "inf" is not a number',
    b"a,2024-01-15,(5.00),,,": 'amount "(5.00)" is not a number',
    b"a,2024-01-15,5 EUR,,,": 'amount "5 EUR" is not a number',
    b"a,2024-01-15,5-,,,": 'amount "5-" is not a number',
    b"a,2024-01-15,1e12,,,": 'amount "1e12" is not a number below 10^12',
    b"a,2024-01-15,5,dollars,,": 'currency "dollars" is not an ISO 4217 code like EUR',
    b"a,2024-01-15,5,GBP,,": f'currency "GBP" is not the reporting currency EUR, {NO_RATE}',
    b"a,2024-01-24,5,USD,,": f'currency "USD" is not the reporting currency EUR, {NO_RATE}',  # the rate is too old
    b"a,2024-01-14,5,USD,,": f'currency "USD" is not the reporting currency EUR, {NO_RATE}',  # and here too young
    b"a,2024-01-15,900000000000,USD,,": 'currency "USD" makes an amount of 10^12 or more in EUR',
    b"a,2024-01-15,5,,soon,": f'ingested_at "soon" {NOT_A_TIME}',
    b"a,2024-01-15,5,,2999-01-01,": 'ingested_at "2999-01-01" lies in the future (is the year or the order of day and '
    "month wrong?)",
    b"a,2024-01-15,5,,,t\x00": "transaction_id contains a NUL character (is the file UTF-8?)",
    b"a,2024-01-15,5": '"a,2024-01-15,5" has fewer fields than the header',
    b"a,2024-01-15,12,50,EUR,,t": '"a,2024-01-15,12,50,EUR,,t" has more fields than the header (a decimal comma '
    "needs quotes, or another delimiter)",
}
BROKEN = b"M\xfcller,2024-01-15,5,,,"  # Latin-1


def test_every_good_row_is_kept_and_every_bad_one_has_its_reason(store: Store, tmp_path: Path) -> None:
    rates(store, tmp_path, "2024-01-15,USD,1.2")
    bad = [*BAD, BROKEN]
    mixed = [row for n, row in enumerate(bad) for row in ((row, GOOD[n]) if n < len(GOOD) else (row,))]
    path = tmp_path / "export.csv"
    path.write_bytes(HEADER + b"\n".join(mixed) + b"\n")
    result = run(store, path)
    assert [(customer, amount) for customer, _, amount in events(store)] == [
        ("Smith, J", -15.0),
        ("Zoë", 1000.0),
        ("a", 5.0),
        ("b", 0.0),
    ]
    assert (result.imported.counts.added, result.imported.rejected) == (len(GOOD), len(bad))
    told = [line.split(",", 2) for line in _records(tmp_path / "export.rejects.csv")]
    lines = {row: n for n, row in enumerate(mixed, start=2)}
    assert [int(line) for line, _, _ in told] == [lines[row] for row in bad]
    for (_, field, problem), said in zip(told, BAD.values(), strict=False):
        assert f"{field} {problem}".strip() == said
    assert told[-1][2].endswith("is not UTF-8")


def test_importing_it_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(HEADER + b"\n".join([*GOOD, *BAD]) + b"\n")
    run(store, path)
    before = events(store), store.customers()
    again = run(store, path)
    assert again.imported.before
    assert "nothing changed" in again.lines()[0]
    assert (events(store), store.customers()) == before


def test_there_are_thirty_kinds_of_them() -> None:
    assert len({*BAD, BROKEN}) >= 30


def _records(rejects: Path) -> list[str]:
    """Line, field and problem of each reject."""
    with rejects.open(encoding="utf-8", newline="") as file:
        return [",".join(record[:3]) for record in list(csv.reader(file))[1:]]
