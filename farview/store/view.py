"""What a view is: its columns, what they hold, and its SQL on either database."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column: SQL that both databases read, or a UTC instant, which SQLite holds as a number."""

    name: str
    sql: str
    about: str
    instant: bool = False

    def expression(self, dialect: str) -> str:
        """Its SQL in that dialect; instants are text in SQLite."""
        if self.instant and dialect == "sqlite":
            return f"strftime('%Y-%m-%d %H:%M:%S', {self.sql} / 1000000, 'unixepoch')"
        return self.sql


@dataclass(frozen=True, slots=True)
class View:
    """A view."""

    name: str
    about: str
    columns: tuple[ViewColumn, ...]
    source: Mapping[str, str]  # dialect -> SQL from FROM on

    def select(self, dialect: str) -> str:
        """Its query; in SQLite with what the columns are."""
        listed = []
        for place, column in enumerate(self.columns):
            comma = "," if place + 1 < len(self.columns) else ""
            said = f" -- {column.about}" if dialect == "sqlite" else ""
            listed.append(f"{column.expression(dialect)} AS {column.name}{comma}{said}")
        about = f"-- {self.about}\n" if dialect == "sqlite" else ""
        return f"{about}SELECT\n    " + "\n    ".join(listed) + f"\n{self.source[dialect]}"
