"""Files in a bucket, at moto's S3: found by paths and patterns as on a disk, fetched, and gone again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from detectors.loading import parse
from streams.settings import Settings
from streams.sources import Unavailable, make_reader
from streams.sources.buckets import Store
from tests.streams.sources.test_files import CSV, START, configuration

pytestmark = pytest.mark.usefixtures("amazon")

KEYS = (
    "shop/live/20260301/1200/a.csv",
    "shop/live/20260301/1300/b.csv",
    "shop/live/20260301/1300/a.csv",
    "shop/live/20260301/1300/_SUCCESS",
    "shop/live/20260301/1300/.hidden",
    "shop/live/20260301/1300/deeper/c.csv",
    "shop/live/20260301/1300",
    "shop/live/20260301/13000/d.csv",
)


@pytest.fixture
def bucket() -> Any:
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="data")
    for key in KEYS[:6] + KEYS[7:]:
        client.put_object(Bucket="data", Key=key, Body=CSV)
    return client


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("shop/live/20260301/1300/", ["1300/a.csv", "1300/b.csv"]),
        ("shop/live/20260301/1300", ["1300/a.csv", "1300/b.csv"]),
        ("shop/live/20260301/1300/a.csv", ["1300/a.csv"]),
        ("shop/live/20260301/1[23]00/a*.csv", ["1200/a.csv", "1300/a.csv"]),
        ("shop/live/20260301/1300*", []),
        ("shop/live/20260302/", []),
    ],
)
def test_a_bucket_is_searched_as_a_disk_is(bucket: Any, tmp_path: Path, path: str, found: list[str]) -> None:
    there = [f"shop/live/20260301/{file}" for file in found]
    assert Store("us-east-1").find(f"s3://data/{path}") == [f"s3://data/{file}" for file in there]
    for key in KEYS[:6] + KEYS[7:]:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(CSV)
    on_disk = Store("us-east-1").find(f"{tmp_path}/{path.rstrip('/')}")
    assert on_disk == [f"{tmp_path}/{file}" for file in there]


def test_the_files_of_an_interval_are_read_from_a_bucket(bucket: Any) -> None:
    what = parse(configuration("s3://data/shop/live/{date}/{time}/"))
    reader = make_reader(what.crawled["files"], what.detectors[0], Settings())
    assert len(list(reader.read(START, START + timedelta(hours=1)))) == 4
    reader.close()


def test_more_than_a_page_is_found(bucket: Any) -> None:
    for n in range(1_100):
        bucket.put_object(Bucket="data", Key=f"many/{n:04}.csv", Body=b"")
    assert len(Store("us-east-1").find("s3://data/many/")) == 1_100


def test_copies_are_gone_when_they_are_read(bucket: Any) -> None:
    with Store("us-east-1").local("s3://data/shop/live/20260301/1300/a.csv") as copy:
        assert (copy.name, copy.read_bytes()) == ("a.csv", CSV)
    assert not copy.parent.exists()


def test_a_bucket_that_is_not_there_is_said_to_be_so(bucket: Any) -> None:
    with pytest.raises(Unavailable, match=r"s3://none/a\.csv: S3 says NoSuchBucket"):
        Store("us-east-1").find("s3://none/a.csv")
    what = parse(configuration("s3://none/{date}/{time}/"))
    reader = make_reader(what.crawled["files"], what.detectors[0], Settings())
    with pytest.raises(Unavailable, match="NoSuchBucket"):
        list(reader.read(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)))
