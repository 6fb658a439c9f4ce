"""The metadata with every table in it: what migrations compare the database with."""

from sqlalchemy import MetaData

from farview.store import (
    tables_audiences,
    tables_feedback,
    tables_forecasts,
    tables_guarantees,
    tables_imports,
    tables_items,
    tables_models,
    tables_plans,
    tables_rates,
    tables_touches,
    tables_treatments,
)
from farview.store.tables import Row

TABLES = (
    tables_models,
    tables_forecasts,
    tables_touches,
    tables_items,
    tables_plans,
    tables_feedback,
    tables_guarantees,
    tables_rates,
    tables_imports,
    tables_audiences,
    tables_treatments,
)
METADATA: MetaData = Row.metadata
