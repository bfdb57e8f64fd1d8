"""How alike two layers see the same samples: paired distances, of clouds or of their distance matrices."""
