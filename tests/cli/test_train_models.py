"""The models that `farview train ltv` offers."""

from cli.commands.train import Model
from jobs.value_models import MODELS


def test_the_command_offers_every_model_there_is() -> None:
    assert {model.value for model in Model} == set(MODELS)
