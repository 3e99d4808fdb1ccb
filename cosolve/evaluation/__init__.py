"""Suites of instances, runs of solvers over them, and what the records of those runs say."""
