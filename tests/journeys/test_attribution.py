"""Attribution: published figures, sums that must hold, and removals done by hand."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from farview.features.steps import StepRules, Steps, at_risk_steps
from journeys.attribution import LAST_POSITION, by_rule, markov_removal, model_removal, paths_of
from journeys.markov import train_markov
from tests.journeys.models import CONTEXT, NOW, START, attributes, random_lstm, random_steps


def log_of(*paths: tuple[str, ...]) -> Steps:
    """One customer a path, a touch an hour; "!" is a conversion."""
    rows = [
        {
            "customer_id": f"c{number}",
            "time": START + timedelta(days=10, hours=hour),
            "interaction": "conversion" if channel == "!" else "click",
            "channel": channel,
        }
        for number, path in enumerate(paths)
        for hour, channel in enumerate(path)
    ]
    table = pa.Table.from_pylist(rows).cast(
        pa.schema(
            [
                ("customer_id", pa.string()),
                ("time", pa.timestamp("us", "UTC")),
                ("interaction", pa.string()),
                ("channel", pa.string()),
            ]
        )
    )
    return at_risk_steps(table, StepRules("UTC", since=START, until=NOW))


def test_the_markov_removal_of_a_published_example():
    # C1 > C2 > C3 > conversion; C1 > none; C2 > C3 > none: removal effects .5, 1 and 1 of a probability of 1/3
    # (S. Bryl, 2016, "Marketing multi-channel attribution model with R", part 1).
    steps = log_of(("C1", "C2", "C3", "!"), ("C1",), ("C2", "C3"))
    credit = markov_removal(steps, paths_of(steps), np.ones(3))
    np.testing.assert_allclose(credit, [0.2, 0.4, 0.4], rtol=1e-12)


def test_rules_of_thumb_credit_first_last_and_all_alike():
    steps = log_of(("a", "b", "b", "!", "a"), ("b", "!"), ("a", "b"))
    credit = {name: table.sum(axis=0) for name, table in by_rule(steps, paths_of(steps)).items()}
    np.testing.assert_allclose(credit["first"], [1, 1])
    np.testing.assert_allclose(credit["last"], [0, 2])
    np.testing.assert_allclose(credit["linear"], [1 / 3, 5 / 3])


def test_a_conversion_ends_a_path():
    paths = paths_of(log_of(("a", "!", "b", "a", "!"), ("b",)))
    assert paths.path.tolist() == [0, 1, 1, 2]
    assert paths.position.tolist() == [1, 1, 2, 1]
    assert paths.converted.tolist() == [True, True, False]
    assert paths.customer.tolist() == [0, 0, 1]


def test_every_way_of_sharing_out_gives_all_conversions_away():
    steps = random_steps(3, 200, 4)
    paths = paths_of(steps)
    conversions = paths.converted.sum()
    for credit in by_rule(steps, paths).values():
        assert credit.sum() == pytest.approx(conversions)
    assert markov_removal(steps, paths, np.ones(len(steps.customer_ids))).sum() == pytest.approx(conversions)


def test_the_removal_by_a_chain_is_that_of_its_hazards():
    steps = random_steps(4, 150, 3)
    model, paths = train_markov(steps), paths_of(steps)
    by_channel, by_position = model_removal(model, steps, np.zeros((len(steps.customer_ids), 0), np.float32))
    hazard = model.about.calibration.probability(model.hazard_logit)
    lost, at = np.zeros(3), np.zeros(LAST_POSITION)
    for path in range(len(paths.converted)):
        mine = steps.channel[paths.path == path]
        whole = 1 - np.prod(1 - hazard[mine])
        for channel in range(3):
            lost[channel] += whole - (1 - np.prod(1 - hazard[mine[mine != channel]]))
        for place in range(min(len(mine), LAST_POSITION)):
            rest = np.delete(mine, slice(place, None) if place == LAST_POSITION - 1 else place)
            at[place] += whole - (1 - np.prod(1 - hazard[rest]))
    np.testing.assert_allclose(by_channel.sum(axis=0), lost, rtol=1e-9)
    np.testing.assert_allclose(by_position.sum(axis=0), at, rtol=1e-9)


def test_a_network_reads_the_journey_in_which_the_touches_never_happened():
    steps, model = random_steps(5, 60, 3), random_lstm(2, channels=3)
    context = CONTEXT.encode(attributes(60), steps.customer_ids)
    by_channel, _ = model_removal(model, steps, context)
    paths = paths_of(steps)
    # Without a conversion before, the reduced journey is that of a log without the touches.
    clean = next(
        place
        for place in range(len(steps.customer_ids))
        if steps.conversions[place] == 0 and len({*steps.channel[slice(*steps.offsets[place : place + 2])]}) == 3
    )
    mine = slice(*steps.offsets[clean : clean + 2])
    whole = 1 - np.prod(1 - model.about.calibration.probability(model.logits(steps, context)[mine]))
    kept = steps.channel[mine] != 0
    rows = {
        "customer_id": ["x"] * int(kept.sum()),
        "time": pa.array(steps.time_us[mine][kept], pa.timestamp("us", "UTC")),
        "interaction": [steps.vocabulary.interactions[code] for code in steps.interaction[mine][kept]],
        "channel": [steps.vocabulary.channels[code] for code in steps.channel[mine][kept]],
    }
    reduced = at_risk_steps(pa.table(rows), StepRules("Europe/Berlin", since=START, until=NOW), steps.vocabulary)
    alone = 1 - np.prod(1 - model.about.calibration.probability(model.logits(reduced, context[[clean]])))
    assert not paths.converted[paths.customer == clean].any()
    assert by_channel[clean, 0] == pytest.approx(whole - alone, abs=1e-6)
