"""How is a net run, forward and backward? Inputs, rules, tapes, recordings, chunks."""
