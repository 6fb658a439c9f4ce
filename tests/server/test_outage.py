"""A database that is out of reach is UNAVAILABLE, and the server recovers by itself."""

import io

import grpc
import psycopg
import pytest

from farview.client import CallFailed, FarviewClient
from farview.store.store import Store
from farview.store.values import Business
from server.logs import json_logger
from server.options import ServerOptions
from server.wiring import start


def test_an_unreachable_database_is_unavailable_and_then_well_again(postgres_url: str) -> None:
    store = Store.open(postgres_url)
    store.set_business(Business("UTC", "USD", consent_required=False))
    server = start(store, ServerOptions(port=0), json_logger(io.StringIO()))
    libpq = postgres_url.replace("postgresql+psycopg://", "postgresql://", 1)
    name = libpq.rsplit("/", 1)[1].split("?")[0]
    maintenance = libpq.replace(f"/{name}", "/postgres", 1)
    with FarviewClient(f"127.0.0.1:{server.port}") as client, psycopg.connect(maintenance, autocommit=True) as other:
        other.execute(f"alter database {name} allow_connections false")
        other.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        with pytest.raises(CallFailed) as caught:
            list(client.model_versions())
        other.execute(f"alter database {name} allow_connections true")
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
        assert list(client.model_versions()) == []
    server.stop(1.0)
    store.close()
