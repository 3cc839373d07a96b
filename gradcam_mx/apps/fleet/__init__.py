"""A data set by one machine or many: shards, those who work on them, what becomes of them."""
