"""How fast the gateway forwards: an honest load on this machine, bounded in count and time."""
