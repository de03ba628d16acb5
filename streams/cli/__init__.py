"""The `lookalive` command: one subcommand a file, loaded when it is called.

Exit status: 0 done, 1 found problems, 2 cannot do that, with one sentence that says why.
"""

from __future__ import annotations

import gzip
import importlib
import os
from pathlib import Path

import click

from detectors.config import ConfigError
from streams.errors import OperatorError
from streams.settings import Settings, from_environment

#: Subcommand → what it does. Each is `command` in the module of its name, with `_` for `-`; only the one
#: that is called is imported, so that none waits for libraries that another needs.
COMMANDS = {
    "demo": "Run everything on this machine, on synthetic traffic with incidents in it.",
    "localise": "Say where a change is, in a CSV file of leaves, without Kafka or a configuration.",
    "score": "Score a CSV file of one series, without Kafka or a configuration.",
    "infer": "Propose a configuration for the records of a file or a topic.",
    "import-l4m": "Make a configuration of what Amazon Lookout for Metrics was told.",
    "check": "Say what a configuration watches, or what is wrong with it.",
    "backtest": "Run a configuration over files of past events, without Kafka.",
    "series": "Show what a model believes about a series.",
    "broker": "Run an Apache Kafka of one node on this machine.",
    "topics": "List the topics of a configuration, or create them.",
    "worker": "Detect: read events, score, group, alert.",
    "backfill": "Let detectors learn from files or a topic of the past before their source is live.",
    "crawl": "Read databases, files and monitoring systems for the workers to score.",
    "notify": "Deliver alerts to where people look.",
    "state": "Save what models have learnt, and go back to it.",
    "groups": "List anomaly groups, or show one.",
    "feedback": "Say of an anomaly group what it is: expected, the new normal, or more of it was missed.",
    "snooze": "Tell nothing new of something for a time.",
    "tail": "Print what is on an internal topic as JSON lines.",
}


class Commands(click.Group):
    """The subcommands by name, without importing them for the list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which one needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is called."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"streams.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them with what they do."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run, and say in one sentence what an operator can put right."""
        try:
            return super().invoke(ctx)
        except (OperatorError, ConfigError) as error:
            raise _refusal(str(error)) from error
        except gzip.BadGzipFile as error:
            raise _refusal(f"a file ending in .gz is not gzip: {error}") from error
        except OSError as error:
            # A file that cannot be read or written is the operator's; what else the system says is a bug.
            if error.filename is None:
                raise
            raise _refusal(f"{error.filename}: {error.strerror}") from error


def _refusal(sentence: str) -> click.ClickException:
    refusal = click.ClickException(sentence)
    refusal.exit_code = 2
    return refusal


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lookalive")
def main() -> None:
    """Find anomalies in the measures of event streams, and say where and why.

    What to detect is a TOML file (-c lookalive.toml); where to run is LOOKALIVE_* variables.
    """


#: `-c FILE` of the commands that read a configuration.
configuration_option = click.option(
    "-c",
    "--config",
    "configuration",
    type=click.Path(path_type=Path),
    default=Path("lookalive.toml"),
    show_default=True,
    help="What to detect.",
)


def settings() -> Settings:
    """Where to run, from the environment."""
    return from_environment(os.environ)
