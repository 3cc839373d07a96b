"""What comes out: explanations, regions, and the archive that they are saved in."""
