"""Networks that carry their explanation: a net's own symbol with one more output, a heat map."""
