"""Rates from files, and amounts of files converted by them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.store.batches import RATES
from farview.store.store import Store
from farview.store.values import Business, Transaction
from jobs.import_file import ImportResult, import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions, FileReader
from tests.jobs.test_import_transactions import events, run, written
from tests.tiers import examples

HEADER = "customer_id,time,amount,currency\n"


def rates(store: Store, folder: Path, *lines: str) -> ImportResult:
    path = written(folder, "\n".join(["date,currency,rate", *lines]) + "\n", f"rates{len(store.operations())}.csv")
    return import_file(store, KINDS["rates"], path, FileOptions(), who="ada")


def test_amounts_of_a_file_are_converted_by_the_rate_of_the_day(store: Store, tmp_path: Path) -> None:
    rates(store, tmp_path, "2024-01-15,USD,0.9", "2024-01-16,USD,0.8", "2024-01-15,gbp,1.2")
    lines = [
        "a,2024-01-15,10,USD",
        "b,2024-01-15T23:30:00Z,10,usd",  # Tuesday in Berlin
        "c,2024-01-23,10,USD",  # 7 days later
        "d,2024-01-15,10,GBP",
        "e,2024-01-15,10,",
    ]
    run(store, written(tmp_path, HEADER + "\n".join(lines) + "\n"))
    assert [amount for _, _, amount in events(store)] == [9.0, 8.0, 8.0, 12.0, 10.0]


def test_a_row_without_a_rate_is_rejected_and_imported_with_it(sqlite_store: Store, tmp_path: Path) -> None:
    rates(sqlite_store, tmp_path, "2024-01-15,USD,0.9")
    result = run(sqlite_store, written(tmp_path, f"{HEADER}a,2024-01-24,10,USD\nb,2024-01-14,10,USD\n"))
    said = (
        'currency "USD" is not the reporting currency EUR, and there is no rate of that day or the 7 days before it '
        "(farview import rates FILE)"
    )
    assert [str(reject) for reject in result.rejects] == [said, said]
    rates(sqlite_store, tmp_path, "2024-01-20,USD,0.7", "2024-01-10,USD,0.5")
    run(sqlite_store, tmp_path / "sales.rejects.csv")
    assert [amount for _, _, amount in events(sqlite_store)] == [7.0, 5.0]


def test_touches_without_a_value_need_no_rate(sqlite_store: Store, tmp_path: Path) -> None:
    text = "customer_id,time,interaction,channel,conversion_value,currency\na,2024-01-15,click,web,,USD\n"
    path = written(tmp_path, text)
    assert import_file(sqlite_store, KINDS["touchpoints"], path, FileOptions(), who="ada").imported.rejected == 0


def test_the_rate_of_the_reporting_currency_itself_is_1(sqlite_store: Store, tmp_path: Path) -> None:
    result = rates(sqlite_store, tmp_path, "2024-01-15,EUR,1.0", "2024-01-16,EUR,1.1")
    assert [str(reject) for reject in result.rejects] == [
        'rate "1.1" is of the reporting currency EUR itself, whose rate is 1'
    ]


def test_an_amount_that_grows_too_large_is_rejected(sqlite_store: Store, tmp_path: Path) -> None:
    rates(sqlite_store, tmp_path, "2024-01-15,USD,1000")
    result = run(sqlite_store, written(tmp_path, f"{HEADER}a,2024-01-15,1e10,USD\n"))
    assert [str(reject) for reject in result.rejects] == ['currency "USD" makes an amount of 10^12 or more in EUR']


def test_rows_keep_their_order_beside_many_rates(tmp_path: Path) -> None:
    days = [date(2024, 1, 1) - timedelta(days=n) for n in range(8_000)]
    many = RATES.empty_table().from_pylist([{"currency": "USD", "date": day, "rate": 0.5} for day in days], RATES)
    lines = "".join(f"c{n},2023-12-{1 + n % 31:02},1,{('USD', 'EUR')[n % 2]}\n" for n in range(500))
    business = Business("Europe/Berlin", "EUR", consent_required=False)
    reader = FileReader(written(tmp_path, HEADER + lines), KINDS["transactions"], FileOptions(), business, many)
    customers = [row["customer_id"] for batch in reader.batches() for row in batch.to_pylist()]
    assert customers == [f"c{n}" for n in range(500)]


@settings(max_examples=examples(ci=15, soak=1_000))
@given(
    amount=st.decimals(Decimal(-(10**8)), Decimal(10**8), places=6),
    rate=st.decimals(Decimal("0.0000000001"), Decimal(5_000), places=10),
)
def test_a_row_recorded_over_rpc_is_the_same_as_in_a_file(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, amount: Decimal, rate: Decimal
) -> None:
    folder = tmp_path_factory.mktemp("same")
    (folder / "farview.db").write_bytes(sqlite_template.read_bytes())
    store = Store.open(f"sqlite:///{folder / 'farview.db'}")
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    rates(store, folder, f"2024-01-15,USD,{rate:f}")
    path = written(folder, f"transaction_id,customer_id,time,amount,currency\nt1,a,2024-01-15,{amount:f},USD\n")
    import_file(store, KINDS["transactions"], path, FileOptions(), who="ada")
    time = datetime(2024, 1, 14, 23, tzinfo=UTC)
    assert store.record_transactions([Transaction("a", time, amount, "USD", "t1")], who="ada").unchanged == 1
    store.close()


def test_a_backtest_has_no_rates(tmp_path: Path) -> None:
    from jobs.backtest_events import read_events

    with pytest.raises(InvalidInput, match="is not the reporting currency EUR"):
        read_events(written(tmp_path, f"{HEADER}a,2024-01-15,10,USD\n"), FileOptions(), "UTC", "EUR")
