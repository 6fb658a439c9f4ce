"""Settings of a process, read from the environment by entry points and passed down."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from FARVIEW_* variables; command-line options win over them."""

    model_config = SettingsConfigDict(env_prefix="FARVIEW_")

    database_url: str = "sqlite:///farview.db"
    """SQLAlchemy URL: sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME."""
