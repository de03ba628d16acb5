"""Clients of AWS, by boto3 (`pip install 'lookalive[aws]'`).

Credentials come from where boto3 looks: the environment, a profile, a role. `AWS_ENDPOINT_URL` leads
elsewhere.
"""

from __future__ import annotations

from typing import Any

from streams.errors import SettingsError

#: For a connection, and for each answer.
TIMEOUT_SECONDS = 30.0


def client(service: str, region: str, attempts: int = 1) -> Any:
    """A client of a service in a region; what is throttled or fails is asked so many times in all.

    Raises:
        SettingsError: boto3 is not there, or is set up in a way that cannot be.
    """
    try:
        import boto3  # noqa: PLC0415  (an extra: who has nothing in AWS needs none of it)
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ImportError as error:
        message = "what is in AWS needs boto3: pip install 'lookalive[aws]'"
        raise SettingsError(message) from error
    how = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
    )
    try:
        return boto3.client(service, region_name=region, config=how)
    except (BotoCoreError, ValueError) as error:
        # A profile that is not there, an endpoint that is no address.
        message = f"boto3 cannot be used: {error}"
        raise SettingsError(message) from None
