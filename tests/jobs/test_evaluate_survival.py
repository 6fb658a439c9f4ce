"""Survival models on contracts: delayed entry is heeded, the true cause is found, and nothing is made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput
from jobs.contract_file import ContractColumns, Contracts, read_contracts
from jobs.evaluate_survival import (
    DELAYED,
    PLAIN,
    ModelFigures,
    SurvivalEvaluation,
    SurvivalSpec,
    champion,
    evaluate_survival,
    over_folds,
)
from jobs.evaluate_survival_report import difference, document
from jobs.progress import Silent
from tests.jobs.survival_contracts import write_contracts


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    path = write_contracts(tmp_path_factory.mktemp("contracts") / "contracts.csv", n=2000)
    return read_contracts(path, ContractColumns("tenure", "churn", group="term", covariates=("term", "noise")))


@pytest.fixture(scope="module")
def result(contracts: Contracts) -> SurvivalEvaluation:
    return evaluate_survival(contracts, SurvivalSpec(watched_last=1.0), Silent())


def test_delayed_entry_forecasts_as_many_ends_as_were_seen(result: SurvivalEvaluation) -> None:
    seen = result.contracts.ended.mean()
    for name, figures in result.views[-1].models.items():
        assert figures.forecast == pytest.approx(seen, rel=0.05), name
        assert figures.ici.mean < 0.04, name


def test_plain_follow_up_forecasts_too_few_ends_of_what_was_watched(result: SurvivalEvaluation) -> None:
    seen = result.contracts.ended.mean()
    assert result.views[0].name == PLAIN
    assert all(figures.forecast < seen / 1.5 for figures in result.views[0].models.values())


def test_the_hazard_of_the_world_is_recovered(result: SurvivalEvaluation) -> None:
    """Three figures beyond 4 standard errors by chance: .0002."""
    model = result.views[-1].weibull
    assert model is not None
    names = [column.name for column in result.design.columns]
    found = dict(zip(["intercept", *names, "log_shape"], [model.intercept, *model.coefficients, model.log_shape]))  # noqa: B905
    errors = dict(zip(found, model.standard_errors, strict=True))
    truth = {"intercept": np.log(12.0), "term = year": np.log(3) / 0.8, "noise": 0.0, "log_shape": np.log(0.8)}
    if "term = month" in found:  # the reference is the term that most contracts in the file have
        truth |= {"intercept": truth["intercept"] + truth["term = year"], "term = month": -truth["term = year"]}
    assert all(abs(found[name] - truth[name]) < 4 * errors[name] for name in found)


def test_the_champion_uses_the_covariate_that_matters(result: SurvivalEvaluation) -> None:
    assert result.champion in ("weibull_aft", "cox")


@pytest.mark.parametrize(("scores", "named"), [([0.1, 0.2, 0.3, 0.2], "cox"), ([0.1, 0.2, 0.4, 0.1], "kaplan_meier")])
def test_kaplan_meier_is_named_unless_it_is_beaten_beyond_doubt(scores: list[float], named: str) -> None:
    def figures(fold_scores: list[float]) -> ModelFigures:
        mean = over_folds(fold_scores)
        return ModelFigures(fold_scores, mean, mean, None, 0.1, ())

    assert champion({"kaplan_meier": figures([0.21, 0.3, 0.41, 0.3]), "cox": figures(scores)}) == named


def test_deciles_hold_every_contract_once(result: SurvivalEvaluation) -> None:
    deciles = result.views[-1].models["weibull_aft"].deciles
    assert sum(decile.spells for decile in deciles) == len(result.contracts.duration)


def test_curves_are_drawn_of_all_and_of_each_group(result: SurvivalEvaluation) -> None:
    assert [list(view.curves) for view in result.views] == [["", "month", "year"]] * 2


def test_the_difference_is_told_in_the_figures_of_the_file(result: SurvivalEvaluation) -> None:
    told = difference(result)
    assert f"{result.contracts.ended.mean():.1%} ended within 1 of entry" in told
    assert "had they ended before, they would not be in the file" in told


def test_the_report_has_models_a_champion_and_plain_follow_up_beside(result: SurvivalEvaluation) -> None:
    report = document(result)
    assert set(report["models"]) == set(report["plain_follow_up"]["models"]) == {"kaplan_meier", "weibull_aft", "cox"}
    assert report["protocol"]["reading"] == DELAYED
    assert report["plain_follow_up"]["judged_by_itself"]["models"].keys() == report["models"].keys()


def test_without_delayed_entry_plain_follow_up_is_the_only_reading(contracts: Contracts) -> None:
    report = document(evaluate_survival(contracts, SurvivalSpec(horizons=(6.0, 12.0)), Silent()))
    assert (report["protocol"]["reading"], report["protocol"]["horizons"]) == (PLAIN, [6.0, 12.0])
    assert "plain_follow_up" not in report


def test_without_covariates_there_is_kaplan_meier_alone(contracts: Contracts) -> None:
    bare = replace(contracts, covariates=contracts.covariates.select([]))
    assert set(evaluate_survival(bare, SurvivalSpec(), Silent()).views[0].models) == {"kaplan_meier"}


def test_a_model_that_cannot_be_fitted_is_named_and_the_others_go_on(contracts: Contracts) -> None:
    parted = replace(contracts, covariates=pa.table({"parts": contracts.ended * 1000.0}))
    result = evaluate_survival(parted, SurvivalSpec(watched_last=1.0, folds=2), Silent())
    view = result.views[-1]
    assert "kaplan_meier" in view.models
    assert set(view.models) | set(view.failures) == {"kaplan_meier", "weibull_aft", "cox"}


def test_figures_do_not_change_with_the_order_of_models_or_a_rerun(contracts: Contracts, result) -> None:  # type: ignore[no-untyped-def]
    again = evaluate_survival(contracts, SurvivalSpec(watched_last=1.0), Silent())
    assert document(again) == document(result)


def test_limits_over_folds_are_students() -> None:
    figure = over_folds([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (figure.mean, figure.upper - figure.mean) == pytest.approx((3.0, 2.776445 * np.sqrt(2.5 / 5)), rel=1e-6)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (SurvivalSpec(horizons=(0.0,)), "--horizons"),
        (SurvivalSpec(watched_last=1.0, horizons=(2.0,)), "--horizons"),
        (SurvivalSpec(watched_last=0.0), "--watched-last"),
        (SurvivalSpec(folds=2000), "--folds"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_option(contracts: Contracts, spec: SurvivalSpec, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        evaluate_survival(contracts, spec, Silent())


def test_entry_is_told_in_one_way_only(contracts: Contracts) -> None:
    told = replace(contracts, entry=contracts.duration - 1)
    with pytest.raises(InvalidInput, match="the same in two ways"):
        evaluate_survival(told, SurvivalSpec(watched_last=1.0), Silent())


def test_telco_by_entry_and_by_plain_follow_up(shared_data: Path) -> None:
    """The public telecom file: delayed entry forecasts the month that was watched, plain follow-up a tenth of it."""
    columns = ContractColumns("tenure", "Churn", covariates=("Contract", "MonthlyCharges", "PaymentMethod"))
    read = read_contracts(shared_data / "telco_churn.csv.gz", columns)
    assert (len(read.duration), int(read.ended.sum()), read.never_watched) == (7032, 1869, 11)
    result = evaluate_survival(read, SurvivalSpec(watched_last=1.0), Silent())
    delayed, plain = result.views[-1].models[result.champion], result.views[0].models[result.champion]
    assert delayed.forecast == pytest.approx(1869 / 7032, abs=0.005)
    assert delayed.ici.upper < 0.03
    assert plain.forecast < 0.04
