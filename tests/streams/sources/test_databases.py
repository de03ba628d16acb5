"""What an address says is told before anything is connected, and never shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from detectors.sources import Sql
from streams.errors import SettingsError
from streams.settings import Settings
from streams.sources import make_reader
from tests.streams.sources.asking import ALWAYS, detector

QUERY = f"SELECT 1 AS ts {ALWAYS}"


def begin(address: str, tmp_path: Path) -> None:
    secret = tmp_path / "address"
    secret.write_text(address, encoding="utf-8")
    source = Sql(url=f"file:{secret}", query=QUERY, time="ts")
    make_reader(source, detector(), Settings()).close()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://shop:hunter2@db.example/shop",
        "postgres://shop:hunter2@db.example:5433/shop?sslmode=verify-full",
        "postgresql+psycopg://shop:hunter2@db.example/shop",
        "redshift://shop:hunter2@cluster.example:5439/shop",
        "redshift+psycopg2://shop:hunter2@cluster.example:5439/shop",
        "mysql://shop:hunter2@db.example/shop?charset=utf8mb4",
        "mysql+pymysql://shop:hunter2@db.example/shop",
        "mariadb://shop:hunter2@db.example/shop",
    ],
)
def test_an_address_that_can_be_used_is_taken_without_asking_there(address: str, tmp_path: Path) -> None:
    begin(address, tmp_path)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("hunter2", "holds no address such as postgresql://user:password@host/database"),
        ("", "holds no address such as"),
        ("postgresql://shop:hunter2@db.example:port/shop", "holds no address such as"),
        (
            "oracle://shop:hunter2@db.example/shop",
            "the address must begin with one of postgresql, postgres, ",
        ),
        (
            "hunter2://shop:hunter2@db.example/shop",
            "the address must begin with one of postgresql, postgres, ",
        ),
        ("mysql+mysqldb://shop:hunter2@db.example/shop", "the driver of mysql is pymysql"),
        ("postgresql+asyncpg://shop:hunter2@db.example/shop", "the driver of postgresql is psycopg"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_and_not_shown(address: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        begin(address, tmp_path)
    assert f"{tmp_path}/address" in str(told.value)
    assert why in str(told.value)
    assert "hunter2" not in str(told.value)


def test_an_address_that_is_not_there_is_told() -> None:
    source = Sql(url="env:NO_SUCH_DATABASE", query=QUERY, time="ts")
    with pytest.raises(SettingsError, match="the variable NO_SUCH_DATABASE of the environment is not set"):
        make_reader(source, detector(), Settings())


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [
        ("postgresql", "psycopg", "postgres"),
        ("mysql", "pymysql", "mysql"),
        ("mariadb", "pymysql", "mysql"),
        ("redshift", "psycopg2", "redshift"),
        ("redshift", "sqlalchemy_redshift", "redshift"),
    ],
)
def test_a_driver_that_is_not_there_is_told_with_the_extra_that_has_it(
    kind: str, library: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SettingsError, match=rf"the driver is not there: pip install 'lookalive\[{extra}\]'"):
        begin(f"{kind}://shop:hunter2@db.example/shop", tmp_path)


def test_without_any_driver_the_extras_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "streams.sources.sql", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(
        SettingsError, match=r"a database needs its driver: pip install 'lookalive\[postgres\]'"
    ):
        begin("postgresql://shop:hunter2@db.example/shop", tmp_path)
