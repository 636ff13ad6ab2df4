"""Checking files: settings, baselines, findings."""
