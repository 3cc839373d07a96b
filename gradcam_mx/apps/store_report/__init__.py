"""A report of a whole store, without computing the network again."""
