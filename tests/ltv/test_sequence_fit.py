"""Sequence networks learn, stop in time, see nothing of the future, and keep what they are."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import ArtifactMismatch, InvalidInput
from farview.evaluation.gini import normalized_gini
from farview.features.sequences import event_sequences
from farview.features.window import window
from ltv.parts import pack, unpack
from ltv.sequence_fit import fit_sequence
from ltv.sequence_inputs import LONGEST
from ltv.sequence_model import NETWORKS, SequenceModel
from ltv.sequence_rows import training_origins
from ltv.sequence_scorer import SequenceScorer
from tests.tiers import examples

START, AS_OF = date(2024, 1, 1), date(2024, 9, 30)
CUT = Cut(AS_OF, datetime(2030, 1, 1, tzinfo=UTC))
HORIZONS = (30, 90)
CUSTOMERS = examples(ci=240, soak=3000)


@pytest.fixture(scope="module")
def events() -> pa.Table:
    """Half of the customers buy every 25 to 35 days for ever, half at random as often and then stop for good; who paid
    less than 20 the last time sends half of it back."""
    rows = []
    for customer in range(CUSTOMERS):
        rng = np.random.default_rng([1, customer])
        day = int(rng.integers(0, 120))
        for bought in range(40):
            amount = float(rng.gamma(4.0, 8.0))
            rows.append((f"c{customer}", day, amount))
            if amount < 20.0:
                rows.append((f"c{customer}", day + 1, -amount / 2))
            day += int(rng.integers(25, 36)) if customer % 2 else int(rng.exponential(30.0)) + 1
            if day >= 420 or (customer % 2 == 0 and bought >= rng.integers(0, 5)):
                break
    columns = [
        pa.array([who for who, _, _ in rows]),
        pa.array([datetime.combine(START + timedelta(days=day), time(), UTC) for _, day, _ in rows]),
        pa.array([amount for _, _, amount in rows]),
    ]
    return pa.table(columns, schema=schemas.EVENTS)


@pytest.fixture(scope="module", params=examples(ci=("gru",), soak=NETWORKS))
def model(request: pytest.FixtureRequest, events: pa.Table) -> SequenceModel:
    return fit_sequence(request.param, events, CUT, "UTC", seed=1, most_epochs=examples(ci=9, soak=24))


@pytest.fixture(scope="module")
def sequences(events: pa.Table) -> pa.Table:
    return event_sequences(events, CUT, "UTC", LONGEST).read_all().combine_chunks()


@pytest.fixture(scope="module")
def forecast(model: SequenceModel, sequences: pa.Table) -> pa.Table:
    return scored(model, sequences)


def scored(model: SequenceModel, rows: pa.Table, *, batch: int = 65_536, gross: bool = False) -> pa.Table:
    made = SequenceScorer(model, HORIZONS, AS_OF, 1, gross=gross).forecast(rows.to_batches(max_chunksize=batch))
    return pa.Table.from_batches(made, schemas.FORECAST)


def of_horizon(forecast: pa.Table, name: str, days: int = HORIZONS[-1]) -> np.ndarray:
    return forecast.filter(pc.equal(forecast["horizon_days"], days))[name].to_numpy()


def actual(events: pa.Table, sequences: pa.Table, name: str) -> np.ndarray:
    came = window(events, AS_OF, AS_OF + timedelta(days=HORIZONS[-1]), "UTC").read_all()
    place = pc.index_in(sequences["customer_id"], value_set=came["customer_id"].combine_chunks())
    return pc.fill_null(came[name].cast(pa.float64()).take(place), 0.0).to_numpy()


def test_customers_like_clockwork_are_told_from_those_who_stopped(
    events: pa.Table, sequences: pa.Table, forecast: pa.Table, model: SequenceModel
) -> None:
    came = actual(events, sequences, "purchases")
    assert normalized_gini(came, of_horizon(forecast, "purchases_mean")) > 0.85
    assert of_horizon(forecast, "purchases_mean").sum() == pytest.approx(came.sum(), rel=0.1)
    assert model.diagnostics.loss < model.diagnostics.loss_without


def test_net_value_is_what_is_left_after_returns(
    events: pa.Table, sequences: pa.Table, forecast: pa.Table, model: SequenceModel
) -> None:
    net, gross = (of_horizon(table, "value_mean") for table in (forecast, scored(model, sequences, gross=True)))
    came = [actual(events, sequences, name).sum() for name in ("value", "gross_value")]
    assert net.sum() / gross.sum() == pytest.approx(came[0] / came[1], abs=0.03)
    assert np.all(net < gross)


def test_laws_grow_with_the_horizon(forecast: pa.Table) -> None:
    for name, sign in (("purchases_mean", 1), ("value_mean", 1), ("purchases_p_zero", -1), ("value_q90", 1)):
        assert np.all(sign * (of_horizon(forecast, name, 90) - of_horizon(forecast, name, 30)) >= 0)


def test_a_forecast_does_not_depend_on_its_batch(model: SequenceModel, sequences: pa.Table, forecast: pa.Table) -> None:
    order = np.random.default_rng(2).permutation(CUSTOMERS)[:50]
    again = scored(model, sequences.take(pa.array(order)).combine_chunks(), batch=7)
    rows = (order[:, None] * 2 + np.arange(2)).ravel()
    assert again.equals(forecast.take(pa.array(rows)).combine_chunks())


def test_totals_are_the_sums_of_the_means_and_as_wide_as_what_was_missed(
    model: SequenceModel, sequences: pa.Table, forecast: pa.Table
) -> None:
    scorer = SequenceScorer(model, HORIZONS, AS_OF, 1)
    list(scorer.forecast(sequences.to_batches()))
    base = scorer.totals().filter(pc.equal(scorer.totals()["group_kind"], "base")).to_pylist()
    for row in base:
        mean, sd = (of_horizon(forecast, f"{row['measure']}_{part}", row["horizon_days"]) for part in ("mean", "sd"))
        assert row["mean"] == pytest.approx(mean.sum())
        assert np.mean(row["draws"]) == pytest.approx(mean.sum(), rel=0.02)
        assert np.std(row["draws"]) >= 0.9 * np.sqrt((sd**2).sum())


@pytest.mark.parametrize("name", examples(ci=("gru",), soak=NETWORKS))
def test_what_comes_after_the_cut_changes_nothing(events: pa.Table, name: str) -> None:
    """Also a proof that the same seed gives the same parameters, to the last bit."""
    known = events.filter(pc.less_equal(events["time"], pa.scalar(datetime(2024, 9, 30, 23, tzinfo=UTC))))
    whole, blind = (fit_sequence(name, rows, CUT, "UTC", seed=1, most_epochs=1) for rows in (events, known))
    assert whole.to_artifact() == blind.to_artifact()


def test_early_stopping_sees_no_target_beyond_the_newest_origin() -> None:
    origins = training_origins(START, AS_OF)
    newest = origins[-1].as_of
    early = [end for origin in origins for end in origin.target_ends if end <= newest]
    assert [origin.as_of for origin in origins] == sorted(origin.as_of for origin in origins)
    assert len(early) == 3  # half and whole after the oldest, half after the next
    assert all(newest < end <= AS_OF for end in origins[-1].target_ends)


def test_the_artifact_gives_the_model_back_in_little_room(model: SequenceModel) -> None:
    artifact = model.to_artifact()
    again = SequenceModel.from_artifact(artifact)
    assert again.to_artifact() == artifact
    assert (again.name, again.units, again.diagnostics) == (model.name, model.units, model.diagnostics)
    assert len(artifact) < 100_000


def test_a_foreign_or_damaged_artifact_is_refused(model: SequenceModel) -> None:
    artifact = bytearray(model.to_artifact())
    artifact[-1] ^= 1
    with pytest.raises(ArtifactMismatch, match="damaged"):
        SequenceModel.from_artifact(bytes(artifact))
    _, about, parts = unpack(model.to_artifact())
    with pytest.raises(ArtifactMismatch, match="'boost'"):
        SequenceModel.from_artifact(pack("boost", about, parts))
    with pytest.raises(ArtifactMismatch, match="other events"):
        SequenceModel.from_artifact(pack(model.name, about | {"longest": 3}, parts))


def test_too_short_or_too_thin_a_history_is_refused_with_the_reason(events: pa.Table) -> None:
    with pytest.raises(InvalidInput, match="too short"):
        fit_sequence("gru", events, Cut(START + timedelta(days=9), CUT.known_at), "UTC")
    with pytest.raises(InvalidInput, match="too few"):
        fit_sequence("gru", events.slice(0, 30), CUT, "UTC")
    with pytest.raises(InvalidInput, match="no network named"):
        fit_sequence("lstm", events, CUT, "UTC")
