"""What an operator can put right: one sentence that says what, where, and what to do.

    OperatorError          the command line prints the sentence and exits with 2
    ├── SettingsError      a LOOKALIVE_* variable
    ├── BrokerError        the program's own Kafka: Java, jars, port, directory
    ├── TopicError         a cluster that does not answer, a topic that is not there
    ├── BackupError        a copy of the state: its file, or where it is to be put back
    ├── GroupError         an anomaly group, or one of its series, that is not there
    ├── HistoryError       files of the past that cannot be read, or come too late
    └── LookoutError       something of Lookout for Metrics that cannot be read or taken over

Beside them stands `detectors.config.ConfigError`. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations


class OperatorError(Exception):
    """Something outside the program stands in the way; the message says what to do."""


class SettingsError(OperatorError):
    """The environment cannot be used; the message names the variable and what to do."""


class BrokerError(OperatorError):
    """The program's own broker cannot run; the message says why and which ways out there are."""


class TopicError(OperatorError):
    """A topic cannot be read, listed or created; the message says why."""


class BackupError(OperatorError):
    """A copy of the state cannot be read or put back; the message says why."""


class GroupError(OperatorError):
    """An anomaly group or a series of one is not there, or cannot be read; the message says why."""


class HistoryError(OperatorError):
    """Files of the past cannot be read, or not become the history of a detector; the message says why."""


class LookoutError(OperatorError):
    """Something of Lookout for Metrics cannot be read or taken over; the message says what."""
