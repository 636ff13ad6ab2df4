"""Shared by the three commands: exit codes, option types, standard input, whole files."""
