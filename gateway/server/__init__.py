"""What holds the gateway up: listeners, processes that belong to it, the embedded Redis."""
