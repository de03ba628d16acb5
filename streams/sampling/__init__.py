"""What runs in a database at this moment, once a second → events, from which its load is measured.

`statements` makes one statement of those that differ in numbers and texts alone, `postgresql` and `mysql` ask
a server who is active and what each waits for, `sampler` keeps one connection and asks, `run` publishes.
"""
