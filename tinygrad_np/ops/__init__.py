"""Every op: forward, rule, notation and samples in one block each. `binding` makes them reachable."""
