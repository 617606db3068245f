"""From clean tables to the analysis frame and the participant flow."""
