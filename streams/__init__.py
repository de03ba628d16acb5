"""The shell of Lookalive: moves bytes and state between Kafka and the core, and decides nothing."""
