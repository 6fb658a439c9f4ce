"""Table of the options that files of a kind were last imported with."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import UtcDateTime


class ImportOptionsRow(Row, table=True):
    """How the last import of a kind named its columns: what the next one begins with."""

    __tablename__ = "import_options"

    kind: str = Field(primary_key=True, sa_type=Text)  # of batches.BATCHES
    options: str = Field(sa_type=Text)  # JSON
    who: str = Field(sa_type=Text)
    updated_at: datetime = Field(sa_type=UtcDateTime)


IMPORT_OPTIONS = core(ImportOptionsRow)
