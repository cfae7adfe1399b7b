"""Where messages go: one file each, one protocol (`base.Sink`)."""
