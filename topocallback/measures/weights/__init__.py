"""Numbers that describe a layer's own weights, whatever the samples are."""
