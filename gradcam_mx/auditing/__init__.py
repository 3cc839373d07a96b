"""Whether a port, or another variant of a net, is the same network: outputs, layers, looks."""
