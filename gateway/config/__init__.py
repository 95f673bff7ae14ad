"""gateway.yaml and origins.yaml as proved values, or every fault in them with its line and its remedy."""
