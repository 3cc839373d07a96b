"""A data set by one machine or many: its shards, those who work on them, and what becomes of them."""
