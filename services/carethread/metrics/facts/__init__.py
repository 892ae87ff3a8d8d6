"""Facts: what views make of each resource, kept with its version, published as files, rebuilt at any time."""
