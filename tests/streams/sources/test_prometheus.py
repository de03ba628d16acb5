"""Prometheus: a real one with a history that was put there is read as a detector would.

What no Prometheus of this version says, and what a broken one does, is said by a server of the test's own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from detectors.config import ConfigError
from detectors.loading import parse
from streams.broker import free_port
from streams.errors import SettingsError
from streams.sources import Unavailable, http
from tests.streams.sources.answers import Request, at, events_of, reader_of, serving, shown

prometheus = pytest.mark.prometheus
PASSWORD = "s3cret-of-the-test"
#: The password as bcrypt has it, of the least cost.
HASHED = "$2b$04$B6DVPo2j2fdvcSHU2TWIyOgCRGoVNWeNm0TJUPixj.UjfA2U24SKO"
HOSTILE = ['a"b\\c', "'; DROP TABLE x --", '{"timestamp": 0}', "line\nline", "</script> ✓ é"]

TEXT = """
[sources.metrics]
type = "prometheus"
url = "{url}"
queries = {{ {queries} }}
{more}

[[detectors]]
name = "any"
source = "metrics"
interval = "{interval}"
dimensions = {dimensions}
measures = [{{ name = "events", aggregation = "count" }}, {measures}]
"""


def text(
    url: str, *, dimensions: str = '["shop"]', interval: str = "PT5M", more: str = "", **queries: str
) -> str:
    """A configuration that reads the queries."""
    return TEXT.format(
        url=url,
        queries=", ".join(f"{name} = {json.dumps(query)}" for name, query in queries.items()),
        measures=", ".join(f'{{ name = "{n}", aggregation = "sum", field = "{n}" }}' for n in queries),
        dimensions=dimensions,
        interval=interval,
        more=more,
    )


def history() -> Iterator[str]:
    """Metrics of 2 March as OpenMetrics has them, a sample a minute, half a minute after it began."""
    noon = int(at("03-02 12:00").timestamp()) + 30
    yield "# TYPE minutes gauge\n"
    for minute in range(60):
        yield f'minutes{{shop="DE"}} {minute} {noon + 60 * minute}\n'
    yield "# TYPE stock gauge\n"
    for minute in range(60):
        if not 10 <= minute < 40:
            yield f'stock{{shop="DE",till="1"}} 10 {noon + 60 * minute}\n'
        if minute >= 50:
            yield f'stock{{shop="US",till="1"}} 7 {noon + 60 * minute}\n'
        yield f'stock{{till="1"}} 3 {noon + 60 * minute}\n'
    yield "# TYPE strange gauge\n"
    for number, value in enumerate(HOSTILE):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        yield f'strange{{shop="{escaped}"}} {number} {noon}\n'
    yield "# TYPE odd gauge\n"
    for shop, value in {"DE": "NaN", "US": "+Inf", "FR": "-Inf", "JP": "1"}.items():
        yield f'odd{{shop="{shop}"}} {value} {noon}\n'
    yield "# TYPE http_requests counter\n"
    for code, of in (("200", 60), ("500", 1)):
        for minute in range(60):
            yield (
                f'http_requests_total{{service="shop",code="{code}",instance="a"}} '
                f"{of * minute} {noon + 60 * minute}\n"
            )
    yield "# TYPE http_request_duration_seconds histogram\n"
    for le, of in (("0.1", 54), ("1.0", 60), ("+Inf", 60)):
        for minute in range(60):
            yield (
                f'http_request_duration_seconds_bucket{{service="shop",code="200",le="{le}"}} '
                f"{of * minute} {noon + 60 * minute}\n"
            )
    yield "# EOF\n"


class Server:
    """A Prometheus that scrapes nothing."""

    def __init__(self, folder: Path, *, web: dict[str, Any] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")
        self.port = free_port()
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        if web is not None:
            (folder / "web.yml").write_text(yaml.safe_dump(web), encoding="utf-8")
            command.append(f"--web.config.file={folder / 'web.yml'}")
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it is ready, which it says in its log."""
        until = time.monotonic() + 60
        while b"Server is ready to receive web requests" not in (log := self._log.read_bytes()):
            assert self._process.poll() is None, log.decode()
            assert time.monotonic() < until, log.decode()
            time.sleep(0.02)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus with a history."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on PATH")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "history").write_text("".join(history()), encoding="utf-8")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history", folder / "tsdb"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = Server(folder)
    try:
        server.wait()
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of an empty Prometheus behind TLS and a password, and the file of its authority."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on PATH")
    folder = tmp_path_factory.mktemp("locked")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    tls = {"cert_file": "cert.pem", "key_file": "key.pem"}
    server = Server(folder, web={"tls_server_config": tls, "basic_auth_users": {"reader": HASHED}})
    try:
        server.wait()
        yield f"https://127.0.0.1:{server.port}", folder / "ca.pem"
    finally:
        server.close()


@prometheus
def test_a_value_is_that_of_the_interval_that_ends_with_it(filled: str) -> None:
    # At 12:05 the last sample is that of 12:04:30.
    assert events_of(text(filled, minutes="minutes"), "03-02 12:00", "03-02 12:15") == [
        {"at": "03-02 12:00", "shop": "DE", "minutes": 4.0},
        {"at": "03-02 12:05", "shop": "DE", "minutes": 9.0},
        {"at": "03-02 12:10", "shop": "DE", "minutes": 14.0},
    ]


@prometheus
def test_the_example_reads_requests_and_latency_of_each_service_and_code(filled: str) -> None:
    example = shown("Prometheus").replace("https://prometheus.example:9090", filled)
    example = example.replace('username = "lookalive"\n', "")
    example = example.replace('password = "env:PROMETHEUS_PASSWORD"\n', "")
    assert events_of(example, "03-02 12:05", "03-02 12:10") == [
        {
            "at": "03-02 12:05", "service": "shop", "code": "200",
            "requests": pytest.approx(300.0), "latency": pytest.approx(0.55),
        },
        {"at": "03-02 12:05", "service": "shop", "code": "500", "requests": pytest.approx(5.0)},
    ]  # fmt: skip


@prometheus
def test_queries_with_the_same_labels_make_one_row(filled: str) -> None:
    config = text(filled, minutes="minutes", stock="sum by (shop) (stock)")
    events = [event for event in events_of(config, "03-02 12:45", "03-02 12:55") if "shop" in event]
    assert events == [
        {"at": "03-02 12:45", "shop": "DE", "minutes": 49.0, "stock": 10.0},
        {"at": "03-02 12:50", "shop": "DE", "minutes": 54.0, "stock": 10.0},
        {"at": "03-02 12:50", "shop": "US", "stock": 7.0},
    ]


@prometheus
def test_a_gap_is_a_value_that_is_not_there(filled: str) -> None:
    events = events_of(text(filled, stock="stock"), "03-02 12:00", "03-02 13:00")
    of = {shop: [event["at"][-2:] for event in events if event.get("shop") == shop] for shop in ("DE", "US")}
    # What is not five minutes old still counts for Prometheus.
    assert of == {"DE": ["00", "05", "40", "45", "50", "55"], "US": ["50", "55"]}


@prometheus
def test_a_series_without_a_label_has_no_value_for_it(filled: str) -> None:
    events = events_of(text(filled, stock="stock"), "03-02 12:20", "03-02 12:25")
    assert events == [{"at": "03-02 12:20", "stock": 3.0}]


@prometheus
def test_labels_that_a_detector_does_not_read_are_dropped(filled: str) -> None:
    (event, *_) = events_of(text(filled, dimensions="[]", minutes="minutes"), "03-02 12:00", "03-02 12:05")
    assert event == {"at": "03-02 12:00", "minutes": 4.0}


@prometheus
def test_conditions_can_look_at_labels_as_well(filled: str) -> None:
    config = text(filled, stock="stock").replace('name = "any"', 'name = "any"\nwhere = { till = "1" }')
    assert {event["till"] for event in events_of(config, "03-02 12:00", "03-02 12:05")} == {"1"}


@prometheus
def test_two_series_of_one_place_are_to_be_aggregated(filled: str) -> None:
    config = text(filled, dimensions='["till"]', stock="stock")
    said = (
        r"query 'stock' gives several series for till='1': aggregate over the labels that the detector "
        r"does not read, such as sum by \(till\) \(…\)"
    )
    with pytest.raises(Unavailable, match=said):
        events_of(config, "03-02 12:00", "03-02 12:05")
    summed = text(filled, dimensions='["till"]', stock="sum by (till) (stock)")
    assert events_of(summed, "03-02 12:00", "03-02 12:05") == [
        {"at": "03-02 12:00", "till": "1", "stock": 13.0}
    ]


@prometheus
def test_hostile_values_of_labels_stay_what_they_are(filled: str) -> None:
    events = events_of(text(filled, strange="strange"), "03-02 12:00", "03-02 12:05")
    assert {event["shop"]: event["strange"] for event in events} == {
        value: float(number) for number, value in enumerate(HOSTILE)
    }


@prometheus
def test_what_is_no_number_is_left_out(filled: str) -> None:
    events = events_of(text(filled, odd="odd"), "03-02 12:00", "03-02 12:05")
    assert events == [{"at": "03-02 12:00", "shop": "JP", "odd": 1.0}]


@prometheus
def test_more_points_than_prometheus_gives_at_once_are_asked_for_in_parts(filled: str) -> None:
    config, reader = reader_of(text(filled, dimensions="[]", interval="PT1S", now="vector(time())"))
    records = [json.loads(record) for record in reader.read(at("03-02 12:00"), at("03-02 18:30"))]
    noon = int(at("03-02 12:00").timestamp())
    assert records == [
        {"timestamp": 1000 * (noon + second), "now": noon + second + 1.0} for second in range(23_400)
    ]
    assert config.detectors[0].interval.total_seconds() == 1


@prometheus
def test_days_end_where_they_end_in_the_time_zone_of_the_detector(filled: str) -> None:
    config = text(filled, dimensions="[]", interval="P1D", now="vector(time())")
    config = config.replace('name = "any"', 'name = "any"\ntimezone = "Europe/Berlin"')
    events = events_of(config, "03-27 23:00", "03-30 22:00")
    assert [(event["at"], event["now"]) for event in events] == [
        ("03-27 23:00", at("03-28 23:00").timestamp()),
        ("03-28 23:00", at("03-29 22:00").timestamp()),
        ("03-29 22:00", at("03-30 22:00").timestamp()),
    ]


@prometheus
def test_what_prometheus_does_not_understand_is_told_in_its_own_words(filled: str) -> None:
    with pytest.raises(Unavailable, match=r"query 'bad': 400 bad_data: .*parse error"):
        events_of(text(filled, bad="sum by ("), "03-02 12:00", "03-02 12:05")
    with pytest.raises(Unavailable, match=r"query 'bad': 422 execution: .*many-to-many"):
        events_of(text(filled, bad="stock * on (till) stock"), "03-02 12:00", "03-02 12:05")


@prometheus
def test_a_password_opens_what_is_locked(
    locked: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, authority = locked
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("WHERE_IT_IS", f"{url}/")
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    more = f'username = "reader"\npassword = "file:{secret}"'
    config = text("env:WHERE_IT_IS", dimensions="[]", more=more, one="vector(1)")
    _, reader = reader_of(config)
    span = at("03-02 12:00"), at("03-02 12:05")
    assert len(list(reader.read(*span))) == 1
    # It is read again, and so is what it was wrong about.
    secret.write_text("wrong-password", encoding="utf-8")
    with pytest.raises(Unavailable, match="query 'one': 401 Unauthorized") as caught:
        reader.read(*span)
    assert "wrong-password" not in str(caught.value)
    secret.unlink()
    with pytest.raises(Unavailable, match="cannot read a secret"):
        reader.read(*span)


@prometheus
def test_without_its_authority_a_certificate_is_not_trusted(locked: tuple[str, Path]) -> None:
    url, _ = locked
    with pytest.raises(
        Unavailable, match="its certificate is not trusted: unable to get local issuer"
    ) as caught:
        events_of(text(url, dimensions="[]", one="vector(1)"), "03-02 12:00", "03-02 12:05")
    assert url not in str(caught.value)


def answer_of(*series: dict[str, Any]) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}).encode()


def dribble(request: Request, ended: threading.Event) -> None:
    """Always something, and never all."""
    request.answer(200, b"{", **{"Content-Length": "1000000"})
    while not ended.wait(0.02):
        request.write(b" ")


NOON = at("03-02 12:00").timestamp()
WRONG: dict[str, tuple[Callable[[Request, threading.Event], Any], str]] = {
    "fails": (
        lambda r, _: r.answer(500, b"<h1>it is \x1b[31mbroken</h1>"),
        r"500 <h1>it is \[31mbroken</h1>$",
    ),
    "rubbish": (lambda r, _: r.answer(200, b"<html>hello"), "no answer of Prometheus: <html>hello"),
    "bytes": (lambda r, _: r.answer(200, b"\xff\xfe"), "no answer of Prometheus"),
    "deep": (lambda r, _: r.answer(200, b"[" * 100_000), "no answer of Prometheus"),
    "nothing": (lambda r, _: r.answer(200, b""), "no answer of Prometheus"),
    "error": (
        lambda r, _: r.answer(200, b'{"status":"error","errorType":"timeout","error":"too slow"}'),
        "timeout: too slow",
    ),
    "instant": (
        lambda r, _: r.answer(200, answer_of().replace(b"matrix", b"vector")),
        "no answer of Prometheus",
    ),
    "words": (
        lambda r, _: r.answer(200, answer_of({"metric": {}, "values": [[NOON + 300, "many"]]})),
        "'many' is no number",
    ),
    "elsewhen": (
        lambda r, _: r.answer(200, answer_of({"metric": {}, "values": [[NOON + 299, "1"]]})),
        "times that it was not asked for",
    ),
    "histograms": (
        lambda r, _: r.answer(200, answer_of({"metric": {}, "histograms": [[NOON + 300, {"count": "1"}]]})),
        "query 'one' gives histograms: ask for numbers",
    ),
    "cut": (lambda r, _: r.answer(200, b'{"status":', **{"Content-Length": "20"}), "no answer"),
    "elsewhere": (lambda r, _: r.answer(302, b"over there", Location="/other"), "302 over there"),
    "hangs": (lambda _, ended: ended.wait(60), "no answer within the timeout"),
    "dribbles": (dribble, "no answer within the timeout"),
}


@pytest.mark.parametrize(("answer", "said"), WRONG.values(), ids=WRONG)
def test_a_server_that_gives_no_answer_is_unavailable(answer: Any, said: str) -> None:
    with serving(answer) as (url, received):
        # Only those that are not heard of again are waited for.
        wait = "PT0.2S" if "timeout$" in f"{said}$" else "PT30S"
        config = text(url, dimensions="[]", more=f'timeout = "{wait}"', one="vector(1)")
        with pytest.raises(Unavailable, match=said) as caught:
            events_of(config, "03-02 12:00", "03-02 12:05")
    assert {request.path for request in received} <= {"/api/v1/query_range"}
    assert "127.0.0.1" not in str(caught.value)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    config = text("http://127.0.0.1:1", dimensions="[]", one="vector(1)")
    with pytest.raises(Unavailable, match="query 'one': no answer: Connection refused") as caught:
        events_of(config, "03-02 12:00", "03-02 12:05")
    assert "127.0.0.1" not in str(caught.value)


def test_what_an_answer_repeats_of_a_request_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def repeat(request: Request, _: threading.Event) -> None:
        said = f"{request.path} {request.headers['Authorization']} {PASSWORD}"
        request.answer(403, said.encode())

    monkeypatch.setenv("PASSWORD", PASSWORD)
    with serving(repeat) as (url, received):
        monkeypatch.setenv("ADDRESS", f"{url}/t0ken")
        more = 'username = "reader"\npassword = "env:PASSWORD"'
        config = text("env:ADDRESS", dimensions="[]", more=more, one="vector(1)")
        with pytest.raises(Unavailable, match=r"403 … Basic … …$"):
            events_of(config, "03-02 12:00", "03-02 12:05")
    assert received[0].path == "/t0ken/api/v1/query_range"


def test_an_answer_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    config = text("{url}", dimensions="[]", one="vector(1)")
    with (
        serving(lambda request, _: request.answer(200, b" " * 2000)) as (url, _),
        pytest.raises(Unavailable, match="over 1,000 bytes: ask for fewer series, or a smaller chunk"),
    ):
        events_of(config.replace("{url}", url), "03-02 12:00", "03-02 12:05")


def test_a_query_is_asked_for_the_ends_of_intervals() -> None:
    with serving(lambda request, _: request.answer(200, answer_of())) as (url, received):
        assert events_of(text(url, one="up{a='&='}"), "03-02 12:00", "03-02 13:00") == []
    asked = dict(part.split("=", 1) for part in received[0].body.decode().split("&"))
    assert float(asked["start"]) == NOON + 300
    assert float(asked["end"]) == NOON + 3600
    assert float(asked["step"]) == 300
    assert float(asked["timeout"]) == 60
    assert asked["query"] == "up%7Ba%3D%27%26%3D%27%7D"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("env:NOT_THERE", "the variable NOT_THERE of the environment is not set"),
        ("http://user:hidden@prometheus:9090", "holds a user: give username and password by themselves"),
        ("http://[bad", "is no address"),
        ("http://host:port", "is no address"),
        ("http://", "no address"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url: str, said: str) -> None:
    if url == "http://":
        with pytest.raises(ConfigError):
            reader_of(text(url, one="vector(1)"))
        return
    with pytest.raises(SettingsError, match=said) as caught:
        reader_of(text(url, one="vector(1)"))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('username = "reader"', "source 'metrics': username and password go together"),
        ('password = "env:PASSWORD"', "source 'metrics': username and password go together"),
        ('timeout = "PT0S"', "source 'metrics': timeout must be above zero"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text("http://prometheus:9090", more=more, one="vector(1)"))


def test_a_field_that_is_no_query_is_refused() -> None:
    config = text("http://prometheus:9090", one="vector(1)").replace('field = "one"', 'field = "two"')
    with pytest.raises(ConfigError, match="measure 'one': source 'metrics' gives no field 'two'; known: one"):
        parse(config)
