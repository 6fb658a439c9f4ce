"""Models of effects from treatments in a database: fitted, examined, reproduced, and published as effects."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store
from farview.store.values import Business
from jobs.gate import gate
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.reproduce import reproduce
from jobs.train_uplift import UpliftFit, score_effects, train_uplift
from jobs.uplift_rows import MOST_DAYS, feature_days, treated_rows

CUSTOMERS = 420
DAY = date(2024, 3, 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Customers with one or four purchases; email adds 8 to the latter, takes 2 from the former; outcomes as known."""
    folder = tmp_path_factory.mktemp("uplift")
    rng = np.random.default_rng(1)
    sales, mails = ["customer_id,time,amount"], ["customer_id,time,action,propensity,outcome"]
    for i in range(CUSTOMERS):
        often = i % 2 == 0
        sales += [f"c{i:03d},2024-0{1 + k // 2}-{1 + 9 * (k % 2):02d},20" for k in range(4 if often else 1)]
        email = rng.random() < 0.5
        outcome = 10 + (8 if often else -2) * email + rng.normal()
        mails.append(f"c{i:03d},{DAY},{'email' if email else 'none'},0.5,{'' if i == 7 else f'{outcome:.2f}'}")
    sales.append(f"c000,{DAY + timedelta(days=9)},9000")  # after the treatment
    (folder / "transactions.csv").write_text("\n".join(sales))
    (folder / "treatments.csv").write_text("\n".join(mails))
    return folder


def filled(url: str, files: Path) -> Store:
    store = Store.open(url)
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    for kind in ("transactions", "treatments"):
        import_file(store, KINDS[kind], files / f"{kind}.csv", FileOptions(), who="ada")
    return store


@pytest.fixture
def store(sqlite_url: str, files: Path) -> Iterator[Store]:
    opened = filled(sqlite_url, files)
    yield opened
    opened.close()


def test_effects_of_customers_are_published_and_differ_as_in_truth(database_url: str, files: Path) -> None:
    store = filled(database_url, files)
    version = train_uplift(store, who="ada")
    run = score_effects(store, as_of=DAY, who="ada")
    effects = store.treatment_effects(run.effect_run_id, "email")
    often = np.array([int(name[1:]) % 2 == 0 for name in effects["customer_id"].to_pylist()])
    effect = effects["effect"].to_numpy()
    assert (version.name, run.model_name, run.customers) == ("uplift/1", "uplift/1", CUSTOMERS)
    assert effect[often].mean() == pytest.approx(8, abs=1.5)
    assert effect[~often].mean() == pytest.approx(-2, abs=1.5)
    assert version.metrics["without_outcome"] == 1
    assert version.metrics["evidence"] == "randomised"
    store.close()


def test_features_are_those_of_the_day_before_the_treatment(store: Store) -> None:
    from jobs.train_uplift import treatment_cut

    later = treatment_cut(store, DAY + timedelta(days=20), None)
    rows = treated_rows(store, later, "none", ())
    assert np.nanmax(rows.log.features) < 9000


def test_a_first_version_passes_and_a_refit_of_it_too(store: Store) -> None:
    first = train_uplift(store, who="ada")
    assert gate(store, first.kind, 1, who="ada").passed
    again = train_uplift(store, who="ada")
    report = gate(store, again.kind, 2, who="ada")
    assert report.passed
    assert [check["figure"] for check in report.checks] == ["treatments", "order by effect"]


def test_a_version_is_reproduced_to_the_byte(store: Store) -> None:
    train_uplift(store, who="ada")
    found = reproduce(store, "uplift", 1, who="ada")
    assert found.same_data
    assert found.same_bytes


def test_a_control_that_nobody_got_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="'nothing' was never done; there are email, none"):
        train_uplift(store, fit=UpliftFit(control="nothing"), who="ada")


def test_without_treatments_the_mend_is_said(sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    store.set_business(Business("UTC", "EUR", consent_required=False))
    with pytest.raises(FailedPrecondition, match="farview import treatments FILE"):
        train_uplift(store, who="ada")
    store.close()


def test_many_days_share_the_features_of_some_days_before_them() -> None:
    days = [DAY + timedelta(days=k) for k in range(40)]
    chosen = feature_days(days)
    assert (len(chosen), chosen[0]) == (MOST_DAYS, days[0])
    assert feature_days(days[:5]) == days[:5]
