"""The metadata with every table in it: what migrations compare the database with."""

from sqlalchemy import MetaData

from farview.store import tables_forecasts, tables_models
from farview.store.tables import Row

TABLES = (tables_models, tables_forecasts)
METADATA: MetaData = Row.metadata
