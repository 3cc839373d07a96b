"""What was found of a whole data set: rows in files, a shard each, and a way to look at them."""

from .store import Store

__all__ = ["Store"]
