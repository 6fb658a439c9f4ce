"""The metadata with every table in it: what migrations compare the database with."""

from sqlalchemy import MetaData

from farview.store import tables_feedback, tables_forecasts, tables_items, tables_models, tables_plans, tables_touches
from farview.store.tables import Row

TABLES = (tables_models, tables_forecasts, tables_touches, tables_items, tables_plans, tables_feedback)
METADATA: MetaData = Row.metadata
