"""The version, and the one place that states it."""

__version__ = "0.9.0"
