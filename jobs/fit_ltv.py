"""From a registered configuration to a customer-value model: the one way that training and reproduction take."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.attributes import attribute_kinds, with_attributes
from farview.features.rfm import rfm
from farview.features.rfm_update import carry_on, purchase_days
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from ltv.effects import Kinds
from ltv.families import BG_BB
from ltv.fit import Method, fit
from ltv.model import BtydModel
from ltv.opportunities import PERIOD_DAYS
from ltv.update import update

LONGEST_PERIOD_DAYS = 366
UPDATE_OF, FORGETTING = "update_of", "forgetting"
"""Keys of a configuration that carries an earlier version on."""


PERIOD, COVARIATES, POOL_BY = "period_days", "covariates", "pool_by"
"""Keys of a configuration whose model reads purchases merged by periods, or whose customers differ by kinds."""


def period_days(configuration: Mapping[str, str]) -> int:
    """By which periods the histories of a configuration's model are merged."""
    return int(configuration.get(PERIOD, "1"))


def configured(model: str, method: str, period: int | None) -> dict[str, str]:
    """The configuration that fits a model anew; `period` None is that of the model: a week for bg_bb, else a day.

    Raises:
        InvalidInput: the period is not 1 to 366 days, or of a model without opportunities.
    """
    discrete = model.partition("+")[0] == BG_BB
    if period is not None and not discrete:
        raise InvalidInput.of("--period-days", f"is of bg_bb alone; {model} reads days")
    if period is not None and not 1 <= period <= LONGEST_PERIOD_DAYS:
        raise InvalidInput.of("--period-days", f"must be 1 to {LONGEST_PERIOD_DAYS}; got {period}")
    return {"model": model, "method": method} | ({PERIOD: str(period or PERIOD_DAYS)} if discrete else {})


def kinds_of(configuration: Mapping[str, str]) -> Kinds:
    """By what customers differ in a configuration's model."""
    covariates = tuple(name for name in configuration.get(COVARIATES, "").split(",") if name)
    return Kinds(covariates, configuration.get(POOL_BY))


def differing(kinds: Kinds) -> dict[str, str]:
    """What a configuration says of them; nothing where they do not differ."""
    said = {COVARIATES: ",".join(kinds.covariates), POOL_BY: kinds.pool_by or ""}
    return {key: value for key, value in said.items() if value}


def customers_for(store: Store, cut: Cut, configuration: Mapping[str, str]) -> pa.Table:
    """Everybody known at the cut, as the configuration's model reads them: attributes are those of now.

    Raises:
        InvalidInput: no customer has an attribute that the model differs by.
    """
    customers = customers_at(store, cut, period_days(configuration))
    names = [name for name in kinds_of(configuration).columns if name not in customers.column_names]
    if not names:
        return customers
    stored = store.attributes()
    attribute_kinds(stored, names)
    return with_attributes(customers, stored, names)


def customers_at(store: Store, cut: Cut, period: int = 1) -> pa.Table:
    """`schemas.rfm_schema(period)` of everybody known at the cut."""
    return rfm(store.transactions(cut), cut, store.business().time_zone, period_days=period).read_all()


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """The customers that a configuration is fitted to, as `customers_for` has them."""

    now: pa.Table
    seen: pa.Table | None  # what the version that is carried on has seen; None of a fit


def histories(store: Store, configuration: Mapping[str, str], cut: Cut) -> Histories:
    """What a configuration is fitted to at a cut.

    An update reads what its base has seen, and then only what came since, unless its rows are merged by periods or
    carry attributes, which may have changed.

    Raises:
        NotFound: the version to carry on is gone.
        InvalidInput: no customer has an attribute that the model differs by.
    """
    if UPDATE_OF not in configuration:
        return Histories(customers_for(store, cut, configuration), None)
    base = _base(store, configuration)
    since = Cut(base.lineage.as_of, base.lineage.known_at)
    seen = customers_for(store, since, configuration)
    if period_days(configuration) > 1 or not seen.schema.equals(schemas.RFM):
        return Histories(customers_for(store, cut, configuration), seen)
    return Histories(carried_to(store, seen, since, cut), seen)


def carried_to(store: Store, seen: pa.Table, since: Cut, cut: Cut) -> pa.Table:
    """`schemas.RFM` at a cut from that of an earlier one and what came in between; equal to `customers_at`.

    Whole histories are read only of customers with a correction or an event between their first and last day.
    """
    zone = store.business().time_zone
    found = carry_on(seen, purchase_days(store.transactions_since(since, cut), cut.as_of, zone), cut.as_of)
    anew = sorted({*found.anew, *store.corrected_since(since, cut)})
    if not anew:
        return found.rows
    kept = found.rows.filter(pc.invert(pc.is_in(found.rows.column(c.CUSTOMER_ID), value_set=pa.array(anew))))
    again = rfm(store.transactions_of(cut, anew), cut, zone).read_all()
    return pa.concat_tables([kept, again]).sort_by(c.CUSTOMER_ID).combine_chunks()


def _base(store: Store, configuration: Mapping[str, str]) -> ModelVersion:
    return store.model_version(LTV_REVENUE, int(configuration[UPDATE_OF].rpartition("/")[2]))


def fit_by(store: Store, configuration: Mapping[str, str], customers: Histories, seed: int) -> BtydModel:
    """The model that a configuration gives on customers.

    Args:
        store: where the version that is carried on and what it has seen are.
        configuration: model and method; with `update_of` a version to carry on, by the power `forgetting`.
        customers: of `histories`.
        seed: same seed and data, same draws.

    Raises:
        NotFound: the version to carry on is gone.
        InvalidInput: see `ltv.fit.fit` and `ltv.update.update`.
        FailedPrecondition: the data that it has seen are gone.
    """
    if customers.seen is None:
        method: Method = configuration["method"]  # type: ignore[assignment]
        return fit(customers.now, model=configuration["model"], method=method, seed=seed, kinds=kinds_of(configuration))
    model = BtydModel.from_artifact(store.artifact(_base(store, configuration)))
    forgetting = float(configuration.get(FORGETTING, "1"))
    return update(model, customers.seen, customers.now, forgetting=forgetting, seed=seed)


def carried_on(base: ModelVersion, asked: Mapping[str, str], cut: Cut, forgetting: float) -> dict[str, str]:
    """The configuration that carries a version on to a later cut. Forgetting nothing leaves no trace but the version.

    Raises:
        InvalidInput: the version is of another family, of a later day, or made of what was not yet known at the cut.
    """
    if base.model != asked["model"]:
        raise InvalidInput.of("--model", f"{asked['model']} cannot carry on {base.name}, which is {base.model}")
    if asked.get(PERIOD) != base.lineage.configuration.get(PERIOD):
        raise InvalidInput.of("--period-days", f"{base.name} has periods of {base.lineage.configuration[PERIOD]} days")
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
