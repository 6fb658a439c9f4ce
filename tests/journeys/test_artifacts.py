"""Journey models as bytes."""

import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import save

from farview.core.errors import ArtifactMismatch
from journeys.artifact import FORMAT
from journeys.markov import MarkovModel, train_markov
from journeys.model import load
from journeys.training import NETWORKS
from tests.journeys.models import CONTEXT, attributes, random_lstm, random_model, random_steps


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_loaded_network_gives_the_same_hazards(kind):
    model, steps = random_model(kind), random_steps(1, 30, 4)
    context = CONTEXT.encode(attributes(30), steps.customer_ids)
    assert np.array_equal(load(model.to_artifact()).logits(steps, context), model.logits(steps, context))


def test_a_loaded_model_knows_all_that_is_said_about_it():
    for model in (random_lstm(), train_markov(random_steps(1, 30, 4))):
        assert load(model.to_artifact()).about == model.about


def test_equal_models_give_equal_bytes():
    assert random_lstm(3).to_artifact() == random_lstm(3).to_artifact()


def test_a_loaded_chain_is_the_same_chain():
    model = train_markov(random_steps(2, 60, 4))
    loaded = load(model.to_artifact())
    assert isinstance(loaded, MarkovModel)
    assert np.array_equal(loaded.next_touch, model.next_touch)


@pytest.mark.parametrize("artifact", [b"", b"not a model at all", random_lstm().to_artifact()[:-100]])
def test_damaged_bytes_are_refused(artifact):
    with pytest.raises(ArtifactMismatch, match="not a journey model"):
        load(artifact)


def test_a_model_of_an_earlier_format_is_refused_with_the_mend():
    header = json.dumps({"format_version": 1, "name": "lstm", "about": {}})
    with pytest.raises(ArtifactMismatch, match="format 1, this version of Farview reads 2 \\(train the model anew\\)"):
        load(save({"x": np.zeros(1)}, metadata={"farview.journeys": header}))


def test_a_kind_that_this_version_does_not_know_is_refused():
    header = json.dumps({"format_version": FORMAT.version, "name": "oracle", "about": {}})
    with pytest.raises(ArtifactMismatch, match="no journey model named 'oracle'; known: markov, markov2, lstm"):
        load(save({"x": np.zeros(1)}, metadata={"farview.journeys": header}))


def test_an_artifact_that_lacks_a_part_says_so():
    model = random_lstm()
    about = dataclasses.asdict(model.about)
    del about["timing"]
    header = json.dumps({"format_version": FORMAT.version, "name": "lstm", "about": about})
    with pytest.raises(ArtifactMismatch, match="lacks a part of a lstm model"):
        load(save(model.weights._asdict(), metadata={"farview.journeys": header}))
