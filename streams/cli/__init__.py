"""The `lookalive` command: one subcommand a file."""
