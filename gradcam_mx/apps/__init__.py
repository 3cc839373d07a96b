"""How do people use it? The command line, many photos, the tutorial's functions."""
