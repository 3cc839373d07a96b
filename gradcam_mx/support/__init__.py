"""What has nothing to do with networks: whole files, optional packages, random states, arrays."""
