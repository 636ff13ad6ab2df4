"""The commands, from input files to output files."""
