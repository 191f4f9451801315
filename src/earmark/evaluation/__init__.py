"""Measuring the engine: degraded queries, evaluation runs and their figures."""
