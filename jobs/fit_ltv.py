"""From a registered configuration to a customer-value model: the one way that training and reproduction take."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

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
from jobs.known import Known
from jobs.ltv_configuration import PERIOD, kinds_of, period_days
from jobs.period_effect import with_period
from jobs.value_models import fit_configured
from ltv.model import BtydModel, LtvModel, differs_by
from ltv.update import update

UPDATE_OF, FORGETTING = "update_of", "forgetting"
"""Keys of a configuration that carries an earlier version on."""


def known_by(store: Store, cut: Cut, configuration: Mapping[str, str]) -> Known:
    """What a fit of a configuration may see at a cut, read once; attributes are those of now.

    Raises:
        InvalidInput: no customer has an attribute that the model differs by.
    """
    names = [name for name in kinds_of(configuration).columns if name not in schemas.RFM.names]
    stored = store.attributes() if names else schemas.ATTRIBUTES.empty_table()
    if names:
        attribute_kinds(stored, names)
    return Known(store.transactions(cut), cut, store.business().time_zone, stored)


def customers_for(store: Store, cut: Cut, configuration: Mapping[str, str]) -> pa.Table:
    """Everybody known at the cut, as the configuration's model reads them.

    Raises:
        InvalidInput: no customer has an attribute that the model differs by.
    """
    known = known_by(store, cut, configuration)
    return known.customers(period_days(configuration), kinds_of(configuration).columns)


def customers_at(store: Store, cut: Cut, period: int = 1) -> pa.Table:
    """`schemas.rfm_schema(period)` of everybody known at the cut."""
    return rfm(store.transactions(cut), cut, store.business().time_zone, period_days=period).read_all()


def customers_of(store: Store, cut: Cut, model: BtydModel) -> pa.Table:
    """Everybody known at the cut, as a fitted pair reads them; attributes are those of now."""
    columns = differs_by(model)
    stored = store.attributes() if columns else schemas.ATTRIBUTES.empty_table()
    return with_attributes(customers_at(store, cut, model.period_days), stored, columns)


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """The customers that a version is carried on by, as `customers_for` has them."""

    now: pa.Table
    seen: pa.Table  # what that version has seen


def histories(store: Store, configuration: Mapping[str, str], cut: Cut) -> Histories:
    """What a configuration that carries a version on reads at a cut.

    It reads what its base has seen, and then only what came since, unless its rows are merged by periods or
    carry attributes, which may have changed.

    Raises:
        NotFound: the version to carry on is gone.
        InvalidInput: no customer has an attribute that the model differs by.
    """
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


def fit_by(store: Store, configuration: Mapping[str, str], cut: Cut, seed: int) -> LtvModel:
    """The model that a configuration gives at a cut, with what its periods share.

    Args:
        store: where what is known is, and the version that is carried on.
        configuration: model and method; with `update_of` a version to carry on, by the power `forgetting`.
        cut: what the fit may see.
        seed: same seed and data, same draws.

    Raises:
        NotFound: the version to carry on is gone.
        InvalidInput: see `jobs.value_models.fit_configured` and `ltv.update.update`.
        FailedPrecondition: the data that it has seen are gone.
    """
    if UPDATE_OF in configuration:
        model = _carried_on(store, configuration, cut, seed)
    else:
        model = fit_configured(known_by(store, cut, configuration), configuration, seed)
    return with_period(model, partial(store.transactions, cut), cut, store.business().time_zone, seed)


def _carried_on(store: Store, configuration: Mapping[str, str], cut: Cut, seed: int) -> LtvModel:
    customers = histories(store, configuration, cut)
    model = BtydModel.from_artifact(store.artifact(_base(store, configuration)))
    forgetting = float(configuration.get(FORGETTING, "1"))
    return update(model, customers.seen, customers.now, forgetting=forgetting, seed=seed)


def carried_on(base: ModelVersion, asked: Mapping[str, str], cut: Cut, forgetting: float) -> dict[str, str]:
    """The configuration that carries a version on to a later cut. Forgetting nothing leaves no trace but the version.

    Raises:
        InvalidInput: the version is of another family, of a later day, or made of what was not yet known at the cut;
            or customers differ by kinds, in the version or as asked.
    """
    if base.model != asked["model"]:
        raise InvalidInput.of("--model", f"{asked['model']} cannot carry on {base.name}, which is {base.model}")
    if asked.get(PERIOD) != base.lineage.configuration.get(PERIOD):
        raise InvalidInput.of("--period-days", f"{base.name} has periods of {base.lineage.configuration[PERIOD]} days")
    for version, configuration in ((base.name, base.lineage.configuration), ("the model asked for", asked)):
        if columns := kinds_of(configuration).columns:
            differs = f"{version} differs by {' and '.join(columns)}, which no update carries on (fit without it)"
            raise InvalidInput.of("--update", differs)
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
