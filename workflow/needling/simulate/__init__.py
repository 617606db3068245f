"""Made-up studies with known truth, as clean tables or as an export with injected dirt."""
