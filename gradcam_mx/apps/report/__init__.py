"""A report of what a network looked at in many photos, to be handed over; and what verifies it."""
