"""What is this net? Operators, from a net or its files to a graph, its layers and outputs."""
