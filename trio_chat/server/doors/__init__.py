"""How one gets in: one small file a door."""
