"""Check files: settings, baselines, findings."""
