"""What tests of the worker share. Kafka clients are imported late, when their warnings are allowed."""

from collections.abc import Callable
from typing import Any

import pytest

from streams.settings import Settings


@pytest.fixture
def flow(settings: Settings, read_all: Callable[..., list[Any]]) -> Any:
    """Traffic for a topic of the test's own, with a known outcome: a `tests.streams.truth.Flow`."""
    from tests.streams.truth import Flow

    return Flow(settings, read_all)
