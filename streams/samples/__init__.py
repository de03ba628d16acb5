"""Synthetic traffic for the demo, the tests and the benchmarks: none of it was ever anybody's."""
