"""From a registered configuration to a customer-value model: the one way that training and reproduction take."""

from collections.abc import Mapping

import pyarrow as pa

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.rfm import rfm
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.update import update

UPDATE_OF, FORGETTING = "update_of", "forgetting"
"""Keys of a configuration that carries an earlier version on."""


def customers_at(store: Store, cut: Cut) -> pa.Table:
    """`schemas.RFM` of everybody known at the cut."""
    return rfm(store.transactions(cut), cut, store.business().time_zone).read_all()


def fit_by(store: Store, configuration: Mapping[str, str], customers: pa.Table, seed: int) -> BtydModel:
    """The model that a configuration gives on customers.

    Args:
        store: where the version that is carried on and what it has seen are.
        configuration: model and method; with `update_of` a version to carry on, by the power `forgetting`.
        customers: `schemas.RFM`.
        seed: same seed and data, same draws.

    Raises:
        NotFound: the version to carry on is gone.
        InvalidInput: see `ltv.fit.fit` and `ltv.update.update`.
        FailedPrecondition: the data that it has seen are gone.
    """
    if UPDATE_OF not in configuration:
        return fit(customers, model=configuration["model"], method=configuration["method"], seed=seed)  # type: ignore[arg-type]
    version = int(configuration[UPDATE_OF].rpartition("/")[2])
    base = store.model_version(LTV_REVENUE, version)
    seen = customers_at(store, Cut(base.lineage.as_of, base.lineage.known_at))
    model = BtydModel.from_artifact(store.artifact(base))
    return update(model, seen, customers, forgetting=float(configuration.get(FORGETTING, "1")), seed=seed)


def carried_on(base: ModelVersion, asked: Mapping[str, str], cut: Cut, forgetting: float) -> dict[str, str]:
    """The configuration that carries a version on to a later cut. Forgetting nothing leaves no trace but the version.

    Raises:
        InvalidInput: the version is of another family, of a later day, or made of what was not yet known at the cut.
    """
    if base.model != asked["model"]:
        raise InvalidInput.of("--model", f"{asked['model']} cannot carry on {base.name}, which is {base.model}")
    if asked["method"] != "laplace":
        raise InvalidInput.of("--method", f"an update is by laplace, not {asked['method']}")
    if not 0.0 < forgetting <= 1.0:
        raise InvalidInput.of("--forgetting", f"must be above 0 and at most 1 (1 forgets nothing); got {forgetting:g}")
    if base.lineage.as_of > cut.as_of or base.lineage.known_at > cut.known_at:
        raise InvalidInput.of(
            "--update", f"{base.name} has seen days up to {base.lineage.as_of}, later than {cut.as_of} (fit without it)"
        )
    power = {} if forgetting == 1.0 else {FORGETTING: f"{forgetting:g}"}
    return {**asked, UPDATE_OF: base.name, **power}
